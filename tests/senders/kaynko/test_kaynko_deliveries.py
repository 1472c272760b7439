"""A Kaynko till sends to the service: who is let in, what each event does, and what can't be used."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.inbox.body_erasure import entries_about, erase_bodies
from pos_api.inbox.replay import replay_entries
from pos_api.senders import kept_reports
from pos_api.stores import settings
from tests.factories import Shop, assert_books_balance, stock_of
from tests.factories import product as shop_product
from tests.senders.kaynko.till import (
    SAMPLE_SALE,
    Till,
    add_till,
    debt,
    item,
    product,
    sale,
    sent_at,
    session,
    signature,
    stock,
    void,
)
from tests.waiting import wait_until
from tests.web.api.test_products import as_


@pytest.fixture
def tills(config: Config, db: Db, client: FlaskClient) -> list[Till]:
    """Two tills, the second without a currency, and products in stock."""
    made = [
        Till(client, "till-1", add_till(db, config, "till-1", timezone="Africa/Lusaka")),
        Till(client, "till-2", add_till(db, config, "till-2", currency="")),
    ]
    client.application.extensions["pos"].stores._read_at = float("-inf")
    stock(db, "SKU-001", "A", "B")
    return made


@pytest.fixture
def till(tills: list[Till]) -> Till:
    return tills[0]


def _order(db: Db, key: str = "till-1:42") -> dict[str, Any]:
    return db.orders.find_one({"_id": key}) or {}


def _payments(db: Db) -> list[dict[str, Any]]:
    return list(db.payments.find().sort("_id", 1))


# --- who is let in ----------------------------------------------------------------------------------------------


def test_only_what_a_secret_of_the_till_has_signed_is_taken(tills: list[Till], db: Db) -> None:
    till = tills[0]
    body = json.dumps(SAMPLE_SALE).encode()
    right = signature(body, till.secret)
    assert till.send(SAMPLE_SALE, secret="").status_code == 401, "not signed"
    assert till.send(SAMPLE_SALE, secret="wrong").status_code == 401
    assert till.send(SAMPLE_SALE, secret=tills[1].secret).status_code == 401, "another till's secret at this address"
    assert till.send(body.replace(b"15.5", b"1.55"), **{"X-Kaynko-Signature": right}).status_code == 401, "altered"
    assert till.send(body[:-20], **{"X-Kaynko-Signature": right}).status_code == 401, "cut short"
    assert till.send(body, **{"X-Kaynko-Signature": right.removeprefix("sha256=")}).status_code == 401
    assert till.send(body, **{"X-Kaynko-Signature": "sha256=\u00e4"}).status_code == 401
    for scheme in ("X-WC-Webhook-Signature", "X-Till-Signature", "Stripe-Signature", "X-Webhook-Signature"):
        assert till.send(body, **{"X-Kaynko-Signature": "", scheme: right}).status_code == 401, "another kind's header"
    assert till.send(SAMPLE_SALE, path="/api/webhooks/kaynko/default").status_code == 401, "a store of another kind"
    assert db.inbox.count_documents({}) == 0
    assert till.send(body, **{"X-Kaynko-Signature": right}).get_json()["data"]["outcome"] == "created"
    assert db.inbox.count_documents({"store": "till-1", "topic": "sale.completed", "resource_id": "42"}) == 1
    assert till.secret not in repr(list(db.inbox.find()))
    assert right not in repr(list(db.inbox.find())), "a signature is stored nowhere"


def test_a_body_over_the_limit_leaves_a_trace_where_it_is_signed(till: Till, db: Db) -> None:
    body = b'{"event": "sale.completed", "data": {"saleId": 42, "x": "' + b"x" * (3 * 1024 * 1024) + b'"}}'
    assert till.send(body, secret="").status_code == 401
    assert till.send(body, secret="wrong").status_code == 401
    assert till.send(body).status_code == 413
    [entry] = db.inbox.find()
    assert (entry["state"], entry["topic"], entry["resource_id"]) == ("parked", "sale.completed", "42")


@pytest.mark.parametrize(
    ("message", "header"),
    [
        ({"event": "ping"}, "ping"),
        ({"event": "webhook.test", "data": {}}, "webhook.test"),
        (b"", "ping"),
        (b"{}", "test_event"),
        ({"event": "test.ping", "timestamp": "2026-06-11T14:30:00.000Z"}, ""),
    ],
)
def test_the_apps_test_is_answered_200_and_stored_nowhere(message: Any, header: str, till: Till, db: Db) -> None:
    for secret in ("", None, "wrong"):
        assert till.send(message, secret=secret, **{"X-Kaynko-Event": header}).status_code == 200
    assert db.inbox.count_documents({}) == 0


def test_no_event_about_something_passes_for_a_test(till: Till, db: Db) -> None:
    hidden = {"data": {"event": "ping", **SAMPLE_SALE["data"]}, "event": "sale.completed"}
    for name in ("", "ping", "sale.completed"):
        assert till.send(hidden, secret="", **{"X-Kaynko-Event": name}).status_code == 401
    assert till.send({"event": "price.latest"}, secret="").status_code == 401, "no word of it is `test`"
    assert till.send(hidden, **{"X-Kaynko-Event": "ping"}).get_json()["data"]["outcome"] == "created"


def test_an_event_that_is_not_known_is_kept_as_ignored(till: Till, db: Db) -> None:
    for message in ({"event": "stock.counted", "data": {"id": 5}}, {"event": "shift.swapped", "data": None}):
        assert till.outcome(message) == "ignored"
    assert db.inbox.count_documents({"outcome": "ignored"}) == 2


# --- sales ------------------------------------------------------------------------------------------------------


def test_the_guides_sale_is_an_order_its_payment_and_cash(till: Till, db: Db, client: FlaskClient) -> None:
    data = till.send(SAMPLE_SALE).get_json()["data"]
    assert (data["outcome"], data["order"], data["warnings"]) == ("created", "till-1:42", [])
    order = _order(db)
    assert (order["number"], order["status"], order["day"]) == ("KNK-0042", "completed", "2026-06-11")
    assert (str(order["total"]), str(order["total_tax"]), str(order["discount_total"])) == ("15.50", "0.00", "0.00")
    assert (order["currency"], order["payment_method"], order["counts_as_sale"]) == ("USD", "cash", True)
    assert order["billing"] == {"first_name": "Jane Smith"}
    [line] = order["line_items"]
    assert (line["product"], line["quantity"], str(line["price"]), str(line["total"])) == ("SKU-001", 2, "3.50", "7.00")
    assert stock_of(db)["SKU-001"] == 8
    [payment] = _payments(db)
    assert (payment["_id"], payment["order"], payment["status"]) == ("till-1:sale-42", "till-1:42", "completed")
    assert (str(payment["amount"]), payment["method"], payment["reference"]) == ("15.50", "cash", "KNK-0042")
    [cash] = db.cash_movements.find()
    assert (cash["_id"], str(cash["amount"]), cash["kind"]) == ("till-1:sale-42", "15.50", "sale")
    assert "Jane" not in repr(list(db.reports.find())), "a person's name is in the order and in the inbox alone"
    assert_books_balance(db)


def test_the_day_is_that_of_the_tills_time_zone(till: Till, db: Db) -> None:
    late = {**SAMPLE_SALE["data"], "createdAt": "2026-06-11T22:30:00.000Z"}
    till.outcome({**SAMPLE_SALE, "data": late})
    assert (_order(db)["day"], _order(db)["hour"]) == ("2026-06-12", 0)


def test_the_same_sale_twice_is_one_whatever_bytes_it_comes_in(till: Till, db: Db) -> None:
    assert till.outcome(SAMPLE_SALE) == "created"
    assert till.outcome(SAMPLE_SALE) == "duplicate"
    for again in (
        {**SAMPLE_SALE, "timestamp": sent_at(59)},
        {**SAMPLE_SALE, "data": dict(reversed(SAMPLE_SALE["data"].items()))},
        {**SAMPLE_SALE, "data": {**SAMPLE_SALE["data"], "total": 15.50, "customerName": "Jane Smith"}},
    ):
        assert till.outcome(again) in ("unchanged", "duplicate")
    order = _order(db)
    assert (order["rev"], order["warnings"], stock_of(db)["SKU-001"]) == (1, [], 8)
    assert (db.payments.count_documents({}), db.cash_movements.count_documents({})) == (1, 1)


def test_another_tills_sale_of_the_same_number_is_another_sale(tills: list[Till], db: Db) -> None:
    assert [each.outcome(SAMPLE_SALE) for each in tills] == ["created", "created"]
    assert sorted(each["_id"] for each in db.orders.find()) == ["till-1:42", "till-2:42"]
    assert stock_of(db)["SKU-001"] == 6


def test_the_deliveries_of_a_sale_are_found_when_its_order_is_erased(till: Till, db: Db) -> None:
    for written in (6, 7.0, "8", " 009 ", "x" * 60, "K\0-7"):
        till.send(_changed(saleId=written))
        till.send(_changed(saleId=written, total="unreadable"))
    for order in db.orders.find():
        assert erase_bodies(db, entries_about([order["_id"]], noun="order")) == 2, order["_id"]
    assert "Jane" not in repr(list(db.inbox.find()))


def test_the_same_sale_with_other_content_is_an_update_with_a_warning(till: Till, db: Db) -> None:
    till.outcome(sale(1, item("A", 3), sent=30, customerName="Jane"))
    reply = till.send(sale(1, item("A", 1), item("B", 2), sent=40, total=9.9, customerName="Joe")).get_json()["data"]
    assert (reply["outcome"], reply["warnings"]) == (
        "updated",
        ["It was reported with 2 different contents; the newest counts."],
    )
    assert till.outcome(sale(1, item("A", 9), sent=35, customerName="Jim")) == "updated", "an older one, later"
    order = _order(db, "till-1:1")
    assert [(each["sku"], each["quantity"]) for each in order["line_items"]] == [("A", 1), ("B", 2)]
    assert (str(order["total"]), order["billing"]["first_name"]) == ("9.90", "Joe")
    assert [each["code"] for each in order["warnings"]] == ["reported_differently"]
    assert [(each["_id"], str(each["amount"])) for each in _payments(db)] == [("till-1:sale-1", "9.90")]
    assert (stock_of(db)["A"], stock_of(db)["B"]) == (9, 8)
    assert_books_balance(db)


def test_a_line_without_a_code_moves_no_stock_and_is_a_warning(till: Till, db: Db) -> None:
    reply = till.send(sale(1, item(None, 3), item("  ", 1), item("A"), item("NEW"))).get_json()["data"]
    assert [each["code"] for each in reply["warning_codes"]] == ["unknown_sku", "line_without_sku", "line_without_sku"]
    assert stock_of(db) == {"SKU-001": 10, "A": 9, "B": 10}
    assert len(_order(db, "till-1:1")["line_items"]) == 4


def test_what_is_sold_on_credit_is_owed_and_no_payment(till: Till, db: Db, client: FlaskClient) -> None:
    till.outcome(sale(1, item("A"), paymentMethod="credit"))
    order = _order(db, "till-1:1")
    assert (order["counts_as_sale"], order["paid_at"], _payments(db)) == (True, None, [])
    assert db.cash_movements.count_documents({}) == 0
    till.outcome(sale(2, item("B")))
    for number, paid, owed in ((1, "0", "15.50"), (2, "15.50", "0")):
        shown = client.get(f"/api/webhooks/orders/till-1:{number}", headers=as_("viewer")).get_json()["data"]
        assert (Decimal(shown["paid"]), Decimal(shown["owed"])) == (Decimal(paid), Decimal(owed))
    till.outcome(void(2))
    [figures] = client.get("/api/webhooks/orders/stats", headers=as_("viewer")).get_json()["data"]["currencies"]
    assert figures["orders_count"] == 1, "what was sold on credit is a sale, what was voided is none"
    till.outcome(void(1, paymentMethod="credit"))
    assert (_order(db, "till-1:1")["status"], stock_of(db)["A"]) == ("voided", 10)
    assert [each["_id"] for each in _payments(db)] == ["till-1:sale-2"]


def test_figures_add_up_to_the_totals_that_the_till_reported(till: Till, client: FlaskClient) -> None:
    for message in (
        sale(1, item("A", 2), total=15.5, vatAmount=2.1),
        sale(2, item("A", 1, lineTotal=0.1), item(None, 3), total=0.1, discountAmount=0.2),
        sale(3, item("B"), total=100, paymentMethod="credit"),
        sale(4, item("B"), total=50),
        void(4),
        void(9),
    ):
        till.outcome(message)
    [figures] = client.get("/api/webhooks/orders/stats", headers=as_("viewer")).get_json()["data"]["currencies"]
    assert (figures["orders_count"], figures["num_items_sold"]) == (3, 7)
    assert [Decimal(figures[name]) for name in ("total_sales", "taxes", "net_revenue")] == [
        Decimal("115.6"),
        Decimal("2.10"),
        Decimal("113.5"),
    ]


def test_a_sale_corrected_to_credit_has_its_payment_canceled_and_no_cash(till: Till, db: Db) -> None:
    till.outcome(sale(1, item("A"), sent=30))
    till.outcome(sale(1, item("A"), sent=40, paymentMethod="credit"))
    assert [each["status"] for each in _payments(db)] == ["canceled"]
    assert [str(each["amount"]) for each in db.cash_movements.find()] == ["0"]


# --- voids ------------------------------------------------------------------------------------------------------


def test_a_void_gives_back_what_the_sale_took_and_its_payment_is_refunded(till: Till, db: Db) -> None:
    till.outcome(sale(1, item("A", 3), item(None)))
    till.outcome(void(1))
    order, [payment] = _order(db, "till-1:1"), _payments(db)
    assert (order["status"], order["stage"], order["counts_as_sale"]) == ("voided", "cancelled", False)
    assert (payment["status"], str(payment["amount"]), str(payment["refunded"])) == ("refunded", "15.50", "15.50")
    assert [(each["kind"], str(each["amount"])) for each in db.cash_movements.find().sort("_id", 1)] == [
        ("sale", "15.50"),
        ("void", "-15.50"),
    ]
    assert stock_of(db)["A"] == 10
    assert till.outcome(void(1)) == "duplicate"
    assert_books_balance(db)


def test_a_void_waits_for_its_sale_which_stays_void(till: Till, db: Db) -> None:
    assert till.outcome(void(1)) == "created"
    assert (_payments(db), db.cash_movements.count_documents({})) == ([], 0), "nothing came in that could go back"
    assert till.outcome(sale(1, item("A", 3))) == "updated"
    assert till.outcome(sale(1, item("A", 2), sent=90)) == "updated", "completed again after its void"
    assert till.outcome(sale(1, item("A", 2), sent=95)) in ("unchanged", "updated")
    order, [payment] = _order(db, "till-1:1"), _payments(db)
    assert (order["status"], order["counts_as_sale"], len(order["line_items"])) == ("voided", False, 1)
    assert (payment["status"], stock_of(db)["A"]) == ("refunded", 10)
    assert sum(each["amount"].to_decimal() for each in db.cash_movements.find()) == 0


def test_a_void_of_an_order_with_an_odd_field_is_not_lost(till: Till, db: Db) -> None:
    till.outcome(sale(1, item("A")))
    odd = void(1, total="much", currency="???", paymentMethod=["cash"], voidedAt="yesterday", voidedByCashierId=None)
    assert till.outcome(odd) == "updated"
    assert (_order(db, "till-1:1")["status"], _order(db, "till-1:1")["currency"]) == ("voided", "USD")
    assert [each["status"] for each in _payments(db)] == ["refunded"]


# --- sessions, debts and products -------------------------------------------------------------------------------


def test_a_session_is_known_by_either_report(till: Till, db: Db) -> None:
    assert till.outcome(session(5, "closed", 187.5)) == "created"
    assert till.outcome(session(5, "opened", 20.0)) == "updated"
    [known] = db.cash_sessions.find()
    assert (known["_id"], str(known["opening_cash"]), str(known["counted_cash"])) == ("till-1:5", "20.00", "187.50")
    assert known["currency"] == "USD"
    reply = till.send(session(5, "closed", 180, sent=5)).get_json()["data"]
    assert [each["code"] for each in reply["warning_codes"]] == ["reported_differently"]


def test_each_instalment_of_a_debt_is_a_payment_and_the_same_again_is_none(till: Till, db: Db) -> None:
    assert till.outcome(debt(7, 50.0, sent=20)) == "created"
    assert till.outcome(debt(7, 50.0, sent=20)) == "duplicate"
    assert till.outcome(debt(7, 50.00, sent=20, note="other bytes, the same payment")) == "unchanged"
    assert till.outcome(debt(7, 50.0, sent=21)) == "created"
    assert till.outcome(debt(8, 50.0, sent=20)) == "created"
    found = _payments(db)
    assert [(str(each["amount"]), each["method"], each["reference"]) for each in found] == [
        ("50.00", "cash", "debt-7"),
        ("50.00", "cash", "debt-7"),
        ("50.00", "cash", "debt-8"),
    ]
    assert all(each["order"] is None and each["currency"] == "USD" for each in found)
    assert [each["is_assumed"] for each in db.cash_movements.find()] == [True] * 3


def test_instalments_of_a_till_whose_clock_is_wrong_are_distinguished(till: Till, db: Db) -> None:
    for written in ("2099-01-01T10:00:00Z", "2099-01-01T11:00:00Z", "noon", 5):
        assert till.outcome({**debt(7, 50.0), "timestamp": written}) == "created"
    assert till.outcome({**debt(7, 50.0, note="other bytes"), "timestamp": "noon"}) == "unchanged"
    assert (len(_payments(db)), db.cash_movements.count_documents({})) == (4, 4)


def test_a_debt_is_no_cash_where_the_tills_setting_says_so(db: Db, config: Config, client: FlaskClient) -> None:
    till = Till(client, "till-3", add_till(db, config, "till-3", debts_in_cash=False))
    client.application.extensions["pos"].stores._read_at = float("-inf")
    till.outcome(debt())
    assert [each["method"] for each in _payments(db)] == [""]
    assert [str(each["amount"]) for each in db.cash_movements.find()] == ["0"]


def test_a_debt_paid_in_no_known_currency_is_parked_with_the_command_to_run(
    tills: list[Till], db: Db, config: Config, client: FlaskClient
) -> None:
    reply = tills[1].send(debt())
    assert reply.status_code == 422
    assert "pos-api store set till-2 --currency CODE" in reply.get_json()["error"]["message"]
    assert (db.inbox.count_documents({"state": "parked"}), _payments(db)) == (1, [])
    settings.update_store(db, config, "till-2", currency="ZMW")
    client.application.extensions["pos"].stores._read_at = float("-inf")
    key = reply.get_json()["error"]["details"]["event_key"]
    replay_entries(db, [key])
    wait_until(lambda: db.inbox.find_one({"_id": key, "state": "done"}), 10)
    assert [(str(each["amount"]), each["currency"]) for each in _payments(db)] == [("50.00", "ZMW")]


def test_a_tills_product_is_linked_and_never_changes_the_stock(till: Till, db: Db) -> None:
    assert till.outcome(product(1, "A", "Apples of the till")) == "updated"
    till.outcome(sale(1, item("A", 1)))
    assert till.outcome(product(1, "A", "Apples")) == "updated"
    assert till.outcome(product(1, "A-2", "Apples")) == "updated"
    assert stock_of(db) == {"SKU-001": 10, "A": 9, "B": 10}
    known = db.products.find_one({"_id": "A"}) or {}
    assert (known["sku"], known["name"], known["external_ids"]) == ("A-2", "Apples", ["till-1:1"])
    assert_books_balance(db)


def test_a_till_makes_no_product_as_it_does_not_say_how_many_there_are(till: Till, shop: Shop, db: Db) -> None:
    reply = till.send(product(22, "NEW")).get_json()["data"]
    assert (reply["outcome"], reply["warning_codes"][0]["code"]) == ("ignored", "stock_not_managed")
    assert "NEW" not in stock_of(db)
    assert shop.deliver("product.created", shop_product(12, "NEW", 7)).status_code == 200
    assert till.outcome(product(22, "NEW", "As the till calls it")) == "updated"
    till.outcome(sale(1, item("NEW", 2)))
    assert stock_of(db)["NEW"] == 5, "whichever reported the product first"
    assert_books_balance(db)


def test_a_report_too_many_is_parked_and_answered_so(till: Till, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_reports, "MOST_REPORTS", 2)
    replies = [till.send(sale(1, item("A", units), sent=units)) for units in (1, 2, 3)]
    assert [reply.status_code for reply in replies] == [200, 200, 422]
    [parked] = db.inbox.find({"state": "parked"})
    assert replies[-1].get_json()["error"]["details"]["event_key"] == parked["_id"]
    assert stock_of(db)["A"] == 8


def test_an_older_report_of_a_product_changes_nothing(till: Till, db: Db) -> None:
    till.outcome(product(1, "A", "New", sent=20))
    assert till.outcome(product(1, "A", "Old", sent=10)) == "stale"
    assert (db.products.find_one({"_id": "A"}) or {})["name"] == "New"


@pytest.mark.parametrize("code", [None, "", "   "])
def test_a_product_without_a_code_is_ignored_with_a_warning(code: str | None, till: Till, db: Db) -> None:
    reply = till.send(product(22, code)).get_json()["data"]
    assert (reply["outcome"], reply["warning_codes"][0]["code"]) == ("ignored", "product_without_sku")


def test_a_product_of_the_shop_keeps_its_name_and_its_stock(till: Till, shop: Shop, db: Db) -> None:
    assert shop.deliver("product.created", shop_product(12, "SHOP", 7)).status_code == 200
    assert till.outcome(product(3, "SHOP", "As the till calls it")) == "updated"
    known = db.products.find_one({"_id": "SHOP"}) or {}
    assert (known["name"], known["stock"]) == ("Product SHOP", 7)
    assert known["external_ids"] == ["default:12", "till-1:3"]
    assert till.outcome(product(3, "SHOP", "Once more")) == "unchanged"
    assert (db.products.find_one({"_id": "SHOP"}) or {})["stock"] == 7


def test_a_sessions_expected_cash_is_what_came_in_and_went_out_while_it_was_open(
    till: Till, tills: list[Till], client: FlaskClient
) -> None:
    for message in (
        sale(1, item("A"), made=5, total=99),
        session(5, "opened", 20.0, sent=10),
        sale(2, item("A"), made=20, total=125),
        sale(3, item("A"), made=25, total=30, paymentMethod="card"),
        sale(4, item("A"), made=26, total=70, paymentMethod="credit"),
        sale(5, item("B"), made=9, total=15.5),
        void(5, sent=30),
        debt(7, 50, sent=40),
        session(5, "closed", 187.5, sent=60),
        sale(6, item("A"), made=61, total=44),
        session(6, "opened", 10, sent=70),
        void(2, sent=80),
    ):
        till.outcome(message)
    tills[1].outcome(sale(9, item("A"), made=20, total=1000))
    reply = client.get("/api/cash-sessions?store=till-1", headers=as_("viewer")).get_json()["data"]
    shown = [
        (each["id"], *(each[name] for name in ("expected_cash", "assumed_cash", "counted_cash", "difference")))
        for each in reply
    ]
    assert shown == [
        ("till-1:6", "-115.00", "0.00", None, None),
        ("till-1:5", "179.50", "50.00", "187.50", "8.00"),
    ]


# --- what can't be used -----------------------------------------------------------------------------------------


def _changed(**changes: Any) -> dict[str, Any]:
    return {**SAMPLE_SALE, "data": {**SAMPLE_SALE["data"], **changes}}


_SOME = {"productName": "x", "productCode": "A", "unitPrice": 1, "lineTotal": 1}


_UNUSABLE: list[tuple[Any, str]] = [
    (_changed(total="a lot"), "data.total"),
    (_changed(total=None), "data.total"),
    (_changed(total=-1), "data.total"),
    (_changed(total=1e300), "data.total"),
    (_changed(total=[15.5]), "data.total"),
    (_changed(total=True), "data.total"),
    (_changed(saleId=None), "data.saleId"),
    (_changed(saleId=2**63), "data.saleId"),
    (_changed(saleId="x" * 100), "data.saleId"),
    (_changed(saleId="x" * 2000), "data.saleId"),
    (_changed(saleId={"a": 1}), "data.saleId"),
    (_changed(currency="XYZ"), "data.currency"),
    (_changed(items=None), "data.items"),
    (_changed(items="none"), "data.items"),
    (_changed(items={}), "data.items"),
    (_changed(items=[None]), "data.items.0"),
    (_changed(items=[_SOME]), "data.items.0.quantity"),
    (_changed(items=[{**_SOME, "quantity": "two"}]), "data.items.0.quantity"),
    (_changed(items=[{**_SOME, "quantity": -1}]), "data.items.0.quantity"),
    (_changed(items=[{**_SOME, "quantity": 1e10}]), "data.items.0.quantity"),
    (_changed(items=[{**_SOME, "quantity": None}]), "data.items.0.quantity"),
    (_changed(items=[{**_SOME, "quantity": 1}] * 2001), "data.items"),
    ({**SAMPLE_SALE, "data": [1]}, "data"),
    ({**SAMPLE_SALE, "data": None}, "data"),
    ({"data": SAMPLE_SALE["data"]}, "event"),
    ({**SAMPLE_SALE, "event": 5}, "event"),
    (debt(7, 0), "data.paymentAmount"),
    (debt(7, -5), "data.paymentAmount"),
    (debt(7, "x"), "data.paymentAmount"),
    (session(5, "opened", None), "data.openingCash"),
    (session(5, "closed", "x"), "data.closingCash"),
    (void(42, saleId="x" * 99), "data.saleId"),
]
"""What can't be used, and the field for which it can't; one test has them all, as a service for each takes long."""


def test_what_can_not_be_used_is_parked_and_answered_422_with_the_field(till: Till, db: Db) -> None:
    for message, field in _UNUSABLE:
        reply = till.send(message)
        assert reply.status_code == 422, (message, reply.text)
        details = reply.get_json()["error"]["details"]
        assert list(details["fields"]) == [field], message
        entry = db.inbox.find_one({"_id": details["event_key"]}) or {}
        assert (entry["state"], db.orders.count_documents({})) == ("parked", 0)


_NO_JSON = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"event": "sale.completed", "data": {"saleId": 1, "total": NaN}}',
    b'{"event": "sale.completed", "data": {"saleId": 1, "total": Infinity}}',
    b'{"event": "sale.completed", "data": {"saleId": 1, "saleId": 2}}',
    b'{"event": "sale.completed", "data": {"saleId": ' + b"9" * 5000 + b"}}",
    b'{"event": "sale.completed", "data": ' + b"[" * 600 + b"]" * 600 + b"}",
    b"\xff\xfe",
    json.dumps(SAMPLE_SALE).encode()[:-30],
]


def test_a_signed_body_that_is_no_json_is_parked(till: Till, db: Db) -> None:
    for number, body in enumerate(_NO_JSON, 1):
        assert till.send(body).status_code == 422, body[:80]
        assert db.inbox.count_documents({"state": "parked", "store": "till-1"}) == number


@pytest.mark.parametrize(
    ("sent", "kept"), [("15.50", "15.50"), ("0.1", "0.10"), ("1e2", "100.00"), ('"15.50"', "15.50")]
)
def test_numbers_are_read_digit_by_digit(sent: str, kept: str, till: Till, db: Db) -> None:
    body = json.dumps(SAMPLE_SALE).replace('"total": 15.5', f'"total": {sent}').encode()
    assert till.send(body).status_code == 200
    assert str(_order(db)["total"]) == str(_payments(db)[0]["amount"]) == kept


def test_more_digits_than_a_float_has_are_kept(till: Till, db: Db) -> None:
    exact = "123456789012345.123456789012345678"
    body = json.dumps(SAMPLE_SALE).replace('"total": 15.5', f'"total": {exact}').encode()
    assert till.send(body).status_code == 200
    assert _payments(db)[0]["amount"].to_decimal() == Decimal(exact)


def test_one_odd_field_costs_no_sale(till: Till, db: Db) -> None:
    odd = copy.deepcopy(SAMPLE_SALE)
    odd["data"] |= {
        "receiptNumber": "K\0" * 600,
        "discountAmount": "none",
        "vatAmount": [],
        "paymentMethod": {"a": 1},
        "customerName": ["Jane"],
        "customerType": 5.5,
        "createdAt": "9999-12-31T23:59:59Z",
        "cashierId": None,
        "subtotal": "x",
    }
    odd["data"]["items"] = [item("A", 1.5, unitPrice="?", lineTotal={}), item("B" * 500, "2"), item(None, 0)]
    odd["timestamp"] = "soon"
    assert till.outcome(odd) == "created"
    order = _order(db)
    assert (str(order["total"]), stock_of(db)["A"]) == ("15.50", 8.5)
    fields = {each["values"]["field"] for each in order["warnings"] if "field" in each["values"]}
    assert {"createdAt", "timestamp", "paymentMethod", "discountAmount", "customerName"} <= fields
    assert "Jane" not in repr(order)


def test_a_sale_of_2000_lines_is_taken(till: Till, db: Db) -> None:
    assert till.outcome(sale(1, *[item("A", 1)] * 1000, *[item(None)] * 1000)) == "created"
    order = _order(db, "till-1:1")
    assert (len(order["line_items"]), stock_of(db)["A"]) == (2000, -990)
    assert len(order["warnings"]) == 200
