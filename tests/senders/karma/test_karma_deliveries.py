"""Karma sends to the service: who is let in, what each event does, and what can't be used."""

from __future__ import annotations

import json
import shutil
import subprocess
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stores import secrets, settings
from tests.factories import assert_books_balance, stock_of
from tests.senders.karma.app import (
    LUNCH,
    SALAD,
    App,
    add_app,
    emitted_at,
    event,
    inventory,
    line,
    link,
    order,
    purchase,
    refund,
    signature,
    stock,
    tab,
)


@pytest.fixture
def apps(config: Config, db: Db, client: FlaskClient) -> list[App]:
    """Two stores of Karma, the second without a currency, and products of which one is linked to an item of each."""
    made = [
        App(client, "karma-1", add_app(db, config, "karma-1", timezone="Europe/Stockholm")),
        App(client, "karma-2", add_app(db, config, "karma-2", currency="")),
    ]
    client.application.extensions["pos"].stores._read_at = float("-inf")
    stock(db, "SALAD", "SOUP")
    for each in made:
        link(db, each.store, SALAD=12345)
    return made


@pytest.fixture
def karma(apps: list[App]) -> App:
    return apps[0]


def _order(db: Db, key: str = "karma-1:ord_12345") -> dict[str, Any]:
    return db.orders.find_one({"_id": key}) or {}


def _sale(db: Db) -> dict[str, Any]:
    return _order(db, "karma-1:12345")


def _payment(db: Db) -> dict[str, Any]:
    return db.payments.find_one({"_id": "karma-1:12345"}) or {}


def _amounts(stored: dict[str, Any], *names: str) -> list[str]:
    return [str(stored[name]) for name in names]


# --- who is let in ----------------------------------------------------------------------------------------------


def test_only_what_a_secret_of_the_store_has_signed_is_taken(apps: list[App], db: Db) -> None:
    karma = apps[0]
    body = json.dumps(order("created")).encode()
    right = signature(body, karma.secret)
    assert karma.send(body, secret="").status_code == 401, "not signed"
    assert karma.send(body, secret="wrong").status_code == 401
    assert karma.send(body, secret=apps[1].secret).status_code == 401, "another store's secret at this address"
    assert karma.send(body.replace(b"14500", b"14501"), **{"X-Webhook-Signature": right}).status_code == 401, "altered"
    assert karma.send(body[:-20], **{"X-Webhook-Signature": right}).status_code == 401, "cut short"
    assert karma.send(body, **{"X-Webhook-Signature": right.upper()}).status_code == 401, "another form"
    assert karma.send(body, **{"X-Webhook-Signature": f"sha256={right}"}).status_code == 401, "another form"
    assert karma.send(body, **{"X-Webhook-Signature": "\u00e4"}).status_code == 401
    for scheme in ("X-WC-Webhook-Signature", "X-Till-Signature", "Stripe-Signature", "X-Kaynko-Signature"):
        assert karma.send(body, secret="", **{scheme: right}).status_code == 401, "another kind's header"
    assert karma.send(body, path="/api/webhooks/karma/default").status_code == 401, "a store of another kind"
    assert db.inbox.count_documents({}) == 0
    assert karma.send(body).get_json()["data"]["outcome"] == "created"
    assert db.inbox.count_documents({"store": "karma-1", "topic": "order.created", "resource_id": "ord_12345"}) == 1
    assert karma.secret not in repr(list(db.inbox.find()))
    assert right not in repr(list(db.inbox.find())), "a signature is stored nowhere"


def test_the_signature_alone_shows_the_store_at_both_addresses(
    apps: list[App], config: Config, db: Db, client: FlaskClient
) -> None:
    till = settings.add_store(db, config, "till-1", kind="kaynko")[1]
    client.application.extensions["pos"].stores._read_at = float("-inf")
    for path in ("/api/webhooks/karma", "/webhooks/karma"):
        assert apps[0].send(order("created"), path=path, secret=till).status_code == 401, "a secret of another kind"
        for each in apps:
            assert each.send(order("created"), path=path).status_code == 200
    assert sorted(each["_id"] for each in db.orders.find()) == ["karma-1:ord_12345", "karma-2:ord_12345"]
    former = apps[0].secret
    apps[0].secret = secrets.rotate_secret(db, config, "karma-1")
    client.application.extensions["pos"].stores._read_at = float("-inf")
    for secret in (former, apps[0].secret):
        assert apps[0].send(order("updated"), secret=secret).status_code == 200, "both count during a rotation"


_PYTHON = """
import hashlib, hmac, sys
secret, signature, payload = sys.argv[1].encode(), sys.argv[2], sys.stdin.buffer.read()
expected = hmac.new(secret, payload, hashlib.sha256).hexdigest()
print(expected if hmac.compare_digest(expected, signature) else "refused")
"""
_NODE = """
const crypto = require("crypto");
const [secret, signature] = process.argv.slice(1);
const expected = crypto.createHmac("sha256", secret).update(require("fs").readFileSync(0)).digest("hex");
const same = crypto.timingSafeEqual(Buffer.from(expected), Buffer.from(signature));
console.log(same ? expected : "refused");
"""
"""Receivers of Karma's webhooks as its guide describes them, which print the signature that they expect."""


@pytest.mark.parametrize(("program", "code"), [("python3", _PYTHON), ("node", _NODE)])
def test_a_receiver_after_the_guide_and_the_service_expect_the_same_signature(
    karma: App, program: str, code: str
) -> None:
    if not (path := shutil.which(program)):
        pytest.skip(f"{program} is not installed")
    body = json.dumps(purchase(pspResponseRef="Åsa 日本"), ensure_ascii=False).encode()
    command = [path, "-c" if program == "python3" else "-e", code, karma.secret, signature(body, karma.secret)]
    expected = subprocess.run(command, input=body, capture_output=True, check=True).stdout.decode().strip()
    assert expected == signature(body, karma.secret)
    assert karma.send(body, secret="", **{"X-Webhook-Signature": expected}).status_code == 200


# --- orders -----------------------------------------------------------------------------------------------------


def test_an_order_holds_stock_of_the_products_its_items_are_linked_to_and_is_no_sale(karma: App, db: Db) -> None:
    assert karma.outcome(order("created")) == "created"
    stored = _order(db)
    assert (stored["number"], stored["tab"], stored["status"], stored["stage"]) == (
        *("ord_12345", "tab_67890", "sent", "open"),
    )
    assert (stored["counts_as_sale"], stored["day"], stored["currency"]) == (False, "2026-01-25", "SEK")
    assert stored["total"].to_decimal() == Decimal("360.00"), "2 × (145.00 + 35.00)"
    [salad] = stored["line_items"]
    assert salad["product"] == "SALAD"
    assert _amounts(salad, "price", "total") == ["180.00", "360.00"]
    assert salad["meta"] == [{"key": "Extra Chicken", "value": "35.00"}]
    assert stock_of(db) == {"SALAD": 8, "SOUP": 10}
    assert_books_balance(db)


def test_a_completed_order_keeps_its_units_and_a_cancelled_one_gives_them_back(karma: App, db: Db) -> None:
    for number in (1, 2):
        karma.send(order("created", id=f"ord_{number}"))
    assert karma.outcome(order("completed", 40, id="ord_1")) == "updated"
    assert karma.outcome(order("cancelled", 40, id="ord_2")) == "updated"
    assert [_order(db, f"karma-1:ord_{number}")["stage"] for number in (1, 2)] == ["completed", "cancelled"]
    assert stock_of(db)["SALAD"] == 8
    assert karma.outcome(order("updated", 35, id="ord_2", state="ready")) == "updated"
    assert _order(db, "karma-1:ord_2")["status"] == "cancelled", "an older report changes nothing of that"
    assert stock_of(db)["SALAD"] == 8
    assert_books_balance(db)


def test_a_partial_update_that_comes_before_its_created_is_kept_and_merged(karma: App, db: Db) -> None:
    assert karma.outcome(order("updated", 40, state="ready", items=[{**SALAD, "quantity": 3}])) == "created"
    assert stock_of(db)["SALAD"] == 7
    assert karma.outcome(order("created", 30)) == "updated"
    stored = _order(db)
    assert (stored["status"], stored["created_via"], stored["line_items"][0]["quantity"]) == ("ready", "QR", 3)
    assert stored["created_at"].isoformat() == "2026-01-25T14:30:00+00:00"
    assert stock_of(db)["SALAD"] == 7


def test_the_same_event_under_another_id_changes_nothing(karma: App, db: Db) -> None:
    for message in (order("created"), order("updated", 40, state="ready"), order("created"), purchase(), purchase()):
        karma.send(message)
    assert karma.outcome(order("created")) == "unchanged"
    assert karma.outcome(purchase()) == "unchanged"
    assert _order(db)["status"] == "ready"
    assert stock_of(db)["SALAD"] == 8
    assert db.payments.count_documents({}) == 1
    assert_books_balance(db)


def test_an_unlinked_item_is_warned_of_and_is_not_moved_by_this_order(karma: App, db: Db, client: FlaskClient) -> None:
    soup = {**SALAD, "itemId": 7, "title": "Soup", "variants": []}
    reply = karma.send(order("created", items=[SALAD | {"id": 2}, soup])).get_json()["data"]
    assert reply["outcome"] == "created"
    assert reply["warnings"] == ["Item 7 is linked to no product here; this order does not move its stock."]
    link(db, "karma-1", SOUP=7)
    karma.send(order("updated", 40, items=[SALAD | {"id": 2}, soup]))
    assert stock_of(db) == {"SALAD": 8, "SOUP": 10}, "linked later counts for later orders"
    assert _order(db)["unlinked"] == [7]
    assert karma.outcome(order("created", id="ord_2", items=[soup])) == "created"
    assert stock_of(db) == {"SALAD": 8, "SOUP": 8}
    assert "unlinked" not in _order(db, "karma-1:ord_2")
    assert_books_balance(db)


def test_the_same_item_of_another_store_is_another_item(apps: list[App], db: Db) -> None:
    link(db, "karma-2", SOUP=12345)
    for each in apps:
        each.send(order("created"))
    assert stock_of(db) == {"SALAD": 8, "SOUP": 8}
    assert "currency" not in _order(db, "karma-2:ord_12345")


# --- purchases --------------------------------------------------------------------------------------------------


def test_a_purchase_is_a_sale_and_the_payment_of_it(karma: App, db: Db) -> None:
    assert karma.outcome(purchase()) == "created"
    sale, payment = _sale(db), _payment(db)
    assert (sale["counts_as_sale"], sale["held"], sale["number"], sale["tab"]) == (True, [], "12345", "tab_67890")
    assert _amounts(sale, "total", "total_tax", "tip") == ["145.00", "15.60", "20.00"]
    [rate] = sale["tax_lines"]
    assert (rate["rate_percent"], str(rate["tax_total"])) == ("12", "15.60"), "as sent: 145.00 at 12 % is 15.54"
    assert _amounts(payment, "amount", "tip", "refunded") == ["165.00", "20.00", "0.00"]
    assert [payment[name] for name in ("order", "status", "method", "reference", "tab")] == [
        *("karma-1:12345", "completed", "stripe", "pi_abc123", "tab_67890"),
    ]
    assert stock_of(db) == {"SALAD": 10, "SOUP": 10}, "the order holds them, not the purchase"


def test_lines_of_any_type_add_up_to_what_was_paid(karma: App, db: Db) -> None:
    lines = [
        line(1, 10000, 2500, 2000),
        line(2, -1500, 2500, -300, type="discount"),
        line(3, 700, 1200, 75, type="fee"),
        line(4, -2000, 0, 0, type="voucher"),
        line(5, 3, 0, 0, type="rounding"),
        line(6, 1000, 0, 0, type="tip"),
    ]
    karma.send(purchase(lines))
    sale, payment = _sale(db), _payment(db)
    assert _amounts(payment, "amount", "tip") == ["82.03", "10.00"]
    assert _amounts(sale, "total", "total_tax", "tip") == ["72.03", "17.75", "10.00"]
    assert [str(each["total"]) for each in sale["fee_lines"]] == ["-12.00", "6.25", "-20.00", "0.03"]
    assert {each["rate_percent"]: str(each["tax_total"]) for each in sale["tax_lines"]} == {
        "0": "0.00",
        "12": "0.75",
        "25": "17.00",
    }


def test_vat_of_a_tip_is_tax_and_no_tip(karma: App, db: Db) -> None:
    karma.send(purchase([line(1, 10000, 2500, 2000), line(2, 1000, 2500, 200, type="tip")]))
    assert _amounts(_sale(db), "total", "total_tax", "tip") == ["102.00", "22.00", "8.00"]
    assert _amounts(_payment(db), "amount", "tip") == ["110.00", "8.00"]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_refund_of_the_same_lines_is_the_whole_whatever_its_signs(karma: App, db: Db, sign: int) -> None:
    karma.send(purchase())
    whole = [{**each, "finalAmountCents": sign * each["finalAmountCents"]} for each in LUNCH]
    assert karma.outcome(refund(whole)) == "updated"
    assert karma.outcome(refund(whole, minute=55)) == "updated", "sent again"
    sale, payment = _sale(db), _payment(db)
    assert (sale["stage"], payment["status"], str(payment["refunded"])) == ("refunded", "refunded", "165.00")
    [back] = sale["refunds"]
    assert str(back["amount"]) == "145.00"
    assert [str(each["total"]) for each in back["taxes"]] == ["15.60"]
    assert (str(sale["tip"]), str(payment["tip"])) == ("0.00", "20.00"), "what is left of it, and what was paid"


def test_a_refund_of_some_lines_is_of_those_and_more_than_was_paid_is_parked(karma: App, db: Db) -> None:
    karma.send(purchase([line(1, 10000, 2500, 2000), line(2, 5000, 1200, 536), line(3, 1000, 0, 0, type="tip")]))
    assert karma.outcome(refund([line(2, -5000, 1200, -536)], minute=50)) == "updated"
    assert _payment(db)["status"] == "partially_refunded"
    assert karma.outcome(refund([line(1, 4000, 2500, 800)], minute=51)) == "updated"
    assert str(_payment(db)["refunded"]) == "90.00"
    for unsure in (
        refund([line(2, 1)], minute=52),
        refund([line(1, 6001)], minute=52),
        refund([line(9, 100)], minute=52),
        refund([line(1, 100), line(3, -100)], minute=52),
        refund([line(1, 4000, 2500, 800)], minute=53),
        refund([line(1, 100, vat=9000)], minute=52),
        refund([line(1, 0)], minute=52),
    ):
        reply = karma.send(unsure)
        assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (200, "parked"), unsure
    assert str(_payment(db)["refunded"]) == "90.00"
    assert [str(each["amount"]) for each in _sale(db)["refunds"]] == ["50.00", "40.00"]
    assert db.inbox.count_documents({"state": "parked"}) == 7


def test_a_refund_before_its_purchase_waits_and_is_parked_if_it_turns_out_unusable(karma: App, db: Db) -> None:
    reply = karma.send(refund(LUNCH[1:])).get_json()
    assert (reply["data"]["outcome"], reply["message"]) == ("ignored", "Kept until the rest of it comes")
    assert [each["code"] for each in reply["data"]["warning_codes"]] == ["waits_for_rest"]
    assert karma.outcome(refund([line(9, 100)])) == "ignored"
    assert karma.outcome(purchase()) == "updated"
    assert str(_payment(db)["refunded"]) == "20.00"
    [parked] = db.inbox.find({"state": "parked"})
    assert parked["reason"] == "Line 9 is no line of the purchase."


# --- tabs -------------------------------------------------------------------------------------------------------


def test_a_tab_has_the_state_and_amounts_that_were_reported_last(karma: App, db: Db) -> None:
    assert karma.outcome(tab("payment_received", 40, paidAmountCents=10000)) == "created"
    assert karma.outcome(tab("opened", 0, latestState="opened", createdAt=emitted_at(0))) == "updated"
    stored = db.tabs.find_one({"_id": "karma-1:tab_67890"}) or {}
    assert (stored["state"], str(stored["paid"])) == ("open", "100.00")
    assert karma.outcome(tab("closed")) == "updated"
    karma.send(tab("payment_received", 61, latestState="open"))
    stored = db.tabs.find_one({"_id": "karma-1:tab_67890"}) or {}
    assert stored["state"] == "closed"
    assert _amounts(stored, "total", "paid", "tip") == ["360.00", "360.00", "20.00"]
    assert stored["closed_at"].isoformat() == "2026-01-25T15:00:00+00:00"


# --- items ------------------------------------------------------------------------------------------------------


def test_an_item_is_available_as_reported_last_and_its_deletion_leaves_the_product(karma: App, db: Db) -> None:
    assert karma.outcome(inventory("created", 1, id=5, name="Soup", available=True)) == "created"
    assert karma.outcome(inventory("availability_changed", 20, id=5, available=False)) == "updated"
    assert karma.outcome(inventory("availability_changed", 10, id=5, available=True)) == "stale"
    item = db.items.find_one({"_id": "karma-1:5"}) or {}
    assert (item["name"], item["available"], item["exists"]) == ("Soup", False, True)
    link(db, "karma-1", SOUP=5)
    assert karma.outcome(inventory("deleted", 30, id=5)) == "updated"
    assert (db.items.find_one({"_id": "karma-1:5"}) or {})["exists"] is False
    assert "archived" not in (db.products.find_one({"_id": "SOUP"}) or {})
    karma.send(order("created", items=[{**SALAD, "itemId": 5}]))
    assert stock_of(db)["SOUP"] == 8, "the order is real"
    assert karma.outcome(inventory("updated", 40, id=5, title="Soup of the day")) == "updated"
    assert (db.items.find_one({"_id": "karma-1:5"}) or {})["exists"] is True


def test_an_item_that_only_orders_name_can_be_seen_and_linked(karma: App, db: Db) -> None:
    karma.send(order("created", items=[{**SALAD, "itemId": 99, "title": "Cake"}]))
    item = db.items.find_one({"_id": "karma-1:99"}) or {}
    assert item["name"] == "Cake"
    assert item.keys().isdisjoint({"exists", "available"}), "an order does not say that"


# --- what can't be used -----------------------------------------------------------------------------------------


def test_events_that_are_not_known_are_ignored_whatever_they_hold(karma: App, db: Db) -> None:
    for message in (
        event("serving_center.created", "7", {"id": 7}, 1),
        event("api_key.deleted", "7", {}, 1),
        {"event": "order.printed", "data": [1], "resourceId": None},
    ):
        assert karma.outcome(message) == "ignored"
    assert db.inbox.count_documents({"outcome": "ignored"}) == 3


_UNUSABLE = [
    b"",
    b"\xff",
    b"[]",
    b'{"event": "order.created"',
    b'{"event": "order.created", "event": "order.updated"}',
    b'{"event": ""}',
    b'{"event": "order.created", "resourceId": "ord_1", "data": []}',
    b'{"event": "order.created", "data": {}}',
    b'{"event": "order.created", "resourceId": "ord_1", "data": {"id": "ord_2"}}',
    b'{"event": "order.created", "resourceId": "12345", "data": {"items": []}}',
    b'{"event": "order.created", "resourceId": "ord_1", "data": {"items": [{"id": 1, "quantity": "two"}]}}',
    b'{"event": "order.created", "resourceId": "ord_1", "data": {"items": [{"id": 1}]}}',
    b'{"event": "purchase.confirmed", "resourceId": "x", "data": {"lineItems": [{"finalAmountCents": 1}]}}',
    b'{"event": "purchase.confirmed", "resourceId": "1", "data": {}}',
    b'{"event": "purchase.confirmed", "resourceId": "1", "data": {"lineItems": [{"id": 1}]}}',
    b'{"event": "purchase.confirmed", "resourceId": "1", "data": {"lineItems": [{"finalAmountCents": 1.5}]}}',
    b'{"event": "purchase.refunded", "resourceId": "1", "data": {"state": "refunded"}}',
    b'{"event": "inventory.deleted", "resourceId": "abc", "data": {}}',
    b"[" * 100_000,
    b'{"event": "order.created", "resourceId": "' + b"x" * 200 + b'", "data": {}}',
]


def test_what_can_not_be_used_is_parked_and_answered_200(karma: App, db: Db) -> None:
    for body in _UNUSABLE:
        reply = karma.send(body)
        assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (200, "parked"), (body[:200], reply.text)
    assert db.inbox.count_documents({"state": "parked"}) == len(_UNUSABLE)
    assert db.orders.count_documents({}) + db.payments.count_documents({}) == 0


def test_one_odd_field_costs_no_order_and_no_purchase(karma: App, db: Db) -> None:
    odd = {**SALAD, "title": ["?"], "price": "much", "variants": "none", "id": {}}
    reply = karma.send(order("created", items=[odd], state={}, createdAt="yesterday", source=5, tabId=None))
    assert reply.get_json()["data"]["outcome"] == "created"
    assert {each["code"] for each in _order(db)["warnings"]} == {"field_left_out"}
    assert stock_of(db)["SALAD"] == 8
    lines = [{**LUNCH[0], "vatAmountCents": None, "vatRateBasisPoints": "12 %", "quantity": [], "id": None}]
    reply = karma.send(purchase(lines, psp={}, purchasedAt=[], tabId={}))
    assert reply.get_json()["data"]["outcome"] == "created"
    assert _amounts(_payment(db), "amount") == ["145.00"]
    assert _payment(db)["paid_at"].isoformat() == "2026-01-25T14:35:00+00:00", "when it was emitted"


@pytest.mark.parametrize(
    "message",
    [tab("opened", paidAmountCents="much"), inventory("availability_changed", available="perhaps")],
    ids=["tab", "item"],
)
def test_an_odd_field_of_a_tab_or_an_item_is_warned_of(message: dict[str, Any], karma: App, db: Db) -> None:
    answer = karma.send(message).get_json()["data"]
    assert [each["code"] for each in answer["warning_codes"]] == ["field_left_out"]
    assert db.tabs.count_documents({"warnings": {"$exists": True}}) == 0


def test_a_purchase_without_a_currency_has_the_stores_or_is_parked(apps: list[App], db: Db) -> None:
    without = purchase()
    del without["data"]["currencyCode"]
    assert [each.outcome(without) for each in apps] == ["created", "parked"]
    assert _payment(db)["currency"] == "SEK"
    assert apps[1].outcome(purchase(id=2)) == "created"
    assert apps[0].outcome(purchase(id=3, currencyCode="XYZ1")) == "parked"


def test_a_purchase_in_a_currency_without_decimals_is_in_hundredths_too(karma: App, db: Db) -> None:
    karma.send(purchase([line(1, 145000)], currencyCode="ISK"))
    assert _amounts(_payment(db), "amount", "currency") == ["1450.00", "ISK"]


def test_a_clock_that_is_far_ahead_does_not_outrank_what_comes_later(karma: App, db: Db) -> None:
    karma.send(order("created"))
    karma.send({**order("updated", state="ahead"), "timestamp": "2999-01-01T00:00:00.000Z"})
    stored = _order(db)
    assert stored["status"] == "ahead"
    assert stored["modified_at"].year < 2100


def test_a_date_that_has_not_come_yet_is_left_out(karma: App, db: Db) -> None:
    karma.send(purchase(purchasedAt="2999-01-01T00:00:00.000Z"))
    karma.send(order("created", createdAt="2999-01-01T00:00:00.000Z"))
    assert (_sale(db)["day"], _order(db)["day"]) == ("2026-01-25", "2026-01-25")


def test_the_latest_report_of_each_field_counts_by_the_time_it_was_emitted(karma: App, db: Db) -> None:
    for message in (
        order("updated", 50, state="ready"),
        order("updated", 40, state="preparing", source="Kiosk"),
        order("created", 30),
    ):
        karma.send(message)
    stored = _order(db)
    assert (stored["status"], stored["created_via"]) == ("ready", "Kiosk")
    assert emitted_at(50).startswith(stored["modified_at"].isoformat()[:16])
