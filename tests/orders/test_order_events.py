"""Which events a change of an order is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from bson import Decimal128

from pos_api import metrics
from pos_api.customers.model import Erasure
from pos_api.database.client import Document
from pos_api.events import StockChanged
from pos_api.orders.model import Order, OrderUpdate
from pos_api.orders.order_events import events_by_order, order_events
from pos_api.processing import listeners
from tests.orders.plain import NOON, decided, merged, update

PAID = update(fields={"status": "processing"})
DELETED = update(5, kind="deleted")


def ids(before: Order | None, now: OrderUpdate) -> list[tuple[str, str]]:
    return [(each.type, each.id) for each in order_events(decided(before, now))]


def test_a_new_order_is_an_event_and_so_is_the_final_status_it_comes_with() -> None:
    assert ids(None, PAID) == [("order.created", "order:default:1:1")]
    assert ids(None, update(fields={"status": "completed"})) == [
        ("order.created", "order:default:1:1"),
        ("order.completed", "order:default:1:1:completed"),
    ]


@pytest.mark.parametrize("status", ["completed", "cancelled", "refunded"])
def test_a_final_status_is_an_event_of_its_own_when_the_order_comes_into_it(status: str) -> None:
    before = merged(PAID)
    done = update(1, fields={"status": status})
    assert ids(before, done) == [(f"order.{status}", f"order:default:1:2:{status}")], "no update besides"
    assert ids(decided(before, done).after, update(2, fields={"status": status, "number": "7"})) == [
        ("order.updated", "order:default:1:3")
    ]


def test_a_deletion_and_a_restore_are_events_in_place_of_an_update() -> None:
    deleted = decided(merged(PAID), DELETED).after
    assert ids(merged(PAID), DELETED) == [("order.deleted", "order:default:1:2")]
    assert ids(deleted, update(6, kind="restored")) == [("order.restored", "order:default:1:3")]


def test_what_changes_nothing_is_no_event() -> None:
    before = merged(PAID)
    assert ids(before, PAID) == []
    assert ids(before, update(-1, fields={"status": "completed"})) == [], "stale"
    assert ids(before, update(9, modified_at=None)) == [], "only its arrival is noted"


@pytest.mark.parametrize(
    ("fields", "types"),
    [
        ({"refunds": [{"amount": Decimal128("2.00")}]}, ["order.refunded"]),
        ({"refunds": []}, ["order.updated"]),
        ({"refunds": [{"amount": Decimal128("1.00")}], "number": "7"}, ["order.updated"]),
        ({"refunds": [{"amount": Decimal128("0.50")}, {"amount": Decimal128("0.60")}]}, ["order.refunded"]),
        ({"refunds": [{"amount": Decimal128("5.00")}], "status": "completed"}, ["order.completed", "order.refunded"]),
        ({"refunds": [{"amount": Decimal128("5.00")}], "status": "refunded"}, ["order.refunded"]),
    ],
)
def test_more_refunded_than_before_is_a_refund_and_less_is_an_update(fields: Document, types: list[str]) -> None:
    before = merged(update(fields={"status": "processing", "refunds": [{"amount": Decimal128("1.00")}]}))
    assert [type for type, _ in ids(before, update(1, fields=fields))] == types


def test_what_came_before_a_deletion_or_after_a_restore_is_in_that_order() -> None:
    ended = {"status": "cancelled"}
    assert [type for type, _ in ids(None, replace(DELETED, status=update(fields=ended).status))] == [
        "order.cancelled",
        "order.deleted",
    ]
    deleted = decided(merged(PAID), DELETED).after
    assert [type for type, _ in ids(deleted, update(6, kind="restored", fields=ended))] == [
        "order.restored",
        "order.cancelled",
    ]


def test_an_older_version_that_erases_an_order_is_an_update() -> None:
    before = decided(None, PAID).after
    erasing = replace(update(-1, anonymized=True), erased=Erasure(NOON, None))
    assert ids(before, erasing) == [("order.updated", "order:default:1:2")]


def test_what_moves_for_a_parent_is_an_event_of_its_sub_order() -> None:
    child = decided(None, update(fields={"parent_id": 7}))
    moved = StockChanged("A", 3, 9, 10, "return", "cause", NOON, order="default:7", store="default")
    assert events_by_order([child], [moved])["default:1"][-1] is moved


def test_metrics_count_events_by_their_type() -> None:
    def counted() -> float:
        [value] = re.findall(
            r'^pos_changes_total{type="stock.changed"} (.*)$', metrics.page(None, {}, {}, {}).decode(), re.M
        )
        return float(value)

    moved = StockChanged("A", 3, 9, 10, "return", "cause", NOON)
    listeners.notify([moved])
    before = counted()
    listeners.notify([moved, *order_events(decided(None, PAID))])
    assert counted() == before + 1
