"""Subscriptions to events, over HTTP: made, changed, removed, and what is never shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.common.time import now, rfc3339
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox import removal, subscriptions
from pos_api.outbox.interest import interest_of
from pos_api.outbox.model import OutboxEvent, delivery_id
from pos_api.outbox.publish import publish
from pos_api.processing.recurring_jobs import Schedule
from pos_api.staff import token_claims
from pos_api.stores import key_management
from tests.paging import read_all

URL = "/api/v1/webhooks/subscriptions"
TARGET = "https://erp.example/hooks/pos"
TEXT_SECRET = "a text of sixteen or more"
KEY_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Caller:
    """A client with a credential."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self._client = client
        self._headers = headers

    def call(self, method: str, path: str = "", json: Any = None, **headers: str) -> TestResponse:
        body = {} if json is None else {"json": json}
        return self._client.open(URL + path, method=method, headers={**self._headers, **headers}, **body)

    def subscribe(self, expected: int = 201, key: str = "", **given: Any) -> Any:
        sent = {"Idempotency-Key": key} if key else {}
        reply = self.call("POST", "", {"url": TARGET, "events": ["order.*"], **given}, **sent)
        assert reply.status_code == expected, reply.text
        return reply.json["data"] if expected == 201 else reply.json["error"]  # type: ignore[index]


def bearer(config: Config, role: str, name: str = "anna") -> dict[str, str]:
    return {"Authorization": f"Bearer {token_claims.token(config.jwt_secret, name, role)[0]}"}


@pytest.fixture
def manager(client: FlaskClient, config: Config) -> Caller:
    return Caller(client, bearer(config, "manager"))


def order_event(number: int, order: int = 1, type: str = "order.updated") -> OutboxEvent:
    resource = f"order:default:{order}"
    return OutboxEvent(f"{resource}:{number}", type, AT, "default", resource, number, b'{"id":"x"}', b'{"id":"x"}')


# --- made, read, changed, removed ------------------------------------------------------------------------------------


def test_a_subscription_has_defaults_and_its_secret_this_once(manager: Caller) -> None:
    made = manager.subscribe()
    assert made["secret"].startswith("whsec_")
    defaults = {
        "url": TARGET,
        "events": ["order.*"],
        "active": True,
        "description": "",
        "stores": [],
        "signature": "standard",
        "payload": "full",
    }
    assert {name: made[name] for name in defaults} == defaults
    assert (made["headers"], made["rate_limit"], made["metadata"]) == ({}, None, {})
    assert made["created_by"] == "anna"
    shown = manager.call("GET", f"/{made['id']}")
    assert "secret" not in shown.json["data"]  # type: ignore[index]
    assert {**shown.json["data"], "secret": made["secret"]} == made  # type: ignore[index]
    assert manager.call("GET").json["data"] == [shown.json["data"]]  # type: ignore[index]


def test_all_that_is_given_is_kept(manager: Caller) -> None:
    given: dict[str, Any] = {
        "events": ["order.completed", "stock.low"],
        "active": False,
        "description": "Bookkeeping",
        "stores": ["default"],
        "signature": "karma",
        "payload": "thin",
        "rate_limit": 10,
        "metadata": {"team": "books"},
    }
    made = manager.subscribe(secret=TEXT_SECRET, **given)
    assert {name: made[name] for name in given} == given
    assert made["secret"] == TEXT_SECRET


def test_what_is_left_out_of_a_change_stays_as_it_is(manager: Caller) -> None:
    made = manager.subscribe(description="one", metadata={"a": "b"})
    for method in ("PATCH", "PUT"):
        changed = manager.call(method, f"/{made['id']}", {"events": ["stock.low"], "active": False}).json["data"]  # type: ignore[index]
        assert (changed["events"], changed["active"]) == (["stock.low"], False)
        assert (changed["url"], changed["description"], changed["metadata"]) == (TARGET, "one", {"a": "b"})
    assert changed["health"]["state"] == "off"


def test_a_subscription_is_removed_and_its_deliveries_are_seen_no_more(
    manager: Caller, client: FlaskClient, db: Db
) -> None:
    first, second = manager.subscribe()["id"], manager.subscribe()["id"]
    publish(db, [order_event(1)])
    delivery = delivery_id(first, "order:default:1:1")
    assert manager.call("DELETE", f"/{first}").status_code == 204
    assert db.webhook_deliveries.count_documents({"subscription": first}) == 1, "that is no part of the request"
    gone = {
        "GET": ("", "/deliveries", f"/deliveries/{delivery}"),
        "POST": (f"/deliveries/{delivery}/resend",),
        "DELETE": ("",),
    }
    for method, paths in gone.items():
        for path in paths:
            assert manager.call(method, f"/{first}{path}").status_code == 404, path
    assert "pos_webhooks_waiting 1.0" in client.get("/metrics").text
    assert removal.delete_left(db) == 1
    assert [each["subscription"] for each in db.webhook_deliveries.find()] == [second]


def test_what_a_process_still_writes_for_a_removed_subscription_is_deleted_too(
    manager: Caller, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = manager.subscribe()["id"]
    interest_of(db).refresh()
    monkeypatch.setattr("pos_api.database.recently_read.MAX_AGE", 3600.0)
    manager.call("DELETE", f"/{made}")
    assert removal.delete_left(db) == 0
    publish(db, [order_event(1)])  # by a process that does not know yet
    assert db.webhook_deliveries.count_documents({}) == 1
    Schedule(db, config).run_round(every_job=False)
    assert db.webhook_deliveries.count_documents({}) == 0
    later = now() + timedelta(minutes=11)
    monkeypatch.setattr(removal, "now", lambda: later)
    removal.delete_left(db)
    assert db.webhook_subscriptions_deleted.count_documents({}) == 0


def test_a_removal_that_a_crash_cut_short_removes_nothing(
    manager: Caller, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = manager.subscribe()["id"]
    publish(db, [order_event(1)])
    removal.note(db, made)
    assert removal.delete_left(db) == 0
    later = now() + timedelta(minutes=61)
    monkeypatch.setattr(removal, "now", lambda: later)
    assert removal.delete_left(db) == 0
    assert db.webhook_deliveries.count_documents({"subscription": made}) == 1
    assert db.webhook_subscriptions_deleted.count_documents({}) == 0


def test_many_deliveries_are_removed_in_batches_and_found_by_an_index(
    manager: Caller, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_BATCH", 2)
    monkeypatch.setattr(removal, "_MOST_BATCHES", 2)
    made = manager.subscribe()["id"]
    publish(db, [order_event(number, order=number) for number in range(1, 8)])
    manager.call("DELETE", f"/{made}")
    assert [removal.delete_left(db) for _ in range(3)] == [4, 3, 0]
    plan = str(db.webhook_deliveries.find({"subscription": made}, {"_id": 1}).limit(2).explain())
    assert "COLLSCAN" not in plan


def test_an_idempotency_key_of_a_removed_subscription_is_not_used_again(manager: Caller) -> None:
    made = manager.subscribe(key="auto_2")["id"]
    manager.call("DELETE", f"/{made}")
    assert "deleted" in manager.subscribe(409, key="auto_2")["message"]


def test_from_the_answer_on_an_event_is_for_the_new_subscription(manager: Caller, db: Db) -> None:
    interest_of(db).refresh()
    made = manager.subscribe(stores=["default"])
    publish(db, [order_event(1)])
    manager.call("PATCH", f"/{made['id']}", {"events": ["stock.*"]})
    publish(db, [order_event(2)])
    assert [each["event"] for each in db.webhook_deliveries.find()] == ["order:default:1:1"]


def test_a_subscription_that_is_off_keeps_its_events(manager: Caller, db: Db) -> None:
    made = manager.subscribe(active=False)
    publish(db, [order_event(1), order_event(2)])
    shown = manager.call("GET", f"/{made['id']}").json["data"]  # type: ignore[index]
    assert shown["health"]["backlog"] == 2


def test_a_hundred_and_more_subscriptions_are_listed_by_page(manager: Caller) -> None:
    made = [manager.subscribe(description=str(number))["id"] for number in range(110)]
    listed = read_all(lambda cursor: manager.call("GET", f"?limit=40{'&cursor=' + cursor if cursor else ''}").json)
    assert sorted(each["id"] for each in listed) == sorted(made)
    created = [datetime.fromisoformat(each["created_at"]) for each in listed]
    assert created == sorted(created, reverse=True)


def test_odd_names_are_kept_as_they_are(manager: Caller) -> None:
    odd = {"a.b": "2", "a.$set": "1", "__proto__": "3", "å": "4"}
    made = manager.subscribe(metadata=odd, headers={"X.$Y": "v"})
    assert (made["metadata"], made["headers"]) == (odd, {"X.$Y": "***"})
    for _ in range(2):
        reply = manager.call("PATCH", f"/{made['id']}", {"metadata": odd, "headers": {"X.$Y": "***"}})
        assert reply.status_code == 200, reply.text
        assert reply.json["data"]["metadata"] == odd  # type: ignore[index]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "http://erp.example/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://user:word@erp.example/"}, "url"),
        ({"url": "https://erp.example:22/"}, "url"),
        ({"url": "https://erp.example/" + "x" * 2048}, "url"),
        ({"url": None}, "url"),
        ({"events": []}, "events"),
        ({"events": ["order.shipped"]}, "events"),
        ({"events": "order.*"}, "events"),
        ({"active": "yes"}, "active"),
        ({"description": "x" * 501}, "description"),
        ({"stores": ["nowhere"]}, "stores"),
        ({"signature": "none"}, "signature"),
        ({"payload": "half"}, "payload"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"headers": {"X": 1}}, "headers"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": 1001}, "rate_limit"),
        ({"rate_limit": 1.5}, "rate_limit"),
        ({"metadata": {"a": "x" * 501}}, "metadata"),
        ({"secret": TEXT_SECRET}, "secret"),
        ({"secret": "whsec_short"}, "secret"),
        ({"secret": "too short", "signature": "karma"}, "secret"),
        ({"secret": "x" * 129, "signature": "karma"}, "secret"),
        ({"id": "sub_1"}, "id"),
    ],
)
def test_what_can_not_be_used_is_refused_by_its_field(
    manager: Caller, db: Db, given: dict[str, Any], field: str
) -> None:
    error = manager.subscribe(422, **given)
    assert error["code"] == "validation_failed"
    assert field in error["details"]
    assert db.webhook_subscriptions.count_documents({}) == 0
    made = manager.subscribe()
    if field != "secret":
        reply = manager.call("PATCH", f"/{made['id']}", given)
        assert reply.status_code == 422, reply.text
        assert field in reply.json["error"]["details"]  # type: ignore[index]
    assert {**manager.call("GET", f"/{made['id']}").json["data"], "secret": made["secret"]} == made  # type: ignore[index]


def test_a_store_that_was_removed_stays_in_a_subscription_that_had_it(manager: Caller, db: Db) -> None:
    path = f"/{manager.subscribe(stores=['default'])['id']}"
    db.webhook_subscriptions.update_one({}, {"$set": {"stores": ["removed"]}})
    reply = manager.call("PATCH", path, {"stores": ["removed", "default"]})
    assert (reply.status_code, reply.json["data"]["stores"]) == (200, ["removed", "default"])  # type: ignore[index]
    assert manager.call("PATCH", path, {"stores": ["removed", "nowhere"]}).status_code == 422


def test_the_secret_is_not_changed_in_passing(manager: Caller) -> None:
    made = manager.subscribe()
    assert manager.call("PATCH", f"/{made['id']}", {"secret": KEY_SECRET}).status_code == 422


def test_url_and_events_are_needed(manager: Caller) -> None:
    reply = manager.call("POST", "", {})
    assert reply.json["error"]["details"].keys() == {"url", "events"}  # type: ignore[index]


def test_what_a_client_sees_in_the_networks_of_outbound_allow_is_allowed(manager: Caller, config: Config) -> None:
    error = manager.subscribe(422, url="http://10.1.2.3:9000/x")
    assert "OUTBOUND_ALLOW" in error["details"]["url"][0]


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_two_secrets_sign_for_a_day_after_a_rotation(
    manager: Caller, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = manager.subscribe()
    assert _secrets(db, config, made) == [made["secret"]]
    second = manager.call("POST", f"/{made['id']}/rotate-secret").json["data"]  # type: ignore[index]
    assert second["secret"] not in (None, made["secret"])
    assert second["former_secret_until"] > rfc3339(now() + timedelta(hours=23))
    assert _secrets(db, config, made) == [second["secret"], made["secret"]]
    third = manager.call("POST", f"/{made['id']}/rotate-secret", {"secret": KEY_SECRET}).json["data"]  # type: ignore[index]
    assert third["secret"] == KEY_SECRET
    assert _secrets(db, config, made) == [KEY_SECRET, second["secret"]]
    later = now() + timedelta(hours=24)
    monkeypatch.setattr(subscriptions, "now", lambda: later)
    assert _secrets(db, config, made) == [KEY_SECRET]


def test_a_rotation_that_is_repeated_leaves_the_receivers_secret_valid(manager: Caller, db: Db, config: Config) -> None:
    made = manager.subscribe()
    path = f"/{made['id']}/rotate-secret"
    keyed = {"Idempotency-Key": "auto_1"}
    second = manager.call("POST", path, **keyed).json["data"]["secret"]  # type: ignore[index]
    assert manager.call("POST", path, **keyed).json["data"]["secret"] == second  # type: ignore[index]
    assert _secrets(db, config, made) == [second, made["secret"]]
    assert manager.call("POST", path, {"secret": KEY_SECRET}, **keyed).status_code == 409
    for _ in range(2):
        assert manager.call("POST", path, {"secret": KEY_SECRET}).status_code == 200
        assert _secrets(db, config, made) == [KEY_SECRET, second]
    third = manager.call("POST", path, **keyed).json["data"]["secret"]  # type: ignore[index]
    assert _secrets(db, config, made) == [third, KEY_SECRET], "the key was of a rotation before the latest"


def _secrets(db: Db, config: Config, made: Any) -> list[str]:
    return subscriptions.secrets_of(subscriptions.get(db, made["id"]), config)


def test_another_signature_takes_a_secret_that_fits_it(manager: Caller, db: Db, config: Config) -> None:
    made = manager.subscribe(signature="kaynko", secret=TEXT_SECRET)
    path = f"/{made['id']}"
    reply = manager.call("PATCH", path, {"signature": "standard"})
    assert (reply.status_code, list(reply.json["error"]["details"])) == (422, ["signature"])  # type: ignore[index]
    assert TEXT_SECRET not in reply.text
    assert manager.call("POST", f"{path}/rotate-secret", {"secret": KEY_SECRET}).status_code == 200
    assert manager.call("PATCH", path, {"signature": "standard"}).status_code == 200
    assert _secrets(db, config, made) == [KEY_SECRET]  # the former one could not sign in this form


def test_no_secret_is_stored_logged_audited_or_answered_in_clear(
    manager: Caller, db: Db, capfd: pytest.CaptureFixture[str]
) -> None:
    hidden = "value-of-a-header-that-is-a-secret"
    given = {"url": f"{TARGET}?token=in-the-url", "events": ["*"], "headers": {"X-Key": hidden}}
    made = manager.call("POST", "", given).json["data"]  # type: ignore[index]
    path = f"/{made['id']}"
    rotated = manager.call("POST", f"{path}/rotate-secret").json["data"]  # type: ignore[index]
    answers = [
        manager.call("GET").text,
        manager.call("GET", path).text,
        manager.call("PATCH", path, {"headers": {"X-Key": "***", "Host": hidden}}).text,
        manager.call("PATCH", path, {"headers": {"X-Key": hidden + "å"}}).text,
        manager.call("PATCH", path, {"headers": {"X-Key": "***"}, "description": "x"}).text,
        manager.call("POST", f"{path}/rotate-secret", {"secret": "shortsecret"}).text,
        manager.call("POST", f"{path}/resume").text,
    ]
    assert subscriptions.get(db, made["id"])["headers"] == {"X-Key": hidden}
    manager.call("DELETE", path)
    audited = str(list(db.audit.find()))
    assert "webhook.created" in audited
    logged = "".join(capfd.readouterr())
    for text in (*answers, audited, logged):
        assert hidden not in text
        assert made["secret"] not in text
        assert rotated["secret"] not in text
        assert "shortsecret" not in text
    assert "in-the-url" not in audited + logged


def test_stored_secrets_are_sealed(manager: Caller, db: Db) -> None:
    made = manager.subscribe()
    manager.call("POST", f"/{made['id']}/rotate-secret")
    assert made["secret"] not in str(db.webhook_subscriptions.find_one())


# --- a request that is repeated ---------------------------------------------------------------------------------------


def test_a_repeated_request_makes_no_second_subscription_and_is_answered_as_the_first(
    manager: Caller, client: FlaskClient, config: Config, db: Db
) -> None:
    key = "auto_1"
    first = manager.subscribe(key=key)
    assert manager.subscribe(key=key) == first
    assert manager.subscribe(409, key=key, description="other")["code"] == "conflict"
    assert manager.subscribe(409, key=key, secret=KEY_SECRET)["code"] == "conflict"
    other = Caller(client, bearer(config, "manager", "berta")).subscribe(key=key)
    assert other["id"] != first["id"]  # a key is of who sends it
    assert db.webhook_subscriptions.count_documents({}) == 2
    manager.call("POST", f"/{first['id']}/rotate-secret")
    assert manager.subscribe(key=key)["secret"] is None  # the new secret was shown already


# --- on again ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def disabled(manager: Caller, db: Db) -> str:
    """A subscription that the POS has disabled."""
    made: str = manager.subscribe()["id"]
    began = now() - timedelta(days=5)
    fields = {
        "active": False,
        "failing_since": began,
        "failing_confirmed_at": began + timedelta(hours=12),
        "failures_in_row": 9,
        "last_failure_at": now(),
        "last_failure": "It answered 500.",
        "disabled_at": now(),
        "disabled_reason": "It only failed for five days.",
        "paused_until": now() + timedelta(minutes=5),
    }
    db.webhook_subscriptions.update_one({"_id": made}, {"$set": fields})
    return made


def test_health_says_that_and_why_it_was_disabled(manager: Caller, disabled: str) -> None:
    shown = manager.call("GET", f"/{disabled}").json["data"]  # type: ignore[index]
    health = shown["health"]
    assert (shown["active"], health["state"], health["is_failing"]) == (False, "disabled", True)
    assert health["disabled_reason"] == "It only failed for five days."
    assert health["last_failure"] == "It answered 500."
    assert health["failures_in_row"] == 9


@pytest.mark.parametrize("way", ["resume", "active"])
def test_on_again_it_has_no_troubles_left_but_shows_its_last_failure(manager: Caller, disabled: str, way: str) -> None:
    if way == "resume":
        reply = manager.call("POST", f"/{disabled}/resume")
    else:
        reply = manager.call("PATCH", f"/{disabled}", {"active": True})
    shown = reply.json["data"]  # type: ignore[index]
    health = shown["health"]
    assert (shown["active"], health["state"], health["is_failing"]) == (True, "ok", False)
    assert (health["failing_since"], health["disabled_at"], health["disabled_reason"]) == (None, None, None)
    assert health["failures_in_row"] == 0
    assert health["last_failure"] == "It answered 500."


# --- who may ----------------------------------------------------------------------------------------------------------


def test_managers_and_keys_of_the_scope_subscriptions_may(client: FlaskClient, config: Config, db: Db) -> None:
    key = key_management.add_key(db, config, "default", scopes=["subscriptions"])
    read = key_management.add_key(db, config, "default", scopes=["read"])
    for headers, status in (
        (bearer(config, "manager"), 200),
        (bearer(config, "admin"), 200),
        (bearer(config, "viewer"), 403),
        ({"X-API-Key": key}, 200),
        ({"Authorization": f"Bearer {key}"}, 200),
        ({"X-API-Key": read}, 403),
        ({"Authorization": f"Bearer {read}"}, 403),
        ({"Authorization": "Bearer pos_wrong"}, 401),
        ({}, 401),
    ):
        assert client.get(URL, headers=headers).status_code == status, headers
    made = Caller(client, {"X-API-Key": key}).subscribe()
    assert made["created_by"] == key[:12]
