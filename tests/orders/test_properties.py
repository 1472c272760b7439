"""Any history of orders, in any order of arrival, with any duplicates and any crash, ends in the same state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db, Document
from pos_api.stock.ledger import settle
from pos_api.stock.model import Holding
from tests.conftest import fresh_database
from tests.factories import AHEAD, assert_books_balance, at, line, order, product, stock_of, stock_up
from tests.steps import Crash, Process, clear, processes, state

bounded = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

Message = tuple[str, Document]

quantities = st.one_of(st.integers(0, 5), st.sampled_from([0.1, 0.25, 1.333333]))
lines = st.builds(
    lambda sku, units, holds, held: line(sku, units, reduced=held if holds else None),
    st.sampled_from(["A", "B", "unknown here", "", None]),
    quantities,
    st.booleans(),
    quantities,
)
statuses = st.sampled_from(
    ["pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "shipped", "checkout-draft"]
)
refunds = st.builds(
    lambda item, units: [
        {
            "id": 5,
            "total": "-1.00",
            "line_items": [{"quantity": -units, "meta_data": [{"key": "_refunded_item_id", "value": str(item)}]}],
        }
    ],
    st.integers(1, 3),
    st.integers(0, 3),
)


@st.composite
def versions(draw: st.DrawFn, order_id: int) -> list[Message]:
    """One order's full versions, each a second after the one before."""
    told = draw(st.lists(st.tuples(st.lists(lines, max_size=3), statuses, st.one_of(st.just([]), refunds)), max_size=4))
    email = f"buyer-{order_id}@example.se"
    return [
        (
            "order.created" if number == 0 else "order.updated",
            order(order_id, *items, modified=number, status=status, refunds=back, billing={"email": email}),
        )
        for number, (items, status, back) in enumerate(told)
    ]


histories = st.tuples(versions(1), versions(2), versions(3)).map(lambda each: [item for life in each for item in life])

partials: st.SearchStrategy[Message] = st.one_of(
    st.tuples(st.sampled_from(["order.cancelled", "order.completed", "order.refunded"]), st.just({"id": 1})),
    st.tuples(st.just("order.deleted"), st.just({"id": 1})),
    st.tuples(st.just("order.updated"), statuses.map(lambda status: {"id": 1, "status": status})),
    st.tuples(st.just("order.updated"), st.lists(lines, max_size=2).map(lambda items: order(1, *items, modified=None))),
    st.tuples(
        st.just("order.restored"), st.lists(lines, max_size=2).map(lambda items: order(1, *items, modified=None))
    ),
)


@pytest.fixture(scope="module")
def pair(module_config: Config) -> Iterator[list[Process]]:
    with processes(module_config, 2) as pair:
        yield pair


@pytest.fixture(scope="module")
def module_config(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """One database for all examples of this module: making its indexes takes longer than an example."""
    config = Config(
        webhook_api_key="k" * 32,
        webhook_secret="test-webhook-secret",
        jwt_secret="j" * 32,
        mongodb_uri=fresh_database(mongodb_uri),
        data_dir=tmp_path_factory.mktemp("var"),
    )
    db = database.connect(config, COLLECTIONS)
    yield config
    db.client.drop_database(db.name)
    db.client.close()


def start(db: Db) -> None:
    clear(db)
    stock_up(db, A=10, B=2.5)


def without_history(ended: dict[str, Any]) -> dict[str, Any]:
    """The state, without statuses in between and what products learned on the way."""
    orders = {
        key: {name: value for name, value in each.items() if name not in ("unmatched", "warnings")}
        for key, each in ended["orders"].items()
    }
    return {"orders": orders, "stock": ended["stock"], "customers": set(ended["customers"])}


@bounded
@given(history=histories, data=st.data())
def test_any_order_of_arrival_and_any_duplicates_end_in_the_same_state(
    pair: list[Process], history: list[Message], data: st.DataObject
) -> None:
    first, second = pair
    start(first.db)
    for message in history:
        first.deliver(*message)
    expected = without_history(state(first.db))
    arrivals = data.draw(st.permutations(history * 2))
    start(first.db)
    for message in arrivals:
        data.draw(st.sampled_from([first, second])).deliver(*message)
    assert without_history(state(first.db)) == expected
    assert_books_balance(first.db)


@bounded
@given(history=histories, at=st.integers(1, 25), again=st.integers(1, 12), size=st.integers(1, 4))
def test_any_crash_and_a_crash_of_whoever_takes_over_end_in_the_same_state(
    pair: list[Process], history: list[Message], at: int, again: int, size: int
) -> None:
    first, second = pair
    start(first.db)
    for message in history:
        first.deliver(*message)
    expected = without_history(state(first.db))
    start(first.db)
    batches = [history[each : each + size] for each in range(0, len(history), size)]
    first.steps.crash_at(at)
    for batch in batches:
        try:
            first.deliver_all(batch)
        except Crash:
            event("crashed")
            first.steps.go_on()
            second.steps.crash_at(again)
            try:
                second.take_over()
            except Crash:
                event("crashed again")
            second.steps.go_on()
            first.deliver_all(batch)  # nobody acknowledged it
    first.steps.go_on()
    first.take_over()
    assert without_history(state(first.db)) == expected
    assert_books_balance(first.db)
    assert first.db.inbox.count_documents({"state": {"$ne": "done"}}) == 0


@bounded
@given(
    begin=st.lists(lines, min_size=1, max_size=3),
    opening=st.booleans(),
    then=st.lists(partials, min_size=1, max_size=4),
    at=st.integers(1, 30),
)
def test_partial_events_in_turn_end_in_the_same_state_whatever_crashes(
    pair: list[Process], begin: list[Document], opening: bool, then: list[Message], at: int
) -> None:
    first, second = pair
    history: list[Message] = [("order.created", order(1, *begin, modified=None)), *then]
    ended = []
    for crash in (0, at):
        start(first.db)
        first.steps.crash_at(crash)
        for number, message in enumerate(history):
            try:
                first.deliver(*message, sequence=0, opening=opening, delivery_id=str(number))
            except Crash:
                event("crashed")
                first.steps.go_on()
                second.take_over()
                second.deliver(*message, sequence=0, opening=opening, delivery_id=str(number))
        first.steps.go_on()
        ended.append(without_history(state(first.db)))
        assert_books_balance(first.db)
    assert ended[0] == ended[1]


@bounded
@given(
    targets=st.lists(
        st.tuples(st.sampled_from(["o1", "o2"]), st.dictionaries(st.sampled_from(["A", "B"]), st.integers(0, 9))),
        max_size=8,
    ),
    opening=st.sets(st.sampled_from(["A", "B"])),
)
def test_stock_is_the_start_less_what_orders_hold_and_the_opening_holds_nothing_of_it(
    pair: list[Process], targets: list[tuple[str, dict[str, int]]], opening: set[str]
) -> None:
    db = pair[0].db
    start(db)
    contained: dict[tuple[str, str], int] = {}
    last: dict[str, dict[str, int]] = {"o1": {}, "o2": {}}
    for key, held in targets:
        settle(db, [Holding(key, held, frozenset(opening), "test")], {})
        for sku in opening & held.keys():
            contained.setdefault((key, sku), held[sku])
        last[key] = held
    expected = {
        sku: units
        - sum(held.get(sku, 0) for held in last.values())
        + sum(units for (_, contains), units in contained.items() if contains == sku)
        for sku, units in {"A": 10, "B": 2.5}.items()
    }
    assert stock_of(db) == expected
    assert_books_balance(db)


@st.composite
def renamings(draw: st.DrawFn) -> tuple[list[Message], dict[int, str], dict[int, int]]:
    """A shop's three products of 10 units each, renamed and ordered in turn: what it says of that in any order and
    twice, the SKUs they end with, and their stock."""
    skus, stock = {1: "A", 2: "B", 3: "C"}, {1: 10, 2: 10, 3: 10}
    told: list[Message] = []
    steps = st.tuples(st.sampled_from([1, 2, 3]), st.one_of(st.none(), st.sampled_from("ABCDE")))
    for second, (identity, sku) in enumerate(draw(st.lists(steps, max_size=8)), 1):
        if sku is None:
            each = line(skus[identity], 2, product_id=identity)
            told.append(("order.created", order(second, each, date_created_gmt=AHEAD)))
            stock[identity] -= 2
        elif sku not in skus.values():
            skus[identity] = sku
            told.append(("product.updated", product(identity, sku, 10, date_modified_gmt=at(second))))
    return draw(st.permutations(told * 2)), skus, stock


@bounded
@given(renamings())
def test_renamed_products_keep_their_stock_in_whatever_order_the_shop_tells_of_them(
    pair: list[Process], renamed: tuple[list[Message], dict[int, str], dict[int, int]]
) -> None:
    arrivals, skus, stock = renamed
    first, second = pair
    clear(first.db)
    for identity, sku in enumerate("ABC", 1):
        first.deliver("product.created", product(identity, sku, 10))
    for number, message in enumerate(arrivals):
        (first, second)[number % 2].deliver(*message)
    ended = {int(each["external_ids"][0].removeprefix("default:")): each for each in first.db.products.find()}
    assert {identity: each["stock"] for identity, each in ended.items()} == stock
    if all(topic == "product.updated" for topic, _ in arrivals):  # a line's word about a SKU has no time
        assert {identity: each["sku"] for identity, each in ended.items()} == skus
    assert_books_balance(first.db)
