"""Which deliveries are read as due: of a resource none before those that come earlier."""

from __future__ import annotations

from datetime import timedelta

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox.delivering import loading
from tests.outbox.delivering.outbox import event, publish_events, subscribe


def test_of_a_resource_nothing_is_read_behind_one_that_a_full_look_leaves_out(config: Config, db: Db) -> None:
    """Replayed events have one time at which they are due, and those that were new then are stored last."""
    subscribe(db, config, "https://erp.example")
    publish_events(db, event(1, 3), event(1, 4))
    publish_events(db, event(1, 1), event(1, 2))
    db.webhook_deliveries.update_many({}, {"$set": {"due_at": now()}})
    found, is_full = loading.load(db, ["sub_a"], [], limit=2)
    assert is_full
    assert [due.position for due in found["sub_a"]] == [1]
    found, _ = loading.load(db, ["sub_a"], ["sub_a:order:default:1:1"], limit=10)
    assert sorted(due.position for due in found["sub_a"]) == [2, 3, 4]


def test_of_a_resource_nothing_is_read_behind_one_from_a_machine_whose_clock_is_ahead(config: Config, db: Db) -> None:
    subscribe(db, config, "https://erp.example")
    publish_events(db, event(1, 1), event(1, 2), event(1, 3), event(2, 1), event(2, 2))
    ahead = {"_id": "sub_a:order:default:1:2"}
    db.webhook_deliveries.update_one(ahead, {"$set": {"due_at": now() + timedelta(seconds=5)}})
    found, _ = loading.load(db, ["sub_a"], [])
    assert sorted((due.resource, due.position) for due in found["sub_a"]) == [
        ("order:default:1", 1),
        ("order:default:2", 1),
        ("order:default:2", 2),
    ]


def test_of_the_events_at_hand_those_that_were_erased_or_deleted_are_found(config: Config, db: Db) -> None:
    subscribe(db, config, "https://erp.example")
    publish_events(db, event(1), event(2), event(3))
    db.outbox.update_one({"_id": "order:default:2:1"}, [{"$set": {"data": "$reference", "erased_at": now()}}])
    db.outbox.delete_one({"_id": "order:default:3:1"})
    erased, gone = loading.read_erased(db, [f"order:default:{order}:1" for order in (1, 2, 3)])
    assert {key: bytes(each["data"]) for key, each in erased.items()} == {"order:default:2:1": b'{"id":"2"}'}
    assert gone == {"order:default:3:1"}
