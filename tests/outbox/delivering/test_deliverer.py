"""Deliveries on a real MongoDB to real receivers."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from standardwebhooks import Webhook

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox import redelivery, subscriptions
from pos_api.outbox.delivering import leases, loading
from pos_api.outbox.interest import interest_of
from tests.outbox.delivering.outbox import SECRET, delivering, event, publish_events, subscribe
from tests.outbox.delivering.receivers import Answer, Receiver, Request, receiving
from tests.waiting import wait_until


def states(db: Db) -> dict[str, str]:
    return {each["event"]: each["state"] for each in db.webhook_deliveries.find({}, {"event": 1, "state": 1})}


def delivery(db: Db, order: int, position: int = 1, subscription: str = "sub_a") -> dict[str, Any]:
    found = db.webhook_deliveries.find_one({"_id": f"{subscription}:order:default:{order}:{position}"})
    assert found is not None
    return found


def subscription(db: Db, name: str = "sub_a") -> dict[str, Any]:
    found = db.webhook_subscriptions.find_one({"_id": name})
    assert found is not None
    return found


def all_succeeded(db: Db, count: int) -> bool:
    return db.webhook_deliveries.count_documents({"state": "succeeded"}) == count


def failing(order: int, status: int = 500, **answer: Any) -> Any:
    """An answer to each request: a failure for all about this order."""

    def answered(request: Request) -> Answer:
        return Answer(status, **answer) if request.id.startswith(f"order:default:{order}:") else Answer()

    return answered


@pytest.fixture
def receiver() -> Any:
    with receiving() as started:
        yield started


def test_events_arrive_signed_and_in_order_per_resource(config: Config, db: Db, receiver: Receiver) -> None:
    with delivering(db, config):
        subscribe(db, config, receiver.url(), headers={"X-Shop": "north"})
        publish_events(db, *(event(order, position) for position in (1, 2, 3) for order in range(20)))
        wait_until(lambda: all_succeeded(db, 60))
    assert len(receiver.ids()) == 60
    for order in range(20):
        mine = [each for each in receiver.ids() if each.startswith(f"order:default:{order}:")]
        assert mine == [f"order:default:{order}:{position}" for position in (1, 2, 3)]
    for came in receiver.requests:
        Webhook(SECRET).verify(came.body, came.headers)
        assert came.headers["X-Shop"] == "north"
    kept = delivery(db, 1)
    assert kept["attempts"] == 1
    assert "due_at" not in kept
    assert "lane" not in kept
    [attempt] = kept["log"]
    assert (attempt["status"], attempt["answer"]) == (200, b"ok")
    assert attempt["headers"]["X-Shop"] == "north"
    assert SECRET not in str(kept)
    assert subscription(db)["last_success_at"]
    assert subscription(db)["lease"]["holder"] == "", "it is given back at the end"


def test_a_failing_event_holds_back_its_own_resource_only(config: Config, db: Db, receiver: Receiver) -> None:
    receiver.answer = failing(1)
    with delivering(db, config):
        subscribe(db, config, receiver.url())
        publish_events(db, *(event(order, position) for order in (1, 2, 3) for position in (1, 2)))
        wait_until(lambda: all_succeeded(db, 4) and delivery(db, 1)["attempts"] >= 1)
        publish_events(db, event(1, 3), event(4))
        wait_until(lambda: all_succeeded(db, 5) and delivery(db, 1, 3).get("held"))
        first = delivery(db, 1)
        assert first["state"] == "waiting"
        assert first["log"][0]["status"] == 500
        assert not {"order:default:1:2", "order:default:1:3"} & set(receiver.ids())
        receiver.answer = lambda request: Answer()
        redelivery.due_now(db, "sub_a")
        wait_until(lambda: all_succeeded(db, 8))
    of_first = list(dict.fromkeys(each for each in receiver.ids() if each.startswith("order:default:1:")))
    assert of_first == ["order:default:1:1", "order:default:1:2", "order:default:1:3"]


def test_a_first_that_succeeds_by_its_schedule_makes_those_behind_it_due(
    config: Config, db: Db, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also more than are made due at a time."""
    monkeypatch.setattr("pos_api.outbox.delivering.recording._MADE_DUE_AT_ONCE", 3)
    receiver.answer = failing(1)
    with delivering(db, config):
        subscribe(db, config, receiver.url())
        publish_events(db, *(event(1, position) for position in range(1, 12)))
        wait_until(lambda: db.webhook_deliveries.count_documents({"held": True}) == 10)
        assert delivery(db, 1)["holds"]
        receiver.answer = lambda request: Answer()
        db.webhook_deliveries.update_one({"_id": "sub_a:order:default:1:1"}, {"$set": {"due_at": now()}})
        wait_until(lambda: all_succeeded(db, 11))
    assert list(dict.fromkeys(receiver.ids())) == [f"order:default:1:{position}" for position in range(1, 12)]
    assert db.webhook_deliveries.count_documents({"held": True}) == 0


def test_410_switches_the_subscription_off_and_resuming_goes_on_where_it_stopped(
    config: Config, db: Db, receiver: Receiver
) -> None:
    receiver.answer = lambda request: Answer(410)
    with delivering(db, config):
        subscribe(db, config, receiver.url())
        publish_events(db, event(1))
        wait_until(lambda: not subscription(db)["active"])
        assert "410" in subscription(db)["disabled_reason"]
        publish_events(db, event(1, 2), event(2))
        receiver.answer = lambda request: Answer()
        assert receiver.ids() == ["order:default:1:1"]
        assert set(states(db).values()) == {"waiting"}
        db.webhook_subscriptions.update_one(
            {}, {"$set": {"active": True, "updated_at": now()}, "$unset": {"disabled_at": ""}}
        )
        wait_until(lambda: all_succeeded(db, 3))
    assert [each for each in receiver.ids() if ":1:" in each] == ["order:default:1:1"] * 2 + ["order:default:1:2"]


def test_redirects_are_failures_and_not_followed(config: Config, db: Db, receiver: Receiver) -> None:
    receiver.answer = lambda request: Answer(302, {"Location": receiver.url("elsewhere")})
    with delivering(db, config):
        subscribe(db, config, receiver.url())
        publish_events(db, event(1))
        wait_until(lambda: delivery(db, 1)["attempts"] == 1)
    assert receiver.ids("elsewhere") == []
    assert delivery(db, 1)["state"] == "waiting"


def test_retry_after_is_honoured_for_the_delivery_and_the_subscription(
    config: Config, db: Db, receiver: Receiver
) -> None:
    receiver.answer = lambda request: Answer(429, {"Retry-After": "3600"})
    with delivering(db, config):
        subscribe(db, config, receiver.url())
        publish_events(db, *(event(order) for order in range(5)))
        wait_until(lambda: "paused_until" in subscription(db))
    assert len(receiver.requests) == 1, "the others were not sent"
    tried = db.webhook_deliveries.find_one({"attempts": 1})
    assert tried is not None
    assert tried["due_at"] > now() + timedelta(minutes=59)
    assert subscription(db)["paused_until"] < now() + timedelta(seconds=61)


def test_the_breaker_opens_rotates_over_resources_and_closes_with_the_first_success(
    config: Config, db: Db, receiver: Receiver
) -> None:
    receiver.answer = lambda request: Answer(503)
    with delivering(db, config):
        subscribe(db, config, receiver.url())
        publish_events(db, *(event(order) for order in range(40)))
        wait_until(lambda: "paused_until" in subscription(db))
        sent = len(receiver.requests)
        assert sent == 5, "one at a time until one has succeeded"
        redelivery.due_now(db, "sub_a")  # ends the pause
        wait_until(lambda: len(receiver.requests) == sent + 1)
        wait_until(lambda: subscription(db)["paused_until"] > now() + timedelta(seconds=3))
        receiver.answer = lambda request: Answer()
        redelivery.due_now(db, "sub_a")
        wait_until(lambda: all_succeeded(db, 40))
        wait_until(lambda: "paused_until" not in subscription(db))
    assert db.webhook_deliveries.count_documents({"attempts": {"$gt": 1}}) >= 5


def test_the_rate_limit_holds(config: Config, db: Db, receiver: Receiver) -> None:
    with delivering(db, config):
        subscribe(db, config, receiver.url(), rate_limit=5)
        began = now()
        publish_events(db, *(event(order) for order in range(11)))
        wait_until(lambda: all_succeeded(db, 11))
    assert now() - began >= timedelta(seconds=2)


def test_a_hanging_receiver_delays_nobody(
    config: Config, db: Db, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_api.outbox.delivering.deliverer.STOP_SECONDS", 0.1)
    receiver.answer = lambda request: Answer(hang=request.path == "/hangs")
    with delivering(db, config):
        for number in range(9):
            subscribe(db, config, receiver.url("hangs"), f"sub_h{number}")
        subscribe(db, config, receiver.url("fine"), "sub_fine")
        publish_events(db, *(event(order) for order in range(100)))
        wait_until(lambda: all_succeeded(db, 100), 10)
    assert len(receiver.ids("hangs")) == 9, "one each"


def test_a_process_that_dies_is_followed_by_another_when_its_lease_ends(
    config: Config, db: Db, receiver: Receiver
) -> None:
    subscribe(db, config, receiver.url())
    leases.take(db, "a process that was killed", ["sub_a"])
    with delivering(db, config):
        publish_events(db, event(1))
        held = subscription(db)["lease"]
        assert held["token"] == 1
        wait_until(lambda: db.webhook_subscriptions.count_documents({"lease.until": {"$gt": now()}}) == 1)
        assert receiver.ids() == []
        db.webhook_subscriptions.update_one({}, {"$set": {"lease.until": now()}})
        wait_until(lambda: all_succeeded(db, 1))
        assert subscription(db)["lease"]["token"] == 2
        assert subscription(db)["lease"]["holder"] != held["holder"]


def test_two_processes_deliver_each_event_once(config: Config, db: Db, receiver: Receiver) -> None:
    with delivering(db, config), delivering(db, config):
        for number in range(20):
            subscribe(db, config, receiver.url(), f"sub_{number}")
        publish_events(db, *(event(order, position) for order in range(5) for position in (1, 2)))
        wait_until(lambda: all_succeeded(db, 200))
    assert len(receiver.requests) == 200


def test_at_most_32_are_on_their_way(config: Config, db: Db, receiver: Receiver) -> None:
    """So a kill repeats so many at most, in a process that serves many."""
    with delivering(db, config):
        for number in range(50):
            subscribe(db, config, receiver.url(), f"sub_{number}")
        publish_events(db, *(event(order) for order in range(20)))
        wait_until(lambda: all_succeeded(db, 1000), 30)
    assert receiver.most_open <= 32
    assert len(receiver.requests) == 1000


def test_a_process_that_stops_waits_for_what_is_on_its_way_and_repeats_nothing(
    config: Config, db: Db, receiver: Receiver
) -> None:
    stopping, seen = threading.Event(), threading.Event()

    def answered(request: Request) -> Answer:
        seen.set()
        assert stopping.wait(10)
        return Answer()

    receiver.answer = answered
    with delivering(db, config) as deliverer:
        subscribe(db, config, receiver.url())
        publish_events(db, event(1), event(2))
        assert seen.wait(10)
        deliverer.stop()
        stopping.set()
        deliverer.join(10)
    assert sorted(states(db).values()) == ["succeeded", "waiting"]
    assert len(receiver.requests) == 1


def test_a_fault_of_our_own_network_is_not_counted(
    config: Config, db: Db, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pos_api.outbound.errors import RequestError

    sent: list[str] = []

    async def no_network(*_: Any) -> Any:
        sent.append("")
        raise RequestError("network", "There is no route.", is_local=True)

    with monkeypatch.context() as broken:
        broken.setattr("pos_api.outbound.async_client.GuardedClient.post", no_network)
        with delivering(db, config):
            subscribe(db, config, receiver.url())
            publish_events(db, event(1))
            wait_until(lambda: len(sent) >= 2)
    assert delivery(db, 1)["attempts"] == 0
    assert "failing_since" not in subscription(db)
    assert subscription(db)["last_failure"] == "There is no route.", "it is shown all the same"
    with delivering(db, config):
        wait_until(lambda: all_succeeded(db, 1))


def test_replay_covers_what_was_kept_from_before(config: Config, db: Db, receiver: Receiver) -> None:
    subscribe(db, config, receiver.url("other"), "sub_other")
    publish_events(db, event(1), event(2))
    subscribe(db, config, receiver.url("new"), "sub_new")
    publish_events(db, event(3))
    with delivering(db, config):
        wait_until(lambda: all_succeeded(db, 4))
        assert redelivery.replay(db, "sub_new", None, missing=True).resent == 2
        wait_until(lambda: all_succeeded(db, 6))
        assert sorted(receiver.ids("new")) == [f"order:default:{order}:1" for order in (1, 2, 3)]
        assert redelivery.replay(db, "sub_new", None, missing=True).resent == 0
        assert redelivery.replay(db, "sub_new", None, missing=False).resent == 3
        wait_until(lambda: len(receiver.ids("new")) == 6)
        redelivery.resend(db, "sub_other:order:default:1:1")
        wait_until(lambda: len(receiver.ids("other")) == 4)
        wait_until(lambda: all_succeeded(db, 6))
    assert interest_of(db)


def test_what_is_left_of_a_deleted_subscription_is_not_sent(config: Config, db: Db, receiver: Receiver) -> None:
    subscribe(db, config, receiver.url("gone"), "sub_gone")
    subscribe(db, config, receiver.url("other"), "sub_other")
    publish_events(db, event(1), event(2))
    subscriptions.delete(db, "sub_gone")
    assert db.webhook_deliveries.count_documents({"subscription": "sub_gone", "state": "waiting"}) == 2
    with delivering(db, config):
        wait_until(lambda: len(receiver.ids("other")) == 2)
    assert receiver.ids("gone") == []


def test_a_lease_that_was_taken_anew_is_not_given_back(config: Config, db: Db) -> None:
    subscribe(db, config, "https://erp.example")
    [first] = leases.take(db, "process", ["sub_a"])
    [second] = leases.take(db, "process", ["sub_a"])
    leases.give_back(db, "process", {"sub_a": first.token})
    assert leases.take(db, "another", ["sub_a"]) == []
    leases.give_back(db, "process", {"sub_a": second.token})
    assert [each.token for each in leases.take(db, "another", ["sub_a"])] == [second.token + 1]


def test_a_large_backlog_of_a_dead_subscriber_costs_no_more_than_a_small_one(config: Config, db: Db) -> None:
    """Neither to look what is due, nor to hold back what waits for one that failed."""
    subscribe(db, config, "http://127.0.0.1:1/")
    moment = now()
    plain: dict[str, Any] = {"subscription": "sub_a", "state": "waiting", "created_at": moment, "log": []}
    for start in range(0, 30_000, 10_000):
        db.webhook_deliveries.insert_many(
            {
                **plain,
                "_id": f"sub_a:e:{number}",
                "event": f"e:{number}",
                "resource": f"order:{number % 7}",
                "lane": f"sub_a:order:{number % 7}",
                "position": number,
                "due_at": moment + timedelta(days=number < 7),
                "attempts": number < 7,
            }
            for number in range(start, start + 10_000)
        )
    with MongoClient[dict[str, Any]](config.mongodb_uri, tz_aware=True) as client:
        listened = client.get_default_database()
        listened.command("profile", 2)
        found, more = loading.load(listened, ["sub_a"], [], 300)
        loading.with_due(listened, ["sub_a"])
        listened.command("profile", 0)
        profile = list(listened["system.profile"].find({"ns": {"$regex": "webhook_deliveries"}}))
    assert (found, more) == ({}, True), "the first of each lane waits for its next attempt"
    assert db.webhook_deliveries.count_documents({"held": True}) == 300, "no later look finds them"
    assert sum(each.get("keysExamined", 0) for each in profile) < 2_000, "of 30,000"
    assert sum(each.get("docsExamined", 0) for each in profile) < 2_000
