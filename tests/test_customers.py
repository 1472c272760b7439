"""Customers: one record per person, the newest word counts, replays change nothing."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from pos_api import customers
from pos_api.db import Db, Document
from tests.factories import Shop, at, order, outcome, values


@pytest.fixture
def shop(client: FlaskClient) -> Shop:
    return Shop(client)


def only(db: Db) -> Document:
    [customer] = db.customers.find()
    return customer


@pytest.mark.parametrize(
    ("email", "shop_id", "key"),
    [(" Anna@Example.SE ", 7, "anna@example.se"), ("", 7, "s:#7"), ("   ", 7, "s:#7"), ("", 0, None)],
)
def test_who_a_customer_is(email: str, shop_id: int, key: str | None) -> None:
    assert customers.key("s", email, shop_id) == key


def test_a_guest_without_email_makes_no_customer(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, billing={"first_name": "Bo"}))
    assert db.customers.count_documents({}) == 0


def test_the_newest_word_counts_in_whatever_order_it_arrives(shop: Shop, db: Db) -> None:
    for number, name in ((3, "Newest"), (1, "Oldest"), (2, "Middle")):
        billing = {"email": "A@example.se", "first_name": name}
        shop.outcome("order.created", order(number, billing=billing, modified=number, date_created_gmt=at(number)))
    assert only(db)["first_name"] == "Newest"
    assert (only(db)["first_order_at"].second, only(db)["last_order_at"].second) == (1, 3)


def test_a_guest_who_changes_the_address_on_an_order_is_known_by_both(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, billing={"email": "a@example.se"}))
    shop.outcome("order.updated", order(1, billing={"email": "b@example.se"}, modified=1))
    assert values(db.customers, "_id") == ["a@example.se", "b@example.se"]
    assert values(db.woocommerceorders, "customer") == ["b@example.se"]


def test_a_shops_blank_fields_do_not_wipe_what_orders_told(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, customer_id=7))
    blank = {
        "id": 7,
        "email": "anna@example.se",
        "first_name": "",
        "billing": {"last_name": ""},
        "date_modified_gmt": at(9),
    }
    assert outcome(shop.deliver("customer.updated", blank)) == "updated"
    assert only(db)["first_name"] == "Anna"
    assert only(db)["shop_ids"] == ["default:7"]


def test_names_that_look_like_operators_are_names(shop: Shop, db: Db) -> None:
    shop.outcome(
        "order.created",
        order(1, billing={"email": "$a@example.se", "first_name": "$first_name", "last_name": "$$ROOT"}),
    )
    assert (only(db)["first_name"], only(db)["last_name"]) == ("$first_name", "$$ROOT")


def test_a_replay_changes_nothing(shop: Shop, db: Db) -> None:
    for _ in range(2):
        shop.deliver("customer.created", {"id": 7, "email": "x@example.se", "date_modified_gmt": at(0)})
        shop.deliver("customer.updated", {"id": 7, "email": "x@example.se", "date_modified_gmt": at(0)})
    assert only(db)["_id"] == "x@example.se"
