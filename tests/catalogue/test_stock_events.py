"""The events of stock in the outbox: one for each movement that changed it, and one each time that it falls too low."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.catalogue.stock_events import is_low_now
from pos_api.common.quantity import Quantity
from pos_api.database.client import Db
from pos_api.orders import verify_stock
from pos_api.processing.publishing import publish_left
from pos_api.staff import token_claims
from pos_api.stock import ledger
from tests.factories import Shop, line, order, product, stock_up
from tests.orders.plain import NOON
from tests.outbox.subscribing import assert_events_are_complete, assert_nothing_is_left, ids, published, subscribe

MANAGER = {
    "Authorization": f"Bearer {token_claims.token('test-jwt-secret-of-more-than-32-bytes', 'anna', 'manager')[0]}"
}


@pytest.mark.parametrize(
    ("quantity", "balance", "threshold", "is_low"),
    [
        (-1, 5, 5, True),
        (-1, 4, 5, False),
        (-9, 1, 5, True),
        (-1, 6, 5, False),
        (2, 5, 5, False),
        (-1, 0, None, False),
        (-1, -1, None, True),
        (-1, -2, None, False),
        (-0.5, -0.5, None, True),
        (-9, -2, 5, True),
        (-3, -1, -2, True),
        (-1, -2, -2, True),
        (0, 5, 5, False),
        (3, 3, 5, False),
        (-2, -2, 0, True),
    ],
)
def test_stock_is_low_once_each_time_that_it_falls_to_the_threshold_or_below_zero(
    quantity: Quantity, balance: Quantity, threshold: Quantity | None, is_low: bool
) -> None:
    assert is_low_now(quantity, balance, threshold) is is_low


def test_each_movement_is_an_event_as_the_api_shows_it(client: FlaskClient, shop: Shop, db: Db) -> None:
    subscribe(db, "stock.*")
    manage(client, "", sku="A", name="Beans", stock=7, low_stock_threshold=5)
    manage(client, "/count", sku="A", count=12, note="shelf 4")
    manage(client, "/count", sku="A", count=12)
    manage(client, "/adjust", sku="A", change=-2, reason="broken")
    shop.outcome("order.created", order(1, line("A", 11)))
    events = published(db)
    assert [(each["_id"], each["type"], each["position"], each["store"]) for each in events] == [
        ("stock:A:1", "stock.changed", 2, None),
        ("stock:A:2", "stock.changed", 4, None),
        ("stock:A:4", "stock.changed", 8, None),  # the second count changed nothing
        ("stock:A:5", "stock.changed", 10, "default"),
        ("stock:A:5:low", "stock.low", 11, "default"),
    ]
    shown = {each["seq"]: each for each in client.get("/api/products/movements?sku=A", headers=MANAGER).json["data"]}  # type: ignore[index]
    for event in events[:4]:
        more = {"sku": "A", "product": "A", "store": event["store"]}
        ledger_only = ("oversold", "stores")  # what became of it at stores is known later
        movement = {name: value for name, value in shown[event["data"]["seq"]].items() if name not in ledger_only}
        assert event["data"] == {**more, **movement}
        assert json.loads(event["reference"]) == {"sku": "A", "product": "A", "seq": event["data"]["seq"]}
        assert event["about"] == []
    assert {seq for seq, each in shown.items() if each["oversold"]} == {5}
    assert events[4]["data"] == {**events[3]["data"], "low_stock_threshold": 5, "oversold": True}
    assert_nothing_is_left(db)


def manage(client: FlaskClient, path: str, **body: Any) -> None:
    reply = client.post(f"/api/products{path}", json=body, headers=MANAGER)
    assert reply.status_code < 300, reply.text


def test_what_an_imported_file_counts_is_an_event(client: FlaskClient, db: Db) -> None:
    subscribe(db, "stock.changed")
    for stock in (3, 8):
        text = f"sku,stock\nA,{stock}\nB,{stock}\n"
        client.post("/api/products/import", data=text, content_type="text/csv", headers=MANAGER)
    assert ids(db) == ["stock:A:1", "stock:A:2", "stock:B:1", "stock:B:2"]
    assert_nothing_is_left(db)


def test_a_product_that_a_store_reports_opens_its_ledger_and_is_that_stores(shop: Shop, db: Db) -> None:
    subscribe(db, "stock.changed", stores=["default"])
    shop.outcome("product.created", product(1, "A", 0))
    shop.outcome("product.updated", product(1, "A", None, date_modified_gmt="2026-11-22T12:01:00"))
    shop.outcome("product.updated", product(1, "A", 4, date_modified_gmt="2026-11-22T12:02:00"))
    events = published(db)
    assert [(each["data"]["reason"], each["data"]["balance"], each["store"]) for each in events] == [
        ("opening", 0, "default"),
        ("managed_again", 4, "default"),
    ]


def test_a_movement_of_nothing_is_no_event(shop: Shop, db: Db) -> None:
    subscribe(db, "stock.*")
    shop.send("product.created", product(1, "A", 5), timestamp="2026-11-22T12:10:00Z")
    shop.outcome("order.created", order(1, line("A", 2, 2, product_id=1)))
    opening: Any = db.stock_movements.find_one({"order": "default:1"})
    assert (opening["quantity"], opening["reason"]) == (0, "opening")
    assert ids(db) == ["stock:A:1"]


def test_no_movement_of_a_product_is_published_before_an_earlier_one_that_a_crash_left(shop: Shop, db: Db) -> None:
    subscribe(db, "stock.*")
    stock_up(db, A=10, B=10)
    ledger.move(db, "A", -1, reason="broken", cause="staff:bo")
    shop.outcome("order.created", order(1, line("A", 2)))
    assert ids(db) == ["stock:A:1", "stock:A:2", "stock:A:3"], "of the other product nothing yet"
    assert publish_left(db) == 0, "it may still be on its way"
    db.stock_movements.update_many({"sku": "B"}, {"$set": {"unpublished.0.at": NOON}})
    assert publish_left(db) == 1
    assert ids(db, "stock:B") == ["stock:B:1"]
    assert_nothing_is_left(db)


def test_the_current_sku_is_shown_and_marks_are_in_no_list_and_no_problem_to_verify(
    client: FlaskClient, db: Db
) -> None:
    subscribe(db, "stock.*")
    stock_up(db, A=10)
    db.products.update_one({"_id": "A"}, {"$set": {"sku": "A2"}, "$addToSet": {"skus": "A2"}})
    assert not list(verify_stock.run(db))
    [shown] = client.get("/api/products/movements?sku=A2", headers=MANAGER).json["data"]  # type: ignore[index]
    assert "unpublished" not in shown
    manage(client, "/adjust", sku="A2", change=1, reason="found")
    assert {(each["data"]["sku"], each["data"]["product"]) for each in published(db)} == {("A2", "A")}
    assert_events_are_complete(db)


def test_with_no_subscription_nothing_is_marked(client: FlaskClient, db: Db) -> None:
    subscribe(db, "order.*")
    manage(client, "", sku="A", stock=7)
    assert db.stock_movements.count_documents({"unpublished": {"$exists": True}}) == 0
