"""The events of orders in the outbox: one for each change, with the order as it was then."""

from __future__ import annotations

from typing import Any

from pos_api.customers.model import Erasure
from pos_api.database.client import Db
from pos_api.orders import erasure
from pos_api.orders import queries as order_list
from pos_api.orders.apply import apply
from pos_api.processing.publishing import publish_left, publish_marked
from tests.factories import Shop, line, order, order_update, stock_up
from tests.orders.plain import NOON
from tests.outbox.subscribing import assert_nothing_is_left, ids, published, subscribe, wait_until_nothing_is_left
from tests.steps import Process


def test_each_change_is_an_event_with_the_order_as_the_api_showed_it_then(shop: Shop, db: Db) -> None:
    subscribe(db, "order.*")
    stock_up(db, A=10)
    shown = []
    for number, status in enumerate(("processing", "on-hold", "completed")):
        shop.outcome("order.updated", order(1, line("A", 2), status=status, modified=number))
        shown.append(order_list.get(db, "1"))
    events = published(db)
    assert [event["_id"] for event in events] == [
        "order:default:1:1",
        "order:default:1:2",
        "order:default:1:3:completed",
    ]
    assert [event["type"] for event in events] == ["order.created", "order.updated", "order.completed"]
    for event, order_then in zip(events, shown, strict=True):
        data = event["data"]
        assert data.keys() == order_then.keys() - {"movements"}
        assert data["rev"] == order_then["rev"]
        assert data["status"] == order_then["status"]
        assert data["billing"]["email"] == "Anna@Example.se"
        assert data["total"] == "12.50"
        assert event["about"] == ["default:1", "anna@example.se"]
        assert event["reference"] == b'{"id":"default:1","store":"default","order_id":1}'
    wait_until_nothing_is_left(db)


def test_the_data_has_products_by_their_current_sku_and_the_order_keeps_their_ids(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    db.products.update_one({"_id": "A"}, {"$set": {"sku": "A-renamed"}, "$addToSet": {"skus": "A-renamed"}})
    subscribe(db, "order.*")
    shop.outcome("order.created", order(1, line("A", 2)))
    [event] = published(db)
    assert event["data"]["held"] == [{"sku": "A-renamed", "quantity": 2}]
    assert event["data"]["line_items"][0]["product"] == "A-renamed"
    stored: Any = db.orders.find_one()
    assert stored["held"] == [{"sku": "A", "quantity": 2}]


def test_of_a_tab_the_data_has_only_what_identifies_it(db: Db) -> None:
    subscribe(db, "order.*")
    apply(db, [order_update(1, {"tab": "tab_9"}, kind="created")])
    publish_marked(db, "orders", db.orders.find())
    assert published(db)[0]["data"]["tab"] == {"id": "default:tab_9", "external_id": "tab_9"}


def test_nothing_is_marked_that_nobody_wants(process: Process, db: Db) -> None:
    subscribe(process.db, "order.completed", "order.created", stores=["till-1"])
    subscribe(process.db, "product.*", "order.completed")
    process.deliver("order.created", order(1, line("A")))
    stored: Any = db.orders.find_one()
    assert "unpublished" not in stored
    process.deliver("order.updated", order(1, line("A"), status="completed", modified=1))
    assert ids(db) == ["order:default:1:2:completed"]


def test_what_changes_nothing_is_no_event(process: Process, db: Db) -> None:
    subscribe(process.db, "*")
    process.deliver("order.created", order(1, modified=5))
    process.deliver("order.updated", order(1, modified=5, number="1"))
    process.deliver("order.updated", order(1, modified=1, number="old"))
    assert ids(db, "order:") == ["order:default:1:1"]


def test_an_erasure_is_an_update_whose_data_names_nobody_and_so_is_what_was_left_unpublished(
    process: Process, db: Db
) -> None:
    subscribe(db, "order.*", known_to=[process.db])
    process.deliver("order.created", order(1, line("A")))
    stored: Any = db.orders.find_one()
    left = [{"id": "order:default:1:0", "type": "order.updated", "at": NOON, "position": 7}]  # a crash came in between
    db.orders.update_one({}, {"$set": {"unpublished": left}})
    erasure.erase(db, {"customer": stored["customer"]}, Erasure(NOON, "erased:1"))
    _, *events = sorted(published(db), key=lambda event: event["_id"] != "order:default:1:1")
    assert [event["_id"] for event in events] == ["order:default:1:0", "order:default:1:2"]
    for event in events:
        assert "billing" not in event["data"]
        assert "anna" not in str(event).lower()
    assert_nothing_is_left(db)


def test_a_parent_that_leaves_its_stock_to_its_sub_orders_is_updated(process: Process, db: Db) -> None:
    subscribe(process.db, "order.*")
    stock_up(db, A=10)
    process.deliver("order.created", order(1, line("A", 1)))
    process.deliver("order.created", order(2, line("A", 1, 1), parent_id=1))
    events = {event["_id"]: event for event in published(db)}
    assert events.keys() == {"order:default:1:1", "order:default:1:2", "order:default:2:1"}
    held = [events[f"order:default:1:{rev}"]["data"]["held"] for rev in (1, 2)]
    assert held == [[{"sku": "A", "quantity": 1}], [{"sku": "A", "quantity": 0}]]
    assert_nothing_is_left(db)


def test_what_a_crash_left_is_published_without_anybody_trying_again(db: Db) -> None:
    subscribe(db, "order.*")
    marks = [
        {"id": f"order:default:1:{rev}", "type": "order.updated", "at": NOON, "position": rev * 8} for rev in (3, 4)
    ]
    db.orders.insert_one({"_id": "default:1", "store": "default", "order_id": 1, "customer": None, "rev": 4})
    db.orders.update_one({}, {"$set": {"unpublished": marks}})
    assert publish_left(db) == 1
    assert ids(db) == ["order:default:1:3", "order:default:1:4"]
    assert_nothing_is_left(db)
    assert publish_left(db) == 0


def test_what_can_t_be_published_keeps_nothing_else_from_being_published(db: Db) -> None:
    subscribe(db, "order.*", "payment.*")
    mark = {"id": "order:default:2:1", "type": "order.created", "at": NOON, "position": 8}
    odd = {"unpublished": [mark]}  # what an event shows is missing
    db.payments.insert_one({"_id": "till:1", **odd})
    db.orders.insert_one({"_id": "default:1", "customer": None, **odd})
    known = {"_id": "default:2", "store": "default", "order_id": 2, "customer": None, "rev": 1}
    db.orders.insert_one({**known, "unpublished": [mark]})
    assert publish_left(db) == 1
    assert ids(db) == ["order:default:2:1"]


def test_round_trips_with_a_subscription(process: Process, db: Db) -> None:
    stock_up(db, A=1000, B=1000)
    process.deliver("order.created", order(1, line("A"), line("B")))
    without = _round_trips(process, 10)
    subscribe(process.db, "order.*")
    assert _round_trips(process, 20) == without + 3, "events, deliveries, marks"
    subscribe(process.db, "stock.*")
    assert _round_trips(process, 30) == without + 6, "movements, their products, marks"


def _round_trips(process: Process, number: int) -> int:
    """Of a new order, which is as many as of a batch."""
    process.steps.go_on()
    process.deliver("order.created", order(number, line("A"), line("B")))
    one = len(process.steps.names)
    process.steps.go_on()
    process.deliver_all([("order.created", order(number + n, line("A"), line("B"))) for n in range(1, 6)])
    assert len(process.steps.names) == one
    return one
