"""Whatever a webhook did not report is found, with its cause, and repaired when asked; and a shop that falls silent is
noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.figures import outage_detection
from pos_api.inbox import leases
from pos_api.inbox.replay import replay_entries
from pos_api.processing import due, ingest
from pos_api.senders import comparisons
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.reconcile import report as report_of
from pos_api.senders.woocommerce.reconcile.report import Report
from pos_api.senders.woocommerce.reconcile.run import keep, last_report
from pos_api.senders.woocommerce.rest.reader import RestReader
from pos_api.staff import token_claims
from pos_api.stock import ledger as stock
from pos_api.stores.registry import Stores
from tests.factories import at, read_delivery, stock_of, stock_up
from tests.fake_shop import (
    LONG_AGO,
    SECRET,
    FakeShop,
    answer,
    compare,
    compare_due,
    comparison_that_hangs,
    connected_shop,
    error,
    html,
    order,
    product,
)
from tests.senders.woocommerce.test_importer import deliver, load, oracle, recordings
from tests.waiting import wait_until

shop = connected_shop


@pytest.fixture
def known(db: Db, config: Config) -> Any:
    """Take something in as if the shop had sent it."""

    def send(event: str, data: dict[str, Any], **more: Any) -> str:
        body = json.dumps({"event": event, "data": data, **more}).encode()
        store = Stores(db, config).get("default")
        return ingest.ingest(db, store, [body], now())[0].outcome

    return send


def in_stock(db: Db, sku: str = "A") -> float:
    found = db.products.find_one({"_id": sku})
    assert found is not None
    return float(found["stock"])


def made_now(number: int, **more: Any) -> dict[str, Any]:
    moment = now().strftime("%Y-%m-%dT%H:%M:%S")
    return order(number, **{"date_created_gmt": moment, "date_modified_gmt": moment, **more})


def made_after(**more: Any) -> dict[str, Any]:
    """An order of two units, made a second from now: after what came in before it, by the times in whole seconds."""
    later = (now() + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
    return made_now(1, quantity=2, date_created_gmt=later, **more)


# --- orders -------------------------------------------------------------------------------------------------------


def test_a_shop_in_sync_has_nothing_to_repair(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    refund = {"id": 70, "amount": "5.00", "reason": "", "line_items": []}
    one = order(1, refunds=[{"id": 70, "reason": "", "total": "-5.00"}])
    fake.put_order(one, [refund])
    known("order.created", {**one, "refunds": [refund]}, sequence=3)
    report = compare(db, config, shop)
    assert report.orders == []
    assert report.in_sync
    assert report.compared == 1


def test_a_missing_order_is_found_and_repaired_once(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    fake.products[1] = product(1, "A", 8)
    fake.put_order(made_after())
    found = compare(db, config, shop)
    assert [each["problem"] for each in found.orders] == ["missing"]
    assert not found.in_sync
    assert db.orders.count_documents({}) == 0
    repaired = compare(db, config, shop, repair=True)
    assert [each["repair"] for each in repaired.orders] == ["created"]
    assert repaired.in_sync
    assert in_stock(db) == 8
    assert compare(db, config, shop, repair=True).orders == []


def test_a_missed_change_is_found_and_repaired(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    known("order.created", order(1, quantity=2))
    fake.products[1] = product(1, "A", 12)
    changed = order(1, quantity=2, status="cancelled", date_modified_gmt="2026-10-02T10:00:00")
    changed["line_items"][0]["meta_data"] = []
    fake.put_order(changed)
    report = compare(db, config, shop, repair=True)
    (discrepancy,) = report.orders
    assert discrepancy["here"]
    assert discrepancy["shop"]
    assert (discrepancy["problem"], discrepancy["here"]["status"], discrepancy["shop"]["status"]) == (
        "stale",
        "processing",
        "cancelled",
    )
    assert {"status", "line_items", "modified_at"} <= set(discrepancy["fields"])
    assert in_stock(db) == 12
    assert report.in_sync


def test_a_deleted_refund_is_found_though_no_time_and_no_sequence_shows_it(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    refund = {"id": 70, "amount": "5.00", "line_items": [{"id": 71, "quantity": -1}]}
    known("order.created", order(1, refunds=[refund]), sequence=9)
    fake.put_order(order(1))
    changed_here_only = datetime(2026, 11, 1, tzinfo=UTC)
    report = compare(db, config, shop, changed_here_only, repair=True)
    (discrepancy,) = report.orders
    assert discrepancy["problem"] == "different"
    assert "refund was deleted" in discrepancy["cause"]
    assert discrepancy["repair"] == "updated"
    stored = db.orders.find_one({"_id": "default:1"})
    assert stored is not None
    assert stored["refunds"] == []
    assert stored["sequence"] == 9
    assert compare(db, config, shop).orders == []


def test_an_order_deleted_for_good_is_marked_deleted_and_moves_no_stock(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    known("order.created", made_now(1, quantity=2))
    before = in_stock(db)
    report = compare(db, config, shop, repair=True)
    (discrepancy,) = report.orders
    assert (discrepancy["problem"], discrepancy["repair"]) == ("gone", "updated")
    assert "for good" in discrepancy["cause"]
    stored = db.orders.find_one({"_id": "default:1"})
    assert stored is not None
    assert "deleted_at" in stored
    assert in_stock(db) == before
    assert compare(db, config, shop).orders == []


def test_an_order_deleted_before_it_was_paid_gives_its_units_back_and_restored_takes_them_again(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    unpaid = made_after(status="pending")
    unpaid["line_items"][0]["meta_data"] = []
    known("order.created", unpaid)
    assert in_stock(db) == 8
    fake.products[1] = product(1, "A", 10)
    assert compare(db, config, shop, repair=True).in_sync
    assert in_stock(db) == 10
    fake.put_order(unpaid)
    assert compare(db, config, shop, repair=True).in_sync
    assert in_stock(db) == 8


def test_a_product_gone_from_the_shop_keeps_what_its_orders_hold(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    """WooCommerce gives its lines without product id and SKU then."""
    known("product.created", product(1, "A", 10))
    sold = made_after()
    known("order.created", sold)
    gone = {**sold["line_items"][0], "product_id": 0, "sku": None}
    fake.put_order({**sold, "status": "completed", "line_items": [gone]})
    compare(db, config, shop, repair=True)
    assert in_stock(db) == 8
    stored = db.orders.find_one({"_id": "default:1"})
    assert stored is not None
    assert (stored["status"], stored["line_items"][0]["product"]) == ("completed", "A")


def test_an_order_in_the_trash_and_one_restored_are_found(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("order.created", order(1))
    known("order.created", order(2))
    known("order.deleted", {"id": 2})
    fake.put_order(order(1, status="trash"))
    fake.put_order(order(2))
    report = compare(db, config, shop, repair=True)
    assert {each["order_id"]: each["problem"] for each in report.orders} == {1: "gone", 2: "deleted here"}
    deleted = {each["order_id"]: "deleted_at" in each for each in db.orders.find()}
    assert deleted == {1: True, 2: False}


def test_what_happened_to_an_order_before_it_was_trashed_is_found(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    stock_up(db, A=10)
    for number in (1, 2):
        known("order.created", order(number, "A", 2))
    was = [{"key": "_wp_trash_meta_status", "value": "wc-cancelled"}]
    lines = [{**each, "meta_data": []} for each in order(1, "A", 2)["line_items"]]
    fake.put_order(order(1, status="trash", line_items=lines, meta_data=was))
    fake.put_order(order(2, "A", 5, status="trash"))
    report = compare(db, config, shop, repair=True)
    assert [each["problem"] for each in report.orders] == ["gone", "gone"]
    assert stock_of(db) == {"A": 5}
    assert compare(db, config, shop).orders == []


@pytest.mark.parametrize(
    "fault",
    [html(404), error(404, "rest_no_route"), error(403, "woocommerce_rest_cannot_view"), html(503)],
    ids=["page", "no-route", "forbidden", "down"],
)
def test_no_order_counts_as_gone_because_the_shop_fails(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any, fault: Any
) -> None:
    known("order.created", order(1))
    fake.faults.append(lambda request: fault if request.path.endswith("/orders/1") else None)
    report = compare(db, config, shop, repair=True)
    assert [each["what"] for each in report.unread] == ["order 1"]
    assert not report.in_sync
    assert db.orders.count_documents({"deleted_at": {"$exists": True}}) == 0
    assert comparisons.reconciled_until(db, "default") is None


def test_refund_lines_that_no_webhook_reports_are_fetched(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    one = order(1, refunds=[{"id": 70, "reason": "", "total": "-5.00"}])
    known("order.created", one)
    fake.put_order(one, [{"id": 70, "amount": "5.00", "line_items": [{"id": 71, "quantity": -1, "total": "-5.00"}]}])
    report = compare(db, config, shop, repair=True)
    assert report.orders[0]["cause"].startswith("The lines of a refund")
    stored = db.orders.find_one({"_id": "default:1"})
    assert stored is not None
    assert stored["refunds"][0]["line_items"][0]["quantity"] == 1


def test_what_came_in_meanwhile_is_not_overwritten_by_what_was_read_before(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("order.created", order(1))
    stored = db.orders.find_one({"_id": "default:1"})
    assert stored is not None
    read = order(1, status="completed", date_modified_gmt="2026-10-02T10:00:00")
    known("order.updated", order(1, status="refunded", date_modified_gmt="2026-10-03T10:00:00"))
    store = Stores(db, config).get("default")
    (outcome,) = ingest.ingest(db, store, [envelope("order.updated", read, replaces=stored["rev"])], now())
    assert outcome.outcome == "stale"
    assert db.orders.find_one({"_id": "default:1"})["status"] == "refunded"  # type: ignore[index]


def test_a_repair_cut_short_is_finished_by_its_second_run(fake: FakeShop, db: Db, config: Config, known: Any) -> None:
    known("product.created", product(1, "A", 10))
    known("order.created", made_now(1, quantity=1))
    stored = db.orders.find_one({"_id": "default:1"})
    assert stored is not None
    body = envelope("order.updated", made_now(1, quantity=4), replaces=stored["rev"])
    store = Stores(db, config).get("default")
    ingest.ingest(db, store, [body], now())
    movements = list(db.stock_movements.find({"order": "default:1"}))
    db.stock_movements.delete_one({"_id": movements[-1]["_id"]})
    db.products.update_one({"_id": "A"}, {"$set": {"stock": movements[-2]["balance"], "seq": movements[-2]["seq"]}})
    replay_entries(db, [read_delivery(store, {}, body, now()).entry.key])
    assert due.take_due(db, Stores(db, config), leases.new_lease()) == 1
    assert in_stock(db) == movements[-1]["balance"]


def test_what_may_still_be_on_its_way_is_left_for_the_next_time(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.put_order(made_now(1))
    assert compare(db, config, shop, repair=True, grace=timedelta(minutes=2)).orders == []
    until = comparisons.reconciled_until(db, "default")
    assert until is not None
    assert until <= now() - timedelta(minutes=2)
    assert len(compare(db, config, shop).orders) == 1


def test_an_order_that_can_not_be_used_is_named_and_parked(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.put_order(order(1, line_items="broken"))
    (discrepancy,) = compare(db, config, shop, repair=True).orders
    assert (discrepancy["problem"], discrepancy["repair"], discrepancy["fields"]) == (
        "unusable",
        "parked",
        ["data.line_items"],
    )


def test_a_parked_event_is_named_as_the_cause(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    assert known("order.created", order(1, line_items="broken")) == "parked"
    fake.put_order(order(1))
    (discrepancy,) = compare(db, config, shop).orders
    assert "is parked: The order is not valid. data." in discrepancy["cause"]


def test_a_draft_is_no_missing_order(fake: FakeShop, shop: RestReader, db: Db, config: Config) -> None:
    fake.put_order(order(1, status="checkout-draft"))
    assert compare(db, config, shop).orders == []


def test_an_order_whose_refunds_can_not_be_read_is_named_and_not_in_sync(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    """It was left out of the comparison, and the rest called in sync."""
    one = order(1, refunds=[{"id": 70, "reason": "", "total": "-5.00"}])
    known("order.created", one)
    fake.put_order(one, [{"id": 70, "amount": "5.00", "line_items": []}])
    fake.put_order(order(2, status="completed"))
    fake.faults.append(lambda request: html(403) if request.path.endswith("/refunds") else None)
    report = compare(db, config, shop, repair=True)
    assert [(each["what"], each["kind"]) for each in report.unread] == [("the refunds of order 1", "orders")]
    assert not report.in_sync
    assert [(each["order_id"], each["repair"]) for each in report.orders] == [(2, "created")]
    assert comparisons.reconciled_until(db, "default") is None
    fake.faults.clear()
    assert compare(db, config, shop, repair=True).in_sync


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"code": "woocommerce_rest_cannot_view", "message": "Sorry"}, "a row of orders after id 1"),
        (None, "a row of orders after id 1"),
        ({"id": 2, "number": "2"}, "order 2"),
    ],
    ids=["an error", "nothing", "half an order"],
)
def test_a_row_that_is_no_order_is_named_and_not_in_sync(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any, wrong: Any, what: str
) -> None:
    fake.put_order(order(1))
    fake.put_order(order(2))
    known("order.created", order(1))
    answers = {"orders": [order(1), wrong], "orders/2": wrong}
    fake.tampering.append(lambda path, data: answers.get(path, data))
    report = compare(db, config, shop)
    assert [each["what"] for each in report.unread] == [what]
    assert report.orders == []
    assert not report.in_sync


def test_rows_that_the_shop_counts_and_does_not_list_are_not_in_sync(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.put_order(order(1))
    fake.tampering.append(lambda path, data: [] if path == "orders" else data)
    (unread,) = compare(db, config, shop).unread
    assert (unread["what"], unread["count"]) == ("1 rows of orders after id 0", 1)


def test_an_order_that_changes_at_every_look_is_not_in_sync(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("order.created", order(1))
    fake.put_order(order(1, status="completed"))
    totals = iter(range(1, 99))

    def changes(request: Any) -> None:
        if request.path.endswith("/orders/1"):
            known("order.updated", order(1, total=f"{next(totals)}.00"), sequence=next(totals))

    fake.faults.append(changes)
    report = compare(db, config, shop)
    assert [each["cause"] for each in report.unread] == ["It changed at every look."]
    assert not report.in_sync


def test_a_repair_is_made_though_the_same_event_was_processed_before(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    """After a restored backup, say: the event is in the inbox, and its order is not as it gives it."""
    fake.put_order(order(1, status="completed"))
    known("order.created", order(1))
    assert compare(db, config, shop, repair=True).in_sync
    db.orders.delete_one({"_id": "default:1"})
    known("order.created", order(1), sequence=1)
    assert db.orders.find_one({"_id": "default:1"})["status"] == "processing"  # type: ignore[index]
    report = compare(db, config, shop, repair=True)
    assert [each["repair"] for each in report.orders] == ["updated"]
    assert report.in_sync
    assert db.orders.find_one({"_id": "default:1"})["status"] == "completed"  # type: ignore[index]


def test_a_product_that_can_not_be_added_is_not_in_sync(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    """The outcome of its repair was taken for a repair."""
    fake.products[1] = {**product(1, "A", 5), "sku": ["A"]}
    report = compare(db, config, shop, repair=True)
    assert [each["repair"] for each in report.stock] == ["parked"]
    assert not report.in_sync


def test_variations_that_can_not_be_read_are_named_and_the_rest_is_compared(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.products[2] = product(2, "", None, type="variable", variations=[3], name="Hoodie")
    fake.variations[2] = [product(3, "H-S", 5, attributes=[{"option": "S"}])]
    fake.products[4] = product(4, "B", 7)
    fake.faults.append(lambda request: html(403) if request.path.endswith("/variations") else None)
    report = compare(db, config, shop, repair=True)
    assert [each["what"] for each in report.unread] == ["the variations of product 2 (Hoodie)"]
    assert [(each["sku"], each["repair"]) for each in report.stock] == [("B", "created")]
    assert not report.in_sync


@pytest.mark.parametrize("recording", recordings())
def test_a_shop_whose_webhooks_all_failed_is_repaired_to_the_last_unit(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, recording: dict[str, Any]
) -> None:
    """The first delivery arrived, nothing after it; then one comparison."""
    first, last = recording["steps"][0], recording["steps"][-1]
    for number, (sku, units) in enumerate(recording["initial_stock"].items(), 1000):
        if not sku.startswith("#"):
            started = {"opening_stock_at": LONG_AGO, "opening_store": "default"}
            db.products.insert_one(
                {"_id": sku, "sku": sku, "skus": [sku], "name": sku, "price": None, **started}
                | {"stock": units, "seq": 0, "external_ids": [f"default:{number}"]}
            )
    for delivery in first["deliveries"]:
        deliver(db, config, delivery)
    if last["rest_order"] is not None:
        load(fake, recording, last)
        fake.products.clear()
    compare(db, config, shop, repair=True)
    assert compare(db, config, shop).orders == []
    stored = db.orders.find_one({"_id": f"default:{recording['order_id']}"})
    assert stored is not None
    if last["rest_order"] is None:
        assert "deleted_at" in stored
        return
    here = {each["sku"]: each["stock"] for each in db.products.find()}
    for each in stored["held"] if stored["status"] == "pending" else ():
        here[each["sku"]] += each["quantity"]
    assert here == oracle(last)
    assert stored["status"] == last["rest_order"]["status"]
    assert len(stored["refunds"]) == len(last["rest_refunds"])


# --- stock --------------------------------------------------------------------------------------------------------


def test_a_quote_is_in_sync_here_and_in_the_shop(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    """WooCommerce takes no stock in a status of a plugin, and neither does the POS."""
    known("product.created", product(1, "A", 10))
    quote = made_after(status="quote")
    quote["line_items"][0]["meta_data"] = []
    known("order.created", quote)
    fake.put_order(quote)
    fake.products[1] = product(1, "A", 10)
    report = compare(db, config, shop)
    assert (report.orders, report.stock, report.in_sync) == ([], [], True)


def test_what_moved_before_the_shop_managed_the_stock_again_explains_no_difference_after(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10, date_modified_gmt=at(0)))
    stock.move(db, "A", -3, reason="sold", cause="user:eva", note="")
    known("product.updated", product(1, "A", None, date_modified_gmt=at(60)))
    known("product.updated", product(1, "A", 20, date_modified_gmt=at(120)))
    fake.products[1] = product(1, "A", 22)
    (entry,) = compare(db, config, shop).stock
    assert (entry["here"], entry["explained"], entry["unexplained"]) == (20, [], -2)


def test_stock_that_differs_is_listed_with_what_the_ledger_shows(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    stock.move(db, "A", -3, reason="sold", cause="user:eva", note="")
    pending = made_after(status="pending")
    pending["line_items"][0]["meta_data"] = []
    known("order.created", pending)
    fake.put_order(pending)
    fake.products[1] = product(1, "A", 10)
    (entry,) = compare(db, config, shop).stock
    assert (entry["here"], entry["shop"], entry["held_by_pending"], entry["difference"]) == (5, 10, 2, -3)
    assert entry["explained"] == [{"cause": "counted, sold or adjusted here", "quantity": -3}]
    assert entry["unexplained"] == 0
    fake.products[1] = product(1, "A", 14)
    report = compare(db, config, shop)
    assert report.stock[0]["unexplained"] == -4
    assert not report.in_sync


def test_orders_of_another_store_explain_a_difference(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    north = replace(Stores(db, config).get("default"), id="north")
    ingest.ingest(db, north, [envelope("order.created", order(5, quantity=4))], now())
    fake.products[1] = product(1, "A", 10)
    (entry,) = compare(db, config, shop).stock
    assert entry["explained"] == [{"cause": "orders of other stores", "quantity": -4}]
    assert entry["unexplained"] == 0


def test_stock_is_aligned_only_where_asked_and_then_counts_as_the_same(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    known("product.created", product(2, "B", 10))
    fake.products[1] = product(1, "A", 25)
    fake.products[2] = product(2, "B", 25)
    assert {each["sku"]: each.get("repair") for each in compare(db, config, shop, repair=True).stock} == {
        "A": None,
        "B": None,
    }
    compare(db, config, shop, align=["A"])
    assert (in_stock(db, "A"), in_stock(db, "B")) == (25, 10)
    assert [each["sku"] for each in compare(db, config, shop).stock] == ["B"]
    movement = db.stock_movements.find_one({"sku": "A"}, sort=[("seq", -1)])
    assert movement is not None
    assert (movement["reason"], movement["quantity"], movement["balance"]) == ("reconcile", 15, 25)


def test_stock_is_not_aligned_while_orders_come_in(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    fake.products[1] = product(1, "A", 9)

    def buy(request: Any) -> None:
        if request.path.endswith("/products/1"):
            later = (now() + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")
            fake.put_order(order(1, date_created_gmt=later, date_modified_gmt=later))

    fake.faults.append(buy)
    report = compare(db, config, shop, align=["A"])
    assert "Orders came in" in str(report.problem)
    assert in_stock(db) == 10


def test_a_product_unknown_here_is_listed_and_added(fake: FakeShop, shop: RestReader, db: Db, config: Config) -> None:
    fake.products[2] = product(2, "", None, type="variable", variations=[3], name="Hoodie")
    fake.variations[2] = [product(3, "H-S", 5, attributes=[{"option": "S"}])]
    assert compare(db, config, shop).stock[0]["cause"] == "The product is not known here."
    assert compare(db, config, shop, repair=True).in_sync
    assert in_stock(db, "H-S") == 5


def test_only_the_products_of_compared_orders_are_asked_for_on_the_way(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    for number, sku in ((1, "A"), (2, "B")):
        known("product.created", product(number, sku, 10))
        fake.products[number] = product(number, sku, 99)
    known("order.created", order(1))
    fake.put_order(order(1))
    report = compare(db, config, shop, every_product=False)
    assert [each["sku"] for each in report.stock] == ["A"]
    assert "/wp-json/wc/v3/products" not in fake.requests


# --- the catalogue ------------------------------------------------------------------------------------------------


def test_a_price_a_name_and_a_sku_changed_behind_the_plugins_back_are_found_and_repaired(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    """The time of change is that of before, as after a change in the shop's database."""
    for number, sku in ((1, "A"), (2, "B"), (3, "C")):
        known("product.created", product(number, sku, 10))
        fake.products[number] = product(number, sku, 10)
    assert compare(db, config, shop).in_sync
    fake.products[1] |= {"price": "12.50"}
    fake.products[2] |= {"name": "Big mug"}
    fake.products[3] |= {"sku": "C-2"}
    found = compare(db, config, shop)
    assert {each["shop_id"]: (each["problem"], each["fields"]) for each in found.products} == {
        1: ("changed", ["price"]),
        2: ("changed", ["name"]),
        3: ("changed", ["sku"]),
    }
    assert found.products[0]["cause"] == "Price 10.00 here, 12.50 in the shop."
    assert not found.in_sync
    repaired = compare(db, config, shop, repair=True)
    assert [each["repair"] for each in repaired.products] == ["updated"] * 3
    assert repaired.in_sync
    stored = {each["_id"]: each for each in db.products.find()}
    assert (str(stored["A"]["price"]), stored["B"]["name"], stored["C"]["sku"]) == ("12.50", "Big mug", "C-2")
    assert in_stock(db, "C") == 10
    assert compare(db, config, shop).products == []


def test_barcode_image_categories_and_tax_class_are_compared_too(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    given = {
        "global_unique_id": "4006381333931",
        "categories": [{"id": 1, "name": "Mugs"}],
        "tax_class": "reduced-rate",
    }
    row = product(1, "A", 10, **given, images=[{"src": "https://shop.example/mug.png"}])
    known("product.created", row)
    fake.products[1] = row
    assert compare(db, config, shop).in_sync
    fake.products[1] = {**row, "global_unique_id": "4006381333948", "categories": []}
    report = compare(db, config, shop, repair=True)
    assert [(each["fields"], each["repair"]) for each in report.products] == [(["gtin", "categories"], "updated")]
    assert report.products[0]["cause"] == "Another barcode in the shop; another list of categories in the shop."
    assert report.in_sync


def test_swapped_skus_are_found_and_repaired(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    for number, sku, units in ((1, "A", 10), (2, "B", 99)):
        known("product.created", product(number, sku, units))
    fake.products = {1: product(1, "B", 10), 2: product(2, "A", 99)}
    compare(db, config, shop, repair=True)
    assert compare(db, config, shop, repair=True).in_sync
    assert {each["sku"]: each["stock"] for each in db.products.find()} == {"B": 10, "A": 99}


@pytest.mark.parametrize("how", ["for good", "into the trash"])
def test_a_product_deleted_behind_the_plugins_back_is_archived_and_restored_is_active_again(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any, how: str
) -> None:
    known("product.created", product(1, "A", 10))
    if how == "into the trash":
        fake.products[1] = product(1, "A", 10, status="trash")
    found = compare(db, config, shop)
    assert [(each["problem"], each["sku"]) for each in found.products] == [("gone", "A")]
    assert not found.in_sync
    assert compare(db, config, shop, repair=True).in_sync
    assert db.products.find_one({"_id": "A"})["archived"]  # type: ignore[index]
    fake.requests.clear()
    assert compare(db, config, shop).in_sync
    assert "/wp-json/wc/v3/products/1" not in fake.requests, "what is known to be deleted costs nothing"
    fake.products[1] = product(1, "A", 10)
    report = compare(db, config, shop, repair=True)
    assert [(each["problem"], each["repair"]) for each in report.products] == [("restored", "updated")]
    assert report.in_sync
    assert "archived" not in db.products.find_one({"_id": "A"})  # type: ignore[operator]
    assert in_stock(db) == 10
    fake.products.clear()
    assert compare(db, config, shop, repair=True).products[0]["repair"] == "updated", "the same event as before"


@pytest.mark.parametrize(
    "fault", [html(404), error(404, "rest_no_route"), error(403, "woocommerce_rest_cannot_view"), html(503)]
)
def test_no_product_counts_as_deleted_because_the_shop_fails(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any, fault: Any
) -> None:
    known("product.created", product(1, "A", 10))
    fake.faults.append(lambda request: fault if request.path.endswith("/products/1") else None)
    report = compare(db, config, shop, repair=True)
    assert [(each["what"], each["kind"]) for each in report.unread] == [("product 1", "products")]
    assert not report.in_sync
    assert db.products.count_documents({"archived": True}) == 0


def test_a_change_that_came_in_meanwhile_is_not_undone_by_the_repair_of_an_older_one(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    fake.products[1] = product(1, "A", 10, name="Old")

    def change(request: Any) -> None:
        if request.path.endswith("/products/1"):
            newest = product(1, "A", 10, name="Newest", date_modified_gmt="2026-11-01T00:00:00")
            known("product.updated", newest)

    fake.faults.append(change)
    report = compare(db, config, shop, repair=True)
    assert [each["repair"] for each in report.products] == ["stale"]
    assert not report.in_sync
    assert db.products.find_one({"_id": "A"})["name"] == "Newest"  # type: ignore[index]


def test_a_product_without_a_sku_any_more_is_named(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    known("product.created", product(1, "A", 10))
    fake.products[1] = product(1, "", 10)
    report = compare(db, config, shop, repair=True)
    assert [(each["fields"], each["repair"]) for each in report.products] == [(["sku"], "ignored")]
    assert "no SKU" in report.products[0]["cause"]
    assert not report.in_sync


def test_variations_named_as_woocommerce_names_them_cost_no_second_look(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    """With three attributes, or several of which one has a name of two words, the title has none."""
    fake.products[2] = product(2, "", None, type="variable", variations=[3, 4], name="Hoodie")
    two = [{"name": "Colour", "option": "Red"}, {"name": "Sleeve length", "option": "Long"}]
    fake.variations[2] = [product(3, "R", 5, attributes=two), product(4, "L", 5, attributes=two[1:])]
    for number, sku, name in ((3, "R", "Hoodie"), (4, "L", "Hoodie - Long")):
        known("product.created", product(number, sku, 5, parent_id=2, name=name))
    assert compare(db, config, shop).in_sync
    assert not [path for path in fake.requests if path.endswith(("/products/3", "/products/4"))]


def test_translations_of_a_product_are_in_sync_under_the_newest_name(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    """Each would have been repaired to its own name in turn, and never in sync."""
    fake.products = {1: product(1, "A", 10, name="Mug"), 2: product(2, "A", 10, name="Mugg")}
    for row in fake.products.values():
        known("product.created", row)
    assert compare(db, config, shop, repair=True).in_sync
    fake.products[2] |= {"name": "Kopp", "date_modified_gmt": "2026-10-01T00:00:00"}
    assert compare(db, config, shop, repair=True).in_sync
    assert db.products.find_one({"_id": "A"})["name"] == "Kopp"  # type: ignore[index]
    del fake.products[1]
    assert compare(db, config, shop, repair=True).in_sync
    assert "archived" not in db.products.find_one({"_id": "A"})  # type: ignore[operator]
    del fake.products[2]
    assert compare(db, config, shop, repair=True).in_sync
    assert db.products.find_one({"_id": "A"})["archived"]  # type: ignore[index]


def test_a_draft_is_no_missing_product(fake: FakeShop, shop: RestReader, db: Db, config: Config) -> None:
    fake.products[1] = product(1, "A", 10, status="draft")
    assert compare(db, config, shop).in_sync
    fake.products[1]["status"] = "publish"
    assert compare(db, config, shop, repair=True).in_sync
    assert in_stock(db) == 10


def test_the_newer_update_of_another_shop_is_no_discrepancy(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    """Two shops that sell one product under two names would never be in sync, each in turn."""
    known("product.created", product(1, "A", 10))
    fake.products[1] = product(1, "A", 10)
    north = replace(Stores(db, config).get("default"), id="north")
    newer = product(7, "A", 10, name="Northern", date_modified_gmt="2026-11-01T00:00:00")
    ingest.ingest(db, north, [envelope("product.updated", newer)], now())
    db.products.update_one({"_id": "A"}, {"$addToSet": {"external_ids": "north:7"}})
    assert compare(db, config, shop).products == []


# --- what sends ---------------------------------------------------------------------------------------------------


def webhook(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"POS {number}",
        "status": "active",
        "topic": "order.updated" if number % 2 else "order.created",
        "delivery_url": "https://pos.example/api/webhooks/orders",
        "date_modified_gmt": "2026-11-20T10:00:00",
        **more,
    }


def test_a_webhook_that_is_off_is_listed_and_switched_on_and_its_gap_filled(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.plugins = []
    fake.webhooks = {1: webhook(1, status="disabled"), 2: webhook(2)}
    fake.put_order(order(1, date_modified_gmt="2026-11-20T09:55:00"))
    recently = now() - timedelta(minutes=30)
    found = compare(db, config, shop, recently)
    assert [each["id"] for each in found.webhooks] == [1]
    assert "disabled" in found.webhooks[0]["problem"]
    assert found.orders == []
    repaired = compare(db, config, shop, recently, repair=True, repair_webhooks=True)
    assert fake.webhooks[1]["status"] == "active"
    assert [each["repair"] for each in repaired.orders] == ["created"]
    assert repaired.since == datetime(2026, 11, 20, 9, 50, tzinfo=UTC)
    assert repaired.in_sync
    assert compare(db, config, shop, recently).webhooks == []


def test_a_key_that_may_only_read_says_where_to_switch_it_on(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.webhooks = {1: webhook(1, status="paused")}
    refused = error(
        401, "woocommerce_rest_authentication_error", "The API key provided does not have write permissions."
    )
    fake.faults.append(lambda request: refused if request.method == "PUT" else None)
    report = compare(db, config, shop, repair_webhooks=True)
    assert "Settings > Advanced > Webhooks" in report.webhooks[0]["problem"]
    assert not report.in_sync


def test_a_webhook_that_is_off_is_found_among_hundreds(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    others = {number: webhook(number, delivery_url="https://erp.example/hook") for number in range(1, 251)}
    fake.webhooks = others | {251: webhook(251, status="disabled"), 252: webhook(252)}
    report = compare(db, config, shop)
    assert [each["id"] for each in report.webhooks] == [251]


def test_a_shop_with_neither_plugin_nor_webhooks_is_named(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.plugins = [{"plugin": "woocommerce/woocommerce.php"}]
    fake.webhooks = {1: webhook(1, delivery_url="https://elsewhere.example/hook"), 2: webhook(2)}
    assert "nothing sends orders" in compare(db, config, shop).webhooks[0]["problem"]
    fake.webhooks[1] = webhook(1)
    assert compare(db, config, shop).webhooks == []


def test_a_key_that_may_not_see_webhooks_does_not_stop_the_comparison(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    refused = error(403, "woocommerce_rest_cannot_view")
    fake.faults.append(lambda request: refused if "webhooks" in request.path else None)
    fake.put_order(order(1))
    report = compare(db, config, shop)
    assert (report.problem, len(report.orders)) == (None, 1)


# --- outages ------------------------------------------------------------------------------------------------------


def _rhythm(weeks: int, open_hours: range, orders: int, days: range = range(7)) -> list[int]:
    week = [orders if day in days and hour in open_hours else 0 for day in range(7) for hour in range(24)]
    return week * weeks


def test_a_gap_far_longer_than_usual_alarms() -> None:
    counts = _rhythm(4, range(8, 20), 2)
    counts[-12:] = [0] * 12
    counts = counts[:-6]
    missed, longest = outage_detection.missed_orders(counts, 8.5) or (0, 0)
    assert missed > 7
    assert outage_detection.OrderGap(now(), missed, longest).alarming


@pytest.mark.parametrize("hours", [1, 2, 11])
def test_nights_and_short_pauses_are_no_alarm(hours: int) -> None:
    counts = _rhythm(4, range(8, 20), 2)
    counts = counts[: len(counts) - 15]  # nine in the morning
    missed, longest = outage_detection.missed_orders(counts, hours) or (99, 0)
    assert not outage_detection.OrderGap(now(), missed, longest).alarming


def test_a_shop_that_often_has_gaps_alarms_later() -> None:
    counts = _rhythm(8, range(8, 20), 2)
    counts[200:215] = counts[500:515] = [0] * 15
    missed, longest = outage_detection.missed_orders(counts, 12) or (99, 0)
    assert longest > 10
    assert not outage_detection.OrderGap(now(), missed, longest).alarming


def test_one_great_sale_does_not_change_what_is_usual() -> None:
    counts = _rhythm(4, range(8, 20), 2)
    counts[3 * 168 + 10] = 2000
    counts = counts[: 3 * 168 + 12]
    missed, longest = outage_detection.missed_orders(counts, 1) or (99, 0)
    assert not outage_detection.OrderGap(now(), missed, longest).alarming


@pytest.mark.parametrize("counts", [[], [0] * 1344, [1] * 49, [1] * 200, [0] * 1200 + [9] * 144])
def test_too_few_orders_show_no_rhythm(counts: list[int]) -> None:
    assert outage_detection.missed_orders(counts, 99) is None


def test_an_outage_of_a_store_is_found_in_its_orders(fake: FakeShop, shop: RestReader, db: Db, config: Config) -> None:
    end = now() - timedelta(hours=30)
    db.orders.insert_many(
        {"_id": f"default:{n}", "store": "default", "order_id": n, "created_at": end - timedelta(minutes=30 * n)}
        for n in range(24 * 2 * 7 * 4)
    )
    gap = outage_detection.current_gap(db, "default", now())
    assert gap is not None
    assert gap.alarming
    assert gap.since == end
    report = compare(db, config, shop, now())
    assert report.outage is not None
    assert report.outage["alarming"]
    assert not report.in_sync
    assert outage_detection.current_gap(db, "north", now()) is None


# --- the schedule -------------------------------------------------------------------------------------------------


def test_a_due_shop_is_compared_and_repaired_by_one_process(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    earlier = (now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    fake.put_order(order(1, date_modified_gmt=earlier))
    (report,) = compare_due(db, config)
    assert [each["repair"] for each in report.orders] == ["created"]
    assert compare_due(db, config) == []
    due_at = db.comparisons.find_one({"_id": "default"})["due_at"]  # type: ignore[index]
    assert timedelta(minutes=14) < due_at - now() <= timedelta(minutes=15)
    db.comparisons.update_one({"_id": "default"}, {"$set": {"due_at": now()}})
    fake.requests.clear()
    assert compare_due(db, config)[0].in_sync
    assert "/wp-json/wc/v3/products" not in fake.requests


def test_what_one_comparison_left_open_is_open_in_the_next_until_it_is_repaired(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, known: Any
) -> None:
    """The comparison a quarter of an hour later looked at what had changed since, and said in sync."""
    known("product.created", product(1, "A", 10))
    fake.products = {1: product(1, "A", 12), 2: product(2, "", None, name="Hoodie", variations=[3])}
    earlier = (now() - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S")
    fake.put_order(order(1, line_items="broken", date_modified_gmt=earlier))
    fake.faults.append(lambda request: html(403) if request.path.endswith("/variations") else None)

    def due() -> Report:
        db.comparisons.update_one({"_id": "default"}, {"$set": {"due_at": now()}}, upsert=True)
        (report,) = compare_due(db, config)
        return report

    for _ in range(3):
        report = due()
        assert [(each["order_id"], each["repair"]) for each in report.orders] == [(1, "parked")]
        assert [(each["sku"], each["unexplained"]) for each in report.stock] == [("A", -2)]
        assert [each["what"] for each in report.unread] == ["the variations of product 2 (Hoodie)"]
        assert not report.in_sync
    assert report.since > now() - timedelta(hours=1), "what is open since long does not make it read everything since"
    fake.faults.clear()
    fake.products[1] = product(1, "A", 10)
    fake.put_order(order(1, date_modified_gmt=earlier))
    fake.variations[2] = [product(3, "H-S", 5)]
    report = due()
    assert [each["repair"] for each in report.orders] == ["created"]
    assert report.stock == []
    assert [each["what"] for each in report.unread] == ["the variations of product 2 (Hoodie)"], "until the next sweep"
    db.comparisons.update_one({"_id": "default"}, {"$unset": {"swept_at": ""}})
    assert due().in_sync


def test_what_is_open_is_kept_however_long_the_report_is(db: Db, config: Config) -> None:
    """A report that kept its first 500 orders lost the one that could not be repaired, and the next said in sync."""

    def kept(*repairs: str) -> report_of.LeftOpen:
        orders: Any = [{"order_id": number, "repair": repair} for number, repair in enumerate(repairs, 1)]
        keep(db, config, Report("default", LONG_AGO, now(), orders=orders), now())
        return report_of.left_open(last_report(db, "default"))

    assert kept(*["created"] * 600, "parked") == report_of.LeftOpen(orders={601})
    too_many = kept(*["parked"] * 503)
    assert len(too_many.orders) == 500
    assert [(each["what"], each["count"]) for each in too_many.unread] == [("3 more discrepancies of orders", 3)]


def test_an_order_that_is_repaired_while_orders_are_read_is_compared_once(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    """A repair saves the order, which moves it to the end of those saved since."""
    numbers = range(1, 121)  # more than the database gives at once
    bodies = [envelope("order.created", order(number)) for number in numbers]
    ingest.ingest(db, Stores(db, config).get("default"), bodies, now())
    for number in numbers:
        fake.put_order(order(number, customer_note="Ring twice"))
    report = compare(db, config, shop, now() - timedelta(minutes=5), repair=True)
    assert {each["repair"] for each in report.orders} == {"updated"}
    assert (report.compared, len(report.orders)) == (120, 120)


def test_a_comparison_cut_short_by_a_restart_is_due_at_once(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    with comparison_that_hangs(fake, db, config) as stopped:
        assert compare_due(db, config) == []
        stopped.stop()
        assert db.comparisons.find_one({"_id": "default"})["due_at"] <= now()  # type: ignore[index]


def test_a_shop_is_compared_by_one_process_however_long_that_takes(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    with comparison_that_hangs(fake, db, config):
        db.comparisons.update_one({"_id": "default"}, {"$set": {"due_at": now() + timedelta(seconds=5)}})
        wait_until(lambda: db.comparisons.count_documents({"due_at": {"$gt": now() + timedelta(minutes=9)}}) == 1)
        assert compare_due(db, config) == []
    assert db.comparisons.count_documents({"lease": {"$exists": True}}) == 0


def test_a_shop_that_is_down_is_looked_at_again_from_where_it_was(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_api.senders.woocommerce.rest.client._FIRST_PAUSE", 0.0)
    compare_due(db, config)
    until = comparisons.reconciled_until(db, "default")
    fake.faults.append(lambda _: html(503))
    db.comparisons.update_one({"_id": "default"}, {"$set": {"due_at": now()}})
    (report,) = compare_due(db, config)
    assert "503" in str(report.problem)
    assert comparisons.reconciled_until(db, "default") == until
    last = last_report(db, "default")
    assert last is not None
    assert last["problem"] == report.problem


def test_a_key_that_can_not_be_decrypted_is_a_problem_not_a_crash(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    (report,) = compare_due(db, replace(config, secrets_keys=()))
    assert "SECRETS_KEYS" in str(report.problem)


def test_a_list_that_is_no_list_is_a_problem_not_a_crash(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.faults.append(lambda request: answer({"id": 1}) if request.path.endswith("/orders") else None)
    assert "no list" in str(compare(db, config, shop).problem)


# --- over HTTP ----------------------------------------------------------------------------------------------------


def test_the_latest_report_is_there_for_staff(
    fake: FakeShop, shop: RestReader, db: Db, config: Config, client: FlaskClient, known: Any
) -> None:
    headers = {"Authorization": f"Bearer {token_claims.token(config.jwt_secret, 'anna', 'viewer')[0]}"}
    assert client.get("/api/stores/default/drift").status_code == 401
    assert client.get("/api/stores/north/drift", headers=headers).status_code == 404
    assert client.get("/api/stores/default/drift", headers=headers).status_code == 404
    known("product.created", product(1, "A", 10))
    fake.products = {1: product(1, "A", 12.5), 2: product(2, "B", 3)}
    fake.webhooks = {1: webhook(1, status="disabled")}
    fake.plugins = []
    fake.put_order(order(7))
    known("order.created", order(8, total="12.50"))
    compare(db, config, shop, repair=True)
    reply = client.get("/api/stores/default/drift", headers=headers)
    assert reply.status_code == 200
    assert reply.json is not None
    drift = reply.json["data"]
    assert {each["number"]: (each["problem"], each["repair"]) for each in drift["orders"]} == {
        "7": ("missing", "created"),
        "8": ("gone", "updated"),
    }
    assert drift["orders"][1]["here"]["total"] == "12.50"
    assert {each["sku"]: each["unexplained"] for each in drift["stock"]} == {"A": -2.5, "B": 3}
    assert [each["sender"] for each in drift["senders"]] == ["webhook", "plugin"]
    assert drift["in_step"] is False
    assert SECRET not in reply.text
