"""Events of products: where what the API shows of one has changed, whoever changed it, once, whatever crashes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from pos_api.catalogue import archive, items, items_csv, presentation, product_csv, staff_actions
from pos_api.catalogue.model import ItemUpdate, ProductDeletion
from pos_api.common.json_text import json_bytes
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Conflict, NotFound
from pos_api.stock import ledger
from tests.catalogue.reports import NOON, applied, line, reported
from tests.factories import at, order, product, shop_id, stock_up
from tests.factories import line as order_line
from tests.outbox.subscribed import (
    assert_all_is_published,
    crash_at_each_step,
    known_for_long,
    publish_what_is_left,
    published,
    subscribe,
    types,
)
from tests.steps import Process, clear, interleave, processes


@pytest.fixture
def subscribed(db: Db) -> Iterator[Db]:
    with known_for_long():
        subscribe(db, "product.*")
        yield db


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    with known_for_long(), processes(config, 2) as both:
        for process in both:
            subscribe(process.db, "product.*")
        yield both


def _new(db: Db) -> list[tuple[str, str]]:
    """SKU and type of the events since the last look."""
    found = [(data["sku"], type) for _, type, data in published(db)]
    db.outbox.delete_many({})
    db.webhook_deliveries.delete_many({})
    return found


def _shown(db: Db, key: str) -> Any:
    stored: Any = db.products.find_one({"_id": key})
    return json.loads(json_bytes(presentation.product(stored, items.of_products(db, [stored]))))


def _assert_last_events_show_the_products(db: Db) -> None:
    """What the last event of each product shows is what the API shows of it, but for its stock."""
    last: dict[str, Any] = {}
    for event in db.outbox.find().sort("position", 1):
        last[event["resource"].removeprefix("product:")] = json.loads(event["data"])
    for key, data in last.items():
        ignored = {"stock": 0, "low_stock": 0}
        assert data | ignored == _shown(db, key) | ignored


def test_what_a_store_reports_is_an_event_where_it_changes_what_is_shown(subscribed: Db) -> None:
    db = subscribed
    applied(db, reported(1, "A", name="Tea"))
    ((id, type, data),) = published(db)
    assert (id, type) == ("product:A:1", "product.created")
    assert data == _shown(db, "A")
    assert data["stock"] == 10
    applied(db, reported(1, "A", 1, name="Tea"))
    assert types(db) == ["product.created"], "only the time of the report is another one"
    applied(db, reported(1, "A-2", 2, name="Green tea"))
    assert types(db) == ["product.created", "product.updated"]
    _assert_last_events_show_the_products(db)
    archive.delete(db, ProductDeletion("default", "default:1", NOON + timedelta(minutes=3), NOON))
    assert types(db) == ["product.created", "product.updated", "product.archived"]
    applied(db, reported(1, "A-2", 4, name="Green tea"))
    assert types(db)[-1] == "product.updated", "it is active again"
    _assert_last_events_show_the_products(db)
    assert_all_is_published(db)


def test_a_product_that_loses_its_sku_to_another_has_an_event_too(subscribed: Db) -> None:
    db = subscribed
    applied(db, reported(1, "A"))
    applied(db, reported(2, "B"))
    _new(db)
    applied(db, reported(2, "A", 1))
    assert sorted(_new(db)) == [("A", "product.updated"), ("A (no SKU)", "product.updated")]
    applied(db, reported(1, "C", 2))
    assert _new(db) == [("C", "product.updated")]
    assert_all_is_published(db)


def test_an_orders_line_that_links_or_renames_a_product_is_an_event(subscribed: Db) -> None:
    db = subscribed
    stock_up(db, A=5)
    _new(db)
    line(db, "A", 7)
    assert _new(db) == [("A", "product.updated")]
    line(db, "A", 7)
    assert _new(db) == []
    line(db, "A-new", 7)
    assert _new(db) == [("A-new", "product.updated")]
    assert_all_is_published(db)


def test_what_staff_change_is_an_event_and_stock_is_none(subscribed: Db) -> None:
    db = subscribed
    staff_actions.add(db, {"sku": "A", "stock": 3}, by="anna")
    assert _new(db) == [("A", "product.created")]
    staff_actions.change(db, "A", {"name": "Tea", "low_stock_threshold": 5})
    staff_actions.change(db, "A", {"name": "Tea"})
    assert _new(db) == [("A", "product.updated")]
    staff_actions.count(db, "A", 9, by="anna")
    ledger.move(db, "A", -1, reason="broken", cause="staff:anna")
    assert _new(db) == []
    staff_actions.change(db, "A", {"archived": True})
    staff_actions.change(db, "A", {"archived": False})
    assert _new(db) == [("A", "product.archived"), ("A", "product.updated")]
    with pytest.raises(NotFound):
        staff_actions.change(db, "B", {"archived": True})
    product_csv.read(db, b"sku,name,price,archived\nA,Tea,9.00,\nB,Coffee,,yes\n", by="anna")
    assert _new(db) == [("A", "product.updated"), ("B", "product.created"), ("B", "product.archived")]
    assert_all_is_published(db)


def test_an_item_that_is_linked_unlinked_or_sold_out_is_an_event_of_its_product(subscribed: Db) -> None:
    db = subscribed
    stock_up(db, A=5, B=5)
    _new(db)
    items.apply(db, ItemUpdate("app", 7, NOON, name="Soup", available=True))
    assert _new(db) == []
    items.link(db, "app", 7, "A")
    assert _new(db) == [("A", "product.updated")]
    items.apply(db, ItemUpdate("app", 7, NOON + timedelta(minutes=1), available=False))
    ((_, _, data),) = published(db)
    assert data["links"] == [{"store": "app", "item": "7", "available": False, "archived": False}]
    assert _new(db) == [("A", "product.updated")]
    items.link(db, "app", 7, "A")
    assert _new(db) == []
    items_csv.read(db, "app", b"item,sku\n7,B\n")
    assert sorted(_new(db)) == [("A", "product.updated"), ("B", "product.updated")]
    items.unlink(db, "app", 7)
    assert _new(db) == [("B", "product.updated")]
    assert_all_is_published(db)


_CHANGES: dict[str, tuple[str, Any]] = {
    "a new product": ("product.created", product(shop_id("N"), "N", 20)),
    "a new SKU and name": ("product.updated", product(shop_id("C"), "C-2", 20, date_modified_gmt=at(60))),
    "a SKU of another product": ("product.updated", product(shop_id("C"), "D", 20, date_modified_gmt=at(60))),
    "a deletion": ("product.deleted", {"id": shop_id("C")}),
    "an order's line": ("order.created", order(1, order_line("C-3", product_id=shop_id("C")))),
    "nothing new": ("product.updated", product(shop_id("C"), "C", 20, date_modified_gmt=at(50))),
}


def _without_times(db: Db) -> list[tuple[str, Any]]:
    return [(type, {**data, "created_at": None}) for _, type, data in published(db)]


@pytest.mark.parametrize("message", _CHANGES.values(), ids=_CHANGES)
def test_a_crash_ahead_of_any_command_loses_no_event_and_makes_none_twice(
    pair: list[Process], message: tuple[str, Any]
) -> None:
    first, second = pair

    def begin() -> None:
        clear(first.db)
        for sku in ("C", "D"):
            first.deliver("product.created", product(shop_id(sku), sku, 20))
        first.db.outbox.delete_many({})
        first.db.webhook_deliveries.delete_many({})

    begin()
    first.deliver(*message)
    expected = _without_times(first.db)
    for step in crash_at_each_step(first, begin, partial(first.deliver, *message)):
        second.take_over()
        second.deliver(*message)
        publish_what_is_left(second.db)
        found = _without_times(first.db)
        if expected:
            assert found == expected, step
        else:
            assert len(found) <= 1, "who was interrupted is taken to have changed something"
        _assert_last_events_show_the_products(first.db)
        assert_all_is_published(first.db)


def test_what_is_left_behind_is_published_though_nobody_applies_it_again(pair: list[Process]) -> None:
    first, second = pair
    renamed = ("product.updated", product(shop_id("C"), "C-2", 20, date_modified_gmt=at(60)))
    changed = 0

    def begin() -> None:
        clear(first.db)
        first.deliver("product.created", product(shop_id("C"), "C", 20))
        first.db.outbox.delete_many({})
        first.db.webhook_deliveries.delete_many({})

    for step in crash_at_each_step(first, begin, partial(first.deliver, *renamed)):
        stored = first.db.products.find_one({"_id": "C"})
        assert stored is not None
        publish_what_is_left(second.db)
        if stored["sku"] == "C-2":
            changed += 1
            assert [data["sku"] for _, _, data in published(first.db)] == ["C-2"], step
        assert_all_is_published(first.db)
    assert changed > 3


def test_of_two_processes_with_one_product_the_last_event_shows_it_as_it_is(pair: list[Process]) -> None:
    first, second = pair
    renamed = ("product.updated", product(shop_id("C"), "C-2", 20, date_modified_gmt=at(60)))
    for i, j in itertools.product(range(1, 18, 3), range(1, 10, 3)):
        clear(first.db)
        stock_up(first.db, C=5)
        line(first.db, "C", shop_id("C"))
        for each in (first.db.outbox, first.db.webhook_deliveries):
            each.delete_many({})
        interleave(first, partial(first.deliver, *renamed), second, partial(_change, second.db), i, j)
        assert 1 <= len(types(first.db)) <= 2, (i, j)
        _assert_last_events_show_the_products(first.db)
        assert_all_is_published(first.db)
        _assert_in_order(first.db)


def _change(db: Db) -> None:
    with suppress(Conflict):  # it was renamed at this moment
        staff_actions.change(db, "C", {"name": "Tea", "low_stock_threshold": 2})


def _assert_in_order(db: Db) -> None:
    positions = [event["position"] for event in db.outbox.find().sort("$natural", 1)]
    assert positions == sorted(positions)


def test_without_a_subscription_no_command_more_is_sent_and_nothing_is_marked(pair: list[Process]) -> None:
    process, _ = pair
    subscribe(process.db, "order.*")
    process.steps.go_on()
    process.deliver("product.created", product(shop_id("C"), "C", 20))
    assert len(process.steps.names) == 9, process.steps.names
    process.steps.go_on()
    process.deliver("product.updated", product(shop_id("C"), "C-2", 20, date_modified_gmt=at(60)))
    assert len(process.steps.names) == 5, process.steps.names
    process.steps.go_on()
    staff_actions.change(process.db, "C-2", {"name": "Tea"})
    assert len(process.steps.names) == 4, process.steps.names
    stored = process.db.products.find_one()
    assert stored is not None
    assert not {"unpublished", "version"} & stored.keys()
