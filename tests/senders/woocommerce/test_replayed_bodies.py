"""A signed body that somebody recorded and sends again: WooCommerce's signature leaves out the topic, so the body has
to fit it, and what is older changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pos_api.database.client import Db
from pos_api.errors import Invalid
from pos_api.senders.woocommerce.native_webhooks import check_topic
from tests.factories import Shop, at, line, order, outcome, product, stock_of, stock_up
from tests.paths import TESTS

RECORDINGS = TESTS / "recordings"
CUSTOMER = {"id": 1, "email": "anna@example.se", "username": "anna", "date_modified_gmt": at(0)}
BODIES: dict[str, dict[str, Any]] = {
    "order": order(1, line("A", 2)),
    "product": product(1, "A", 7),
    "customer": CUSTOMER,
}


def deleted(db: Db) -> bool:
    return db.orders.count_documents({"deleted_at": {"$exists": True}}) == 1


@pytest.mark.parametrize("topic", ["order.deleted", "product.deleted"])
def test_a_deletion_counts_only_with_the_id_alone(shop: Shop, db: Db, topic: str) -> None:
    shop.deliver("product.created", product(1, "A", 10))
    shop.deliver("order.created", order(1, line("A", 2)))
    for body in (
        {**BODIES[topic.partition(".")[0]]},
        {"id": 1, "status": "trash"},
        {"id": 1, "date_modified_gmt": at(9)},
    ):
        assert outcome(shop.deliver(topic, body)) == "parked"
    assert not deleted(db)
    assert db.products.count_documents({"archived": True}) == 0
    assert "may be an older delivery" in db.inbox.find_one({"state": "parked"})["reason"]  # type: ignore[index]
    assert outcome(shop.deliver(topic, {"id": 1})) == "updated"


@pytest.mark.parametrize("topic", ["cancelled", "refunded", "completed", "updated", "created", "restored"])
def test_a_recorded_deletion_is_nothing_under_another_topic(shop: Shop, db: Db, topic: str) -> None:
    stock_up(db, A=10)
    shop.deliver("order.created", order(1, line("A", 2)))
    assert outcome(shop.deliver(f"order.{topic}", {"id": 1})) == "parked"
    assert stock_of(db) == {"A": 8}
    assert db.orders.find_one()["status"] == "processing"  # type: ignore[index]


@pytest.mark.parametrize(("kind", "of"), [(kind, of) for kind in BODIES for of in BODIES if kind != of])
def test_what_is_no_order_changes_none_and_so_for_products_and_customers(
    shop: Shop, db: Db, kind: str, of: str
) -> None:
    stock_up(db, B=10)
    shop.deliver("order.created", order(1, line("B", 2)))
    before = [list(db[name].find()) for name in ("orders", "products", "customers")]
    assert outcome(shop.deliver(f"{kind}.updated", {**BODIES[of], "date_modified_gmt": at(60)})) == "parked"
    assert [list(db[name].find()) for name in ("orders", "products", "customers")] == before


def test_a_recorded_version_does_not_take_an_order_out_of_the_trash(shop: Shop, db: Db) -> None:
    shop.deliver("order.created", order(1))
    shop.deliver("order.updated", order(1, modified=5))
    shop.deliver("order.deleted", {"id": 1})
    for seconds in (0, 5):
        shop.deliver("order.restored", order(1, modified=seconds))
    assert deleted(db)
    shop.deliver("order.restored", order(1, modified=6))
    assert not deleted(db)


def test_a_recorded_deletion_is_nothing_after_the_inbox_has_dropped_the_first(shop: Shop, db: Db) -> None:
    shop.deliver("order.created", order(1))
    shop.deliver("order.deleted", {"id": 1})
    shop.deliver("order.restored", order(1, modified=6))
    db.inbox.delete_many({"topic": "order.deleted"})
    assert outcome(shop.deliver("order.deleted", {"id": 1})) == "unchanged"
    assert not deleted(db)


def test_a_recorded_version_does_not_take_a_product_out_of_the_archive(shop: Shop, db: Db) -> None:
    body = product(1, "A", 10)
    shop.deliver("product.created", body)
    shop.deliver("product.deleted", {"id": 1})
    shop.deliver("product.restored", body)
    assert db.products.count_documents({"archived": True}) == 1
    shop.deliver("product.restored", {**body, "date_modified_gmt": at(6)})
    assert db.products.count_documents({"archived": True}) == 0


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.json")), ids=lambda path: path.stem)
def test_all_that_a_real_woocommerce_sent_fits_its_topic_and_no_other_kind(path: Path) -> None:
    for step in json.loads(path.read_text())["steps"]:
        for delivery in step["deliveries"]:
            headers = {name.lower(): value for name, value in delivery["headers"].items()}
            if topic := headers.get("x-wc-webhook-topic"):
                body = json.loads(delivery["body"])
                check_topic(topic, body)
                kind = topic.partition(".")[0]
                for other in {*BODIES} - {kind} if len(body) > 1 else ():
                    with pytest.raises(Invalid):
                        check_topic(f"{other}.updated", body)
