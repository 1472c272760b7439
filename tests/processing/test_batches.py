"""What is applied together, in which order, and what the outcome of several commands is: plain values, no database."""

from __future__ import annotations

import pytest

from pos_api.common.time import now
from pos_api.common.warning_messages import warn
from pos_api.inbox.model import InboxEntry, Outcome
from pos_api.processing.applying import combined
from pos_api.processing.batches import in_rounds
from pos_api.processing.work import Work, retried
from tests.factories import order_update


def work(name: str, *orders: int) -> Work:
    """A delivery with an update of each of these orders."""
    entry = InboxEntry("till-1", "till", "sale", name, name.encode(), {}, now(), key=name)
    return Work(entry, tuple(order_update(number, {}) for number in orders))


def rounds(*works: Work) -> list[list[str]]:
    return [[each.entry.key for each in batch] for batch in in_rounds(list(works))]


def test_a_batch_holds_each_order_once_in_the_order_of_arrival() -> None:
    assert rounds(work("a", 1), work("b", 2), work("c", 1), work("d"), work("e", 1)) == [["a", "b", "d"], ["c"], ["e"]]


def test_a_delivery_about_two_orders_is_not_overtaken_in_either() -> None:
    assert rounds(work("a", 1), work("b", 1, 2), work("c", 2), work("d", 3)) == [["a", "d"], ["b"], ["c"]]


def test_what_is_begun_again_says_so_to_all_its_orders() -> None:
    assert [each.retried for each in retried(work("a", 1, 2)).orders()] == [True, True]


@pytest.mark.parametrize(
    ("of_commands", "together"),
    [
        (["created"], "created"),
        (["updated", "created"], "created"),
        (["unchanged", "stale"], "stale"),
        (["ignored", "unchanged"], "unchanged"),
        (["created", "parked"], "parked"),
    ],
)
def test_the_outcome_of_several_commands(of_commands: list[str], together: str) -> None:
    assert combined([Outcome(each) for each in of_commands]).outcome == together


def test_several_commands_keep_all_warnings_and_no_body_of_an_erased_person() -> None:
    first = Outcome("created", (warn("unknown_sku", sku="A"),))
    second = Outcome("stale", (warn("unknown_sku", sku="B"),), erased=True)
    both = combined([first, second])
    assert (both.outcome, len(both.warnings), both.erased) == ("created", 2, True)
