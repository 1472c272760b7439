"""Payments over HTTP, as staff and spreadsheets read them, and what of an order is paid."""

from __future__ import annotations

import csv
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128
from flask import Flask
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import reach
from pos_api.database.client import Db
from pos_api.errors import Conflict
from pos_api.payments import account, queries
from pos_api.payments.apply import apply, apply_tab
from pos_api.payments.model import PaymentUpdate, TabUpdate, order_key_by_id, order_key_by_transaction
from pos_api.staff import audit, token_claims
from pos_api.stores import settings
from pos_api.stores.key_management import add_key
from pos_api.stores.removal import remove_store
from tests.factories import Shop, line, order
from tests.web.api.test_orders import STAFF, conforms, data

PATH = "/api/payments"


def as_(role: str) -> dict[str, str]:
    """The header of somebody of this role."""
    return {"Authorization": f"Bearer {token_claims.token('test-jwt-secret-of-more-than-32-bytes', 'eva', role)[0]}"}


VIEWER = as_("viewer")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def payment(name: str = "p1", amount: str = "12.50", minute: int = 0, store: str = "pay", **more: Any) -> PaymentUpdate:
    """A payment that was made so many minutes past noon."""
    at = NOON + timedelta(minutes=minute)
    fields: dict[str, Any] = {"status": "completed", "currency": "SEK", "paid_at": at, "method": "card"}
    return PaymentUpdate(
        store, name, 1, f"entry-{name}", now(), amount=Decimal128(amount), reference=f"ref-{name}", **fields | more
    )


@pytest.fixture
def provider(app: Flask, db: Db) -> str:
    """A store that takes payments for orders of the default one."""
    settings = {"orders_of": "default"}
    db.stores.insert_one({"_id": "pay", "name": "Pay", "kind": "stripe", "settings": settings, "keys": []})
    app.extensions["pos"].stores._read_at = float("-inf")
    return "pay"


def listed(client: FlaskClient, query: str = "") -> list[str]:
    return [each["external_id"] for each in data(client.get(f"{PATH}{query}", headers=STAFF))]


def test_a_payment_is_shown_with_exactly_these_fields(client: FlaskClient, db: Db) -> None:
    apply(db, payment(wanted=(order_key_by_id("default", "9"),)))
    reply = client.get(f"{PATH}/pay:p1", headers=VIEWER)
    conforms(client, reply, f"{PATH}/{{payment}}")
    assert data(reply) == {
        "id": "pay:p1",
        "store": "pay",
        "external_id": "p1",
        "order": None,
        "status": "completed",
        "amount": "12.50",
        "refunded": "0.00",
        "tip": "0.00",
        "currency": "SEK",
        "method": "card",
        "reference": "ref-p1",
        "paid_at": "2026-11-22T12:00:00Z",
        "matched_by": None,
        "named": [{"store": "default", "by": "order", "name": "9"}],
        "candidates": [],
        "changes": [{"change": "completed", "at": None, "cause": "entry-p1"}],
    }
    assert data(client.get(f"{PATH}/pay:p2", headers=VIEWER), 404)["code"] == "not_found"
    assert client.get(PATH).status_code == 401


def test_what_applies_to_a_payment_alone_is_shown_where_it_does(client: FlaskClient, db: Db) -> None:
    apply_tab(db, TabUpdate("karma", "tab_1", 1, "open", paid=Decimal128("5.00")))
    more: dict[str, Any] = {"method_is_assumed": True, "reason": "declined", "details": {"amount_kas": "3.1"}}
    apply(db, payment("p1", tab="tab_1", store="karma", status="failed", paid_at=None, **more))
    apply(db, payment("p2", tab="tab_2", store="karma"))
    first, second = (data(client.get(f"{PATH}/karma:{name}", headers=STAFF)) for name in ("p1", "p2"))
    assert {name: first[name] for name in more} == more
    assert first["paid_at"] is None
    unknown = {"state": None, "total": None, "paid": None, "tip": None}
    tab = {"id": "karma:tab_1", "external_id": "tab_1", **unknown, "state": "open", "paid": "5.00"}
    assert first["tab"] == tab
    assert second["tab"] == {"id": "karma:tab_2", "external_id": "tab_2", **unknown}
    reply = client.get(PATH, headers=STAFF)
    conforms(client, reply, PATH)
    assert [each.get("tab") for each in data(reply)] == [tab, second["tab"]]


def test_amounts_have_the_decimals_of_the_payment_and_of_the_order(client: FlaskClient, shop: Shop, db: Db) -> None:
    apply(db, payment("p1", "1500", currency="JPY"))
    apply(db, payment("p2", "12.50", tip=Decimal128("1.5"), refunded=Decimal128("0.0")))
    rows = {row["external_id"]: row for row in data(client.get(PATH, headers=STAFF))}
    assert [(rows[name]["refunded"], rows[name]["tip"]) for name in ("p1", "p2")] == [("0", "0"), ("0.00", "1.50")]
    shop.outcome("order.created", order(7, line("A"), total="12.50"))
    shop.outcome("order.created", order(8, line("A"), total="1500", currency="JPY"))
    for number, zero in ((7, "0.00"), (8, "0")):
        shown = data(client.get(f"/api/webhooks/orders/{number}", headers=STAFF))
        assert (shown["paid"], shown["tip"]) == (zero, zero)
    exported = client.get("/api/webhooks/orders", headers=STAFF | {"Accept": "text/csv"}).text
    amounts = {row["order"]: (row["tip"], row["refunded"]) for row in csv.DictReader(exported.splitlines())}
    assert amounts == {"default:7": ("0.00", "0.00"), "default:8": ("0", "0")}


def test_a_flood_of_claims_hides_no_payment_that_was_made(
    client: FlaskClient, shop: Shop, db: Db, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_PAGE", 3)
    shop.outcome("order.created", order(7, line("A"), total="12.50"))
    wanted = (order_key_by_id("default", "7"),)
    apply(db, payment("made", wanted=wanted))
    for number in range(1, 6):
        apply(db, payment(f"claim-{number}", minute=number, status="unverified", wanted=wanted))
    shown = data(client.get("/api/webhooks/orders/default:7", headers=STAFF))
    assert [each["external_id"] for each in shown["payments"]] == ["made", "claim-3", "claim-4", "claim-5"]
    assert (shown["paid"], shown["owed"]) == ("12.50", "0.00")
    of_orders = queries.of_orders(db, ["default:7"])["default:7"]
    assert [each["status"] for each in of_orders] == ["completed", "unverified"], "one of any number of claims"


def test_each_filter_lists_its_payments_newest_first(client: FlaskClient, shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(7, line("A"), number="S-77"))
    apply(db, payment("p1", minute=1, wanted=(order_key_by_id("default", "7"),)))
    apply(db, payment("p2", minute=2, store="other", method="cash", status="unverified"))
    apply(db, payment("p3", minute=3))
    assert listed(client) == ["p3", "p2", "p1"]
    for query, expected in {
        "store=other": ["p2"],
        "status=unverified": ["p2"],
        "method=card": ["p3", "p1"],
        "order=7": ["p1"],
        "order=default:7": ["p1"],
        "order=8": [],
        "order=none": ["p3", "p2"],
        "q=p3": ["p3"],
        "q=REF-p2": ["p2"],
        "q=S-77": ["p1"],
        "from=2026-11-22T12:02:00Z": ["p3", "p2"],
        "to=2026-11-22T12:02:00Z": ["p2", "p1"],
        "from=2026-11-22&to=2026-11-22": ["p3", "p2", "p1"],
        "to=2026-11-21": [],
        "from=2026-11-23": [],
        "store=pay&order=none&method=card": ["p3"],
    }.items():
        assert listed(client, f"?{query}") == expected, query
    for query, status in {"status=paid": 422, "from=yesterday": 422, "cursor=x": 400}.items():
        assert client.get(f"{PATH}?{query}", headers=STAFF).status_code == status


def test_pages_lead_through_all_payments_once(client: FlaskClient, db: Db) -> None:
    for number in range(7):
        apply(db, payment(f"p{number}", minute=number // 3))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        reply = client.get(f"{PATH}?limit=2&cursor={cursor}".removesuffix("&cursor="), headers=STAFF)
        seen += [each["external_id"] for each in data(reply)]
        cursor = reply.get_json()["page"]["next"]
    assert seen == [f"p{number}" for number in range(6, -1, -1)]


def test_a_spreadsheet_gets_all_payments_and_the_audit_has_it(client: FlaskClient, db: Db) -> None:
    apply(db, payment("=1+1", "-3.50", paid_at=None))
    apply(db, payment("p2", "110.00", tip=Decimal128("10"), minute=1))
    reply = client.get(f"{PATH}?limit=1&store=pay", headers=VIEWER | {"Accept": "text/csv"})
    assert (reply.status_code, reply.mimetype) == (200, "text/csv")
    rows = {row["payment"]: row for row in csv.DictReader(reply.text.splitlines())}
    assert (rows["pay:p2"]["amount"], rows["pay:p2"]["tip"], rows["pay:p2"]["order"]) == ("110.00", "10.00", "")
    assert (rows["pay:=1+1"]["external_id"], rows["pay:=1+1"]["amount"]) == ("'=1+1", "-3.50")
    [entry] = audit.find(db, audit.Filter(action="payments.exported"))
    assert entry["details"] == {"store": "pay"}


def test_each_filter_stays_on_an_index_with_the_lists_order(db: Db) -> None:
    for number in range(40):
        apply(db, payment(f"p{number}", minute=number))
    for wanted in (
        queries.Filter(),
        queries.Filter(store="pay"),
        queries.Filter(status="completed"),
        queries.Filter(method="card"),
        queries.Filter(order=queries.NO_ORDER),
        queries.Filter(words="ref-p7"),
    ):
        query = queries._query(db, wanted)
        (way,) = queries._ways(query)
        found = db.payments.find(query).sort([("listed_at", -1), ("_id", -1)]).hint(way.index).limit(5)
        explained = found.explain()["executionStats"]
        assert explained["totalDocsExamined"] <= 5
        assert "COLLSCAN" not in str(explained)


def test_a_page_with_several_filters_looks_at_a_number_of_payments_and_the_next_goes_on(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        apply(db, payment(f"p{number}", minute=number))
    db.payments.update_many({"external_id": {"$in": ["p3", "p30", "p31"]}}, {"$set": {"method": "coin"}})
    db.payments.update_many({"external_id": {"$in": ["p3", "p20", "p21"]}}, {"$set": {"status": "failed"}})
    monkeypatch.setattr(reach, "MOST_LOOKED_AT", 2)
    found, last = queries.find(db, queries.Filter(method="coin", status="failed"), 5)
    assert (found, last is None) == ([], False)
    found, last = queries.find(db, queries.Filter(method="coin", status="failed"), 5, last)
    assert ([each["external_id"] for each in found], last) == (["p3"], None)
    wanted = queries.Filter(store="pay", status="completed", method="card", words="ref-p7")
    for way in queries._ways(queries._query(db, wanted)):
        plan = db.payments.find(way.query, {"listed_at": 1}).sort([("listed_at", -1), ("_id", -1)]).hint(way.index)
        assert plan.limit(3).explain()["executionStats"]["totalDocsExamined"] == 0, way


@pytest.mark.usefixtures("provider")
def test_an_order_shows_its_payments_and_what_is_owed(client: FlaskClient, shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(7, line("A"), number="S-77", total="12.50"))
    apply(db, payment("p1", "5.00", wanted=(order_key_by_id("default", "S-77"),)))
    apply(db, payment("p2", "3.00", minute=1, wanted=(order_key_by_id("default", "7"),)))
    for headers in (STAFF, VIEWER):
        reply = client.get("/api/webhooks/orders/7", headers=headers)
        conforms(client, reply, "/api/webhooks/orders/{order}")
        shown = data(reply)
        assert [each["external_id"] for each in shown["payments"]] == ["p1", "p2"]
        assert (shown["paid"], shown["owed"], shown["discrepancies"]) == ("8.00", "4.50", [])
        assert {name: shown[name] for name in ("store", "kind", "external_id", "number", "tip")} == {
            "store": "default",
            "kind": "woocommerce",
            "external_id": "7",
            "number": "S-77",
            "tip": "0.00",
        }


@pytest.mark.usefixtures("provider")
def test_a_payment_that_never_came_or_came_twice_is_shown_on_its_order(client: FlaskClient, shop: Shop, db: Db) -> None:
    paid: dict[str, Any] = {
        "payment_method": "stripe_cc",
        "payment_method_title": "Card",
        "date_paid_gmt": "2026-11-22T12:00:00",
    }
    shop.outcome("order.created", order(7, line("A"), **paid))
    assert _discrepancies(client) == ["payment_missing"]
    for number, expected in enumerate([[], ["paid_twice"]]):
        apply(db, payment(f"p{number}", wanted=(order_key_by_id("default", "7"),)))
        assert _discrepancies(client) == expected


@pytest.mark.usefixtures("provider")
def test_all_orders_whose_payments_do_not_fit_are_found_a_page_at_a_time(
    client: FlaskClient, shop: Shop, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "MOST_EXAMINED", 4)
    monkeypatch.setattr(account, "_AT_ONCE", 2)
    for number in range(1, 10):
        created = {"date_created_gmt": f"2026-11-2{number // 5}T0{number}:00:00", "payment_method": "stripe"}
        paid = {"date_paid_gmt": "2026-11-22T12:00:00"} if number in (1, 2, 9) else {}
        shop.outcome("order.created", order(number, line("A")) | created | paid)
    apply(db, payment("p2", wanted=(order_key_by_id("default", "2"),)))
    seen, sizes, cursor = [], [], ""
    while cursor is not None:
        query = f"?limit=2&cursor={cursor}".removesuffix("&cursor=")
        reply = client.get(f"{PATH}/discrepancies{query}", headers=VIEWER)
        conforms(client, reply, f"{PATH}/discrepancies")
        seen += [(each["number"], each["discrepancies"][0]["code"]) for each in data(reply)]
        sizes.append(len(data(reply)))
        cursor = reply.get_json()["page"]["next"]
    assert seen == [("9", "payment_missing"), ("1", "payment_missing")]
    assert sizes == [1, 0, 1], "each page looks at four orders"
    for query, expected in {"from=2026-11-21": ["9"], "to=2026-11-20": ["1"], "store=pay": []}.items():
        rows = data(client.get(f"{PATH}/discrepancies?{query}", headers=STAFF))
        assert [each["number"] for each in rows] == expected


def test_no_payment_is_missed_from_before_its_provider_was_added(
    client: FlaskClient, shop: Shop, db: Db, config: Config
) -> None:
    settings.add_store(db, config, "pay", kind="stripe", of_kind={"orders_of": "default"})
    client.application.extensions["pos"].stores._read_at = float("-inf")
    shop.outcome("order.created", order(7, line("A"), payment_method="stripe", date_paid_gmt="2020-11-22T12:00:00"))
    assert _discrepancies(client) == []
    db.audit.delete_many({})  # it is not kept for ever
    assert _discrepancies(client) == []
    db.stores.update_one({"_id": "pay"}, {"$set": {"created_at": datetime(2020, 11, 22, 11, tzinfo=UTC)}})
    with suppress(Conflict):
        settings.add_store(db, config, "pay", kind="stripe")
    client.application.extensions["pos"].stores._read_at = float("-inf")
    assert _discrepancies(client) == ["payment_missing"]


def _discrepancies(client: FlaskClient) -> list[str]:
    return [each["code"] for each in data(client.get("/api/webhooks/orders/7", headers=STAFF))["discrepancies"]]


def test_every_order_has_its_kind_its_id_as_text_a_number_and_a_tip(client: FlaskClient, shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(7, line("A")))
    extra = {"store": "karma", "_id": "karma:5", "order_id": "5", "tab": "tab_1", "tip": Decimal128("2.00")}
    stored = db.orders.find_one({"_id": "default:7"})
    assert stored is not None
    db.orders.insert_one({**{name: stored[name] for name in stored if name != "number"}, **extra})
    db.stores.insert_one({"_id": "karma", "name": "Bar", "kind": "karma", "keys": []})
    apply_tab(db, TabUpdate("karma", "tab_1", 1, "open"))
    client.application.extensions["pos"].stores._read_at = float("-inf")
    wanted = {"kind": "karma", "external_id": "5", "number": "5", "tip": "2.00"}
    replies = [client.get(f"/api/webhooks/orders{path}", headers=STAFF) for path in ("/karma:5", "?store=karma")]
    customer = client.get("/api/customers/anna@example.se", headers=STAFF).get_json()["data"]
    of_customer = next(each for each in customer["orders"] if each["store"] == "karma")
    for shown in (data(replies[0]), data(replies[1])[0], of_customer):
        assert {name: shown[name] for name in wanted} == wanted
        assert (shown["tab"]["id"], shown["tab"]["state"]) == ("karma:tab_1", "open")
    exported = client.get("/api/webhooks/orders?store=karma", headers=STAFF | {"Accept": "text/csv"})
    [row] = csv.DictReader(exported.text.splitlines())
    assert {name: row[name] for name in wanted} == wanted
    of_person = data(client.get("/api/customers/anna@example.se/export", headers=as_("admin")))["orders"]
    assert [{name: each[name] for name in wanted} for each in of_person if each["store"] == "karma"] == [wanted]


def test_a_store_that_payments_or_anything_else_came_from_is_not_removed(db: Db) -> None:
    for name in ("pay", "till", "subs", "app"):
        db.stores.insert_one({"_id": name, "name": name, "keys": []})
    apply(db, payment())
    db.cash_sessions.insert_one({"_id": "till:1", "store": "till"})
    db.customer_subscriptions.insert_one({"_id": "subs:1", "store": "subs"})
    db.reports.insert_one({"_id": "app:1", "store": "app"})
    for name in ("pay", "till", "subs", "app"):
        with pytest.raises(Conflict):
            remove_store(db, name)


def test_a_payment_says_how_it_is_matched_with_its_order(client: FlaskClient, shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(7, line("A"), number="S-77", transaction_id="tx_1"))
    ways = {
        "order_id": [order_key_by_id("default", "7")],
        "number": [order_key_by_id("default", "S-77")],
        "transaction": [order_key_by_transaction("default", "tx_1"), order_key_by_id("default", "7")],
    }
    for way, wanted in ways.items():
        apply(db, payment(way, wanted=tuple(wanted)))
        assert data(client.get(f"{PATH}/pay:{way}", headers=VIEWER))["matched_by"] == way
    apply(db, payment("own", store="default", order="default:7"))
    assert data(client.get(f"{PATH}/default:own", headers=VIEWER))["matched_by"] == "store"
    both = (order_key_by_id("default", "S-77"), order_key_by_id("default", "8"))
    apply(db, replace(payment("number", wanted=both), sequence=2))
    db.orders.update_one({"_id": "default:7"}, {"$set": {"number": "renamed"}})
    assert data(client.get(f"{PATH}/pay:number", headers=VIEWER))["matched_by"] == "earlier"


def test_who_sees_no_transaction_id_of_an_order_sees_none_that_a_payment_names(
    client: FlaskClient, db: Db, config: Config
) -> None:
    wanted = (order_key_by_transaction("default", "tx_1"), order_key_by_id("default", "7"))
    apply(db, payment("p1", wanted=wanted))
    reader = {"X-API-Key": add_key(db, config, "default", scopes=["read"])}
    client.application.extensions["pos"].stores.read_again()
    for headers, name in ((VIEWER, None), (reader, None), (STAFF, "tx_1"), (as_("admin"), "tx_1")):
        named = data(client.get(f"{PATH}/pay:p1", headers=headers))["named"]
        assert named == [
            {"store": "default", "by": "transaction", "name": name},
            {"store": "default", "by": "order", "name": "7"},
        ]


def test_a_spreadsheet_gets_all_discrepancies_over_several_reads_and_the_audit_has_it(
    client: FlaskClient, shop: Shop, db: Db, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "MOST_EXAMINED", 4)
    monkeypatch.setattr(account, "_AT_ONCE", 2)
    for number in range(1, 8):
        shop.outcome("order.created", order(number, line("A"), total="12.50"))
        apply(db, payment(f"a{number}", wanted=(order_key_by_id("default", str(number)),)))
    for number in (1, 6):
        apply(db, payment(f"b{number}", wanted=(order_key_by_id("default", str(number)),)))
    reply = client.get(f"{PATH}/discrepancies?store=default", headers=VIEWER | {"Accept": "text/csv"})
    assert (reply.status_code, reply.mimetype) == (200, "text/csv")
    rows = list(csv.DictReader(reply.text.splitlines()))
    assert [(row["order"], row["code"], row["paid"]) for row in rows] == [
        ("default:6", "paid_twice", "25.00"),
        ("default:1", "paid_twice", "25.00"),
    ]
    assert rows[0]["message"] == "2 payments of 25.00 in all have come, and the order is of 12.50."
    [entry] = audit.find(db, audit.Filter(action="payments.exported"))
    assert entry["details"] == {"discrepancies": True, "store": "default"}
