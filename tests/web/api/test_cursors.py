"""Whatever is stored, a list is read to its end by the cursors it gives, each row once; no other cursor is taken."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.cash import apply as cash
from pos_api.database.client import Db
from pos_api.senders.values import EMAIL_LIMIT, SKU_LIMIT
from pos_api.staff import audit
from pos_api.subscriptions import apply as subscriptions
from tests.cash.sessions import cash_session
from tests.factories import Shop, at, order, product
from tests.paging import read_all
from tests.web.api.test_customer_subscriptions import subscription
from tests.web.api.test_products import as_

LETTERS = ["a", "ä", "👕", '"', "\\", "İ", "%", "\u2028", "\x01"]
LISTS = {
    "cash-sessions": "id",
    "webhooks/orders": "id",
    "customers": "id",
    "customer-subscriptions": "id",
    "products": "sku",
    "inbox": "key",
    "audit": "id",
}
"""The lists, and what names a row."""


@pytest.fixture
def filled(client: FlaskClient, db: Db) -> FlaskClient:
    """Orders, customers, products, parked deliveries and audit entries, with the longest and oddest texts there are."""
    shop = Shop(client)
    for number, letter in enumerate(LETTERS, 1):
        sku = (letter * SKU_LIMIT)[: SKU_LIMIT - 1] + "x"
        email = (letter * EMAIL_LIMIT)[: EMAIL_LIMIT - 2] + "@x"
        shop.outcome("product.created", product(number, sku, 1))
        shop.outcome("order.created", order(number, billing={"email": email}, date_created_gmt=at(number % 2)))
        shop.deliver("order.updated", {"id": number, "status": ["odd"]})
        audit.record(db, "stock.adjusted", target=letter * 200)
        cash.apply_session(db, cash_session(f"{letter * 199}x", number % 2))
        subscriptions.apply(db, subscription(f"{letter * 199}x", number % 2))
    return client


@pytest.mark.parametrize("name", LISTS)
def test_every_cursor_that_a_list_gives_is_taken(filled: FlaskClient, name: str) -> None:
    def page_after(cursor: str) -> Any:
        query: dict[str, Any] = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        response = filled.get(f"/api/{name}", query_string=query, headers=as_("admin"))
        assert response.status_code == 200, response.text
        return response.get_json()

    found = [row[LISTS[name]] for row in read_all(page_after)]
    assert len(found) == len(set(found)) >= len(LETTERS)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("cursor", ["W251bGwsbnVsbF0", "e30", "x" * 5_000, "WyJhIiwiYiIsImMiXQ", "ä", "$gt"])
def test_a_forged_cursor_is_a_bad_request(client: FlaskClient, name: str, cursor: str) -> None:
    response = client.get(f"/api/{name}", query_string={"cursor": cursor}, headers=as_("admin"))
    assert (response.status_code, response.get_json()["error"]["code"]) == (400, "bad_request")
