"""Which events a change of an order is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pos_api import metrics
from pos_api.customers.model import Erasure
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
    assert ids(before, done) == [
        ("order.updated", "order:default:1:2"),
        (f"order.{status}", f"order:default:1:2:{status}"),
    ]
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
    "now", [PAID, update(1, fields={"status": "completed"}), DELETED, update(1, fields={"number": "7"})]
)
def test_an_update_that_a_crash_made_run_again_has_the_same_events(now: OrderUpdate) -> None:
    before = None if now is PAID else decided(None, PAID).after
    saved = decided(before, now).after
    assert ids(saved, replace(now, retried=True)) == ids(before, now)
    assert ids(saved, replace(now, retried=True, cause="another entry")) == []


def test_a_crash_loses_no_change_of_status_though_the_order_has_changed_since() -> None:
    done = update(1, fields={"status": "completed"})
    completed = decided(decided(None, PAID).after, done).after
    renumbered = decided(completed, update(2, fields={"number": "7"})).after
    assert ids(renumbered, replace(PAID, retried=True)) == ids(None, PAID)
    assert ids(renumbered, replace(done, retried=True)) == [
        ("order.updated", "order:default:1:2"),
        ("order.completed", "order:default:1:2:completed"),
    ]


def test_a_retry_has_no_event_of_what_somebody_else_saved_nor_of_an_arrival() -> None:
    renumbered = decided(decided(None, PAID).after, update(2, fields={"number": "7"}))
    untimed = update(9, modified_at=None)
    noted = decided(renumbered.after, untimed).after
    assert noted["rev"] == 3
    assert ids(noted, replace(untimed, retried=True)) == []
    assert ids(noted, replace(renumbered.update, retried=True)) == []


def test_an_older_version_that_erases_an_order_is_the_same_event_after_a_crash() -> None:
    before = decided(None, PAID).after
    erasing = replace(update(-1, anonymized=True), erased=Erasure(NOON, None))
    saved = decided(before, erasing).after
    assert ids(before, erasing) == [("order.updated", "order:default:1:2")]
    assert ids(saved, replace(erasing, retried=True)) == ids(before, erasing)


def test_what_moves_for_a_parent_is_an_event_of_its_sub_order() -> None:
    child = decided(None, update(fields={"parent_id": 7}))
    moved = StockChanged("A", 3, 9, 10, "return", "cause", NOON, order="default:7", store="default")
    assert events_by_order([child], [moved])["default:1"][-1] is moved


def test_metrics_count_events_by_their_type() -> None:
    def counted() -> float:
        [value] = re.findall(r'^pos_changes_total{type="stock.changed"} (.*)$', metrics.page(None, {}).decode(), re.M)
        return float(value)

    moved = StockChanged("A", 3, 9, 10, "return", "cause", NOON)
    listeners.notify([moved])
    before = counted()
    listeners.notify([moved, *order_events(decided(None, PAID))])
    assert counted() == before + 1
