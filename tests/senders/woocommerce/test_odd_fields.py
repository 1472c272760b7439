"""One odd field costs no order: whatever is in a place that an order can do without, its units and its money stay."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from pos_api.catalogue.model import ProductUpdate
from pos_api.customers.model import CustomerUpdate
from pos_api.database.client import Db
from pos_api.errors import Invalid
from pos_api.orders.model import OrderUpdate
from pos_api.senders.woocommerce import messages
from pos_api.senders.woocommerce.translate import translate
from pos_api.stores.model import Store
from tests.factories import API_KEY, Shop, line, order, product, read_delivery, stock_of, stock_up
from tests.paths import TESTS

STORE = Store("default", "default", "woocommerce", timezone="Europe/Stockholm", order_meta=("*",))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def read(topic: str, data: Any, **envelope: Any) -> Any:
    """What the envelope says; raises Invalid where it would be parked."""
    body = json.dumps({"event": topic, "data": data, **envelope}).encode()
    return translate(messages.read({}, body), STORE, NOON, "cause")


def read_order(**fields: Any) -> OrderUpdate:
    snapshot = read("order.updated", {"id": 1, **fields})
    assert isinstance(snapshot, OrderUpdate)
    return snapshot


def warned(snapshot: OrderUpdate | ProductUpdate | CustomerUpdate) -> set[str]:
    """The fields that its warnings name."""
    return {str(each.values["field"]) for each in snapshot.warnings}


# --- any value in any place that an order can do without ---------------------------------------------------------


def recorded_orders() -> list[dict[str, Any]]:
    """The last version of each recorded order that has lines, as WooCommerce sent it, with its refunds in full."""
    orders = []
    for path in sorted((TESTS / "recordings").glob("*.json")):
        for step in reversed(json.loads(path.read_text())["steps"]):
            if found := step.get("rest_order"):
                refunds = step.get("rest_refunds") or found["refunds"]
                orders.append({**found, "refunds": refunds})
                break
    return [each for each in orders if each["line_items"]]


ORDERS = recorded_orders()
_ESSENTIAL = {
    ("id",),
    ("status",),
    ("currency",),
    ("total",),
    ("line_items",),
    ("line_items", 0),
    ("line_items", 0, "id"),
    ("line_items", 0, "sku"),
    ("line_items", 0, "quantity"),
    ("line_items", 0, "meta_data"),
    ("line_items", 0, "meta_data", 0),
    ("refunds",),
    ("refunds", 0),
    ("refunds", 0, "amount"),
    ("refunds", 0, "line_items"),
    ("refunds", 0, "line_items", 0),
    ("refunds", 0, "line_items", 0, "quantity"),
}
"""Where an order says which it is, what it holds and what it costs (0 for any number)."""


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for name, member in members:
        kind = tuple(0 if isinstance(each, int) else each for each in (*path, name))
        if kind not in _ESSENTIAL and not _holds_units(path, member) and not _holds_units(path[:-1], value):
            yield (*path, name)
        yield from _places(member, (*path, name))


def _holds_units(path: tuple[str | int, ...], entry: Any) -> bool:
    return "meta_data" in path[-1:] and isinstance(entry, dict) and entry.get("key") == "_reduced_stock"


PLACES = [(order, path) for order in ORDERS for path in _places(order)]
_texts = st.text(max_size=20) | st.sampled_from(
    ["", "\0", "\ud800", "0000-00-00 00:00:00", "1e3", ".5", "yes", "a:1:{}"]
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts
ANYTHING = st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(_texts, inner), max_leaves=8)


def _with(order: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(order)
    parent = changed
    for name in path[:-1]:
        parent = parent[name]
    parent[path[-1]] = value
    return dict(changed)


def _units_and_money(snapshot: OrderUpdate) -> Any:
    fields = snapshot.fields
    lines = [(each["sku"], each["quantity"], each.get("reduced_stock")) for each in fields["line_items"]]
    refunds = [
        (each["amount"], [line["quantity"] for line in each.get("line_items", ())]) for each in fields["refunds"]
    ]
    return fields["total"], fields["currency"], snapshot.status, lines, sorted(refunds, key=str)


def test_the_recordings_have_places_to_try() -> None:
    assert len(PLACES) > 1_000
    assert any("refunds" in path and "quantity" not in path for _, path in PLACES)


@settings(deadline=None)
@given(place=st.sampled_from(PLACES), value=ANYTHING)
def test_any_value_in_a_place_it_can_do_without_leaves_an_orders_units_and_money(
    place: tuple[dict[str, Any], tuple[str | int, ...]], value: Any
) -> None:
    whole, path = place
    snapshot = read("order.updated", _with(whole, path, value))
    assert _units_and_money(snapshot) == _units_and_money(read("order.updated", whole))
    bson.encode(snapshot.fields)
    bson.encode({"warnings": [each.stored() for each in snapshot.warnings]})


@settings(deadline=None)
@given(value=ANYTHING, path=st.sampled_from(sorted({path for _, path in PLACES}, key=str)))
def test_any_value_anywhere_is_read_or_refused_with_the_fields_name(path: tuple[str | int, ...], value: Any) -> None:
    whole = next(order for order, each in PLACES if each == path)
    for essential in _ESSENTIAL:
        try:
            changed = _with(whole, essential, value)
        except IndexError:
            continue
        body = json.dumps({"event": "order.updated", "data": changed}).encode()
        work = read_delivery(STORE, {}, body, NOON)
        assert work.problem is None or (isinstance(work.problem, Invalid) and work.problem.details)


@settings(deadline=None)
@given(field=st.sampled_from(sorted(product(9, "A", 5))), value=ANYTHING)
def test_a_product_is_parked_for_its_id_and_its_sku_alone(field: str, value: Any) -> None:
    try:
        snapshot = read("product.updated", product(9, "A", 5) | {field: value})
    except Invalid:
        assert field in ("id", "sku")
        return
    if field not in ("id", "sku"):
        assert (snapshot.external_id, snapshot.sku) == ("default:9", "A")


@settings(deadline=None)
@given(field=st.sampled_from(["email", "first_name", "billing", "shipping", "date_modified_gmt"]), value=ANYTHING)
def test_a_customer_is_parked_for_the_id_alone(field: str, value: Any) -> None:
    snapshot = read("customer.updated", {"id": 2, "email": "anna@example.se", field: value})
    assert snapshot.external_id == "default:2"
    bson.encode(snapshot.fields)


# --- what is read as what it means -------------------------------------------------------------------------------

NOTHING: list[Any] = [None, False, "", [], {}]


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_nothing_has_five_forms(nothing: Any) -> None:
    snapshot = read_order(
        customer_id=nothing,
        customer_note=nothing,
        billing={"first_name": "A", "state": nothing, "company": nothing},
        shipping=nothing,
        date_paid_gmt=nothing,
        prices_include_tax=nothing,
        tax_lines=nothing,
        coupon_lines=nothing,
        meta_data=nothing,
    )
    assert snapshot.warnings == ()
    assert snapshot.fields["billing"] == {"first_name": "A", "state": "", "company": ""}
    assert (snapshot.fields["customer_id"], snapshot.fields["paid_at"]) == (0, None)
    assert snapshot.fields["tax_lines"] == []
    assert snapshot.fields["coupon_lines"] == []
    assert snapshot.fields["meta"] == []


@pytest.mark.parametrize(
    ("price", "kept"),
    [(".99", "0.99"), ("5.", "5"), ("1e3", "1000"), (" 1.50 ", "1.50"), ("-.5", "-0.5"), ("1.5E-1", "0.15")],
)
def test_an_amount_is_read_in_every_form_that_woocommerce_leaves(price: str, kept: str) -> None:
    assert f"{read('product.updated', product(9, 'A', 5) | {'price': price}).price.to_decimal():f}" == kept
    assert f"{read_order(total=price).fields['total'].to_decimal():f}" == kept


def test_an_amount_of_many_decimals_is_rounded_to_those_that_are_kept() -> None:
    assert f"{read_order(total='0.' + '3' * 40).fields['total'].to_decimal():f}" == "0." + "3" * 18


@pytest.mark.parametrize(("sent", "kept"), [(".5", 0.5), ("2.", 2), ("1e1", 10), (" 3 ", 3), ("-1", -1), (-1, -1)])
def test_a_quantity_is_read_in_the_same_forms_and_may_be_negative(sent: Any, kept: Any) -> None:
    lines = [{"sku": "A", "quantity": sent, "meta_data": [{"key": "_reduced_stock", "value": sent}]}]
    [stored] = read_order(line_items=lines).fields["line_items"]
    assert (stored["quantity"], stored["reduced_stock"]) == (kept, kept)


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_units_held_that_are_nothing_are_as_if_absent(nothing: Any) -> None:
    lines = [{"sku": "A", "quantity": 2, "meta_data": [{"key": "_reduced_stock", "value": nothing}]}]
    snapshot = read_order(line_items=lines)
    assert "reduced_stock" not in snapshot.fields["line_items"][0]
    assert snapshot.warnings == ()


def test_units_held_that_are_no_number_are_left_out_with_a_warning() -> None:
    lines = [{"sku": "A", "quantity": 2, "meta_data": [{"key": "_reduced_stock", "value": {"$gt": 1}}]}]
    snapshot = read_order(line_items=lines)
    assert "reduced_stock" not in snapshot.fields["line_items"][0]
    assert warned(snapshot) == {"line_items.0._reduced_stock"}


def test_a_list_may_come_as_an_object_keyed_by_number() -> None:
    lines = {"0": line("A", 2, 2), "2": line("B", 1, 1)}
    lines["0"]["meta_data"] = {"0": {"key": "Colour", "value": "red"}, "2": {"key": "_reduced_stock", "value": "1"}}
    refunds = {"1": {"id": 5, "total": "-3.00", "line_items": {"0": {"quantity": -1, "sku": "A"}}}}
    snapshot = read_order(line_items=lines, refunds=refunds, fee_lines={"7": {"id": 1, "total": "2"}})
    assert [(each["sku"], each["reduced_stock"]) for each in snapshot.fields["line_items"]] == [("A", 1), ("B", 1)]
    assert snapshot.fields["refunds"][0]["line_items"][0]["quantity"] == 1
    assert len(snapshot.fields["fee_lines"]) == 1
    assert snapshot.warnings == ()


def test_meta_may_come_empty_or_as_values_by_key() -> None:
    assert read_order(meta_data=[{}, [], None, {"key": "a", "value": 1}]).fields["meta"] == [{"key": "a", "value": 1}]
    [stored] = read_order(line_items=[line("A", 3) | {"meta_data": {"_reduced_stock": "1", "Size": "M"}}]).fields[
        "line_items"
    ]
    assert (stored["reduced_stock"], stored["meta"]) == (1, [{"key": "Size", "value": "M"}])


@pytest.mark.parametrize("zero", ["0000-00-00T00:00:00", "-0001-11-30T00:00:00", "0000-00-00 00:00:00"])
def test_a_zero_date_is_no_date(zero: str) -> None:
    snapshot = read_order(date_paid_gmt=zero, date_created_gmt=zero, date_created="2026-11-20T00:30:00")
    assert snapshot.warnings == ()
    assert snapshot.fields["paid_at"] is None
    assert snapshot.fields["created_at"] == datetime(
        2026, 11, 19, 23, 30, tzinfo=UTC
    )  # the shop's clock is an hour ahead
    assert snapshot.fields["day"] == "2026-11-20"


@pytest.mark.parametrize(
    ("sent", "kept"), [("yes", True), ("no", False), (1, True), ("1", True), (0, False), ("true", True)]
)
def test_a_boolean_may_be_written_as_woocommerce_does(sent: Any, kept: bool) -> None:
    assert read_order(prices_include_tax=sent).fields["prices_include_tax"] is kept
    managed = read("product.updated", product(9, "A", 5) | {"manage_stock": sent})
    assert managed.stock == (5 if kept else None)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Salt &amp; Pepper 8&#8243;", "Salt & Pepper 8″"),
        ("R&amp;amp;D", "R&amp;D"),
        ("a &lt;b&gt; &quot;c&quot; &#039;d&#x27;", "a <b> \"c\" 'd'"),
        ("AT&T &notit; &copy &#99999999;", "AT&T &notit; &copy &#99999999;"),
    ],
)
def test_a_name_is_decoded_once(sent: str, shown: str) -> None:
    snapshot = read_order(
        customer_note=sent,
        payment_method_title=sent,
        billing={"first_name": sent, "company": sent},
        line_items=[line("A") | {"name": sent}],
        tax_lines=[{"label": sent}],
        shipping_lines=[{"method_title": sent}],
        fee_lines=[{"name": sent}],
        refunds=[{"id": 1, "total": "-1", "reason": sent}],
    )
    fields = snapshot.fields
    places = [fields["customer_note"], fields["payment_method_title"], fields["billing"]["company"]]
    places += [fields["line_items"][0]["name"], fields["tax_lines"][0]["label"], fields["refunds"][0]["reason"]]
    places += [fields["shipping_lines"][0]["method_title"], fields["fee_lines"][0]["name"]]
    assert places == [shown] * len(places)
    assert read("product.updated", product(9, "A", 5) | {"name": sent}).name == shown


def test_a_sku_is_no_text_for_people_and_stays_as_it_is() -> None:
    assert read("product.updated", product(9, " A&amp;B ", 5)).sku == "A&amp;B"
    assert read_order(line_items=[line("A&amp;B")]).fields["line_items"][0]["sku"] == "A&amp;B"


@pytest.mark.parametrize("rate", ["US-OH-STATE-TAX", " 7 ", 7, None])
def test_a_tax_rates_id_may_be_text(rate: Any) -> None:
    taxes = [{"id": rate, "total": "-1.5"}]
    lines = [{"quantity": -1, "sku": "A", "total": "-20", "total_tax": "-1.5", "taxes": taxes}]
    snapshot = read_order(tax_lines=[{"rate_id": rate}], refunds=[{"id": 2, "amount": "21.50", "line_items": lines}])
    kept = {"US-OH-STATE-TAX": "US-OH-STATE-TAX", None: 0}.get(rate, 7)
    assert snapshot.fields["tax_lines"][0]["rate_id"] == kept
    assert [each["rate_id"] for each in snapshot.fields["refunds"][0]["taxes"]] == [kept]
    assert snapshot.warnings == ()


# --- what is left out, with a warning ----------------------------------------------------------------------------


def test_a_field_that_can_not_be_read_is_left_out_with_a_warning_that_names_it() -> None:
    snapshot = read_order(
        number={"$gt": ""},
        customer_id=-1,
        date_paid_gmt="yesterday",
        billing=["x"],
        total_tax="much",
        tax_lines=[5, {"rate_percent": "much", "label": "VAT"}],
        line_items=[line("A") | {"price": "free"}, line("B") | {"price": "free too"}],
    )
    assert warned(snapshot) == {
        *("number", "customer_id", "date_paid_gmt", "billing", "total_tax"),
        *("tax_lines.0", "tax_lines.1.rate_percent", "line_items.0.price"),
    }
    assert snapshot.fields["tax_lines"] == [{"label": "VAT"}]
    assert {"number", "customer_id", "paid_at", "billing", "total_tax"}.isdisjoint(snapshot.fields)
    assert read("order.updated", {"id": 1}, sequence="later").sequence == 0


def test_a_variation_id_that_can_not_be_read_leaves_the_sku_to_say_which_product_it_is() -> None:
    snapshot = read_order(line_items=[line("TEE-S") | {"product_id": 17, "variation_id": "eighteen"}])
    assert {"product_id", "variation_id"}.isdisjoint(snapshot.fields["line_items"][0])
    assert warned(snapshot) == {"line_items.0.variation_id"}


def test_text_that_is_too_long_is_shortened_with_a_warning() -> None:
    snapshot = read_order(customer_note="x" * 30_000, billing={"company": "y" * 2_000})
    assert len(snapshot.fields["customer_note"]) == 20_000
    assert len(snapshot.fields["billing"]["company"]) == 1_000
    assert warned(snapshot) == {"customer_note", "billing.company"}


def test_characters_that_can_not_be_stored_are_replaced_with_a_warning() -> None:
    snapshot = read_order(number="1\0", billing={"first_name": "A\ud800", "\udc00": 1})
    assert (snapshot.fields["number"], snapshot.fields["billing"]) == ("1␀", {"first_name": "A�"})
    assert warned(snapshot) == {"number", "billing.first_name"}


def test_meta_of_php_objects_is_decoded_and_what_can_not_be_is_shown_as_text() -> None:
    meta = [
        {"key": "object", "value": 'O:8:"Response":1:{s:7:"\0*\0code";i:200;}'},
        {"key": "members", "value": {"\0*\0code": 200, "\0Shop\0name": "x\0y"}},
        {"key": "twice", "value": {"\0*\0code": 1, "code": 2}},
        {"key": "broken", "value": 'O:8:"Response":1:{s:99:"\0*\0code";i:200;}'},
        {"key": "half", "value": "a\ud800"},
    ]
    kept = {each["key"]: each["value"] for each in read_order(meta_data=meta).fields["meta"]}
    assert kept["object"] == {"code": 200}
    assert kept["members"] == {"code": 200, "name": "x␀y"}
    assert kept["twice"] == '{"\\u0000*\\u0000code": 1, "code": 2}'
    assert kept["broken"] == 'O:8:"Response":1:{s:99:"␀*␀code";i:200;}'
    assert kept["half"] == "a�"


def test_meta_as_deep_as_php_writes_costs_no_order() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    [kept] = read_order(meta_data=[{"key": "deep", "value": deep}]).fields["meta"]
    assert kept["value"].startswith("[[[[")


def test_an_unreadable_price_costs_no_product_and_an_unreadable_stock_is_none_to_start_with() -> None:
    snapshot = read("product.updated", product(9, "A", 5) | {"price": "cheap", "stock_quantity": "some", "name": ["x"]})
    assert (snapshot.sku, snapshot.price, snapshot.stock, snapshot.name) == ("A", None, None, None)
    assert warned(snapshot) == {"price", "stock_quantity", "name"}


def test_what_a_product_is_for_people_is_read_in_every_form_that_senders_have() -> None:
    plugin = {"image": "https://s.example/a.jpg", "categories": [{"id": 1, "name": "Salt &amp; Pepper"}]}
    rest = {"images": [{"src": "https://s.example/a.jpg"}, {"src": "b"}], "categories": ["Salt & Pepper"]}
    variation = {"image": {"id": 5, "src": "https://s.example/a.jpg"}, "categories": {"3": {"name": "Salt & Pepper"}}}
    with_hole = rest | {"images": {"1": {"src": "https://s.example/a.jpg"}, "2": {"src": "b"}}}
    for form in (plugin, rest, variation, with_hole):
        sent = product(9, "A", 5) | form | {"global_unique_id": " 731 ", "tax_class": "reduced-rate"}
        assert read("product.updated", sent).details == {
            "gtin": "731",
            "image_url": "https://s.example/a.jpg",
            "categories": ["Salt & Pepper"],
            "tax_class": "reduced-rate",
        }
    assert read("product.updated", product(9, "A", 5)).details == {}
    blank: dict[str, Any] = {"image": None, "categories": [], "global_unique_id": "", "tax_class": ""}
    assert set(map(str, read("product.updated", product(9, "A", 5) | blank).details.values())) == {"", "[]"}


# --- through the service -----------------------------------------------------------------------------------------


def test_an_order_with_odd_fields_moves_its_stock_and_shows_its_warnings(
    shop: Shop, db: Db, client: FlaskClient
) -> None:
    stock_up(db, A=10)
    answer = shop.send("order.created", order(1, line("A", 2), date_paid_gmt="yesterday", customer_note={"a": 1}))
    data = answer.get_json()["data"]
    assert data["outcome"] == "created"
    assert [each["code"] for each in data["warning_codes"]] == ["field_left_out", "field_left_out"]
    assert stock_of(db) == {"A": 8}


def test_a_warning_about_a_field_goes_when_the_field_comes_readable(shop: Shop, db: Db) -> None:
    shop.send("order.created", order(1, date_paid_gmt="yesterday", number=["x"]))
    data = shop.send("order.updated", {"id": 1, "status": "completed"}, sequence=1).get_json()["data"]
    assert len(data["warnings"]) == 2  # about fields that this version does not have
    data = shop.send("order.updated", {"id": 1, "number": "7", "x": 1}, sequence=2).get_json()["data"]
    assert [each["values"]["field"] for each in data["warning_codes"]] == ["date_paid_gmt"]


def test_text_that_no_database_holds_reaches_every_place_of_an_event(shop: Shop, db: Db) -> None:
    body = b'{"event": "order.cr\\u0000\\ud800", "data": {"id": "\\udfff\\u0000"}}'
    assert shop.post(body, {"X-API-Key": API_KEY, "Content-Type": "application/json"}).status_code == 200
    assert db.inbox.find_one({}, {"topic": 1, "resource_id": 1, "_id": 0}) == {
        "topic": "order.cr␀�",
        "resource_id": "�␀",
    }
