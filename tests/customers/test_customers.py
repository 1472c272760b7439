"""Customers: one record per person, the newest report counts, replays change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from pos_api.config import Config
from pos_api.customers import queries as customers
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, NotFound
from tests.factories import Shop, at, order, outcome, values
from tests.steps import Crash, clear, interleave, processes


def only(db: Db) -> Document:
    [customer] = db.customers.find()
    return customer


def test_a_guest_without_email_makes_no_customer(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, billing={"first_name": "Bo"}))
    assert db.customers.count_documents({}) == 0


def test_the_newest_report_counts_in_whatever_order_it_arrives(shop: Shop, db: Db) -> None:
    for number, name in ((3, "Newest"), (1, "Oldest"), (2, "Middle")):
        billing = {"email": "A@example.se", "first_name": name}
        shop.outcome("order.created", order(number, billing=billing, modified=number, date_created_gmt=at(number)))
    assert only(db)["first_name"] == "Newest"
    assert (only(db)["first_order_at"].second, only(db)["last_order_at"].second) == (1, 3)


# --- records that are nobody's any more ---------------------------------------------------------------------------

TYPO, RIGHT = {"email": "ida@exmaple.se"}, {"email": "ida@example.se"}
ERASED = {"first_name": "[deleted]", "email": "deleted@site.invalid", "phone": "0"}


def test_a_corrected_address_leaves_no_customer_behind(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, billing=TYPO))
    shop.outcome("order.updated", order(1, billing=RIGHT, modified=1))
    shop.outcome("order.updated", order(1, billing=TYPO, modified=0))  # late, so stale
    assert values(db.customers, "_id") == [RIGHT["email"]]
    assert values(db.orders, "customer") == [RIGHT["email"]]
    assert db.orders.count_documents({"former_customers": {"$exists": True}}) == 0


def test_a_customer_with_another_order_stays(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, billing=TYPO))
    shop.outcome("order.created", order(2, billing=TYPO))
    shop.outcome("order.updated", order(1, billing=RIGHT, modified=1))
    assert values(db.customers, "_id") == [RIGHT["email"], TYPO["email"]]
    shop.outcome("order.updated", order(2, billing=RIGHT, modified=1))
    assert values(db.customers, "_id") == [RIGHT["email"]]


def test_an_account_of_the_shop_stays_without_an_order(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, billing=TYPO))
    shop.deliver("customer.created", {"id": 7, "date_modified_gmt": at(0), **TYPO})
    shop.outcome("order.updated", order(1, billing=RIGHT, modified=1))
    assert values(db.customers, "_id") == [RIGHT["email"], TYPO["email"]]


@pytest.mark.parametrize("late", [False, True])
def test_an_account_whose_address_is_corrected_is_one_customer(shop: Shop, db: Db, late: bool) -> None:
    reports = [{"id": 7, "date_modified_gmt": at(0), **TYPO}, {"id": 7, "date_modified_gmt": at(1), **RIGHT}]
    for report in reversed(reports) if late else reports:
        shop.deliver("customer.updated", report)
    assert values(db.customers, "_id") == [RIGHT["email"]]


def test_a_guest_who_registers_is_one_customer(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, billing={"first_name": "Ida"}, customer_id=7))
    shop.outcome("order.updated", order(1, billing=RIGHT, customer_id=7, modified=1))
    assert values(db.customers, "_id") == [RIGHT["email"]]


def _customers_are_those_of_orders(db: Db) -> None:
    assert values(db.customers, "_id") == sorted({each["customer"] for each in db.orders.find()})


def while_an_address_is_corrected(
    db: Db,
    config: Config,
    other: tuple[str, Document],
    first_steps: range,
    second_steps: tuple[int, ...],
    since: int = 0,
) -> Iterator[tuple[int, int]]:
    """Deliver the correction of an address, interrupted at each of its `first_steps` by the `other` delivery, which
    pauses at each of its `second_steps`; yields the two steps when both are done. The order dates from second `since`.
    """
    with processes(config, 2) as (first, second):
        for i in first_steps:
            for j in second_steps:
                clear(db)
                first.deliver("order.created", order(1, billing=TYPO, modified=since))
                interleave(
                    first,
                    lambda: first.deliver("order.updated", order(1, billing=RIGHT, modified=since + 1)),
                    second,
                    lambda: second.deliver(*other),
                    i,
                    j,
                )
                yield i, j


@pytest.mark.parametrize("step", range(1, 14))
def test_a_crash_at_any_step_of_a_correction_leaves_no_customer_behind(db: Db, config: Config, step: int) -> None:
    with processes(config, 2) as (process, other):
        process.deliver("order.created", order(1, billing=TYPO))
        process.steps.crash_at(step)
        with suppress(Crash):
            process.deliver("order.updated", order(1, billing=RIGHT, modified=1))
        other.take_over()
        if db.orders.count_documents({"customer": RIGHT["email"]}):  # else it crashed before it was stored
            assert values(db.customers, "_id") == [RIGHT["email"]]
        assert db.orders.count_documents({"former_customers": {"$exists": True}}) == 0


def test_another_order_that_comes_at_the_same_moment_keeps_its_customer(db: Db, config: Config) -> None:
    another = ("order.created", order(2, billing=TYPO))
    for _ in while_an_address_is_corrected(db, config, another, range(1, 14), (2, 4, 5, 6, 8, 10)):
        _customers_are_those_of_orders(db)


@pytest.mark.parametrize("newest", [{"email": "ida@third.example"}, ERASED])
def test_a_version_overtaken_while_it_is_recorded_leaves_no_customer_behind(
    db: Db, config: Config, newest: Document
) -> None:
    """Who saved the newer version may have removed the customer of the older one before that one is recorded."""
    newer = ("order.updated", order(1, billing=newest, modified=2))
    kept = [newest["email"]] if newest is not ERASED else []
    for steps in while_an_address_is_corrected(db, config, newer, range(1, 14), (4, 8, 14)):
        assert values(db.customers, "_id") == kept, steps


def test_an_older_order_that_comes_while_its_customer_is_removed_keeps_it(db: Db, config: Config) -> None:
    """The older version changes nothing but the times of a record that is newer, which may go at that moment."""
    older = ("order.created", order(2, billing=TYPO, modified=1))
    for _ in while_an_address_is_corrected(db, config, older, range(6, 13), (4, 5, 6, 7, 8), since=8):
        _customers_are_those_of_orders(db)


# --- erased in the shop -------------------------------------------------------------------------------------------


def test_an_erased_person_stays_one_customer_whom_nobody_can_find(shop: Shop, db: Db) -> None:
    for number, email in ((1, "erik@example.se"), (2, "erik@example.se"), (3, "frida@example.se")):
        shop.outcome("order.created", order(number, billing={"first_name": "E", "email": email}, modified=0))
    for number in (1, 3, 2):
        shop.outcome("order.updated", order(number, billing=ERASED, modified=9))
    assert db.customers.count_documents({}) == 0
    first, second, third = (each["customer"] for each in db.orders.find().sort("order_id", 1))
    assert first == second != third
    assert first.startswith("erased:")
    assert "erik" not in str(list(db.orders.find()))


def test_who_is_erased_while_another_order_is_not_keeps_their_record(shop: Shop, db: Db) -> None:
    for number in (1, 2):
        shop.outcome("order.created", order(number, billing=RIGHT))
    shop.outcome("order.updated", order(1, billing=ERASED, modified=9))
    assert values(db.customers, "_id") == [RIGHT["email"]]
    shop.outcome("order.updated", {"id": 1, "status": "completed", "date_modified_gmt": at(10)})
    assert db.orders.find_one({"order_id": 1})["customer"].startswith("erased:")  # type: ignore[index]


def test_orders_that_were_erased_before_they_came_are_of_different_people(shop: Shop, db: Db) -> None:
    for number in (1, 2):
        shop.outcome("order.created", order(number, billing=ERASED))
    assert values(db.orders, "customer") == ["erased:default:1", "erased:default:2"]
    assert db.customers.count_documents({}) == 0


def test_a_guest_without_an_address_is_erased_without_becoming_a_customer(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, billing={"first_name": "Bo"}))
    erased = order(
        1, billing={"first_name": "[deleted]"}, meta_data=[{"key": "_anonymized", "value": "yes"}], modified=9
    )
    shop.outcome("order.updated", erased)
    assert db.orders.find_one({}, {"customer": 1, "_id": 0}) == {"customer": None}


# --- found by the shop's id ---------------------------------------------------------------------------------------


def test_a_customer_is_found_by_the_shops_id_in_every_form(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, billing={"email": "work@example.se"}, customer_id=35))
    shop.outcome(
        "order.created", order(2, billing={"email": "home@example.se"}, customer_id=35, date_created_gmt=at(9))
    )
    for form in ("35", "#35", "default:#35"):
        assert customers.get(db, form)["_id"] == "home@example.se"  # who ordered last
        assert customers.keys(db, form, None) == sorted([form, "home@example.se", "work@example.se"])
    shop.deliver("customer.updated", {"id": 35, "email": "work@example.se", "date_modified_gmt": at(20)})
    assert customers.get(db, "35")["_id"] == "work@example.se"  # the account
    for form in ("36", "other:#35", "default:35", "35@example.se", "#"):
        with pytest.raises(NotFound):
            customers.get(db, form)


def test_an_id_of_several_stores_is_ambiguous_without_one(db: Db) -> None:
    for store in ("default", "second"):
        db.orders.insert_one({"_id": f"{store}:1", "store": store})
        db.customers.insert_one({"_id": f"{store}@example.se", "external_ids": [f"{store}:35"]})
    with pytest.raises(Conflict) as raised:
        customers.get(db, "35")
    assert raised.value.details == {"candidates": ["default:#35", "second:#35"]}
    assert customers.get(db, "second:#35")["_id"] == "second@example.se"


# --- what is known of a person ------------------------------------------------------------------------------------


def test_a_shops_blank_fields_do_not_remove_what_orders_had(shop: Shop, db: Db) -> None:
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
    assert only(db)["external_ids"] == ["default:7"]


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
