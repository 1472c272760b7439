"""What a shop sends is bounded where it is read: no text, number or date can make others fail, or stay for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.catalogue import queries as products
from pos_api.common import text_search as words
from pos_api.common.currencies import CURRENCIES
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.figures import queries as stats
from pos_api.figures import spans
from pos_api.processing import batches
from pos_api.processing.work import Work
from pos_api.senders.fields import PROBLEM_LIMIT
from pos_api.senders.values import EMAIL_LIMIT, SKU_LIMIT, STATUS_LIMIT, TEXT_LIMIT
from pos_api.stores import settings
from pos_api.stores.registry import Stores
from tests.factories import Shop, at, line, order, outcome, product, read_delivery, stock_of, stock_up

FAR = "9998-01-01T00:00:00"


def warned(db: Db, number: int = 1) -> set[tuple[str, str]]:
    """Code and field of the order's warnings."""
    [found] = db.orders.find({"order_id": number})
    return {(each["code"], each["values"].get("field", "")) for each in found["warnings"]}


def stored(db: Db, number: int = 1) -> Document:
    [found] = db.orders.find({"order_id": number})
    return found


def compact(shop: Shop, data: Document) -> TestResponse:
    """Send an order in as few bytes as there are."""
    body = {"event": "order.created", "data": data}
    return shop.post(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


# --- texts --------------------------------------------------------------------------------------------------------


def test_a_name_of_150_000_words_costs_no_order_and_only_its_first_words_are_indexed(shop: Shop, db: Db) -> None:
    name = " ".join(f"w{n}" for n in range(150_000))
    billing = {"first_name": name, "last_name": "Öberg", "email": "anna@example.se", "phone": "070-123 45 67"}
    assert shop.outcome("order.created", order(1, billing=billing)) == "created"
    assert ("field_shortened", "billing.first_name") in warned(db)
    assert len(stored(db)["billing"]["first_name"]) == TEXT_LIMIT
    for found in (stored(db)["search"], db.customers.find_one()["search"]):  # type: ignore[index]
        assert len(found) == 100
        assert {"öberg", "anna@example.se", "0701234567"} <= {*found}
    shop.outcome("product.created", product(1, "A", 5, name=name))
    assert len(db.products.find_one()["search"]) == 100  # type: ignore[index]
    assert [each["sku"] for each in products.find(db, products.Filter(words="a"))] == ["A"]


def test_words_are_of_bounded_length_and_looked_for_so() -> None:
    word = "x" * 5_000
    assert words.contact_words(word) == words.wanted_contact_words(word) == ["x" * 320]
    assert len(words.contact_words("9" * 5_000)) == 1


def test_the_words_of_a_customer_stay_bounded_whatever_names_come(shop: Shop, db: Db) -> None:
    for turn in range(5):
        name = " ".join(f"w{turn}-{n}" for n in range(200))
        shop.outcome(
            "customer.updated", {"id": 1, "email": "a@example.se", "first_name": name, "date_modified_gmt": at(turn)}
        )
    assert len(db.customers.find_one()["search"]) <= words.MOST_KEPT  # type: ignore[index]


def test_an_email_address_of_912_letters_is_left_out_and_no_part_of_it_names_a_customer(shop: Shop, db: Db) -> None:
    long = "a" * 900 + "@example.com"
    assert (
        shop.outcome("order.created", order(1, customer_id=7, billing={"email": long, "last_name": "Öberg"}))
        == "created"
    )
    assert ("field_left_out", "billing.email") in warned(db)
    assert stored(db)["customer"] == "default:#7"
    assert shop.outcome("customer.updated", {"id": 8, "email": long, "date_modified_gmt": at(0)}) == "created"
    assert {each["_id"] for each in db.customers.find()} == {"default:#7", "default:#8"}
    fits = "a" * (EMAIL_LIMIT - 12) + "@example.com"
    shop.outcome("order.created", order(2, billing={"email": fits}))
    assert stored(db, 2)["customer"] == fits


def test_a_sku_that_is_too_long_costs_no_order_and_is_no_part_of_another(shop: Shop, db: Db) -> None:
    longest = "S" * SKU_LIMIT
    stock_up(db, A=10, **{longest: 5})
    shop.outcome("order.created", order(1, line("A", 2), line(longest + "S", 3), line(longest, 1)))
    assert ("field_left_out", "line_items.1.sku") in warned(db)
    assert stock_of(db) == {"A": 8, longest: 4}
    reply = shop.send("product.created", product(9, longest + "S", 5)).get_json()["data"]
    assert reply["outcome"] == "ignored"
    assert {each["code"] for each in reply["warning_codes"]} == {"field_left_out", "product_without_sku"}


def test_a_status_is_cut(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(1, status="s" * 100_000))
    assert stored(db)["status"] == "s" * STATUS_LIMIT
    assert ("field_shortened", "status") in warned(db)


def test_a_topic_is_cut(shop: Shop, db: Db) -> None:
    assert shop.outcome("t" * 100_000, {"id": 1}) == "ignored"
    assert len(db.inbox.find_one()["topic"]) == 300  # type: ignore[index]


def test_thousands_of_mistakes_are_kept_as_a_few(shop: Shop, db: Db) -> None:
    response = compact(shop, {**order(1), "refunds": [1] * 2_000})
    assert response.status_code == 422
    [entry] = db.inbox.find({"state": "parked"})
    assert len(entry["details"]) == PROBLEM_LIMIT


# --- currencies and figures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["SEK", "sek ", "GGP", "BTC", "JPY"])
def test_currencies_of_iso_4217_and_of_woocommerce_are_taken(shop: Shop, db: Db, code: str) -> None:
    assert shop.outcome("order.created", order(1, currency=code)) == "created"
    assert stored(db)["currency"] == code.strip().upper()


def test_an_order_in_an_invented_currency_is_parked_with_the_reason(shop: Shop, db: Db) -> None:
    for number in range(1, 31):
        assert outcome(shop.deliver("order.created", order(number, currency=f"Z{number:02}"))) == "parked"
    assert db.orders.count_documents({}) == 0
    entry = db.inbox.find_one({"state": "parked"})
    assert entry is not None
    assert "is no currency of ISO 4217" in entry["details"]["data.currency"]
    assert "pos-api store set default --currency" in entry["details"]["data.currency"]


@pytest.mark.parametrize("code", ["IRHT", "Đồng", "usdt"])
def test_a_currency_that_the_shop_has_made_up_is_taken_once_staff_have_set_it(
    db: Db, config: Config, code: str
) -> None:
    def received() -> Work:
        body = json.dumps({"event": "order.created", "data": order(1, currency=code)}).encode()
        store = Stores(db, config).get("default")
        return read_delivery(store, {"content-type": "application/json"}, body, now())

    assert received().problem is not None
    settings.update_store(db, config, "default", currency=code)
    batches.process(db, "lease", [received()])
    assert stored(db)["currency"] == code.upper()
    assert [each["currency"] for each in stats.figures(db)["currencies"]] == [code.upper()]


def test_days_without_orders_are_left_out_of_very_long_answers(shop: Shop, db: Db, client: FlaskClient) -> None:
    used = sorted(CURRENCIES)[:6]
    for number, code in enumerate(used, 1):
        shop.outcome("order.created", order(number, currency=code, date_created_gmt="2018-01-01T10:00:00"))
        shop.outcome("order.created", order(number + 100, currency=code))
    found = stats.figures(db)
    days = [each["by_day"] for each in found["currencies"]]
    assert [len(each) for each in days] == [3_248] * 6, "as many as fit are listed in full"
    shop.outcome("order.created", order(200, currency=sorted(CURRENCIES)[6], date_created_gmt="2017-01-01T10:00:00"))
    found = stats.figures(db)
    assert [len(each["by_day"]) for each in found["currencies"]] == [2] * 6 + [1]
    assert sum(each["orders_count"] for each in found["currencies"]) == 13


def test_the_figures_list_so_many_statuses_and_add_up_the_others(
    shop: Shop, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "MOST_GROUPS", 2)
    for number, status in enumerate(["completed", "completed", "b-status", "b-status", "c-status", "d-status"], 1):
        shop.outcome("order.created", order(number, status=status))
    [found] = stats.figures(db)["currencies"]
    assert [(each["status"], each["orders_count"]) for each in found["by_status"]] == [
        ("b-status", 2),
        ("completed", 2),
        ("other", 2),
    ]
    assert sum(each["total"] for each in found["by_status"]) == Decimal("75.00")


# --- times and sequences ------------------------------------------------------------------------------------------


def test_an_order_dated_far_ahead_does_not_stand_first_for_ever(shop: Shop, db: Db) -> None:
    for name in ("date_created_gmt", "date_created"):
        shop.outcome("order.created", {**order(1, modified=None), name: FAR})
        assert ("field_left_out", "date_created_gmt") in warned(db)
        limit = now() + timedelta(minutes=1)
        assert stored(db)["created_at"] < limit
        assert stored(db)["day"] < limit.date().isoformat() + "x"
        assert all(each["last_order_at"] < limit and each["as_of"] < limit for each in db.customers.find())
        db.orders.delete_many({})
        db.customers.delete_many({})
        db.inbox.delete_many({})


@pytest.mark.parametrize(
    "false",
    [{"date_modified_gmt": FAR}, {"sequence": 2**63 - 1}, {"timestamp": f"{FAR}Z"}, {"replaces": 253_370_764_800_000}],
    ids=str,
)
def test_a_false_version_of_a_product_is_overcome_by_the_next(shop: Shop, db: Db, false: dict[str, Any]) -> None:
    ago = (datetime.now(UTC) - timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%S")
    body = product(1, "A", 10, date_modified_gmt=false.get("date_modified_gmt", ago))
    more = {name: value for name, value in false.items() if name != "date_modified_gmt"}
    shop.outcome("product.created", body, **more)
    later = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
    assert shop.outcome("product.updated", product(1, "A", 10, name="True", date_modified_gmt=later)) == "updated"
    assert db.products.find_one()["name"] == "True"  # type: ignore[index]


def test_a_false_sequence_outranks_for_a_day_and_not_for_ever(shop: Shop, db: Db) -> None:
    false = int(now().timestamp() * 1e9)
    shop.outcome("order.created", order(1, modified=0), sequence=false)
    assert shop.outcome("order.updated", order(1, modified=60, status="failed"), sequence=5) == "stale"
    assert shop.outcome("order.updated", order(1, modified=86_401, status="completed"), sequence=6) == "updated"
    assert shop.outcome("order.updated", order(1, modified=86_402, status="cancelled"), sequence=7) == "updated"
