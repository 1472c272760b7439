"""What a payload may cost: lists have a limit, every answer is defined, and twice as much is about twice the work."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import bson
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from pos_api.catalogue.lookup import Catalogue, catalogue_of
from pos_api.catalogue.model import ProductDocument
from pos_api.common.quantity import Quantity, whole
from pos_api.common.value_limits import LIST_LIMIT
from pos_api.database.client import Db, Document
from pos_api.errors import Invalid
from pos_api.figures.measures import Rollup
from pos_api.orders.merge import merge
from pos_api.orders.model import Order, OrderUpdate
from pos_api.orders.returns import not_returned, returns
from pos_api.orders.verify_stock import _order_problem
from pos_api.senders import values
from pos_api.senders.fields import PROBLEM_LIMIT
from pos_api.senders.woocommerce import messages
from pos_api.senders.woocommerce.translate import translate
from pos_api.stores.model import Store
from tests.factories import Shop, assert_books_balance, outcome, stock_of, stock_up

STORE = Store("default", "default", "woocommerce", timezone="Europe/Stockholm", order_meta=("*",))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY_LIMIT = 2 * 1024 * 1024

Make = Callable[[int], dict[str, Any]]
"""Makes an object with so many small entries in one of its lists."""


def lines(number: int, sku: str = "A", **more: Any) -> list[dict[str, Any]]:
    return [{"id": n + 1, "sku": sku, "quantity": 1, **more} for n in range(number)]


def an_order(**more: Any) -> dict[str, Any]:
    return {"id": 1, "status": "processing", "currency": "EUR", "total": "10.00", "line_items": lines(1), **more}


def _many(name: str, entry: Any) -> Make:
    return lambda n: an_order(**{name: [entry] * n})


def _refunded(goods: int, refunds: list[dict[str, Any]], **line: Any) -> dict[str, Any]:
    return an_order(line_items=lines(goods, **line), refunds=refunds)


def _refund(goods: list[dict[str, Any]], number: int = 1) -> dict[str, Any]:
    return {"id": number, "amount": "1.00", "line_items": goods}


ORDERS: dict[str, Make] = {
    "lines of one SKU": lambda n: an_order(line_items=[{"sku": "A", "quantity": 1}] * n),
    "lines of different SKUs": lambda n: an_order(line_items=[{"sku": f"{m}", "quantity": 1} for m in range(n)]),
    "lines of one product, with different SKUs": lambda n: an_order(
        line_items=[{"sku": f"{m}", "product_id": 7, "quantity": 1} for m in range(n)]
    ),
    "lines of one id": lambda n: an_order(line_items=[{"id": 1, "sku": "A", "quantity": 1}] * n),
    "lines of known products": lambda n: an_order(
        line_items=[{"sku": f"P{m % 3000}", "quantity": 1} for m in range(n)]
    ),
    "full lines, one of which is reduced": lambda n: an_order(
        line_items=[*lines(n, meta_data=[]), {"sku": "B", "quantity": 1, "meta_data": {"_reduced_stock": 1}}]
    ),
    "lines of variations whose stock is their parents'": lambda n: an_order(
        line_items=[{"id": m + 1, "sku": f"V{m}", "variation_id": m + 1, "quantity": 1} for m in range(n)]
    ),
    "lines with odd fields": lambda n: an_order(line_items=[{"quantity": [], "total": {}, "id": {"a": 1}}] * n),
    "a refund of lines of one SKU": lambda n: _refunded(n, [_refund([{"sku": "A", "quantity": -1}] * n)]),
    "a refund of more than the lines have": lambda n: _refunded(n, [_refund([{"sku": "A", "quantity": -9}] * n)]),
    "a refund of lines of one product": lambda n: _refunded(
        n, [_refund([{"product_id": 7, "quantity": -1}] * n)], product_id=7
    ),
    "refunds of one line each": lambda n: _refunded(
        n, [_refund([{"sku": "A", "quantity": 1}], number) for number in range(n)]
    ),
    "refund lines that name nothing": lambda n: _refunded(1, [_refund([{"sku": "?", "quantity": 1}] * n)]),
    "refunds without lines": lambda n: an_order(refunds=[{"id": m, "total": "-1"} for m in range(n)]),
    "taxes of a refund line": lambda n: _refunded(
        1, [_refund([{"quantity": 1, "taxes": [{"id": f"r{m}", "total": "1"} for m in range(n)]}])]
    ),
    "tax lines": lambda n: an_order(tax_lines=[{"rate_id": m, "tax_total": "1"} for m in range(n)]),
    "shipping lines": _many("shipping_lines", {"total": "1"}),
    "fee lines": _many("fee_lines", {"total": "1"}),
    "coupon lines": _many("coupon_lines", {"discount": "1"}),
    "empty tax lines": _many("tax_lines", {}),
    "meta data of one key": _many("meta_data", {"key": "k", "value": "v"}),
    "meta data of different keys": lambda n: an_order(meta_data=[{"key": f"k{m}", "value": m} for m in range(n)]),
    "meta data as an object": lambda n: an_order(meta_data={f"k{m}": 1 for m in range(n)}),
    "meta data without a key": _many("meta_data", 1),
    "meta data of a line": lambda n: an_order(line_items=lines(1, meta_data=[{"key": "k", "value": "v"}] * n)),
    "a list as the value of meta data": lambda n: an_order(meta_data=[{"key": "k", "value": [1] * n}]),
    "lists in a list as the value of meta data": lambda n: an_order(meta_data=[{"key": "k", "value": [[1]] * n}]),
    "unknown fields": lambda n: an_order(**{f"f{m}": 1 for m in range(n)}),
    "unknown fields of an address": lambda n: an_order(billing={f"f{m}": 1 for m in range(n)}),
    "lists of lists": lambda n: an_order(unknown=[[]] * n),
    "a name of tags": lambda n: an_order(line_items=lines(1, name="<a" * n)),
    "a name that is one tag without an end": lambda n: an_order(line_items=lines(1, name="<" + "a" * n)),
    "a note of entities": lambda n: an_order(customer_note="&a" * n),
    "a quantity of many digits": lambda n: an_order(line_items=[*lines(1), {"sku": "A", "quantity": "1" * n + "x"}]),
    "an amount of many digits": lambda n: an_order(shipping_total="1" * n + "x"),
    "an amount of many zeros": lambda n: an_order(shipping_total="0" * n + "1"),
    "a rate of many digits": lambda n: an_order(tax_lines=[{"rate_id": "1" * n + "x", "rate_percent": "1" * n + "x"}]),
    "a date of many characters": lambda n: an_order(date_paid_gmt="1" * n),
}
OTHERS: dict[str, tuple[str, Make]] = {
    "categories of a product": (
        "product.updated",
        lambda n: {"id": 1, "sku": "A", "categories": [{"name": f"c{m}"} for m in range(n)]},
    ),
    "images of a product": ("product.updated", lambda n: {"id": 1, "sku": "A", "images": [{"src": "x"}] * n}),
    "variations of a product": ("product.updated", lambda n: {"id": 1, "sku": "A", "variations": list(range(n))}),
    "meta data of a product": ("product.updated", lambda n: {"id": 1, "sku": "A", "meta_data": [{"key": "k"}] * n}),
    "a product's name of one tag": ("product.updated", lambda n: {"id": 1, "sku": "A", "name": "<" + "a" * n}),
    "a product's price of many digits": ("product.updated", lambda n: {"id": 1, "sku": "A", "price": "1" * n + "x"}),
    "stock of many digits": (
        "product.updated",
        lambda n: {"id": 1, "sku": "A", "manage_stock": True, "stock_quantity": "1" * n + "x"},
    ),
    "meta data of a customer": ("customer.updated", lambda n: {"id": 1, "meta_data": [{"key": "k"}] * n}),
    "unknown fields of a customer": ("customer.updated", lambda n: {"id": 1, **{f"f{m}": 1 for m in range(n)}}),
    "a customer's address of many fields": (
        "customer.updated",
        lambda n: {"id": 1, "billing": {f"f{m}": 1 for m in range(n)}},
    ),
}


def read(topic: str, body: bytes) -> Any:
    """What the envelope says; raises Invalid where it is parked."""
    return translate(messages.read({}, body), STORE, NOON, "cause")


def body_of(topic: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"event": topic, "data": data}).encode()


# --- limits -----------------------------------------------------------------------------------------------------


def problems(data: dict[str, Any]) -> dict[str, str]:
    """Why the order can't be used, by field."""
    with pytest.raises(Invalid) as refused:
        read("order.updated", body_of("order.updated", data))
    assert isinstance(refused.value.details, dict)
    return refused.value.details


def read_order(data: dict[str, Any]) -> OrderUpdate:
    snapshot = read("order.updated", body_of("order.updated", data))
    assert isinstance(snapshot, OrderUpdate)
    return snapshot


def test_an_order_has_at_most_2000_lines_and_its_reason_says_so() -> None:
    assert len(read_order(an_order(line_items=lines(2_000))).fields["line_items"]) == 2_000
    assert problems(an_order(line_items=lines(2_001))) == {
        "data.line_items": "has 2,001 entries; at most 2,000 are taken"
    }


def test_a_longer_order_is_kept_and_its_sender_is_answered_as_for_any_that_can_not_be_used(
    client: FlaskClient, db: Db
) -> None:
    stock_up(db, A=10)
    shop, data = Shop(client), an_order(line_items=lines(2_001))
    refused = shop.send("order.created", data)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (422, "validation_failed")
    assert refused.get_json()["error"]["details"]["fields"]["data.line_items"].startswith("has 2,001 entries")
    assert outcome(shop.deliver("order.created", data)) == "parked"
    for entry in db.inbox.find():
        assert (entry["state"], entry["reason"]) == ("parked", "The order is not valid.")
        assert len(json.loads(entry["body"]).get("data", data)["line_items"]) == 2_001, "nothing of it is lost"
    assert (db.orders.count_documents({}), stock_of(db)) == (0, {"A": 10})
    assert shop.outcome("order.created", an_order(id=2, line_items=lines(2_000))) == "created"
    assert stock_of(db) == {"A": -1990}
    assert_books_balance(db)


def test_the_refunds_of_an_order_have_at_most_2000_lines_together() -> None:
    goods = [{"sku": "A", "quantity": -1}]
    read_order(an_order(refunds=[_refund(goods * 1_000, 1), _refund(goods * 1_000, 2)]))
    assert problems(an_order(refunds=[_refund(goods * 1_000, 1), _refund(goods * 1_001, 2)])) == {
        "data.refunds": "has 2,001 lines together; at most 2,000 are taken"
    }
    assert "data.refunds" in problems(an_order(refunds=[{"id": 1, "amount": "1"}] * 2_001))
    assert "data.refunds.0.line_items" in problems(an_order(refunds=[_refund(goods * 2_001)]))


@pytest.mark.parametrize("name", ["tax_lines", "shipping_lines", "fee_lines", "coupon_lines"])
def test_a_longer_list_that_an_order_can_do_without_is_left_out_with_a_warning(name: str) -> None:
    snapshot = read_order(an_order(**{name: [{"id": 1}] * 2_001}))
    assert name not in snapshot.fields
    assert [each.values for each in snapshot.warnings] == [
        {"field": name, "problem": "has 2,001 entries; at most 2,000 are taken"}
    ]


def test_of_meta_data_the_first_2000_entries_are_kept_and_the_units_taken_are_read_wherever_they_stand() -> None:
    meta = [{"key": "note", "value": "x"}] * 3_000 + [{"key": "_reduced_stock", "value": "5"}]
    snapshot = read_order(an_order(line_items=lines(1, meta_data=meta), meta_data=meta))
    [line] = snapshot.fields["line_items"]
    assert (line["reduced_stock"], len(line["meta"]), len(snapshot.fields["meta"])) == (5, 2_000, 2_000)
    assert {str(each.values["field"]) for each in snapshot.warnings} == {
        "line_items.0.meta_data.2000",
        "meta_data.2000",
    }


def test_categories_of_a_product_that_are_too_many_are_left_out() -> None:
    data = OTHERS["categories of a product"][1](2_001)
    snapshot = read("product.updated", body_of("product.updated", data))
    assert "categories" not in snapshot.details
    assert [each.values["field"] for each in snapshot.warnings] == ["categories"]


def test_a_field_that_would_take_too_much_room_is_left_out_or_parks_what_needs_it() -> None:
    numbers = [{"key": "n", "value": [1] * 500_000}]
    snapshot = read_order(an_order(meta_data=numbers))
    assert "meta" not in snapshot.fields
    assert [each.values["field"] for each in snapshot.warnings] == ["meta_data"]
    assert "bytes in the database" in problems(an_order(line_items=lines(1, meta_data=numbers)))["data.line_items"]


def test_no_more_than_20_problems_are_reported() -> None:
    assert len(problems(an_order(line_items=[{"sku": "A"}] * 2_000))) == PROBLEM_LIMIT


def test_a_number_has_a_length() -> None:
    for text in ("1" * 101, "0" * 200 + "1", " " * 200 + "1"):
        with pytest.raises(ValueError, match="longer than 100 characters"):
            values.amount(text)
        with pytest.raises(ValueError, match="longer than 100 characters"):
            values.units(text)


# --- what many versions add up to -------------------------------------------------------------------------------


def merged(*versions: dict[str, Any]) -> Order:
    """The order after these versions."""
    order: Order | None = None
    for data in versions:
        order = merge(order, read_order(data), catalogue_of([]))
    assert order is not None
    return order


def test_lines_of_refunds_that_were_reported_before_are_kept_up_to_the_limit() -> None:
    versions = []
    for newest in range(1, 5):
        refunds: list[dict[str, Any]] = [{"id": number, "amount": "1"} for number in range(1, newest)]
        versions.append(an_order(refunds=[*refunds, _refund([{"sku": "A", "quantity": -1}] * 900, newest)]))
    kept = [len(refund.get("line_items", ())) for refund in merged(*versions)["refunds"]]
    assert sum(kept) <= LIST_LIMIT
    assert kept[0] == 900, "the newest"


def test_unknown_skus_of_versions_with_ever_other_lines_do_not_add_up() -> None:
    versions = [
        an_order(line_items=[{"sku": f"{version}-{n}", "quantity": 1} for n in range(1_500)]) for version in range(4)
    ]
    order = merged(*versions)
    assert len(order["unmatched"]) <= LIST_LIMIT
    assert set(order["unmatched"]) >= {line["sku"] for line in order["line_items"]}
    assert len(bson.encode(order)) < 2**24


def test_an_order_has_at_most_200_warnings_of_one_code() -> None:
    goods = [*lines(1, "A"), *({"sku": f"unknown {n}", "quantity": 1} for n in range(500))]
    back = [{"sku": f"nothing {n}", "quantity": -1} for n in range(500)]
    snapshot = read_order(an_order(line_items=goods, refunds=[_refund(back)]))
    order = merge(None, snapshot, catalogue())
    assert len(order["unmatched"]) == 500
    assert Counter(each["code"] for each in order["warnings"]) == {"unknown_sku": 200, "unclear_refund_line": 200}


def test_an_order_of_the_largest_fields_fits_into_a_document() -> None:
    sku = "ö" * 150
    order = merged(
        an_order(line_items=[{"sku": f"{sku}{n}", "quantity": 1, "name": "n" * 500} for n in range(2_000)]),
        an_order(refunds=[_refund([{"sku": f"{sku}{n}", "quantity": -1} for n in range(2_000)])]),
        *(an_order(**{name: [{"id": n} for n in range(2_000)]}) for name in ("tax_lines", "shipping_lines")),
        an_order(meta_data=[{"key": f"k{n}", "value": "v" * 400} for n in range(2_000)]),
    )
    assert len(bson.encode(order)) < 2**24


# --- work -------------------------------------------------------------------------------------------------------


def catalogue() -> Catalogue:
    """Products, one of which has the id 7, and the SKUs of some thousand others."""
    opened: dict[str, Any] = {"opening_store": "default", "opening_stock_at": NOON + timedelta(days=1)}
    opened |= {"seq": 1, "stock": 5, "synced_at": NOON}
    known: list[dict[str, Any]] = [{"_id": "A", "sku": "A", "skus": ["A"], "external_ids": ["default:7"], **opened}]
    known += [{"_id": f"P{n}", "sku": f"P{n}", "skus": [f"P{n}"], **opened} for n in range(3_000)]
    pooled = [f"default:{n}" for n in range(1, 3_000)]
    known.append({"_id": "PARENT", "sku": "PARENT", "skus": ["PARENT"], "shared_stock_variations": pooled, **opened})
    return catalogue_of(cast(list[ProductDocument], known))


def process(topic: str, body: bytes) -> dict[str, str] | None:
    """All that is done with an event but the reading and writing: read, merged into two versions, held, summed,
    verified. Returns the problems of one that can't be used."""
    try:
        snapshot = read(topic, body)
    except Invalid as refused:
        return dict(refused.details)
    if isinstance(snapshot, OrderUpdate):
        first = merge(None, snapshot, catalogue())
        second = merge(first, snapshot, catalogue())
        merge(second, read_order({"id": 1, "status": "shipped"}), catalogue())
        sums = Rollup()
        sums.add(cast("Document", second))
        sums.stored(())
        _order_problem(second, {})
    return None


def calls(make: Make, number: int, topic: str = "order.updated") -> int:
    """How many functions are called for so many entries, C functions included: a measure that no load changes."""
    body = body_of(topic, make(number))
    count = 0

    def note(*_: Any) -> None:
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        process(topic, body)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", ORDERS)
def test_twice_as_many_entries_are_about_twice_the_work(name: str) -> None:
    fixed = calls(ORDERS[name], 0)
    few, many = calls(ORDERS[name], 300) - fixed, calls(ORDERS[name], 600) - fixed
    assert many <= 3 * max(few, 1_000)


@pytest.mark.parametrize("name", [*ORDERS, *OTHERS])
def test_a_body_full_of_small_entries_has_a_defined_answer_at_a_bounded_cost(name: str) -> None:
    """Quadratic, 2 MiB would take from minutes to days; as it is, a second or two."""
    topic, make = OTHERS.get(name) or ("order.updated", ORDERS[name])
    size = len(body_of(topic, make(100_000))) / 100_000
    body = body_of(topic, make(int(BODY_LIMIT / size * 0.9)))
    assert BODY_LIMIT / 2 < len(body) <= BODY_LIMIT
    started = time.process_time()
    answer = process(topic, body)
    assert answer is None or 0 < len(answer) <= PROBLEM_LIMIT
    assert time.process_time() - started < 30


# --- refunds are taken back in linear time, with the same result ------------------------------------------------


def _not_returned_one_by_one(order: Order) -> list[Quantity]:
    """The plain rule: each refund line looks at all lines that it means."""
    kept: list[Quantity] = [line["quantity"] for line in order["line_items"]]
    for _, returned, meant in returns(order):
        units = returned["quantity"]
        for number in meant:
            taken = min(units, kept[number]) if units > 0 else max(units, kept[number])
            if taken * units > 0:
                units, kept[number] = whole(units - taken), whole(kept[number] - taken)
    return kept


_UNITS = st.integers(-4, 4) | st.sampled_from([0.5, -1.5])
_LINES = st.lists(
    st.fixed_dictionaries(
        {"sku": st.sampled_from("AB"), "quantity": _UNITS}, optional={"id": st.integers(0, 4), "product_id": st.just(7)}
    ),
    max_size=12,
)
_BACK = st.lists(
    st.fixed_dictionaries(
        {"sku": st.sampled_from("AB"), "quantity": _UNITS},
        optional={"line_item_id": st.integers(0, 4), "product_id": st.just(7)},
    ),
    max_size=12,
)


@given(_LINES, _BACK)
def test_what_is_not_returned_is_what_the_plain_rule_says(goods: list[Document], back: list[Document]) -> None:
    order = cast("Order", {"line_items": goods, "refunds": [{"line_items": back}]})
    assert not_returned(order) == _not_returned_one_by_one(order)
