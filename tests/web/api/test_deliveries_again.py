"""A subscriber is sent events, a test, and what it missed, as asked for over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from standardwebhooks import Webhook

from pos_api.common.time import now, rfc3339
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox import redelivery
from pos_api.outbox.model import delivery_id
from pos_api.outbox.publish import publish
from tests.outbox.delivering.outbox import allowing, delivering
from tests.outbox.delivering.receivers import Answer, Receiver, Request, receiving
from tests.waiting import wait_until
from tests.web.api.test_subscriptions import URL, Caller, bearer, order_event

NONE = {"resent": 0, "more": False, "since": None}
"""What a replay answers that has found nothing."""


@pytest.fixture
def config(config: Config) -> Config:
    """Settings that allow receivers on this machine."""
    return allowing(config)


@pytest.fixture
def receiver(db: Db, config: Config) -> Iterator[Receiver]:
    """A receiver, and a process that delivers."""
    with receiving() as receiver, delivering(db, config):
        yield receiver


@pytest.fixture
def manager(client: FlaskClient, config: Config) -> Caller:
    return Caller(client, bearer(config, "manager"))


def data(reply: Any) -> Any:
    assert reply.status_code < 300, reply.text
    return reply.json["data"]


def test_receivers_that_hang_keep_few_threads_by_their_tests(
    manager: Caller, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or shops and tills would have to wait for them."""
    monkeypatch.setattr("pos_api.outbox.ping._places", threading.BoundedSemaphore(1))
    path = f"/{manager.subscribe(url=receiver.url('a'))['id']}/test"
    meanwhile: list[Any] = []

    def answer(_: Request) -> Answer:
        meanwhile.append(manager.call("POST", path))
        return Answer()

    receiver.answer = answer
    for _ in range(2):
        assert data(manager.call("POST", path))["status"] == 200
    assert [(each.status_code, "Retry-After" in each.headers) for each in meanwhile] == [(503, True)] * 2


def test_a_test_is_sent_at_once_and_answers_with_what_came_back(manager: Caller, receiver: Receiver, db: Db) -> None:
    made = manager.subscribe(url=receiver.url("a"), headers={"X-Key": "hidden-value"}, active=False)
    attempt = data(manager.call("POST", f"/{made['id']}/test"))
    assert (attempt["status"], attempt["error"]) == (200, None)
    [request] = receiver.requests
    assert request.headers["X-Key"] == "hidden-value"
    assert attempt["request"]["headers"]["X-Key"] == "***"
    sent = Webhook(made["secret"]).verify(request.body, dict(request.headers))
    assert sent["type"] == "ping"
    receiver.answer = lambda _: Answer(404, body=b"no such page")
    attempt = data(manager.call("POST", f"/{made['id']}/test"))
    assert (attempt["status"], attempt["answer"]) == (404, "no such page")
    assert data(manager.call("GET", f"/{made['id']}"))["health"]["last_failure"] is None
    assert db.webhook_deliveries.count_documents({}) == 0


def test_a_test_of_what_is_not_there_says_why(manager: Caller) -> None:
    made = manager.subscribe(url="http://127.0.0.1:1025/")
    attempt = data(manager.call("POST", f"/{made['id']}/test"))
    assert attempt["status"] is None
    assert "127.0.0.1" in attempt["error"]
    assert attempt["cause"] == "refused"


def test_events_of_a_subscription_made_over_http_arrive(manager: Caller, receiver: Receiver, db: Db) -> None:
    made = manager.subscribe(url=receiver.url("a"))
    publish(db, [order_event(1), order_event(2)])
    path = f"/{made['id']}/deliveries"
    wait_until(lambda: len(data(manager.call("GET", f"{path}?state=succeeded"))) == 2, 20)
    assert receiver.ids("a") == ["order:default:1:1", "order:default:1:2"]
    delivery = delivery_id(made["id"], "order:default:1:1")
    [attempt] = data(manager.call("GET", f"{path}/{delivery}"))["attempts"]
    assert attempt["request"]["body"].encode() == receiver.requests[0].body
    wait_until(lambda: data(manager.call("GET", f"/{made['id']}"))["health"]["last_success_at"])


def test_one_is_sent_again_and_what_was_missed_too(manager: Caller, receiver: Receiver, db: Db) -> None:
    made = manager.subscribe(url=receiver.url("a"))
    path = f"/{made['id']}"
    publish(db, [order_event(1)])
    wait_until(lambda: receiver.ids("a") == ["order:default:1:1"], 20)
    delivery = delivery_id(made["id"], "order:default:1:1")
    wait_until(lambda: data(manager.call("GET", f"{path}/deliveries/{delivery}"))["state"] == "succeeded", 20)
    assert manager.call("POST", f"{path}/deliveries/{delivery}/resend").status_code == 202
    wait_until(lambda: receiver.ids("a") == ["order:default:1:1"] * 2, 20)
    wait_until(lambda: data(manager.call("GET", f"{path}/deliveries/{delivery}"))["state"] == "succeeded", 20)
    assert data(manager.call("POST", f"{path}/replay", {"since": "2026-01-01"})) == NONE
    every = {"since": "2026-01-01", "missing": False}
    assert data(manager.call("POST", f"{path}/replay", every)) == {**NONE, "resent": 1}
    wait_until(lambda: receiver.ids("a") == ["order:default:1:1"] * 3, 20)
    assert manager.call("POST", f"{path}/deliveries/none/resend").status_code == 404
    turned = {"since": "2026-01-02", "until": "2026-01-01"}
    for wrong in ({}, {"since": "yesterday"}, {"since": "2026-01-01", "missing": "no"}, turned):
        assert manager.call("POST", f"{path}/replay", wrong).status_code == 422
    assert manager.call("POST", "/sub_none/replay", {"since": "2026-01-01"}).status_code == 404


def test_a_replay_that_is_too_long_for_a_request_says_where_to_go_on(
    manager: Caller, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "MOST_AT_ONCE", 4)
    monkeypatch.setattr(redelivery, "_BATCH", 2)
    made = manager.subscribe(active=False, events=["order.*"])
    path = f"/{made['id']}/replay"
    for second in range(3):  # those of one publishing have one time
        publish(db, [order_event(1, order=3 * second + number) for number in range(3)])
        at = {"$set": {"written_at": datetime(2026, 11, 1, 12, 0, second, 500_000, UTC)}}
        db.outbox.update_many({"written_at": {"$gt": datetime(2026, 11, 2, tzinfo=UTC)}}, at)
    db.webhook_deliveries.delete_many({})
    given = {"since": "2026-11-01", "until": "2026-11-02", "missing": False}
    first = data(manager.call("POST", path, given))
    assert first == {"resent": 6, "more": True, "since": "2026-11-01T12:00:02.500Z"}
    assert db.webhook_deliveries.count_documents({}) == 6
    assert data(manager.call("POST", path, {**given, "since": first["since"]})) == {**NONE, "resent": 3}
    assert db.webhook_deliveries.count_documents({}) == 9
    [whole, rest] = [each["details"] for each in db.audit.find({"action": "webhook.replayed"}).sort("time", 1)]
    assert (whole["resent"], rfc3339(whole["left_from"])) == (6, first["since"])
    assert (rest["resent"], rest["left_from"]) == (3, None)


def test_a_replay_is_bounded_by_what_it_looks_at(manager: Caller, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "MOST_AT_ONCE", 2)
    manager.subscribe(active=False)
    wanting = manager.subscribe(active=False, events=["stock.*"])
    for number in range(4):
        publish(db, [order_event(number)])
        at = {"$set": {"written_at": datetime(2026, 11, 1, 12, 0, number, tzinfo=UTC)}}
        db.outbox.update_one({"_id": f"order:default:1:{number}"}, at)
    answer = data(manager.call("POST", f"/{wanting['id']}/replay", {"since": "2026-11-01"}))
    assert answer == {"resent": 0, "more": True, "since": "2026-11-01T12:00:02Z"}


@pytest.mark.parametrize("way", ["resume", "active"])
def test_what_waited_while_it_was_off_arrives_when_it_is_on_again(
    manager: Caller, receiver: Receiver, db: Db, way: str
) -> None:
    made = manager.subscribe(url=receiver.url("a"), active=False)
    publish(db, [order_event(1)])
    path = f"/{made['id']}"
    assert data(manager.call("GET", path))["health"]["backlog"] == 1
    after_retries = {"attempts": 5, "due_at": now() + timedelta(hours=5)}
    db.webhook_deliveries.update_one({"subscription": made["id"]}, {"$set": after_retries})
    manager.call("POST", f"{path}/resume") if way == "resume" else manager.call("PATCH", path, {"active": True})
    wait_until(lambda: receiver.ids("a") == ["order:default:1:1"], 20)


def test_a_secret_that_can_not_be_read_any_more_is_replaced(
    manager: Caller, receiver: Receiver, client: FlaskClient, db: Db
) -> None:
    made = manager.subscribe(url=receiver.url("a"))
    db.webhook_subscriptions.update_one({"_id": made["id"]}, {"$set": {"secret": b"sealed with another key"}})
    assert manager.call("POST", f"/{made['id']}/test").status_code == 409
    assert manager.call("PATCH", f"/{made['id']}", {"signature": "karma"}).status_code == 409
    assert manager.call("POST", f"/{made['id']}/rotate-secret").status_code == 200
    assert data(manager.call("POST", f"/{made['id']}/test"))["status"] == 200
    assert client.get(f"{URL}/{made['id']}").status_code == 401
