"""Whatever Karma reports, in whatever order it arrives, however often, under whatever ids, and whatever crashes: the
same orders, sales, payments, tabs, items and stock in the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_api.config import Config
from pos_api.database.client import Db
from tests.senders.any_order import (
    Delivery,
    assert_any_arrival_ends_the_same,
    assert_any_crash_ends_the_same,
    bounded,
    processes_with,
)
from tests.senders.karma.app import SALAD, add_app, event, inventory, line, link, order, purchase, refund, stock, tab
from tests.steps import Process


@pytest.fixture
def pair(config: Config) -> Iterator[list[Process]]:
    def add_stores(db: Db) -> None:
        for name in ("karma-1", "karma-2"):
            add_app(db, config, name)

    with processes_with(config, add_stores) as made:
        yield made


def _start(db: Db) -> None:
    stock(db, "SALAD", "SOUP", units=100)
    link(db, "karma-1", SALAD=1, SOUP=2)
    link(db, "karma-2", SALAD=1)


_minutes = st.integers(30, 80)
_items = st.lists(
    st.builds(
        lambda id, item, quantity: {**SALAD, "id": id, "itemId": item, "quantity": quantity},
        st.integers(1, 2),
        st.integers(1, 3),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=3,
)
_order_id = st.sampled_from(["ord_1", "ord_2"])
_fields = st.fixed_dictionaries(
    {}, optional={"items": _items, "state": st.sampled_from(["sent", "ready"]), "subtotalCents": st.integers(0, 9999)}
)
_ends = st.sampled_from(["completed", "cancelled"])
_order = st.one_of(
    st.builds(lambda id, items: order("created", 30, id=id, items=items), _order_id, _items),
    st.builds(lambda id, minute, fields: order("updated", minute, id=id, **fields), _order_id, _minutes, _fields),
    st.builds(
        lambda id, minute, end: order(end, minute, id=id),
        _order_id,
        _minutes,
        st.sampled_from(["completed", "cancelled"]),
    ),
)
_PAID = [line(1, 10000, 2500, 2000), line(2, 5000, 1200, 536), line(3, 1000, 0, 0, type="tip")]
_part = st.builds(lambda id, cents: line(id, cents), st.integers(1, 4), st.sampled_from([-5000, 1000, 5000, 10000]))
_purchase = st.one_of(
    st.builds(lambda id: purchase(_PAID, id=id), st.integers(1, 2)),
    st.builds(
        lambda id, minute, lines: refund(lines, id=id, minute=minute),
        st.integers(1, 2),
        _minutes,
        st.one_of(st.just(_PAID), st.lists(_part, min_size=1, max_size=2)),
    ),
)
_tab = st.builds(
    lambda change, minute, paid: tab(change, minute, paidAmountCents=paid),
    st.sampled_from(["opened", "payment_received", "closed"]),
    _minutes,
    st.integers(0, 9999),
)
_item = st.builds(
    lambda change, minute, fields: inventory(change, minute, id=2, **fields),
    st.sampled_from(["created", "updated", "deleted", "availability_changed"]),
    _minutes,
    st.fixed_dictionaries({}, optional={"available": st.booleans(), "name": st.sampled_from(["Soup", "Stew"])}),
)
_other = st.builds(lambda: event("menu.published", "7", {"id": 7}, 40))
_message = st.one_of(_order, _order, _purchase, _purchase, _tab, _item, _other)


def _redelivered(message: dict[str, Any]) -> dict[str, Any]:
    """The same event under another delivery id."""
    return {**message, "id": f"{message['id']}-again"}


@st.composite
def _deliveries(draw: st.DrawFn) -> list[Delivery]:
    sent: dict[str, Delivery] = {}
    for message in draw(st.lists(_message, min_size=1, max_size=8)):
        again = draw(st.booleans())
        for each in (message, _redelivered(message)) if again else (message,):
            delivery = Delivery(draw(st.sampled_from(["karma-1", "karma-1", "karma-2"])), {}, each)
            sent[json.dumps([delivery.store, each])] = delivery
    return list(sent.values())


@bounded
@given(deliveries=_deliveries(), data=st.data())
def test_any_order_of_arrival_ends_the_same(
    pair: list[Process], deliveries: list[Delivery], data: st.DataObject
) -> None:
    assert_any_arrival_ends_the_same(pair, _start, deliveries, data)


@bounded
@given(deliveries=_deliveries(), at=st.integers(1, 60), again=st.integers(1, 20))
def test_any_crash_ends_the_same(pair: list[Process], deliveries: list[Delivery], at: int, again: int) -> None:
    assert_any_crash_ends_the_same(pair, _start, deliveries, at=at, again=again)
