"""Events come into the outbox once, with a delivery for each subscription that wants them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from pos_api.database.client import Db
from pos_api.outbox.interest import interest_of, wants
from pos_api.outbox.model import OutboxEvent, matches
from pos_api.outbox.publish import clear_marks, publish

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


def _event(number: int, type: str = "order.updated", store: str = "default") -> OutboxEvent:
    return OutboxEvent(f"order:{store}:1:{number}", type, AT, store, f"order:{store}:1", number, b"{}", b"{}")


def _subscribe(db: Db, name: str, events: Iterable[str], stores: Iterable[str] = ()) -> None:
    db.webhook_subscriptions.insert_one({"_id": name, "events": [*events], "stores": [*stores]})
    interest_of(db).refresh()


@pytest.mark.parametrize(
    ("pattern", "type", "is_meant"),
    [
        ("*", "stock.low", True),
        ("order.*", "order.created", True),
        ("order.created", "order.created", True),
        ("order.created", "order.updated", False),
        ("order.*", "stock.changed", False),
    ],
)
def test_a_pattern_means_a_type_all_of_a_noun_or_all(pattern: str, type: str, is_meant: bool) -> None:
    assert matches(pattern, type) is is_meant


def test_nothing_is_written_that_nobody_wants(db: Db) -> None:
    _subscribe(db, "sub_a", ["stock.*"])
    publish(db, [_event(1)])
    assert not wants(db, "order")
    assert wants(db, "order", "stock")
    assert db.outbox.count_documents({}) == db.webhook_deliveries.count_documents({}) == 0


def test_each_subscription_that_wants_an_event_has_a_delivery_of_it(db: Db) -> None:
    _subscribe(db, "sub_all", ["*"])
    _subscribe(db, "sub_created", ["order.created"])
    _subscribe(db, "sub_other_store", ["order.*"], ["till-1"])
    publish(db, [_event(1, "order.created"), _event(2), _event(1, store="till-1")])
    wanted = {(each["subscription"], each["event"]) for each in db.webhook_deliveries.find()}
    assert wanted == {
        ("sub_all", "order:default:1:1"),
        ("sub_all", "order:default:1:2"),
        ("sub_all", "order:till-1:1:1"),
        ("sub_created", "order:default:1:1"),
        ("sub_other_store", "order:till-1:1:1"),
    }


def test_an_event_that_is_published_again_stays_as_it_was_and_gets_the_deliveries_that_are_missing(db: Db) -> None:
    _subscribe(db, "sub_a", ["*"])
    publish(db, [_event(1)])
    db.webhook_deliveries.update_one({}, {"$set": {"state": "succeeded"}})
    publish(db, [_event(1), _event(2)])
    assert db.outbox.count_documents({}) == 2
    states = {each["event"]: each["state"] for each in db.webhook_deliveries.find()}
    assert states == {"order:default:1:1": "succeeded", "order:default:1:2": "waiting"}
    db.webhook_deliveries.delete_many({})
    publish(db, [_event(1)])
    assert db.webhook_deliveries.count_documents({"event": "order:default:1:1"}) == 1


def test_only_the_marks_of_what_was_published_are_cleared(db: Db) -> None:
    marks = [{"id": each, "type": "order.updated", "at": AT} for each in ("a", "b", "c")]
    db.orders.insert_one({"_id": "default:1", "unpublished": marks})
    clear_marks(db, "orders", {"default:1": ["a", "b"]})
    assert [each["id"] for each in db.orders.find_one({"_id": "default:1"})["unpublished"]] == ["c"]  # type: ignore[index]
