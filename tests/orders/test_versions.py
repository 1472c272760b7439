"""Which of two versions of an order is the newer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from pos_api.orders.model import Order, OrderUpdate
from pos_api.orders.versions import is_older
from tests.orders.plain import NOON, at, decided, merged, update


def _version(modified: int | None, sequence: int = 0, received: int = 0, **more: Any) -> OrderUpdate:
    modified_at = None if modified is None else at(modified)
    return update(modified_at=modified_at, sequence=sequence, received_at=at(3600 + received), **more)


def _stored(modified: int | None, sequence: int = 0, received: int = 0) -> Order:
    stored: dict[str, Any] = {"received_at": at(3600 + received), "rev": 3}
    if modified is not None:
        stored["modified_at"] = at(modified)
    if sequence:
        stored["sequence"] = sequence
    return cast("Order", stored)


@pytest.mark.parametrize(
    ("version", "stored", "older"),
    [
        (_version(1), _stored(2), True),
        (_version(2), _stored(1), False),
        (_version(1, 5), _stored(2, 4), False),  # the shop's clock went back
        (_version(3, 4), _stored(2, 5), True),
        (_version(2), _stored(2, 5), True),  # the plugin's is the newer of two equal ones
        (_version(2, 5), _stored(2), False),
        (_version(1, 9), _stored(2), True),
        (_version(2, received=1), _stored(2, received=0), False),  # one second, two states: order of arrival
        (_version(2, received=0), _stored(2, received=1), True),
        (_version(None, received=1), _stored(2, received=0), False),
        (_version(None, received=0), _stored(2, received=1), True),
        (_version(2, received=1), _stored(None, received=0), False),
        (_version(2), cast("Order", {}), False),
        (_version(1, replaces=3), _stored(2, 9), False),  # it was read after what is stored
    ],
)
def test_which_of_two_versions_is_older(version: OrderUpdate, stored: Order, older: bool) -> None:
    assert is_older(version, stored) is older


@pytest.mark.parametrize(("later", "older"), [(timedelta(days=1), True), (timedelta(days=1, seconds=1), False)])
def test_a_false_sequence_outranks_later_changes_for_a_day(later: timedelta, older: bool) -> None:
    assert is_older(update(sequence=5, modified_at=NOON + later), _stored(0, 2**40)) is older


def test_a_sequence_belongs_to_its_version() -> None:
    """A newer version without one forgets it, and what comes late with one is judged by its time."""
    order = merged(update(0, sequence=5), update(2))
    assert "sequence" not in order
    assert decided(order, update(1, sequence=6)).outcome == "stale"
    assert decided(order, update(3, sequence=7)).outcome == "updated"
