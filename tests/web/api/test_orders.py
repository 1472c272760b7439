"""Orders and figures over HTTP, as staff and spreadsheets read them."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from werkzeug.test import TestResponse

from pos_api.database.client import Db
from pos_api.staff import token_claims
from tests.factories import Shop, line, order, stock_up

STAFF = {"Authorization": f"Bearer {token_claims.token('test-jwt-secret-of-more-than-32-bytes', 'anna', 'manager')[0]}"}
PATH = "/api/webhooks/orders"


@pytest.fixture
def shop(client: FlaskClient, db: Db) -> Shop:
    """A shop that has sent three orders."""
    stock_up(db, A=10)
    shop = Shop(client)
    for order_id, status in ((1, "processing"), (2, "completed"), (3, "processing")):
        created = {"date_created_gmt": f"2026-11-22T0{order_id}:00:00"}
        shop.outcome("order.created", order(order_id, line("A", 2), status=status) | created)
    return shop


def get(client: FlaskClient, query: str = "", **headers: str) -> TestResponse:
    return client.get(f"{PATH}{query}", headers=STAFF | headers)


def data(reply: TestResponse, status: int = 200) -> Any:
    assert reply.status_code == status, reply.get_data(as_text=True)
    assert reply.json is not None
    return reply.json["data"] if status == 200 else reply.json["error"]


def conforms(client: FlaskClient, reply: TestResponse, path: str) -> None:
    """The reply is as the API document says."""
    document = client.get("/api-docs/openapi.json").get_json()
    schema = document["paths"][path]["get"]["responses"][str(reply.status_code)]
    schema = schema["content"]["application/json"]["schema"]
    OAS31Validator({**schema, "components": document["components"]}).validate(reply.get_json())


@pytest.mark.usefixtures("shop")
def test_pages_lead_through_all_orders_newest_first(client: FlaskClient) -> None:
    first = get(client, "?limit=2")
    conforms(client, first, PATH)
    assert [each["id"] for each in data(first)] == ["default:3", "default:2"]
    page = first.get_json()["page"]
    assert page["limit"] == 2

    second = get(client, f"?limit=2&cursor={page['next']}")

    assert [each["id"] for each in data(second)] == ["default:1"]
    assert second.get_json()["page"] == {"limit": 2, "next": None}


@pytest.mark.usefixtures("shop")
def test_filters_are_query_parameters(client: FlaskClient) -> None:
    for query, expected in (
        ("?status=completed", [2]),
        ("?status=wc-completed", [2]),
        ("?status=%20COMPLETED", [2]),
        ("?sku=%20A%20&store=default%20", [3, 2, 1]),
        ("?from=2026-11-22&to=2026-11-22", [3, 2, 1]),
        ("?from=2026-11-22T02:00:00Z", [3, 2]),
        ("?to=2026-11-22T02:00:00%2B01:00", [1]),
        ("?customer=anna@example.se&sku=A&store=default&q=öberg", [3, 2, 1]),
        ("?deleted=true", []),
    ):
        assert [each["order_id"] for each in data(get(client, query))] == expected, query


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?cursor=x", 400),
        ("?limit=0", 422),
        ("?limit=201", 422),
        ("?limit=many", 422),
        ("?from=yesterday", 422),
        ("?to=2026-02-30", 422),
        ("?status[$ne]=x", 422),
        ("?unknown=1", 422),
        ("?status=processing&status=completed", 422),
        ("?q=", 422),
        ("?status=", 422),
        ("?status=%20", 422),
        ("?sku=%20", 422),
        ("/77", 404),
        ("/%00", 404),
        ("/default:77", 404),
        ("/stats?from=2026-11-23&to=2026-11-22", 422),
        ("/stats?from=0001-01-01&to=9999-12-31", 422),
        ("/stats?from=now", 422),
        ("/stats?currency[$gt]=", 422),
    ],
)
@pytest.mark.usefixtures("shop")
def test_bad_input_has_a_clear_answer(client: FlaskClient, query: str, status: int) -> None:
    assert data(get(client, query), status)["message"]


@pytest.mark.parametrize("query", ["", "/1", "/stats"])
def test_only_staff_may_read(client: FlaskClient, query: str) -> None:
    assert client.get(f"{PATH}{query}").status_code == 401


@pytest.mark.usefixtures("shop")
def test_an_order_tells_its_life_and_its_stock(client: FlaskClient, db: Db) -> None:
    reply = get(client, "/1")
    conforms(client, reply, f"{PATH}/{{order}}")
    found = data(reply)

    assert (found["id"], found["total"], found["created_at"]) == ("default:1", "12.50", "2026-11-22T01:00:00Z")
    assert [(each["sku"], each["quantity"], each["balance"]) for each in found["movements"]] == [("A", -2, 8)]
    assert [each["status"] for each in found["status_history"]] == ["processing"]
    db.orders.insert_one({**(db.orders.find_one({"order_id": 1}) or {}), "_id": "x:1", "store": "x"})
    assert data(get(client, "/1"), 409)["details"] == {"candidates": ["default:1", "x:1"]}


@pytest.mark.usefixtures("shop")
def test_a_spreadsheet_gets_all_that_match(client: FlaskClient) -> None:
    reply = get(client, "?status=processing&limit=1", Accept="text/csv")

    assert (reply.status_code, reply.mimetype) == (200, "text/csv")
    assert [row["number"] for row in csv.DictReader(reply.text.splitlines())] == ["3", "1"]


@pytest.mark.usefixtures("shop")
def test_figures_are_decimal_strings_by_currency(client: FlaskClient) -> None:
    reply = get(client, "/stats?from=2026-11-22&to=2026-11-23&store=default&currency=SEK")
    conforms(client, reply, f"{PATH}/stats")
    [krona] = data(reply)["currencies"]

    assert (krona["orders_count"], krona["net_revenue"], krona["total_sales"]) == (3, "30.00", "37.50")
    assert [(row["day"], row["orders_count"]) for row in krona["by_day"]] == [("2026-11-22", 3), ("2026-11-23", 0)]
    assert data(get(client, "/stats?currency=EUR"))["currencies"] == []


def test_a_new_order_is_in_the_figures_at_once(app: Flask, client: FlaskClient, shop: Shop) -> None:
    for number in range(4, 8):
        shop.outcome("order.created", order(number, line("A")))
        assert data(get(client, "/stats"))["currencies"][0]["orders_count"] == number
