"""What a comparison decides from what it has read: plain values, no database and no shop."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from pos_api.errors import Invalid
from pos_api.orders.model import Order
from pos_api.senders.comparisons import StoredComparison
from pos_api.senders.woocommerce.reconcile import order_discrepancies, product_discrepancies, stock, webhooks
from pos_api.senders.woocommerce.reconcile.model import OrderDiscrepancy
from pos_api.senders.woocommerce.reconcile.order_discrepancies import ComparedOrder
from pos_api.senders.woocommerce.reconcile.report import Report, is_open, left_open, storable, too_many_gone
from pos_api.senders.woocommerce.reconcile.run import begin_before_gap
from pos_api.senders.woocommerce.reconcile.scheduled import options_now
from tests.factories import order_update

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


# --- what is compared when --------------------------------------------------------------------------------------------


def test_everything_of_a_month_is_compared_at_first_and_once_a_day() -> None:
    first = options_now({}, NOON)
    assert (first.since, first.every_product, first.repair) == (NOON - 30 * DAY, True, True)
    a_day_ago = StoredComparison(swept_at=NOON - DAY, reconciled_until=NOON - HOUR)
    assert options_now(a_day_ago, NOON).since == NOON - HOUR - 30 * DAY
    assert options_now(a_day_ago, NOON).every_product


def test_between_those_what_changed_since_the_last_time_is_compared_with_ten_minutes_overlap() -> None:
    state = StoredComparison(swept_at=NOON - 5 * HOUR, reconciled_until=NOON - HOUR)
    options = options_now(state, NOON)
    assert (options.since, options.every_product) == (NOON - HOUR - timedelta(minutes=10), False)


def test_what_is_open_for_longer_than_the_last_sweep_is_not_read_anew_each_time() -> None:
    state = StoredComparison(swept_at=NOON - 5 * HOUR, reconciled_until=NOON - 9 * DAY)
    assert options_now(state, NOON).since == NOON - 5 * HOUR - timedelta(minutes=10)


LISTED: dict[str, Any] = {
    "id": 7,
    "status": "completed",
    "date_modified_gmt": "2026-11-22T12:00:00",
    "refunds": [{"id": 2, "total": "-1.00"}, {"id": 1, "total": "-2.00"}],
}
STORED: dict[str, Any] = {
    "status": "completed",
    "modified_at": NOON,
    "refunds": [{"id": 2, "line_items": []}, {"id": 1, "line_items": []}],
}


@pytest.mark.parametrize(
    ("stored", "listed", "same"),
    [
        ({}, {}, True),
        ({"refunds": []}, {"refunds": []}, True),
        ({}, {"status": "refunded"}, False),
        ({}, {"date_modified_gmt": "2026-11-22T12:00:01"}, False),
        ({}, {"date_modified_gmt": None}, False),
        ({"modified_at": None}, {"date_modified_gmt": None}, False),
        ({}, {"date_modified_gmt": "yesterday"}, False),
        ({}, {"refunds": [{"id": 2}]}, False),
        ({"refunds": []}, {}, False),
        ({"refunds": [{"id": 2, "line_items": []}, {"id": 1}]}, {}, False),
        ({}, {"refunds": None}, False),
    ],
)
def test_an_order_is_as_the_shop_lists_it_only_where_all_that_shows_a_change_is_known_and_the_same(
    stored: dict[str, Any], listed: dict[str, Any], same: bool
) -> None:
    order = cast("Order", {name: value for name, value in (STORED | stored).items() if value is not None})
    assert order_discrepancies.is_as_listed(order, LISTED | listed) is same
    assert not order_discrepancies.is_as_listed(order, None)


def off(status: str = "disabled", since: str = "2026-11-21T12:00:00", **more: Any) -> dict[str, Any]:
    url = "https://pos.example/api/webhooks/orders"
    return {
        "id": 7,
        "topic": "order.updated",
        "status": status,
        "delivery_url": url,
        "date_modified_gmt": since,
        **more,
    }


def test_after_a_webhook_was_switched_on_again_what_it_missed_is_compared() -> None:
    report = Report("default", NOON - HOUR, NOON, webhooks=webhooks.problems([off()]))
    assert begin_before_gap(report, None) == NOON - HOUR, "it is still off"
    report.webhooks[0]["repair"] = "switched on"
    assert begin_before_gap(report, None) == NOON - DAY - timedelta(minutes=10)
    assert begin_before_gap(report, NOON - 3 * DAY) == NOON - 3 * DAY - timedelta(minutes=10)


def test_a_shop_sends_by_the_plugin_or_by_webhooks_for_new_and_changed_orders() -> None:
    created = off(topic="order.created")
    assert webhooks.anything_sends([], ["woocommerce-pos-sync/woocommerce-pos-sync.php"])
    assert webhooks.anything_sends([created, off()], ["akismet/akismet.php"])
    assert not webhooks.anything_sends([created], ["woocommerce/woocommerce.php"])
    assert webhooks.sends_here(off())
    assert not webhooks.sends_here(off(delivery_url="https://erp.example/hook"))
    assert not webhooks.sends_here(off(delivery_url="http://[::1"))


# --- orders -----------------------------------------------------------------------------------------------------------


def stored(**more: Any) -> Order:
    order = {"_id": "default:5", "order_id": 5, "rev": 3, "status": "processing", "refunds": [], "modified_at": NOON}
    return cast(Order, {**order, **more})


def compared(before: Order | None, *fields: str, row: dict[str, Any] | None = None, **more: Any) -> ComparedOrder:
    update = order_update(5, {"number": "A-5", "status": "completed", "refunds": []}, NOON, **more)
    return ComparedOrder(update, before, list(fields), row or {"id": 5, "refunds": []})


def problem_and_event(order: ComparedOrder) -> tuple[str, str, int]:
    finding = order_discrepancies.differing(order)
    body = json.loads(finding.body)
    return finding.discrepancy["problem"], body["event"], body["replaces"]


def test_an_order_that_is_missing_stale_or_deleted_here_is_repaired_by_the_event_that_did_not_arrive() -> None:
    assert problem_and_event(compared(None)) == ("missing", "order.created", 0)
    assert problem_and_event(compared(stored(deleted_at=NOON))) == ("deleted here", "order.restored", 3)
    later = compared(stored(), "status", modified_at=NOON + HOUR)
    assert problem_and_event(later) == ("stale", "order.updated", 3)
    assert problem_and_event(compared(stored(), "status")) == ("different", "order.updated", 3)


def test_why_an_order_of_the_same_time_differs_is_said() -> None:
    with_refund = stored(refunds=[{"id": 70}])
    deleted = order_discrepancies.differing(compared(with_refund, "refunds"))
    assert deleted.discrepancy["cause"] == "A refund was deleted in the shop, which its webhooks do not report."
    lines = order_discrepancies.differing(compared(with_refund, "refunds", row={"id": 5, "refunds": [{"id": 70}]}))
    assert "lines of a refund" in lines.discrepancy["cause"]
    other = order_discrepancies.differing(compared(stored(), "total"))
    assert "without a new time of change" in other.discrepancy["cause"]


def test_a_discrepancy_names_the_shops_fields_and_not_what_follows_from_them() -> None:
    fields = ("day", "hour", "held", "line_items", "rollup_bucket", "search", "status")
    finding = order_discrepancies.differing(compared(stored(), *fields))
    assert finding.discrepancy["fields"] == ["line_items", "status"]


def test_what_changed_a_moment_ago_may_be_on_its_way() -> None:
    finding = order_discrepancies.differing(compared(None))
    assert finding.is_recent(NOON - HOUR)
    assert not finding.is_recent(NOON)
    assert not order_discrepancies.gone(stored(), None).is_recent(NOON - HOUR), "a deletion has no time"


def test_a_draft_unknown_here_is_no_discrepancy_and_one_that_was_an_order_is() -> None:
    assert order_discrepancies.unusable("default", {"id": 5}, None, None) is None
    again = order_discrepancies.unusable("default", {"id": 5}, stored(), None)
    assert again is not None
    assert again.discrepancy["cause"] == "It is a draft in the shop again."
    error = Invalid("The order is not valid.", details={"total": "must be a number"})
    broken = order_discrepancies.unusable("default", {"id": 5}, None, error)
    assert broken is not None
    assert (broken.discrepancy["problem"], broken.discrepancy["fields"]) == ("unusable", ["total"])


def test_an_order_in_the_trash_has_the_status_that_it_had_before() -> None:
    row = {"id": 5, "status": "trash", "meta_data": [{"key": "_wp_trash_meta_status", "value": "wc-completed"}]}
    finding = order_discrepancies.gone(stored(), row)
    assert json.loads(finding.body)["data"] == {"id": 5, "status": "wc-completed"}
    assert finding.discrepancy["cause"] == "It is in the trash."
    assert json.loads(order_discrepancies.gone(stored(), None).body)["data"] == {"id": 5}


# --- products and stock -----------------------------------------------------------------------------------------------


def test_what_differs_of_a_product_is_said_in_one_sentence() -> None:
    product: Any = {"_id": "a", "sku": "A", "name": "Mug", "price": None}
    row = {"id": 1, "sku": "A", "name": "Cup", "price": "14.00"}
    finding = product_discrepancies.changed(row, product, ["name", "price", "gtin"], NOON)
    cause = "Name 'Mug' here, 'Cup' in the shop; price None here, 14.00 in the shop; another barcode in the shop."
    assert finding.discrepancy["cause"] == cause
    assert json.loads(finding.body)["replaces"] == int(NOON.timestamp() * 1000)
    lost = product_discrepancies.changed({**row, "sku": ""}, product, ["sku"], None)
    assert lost.discrepancy["cause"] == "It has no SKU in the shop any more."
    restored = product_discrepancies.changed(row, product, ["archived"], None)
    assert (restored.discrepancy["problem"], json.loads(restored.body)["event"]) == ("restored", "product.restored")


def test_stock_is_expected_less_what_orders_hold_and_what_moved_here_explains_the_rest() -> None:
    known = stock.KnownStock("a", 7, "A", "Mug", stock=5, held=2, unsent=())
    assert stock.discrepancy_of(5, 8, held=3) == 0
    found = stock.describe(known, 10, 1, {"counted, sold or adjusted here": -2, "orders of other stores": 0})
    assert (found["difference"], found["unexplained"]) == (-3, -1)
    assert found["explained"] == [{"cause": "counted, sold or adjusted here", "quantity": -2}]
    assert found["cause"].startswith("counted, sold or adjusted here: -2; -1 by a change of stock in the shop")


def test_what_the_shop_has_still_to_be_sent_is_expected_whether_it_has_done_the_first_of_it_or_not() -> None:
    unsent = (-1, 5, -2)
    for done in range(4):  # the shop had 10, and does these in their order
        assert stock.discrepancy_of(12, 10 + sum(unsent[:done]), 0, unsent) == 0
    assert stock.discrepancy_of(12, 11, 0, unsent) == -1
    known = stock.KnownStock("a", 7, "A", "Mug", stock=12, held=0, unsent=unsent)
    found = stock.describe(known, 11, 1, {}, synced=True)
    assert (found["on_the_way"], found["difference"], found["unexplained"]) == (2, -1, -1)
    assert found["cause"].endswith("besides, +2 on the way to the shop")


def test_an_explained_difference_is_open_where_stock_is_sent_to_the_shop() -> None:
    known = stock.KnownStock("a", 7, "A", "Mug", stock=5, held=0, unsent=())
    moved = {"refused by the shop (The stock is no number)": -1}
    assert [is_open(stock.describe(known, 6, 1, moved, synced=synced)) for synced in (False, True)] == [False, True]


@pytest.mark.parametrize(
    ("row", "units"),
    [
        ({"manage_stock": True, "stock_quantity": 5}, 5),
        ({"manage_stock": True, "stock_quantity": None}, 0),
        ({"manage_stock": True, "stock_quantity": "many"}, None),
        ({"manage_stock": True}, None),
        ({"manage_stock": "parent", "stock_quantity": 5}, None),
        ({"manage_stock": False, "stock_quantity": 5}, None),
    ],
)
def test_only_stock_that_the_shop_keeps_of_the_product_itself_is_compared(row: dict[str, Any], units: Any) -> None:
    assert stock.units(row) == units


# --- the report -------------------------------------------------------------------------------------------------------


def discrepancy(number: int, repair: str | None = None) -> OrderDiscrepancy:
    found = order_discrepancies.differing(compared(None)).discrepancy
    found["order_id"] = number
    if repair:
        found["repair"] = repair
    return found


def test_more_than_twenty_and_more_than_a_tenth_are_too_many_to_be_gone_at_once() -> None:
    assert not too_many_gone(20, 20)
    assert too_many_gone(21, 209)
    assert not too_many_gone(21, 210)


def test_a_report_is_in_sync_when_what_was_found_is_repaired_and_all_was_read() -> None:
    report = Report("default", NOON - HOUR, NOON, orders=[discrepancy(1, "updated")], finished_at=NOON)
    assert report.in_sync
    assert report.drift is None
    report.orders.append(discrepancy(2, "parked"))
    assert not report.data_in_sync
    assert report.drift is not None
    assert report.drift.id == f"drift:default:{NOON.isoformat()}"
    unread: Any = {"kind": "orders", "what": "order 3", "count": 1, "cause": "HTTP 500"}
    assert not replace(report, orders=[], unread=[unread]).in_sync
    assert not replace(report, orders=[], problem="It redirects.").in_sync


def test_a_shop_whose_orders_stopped_is_not_in_sync_though_its_data_is() -> None:
    outage: Any = {"since": NOON, "missed": 40.0, "longest_missed": 4.0, "alarming": True}
    report = Report("default", NOON - HOUR, NOON, outage=outage, finished_at=NOON)
    assert report.data_in_sync
    assert not report.in_sync
    assert report.shown()["silence"] == outage, "the name that the API has for it"
    assert [event.type for event in report.events] == ["store.drift", "store.silent"]


def test_a_stored_report_keeps_what_is_open_first_and_holds_only_what_a_database_can() -> None:
    orders = [*(discrepancy(number, "created") for number in range(600)), discrepancy(10**30)]
    orders[-1]["cause"] = "half a character: \ud800"
    kept = storable(Report("default", NOON - HOUR, NOON, orders=orders))
    assert len(kept["orders"]) == 500
    assert cast(Any, kept["orders"][0]["order_id"]) == str(10**30)
    assert kept["orders"][0]["cause"].encode()
    assert left_open(
        storable(Report("default", NOON, NOON, orders=[discrepancy(1), discrepancy(2, "updated")]))
    ).orders == {1}
