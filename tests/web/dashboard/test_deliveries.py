"""Subscriptions in the dashboard: added, tested, changed, sent what they missed, removed; and what is never shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from standardwebhooks import Webhook

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox import redelivery
from pos_api.outbox.event_types import EVENT_TYPES
from pos_api.outbox.publish import publish
from pos_api.web.dashboard.deliveries.words import event_groups, event_texts
from tests.outbox.delivering.outbox import allowing, delivering, event, subscribe
from tests.outbox.delivering.receivers import Answer, Receiver, receiving
from tests.waiting import wait_until
from tests.web.dashboard.browsing import post, problems

AsRole = Callable[[str], FlaskClient]
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def config(config: Config) -> Config:
    """Settings that allow receivers on this machine."""
    return allowing(config)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver."""
    with receiving() as receiver:
        yield receiver


def only(db: Db) -> Any:
    [subscription] = db.webhook_subscriptions.find()
    return subscription


def secret_in(page: str) -> str:
    [found] = re.findall(r'<code id="secret">([^<]+)</code>', page)
    return str(found)


def test_a_subscription_is_added_and_its_secret_shown_this_once(
    as_role: AsRole, db: Db, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    manager = as_role("manager")
    form = {"url": receiver.url("a"), "events": ["order.*", "stock.low"], "description": "Kitchen", "key": "once"}
    answer = post(manager, "/deliveries/new", form, form="/deliveries/new")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    secret = secret_in(answer.text)
    stored = only(db)
    assert (stored["events"], stored["stores"], stored["payload"]) == (["order.*", "stock.low"], [], "full")
    assert secret_in(post(manager, "/deliveries/new", form, form="/deliveries/new").text) == secret, "loaded anew"
    assert db.webhook_subscriptions.count_documents({}) == 1
    for path in ("/deliveries", f"/deliveries/subscriptions/{stored['_id']}"):
        assert secret not in manager.get(path).text
    assert secret not in capfd.readouterr().err
    assert db.audit.count_documents({"action": "webhook.created", "who.name": "manager"}) == 1
    path = f"/deliveries/subscriptions/{stored['_id']}/test"
    tested = post(manager, path, {}, form="/deliveries/new")
    assert "What came back of the test" in tested.text
    [request] = receiver.requests
    assert Webhook(secret).verify(request.body, dict(request.headers))["type"] == "ping"


@pytest.mark.parametrize(
    ("given", "name", "message"),
    [
        ({"url": "http://169.254.169.254/x"}, "url", "The url&#39;s host is"),
        ({"url": "https://user@erp.example/"}, "url", "holds a user name"),
        ({"events": []}, "events", "Choose at least one."),
        ({"headers": "X-Key hidden"}, "headers", "a line of its own"),
        ({"headers": "Host: other"}, "headers", "is set by the POS itself"),
        ({"rate_limit": "many"}, "rate_limit", "Not a valid integer."),
        ({"secret": "short"}, "secret", ""),
    ],
)
def test_what_is_refused_is_said_at_its_field_with_what_was_typed(
    as_role: AsRole, db: Db, given: dict[str, object], name: str, message: str
) -> None:
    form = {"url": "https://erp.example/hook", "events": ["order.*"], "description": SCRIPT, **given}
    answer = post(as_role("manager"), "/deliveries/new", form, form="/deliveries/new")
    assert answer.status_code == 422
    error = answer.text.split(f'id="{name}-error">', 1)[1].split("<", 1)[0]
    assert message in error
    assert error
    assert "&lt;script&gt;" in answer.text
    assert SCRIPT not in answer.text
    assert 'value="short"' not in answer.text
    assert db.webhook_subscriptions.count_documents({}) == 0


def test_a_change_keeps_the_values_of_headers_which_are_shown_nowhere(as_role: AsRole, db: Db, config: Config) -> None:
    name = subscribe(db, config, "https://erp.example/", headers={"X-Key": "hidden-value"}, rate_limit=5)
    manager = as_role("manager")
    path = f"/deliveries/subscriptions/{name}"
    page = manager.get(f"{path}/change").text
    assert "X-Key: ***" in page
    assert "hidden-value" not in page + manager.get(path).text
    form = {"url": "https://erp.example/b", "events": "*", "headers": "X-Key: ***", "signature": "standard"}
    answer = post(manager, f"{path}/change", {**form, "payload": "thin"}, form=f"{path}/change")
    assert answer.status_code == 303
    stored = only(db)
    assert stored["headers"] == {"X-Key": "hidden-value"}
    assert (stored["url"], stored["events"], stored["payload"]) == ("https://erp.example/b", ["*"], "thin")
    assert stored["rate_limit"] is None


def test_two_who_change_a_subscription_undo_nothing_of_each_other(as_role: AsRole, db: Db, config: Config) -> None:
    name = subscribe(db, config, "https://erp.example/", headers={"X-Key": "1", "X-More": "2"})
    manager = as_role("manager")
    path = f"/deliveries/subscriptions/{name}/change"
    seen = unescape(re.findall(r'name="seen" value="([^"]+)"', manager.get(path).text)[0])
    shown = {each: text for each, text in json.loads(seen).items() if each != "secret"}
    form = {**shown, "headers": shown["headers"].replace("\n", "\r\n"), "seen": seen}
    post(manager, path, {**form, "url": "https://erp.example/b", "events": ["stock.low"]}, form=path)
    answer = post(manager, path, {**form, "description": "Kitchen"}, form=path)
    assert answer.status_code == 303
    stored = only(db)
    assert (stored["url"], stored["events"], stored["description"]) == (
        "https://erp.example/b",
        ["stock.low"],
        "Kitchen",
    )
    assert stored["headers"] == {"X-Key": "1", "X-More": "2"}
    post(manager, path, form, form=path)
    assert only(db)["updated_at"] == stored["updated_at"], "nothing was typed otherwise"


def test_a_change_keeps_a_store_that_was_removed(as_role: AsRole, db: Db, config: Config) -> None:
    path = f"/deliveries/subscriptions/{subscribe(db, config, 'https://erp.example/', stores=['removed'])}/change"
    manager = as_role("manager")
    page = manager.get(path).text
    [shown] = re.findall(r'<input type="checkbox" name="stores" value="([^"]+)" checked>', page)
    form = {"url": "https://erp.example/b", "events": "*", "stores": shown, "signature": "standard", "payload": "full"}
    assert post(manager, path, form, form=path).status_code == 303
    assert (only(db)["url"], only(db)["stores"]) == ("https://erp.example/b", ["removed"])


def test_it_is_switched_off_and_on_and_says_why_it_was_switched_off(as_role: AsRole, db: Db, config: Config) -> None:
    name = subscribe(db, config, "https://erp.example/")
    manager = as_role("manager")
    path = f"/deliveries/subscriptions/{name}"
    post(manager, f"{path}/pause", {}, form=path)
    assert only(db)["active"] is False
    assert "Switched off" in manager.get("/deliveries").text
    off = {
        "disabled_at": now(),
        "disabled_reason": "It answered 410.",
        "last_failure": SCRIPT,
        "last_failure_at": now(),
    }
    db.webhook_subscriptions.update_one({}, {"$set": off})
    page = manager.get(path).text
    assert "Switched off by the service" in page
    assert "It answered 410." in page
    assert SCRIPT not in page
    post(manager, f"{path}/resume", {}, form=path)
    assert only(db)["active"] is True
    assert "disabled_at" not in only(db)


def test_another_secret_is_shown_once_and_loading_the_answer_anew_makes_no_third_one(
    as_role: AsRole, db: Db, config: Config
) -> None:
    path = f"/deliveries/subscriptions/{subscribe(db, config, 'https://erp.example/')}"
    manager = as_role("manager")
    [seen] = re.findall(r'name="seen" value="([^"]+)"', manager.get(path).text)
    answer = post(manager, f"{path}/secret", {"seen": seen}, form=path)
    assert secret_in(answer.text).startswith("whsec_")
    stored = only(db)["secret"]
    assert post(manager, f"{path}/secret", {"seen": seen}, form=path).status_code == 409
    assert only(db)["secret"] == stored


def test_what_is_removed_is_gone(as_role: AsRole, db: Db, config: Config) -> None:
    path = f"/deliveries/subscriptions/{subscribe(db, config, 'https://erp.example/')}"
    manager = as_role("manager")
    assert post(manager, f"{path}/remove", {}, form=path).location == "/deliveries"
    assert manager.get(path).status_code == 404
    assert "Nobody is sent anything yet" in manager.get("/deliveries").text


def test_deliveries_are_listed_with_their_attempts_and_sent_again(
    as_role: AsRole, db: Db, config: Config, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Answer(404, body=SCRIPT.encode())
    name = subscribe(db, config, receiver.url("a"), headers={"X-Key": "hidden-value"})
    manager = as_role("manager")
    path = f"/deliveries/subscriptions/{name}"
    delivery = f"{path}/deliveries/{name}:order:default:1:1"
    with delivering(db, config):
        publish(db, [event(1)])
        wait_until(lambda: "404" in manager.get(path).text)
        page = manager.get(delivery).text
        assert '<span class="badge bad">404</span>' in page
        wait_until(lambda: "Fails just now" in manager.get("/deliveries").text)
        assert SCRIPT not in page
        assert "hidden-value" not in page
        receiver.answer = lambda _: Answer(200)
        again = post(manager, f"{path}/resend/{name}:order:default:1:1", {}, form=delivery)
        assert again.location == delivery
        wait_until(lambda: "badge good" in manager.get(delivery).text)
    for query, is_shown in {
        "state=succeeded": True,
        "state=failed": False,
        "type=order.*": True,
        "type=stock.low": False,
        "event=order:default:1:1": True,
        "to=2020-01-01": False,
    }.items():
        assert ("order:default:1</td>" in manager.get(f"{path}?{query}").text) == is_shown, query
    assert "order.created" in manager.get("/deliveries/events").text
    assert "Nobody" not in manager.get("/deliveries/events/order:default:1:1").text


def test_what_it_missed_is_sent_again_and_the_rest_is_offered(
    as_role: AsRole, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "MOST_AT_ONCE", 2)
    subscribe(db, config, "https://erp.example/", name="sub_a")
    publish(db, [event(number) for number in (1, 2, 3)])
    for number in (1, 2, 3):
        written = {"written_at": now() - timedelta(seconds=10 - number)}
        db.outbox.update_one({"_id": f"order:default:{number}:1"}, {"$set": written})
    db.webhook_deliveries.delete_many({})
    manager = as_role("manager")
    path = "/deliveries/subscriptions/sub_a"
    answer = post(manager, f"{path}/replay", {"from": "2020-01-01", "which": "missing"}, form=path)
    assert db.webhook_deliveries.count_documents({}) == 2
    page = manager.get(answer.location).text
    assert "2 events are sent again." in page
    [rest] = re.findall(r'name="from" required type="text" value="([^"]+)"', page)
    post(manager, f"{path}/replay", {"from": rest, "which": "missing"}, form=path)
    assert db.webhook_deliveries.count_documents({}) == 3
    assert post(manager, f"{path}/replay", {"from": "soon"}, form=path).status_code == 422


def test_the_list_goes_on_also_under_the_answer_to_a_form(
    as_role: AsRole, db: Db, config: Config, receiver: Receiver
) -> None:
    subscribe(db, config, receiver.url("a"), name="sub_a")
    publish(db, [event(number) for number in range(1, 53)])
    manager, path = as_role("manager"), "/deliveries/subscriptions/sub_a"
    for form, typed in ((f"{path}/test", {}), (f"{path}/replay", {"from": "soon"})):
        answer = post(manager, form, dict(typed), form=path)
        [more] = re.findall(r'href="([^"]+cursor=[^"]+)"', answer.text)
        assert manager.get(unescape(more)).status_code == 200, form


def test_only_managers_see_and_change_subscriptions(as_role: AsRole, db: Db, config: Config) -> None:
    name = subscribe(db, config, "https://erp.example/")
    viewer = as_role("viewer")
    for path in ("/deliveries", "/deliveries/events", "/deliveries/new", f"/deliveries/subscriptions/{name}"):
        assert viewer.get(path).status_code == 403, path
    for act in ("pause", "remove", "secret", "test", "replay", "resume", "change"):
        assert post(viewer, f"/deliveries/subscriptions/{name}/{act}", {}, form="/").status_code == 403, act
    assert only(db)["active"] is True


def test_every_type_of_event_is_offered_with_what_it_means(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert event_texts() == EVENT_TYPES
        offered = [type for group in event_groups() for type, _ in group.types]
    assert sorted(offered) == sorted(set(EVENT_TYPES) - {"ping"})


def test_a_subscription_is_removed_by_mouse_after_a_question(
    open_as: Callable[..., Page], db: Db, config: Config
) -> None:
    name = subscribe(db, config, "https://erp.example/")
    publish(db, [event(1)])
    page = open_as("manager", width=820)
    page.goto(f"/deliveries/subscriptions/{name}/deliveries/{name}:order:default:1:1")
    found = problems(page)
    page.goto(f"/deliveries/subscriptions/{name}")
    page.locator("summary", has_text="Remove").click()
    assert db.webhook_subscriptions.count_documents({}) == 1
    found += problems(page)
    page.get_by_role("button", name="Yes, remove").click()
    expect(page.locator(".notice")).to_have_text("The subscription is removed.")
    assert found + problems(page) == []
