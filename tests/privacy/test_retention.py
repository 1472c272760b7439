"""What is not kept of people, what goes after a time, and what a viewer does not see."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from bson import Decimal128
from flask import Flask
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.customers.erasures import Erasures
from pos_api.database.client import Db
from pos_api.figures import queries as stats
from pos_api.inbox import finishing, retry_schedule, storing
from pos_api.inbox.model import InboxEntry, Outcome, event_key
from pos_api.inbox.replay import replay_entries
from pos_api.orders import upkeep as order_upkeep
from pos_api.orders.compare import compare_orders
from pos_api.orders.model import OrderUpdate
from pos_api.payments.apply import apply
from pos_api.payments.model import PaymentUpdate, order_key_by_transaction
from pos_api.privacy import erase, retention
from pos_api.processing.due import take_due
from pos_api.processing.recurring_jobs import Schedule
from pos_api.senders.woocommerce import messages
from pos_api.senders.woocommerce.blanked_fields import blank_private_fields
from pos_api.senders.woocommerce.order_meta import kept_meta
from pos_api.senders.woocommerce.translate import translate
from pos_api.staff import token_claims
from pos_api.stores import key_management
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from tests.factories import Shop, line, order, outcome, read_delivery, stock_of, stock_up
from tests.outbox.delivering.outbox import subscribe
from tests.steps import Crash, processes

TRACES: dict[str, Any] = {
    "customer_ip_address": "198.51.100.23",
    "customer_user_agent": 'Mozilla/5.0 (X11; "quoted")',
    "order_key": "wc_order_5jW7YmV4ELSVL",
    "cart_hash": "0123456789abcdef0123456789abcdef",
    "payment_url": "https://shop.example/checkout/order-pay/1/?pay_for_order=true&key=wc_order_5jW7YmV4ELSVL",
}
ATTRIBUTION = {"id": 5, "key": "_wc_order_attribution_user_agent", "value": "Mozilla/5.0 (attribution)"}


def everything(db: Db) -> str:
    """All that the database holds, as text."""
    documents = [list(db[name].find()) for name in db.list_collection_names()]
    return json.dumps(documents, default=lambda value: value.decode() if isinstance(value, bytes) else str(value))


# --- what is not kept ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["plugin", "native"])
def test_ip_address_user_agent_and_order_key_are_kept_nowhere(shop: Shop, db: Db, way: str) -> None:
    data = order(1, line("A"), **TRACES, meta_data=[ATTRIBUTION])
    reply = (shop.deliver if way == "native" else shop.send)("order.created", data)
    assert outcome(reply) == "created"
    kept = everything(db)
    assert "Öberg" in kept or "\\u00d6berg" in kept
    for trace in ("198.51.100", "Mozilla", "wc_order_5", "0123456789abcdef"):
        assert trace not in kept, trace
    [entry] = db.inbox.find()
    body = json.loads(entry["body"])
    sent = body if way == "native" else body["data"]
    assert sent == {**data, **dict.fromkeys(TRACES, ""), "meta_data": [{**ATTRIBUTION, "value": ""}]}


def test_a_delivery_is_a_duplicate_by_the_bytes_it_came_with(shop: Shop, db: Db) -> None:
    body = json.dumps({"event": "order.created", "data": order(1, **TRACES)}).encode()
    other = body.replace(b"198.51.100.23", b"198.51.100.24")
    assert [outcome(shop.post(each)) for each in (body, body, other)] == ["created", "duplicate", "unchanged"]
    [entry] = db.inbox.find({"_id": event_key("default", "order.created", "1", body)})
    assert b"198.51" not in entry["body"]


def test_a_replayed_event_has_the_key_it_was_stored_under(shop: Shop, db: Db, config: Config) -> None:
    stock_up(db, A=10)
    shop.outcome("order.created", order(1, line("A", 2), **TRACES))
    [entry] = db.inbox.find()
    replay_entries(db, [entry["_id"]])
    db.orders.drop()
    db.stock_movements.delete_many({"order": {"$exists": True}})
    db.products.update_one({"_id": "A"}, {"$set": {"stock": 10, "seq": 1}})
    assert take_due(db, Stores(db, config), "lease") <= 1  # the service's own worker may have been faster
    [movement] = db.stock_movements.find({"order": "default:1"})
    [stored] = db.orders.find()
    assert movement["cause"] == stored["status_history"][0]["cause"] == entry["_id"]
    assert stock_of(db) == {"A": 8}


def test_a_body_that_can_not_be_used_has_no_traces_either(shop: Shop, db: Db) -> None:
    assert shop.send("order.created", order(1, total="many", **TRACES)).status_code == 422
    assert shop.post(json.dumps({"data": TRACES, "more": 1}).encode()).status_code == 422
    assert "198.51.100" not in everything(db)
    assert db.inbox.count_documents({"state": "parked"}) == 2


@pytest.mark.parametrize("value", ["", "1.2.3.4", None, 5, ["1.2.3.4", {"a": "}"}], {"x": "1.2.3.4"}, True])
def test_traces_are_blanked_in_any_shape(value: Any) -> None:
    for separators in ((",", ":"), (" , ", " :\n")):
        body = json.dumps({"a": 1, "customer_ip_address": value, "b": [2]}, separators=separators).encode()
        assert json.loads(blank_private_fields(body)) == {"a": 1, "customer_ip_address": "", "b": [2]}


def test_the_rest_of_a_body_stays_byte_for_byte() -> None:
    note = '"order_key": "x", "customer_ip_address":"1"'
    plain = json.dumps({"customer_note": note, "order_key_note": "y", "total": 1.10}).encode()
    assert blank_private_fields(plain) is plain
    raw = b'{"a": 1e400, "cart_hash" : "x", "b": "\\ud83d", "c": "\xff"}'
    assert blank_private_fields(raw) == raw.replace(b'"x"', b'""')
    assert blank_private_fields(b'{"order_key": "cut o') == b'{"order_key": "cut o'


@pytest.mark.parametrize("part", [b'{"order_key":', b'["order_key":[', b'"key":"', b'"order_key":"",', b'"key":"a"'])
def test_a_body_of_2_mib_is_searched_in_a_moment(part: bytes) -> None:
    started = time.perf_counter()
    blank_private_fields(part * (2**21 // len(part)))
    assert time.perf_counter() - started < 3


# --- orders' own meta data -----------------------------------------------------------------------------------------

META = [
    {"id": 1, "key": "_wcpay_mode", "value": "test"},
    {"id": 2, "key": "_wc_order_attribution_session_entry", "value": "https://shop.example/?utm=x"},
    {"id": 3, "key": "birth_date", "value": "1980-02-03"},
    {"id": 4, "key": "_billing_vat", "value": "SE556677889901"},
    {"id": 5, "key": "_billing_vat_valid", "value": "yes"},
    {"id": 6, "key": "po_number", "value": "4500012"},
    {"id": 7, "key": "po_number_2", "value": "4500013"},
]


def kept(*more: str) -> set[str]:
    body = json.dumps({"event": "order.created", "data": order(1, meta_data=META)}).encode()
    store = Store("default", "default", "woocommerce", order_meta=more)
    snapshot = translate(messages.read({}, body), store, now(), "cause")
    assert isinstance(snapshot, OrderUpdate)
    return {each["key"] for each in snapshot.fields["meta"]}


def test_only_the_meta_data_that_is_needed_or_asked_for_is_kept() -> None:
    assert kept() == {"_wcpay_mode"}
    assert kept("po_number") == {"_wcpay_mode", "po_number"}
    assert kept("_billing_vat*", "po_number*") == {
        *("_wcpay_mode", "_billing_vat", "_billing_vat_valid", "po_number", "po_number_2")
    }
    assert kept("*") == {each["key"] for each in META}


def test_the_setting_holds_for_every_shop_and_every_way_in(config: Config, db: Db) -> None:
    stores = Stores(db, replace(config, order_meta=("po_number",)))
    body = json.dumps({"event": "order.created", "data": order(1, meta_data=META)}).encode()
    for name in ("default", "removed"):
        [subject] = read_delivery(stores.get(name), {}, body, now()).commands
        assert isinstance(subject, OrderUpdate)
        assert [each["key"] for each in subject.fields["meta"]] == ["_wcpay_mode", "po_number"]


def test_meta_data_of_lines_that_people_see_is_kept(shop: Shop, db: Db) -> None:
    choices = [{"key": "Topping", "value": "Olives"}, {"key": "_tm_epo", "value": {"a": 1}}]
    shop.outcome("order.created", order(1, {**line("PIZZA"), "meta_data": choices}))
    [stored] = db.orders.find()
    assert stored["line_items"][0]["meta"] == [{"key": "Topping", "value": "Olives"}]


def test_an_order_paid_in_test_mode_and_an_erased_one_are_still_told_apart(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, meta_data=META))
    shop.outcome("order.created", order(2))
    erased = {"first_name": "[deleted]", "email": ""}
    shop.outcome(
        "order.updated",
        order(2, modified=1, billing=erased, meta_data=[{"key": "_anonymized", "value": "yes"}]),
    )
    test, gone = db.orders.find().sort("order_id", 1)
    assert test["test_mode"] is True
    assert gone["customer"].startswith("erased:")


# --- what viewers see ----------------------------------------------------------------------------------------------

MARK = "zqmark"
EMAIL = f"{MARK}@example.se"
ADDRESS = {
    **dict.fromkeys(
        ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode"), MARK
    ),
    "country": "SE",
    "email": EMAIL,
    "phone": "+46709876543",
}
PERSON: dict[str, Any] = {
    "customer_id": 987_654_321,
    "billing": ADDRESS,
    "shipping": ADDRESS,
    "customer_note": f"leave it with {MARK}",
    "transaction_id": f"ch_{MARK}",
    "meta_data": [{"key": "_wcpay_mode", "value": MARK}],
    "refunds": [{"id": 5, "amount": "1.00", "reason": f"{MARK} was unhappy", "line_items": []}],
}
MARKS = (MARK, "709876543", "987654321")
ARGUMENTS = {
    "order": ("default:1", "1", "default:2", "default:4"),
    "customer": (EMAIL, "987654321", "default:%23987654321"),
    "key": (),
    "payment": ("default:p1",),
    "session": ("default:1",),
    "store": ("default",),
    "filename": ("api-docs.js",),
    "subscription": ("sub_a",),
    "delivery": ("sub_a:order:default:1:1",),
    "event": ("order:default:1:1",),
    "entry": ("day:default:SEK:2026-11-22",),
    "number": ("1",),
}
"""What to ask for in each variable part of a route; a new part has to be named here. (The keys are the inbox's.)"""
ATTEMPT = {
    "at": now(),
    "url": "https://erp.example",
    "headers": {},
    "signature": "standard",
    "payload": "full",
    "seconds": 0.1,
    "status": 200,
    "answer": MARK.encode(),
}
QUERIES = (
    *("", f"?q={MARK}", f"?q={EMAIL}", "?q=%2B46709876543", f"?customer={EMAIL}", "?customer=%23987654321"),
    *("?deleted=true", "?q=1", "?sku=A", "?from=2026-11-01&to=2026-11-30", "?state=waiting", "?limit=1"),
)


@pytest.fixture
def reading_key(db: Db, config: Config) -> str:
    """An API key that may read and do nothing else."""
    return key_management.add_key(db, config, "default", scopes=["read"])


def mark_everything(app: Flask, db: Db) -> None:
    """Let the service know a marked person from everywhere."""
    shop = Shop(app.test_client())
    stock_up(db, A=10)
    subscribe(db, app.extensions["pos"].config, "https://erp.example", active=False)
    shop.outcome("order.created", order(1, line("A"), line("?"), **PERSON))
    db.webhook_deliveries.update_many({}, {"$push": {"log": ATTEMPT}})
    shop.outcome("order.created", order(2, line("A"), status="refunded", **PERSON))
    shop.outcome("order.created", order(4, line("A"), **(PERSON | {"customer_note": [MARK], "billing": {"phone": 1}})))
    shop.outcome("order.deleted", {"id": 2})
    shop.outcome("customer.created", {"id": 987_654_321, "username": MARK, "email": EMAIL, "billing": ADDRESS})
    assert shop.send("order.created", order(5, total="many", **PERSON)).status_code == 422
    assert shop.send("order.created", {**order(6, **PERSON), "id": MARK}).status_code == 422
    wanted = (order_key_by_transaction("default", f"ch_{MARK}"),)
    amount = Decimal128("12.50")
    apply(db, PaymentUpdate("default", "p1", 1, "c", now(), "completed", amount, "SEK", wanted=wanted))
    report = {"store": "default", "orders": [], "notes": []}
    db.comparisons.insert_one({"_id": "default", "report": report})


@pytest.fixture
def marked(reading_key: str, app: Flask, db: Db) -> Flask:
    """A service that knows a marked person from everywhere."""
    mark_everything(app, db)
    return app


def pages_seen(app: Flask, db: Db, credentials: dict[str, str]) -> dict[str, tuple[int, set[str]]]:
    """The status and the marks in the reply of every GET route, asked for all of `ARGUMENTS` and `QUERIES`, as JSON and
    as CSV."""
    client = app.test_client()
    arguments = ARGUMENTS | {"key": tuple(entry["_id"] for entry in db.inbox.find({}, {"_id": 1}))}
    seen = {}
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint.startswith("dashboard."):
            continue
        parts = re.findall(r"<(?:[^:>]*:)?(\w+)>", rule.rule)
        for values in product(*(arguments[name] for name in parts)):
            path = re.sub("<[^>]*>", "{}", rule.rule).format(*values)
            for query, accept in product(QUERIES, ("application/json", "text/csv")):
                with client.get(path + query, headers={**credentials, "Accept": accept}) as reply:
                    text = f"{reply.headers}\n{reply.get_data(as_text=True)}".lower()
                    seen[f"{path}{query} {accept}"] = reply.status_code, {mark for mark in MARKS if mark in text}
    return seen


def as_(role: str) -> dict[str, str]:
    """The header of somebody of this role."""
    return {"Authorization": f"Bearer {token_claims.token('test-jwt-secret-of-more-than-32-bytes', 'eva', role)[0]}"}


@pytest.mark.parametrize("reader", ["viewer", "key that reads"])
def test_no_route_shows_a_viewer_who_customers_are(marked: Flask, db: Db, reading_key: str, reader: str) -> None:
    seen = pages_seen(marked, db, as_("viewer") if reader == "viewer" else {"X-API-Key": reading_key})
    assert {path: marks for path, (_, marks) in seen.items() if marks} == {}
    assert {status for status, _ in seen.values()} <= {200, 302, 308, 403, 404, 409, 422}
    read = {re.split("[? ]", path)[0] for path, (status, _) in seen.items() if status == 200}
    assert {"/api/webhooks/orders", "/api/webhooks/orders/default:1", "/api/webhooks/orders/stats"} <= read
    to_manager = {
        re.split("[? ]", path)[0] for path, (_, marks) in pages_seen(marked, db, as_("manager")).items() if marks
    }
    assert to_manager >= {"/api/webhooks/orders", "/api/webhooks/orders/default:1", f"/api/customers/{EMAIL}"}
    assert to_manager >= {"/api/v1/events", "/api/v1/webhooks/subscriptions/sub_a/deliveries/sub_a:order:default:1:1"}
    assert any(path.startswith("/api/inbox/") for path in to_manager), "the marks are there to be seen"


def test_a_viewer_can_not_find_out_by_searching_who_bought_what(marked: Flask, db: Db) -> None:
    client = marked.test_client()
    headers = as_("viewer")

    def found(query: dict[str, str]) -> list[str]:
        reply = client.get("/api/webhooks/orders", query_string=query, headers=headers)
        assert reply.status_code == 200, reply.text
        return [each["id"] for each in reply.get_json()["data"]]

    db.orders.update_one({"_id": "default:1"}, {"$set": {"number": "WEB-1", "search": ["1", "web-1", MARK]}})
    assert found({"q": " web-1 "}) == found({"q": "1"}) == ["default:1"]
    for words in (MARK, EMAIL, "+46 70 987 65 43", f"1 {MARK}", ".*", "WEB", "WEB-1|2", "default:1"):
        assert found({"q": words}) == [], words
    for customer in (EMAIL, "987654321", "default:#987654321"):
        reply = client.get("/api/webhooks/orders", query_string={"customer": customer}, headers=headers)
        assert reply.status_code == 403
    assert client.get("/api/customers", headers=headers).status_code == 403


def test_a_viewer_sees_what_was_sold(marked: Flask) -> None:
    headers = as_("viewer")
    shown = marked.test_client().get("/api/webhooks/orders/1", headers=headers).get_json()["data"]
    assert [each["sku"] for each in shown["line_items"]] == ["A", "?"]
    assert (shown["total"], shown["status"], shown["refunds"][0]["amount"]) == ("12.50", "processing", "1.00")
    assert [each["quantity"] for each in shown["movements"]] == [-1]
    hidden = {"billing", "shipping", "customer", "customer_id", "customer_note", "transaction_id", "meta"}
    assert not hidden & shown.keys()


# --- what goes after a time ----------------------------------------------------------------------------------------


def store_event(db: Db, number: int, outcome_: str, days_ago: int) -> str:
    """An event of the inbox that ended so, so many days ago."""
    event = InboxEntry("default", "woocommerce", "order.created", str(number), b"{}", {}, now())
    storing.store(db, [event], "lease")
    if outcome_ == "failed":
        retry_schedule.fail(db, "lease", replace(event, attempts=retry_schedule.MAX_ATTEMPTS), "odd")
    elif outcome_ != "waiting":
        finishing.finish(db, "lease", [(event.key, Outcome(outcome_))])
    ended = now() - timedelta(days=days_ago)
    for name in ("done_at", "attention_at", "due_at"):
        db.inbox.update_one({"_id": event.key, name: {"$exists": True}}, {"$set": {name: ended}})
    return event.key


def test_deliveries_go_after_their_time_those_to_look_at_later_and_none_that_waits(db: Db, config: Config) -> None:
    ages = {"created": (89, 91), "parked": (364, 366), "failed": (364, 366), "waiting": (1, 1000)}
    kept: set[str] = set()
    for number, (outcome_, days) in enumerate((each, day) for each, both in ages.items() for day in both):
        key = store_event(db, number, outcome_, days)
        if days in (89, 364) or outcome_ == "waiting":
            kept.add(key)
    retention.run(db, config)
    assert {entry["_id"] for entry in db.inbox.find()} == kept
    retention.run(db, replace(config, inbox_days=10, inbox_parked_days=20))
    assert db.inbox.count_documents({"state": {"$ne": "waiting"}}) == 0
    assert db.inbox.count_documents({}) == 2


def test_a_replayed_delivery_does_not_go(db: Db, config: Config) -> None:
    key = store_event(db, 1, "parked", 366)
    replay_entries(db, [key])
    retention.run(db, config)
    assert db.inbox.count_documents({}) == 1


def test_what_is_deleted_is_found_by_an_index(db: Db) -> None:
    for name in ("done_at", "attention_at"):
        plan = str(db.inbox.find({name: {"$lt": now()}}).explain())
        assert "COLLSCAN" not in plan, name


def test_a_deletion_of_what_nobody_looked_at_is_announced(client: FlaskClient, db: Db) -> None:
    store_event(db, 1, "parked", 10)
    store_event(db, 2, "failed", 340)
    rows = client.get("/api/inbox", headers=as_("manager")).get_json()["data"]
    days = [(datetime.fromisoformat(each["kept_until"]) - now()).days for each in rows]
    assert days == [354, 24]
    figures = client.get("/metrics").get_data(as_text=True)
    assert "pos_inbox_attention 2.0" in figures
    assert "pos_inbox_deleted_soon 1.0" in figures


def closed_days_ago(days: int, number: int = 1, status: str = "completed", **more: Any) -> dict[str, Any]:
    """An order that came to its status so many days ago."""
    closed = at(now() - timedelta(days=days))
    times = {"date_created_gmt": closed, "date_modified_gmt": closed}
    return order(number, line("A"), status=status, **{**PERSON, "refunds": [], **more}) | times


def at(moment: datetime) -> str:
    """A time as WooCommerce writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


@pytest.fixture
def short(config: Config) -> Config:
    """Settings by which closed orders are of nobody after 100 days."""
    return replace(config, order_personal_days=100)


def test_personal_data_of_closed_orders_goes_after_its_time_and_figures_stay(
    shop: Shop, db: Db, config: Config, short: Config
) -> None:
    stock_up(db, A=10)
    shop.outcome("order.created", closed_days_ago(101))
    shop.outcome("order.created", closed_days_ago(101, 2, customer_id=0))
    figures = stats_of(db)
    retention.run(db, config)
    assert MARK in everything(db), "it is off unless it is set"
    retention.run(db, short)
    left = everything(db)
    assert not {mark for mark in MARKS if mark in left.lower()}
    one, two = db.orders.find().sort("order_id", 1)
    assert one["customer"] == two["customer"] != EMAIL
    assert (str(one["total"]), one["status"], one["line_items"][0]["sku"]) == ("12.50", "completed", "A")
    assert "closed_at" not in one
    assert db.customers.count_documents({}) == 0
    assert stats_of(db) == figures
    assert stock_of(db) == {"A": 8}


@pytest.mark.parametrize(
    ("days", "status", "goes"),
    [
        *((101, status, True) for status in ("completed", "cancelled", "refunded", "failed", "shipped")),
        *((101, status, False) for status in ("processing", "on-hold", "pending")),
        (99, "completed", False),
    ],
)
def test_an_order_goes_so_long_after_it_was_closed(
    shop: Shop, db: Db, short: Config, days: int, status: str, goes: bool
) -> None:
    shop.outcome("order.created", closed_days_ago(days, status=status))
    retention.run(db, short)
    assert (MARK not in everything(db)) is goes


def test_a_deleted_order_is_closed_and_a_reopened_one_is_not(shop: Shop, db: Db, short: Config) -> None:
    shop.outcome("order.created", closed_days_ago(200, 1, "processing"))
    shop.outcome("order.deleted", closed_days_ago(150, 1, "processing"))
    shop.outcome("order.created", closed_days_ago(200, 2))
    shop.outcome("order.updated", closed_days_ago(150, 2, "processing"))
    retention.run(db, short)
    assert ["billing" in each for each in db.orders.find().sort("order_id", 1)] == [False, True]


def test_what_the_shop_says_later_of_an_erased_order_brings_nobody_back(shop: Shop, db: Db, short: Config) -> None:
    shop.outcome("order.created", closed_days_ago(200))
    retention.run(db, short)
    assert shop.outcome("order.updated", closed_days_ago(1, status="refunded")) == "updated"
    retention.run(db, short)
    [stored] = db.orders.find()
    assert stored["status"] == "refunded"
    assert MARK not in everything(db)


def test_an_erased_order_is_no_difference_to_the_shop(shop: Shop, db: Db, short: Config) -> None:
    data = closed_days_ago(200)
    shop.outcome("order.created", data)
    retention.run(db, short)
    body = json.dumps({"event": "order.updated", "data": data}).encode()
    [subject] = read_delivery(Stores(db, short).get("default"), {}, body, now()).commands
    assert isinstance(subject, OrderUpdate)
    [(before, differing)] = compare_orders(db, [subject])
    assert before is not None
    assert differing == []


def test_a_customer_who_has_a_newer_order_stays(shop: Shop, db: Db, short: Config) -> None:
    shop.outcome("order.created", closed_days_ago(200, 1))
    shop.outcome("order.created", closed_days_ago(1, 2))
    retention.run(db, short)
    [customer] = db.customers.find()
    assert customer["_id"] == EMAIL
    old, new = db.orders.find().sort("order_id", 1)
    assert old["customer"].startswith("erased:")
    assert new["billing"]["email"] == EMAIL


def test_after_a_crash_at_any_step_the_next_run_goes_on(shop: Shop, db: Db, short: Config) -> None:
    for step in range(1, 40):
        for name in ("orders", "customers", "inbox"):
            db[name].delete_many({})
        shop.outcome("order.created", closed_days_ago(200))
        with processes(short, 1) as [process]:
            process.steps.crash_at(step)
            try:
                retention.run(process.db, short)
            except Crash:
                pass
            else:
                break
        retention.run(db, short)
        assert not {mark for mark in MARKS if mark in everything(db).lower()}, step
        assert db.customers.count_documents({}) == 0, step
    assert step > 8


def test_what_comes_while_an_order_is_erased_leaves_nothing(shop: Shop, db: Db, short: Config) -> None:
    data = closed_days_ago(200)
    shop.outcome("order.created", data)
    with processes(short, 1) as [process]:

        def deliver(step: int) -> None:
            if process.steps.names[-1] == "findAndModify":  # the order was read, and not yet erased
                process.steps.go_on()
                assert shop.outcome("order.updated", {**data, "customer_note": f"{MARK} again"}) == "updated"

        process.steps.go_on()
        process.steps.before = deliver
        retention.run(process.db, short)
    assert db.inbox.count_documents({}) == 2
    assert not {mark for mark in MARKS if mark in everything(db).lower()}


@pytest.mark.parametrize("by", ["the shop", "its age"])
def test_a_delivery_applied_before_its_order_is_erased_and_noted_as_done_after_it_leaves_nothing(
    shop: Shop, db: Db, config: Config, short: Config, by: str
) -> None:
    data = closed_days_ago(200)
    shop.outcome("order.created", data)
    db.inbox.update_one({}, {"$set": {"state": "waiting"}})  # applied, and not noted as done
    [late] = db.inbox.find()
    if by == "its age":
        retention.run(db, short)
    else:
        gone = {"billing": {"email": "deleted@site.invalid"}, "date_modified_gmt": at(now() - timedelta(days=1))}
        assert shop.outcome("order.updated", {**data, **gone}) == "updated"
    db.inbox.update_one({"_id": late["_id"]}, {"$set": {"state": "done"}})
    schedule = Schedule(db, config)
    schedule.run_round(every_job=True)
    assert MARK in everything(db), "it is not due yet"
    [due] = db.erased_orders.find()
    assert timedelta(minutes=4) < due["due_at"] - now() <= timedelta(minutes=5)
    db.erased_orders.update_one({}, {"$set": {"due_at": now()}})
    schedule.run_round(every_job=True)
    assert not {mark for mark in MARKS if mark in everything(db).lower()}
    assert db.erased_orders.count_documents({"due_at": {"$exists": True}}) == 0


def test_an_order_that_was_erased_as_it_was_closed_stays_erased_when_a_backup_brings_it_back(
    shop: Shop, db: Db, short: Config
) -> None:
    shop.outcome("order.created", closed_days_ago(200))
    before = list(db.orders.find())
    retention.run(db, short)
    db.orders.delete_many({})
    db.orders.insert_many(before)
    assert erase.after_restore(db, Erasures(db, short)) == 1
    assert not {mark for mark in MARKS if mark in everything(db).lower()}


def test_one_scheduled_job_that_fails_keeps_no_other_from_being_done(shop: Shop, db: Db, config: Config) -> None:
    shop.outcome("order.created", order(1))
    db.orders.update_one({}, {"$set": {"meta": [1]}})  # as nothing here writes it: upkeep fails on it
    store_event(db, 2, "updated", 91)
    erasures = Erasures(db, config)
    erase.person(db, erasures, EMAIL)
    db.erasures.update_one(
        {"asked_at": {"$exists": True}}, {"$set": {"due_at": now(), "asked_at": now() - timedelta(hours=2)}}
    )
    Schedule(db, config).run_round(every_job=True)
    assert db.inbox.count_documents({"resource_id": "2"}) == 0
    assert db.erasures.count_documents({"asked_at": {"$exists": True}}) == 0


def test_closed_orders_are_found_by_an_index(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", closed_days_ago(200))
    plan = str(db.orders.find({"closed_at": {"$lt": now()}}).sort("closed_at", 1).explain())
    assert "COLLSCAN" not in plan
    assert "SORT" not in plan


def stats_of(db: Db) -> Any:
    """The figures of all time."""
    return stats.figures(db)


# --- orders from before --------------------------------------------------------------------------------------------


def upkeep(db: Db, config: Config) -> None:
    in_stockholm = Store("default", "", "woocommerce", timezone="Europe/Stockholm").local_hour
    order_upkeep.run(
        db, config, lambda _, meta: kept_meta(meta, config.order_meta), lambda _, moment: in_stockholm(moment)
    )


def test_orders_that_are_stored_are_brought_to_what_is_kept_now(shop: Shop, db: Db, config: Config) -> None:
    before = [{"key": name, "value": MARK} for name in ("_wcpay_mode", "birth_date", "po_number", "vat")]
    for number, status in ((1, "completed"), (2, "processing"), (3, "completed")):
        shop.outcome("order.created", order(number, line("A"), status=status))
    old = {"$set": {"meta": before, "order_key": "wc_order_x"}, "$unset": {"closed_at": ""}}
    db.orders.update_many({"order_id": {"$ne": 3}}, old)
    untouched = db.orders.find_one({"order_id": 3})

    def kept_of_all() -> list[list[str]]:
        found = db.orders.find({"order_id": {"$ne": 3}}).sort("order_id", 1)
        return [[each["key"] for each in order_["meta"]] for order_ in found]

    upkeep(db, replace(config, order_meta=("po_number", "v*")))
    assert kept_of_all() == [["_wcpay_mode", "po_number", "vat"]] * 2
    upkeep(db, config)
    assert kept_of_all() == [["_wcpay_mode"]] * 2
    assert db.orders.count_documents({"order_key": {"$exists": True}}) == 0
    one, two = db.orders.find({"order_id": {"$ne": 3}}).sort("order_id", 1)
    assert one["closed_at"] == one["status_history"][-1]["at"]
    assert "closed_at" not in two
    assert db.orders.find_one({"order_id": 3}) == untouched


def test_orders_from_before_have_their_hour_and_figures_follow(shop: Shop, db: Db, config: Config) -> None:
    shop.outcome("order.created", order(1, line("A"), date_created_gmt="2026-11-22T23:30:00"))
    db.orders.update_one({}, {"$unset": {"hour": ""}})

    def hours() -> list[int]:
        return [row["hour"] for row in stats_of(db)["currencies"][0]["by_hour"] if row["orders_count"]]

    assert hours() == [23]
    upkeep(db, config)
    assert hours() == [0]


def test_orders_are_gone_over_once(shop: Shop, db: Db, config: Config) -> None:
    shop.outcome("order.created", order(1))
    with processes(config, 1) as [process]:
        upkeep(process.db, config)
        process.steps.go_on()
        upkeep(process.db, config)
        assert process.steps.names == ["find"]


def test_an_order_saved_meanwhile_is_gone_over_again(
    shop: Shop, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_upkeep, "_BATCH", 1)
    for number in (1, 2):
        shop.outcome("order.created", order(number))
    db.orders.update_many({}, {"$set": {"order_key": "wc_order_x"}})
    with processes(config, 1) as [process]:

        def save(step: int) -> None:
            if process.steps.names == ["find", "find", "update"]:
                db.orders.update_one({"order_id": 1}, {"$inc": {"rev": 1}})

        process.steps.before = save
        process.steps.names.clear()
        upkeep(process.db, config)
    assert db.orders.count_documents({"order_key": {"$exists": True}}) == 0
