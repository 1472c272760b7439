"""Events of customers: made or changed by orders and by their stores, and erased; once, whatever crashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.customers import presentation
from pos_api.customers.customer_events import publish_erased
from pos_api.customers.erasures import Erasures
from pos_api.customers.model import Erasure
from pos_api.database.client import Db, Document
from pos_api.events import CustomerChanged
from pos_api.privacy import erase
from tests.factories import at, line, order
from tests.outbox.subscribed import (
    assert_all_is_published,
    crash_at_each_step,
    ids,
    known_for_long,
    publish_what_is_left,
    published,
    subscribe,
    types,
)
from tests.steps import Process, clear, processes

_ANNA = "anna@example.se"
_DIGEST = CustomerChanged(_ANNA, 0, "updated", now()).resource
_NAMED = {"first_name": "Annika", "last_name": "$Berg", "email": "Anna@Example.se", "phone": "070-1"}


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    with known_for_long(), processes(config, 2) as both:
        for process in both:
            subscribe(process.db, "customer.*")
        yield both


def _order(number: int, modified: int, **billing: Any) -> tuple[str, Document]:
    return "order.updated", order(number, line("A"), modified=modified, billing={"email": _ANNA, **billing})


def _account(minutes: int, **fields: Any) -> tuple[str, Document]:
    return "customer.updated", {"id": 9, "email": _ANNA, "date_modified_gmt": at(minutes), **fields}


_LIFE = [
    _order(1, 0, **_NAMED),
    _order(2, 1, **_NAMED),
    _account(2, first_name="Anna-Karin"),
    _account(3, first_name="Anna-Karin"),
    _order(1, 4, **{**_NAMED, "phone": "070-2"}),
    ("order.updated", order(3, line("A"), modified=-5, customer_id=12, billing={"email": _ANNA, "first_name": "Old"})),
    _account(6, email="other@example.se"),
]


def _shown(db: Db) -> Any:
    record: Any = db.customers.find_one({"_id": _ANNA})
    return json.loads(json_bytes(presentation.customer(record)))


def test_what_changes_of_a_customer_is_an_event_and_one_order_more_is_none(pair: list[Process]) -> None:
    process, _ = pair
    process.deliver(*_LIFE[0])
    ((id, type, data),) = published(process.db)
    assert type == "customer.created"
    assert id.startswith(f"{_DIGEST}:")
    assert data == _shown(process.db)
    assert (data["id"], data["last_name"]) == (_ANNA, "$Berg")
    seen = 1
    for message, expected in zip(_LIFE[1:], (0, 1, 0, 1, 1, 1), strict=True):
        process.deliver(*message)
        events = published(process.db)
        assert len(events) - seen == expected, message
        seen = len(events)
    assert sorted(types(process.db)) == ["customer.created"] * 2 + ["customer.updated"] * 3
    of_anna = [data for id, _, data in published(process.db) if id.startswith(_DIGEST)]
    assert of_anna[-1]["shop_ids"] == ["default:9", "default:12"]
    assert_all_is_published(process.db)


def test_the_record_is_the_same_whether_somebody_wants_its_events_or_not(pair: list[Process]) -> None:
    process, _ = pair
    for message in _LIFE:
        process.deliver(*message)
    wanted = _records(process.db)
    clear(process.db)
    subscribe(process.db, "product.archived")
    for message in _LIFE:
        process.deliver(*message)
    assert _records(process.db) == wanted
    assert not process.db.customers.count_documents({"$or": [{"unpublished": {"$exists": 1}}, {"version": {"$gt": 0}}]})
    assert types(process.db) == []


def _records(db: Db) -> list[Document]:
    records = [dict(each) for each in db.customers.find().sort("_id", 1)]
    for each in records:
        each.pop("version", None)
        assert not each.pop("unpublished", None)
        each["external_ids"] = sorted(each["external_ids"])
    return records


@pytest.mark.parametrize("place", [0, 2, 6])
def test_a_crash_ahead_of_any_command_loses_no_event_and_makes_none_twice(pair: list[Process], place: int) -> None:
    first, second = pair

    def begin() -> None:
        clear(first.db)
        for message in _LIFE[:place]:
            first.deliver(*message)
        first.db.outbox.delete_many({})
        first.db.webhook_deliveries.delete_many({})

    begin()
    first.deliver(*_LIFE[place])
    expected = [(type, data) for _, type, data in published(first.db)]
    assert len(expected) == 1
    for step in crash_at_each_step(first, begin, partial(first.deliver, *_LIFE[place])):
        if step % 2:
            publish_what_is_left(second.db)
        second.take_over()
        second.deliver(*_LIFE[place])
        publish_what_is_left(second.db)
        assert [(type, data) for _, type, data in published(first.db)] == expected, step
        assert_all_is_published(first.db)


def test_a_record_that_was_removed_and_is_made_anew_is_created_again(pair: list[Process]) -> None:
    process, _ = pair
    process.deliver(*_order(1, 0))
    process.deliver("order.updated", order(1, line("A"), modified=1, billing={"email": "bo@example.se"}))
    assert process.db.customers.find_one({"_id": _ANNA}) is None
    process.deliver(*_order(1, 2))
    of_anna = [(id, type) for id, type, _ in published(process.db) if id.startswith(_DIGEST)]
    assert [type for _, type in of_anna] == ["customer.created", "customer.created"]
    assert len({id for id, _ in of_anna}) == 2


def test_an_erasure_is_an_event_without_personal_data_after_all_others_of_the_person(
    pair: list[Process], config: Config
) -> None:
    process, _ = pair
    process.deliver(*_LIFE[0])
    erased = erase.person(process.db, Erasures(process.db, config), _ANNA)
    (stored,) = process.db.outbox.find({"type": "customer.erased"})
    data = json.loads(stored["data"])
    assert data.keys() == {"id", "digest", "erased_at"}
    assert (data["id"], f"customer:{data['digest']}") == (erased.customer, _DIGEST)
    assert stored["resource"] == _DIGEST
    assert b"anna" not in stored["data"].lower() + stored["reference"].lower()
    assert "anna" not in json.dumps([stored["_id"], stored["about"]]).lower()
    assert types(process.db)[-1] == "customer.erased"
    assert_all_is_published(process.db)


def test_an_erasure_that_is_carried_out_again_is_one_event_also_after_a_crash(
    pair: list[Process], config: Config
) -> None:
    first, second = pair

    def begin() -> None:
        clear(first.db)
        first.deliver(*_LIFE[0])

    def act() -> None:
        erase.person(first.db, Erasures(first.db, config), _ANNA)

    for step in crash_at_each_step(first, begin, act, every=3):
        remembered = first.db.erasures.count_documents({"times": {"$exists": True}})
        for _ in range(2):
            past = now() - timedelta(minutes=10)
            first.db.erasures.update_many({"due_at": {"$exists": True}}, {"$set": {"due_at": past, "asked_at": past}})
            erase.run_due(second.db, Erasures(second.db, config))
        assert types(first.db).count("customer.erased") == remembered, step
        publish_what_is_left(second.db)
        assert_all_is_published(first.db)


def test_an_erasure_of_the_account_alone_is_known_by_the_digest(pair: list[Process]) -> None:
    process, _ = pair
    moment = now()
    publish_erased(process.db, _ANNA, "default", [Erasure(moment, None, orders=False)] * 2)
    ((_, _, data),) = published(process.db)
    assert f"customer:{data['id']}" == _DIGEST
    assert len(set(ids(published(process.db)))) == 1


def test_without_a_subscription_an_order_costs_its_customer_no_command_more(pair: list[Process]) -> None:
    process, _ = pair
    process.deliver(*_LIFE[0])
    clear(process.db)
    subscribe(process.db, "product.archived")
    process.steps.go_on()
    process.deliver(*_LIFE[0])
    assert len(process.steps.names) <= 8, process.steps.names
