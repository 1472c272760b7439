"""Events and their deliveries as people look them up, and the types of events that there are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pymongo import MongoClient

from pos_api.common.time import now, rfc3339
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox import queries
from pos_api.outbox.delivering.loading import hold
from pos_api.outbox.event_types import EVENT_TYPES
from pos_api.outbox.interest import interest_of
from pos_api.outbox.model import Attempt, OutboxEvent, delivery_id
from pos_api.outbox.publish import publish
from pos_api.outbox.queries import DeliveryFilter, EventFilter
from pos_api.stores import key_management
from tests.paging import read_all
from tests.web.api.test_subscriptions import TARGET, URL, Caller, bearer

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
EVENTS = "/api/v1/events"


def event(number: int, resource: str = "order:default:1", type: str = "order.updated", **more: Any) -> OutboxEvent:
    data = json.dumps({"id": "1", "note": "å", "number": number}, ensure_ascii=False).encode()
    given = {"store": "default", "data": data, "reference": b'{"id":"1"}', **more}
    return OutboxEvent(f"{resource}:{number}", type, AT, resource=resource, position=number, **given)


@pytest.fixture
def manager(client: FlaskClient, config: Config) -> Caller:
    return Caller(client, bearer(config, "manager"))


@pytest.fixture
def subscribed(manager: Caller, db: Db) -> str:
    """A subscription to everything, and some events."""
    made: str = manager.subscribe(events=["*"], active=False, headers={"X-Key": "hidden-value"})["id"]
    interest_of(db).refresh()
    for number in range(1, 6):
        publish(db, [event(number)])
    publish(db, [event(1, "stock:A/B .1", "stock.low", store=None), event(2, "order:till-1:9", store="till-1")])
    return made


@pytest.fixture
def get(client: FlaskClient, config: Config) -> Any:
    def get(path: str, expected: int = 200, **query: Any) -> Any:
        reply = client.get(path, headers=bearer(config, "manager"), query_string=query)
        assert reply.status_code == expected, reply.text
        return reply.json

    return get


# --- events ----------------------------------------------------------------------------------------------------------


def ids(listed: Any) -> list[str]:
    return [each["id"] for each in listed["data"]]


@pytest.mark.usefixtures("subscribed")
def test_events_are_listed_newest_first_by_page_and_filter(get: Any) -> None:
    everything = read_all(lambda cursor: get(EVENTS, limit=2, **({"cursor": cursor} if cursor else {})))
    assert len(everything) == 7
    written = [datetime.fromisoformat(each["written_at"]) for each in everything]
    assert written == sorted(written, reverse=True)
    assert ids(get(EVENTS, type="stock.low")) == ["stock:A%2FB%20%2E1:1"]
    assert len(ids(get(EVENTS, type="order.*"))) == 6
    assert len(ids(get(EVENTS, type="*"))) == 7
    assert ids(get(EVENTS, resource="order:till-1:9")) == ids(get(EVENTS, store="till-1")) == ["order:till-1:9:2"]
    assert ids(get(EVENTS, until="2026-01-01")) == ids(get(EVENTS, since="2099-01-01")) == []
    assert len(ids(get(EVENTS, since=rfc3339(now() - timedelta(hours=1)), type="order.updated", store="default"))) == 5
    get(EVENTS, 422, type="order.shipped")
    get(EVENTS, 422, since="yesterday")
    get(EVENTS, 400, cursor="x")


@pytest.mark.usefixtures("subscribed")
def test_an_event_is_found_by_its_id_as_it_is_stored_and_as_it_is_sent(get: Any) -> None:
    shown = get(f"{EVENTS}/order:default:1:3")["data"]
    assert shown == {
        "id": "order:default:1:3",
        "type": "order.updated",
        "timestamp": "2026-11-28T12:00:00Z",
        "store": "default",
        "resource": "order:default:1",
        "written_at": shown["written_at"],
        "erased_at": None,
        "data": {"id": "1", "note": "å", "number": 3},
    }
    sent = get(EVENTS, type="stock.low")["data"][0]["id"]
    assert get(f"{EVENTS}/{sent}")["data"]["resource"] == "stock:A/B .1"
    assert get(f"{EVENTS}/{sent.replace('%', '%25')}")["data"]["id"] == sent
    get(f"{EVENTS}/order:default:1:99", 404)


def test_lists_are_read_by_an_index_in_their_order(manager: Caller, db: Db, config: Config) -> None:
    """No document is looked at that does not match, and none is sorted, wherever a page begins."""
    subscription = manager.subscribe(events=["*"], active=False)["id"]
    interest_of(db).refresh()
    kinds = ("order:default", "order.updated"), ("order:till-1", "order.created"), ("stock:A", "stock.low")
    publish(db, [event(number, f"{name}:{number % 9}", type) for number in range(100) for name, type in kinds])
    db.webhook_deliveries.update_many({"type": "order.created"}, {"$set": {"state": "failed"}})
    of_events = [
        *(EventFilter(), EventFilter(type="order.updated"), EventFilter(type="order.*")),
        *(EventFilter(resource="order:default:1"), EventFilter(store="default"), EventFilter(since=AT)),
    ]
    of_deliveries = [
        *(DeliveryFilter(), DeliveryFilter(state="failed"), DeliveryFilter(type="order.updated")),
        *(DeliveryFilter(type="order.*"), DeliveryFilter(since=AT)),
    ]
    with MongoClient[Any](config.mongodb_uri) as client:
        watched = client.get_default_database()
        watched.command("profile", 2)
        for after in (None, (now() + timedelta(seconds=1), "x")):
            for wanted in of_events:
                queries.find_events(db, wanted, 21, after)
            for asked in of_deliveries:
                queries.find_deliveries(db, subscription, asked, 21, after)
        watched.command("profile", 0)
        names = {"$in": ["outbox", "webhook_deliveries"]}
        found = list(
            watched["system.profile"].find({"op": "query", "command.find": names, "command.sort": {"$ne": None}})
        )
    assert len(found) == 2 * (len(of_events) + len(of_deliveries))
    for each in found:
        how = f"{each['command']['filter']}: {each['planSummary']}, {each['docsExamined']} for {each['nreturned']}"
        assert "IXSCAN" in each["planSummary"], how
        assert not each.get("hasSortStage"), how
        assert each["docsExamined"] <= each["nreturned"] + 5, how


# --- deliveries -------------------------------------------------------------------------------------------------------


def test_deliveries_are_listed_newest_first_by_page_and_filter(subscribed: str, get: Any, db: Db) -> None:
    path = f"{URL}/{subscribed}/deliveries"
    done = delivery_id(subscribed, "order:default:1:1")
    db.webhook_deliveries.update_one({"_id": done}, {"$set": {"state": "succeeded"}, "$unset": {"due_at": ""}})
    everything = read_all(lambda cursor: get(path, limit=2, **({"cursor": cursor} if cursor else {})))
    assert len(everything) == 7
    assert ids(get(path, state="succeeded")) == [done]
    assert len(ids(get(path, state="waiting"))) == 6
    assert len(ids(get(path, state="waiting", type="stock.*"))) == 1
    assert ids(get(path, event="order:default:1:2")) == [delivery_id(subscribed, "order:default:1:2")]
    assert len(ids(get(path, event="stock:A%2FB%20%2E1:1"))) == 1
    assert ids(get(path, until="2026-01-01")) == []
    get(path, 422, state="gone")
    get(f"{URL}/sub_none/deliveries", 404)


def test_a_delivery_that_waits_for_an_earlier_one_shows_no_time(subscribed: str, get: Any, db: Db) -> None:
    """When it is tried depends on the earlier one."""
    first, behind = (delivery_id(subscribed, f"order:default:1:{number}") for number in (1, 2))
    due = now() + timedelta(minutes=5)
    db.webhook_deliveries.update_one({"_id": first}, {"$set": {"due_at": due}})
    db.webhook_deliveries.bulk_write(hold(first, [behind], due))
    shown = {each["id"]: each["due_at"] for each in get(f"{URL}/{subscribed}/deliveries")["data"]}
    assert shown[behind] is None
    assert shown[first] == rfc3339(due)


def _attempt(**more: Any) -> Attempt:
    made: Any = {
        "at": AT,
        "url": TARGET,
        "headers": {"webhook-id": "order:default:1:3", "webhook-signature": "v1,abc", "X-Key": "hidden-value"},
        "signature": "standard",
        "payload": "full",
        "seconds": 0.25,
        **more,
    }
    return made  # type: ignore[no-any-return]


def test_a_delivery_shows_what_was_sent_and_what_came_back(subscribed: str, get: Any, db: Db) -> None:
    identifier = delivery_id(subscribed, "order:default:1:3")
    log = [
        _attempt(error="erp.example did not answer in time.", cause="timeout"),
        _attempt(status=500, answer=b"\xff no", signature="karma", payload="thin"),
    ]
    db.webhook_deliveries.update_one({"_id": identifier}, {"$set": {"log": log, "attempts": 2}})
    shown = get(f"{URL}/{subscribed}/deliveries/{identifier}")["data"]
    assert (shown["attempt_count"], shown["last_status"], shown["last_error"]) == (2, 500, None)
    first, second = shown["attempts"]
    assert (first["error"], first["cause"], first["status"], first["answer"]) == (
        "erp.example did not answer in time.",
        "timeout",
        None,
        None,
    )
    assert first["request"]["url"] == TARGET
    assert first["request"]["headers"] == {
        "webhook-id": "order:default:1:3",
        "webhook-signature": "v1,abc",
        "X-Key": "***",
    }
    assert json.loads(first["request"]["body"]) == {
        "id": "order:default:1:3",
        "type": "order.updated",
        "timestamp": "2026-11-28T12:00:00.000Z",
        "store": "default",
        "data": {"id": "1", "note": "å", "number": 3},
    }
    assert (second["status"], second["answer"], second["error"]) == (500, "� no", None)
    assert json.loads(second["request"]["body"])["data"] == {"id": "1"}  # in the form and as thin as it was sent
    assert json.loads(second["request"]["body"])["event"] == "order.updated"
    db.outbox.delete_one({"_id": "order:default:1:3"})
    shown = get(f"{URL}/{subscribed}/deliveries/{identifier}")["data"]
    assert shown["attempts"][0]["request"]["body"] is None


def test_a_delivery_is_shown_by_its_own_subscription_alone(subscribed: str, manager: Caller, get: Any) -> None:
    other = manager.subscribe()["id"]
    identifier = delivery_id(subscribed, "order:default:1:3")
    get(f"{URL}/{other}/deliveries/{identifier}", 404)
    get(f"{URL}/{subscribed}/deliveries/none", 404)


# --- types ------------------------------------------------------------------------------------------------------------


def test_every_type_has_a_schema_and_an_example_of_it(get: Any) -> None:
    listed = get("/api/v1/event-types")["data"]
    assert [each["type"] for each in listed] == list(EVENT_TYPES)
    for each in listed:
        Draft202012Validator.check_schema(each["schema"])
        assert list(Draft202012Validator(each["schema"]).iter_errors(each["example"])) == [], each["type"]
        assert each["example"]["type"] == each["type"]
        assert not Draft202012Validator(each["schema"]).is_valid({**each["example"], "data": {}}), each["type"]


def test_every_type_is_a_webhook_of_the_api_document(client: FlaskClient) -> None:
    document: Any = client.get("/api-docs/openapi.json").json
    assert list(document["webhooks"]) == list(EVENT_TYPES)
    for type, described in document["webhooks"].items():
        content = described["post"]["requestBody"]["content"]["application/json"]
        assert content["schema"]["properties"]["type"] == {"const": type}
        name = content["schema"]["properties"]["data"]["$ref"].rpartition("/")[2]
        assert name in document["components"]["schemas"]


# --- who may ----------------------------------------------------------------------------------------------------------


def test_a_key_of_the_scope_subscriptions_reads_events(client: FlaskClient, db: Db, config: Config) -> None:
    key = {"X-API-Key": key_management.add_key(db, config, "default", scopes=["subscriptions"])}
    assert client.get(EVENTS, headers=key).status_code == 200
    assert client.get("/api/v1/event-types", headers=key).status_code == 200
    assert client.get(EVENTS, headers=bearer(config, "viewer")).status_code == 403
    assert client.get("/api/v1/event-types", headers=bearer(config, "viewer")).status_code == 200
