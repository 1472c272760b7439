"""POST /api/webhooks/orders: what each kind of delivery is answered, and that no body gives a 5xx or is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect

from pos_api.app import create_app
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.inbox import leases, queries
from pos_api.inbox.replay import replay_entries
from pos_api.processing import due
from pos_api.stores.settings import add_store
from tests.factories import (
    API_KEY,
    PATH,
    Shop,
    at,
    line,
    native_headers,
    order,
    outcome,
    product,
    signature,
    stock_of,
    stock_up,
    values,
)
from tests.waiting import wait_until

T = TypeVar("T")

JSON = {"Content-Type": "application/json"}
KEY = {"X-API-Key": API_KEY, **JSON}


def parked(db: Db) -> list[dict[str, Any]]:
    return list(db.inbox.find({"state": "parked"}))


def take_due_until(app: Flask, condition: Callable[[], T]) -> T:
    """Take the deliveries that are due until `condition()` is true; returns its value."""

    def taken() -> T:
        due.take_due(app.extensions["pos"].db, app.extensions["pos"].stores, leases.new_lease())
        return condition()

    return wait_until(taken)


# --- what works -------------------------------------------------------------------------------------------------


def test_an_order_is_stored_takes_its_stock_and_makes_its_customer(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    response = shop.send("order.created", order(7, line("A", 3, reduced=3)))
    assert response.status_code == 200
    data = response.get_json()["data"]
    assert (data["outcome"], data["order"], data["warnings"]) == ("created", "default:7", [])
    assert len(data["event_key"]) == 64
    assert stock_of(db) == {"A": 7}
    assert values(db.customers, "_id") == ["anna@example.se"]


def test_the_smallest_order_there_is(shop: Shop, db: Db) -> None:
    assert shop.outcome("order.created", {"id": 123}) == "created"
    assert db.orders.find_one({"_id": "default:123"}, {"status": 1}) == {
        "_id": "default:123",
        "status": "pending",
    }


def test_the_same_delivery_again_has_no_effect(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    assert shop.outcome("order.created", order(7, line("A", 3))) == "created"
    assert shop.outcome("order.created", order(7, line("A", 3))) == "duplicate"
    assert stock_of(db) == {"A": 7}
    assert db.stock_movements.count_documents({"order": "default:7"}) == 1


def test_a_delivery_id_that_comes_again_with_another_body_is_another_event(shop: Shop) -> None:
    assert shop.outcome("order.created", order(7), delivery_id="x") == "created"
    assert shop.outcome("order.created", order(8), delivery_id="x") == "created"


def test_an_older_version_is_kept_and_applied_to_nothing(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    shop.outcome("order.updated", order(7, line("A", 3), modified=10))
    assert shop.outcome("order.updated", order(7, line("A", 5), modified=5)) == "stale"
    assert stock_of(db) == {"A": 7}
    assert db.inbox.count_documents({"outcome": "stale"}) == 1


@pytest.mark.parametrize(
    ("event", "status"),
    [("order.cancelled", "cancelled"), ("order.refunded", "refunded"), ("order.completed", "completed")],
)
def test_the_topic_tells_a_status_that_is_missing(shop: Shop, db: Db, event: str, status: str) -> None:
    stock_up(db, A=10)
    shop.outcome("order.created", order(7, line("A", 3, reduced=3), modified=None))
    shop.outcome(event, {"id": 7})
    assert values(db.orders, "status") == [status]
    assert stock_of(db) == {"A": 7 if status == "completed" else 10}


def test_a_status_that_is_there_wins_over_the_topic(shop: Shop, db: Db) -> None:
    shop.outcome("order.cancelled", {"id": 7, "status": "wc-processing"})
    assert values(db.orders, "status") == ["processing"]


def test_a_status_is_trimmed_and_in_small_letters(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", {"id": 7, "status": " wc-Cancelled "})
    assert values(db.orders, "status") == ["cancelled"]


@pytest.mark.parametrize("status", [None, "", "  ", "wc-"])
def test_a_blank_status_is_an_absent_one(shop: Shop, db: Db, status: str | None) -> None:
    shop.outcome("order.created", order(7))
    shop.outcome("order.updated", {"id": 7, "status": status, "date_modified_gmt": at(5)})
    assert values(db.orders, "status") == ["processing"]


def test_a_draft_is_no_order(shop: Shop, db: Db) -> None:
    for status in ("checkout-draft", "auto-draft"):
        assert shop.outcome("order.updated", order(7, status=status)) == "ignored"
    assert db.orders.count_documents({}) == 0


def test_a_status_that_a_plugin_added_holds_the_stock_that_the_shop_has_taken(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    shop.outcome("order.updated", order(7, line("A", 2, reduced=2), status="shipped"))
    assert stock_of(db) == {"A": 8}


@pytest.mark.parametrize("topic", ["coupon.created", "order.invented", "action.woocommerce_order_refunded", "x" * 300])
def test_an_unknown_topic_is_kept_and_ignored(shop: Shop, db: Db, topic: str) -> None:
    assert shop.outcome(topic, {"id": 7}) == "ignored"
    assert outcome(shop.deliver(topic, {"id": 7})) == "ignored"
    assert db.inbox.count_documents({"outcome": "ignored", "topic": topic}) == 2


def test_woocommerces_own_webhook_is_authenticated_by_its_signature(shop: Shop, db: Db) -> None:
    assert outcome(shop.deliver("order.created", order(7))) == "created"
    assert db.inbox.find_one({}, {"headers": 1})["headers"]["x-wc-webhook-topic"] == "order.created"  # type: ignore[index]


def test_a_ping_gets_200_without_a_signature(client: FlaskClient) -> None:
    response = client.post(
        PATH, data=b"webhook_id=4", headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    )
    assert response.status_code == 200


def test_json_is_known_by_its_media_type_whatever_its_case(shop: Shop) -> None:
    body = json.dumps({"event": "order.created", "data": {"id": 1}}).encode()
    for content_type in ("Application/JSON", "application/json; charset=utf-8", "application/vnd.api+json"):
        assert shop.post(body, {"X-API-Key": API_KEY, "Content-Type": content_type}).status_code == 200


def test_a_product_webhook_makes_an_unknown_product_with_the_shops_stock_and_never_moves_a_known_one(
    shop: Shop, db: Db
) -> None:
    assert outcome(shop.deliver("product.created", product(10, "A", 5))) == "created"
    later = product(10, "A", 99, name="Other name", date_modified_gmt=at(9))
    assert outcome(shop.deliver("product.updated", later)) == "updated"
    assert stock_of(db) == {"A": 5}
    assert values(db.products, "name") == ["Other name"]


# --- who may ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        JSON,
        {**JSON, "X-API-Key": "wrong"},
        {**JSON, "X-API-Key": ""},
        {**JSON, "X-API-Key": "\xff\xfe"},
        {**JSON, "X-API-Key": "€ not even latin-1".encode().decode("latin-1")},
        {**JSON, "Authorization": f"Bearer {API_KEY}"},
        {**JSON, "X-WC-Webhook-Signature": "", "X-WC-Webhook-Topic": "order.created"},
        {**JSON, "X-WC-Webhook-Signature": "not base64 !", "X-WC-Webhook-Topic": "order.created"},
        {**JSON, "X-WC-Webhook-Signature": "\xff" * 44, "X-WC-Webhook-Topic": "order.created"},
        {**JSON, "X-WC-Webhook-Signature": signature(b"another body"), "X-WC-Webhook-Topic": "order.created"},
        {**KEY, "X-API-Key": "wrong", "X-WC-Webhook-Signature": signature(b'{"id":1}')},
        {**KEY, "webhook-id": "a"},
        {**KEY, "webhook-id": "a", "webhook-timestamp": "nan", "webhook-signature": "v1,AAAA"},
        {**KEY, "webhook-id": "a", "webhook-timestamp": "1e400", "webhook-signature": "v1,AAAA"},
        {**KEY, "webhook-id": "a", "webhook-timestamp": "9" * 400, "webhook-signature": "v1,AAAA"},
        {**KEY, "webhook-id": "a", "webhook-timestamp": "1795462217", "webhook-signature": "v1"},
        {**KEY, "webhook-id": "\xe9", "webhook-timestamp": "1795462217", "webhook-signature": "v1,\xe9 ,,"},
    ],
)
def test_whoever_can_not_show_who_they_are_gets_401_and_nothing_is_kept(
    client: FlaskClient, db: Db, headers: dict[str, str]
) -> None:
    response = client.post(PATH, data=b'{"id":1}', headers=headers)
    assert response.status_code == 401, response.text
    assert response.get_json()["error"]["code"] == "unauthorized"
    assert db.inbox.count_documents({}) == 0


def test_bytes_are_authenticated_before_they_are_read(client: FlaskClient) -> None:
    assert client.post(PATH, data=b"\xff not json", headers={**JSON, "X-API-Key": "wrong"}).status_code == 401


def test_a_store_is_known_by_its_own_key_and_secret(config: Config, db: Db) -> None:
    key, secret = add_store(db, config, "second")
    app = create_app(config, db)
    client = app.test_client()
    body = json.dumps(order(7)).encode()
    assert client.post(PATH, data=body, headers=native_headers("order.created", body, key)).status_code == 401
    assert client.post(PATH, data=body, headers=native_headers("order.created", body, secret)).status_code == 200
    envelope = json.dumps({"event": "order.created", "data": order(8)}).encode()
    assert client.post(PATH, data=envelope, headers={**JSON, "X-API-Key": key}).status_code == 200
    app.extensions["pos"].close()
    assert values(db.orders, "_id") == ["second:7", "second:8"]


# --- what can't be used -----------------------------------------------------------------------------------------

NOT_JSON = {
    "empty": b"",
    "cut off": b'{"event":"order.created","data":{"id":1',
    "two values": b'{"id":1}{"id":2}',
    "not UTF-8": b'{"event":"order.created","data":{"id":1,"x":"\xff"}}',
    "UTF-16": '{"event":"order.created","data":{"id":1}}'.encode("utf-16"),
    "a key twice": b'{"event":"order.created","data":{"id":1,"id":2}}',
    "a key twice, far down": b'{"event":"order.created","data":{"id":1,"meta_data":[{"key":"a","key":"b"}]}}',
    "NaN": b'{"event":"order.created","data":{"id":1,"total":NaN}}',
    "Infinity": b'{"event":"order.created","data":{"id":1,"total":-Infinity}}',
    "a depth bomb of lists": b"[" * 100_000,
    "a depth bomb of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "as deep as Python can just read": b'{"event":"order.created","data":{"id":1,"x":'
    + b"[" * 900
    + b"]" * 900
    + b"}}",
    "an integer of 5000 digits": b'{"event":"order.created","data":{"id":' + b"9" * 5000 + b"}}",
    "a form": b"webhook_id=4",
    "HTML": b"<html>",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_json_is_400_to_the_plugin_200_to_woocommerce_and_kept(shop: Shop, db: Db, body: bytes) -> None:
    response = shop.post(body)
    assert response.status_code == 400, response.text
    assert response.get_json()["error"]["code"] == "bad_request"
    native = body + b" "  # the same bytes would be a duplicate, where their beginning says what they are about
    assert outcome(shop.post(native, native_headers("order.created", native))) == "parked"
    kept = parked(db)
    assert sorted(bytes(each["body"]) for each in kept) == [body, native]
    assert all(each["reason"] for each in kept)


ORDER_PROBLEMS: dict[str, Any] = {
    "no id": {"status": "processing"},
    "id null": {"id": None},
    "id 0": {"id": 0},
    "id negative": {"id": -1},
    "id fraction": {"id": 1.5},
    "id true": {"id": True},
    "id 2^63": {"id": 2**63},
    "id an operator": {"id": {"$gt": ""}},
    "id a list": {"id": [1]},
    "id words": {"id": "one"},
    "status an operator": {"id": 1, "status": {"$ne": None}},
    "status a list": {"id": 1, "status": ["processing"]},
    "total words": {"id": 1, "total": "ten"},
    "total an operator": {"id": 1, "total": {"$gt": ""}},
    "total true": {"id": 1, "total": True},
    "total too long": {"id": 1, "total": "9" * 40},
    "total overflows": {"id": 1, "total": 1e308},
    "a line a number": {"id": 1, "line_items": [1]},
    "a line without quantity": {"id": 1, "line_items": [{"sku": "A"}]},
    "quantity words": {"id": 1, "line_items": [{"sku": "A", "quantity": "two"}]},
    "quantity of Python's": {"id": 1, "line_items": [{"sku": "A", "quantity": "1_000"}]},
    "quantity 1e999": '{"id": 1, "line_items": [{"sku": "A", "quantity": 1e999}]}',
    "quantity 2^63": {"id": 1, "line_items": [{"sku": "A", "quantity": 2**63}]},
    "quantity an operator": {"id": 1, "line_items": [{"sku": "A", "quantity": {"$gt": 0}}]},
    "sku an operator": {"id": 1, "line_items": [{"sku": {"$gt": ""}, "quantity": 1}]},
    "sku a list": {"id": 1, "line_items": [{"sku": ["A"], "quantity": 1}]},
    "lines words": {"id": 1, "line_items": "none"},
    "lines an object of numbers": {"id": 1, "line_items": {"a": 1}},
    "a line's id a list": {"id": 1, "line_items": [{"id": [1], "quantity": 1}]},
    "a refund's amount words": {"id": 1, "refunds": [{"id": 2, "total": "much"}]},
    "refunds an object": {"id": 1, "refunds": {"a": 1}},
    "a refund a number": {"id": 1, "refunds": [5]},
    "a refund's quantity an operator": {"id": 1, "refunds": [{"id": 2, "line_items": [{"quantity": {"$gt": 0}}]}]},
    "a REST error": {"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 401}},
}


@pytest.mark.parametrize("data", ORDER_PROBLEMS.values(), ids=ORDER_PROBLEMS.keys())
def test_an_order_that_can_not_be_used_is_422_to_the_plugin_200_to_woocommerce_and_kept(
    shop: Shop, db: Db, data: Any
) -> None:
    text = data if isinstance(data, str) else json.dumps(data)
    response = shop.post(f'{{"event": "order.updated", "data": {text}}}'.encode())
    assert response.status_code == 422, response.text
    error = response.get_json()["error"]
    assert error["code"] == "validation_failed"
    assert error["details"]["event_key"] in {each["_id"] for each in parked(db)}
    body = text.encode()
    assert outcome(shop.post(body, native_headers("order.updated", body))) == "parked"
    assert len(parked(db)) == 2
    assert db.orders.count_documents({}) == 0


def test_each_order_of_a_webhook_whose_user_was_deleted_is_listed_with_what_to_do(shop: Shop, db: Db) -> None:
    body = json.dumps(ORDER_PROBLEMS["a REST error"]).encode()  # the same bytes for every order
    for delivery in ("first", "second", "second"):
        headers = native_headers("order.created", body) | {"X-WC-Webhook-Delivery-ID": delivery}
        assert shop.post(body, headers).status_code == 200
    reasons = [entry["reason"] for entry in parked(db)]
    assert len(reasons) == 2, "the same delivery twice is one"
    assert all(
        "woocommerce_rest_cannot_view" in each and "pos-api reconcile default --repair" in each for each in reasons
    )
    assert replay_entries(db, [entry["_id"] for entry in parked(db)]) == 2


@pytest.mark.parametrize(
    ("envelope", "fields"),
    [
        ([], None),
        ("text", None),
        ({}, {"event", "data"}),
        ({"event": 1, "data": []}, {"event", "data"}),
        ({"event": {"$gt": ""}, "data": {"id": 1}}, {"event"}),
        ({"event": "order.created", "data": {"id": 1}, "opening": "perhaps"}, {"opening"}),
    ],
)
def test_an_envelope_that_is_none_is_told_what_is_wrong(shop: Shop, envelope: Any, fields: set[str] | None) -> None:
    response = shop.post(json.dumps(envelope).encode())
    assert response.status_code == 422
    told = response.get_json()["error"]["details"]["fields"]
    assert (set(told) if told else None) == fields


@pytest.mark.parametrize("sku", [{"$gt": ""}, ["A"], True])
def test_a_product_whose_sku_can_not_be_known_is_parked(shop: Shop, db: Db, sku: Any) -> None:
    assert outcome(shop.deliver("product.updated", product(9, "A", 5) | {"sku": sku})) == "parked"
    assert db.products.count_documents({}) == 0


@pytest.mark.parametrize("topic", ["product.updated", "customer.updated"])
@pytest.mark.parametrize("data", [{}, {"id": 0}, {"id": {"$gt": 0}}, {"id": "x", "sku": "A"}])
def test_products_and_customers_that_can_not_be_used_are_parked(shop: Shop, db: Db, topic: str, data: Any) -> None:
    assert outcome(shop.deliver(topic, data)) == "parked"
    assert shop.send(topic, data).status_code == 422
    assert db.products.count_documents({}) == db.customers.count_documents({}) == 0


@pytest.mark.parametrize(
    ("price", "kept"),
    [
        (1.00 / 700, "0.001428571428571429"),
        (5.551115123125783e-17, "0.000000000000000056"),
        (24.991666666666667, "24.991666666666667"),
        ("", "0"),
        (None, "0"),
    ],
)
def test_a_price_of_many_decimals_does_not_cost_the_order(shop: Shop, db: Db, price: Any, kept: str) -> None:
    shop.outcome("order.created", order(7, line("A", 700, price=price)))
    [stored] = db.orders.find()
    assert f"{stored['line_items'][0]['price'].to_decimal():f}" == kept


def test_strings_for_numbers_are_numbers(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    shop.outcome("order.created", {"id": "7", "line_items": [{"sku": "A", "quantity": "2"}]}, sequence="5")
    assert stock_of(db) == {"A": 8}
    assert values(db.orders, "order_id") == [7]


def test_meta_that_is_asked_for_is_kept_whatever_it_is(config: Config, db: Db) -> None:
    app = create_app(replace(config, order_meta=("*",)), db)
    shop = Shop(app.test_client())
    values = [
        {"$gt": ""},
        {"a.b": 1, "": 2},
        [[[[[[[[[["deep"]]]]]]]]]],
        2**63,
        -(2**80),
        1.5,
        None,
        True,
        'a:1:{s:1:"x";i:5;}',
        "a:2:{i:0;i:1;i:1;i:2;}",
        'a:1:{s:99:"x";i:5;}',
        'O:8:"stdClass":1:{s:1:"x";i:5;}',
        "a:" + "9" * 20_000 + "}",
        'a:1:{s:3:"a\\u0000b";i:1;}',
    ]
    meta = [{"key": f"m{number}", "value": value} for number, value in enumerate(values)]
    meta += [{"key": 5, "value": 1}, {"value": 1}, "x", {"key": "$set"}]  # type: ignore[list-item]
    shop.outcome("order.created", order(7, meta_data=meta))
    body = '{"event": "order.created", "data": {"id": 8, "meta_data": [{"key": "a", "value": [1e999, -1e999]}]}}'
    assert outcome(shop.post(body.encode())) == "created"
    kept = {each["key"]: each["value"] for each in db.orders.find_one({"order_id": 7})["meta"]}  # type: ignore[index]
    assert kept["m0"] == '{"$gt": ""}'
    assert kept["m3"] == str(2**63)
    assert kept["m8"] == {"x": 5}
    assert kept["m9"] == [1, 2]
    assert kept["m10"] == values[10]
    assert kept["m12"] == values[12]
    [other] = db.orders.find({"order_id": 8})
    json.dumps(other["meta"], allow_nan=False)
    app.extensions["pos"].close()


def test_500_lines_are_one_order(shop: Shop, db: Db) -> None:
    skus = [f"S{number}" for number in range(250)]
    stock_up(db, **dict.fromkeys(skus, 10))
    lines = [line(sku, 1, reduced=1) for sku in skus * 2]
    assert shop.outcome("order.created", order(7, *lines)) == "created"
    assert set(stock_of(db).values()) == {8}
    assert shop.outcome("order.updated", order(7, status="cancelled", modified=1)) == "updated"
    assert set(stock_of(db).values()) == {10}


def sized(size: int, data: dict[str, Any]) -> bytes:
    """An envelope of exactly this size."""
    body = json.dumps({"event": "order.updated", "data": {**data, "customer_note": ""}}).encode()
    return body.replace(b'""', b'"' + b"x" * (size - len(body)) + b'"')


def test_a_body_over_2_mib_leaves_a_trace_that_names_the_order(shop: Shop, db: Db) -> None:
    assert outcome(shop.post(sized(2 * 2**20, {"id": 1}))) == "created"
    for size in (2 * 2**20 + 1, 3 * 2**20, 3 * 2**20):
        response = shop.post(sized(size, {"id": 2, "line_items": []}))
        assert response.status_code == 413
        error = response.get_json()["error"]
        assert error["code"] == "payload_too_large"
        [kept] = db.inbox.find({"_id": error["details"]["event_key"]})
        assert (kept["state"], kept["topic"], kept["resource_id"]) == ("parked", "order.updated", "2")
        assert f"{size:,} bytes" in kept["reason"]
        assert kept["body"] == b""
    assert len(parked(db)) == 2


def test_a_webhook_of_woocommerce_over_2_mib_is_parked_when_its_signature_is_right(shop: Shop, db: Db) -> None:
    body = json.dumps({"id": 7, "customer_note": "x" * 3 * 2**20}).encode()
    assert outcome(shop.post(body, native_headers("order.updated", body))) == "parked"
    [kept] = parked(db)
    assert (kept["topic"], kept["resource_id"], kept["body"]) == ("order.updated", "7", b"")
    assert shop.post(body, native_headers("order.updated", body + b" ")).status_code == 401
    assert shop.post(body, JSON).status_code == shop.post(body, {**JSON, "X-API-Key": "wrong"}).status_code == 401
    assert len(parked(db)) == 1


def test_the_trace_of_a_large_body_stays_as_it_is_when_it_is_replayed(app: Flask, shop: Shop, db: Db) -> None:
    shop.post(sized(3 * 2**20, {"id": 2}))
    [before] = parked(db)
    replay_entries(db, [before["_id"]])
    after = take_due_until(app, lambda: parked(db))
    assert after[0]["reason"] == before["reason"]


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "", "application/xml"])
def test_another_media_type_is_415_to_the_plugin_200_to_woocommerce_and_kept_to_be_replayed(
    app: Flask, shop: Shop, db: Db, content_type: str
) -> None:
    body = b'{"event": "order.created", "data": {"id": 1}}'
    response = shop.post(body, {"X-API-Key": API_KEY} | ({"Content-Type": content_type} if content_type else {}))
    assert response.status_code == 415
    native = native_headers("order.created", b'{"id": 2, "status": "pending"}') | {"Content-Type": content_type}
    assert outcome(shop.post(b'{"id": 2, "status": "pending"}', native)) == "parked"
    assert sorted(each["resource_id"] for each in parked(db)) == ["1", "2"]
    replay_entries(db, queries.Filter("parked"))
    take_due_until(app, lambda: db.orders.count_documents({}) == 2)
    assert parked(db) == []


def test_what_is_not_json_names_its_order_where_its_beginning_does(shop: Shop, db: Db) -> None:
    shop.post(b'{"event":"order.updated","sequence":3,"data":{"id":71,"total":NaN}}')
    body = b'{"id":72,"line_items":[{"id":5'
    shop.post(body, native_headers("order.updated", body))
    assert sorted((each["topic"], each["resource_id"]) for each in parked(db)) == [
        ("order.updated", "71"),
        ("order.updated", "72"),
    ]


def test_a_slash_at_the_end_of_the_address_does_no_harm(client: FlaskClient) -> None:
    body = json.dumps(order(7)).encode()
    answer = client.post(PATH + "/", data=body, headers=native_headers("order.created", body))
    assert outcome(answer) == "created"


LARGE = {
    "one word": {"billing": {"first_name": "x" * 2_000_000}},
    "an e-mail address": {"billing": {"email": "x" * 1_900_000 + "@example.se"}},
    "a SKU": {"line_items": [{"quantity": 1, "sku": "x" * 2_000_000}]},
    "100 thousand words": {"billing": {"first_name": " ".join(map(str, range(100_000)))}},
    "100 thousand lines": {"line_items": [{"quantity": 1}] * 100_000},
    "600 thousand empty refunds": {"refunds": [{}] * 600_000},
}


@pytest.mark.parametrize("fields", LARGE.values(), ids=LARGE.keys())
def test_no_order_within_the_limit_gives_a_5xx_or_is_lost(shop: Shop, db: Db, fields: dict[str, Any]) -> None:
    body = json.dumps({"event": "order.created", "data": {"id": 7, **fields}}, separators=(",", ":")).encode()
    assert shop.post(body).status_code in (200, 202, 422)
    assert db.inbox.count_documents({}) == 1
    assert shop.outcome("order.created", {"id": 8}) == "created"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00+14:00"])
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_the_ends_of_time_are_times(config: Config, db: Db, moment: str, zone: str) -> None:
    app = create_app(replace(config, store_timezone=zone), db)
    shop = Shop(app.test_client())
    times = {"date_created_gmt": moment, "date_modified_gmt": moment, "date_created": "x"}
    assert shop.send("order.created", {"id": 1, **times}).status_code in (200, 422)
    app.extensions["pos"].close()
    assert db.inbox.count_documents({}) == 1


_NAMES = (
    *("id", "status", "total", "sku", "quantity", "line_items", "refunds", "meta_data", "key", "value", "billing"),
    *("email", "taxes", "shipping_lines", "tax_lines", "customer_id", "date_modified_gmt", "date_created_gmt", "a.b"),
)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "$gt", "_reduced_stock", "a:1:{i:0;i:1;}", "2026-11-22T12:00:00", "-1", "order.created"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=_json, topic=st.sampled_from(["order.updated", "order.deleted", "product.updated", "customer.updated"]))
def test_no_body_gives_a_5xx(shop: Shop, db: Db, data: Any, topic: str) -> None:
    if isinstance(data, dict):
        data.setdefault("id", 1)
    kept = db.inbox.count_documents({})
    body = json.dumps(data, allow_nan=True).encode()
    response = shop.post(body, native_headers(topic, body))
    assert response.status_code == 200, response.text
    json.loads(response.text)
    assert db.inbox.count_documents({}) == kept + (outcome(response) != "duplicate")


# --- faults -----------------------------------------------------------------------------------------------------


def test_a_delivery_that_could_not_be_stored_is_503_with_the_time_to_wait(
    app: Flask, shop: Shop, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.outcome("order.created", {"id": 1})

    def away(*_: Any) -> None:
        raise AutoReconnect("gone")

    monkeypatch.setattr("pos_api.inbox.storing.store", away)
    response = shop.send("order.created", {"id": 2})
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.get_json()["error"]["code"] == "unavailable"
    monkeypatch.undo()
    assert shop.outcome("order.created", {"id": 2}) == "created"


def test_a_fault_of_ours_parks_the_body_and_costs_nobody_else_anything(
    shop: Shop, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pos_api.senders.woocommerce.translate.read_order", broken)
    assert shop.send("order.created", {"id": 1}).status_code == 422
    assert outcome(shop.deliver("order.created", {"id": 1})) == "parked"
    monkeypatch.undo()
    assert shop.outcome("order.created", {"id": 2}) == "created"
    assert "ZeroDivisionError" in parked(db)[0]["reason"]


# --- what is logged ---------------------------------------------------------------------------------------------


def test_a_receipt_is_logged_with_number_and_store_and_nothing_secret(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.outcome("order.created", order(7, number="2026-7"))
    shop.deliver("order.updated", order(7, number="2026-7", modified=1))
    said = capfd.readouterr().out
    [created] = [line for line in said.splitlines() if "📦 Webhook received: order.created" in line]
    assert "number=2026-7" in created
    assert "store=default" in created
    for secret in (API_KEY, "test-webhook-secret", "anna@example.se", "Anna@Example.se", "Öberg"):
        assert secret not in said


def test_a_topic_can_not_write_a_line_of_the_log_or_fill_it(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    shop.send("order.created\n2026-11-22 ERROR    forged", {"id": 7})
    shop.send("x" * 1_000_000, {"id": 7})
    said = capfd.readouterr().out
    assert "\n2026-11-22 ERROR    forged" not in said
    assert len(said) < 10_000
