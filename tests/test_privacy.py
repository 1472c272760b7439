"""What is not kept of people, what goes after a time, and what a viewer does not see."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api import inbox, worker
from pos_api.config import Config
from pos_api.db import Db
from pos_api.sources import woocommerce
from pos_api.sources.not_kept import without_traces
from pos_api.stores import Store, Stores
from pos_api.values import now
from pos_api.worker import take_due
from tests.factories import Shop, line, order, outcome, stock_of, stock_up

TRACES: dict[str, Any] = {
    "customer_ip_address": "198.51.100.23",
    "customer_user_agent": 'Mozilla/5.0 (X11; "quoted")',
    "order_key": "wc_order_5jW7YmV4ELSVL",
    "cart_hash": "0123456789abcdef0123456789abcdef",
    "payment_url": "https://shop.example/checkout/order-pay/1/?pay_for_order=true&key=wc_order_5jW7YmV4ELSVL",
}
ATTRIBUTION = {"id": 5, "key": "_wc_order_attribution_user_agent", "value": "Mozilla/5.0 (attribution)"}


@pytest.fixture
def shop(client: FlaskClient) -> Shop:
    return Shop(client)


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
    [entry] = db.inbox.find({"_id": inbox.event_key("default", "order.created", "1", body)})
    assert b"198.51" not in entry["body"]


def test_a_replayed_event_has_the_key_it_was_stored_under(shop: Shop, db: Db, config: Config) -> None:
    stock_up(db, A=10)
    shop.outcome("order.created", order(1, line("A", 2), **TRACES))
    [entry] = db.inbox.find()
    inbox.replay(db, [entry["_id"]])
    db.woocommerceorders.drop()
    db.stock_movements.delete_many({"order": {"$exists": True}})
    db.products.update_one({"_id": "A"}, {"$set": {"stock": 10, "seq": 1}})
    assert take_due(db, Stores(db, config), "lease") <= 1  # the service's own worker may have been faster
    [movement] = db.stock_movements.find({"order": "default:1"})
    [stored] = db.woocommerceorders.find()
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
        assert json.loads(without_traces(body)) == {"a": 1, "customer_ip_address": "", "b": [2]}


def test_the_rest_of_a_body_stays_byte_for_byte() -> None:
    note = '"order_key": "x", "customer_ip_address":"1"'
    plain = json.dumps({"customer_note": note, "order_key_note": "y", "total": 1.10}).encode()
    assert without_traces(plain) is plain
    raw = b'{"a": 1e400, "cart_hash" : "x", "b": "\\ud83d", "c": "\xff"}'
    assert without_traces(raw) == raw.replace(b'"x"', b'""')
    assert without_traces(b'{"order_key": "cut o') == b'{"order_key": "cut o'


@pytest.mark.parametrize("part", [b'{"order_key":', b'["order_key":[', b'"key":"', b'"order_key":"",', b'"key":"a"'])
def test_a_body_of_2_mib_is_searched_in_a_moment(part: bytes) -> None:
    started = time.perf_counter()
    without_traces(part * (2**21 // len(part)))
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
    store = Store("default", "default", order_meta=more)
    snapshot = woocommerce.translate(woocommerce.read({}, body), store, now(), "cause")
    assert snapshot is not None
    return {each["key"] for each in snapshot.fields["meta"]}  # type: ignore[union-attr]


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
        subject = worker.understand(stores.get(name), {}, body, now()).subject
        assert [each["key"] for each in subject.fields["meta"]] == ["_wcpay_mode", "po_number"]  # type: ignore[union-attr]


def test_meta_data_of_lines_that_people_see_is_kept(shop: Shop, db: Db) -> None:
    choices = [{"key": "Topping", "value": "Olives"}, {"key": "_tm_epo", "value": {"a": 1}}]
    shop.outcome("order.created", order(1, {**line("PIZZA"), "meta_data": choices}))
    [stored] = db.woocommerceorders.find()
    assert stored["line_items"][0]["meta"] == [{"key": "Topping", "value": "Olives"}]


def test_an_order_paid_in_test_mode_and_an_erased_one_are_still_told_apart(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, meta_data=META))
    shop.outcome("order.created", order(2))
    erased = {"first_name": "[deleted]", "email": ""}
    shop.outcome(
        "order.updated",
        order(2, modified=1, billing=erased, meta_data=[{"key": "_anonymized", "value": "yes"}]),
    )
    test, gone = db.woocommerceorders.find().sort("order_id", 1)
    assert test["test_mode"] is True
    assert gone["customer"].startswith("erased:")
