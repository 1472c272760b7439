"""The catalogue over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.staff import token_claims
from tests.paging import read_all

SECRET = "test-jwt-secret-of-more-than-32-bytes"
ODD_SKUS = ["beans 1kg", "Sku 42/ä", "a/b/../c", "100%", "a&b=c#d?e", "+46", "日本", "$gt", "'; --", "a" * 200]


def as_(role: str, name: str = "anna") -> dict[str, str]:
    return {"Authorization": f"Bearer {token_claims.token(SECRET, name, role)[0]}"}


MANAGER = as_("manager")


def create(client: FlaskClient, sku: str, **details: Any) -> TestResponse:
    return client.post("/api/products", json={"sku": sku, **details}, headers=MANAGER)


def data(reply: TestResponse, status: int = 200) -> Any:
    assert reply.status_code == status, reply.get_data(as_text=True)
    assert reply.json is not None
    assert reply.json["success"] is True
    return reply.json["data"]


def skus(client: FlaskClient, query: str = "") -> list[str]:
    return [product["sku"] for product in data(client.get(f"/api/products{query}", headers=MANAGER))]


def test_any_sku_is_created_found_changed_counted_and_explained(client: FlaskClient) -> None:
    for sku in ODD_SKUS:
        lives(client, sku)


def lives(client: FlaskClient, sku: str) -> None:
    reply = create(client, f" {sku} ", name="Beans", price="189.00", stock=12, low_stock_threshold=5)
    created = data(reply, 201)
    assert created == {
        "sku": sku,
        "former_skus": [],
        "name": "Beans",
        "price": "189.00",
        "stock": 12,
        "low_stock_threshold": 5,
        "low_stock": False,
        "archived": False,
        "shop_ids": [],
        "links": [],
        "home": None,
        "gtin": "",
        "image_url": "",
        "categories": [],
        "tax_class": "",
        "created_at": created["created_at"],
    }
    assert data(client.get(reply.headers["Location"], headers=MANAGER)) == created
    item = f"/api/products/item?sku={quote(sku, safe='')}"
    assert data(client.patch(item, json={"name": "Tea"}, headers=MANAGER))["name"] == "Tea"
    assert skus(client, f"?sku={quote(sku, safe='')}") == [sku]
    moved = data(client.post("/api/products/count", json={"sku": sku, "count": 4}, headers=MANAGER))
    assert (moved["product"]["stock"], moved["product"]["low_stock"], moved["movement"]["by"]) == (4, True, "anna")
    ledger = client.get(f"/api/products/movements?sku={quote(sku, safe='')}", headers=MANAGER)
    assert [(each["quantity"], each["balance"]) for each in data(ledger)] == [(-8, 4), (12, 12)]


def test_an_adjustment_says_how_many_why_and_who(client: FlaskClient) -> None:
    create(client, "A", stock=10)
    said = {"sku": "A", "change": -2, "reason": "broken", "note": "fell"}
    movement = data(client.post("/api/products/adjust", json=said, headers=as_("manager", "berta")))["movement"]
    assert movement == {
        "seq": 2,
        "at": movement["at"],
        "quantity": -2,
        "balance": 8,
        "reason": "broken",
        "order": None,
        "by": "berta",
        "event_key": None,
        "note": "fell",
        "oversold": False,
        "stores": [],
    }


def test_a_double_click_adjusts_once(client: FlaskClient) -> None:
    create(client, "A", stock=10)
    once = {**MANAGER, "Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
    said = {"sku": "A", "change": -2, "reason": "broken"}
    first, second = (data(client.post("/api/products/adjust", json=said, headers=once)) for _ in range(2))
    assert first == second
    assert first["product"]["stock"] == 8
    other = client.post("/api/products/adjust", json={**said, "change": -3}, headers=once)
    assert other.status_code == 422
    assert data(client.post("/api/products/adjust", json=said, headers=MANAGER))["product"]["stock"] == 6


def test_the_ledger_names_order_and_delivery(client: FlaskClient) -> None:
    create(client, "A", stock=10)
    order = {"id": 7, "status": "processing", "line_items": [{"id": 1, "sku": "A", "quantity": 3}]}
    key = {"X-API-Key": "test-api-key-of-more-than-32-characters"}
    client.post("/api/webhooks/orders", json={"event": "order.created", "data": order}, headers=key)
    movement = data(client.get("/api/products/movements?sku=A", headers=as_("viewer")))[0]
    assert (movement["order"], movement["quantity"], movement["balance"]) == ("default:7", -3, 7)
    assert (movement["reason"], movement["by"]) == ("order", None)
    assert data(client.get(f"/api/inbox/{movement['event_key']}", headers=MANAGER))["resource_id"] == "7"


@pytest.mark.parametrize("path", ["/api/products?", "/api/products/movements?sku=A&"])
def test_pages_show_every_row_once(client: FlaskClient, path: str) -> None:
    for sku in "ABCDE":
        create(client, sku, stock=1)
        data(client.post("/api/products/adjust", json={"sku": "A", "change": 1, "reason": "x"}, headers=MANAGER))

    def page_after(cursor: str) -> Any:
        reply = client.get(f"{path}limit=2" + (f"&cursor={cursor}" if cursor else ""), headers=MANAGER)
        assert len(data(reply)) <= 2
        return reply.json

    seen = [row.get("seq", row.get("sku")) for row in read_all(page_after)]
    assert seen == (list("ABCDE") if "movements" not in path else [6, 5, 4, 3, 2, 1])


def test_the_list_is_filtered(client: FlaskClient) -> None:
    create(client, "tea-1", name="Green tea", stock=1, low_stock_threshold=3)
    create(client, "tea-2", name="Black Tea", stock=9, low_stock_threshold=3)
    create(client, "cup", name="Çay bardağı", stock=0)
    assert skus(client, "?q=tea") == ["tea-1", "tea-2"]
    assert skus(client, "?q=TEA+gre") == ["tea-1"]
    assert skus(client, "?q=%C3%A7ay") == ["cup"]
    assert skus(client, "?low_stock=true") == ["tea-1"]
    client.patch("/api/products/item?sku=cup", json={"archived": True}, headers=MANAGER)
    assert skus(client) == ["tea-1", "tea-2"]
    assert skus(client, "?archived=true") == ["cup"]


def test_csv_goes_out_with_accept_and_comes_in_by_import(client: FlaskClient) -> None:
    create(client, "=A", name="Beans, 1 kg", price="1.50", stock=3)
    reply = client.get("/api/products?limit=1", headers={**MANAGER, "Accept": "text/csv"})
    assert reply.mimetype == "text/csv"
    text = reply.get_data(as_text=True)
    assert text.splitlines()[1] == '\'=A,"Beans, 1 kg",1.50,3,,,,,,'
    text = text.replace(",3,,", ",5,,") + "B,,many,,,\n"
    reply = client.post("/api/products/import", data=text.encode(), content_type="text/csv", headers=MANAGER)
    report = data(reply)
    assert (report["updated"], report["counted"], report["created"]) == (1, 1, 0)
    assert [(error["line"], error["sku"]) for error in report["errors"]] == [(3, "B")]
    assert data(client.get("/api/products/item?sku=%3DA", headers=MANAGER))["stock"] == 5


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/products"),
        ("PATCH", "/api/products/item?sku=A"),
        ("POST", "/api/products/count"),
        ("POST", "/api/products/adjust"),
        ("POST", "/api/products/import"),
    ],
)
def test_a_viewer_reads_and_changes_nothing(client: FlaskClient, method: str, path: str) -> None:
    assert client.open(path, method=method, json={}, headers=as_("viewer")).status_code == 403
    assert client.open(path, method=method, json={}).status_code == 401


@pytest.mark.parametrize("path", ["", "/item?sku=A", "/movements?sku=A"])
def test_who_has_no_token_reads_nothing(client: FlaskClient, path: str) -> None:
    create(client, "A")
    assert client.get(f"/api/products{path}").status_code == 401
    assert client.get(f"/api/products{path}", headers=as_("viewer")).status_code == 200


BAD: dict[str, tuple[str, str, Any, int]] = {
    "no SKU": ("POST", "", {}, 422),
    "a blank SKU": ("POST", "", {"sku": "  "}, 422),
    "a long SKU": ("POST", "", {"sku": "a" * 201}, 422),
    "a control character": ("POST", "", {"sku": "a\nb"}, 422),
    "a NUL": ("POST", "", {"sku": "a\0b"}, 422),
    "an operator for a SKU": ("POST", "", {"sku": {"$gt": ""}}, 422),
    "a number for a SKU": ("POST", "", {"sku": 1}, 422),
    "a taken SKU": ("POST", "", {"sku": "A"}, 409),
    "an unknown field": ("POST", "", {"sku": "B", "colour": "red"}, 422),
    "a price below zero": ("POST", "", {"sku": "B", "price": "-1"}, 422),
    "a blank price": ("POST", "", {"sku": "B", "price": " "}, 422),
    "a price that is none": ("POST", "", {"sku": "B", "price": "cheap"}, 422),
    "a price without end": ("POST", "", {"sku": "B", "price": 1e300}, 422),
    "stock as text": ("POST", "", {"sku": "B", "stock": "1"}, 422),
    "stock below zero": ("POST", "", {"sku": "B", "stock": -1}, 422),
    "stock without end": ("POST", "", {"sku": "B", "stock": 2**63}, 422),
    "stock true": ("POST", "", {"sku": "B", "stock": True}, 422),
    "an adjustment by nothing": ("POST", "/adjust", {"sku": "A", "change": 0, "reason": "x"}, 422),
    "an adjustment without a reason": ("POST", "/adjust", {"sku": "A", "change": 1}, 422),
    "a reserved reason": ("POST", "/adjust", {"sku": "A", "change": 1, "reason": "order"}, 422),
    "an adjustment of nothing known": ("POST", "/adjust", {"sku": "B", "change": 1, "reason": "x"}, 404),
    "a count below zero": ("POST", "/count", {"sku": "A", "count": -1}, 422),
    "a change of nothing known": ("PATCH", "/item?sku=B", {"name": "x"}, 404),
    "a change without a SKU": ("PATCH", "/item", {"name": "x"}, 422),
    "a new SKU": ("PATCH", "/item?sku=A", {"sku": "B"}, 422),
    "stock by change": ("PATCH", "/item?sku=A", {"stock": 3}, 422),
    "a list": ("PATCH", "/item?sku=A", [1], 422),
    "null for a name": ("PATCH", "/item?sku=A", {"name": None}, 422),
    "a file that is JSON": ("POST", "/import", {}, 415),
    "an operator in the query": ("GET", "?sku[$ne]=x", None, 422),
    "an operator for a word": ("GET", "?q[$regex]=x", None, 422),
    "a NUL in the query": ("GET", "?q=%00", None, 422),
    "a NUL in a SKU": ("GET", "/item?sku=a%00", None, 422),
    "too many rows": ("GET", "?limit=201", None, 422),
    "no rows": ("GET", "?limit=0", None, 422),
    "a cursor of another list": ("GET", "/movements?sku=A&cursor=WyJBIl0", None, 400),
    "no cursor": ("GET", "?cursor=%F0", None, 400),
    "movements of nothing known": ("GET", "/movements?sku=B", None, 404),
    "nothing known": ("GET", "/item?sku=B", None, 404),
    "deleting": ("DELETE", "/item?sku=A", None, 405),
}


def test_bad_input_has_a_defined_answer_and_changes_nothing(client: FlaskClient) -> None:
    create(client, "A", stock=3)
    before = data(client.get("/api/products", headers=MANAGER))
    for case, (method, path, body, status) in BAD.items():
        options: dict[str, Any] = {} if body is None else {"json": body}
        reply = client.open(f"/api/products{path}", method=method, headers=MANAGER, **options)
        assert reply.status_code == status, (case, reply.get_data(as_text=True))
        assert reply.json is not None, case
        assert reply.json["success"] is False, case
        assert reply.json["error"]["message"], case
        assert data(client.get("/api/products", headers=MANAGER)) == before, case


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"\xff", 400), (b"name\nx\n", 422), (b"sku\n" + b"a" * 3 * 2**20, 413)]
)
def test_a_bad_file_has_a_defined_answer(client: FlaskClient, body: bytes, status: int) -> None:
    reply = client.post("/api/products/import", data=body, content_type="text/csv", headers=MANAGER)
    assert reply.status_code == status
    assert reply.json is not None
    assert reply.json["success"] is False
