"""The inbox over HTTP: what could not be used is listed with its reason, shown, and tried again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.staff import token_claims
from tests.paging import read_all
from tests.waiting import wait_until

pytestmark = pytest.mark.plain_db

SECRET = "test-jwt-secret-of-more-than-32-bytes"
KEY = {"X-API-Key": "test-api-key-of-more-than-32-characters"}


def as_(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_claims.token(SECRET, 'anna', role)[0]}"}


MANAGER = as_("manager")


def park(client: FlaskClient, order_id: int = 0) -> str:
    """Send an order that can't be used, and return the key it is kept under."""
    body = {"event": "order.updated", "data": {"id": order_id, "total": "many", "billing": {"email": "a@b.example"}}}
    reply = client.post("/api/webhooks/orders", json=body, headers=KEY)
    assert reply.status_code == 422, reply.json
    assert reply.json is not None
    return str(reply.json["error"]["details"]["event_key"])


def listed(client: FlaskClient, query: str = "") -> Any:
    reply = client.get(f"/api/inbox{query}", headers=MANAGER)
    assert reply.status_code == 200, reply.json
    return reply.json


def test_a_parked_event_is_listed_with_its_reason_and_without_its_body(client: FlaskClient) -> None:
    key = park(client, 7)
    (event,) = listed(client)["data"]
    assert (event["key"], event["state"], event["topic"], event["store"]) == (key, "parked", "order.updated", "default")
    assert event["reason"] == "The order is not valid."
    assert "data.total" in event["details"]
    assert "a@b.example" not in json.dumps(event)


def test_one_event_is_shown_with_the_body_as_it_was_sent(client: FlaskClient) -> None:
    key = park(client, 7)
    event = client.get(f"/api/inbox/{key}", headers=MANAGER).json["data"]  # type: ignore[index]
    assert json.loads(event["body"])["data"]["billing"]["email"] == "a@b.example"
    assert event["headers"]["content-type"] == "application/json"
    assert "test-api-key-of-more-than-32-characters" not in json.dumps(event)


def test_pages_show_every_event_once_newest_first(client: FlaskClient) -> None:
    sent = [park(client, number) for number in range(1, 6)]
    pages = read_all(lambda cursor: listed(client, "?limit=2" + (f"&cursor={cursor}" if cursor else "")))
    assert [event["key"] for event in pages] == sent[::-1]


def test_filters_by_state_store_and_topic(client: FlaskClient, db: Db) -> None:
    parked, failed, waiting = (park(client, number) for number in (1, 2, 3))
    db.inbox.update_one({"_id": failed}, {"$set": {"state": "failed", "store": "second", "topic": "order.created"}})
    later = now().replace(year=2100)
    db.inbox.update_one(
        {"_id": waiting}, {"$set": {"state": "waiting", "due_at": later}, "$unset": {"attention_at": ""}}
    )

    def keys(query: str) -> set[str]:
        return {event["key"] for event in listed(client, query)["data"]}

    assert keys("") == {parked, failed}
    assert keys("?state=parked") == {parked}
    assert keys("?state=failed") == {failed}
    assert keys("?state=waiting") == {waiting}
    assert keys("?store=second") == {failed}
    assert keys("?topic=order.updated") == {parked}


def test_what_is_done_or_was_stale_is_listed_on_request_and_by_when_it_came(client: FlaskClient, db: Db) -> None:
    done, stale = park(client, 1), park(client, 2)
    ended = {"$set": {"state": "done", "outcome": "created", "done_at": now()}, "$unset": {"attention_at": ""}}
    db.inbox.update_many({}, ended)
    db.inbox.update_one({"_id": stale}, {"$set": {"outcome": "stale", "received_at": now().replace(year=2020)}})

    def keys(query: str) -> list[str]:
        return [event["key"] for event in listed(client, query)["data"]]

    assert keys("?state=done") == [done, stale]
    assert keys("?outcome=stale") == [stale]
    assert keys("?state=done&since=2021-01-01") == [done]
    assert keys("?state=done&until=2021-01-01") == [stale]
    assert keys("?outcome=stale&since=2021-01-01") == []
    pages = read_all(lambda cursor: listed(client, "?state=done&limit=1" + (f"&cursor={cursor}" if cursor else "")))
    assert [event["key"] for event in pages] == [done, stale]


def ignore(client: FlaskClient, number: int, topic: str = "order.printed") -> str:
    """Send an event with nothing to keep, and return the key it is kept under."""
    reply = client.post("/api/webhooks/orders", json={"event": topic, "data": {"id": number}}, headers=KEY)
    assert reply.json is not None
    assert reply.json["data"]["outcome"] == "ignored"
    return str(reply.json["data"]["event_key"])


def test_what_was_ignored_is_listed_on_request_and_by_kind_store_and_topic(client: FlaskClient, db: Db) -> None:
    parked, printed, packed = park(client, 1), ignore(client, 2), ignore(client, 3, "order.packed")
    client.post("/api/webhooks/orders", json={"event": "order.created", "data": {"id": 4}}, headers=KEY)
    db.inbox.update_one({"_id": packed}, {"$set": {"kind": "till", "store": "till-1"}})

    def keys(query: str) -> list[str]:
        return [event["key"] for event in listed(client, query)["data"]]

    assert keys("?outcome=ignored") == [packed, printed]
    assert keys("") == [parked]
    for query in ("kind=till", "store=till-1", "topic=order.packed"):
        assert keys(f"?outcome=ignored&{query}") == [packed]
    assert keys("?kind=till") == []
    assert keys("?kind=woocommerce") == [parked]
    [first] = listed(client, "?outcome=ignored&limit=1")["data"]
    assert (first["kind"], first["outcome"], first["state"]) == ("till", "ignored", "done")
    pages = read_all(
        lambda cursor: listed(client, "?outcome=ignored&limit=1" + (f"&cursor={cursor}" if cursor else ""))
    )
    assert [event["key"] for event in pages] == [packed, printed]
    assert client.get("/api/inbox?outcome=ignored&state=parked", headers=MANAGER).status_code == 422


def test_what_was_ignored_is_replayed_and_is_no_longer_listed_once_it_is_used(client: FlaskClient, db: Db) -> None:
    key, other = ignore(client, 2), ignore(client, 3, "order.packed")
    body = json.dumps({"event": "order.created", "data": {"id": 2}}).encode()
    db.inbox.update_one({"_id": key}, {"$set": {"body": body}})  # as if this version knew its topic
    given = {"outcome": "ignored", "topic": "order.printed"}
    reply = client.post("/api/inbox/replay", json=given, headers=MANAGER)
    assert reply.get_json()["data"] == {"replayed": 1}
    wait_until(lambda: db.orders.find_one({"_id": "default:2"}), 10)
    assert [event["key"] for event in listed(client, "?outcome=ignored")["data"]] == [other]


def test_a_replayed_event_is_tried_again(client: FlaskClient, db: Db) -> None:
    sent = client.post("/api/webhooks/orders", json={"event": "order.created", "data": {"id": 7}}, headers=KEY)
    assert sent.json is not None
    key = sent.json["data"]["event_key"]
    db.inbox.update_one({"_id": key}, {"$set": {"state": "failed", "attention_at": now()}, "$unset": {"done_at": ""}})
    db.orders.delete_one({"_id": "default:7"})
    assert [event["key"] for event in listed(client)["data"]] == [key]
    reply = client.post(f"/api/inbox/{key}/replay", headers=MANAGER)
    assert reply.status_code == 202
    assert reply.json == {"success": True, "data": {"replayed": 1}}
    wait_until(lambda: db.orders.find_one({"_id": "default:7"}), 10)
    wait_until(lambda: client.get(f"/api/inbox/{key}", headers=MANAGER).json["data"]["state"] == "done", 10)  # type: ignore[index]
    assert listed(client)["data"] == []


def test_all_that_match_are_replayed_and_what_is_still_wrong_is_parked_again(client: FlaskClient, db: Db) -> None:
    keys = [park(client, number) for number in (1, 2, 3)]
    db.inbox.update_one({"_id": keys[0]}, {"$set": {"topic": "order.created"}})
    reply = client.post("/api/inbox/replay", json={"topic": "order.updated", "state": "parked"}, headers=MANAGER)
    assert (reply.status_code, reply.json["data"]) == (202, {"replayed": 2})  # type: ignore[index]
    wait_until(lambda: len(listed(client)["data"]) == 3, 10)
    assert client.post("/api/inbox/replay", json={}, headers=MANAGER).json["data"] == {"replayed": 3}  # type: ignore[index]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/inbox"), ("GET", "/api/inbox/x"), ("POST", "/api/inbox/x/replay"), ("POST", "/api/inbox/replay")],
)
def test_the_inbox_is_a_managers(client: FlaskClient, method: str, path: str) -> None:
    assert client.open(path, method=method).status_code == 401
    assert client.open(path, method=method, headers=as_("viewer")).status_code == 403


BAD = [
    ("/api/inbox/unknown", 404),
    ("/api/inbox/%00", 404),
    ("/api/inbox/%ff", 404),
    ("/api/inbox?state=held", 422),
    ("/api/inbox?state[$ne]=x", 422),
    ("/api/inbox?store=%00", 422),
    ("/api/inbox?limit=201", 422),
    ("/api/inbox?cursor=x", 400),
    ("/api/inbox?cursor=WzEsMl0", 400),
]


def test_bad_requests_have_a_defined_answer(client: FlaskClient) -> None:
    for path, status in BAD:
        reply = client.get(path, headers=MANAGER)
        assert reply.status_code == status, path
        assert reply.json is not None, path
        assert reply.json["success"] is False, path


@pytest.mark.mongod
def test_every_list_finds_its_events_by_an_index(client: FlaskClient, db: Db) -> None:
    park(client, 1)
    for query in ({"attention_at": {"$exists": True}}, {"due_at": {"$exists": True}}):
        plan = db.inbox.find(query).sort([("attention_at", -1), ("_id", -1)]).explain()["queryPlanner"]
        assert "COLLSCAN" not in json.dumps(plan["winningPlan"])
    failed = {"attention_at": {"$exists": True}, "state": "failed"}
    plan = db.inbox.find(failed).sort([("attention_at", -1), ("_id", -1)]).explain()["queryPlanner"]["winningPlan"]
    assert "state_1_attention_at_-1__id_-1" in json.dumps(plan)
    assert '"SORT"' not in json.dumps(plan)
