"""`pos-api verify`: what is right is called right; everything that can be wrong is found, and repaired if it can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.catalogue import staff_actions
from pos_api.database.client import Db
from pos_api.orders import verify_stock as verify
from pos_api.orders.verify_stock import Problem

KEY = {"X-API-Key": "test-api-key-of-more-than-32-characters"}


@pytest.fixture
def stocked(db: Db, client: FlaskClient) -> Db:
    """Three products, orders that took, gave back and never took, and an adjustment."""
    for sku in ("A", "B", "Sku 42/ä"):
        staff_actions.add(db, {"sku": sku, "stock": 10}, by="anna")
    send(client, 1, [("A", 2), ("B", 1)])
    send(client, 2, [("A", 1), ("Sku 42/ä", 0.5)])
    send(client, 2, [("A", 1), ("Sku 42/ä", 0.5)], status="cancelled")
    send(client, 3, [("B", 4)], opening=True, reduced=True)
    send(client, 4, [("unknown", 1)])
    staff_actions.adjust(db, "A", -1, reason="broken", by="anna")
    return db


def send(
    client: FlaskClient,
    order_id: int,
    lines: list[tuple[str, float]],
    *,
    status: str = "processing",
    opening: bool = False,
    reduced: bool = False,
) -> None:
    items: list[dict[str, Any]] = [{"id": n, "sku": sku, "quantity": units} for n, (sku, units) in enumerate(lines, 1)]
    for item in items:
        if reduced:
            item["meta_data"] = [{"id": 1, "key": "_reduced_stock", "value": str(item["quantity"])}]
    data = {"id": order_id, "status": status, "line_items": items}
    reply = client.post(
        "/api/webhooks/orders", json={"event": "order.updated", "data": data, "opening": opening}, headers=KEY
    )
    assert reply.status_code == 200, reply.json


def found(db: Db, *, repair: bool = False) -> list[Problem]:
    return list(verify.run(db, repair=repair))


def test_what_the_service_wrote_is_right(stocked: Db) -> None:
    assert found(stocked) == []
    assert {product["_id"]: product["stock"] for product in stocked.products.find()} == {
        "A": 7,
        "B": 9,
        "Sku 42/ä": 10,
    }


def product_behind(db: Db) -> None:
    db.products.update_one({"_id": "A"}, {"$set": {"seq": 1, "stock": 10}})


def product_ahead(db: Db) -> None:
    db.products.update_one({"_id": "A"}, {"$set": {"seq": 99, "stock": 3}})


def product_wrong(db: Db) -> None:
    db.products.update_one({"_id": "Sku 42/ä"}, {"$set": {"stock": 3}})


def order_not_settled(db: Db) -> None:
    db.orders.update_one(
        {"_id": "default:1"}, {"$set": {"held": [{"sku": "A", "quantity": 5}, {"sku": "B", "quantity": 1}]}}
    )


def order_never_settled(db: Db) -> None:
    order = db.orders.find_one({"_id": "default:1"})
    assert order is not None
    db.orders.insert_one({**order, "_id": "default:9", "order_id": 9})


def opening_not_noted(db: Db) -> None:
    order = db.orders.find_one({"_id": "default:3"})
    assert order is not None
    db.orders.insert_one({**order, "_id": "default:9", "order_id": 9})


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (product_behind, "A"),
        (product_ahead, "A"),
        (product_wrong, "Sku 42/ä"),
        (order_not_settled, "default:1"),
        (order_never_settled, "default:9"),
        (opening_not_noted, "default:9"),
    ],
)
def test_what_a_crash_can_leave_is_found_and_repaired(stocked: Db, damage: Callable[[Db], None], what: str) -> None:
    damage(stocked)
    assert [(problem.what, problem.repaired) for problem in found(stocked)] == [(what, False)]
    assert [(problem.what, problem.repaired) for problem in found(stocked, repair=True)] == [(what, True)]
    assert found(stocked) == []


def gap(db: Db) -> None:
    db.stock_movements.update_one({"sku": "A", "seq": 5}, {"$set": {"seq": 50}})
    db.products.update_one({"_id": "A"}, {"$set": {"seq": 50}})


def wrong_balance(db: Db) -> None:
    db.stock_movements.update_one({"sku": "A", "seq": 3}, {"$inc": {"balance": 1}})


def product_gone(db: Db) -> None:
    db.products.delete_one({"_id": "Sku 42/ä"})


def ledger_gone(db: Db) -> None:
    db.products.insert_one({"_id": "C", "sku": "C", "skus": ["C"], "stock": 0, "seq": 0})


@pytest.mark.parametrize(
    ("damage", "what"), [(gap, "A"), (wrong_balance, "A"), (product_gone, "Sku 42/ä"), (ledger_gone, "C")]
)
def test_what_only_a_person_can_judge_is_told_and_left(stocked: Db, damage: Callable[[Db], None], what: str) -> None:
    damage(stocked)
    before = list(stocked.stock_movements.find())
    for repair in (False, True):
        assert [(problem.what, problem.repaired) for problem in found(stocked, repair=repair)] == [(what, False)]
    assert list(stocked.stock_movements.find()) == before


def test_an_orders_steps_must_add_up(stocked: Db) -> None:
    stocked.stock_movements.update_one({"order": "default:2", "sku": "A", "n": 1}, {"$set": {"held": 3}})
    assert [problem.what for problem in found(stocked)] == ["default:2"]


def test_more_orders_than_are_read_at_once(stocked: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_PAGE", 2)
    assert found(stocked) == []
    order_not_settled(stocked)
    order_never_settled(stocked)
    assert {problem.what for problem in found(stocked)} == {"default:1", "default:9"}
