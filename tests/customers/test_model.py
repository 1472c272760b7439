"""Who a customer is, what their profile is made of, and what an erasure leaves of it: decided without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from pos_api.customers.model import (
    Buyer,
    CustomerDocument,
    CustomerUpdate,
    Erasure,
    Profile,
    customer_key,
    external_ids_of,
)
from pos_api.customers.profile import (
    buyers_profile,
    kept_accounts,
    profile_if_newest,
    profile_words,
    reported_profile,
    without_erased,
)
from pos_api.customers.pseudonyms import is_pseudonym, new_pseudonym, pseudonym_of_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
ANNA = "anna@example.se"


def buyer(as_of: datetime = NOON, **billing: str) -> Buyer:
    return Buyer(ANNA, "default", "default:7", as_of, as_of, {"email": ANNA, **billing}, {})


def update(**fields: Any) -> CustomerUpdate:
    return CustomerUpdate("default", "default:7", ANNA, NOON, cast(Profile, fields))


def record(**fields: Any) -> CustomerDocument:
    return cast(CustomerDocument, {"_id": ANNA, "email": ANNA, "first_name": "Anna", "as_of": BEFORE, **fields})


@pytest.mark.parametrize(
    ("email", "customer_id", "key"),
    [(" Anna@Example.SE ", 7, ANNA), ("", 7, "s:#7"), ("   ", 7, "s:#7"), ("", 0, None), ("no address", 7, "s:#7")],
)
def test_a_customer_is_known_by_address_and_else_by_the_stores_id(email: str, customer_id: int, key: str) -> None:
    assert customer_key("s", email, customer_id) == key


def test_the_accounts_of_a_customer_are_those_reported_and_the_one_that_is_the_key() -> None:
    assert external_ids_of(ANNA, record(accounts={"default:7": NOON})) == ["default:7"]
    assert external_ids_of("default:#8", None) == ["default:8"]
    assert external_ids_of(ANNA, None) == []


def test_a_pseudonym_is_no_address() -> None:
    assert is_pseudonym(new_pseudonym())
    assert is_pseudonym(pseudonym_of_order("default:1"))
    assert not is_pseudonym("erased:me@example.se")
    assert not is_pseudonym(None)


def test_an_update_is_of_before_an_erasure_unless_it_was_reported_after_it() -> None:
    erasures = (Erasure(NOON, None),)
    for reported_at, erased in ((None, True), (BEFORE, True), (NOON, True), (AFTER, False)):
        asked = CustomerUpdate("s", "s:7", ANNA, NOON, {}, reported_at=reported_at, erasures=erasures)
        assert asked.is_erased is erased


def test_an_order_gives_a_whole_profile() -> None:
    profile = buyers_profile(buyer(first_name="Anna", phone="070-123 45 67"))
    assert (profile["email"], profile["company"], profile["owning_store"]) == (ANNA, "", "default")
    assert set(profile["search"]) >= {ANNA, "anna", "0701234567"}


def test_blank_fields_of_a_report_say_nothing() -> None:
    address = {"last_name": "Öberg", "company": "Kopp AB", "phone": "070"}
    profile = reported_profile(update(first_name="", last_name="Öberg", billing=address, shipping={"country": "SE"}))
    assert profile == {
        "email": ANNA,
        "last_name": "Öberg",
        "billing": address,
        "company": "Kopp AB",
        "phone": "070",
        "as_of": NOON,
        "owning_store": "default",
    }


def test_the_address_comes_first_among_the_words_that_are_indexed() -> None:
    many = " ".join(f"n{number}" for number in range(200))
    assert ANNA in profile_words({"email": ANNA, "last_name": many, "first_name": many})


def test_words_of_a_new_report_come_before_those_that_are_kept() -> None:
    words = profile_if_newest(reported_profile(update(first_name="Anna")))["search"]["$cond"][1]
    assert words["$slice"][0]["$concatArrays"][0] == {"$literal": sorted([ANNA, "anna"])}


def test_an_erasure_leaves_what_was_reported_since_and_what_other_stores_reported() -> None:
    accounts = {"default:7": BEFORE, "default:8": AFTER, "north:9": BEFORE}
    assert kept_accounts(record(accounts=accounts), NOON, None) == {"default:8": AFTER}
    assert kept_accounts(record(accounts=accounts), NOON, "default") == {"default:8": AFTER, "north:9": BEFORE}


def test_an_erasure_takes_the_profile_and_leaves_that_of_a_later_order() -> None:
    known = record(accounts={"default:8": AFTER}, phone="070", username="anna", search=["anna"], pseudonym="erased:1")
    left = without_erased(known, NOON, None, None, None)
    assert not {"first_name", "phone", "username", "pseudonym"} & left.keys()
    assert (left["search"], left["last_order_at"], left["external_ids"]) == ([ANNA], None, ["default:8"])
    later = buyer(AFTER, first_name="Annalisa")
    left = without_erased(known, NOON, None, later, later)
    assert (left["first_name"], left.get("username"), left["last_order_at"]) == ("Annalisa", None, AFTER)


def test_an_erasure_that_one_store_asks_for_leaves_another_stores_profile() -> None:
    known = record(owning_store="north", external_ids=["default:7", "north:9"], accounts={"north:9": BEFORE})
    left = without_erased(known, NOON, "default", None, None)
    assert (left["first_name"], left["external_ids"]) == ("Anna", ["north:9"])
