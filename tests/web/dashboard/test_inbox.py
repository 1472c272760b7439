"""The inbox in the dashboard: what needs a look is found, explained and tried again, and what that changed is shown."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from pymongo import MongoClient

from pos_api.common.time import now
from pos_api.common.warning_messages import SENTENCES
from pos_api.config import Config
from pos_api.database import reach
from pos_api.database.client import Client, Db, Document
from pos_api.inbox import queries, replay
from pos_api.inbox.queries import Filter
from pos_api.web.dashboard.inbox.body import folded, is_personal
from pos_api.web.dashboard.inbox.subject import subjects_of
from pos_api.web.dashboard.warning_words import in_words, sentences
from tests.factories import API_KEY, Shop, line, order
from tests.steps import Steps
from tests.waiting import wait_until
from tests.web.dashboard.browsing import post, problems

AsRole = Callable[[str], FlaskClient]
SCRIPT = "<script>alert(1)</script>"


def send(app: Flask, number: int, *, topic: str = "order.updated", **data: Any) -> str:
    """Send an order that can't be used; returns its key in the inbox."""
    body = {"event": topic, "data": {"id": number, "total": "many", "billing": {"email": "a@b.example"}, **data}}
    answer = app.test_client().post("/api/webhooks/orders", json=body, headers={"X-API-Key": API_KEY})
    assert answer.json is not None
    answered = answer.json.get("data") or answer.json["error"]["details"]
    return str(answered["event_key"])


def mend(db: Db, key: str) -> None:
    """Let what was sent be usable, as a version that reads more would."""
    body = db.inbox.find_one({"_id": key})["body"].replace(b'"many"', b'"10.00"')  # type: ignore[index]
    db.inbox.update_one({"_id": key}, {"$set": {"body": body}})


def test_what_needs_a_look_is_listed_with_its_reason_and_without_what_was_sent(app: Flask, as_role: AsRole) -> None:
    send(app, 7, status=SCRIPT)
    text = as_role("manager").get("/inbox").text
    assert "The order is not valid." in text
    assert "data.total" in text
    assert "a@b.example" not in text
    assert SCRIPT not in text


def test_only_managers_see_the_inbox(app: Flask, as_role: AsRole) -> None:
    key = send(app, 7)
    viewer = as_role("viewer")
    for path in ("/inbox", f"/inbox/{key}", "/inbox/replays/x"):
        assert viewer.get(path).status_code == 403, path
    assert 'href="/inbox"' not in viewer.get("/").text


def test_each_tab_has_its_own_entries_and_says_how_many(app: Flask, db: Db, as_role: AsRole) -> None:
    parked, failed, waiting, stale = (send(app, number) for number in (1, 2, 3, 4))
    db.inbox.update_one({"_id": failed}, {"$set": {"state": "failed"}})
    later = now() + timedelta(days=1)
    db.inbox.update_one(
        {"_id": waiting}, {"$set": {"state": "waiting", "due_at": later, "attempts": 2}, "$unset": {"attention_at": ""}}
    )
    ended = {"$set": {"state": "done", "outcome": "stale", "done_at": now()}, "$unset": {"attention_at": ""}}
    db.inbox.update_one({"_id": stale}, ended)
    ignored = send(app, 5, topic="order.printed")
    manager = as_role("manager")
    of_tab = {
        "": {parked, failed},
        "parked": {parked},
        "failed": {failed},
        "waiting": {waiting},
        "stale": {stale},
        "ignored": {ignored},
        "done": {stale, ignored},
    }
    for tab, keys in of_tab.items():
        text = manager.get(f"/inbox?state={tab}").text
        shown = {key for key in (parked, failed, waiting, stale, ignored) if f"/inbox/{key}" in text}
        assert shown == keys, tab
    assert '<span class="badge bad">2</span>' in manager.get("/inbox").text


class SlowFilter(Filter):
    """A filter for which the database looks at each entry for a fifth of a second."""

    def query(self) -> Document:
        slow = {"body": "function() { sleep(200); return true; }", "args": [], "lang": "js"}
        return {"$expr": {"$function": slow}}


def test_a_tab_that_takes_too_long_to_count_has_no_number(app: Flask, db: Db) -> None:
    for number in range(8):
        send(app, number + 1)
    assert queries.count(db, Filter(), 5) == 6
    assert queries.count(db, SlowFilter(), 100) is None


def test_filters_are_by_store_topic_and_day_on_the_clock_of_the_store(app: Flask, db: Db, as_role: AsRole) -> None:
    key = send(app, 1)
    manager = as_role("manager")
    today = now().date().isoformat()
    for query, is_shown in {
        "store=default&topic=order.updated": True,
        "topic=order.created": False,
        "store=other": False,
        f"from={today}&to={today}": True,
        "to=2020-01-01": False,
    }.items():
        assert (f"/inbox/{key}" in manager.get(f"/inbox?{query}").text) == is_shown, query
    answer = manager.get("/inbox?from=soon")
    assert answer.status_code == 422
    assert 'value="soon"' in answer.text
    assert "This is not a day." in answer.text


def test_pages_go_on_by_cursor_also_for_what_is_done(app: Flask, db: Db, as_role: AsRole) -> None:
    entry = db.inbox.find_one({"_id": send(app, 1)})
    assert entry
    del entry["attention_at"]
    db.inbox.delete_many({})
    moment = now()
    db.inbox.insert_many(
        {
            **entry,
            "_id": f"{number:064x}",
            "state": "done",
            "store": ("default", "other")[number % 2],
            "received_at": moment - timedelta(seconds=number // 2),
        }
        for number in range(70)
    )
    manager = as_role("manager")
    first = manager.get("/inbox?state=done").text
    assert first.count('data-label="Received"') == 50
    more = first.split('data-more="#rows"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = manager.get(more).text
    assert second.count('data-label="Received"') == 20
    assert "data-more" not in second
    keys = [f"{number:064x}" for number in range(70)]
    assert all((key in first) != (key in second) for key in keys)
    of_stores = {"store": {"$in": ["default", "other"]}, "state": "done"}
    after = {"received_at": {"$lte": moment}, "$or": [{"received_at": {"$lt": moment}}, {"received_at": moment}]}
    for query in (of_stores, of_stores | after):
        found = db.inbox.find(query).sort([("received_at", -1), ("_id", -1)]).limit(10).explain()
        assert "SORT_MERGE" in json.dumps(found["queryPlanner"]["winningPlan"], default=str)
        assert found["executionStats"]["totalDocsExamined"] <= 12


def test_a_page_of_what_is_done_looks_at_a_number_and_the_next_goes_on(
    app: Flask, db: Db, as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = db.inbox.find_one({"_id": send(app, 1)})
    assert entry
    del entry["attention_at"]
    db.inbox.delete_many({})
    for number in range(60):
        more = {"topic": "product.updated" if number == 45 else "order.updated", "state": "done"}
        at = now() - timedelta(seconds=number // 2)
        db.inbox.insert_one({**entry, **more, "_id": f"{number:064x}", "received_at": at})
    monkeypatch.setattr(reach, "MOST_LOOKED_AT", 20)
    wanted = Filter(state="done", topic="product.updated")
    rows, last = queries.find(db, wanted, limit=50)
    assert (rows, last is None) == ([], False)
    assert (
        "None of the deliveries that were looked at so far matches."
        in as_role("manager").get("/inbox?state=done&topic=product.updated").text
    )
    found = []
    while last:
        rows, last = queries.find(db, wanted, before=last, limit=50)
        found += [each["_id"] for each in rows]
    assert found == [f"{45:064x}"]
    of_store = [{"store": {"$in": ["default"]}, "received_at": {"$lte": now()}}]
    plan = db.inbox.find(of_store[0], {"received_at": 1}).sort([("received_at", -1), ("_id", -1)]).limit(9).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 0


def test_one_entry_shows_what_was_sent_with_persons_folded(app: Flask, as_role: AsRole) -> None:
    key = send(app, 7, billing={"first_name": SCRIPT, "email": "a@b.example"})
    text = as_role("manager").get(f"/inbox/{key}").text
    rest, person = text.split("Personal data:", 1)
    assert "a@b.example" not in rest
    assert "a@b.example" in person
    assert "<code>data.billing</code>" in person
    assert SCRIPT not in text
    assert "<details open" not in person
    assert API_KEY not in text


def test_an_entry_that_is_tried_again_shows_what_it_changed(app: Flask, db: Db, as_role: AsRole) -> None:
    key = send(app, 7, currency="SEK", status="processing", line_items=[{"id": 1, "sku": "NEW", "quantity": 1}])
    mend(db, key)
    manager = as_role("manager")
    answer = post(manager, f"/inbox/{key}/replay", {}, form=f"/inbox/{key}")
    assert answer.status_code == 303
    wait_until(lambda: db.inbox.count_documents({"_id": key, "state": "done"}))
    text = manager.get(answer.location).text
    assert "Something new was made of it." in text
    assert "SKU NEW is unknown here" in text
    assert "Link it to a product" in text
    assert "data-refresh" not in text
    [audited] = db.audit.find({"action": "inbox.replayed"})
    assert (audited["target"], audited["who"]["name"]) == (key, "manager")


def test_what_entries_are_about_is_looked_up_for_all_of_a_page_at_once(
    app: Flask, db: Db, config: Config, shop: Shop
) -> None:
    shop.outcome("order.created", order(1, line("A")))
    common = {"store": "default", "noun": "order"}
    entries: list[Any] = [{**common, "resource_id": str(number)} for number in range(1, 51)]
    entries.append({"store": "default", "noun": "payment", "resource_id": ""})
    steps = Steps()
    client: Client = MongoClient(config.mongodb_uri, tz_aware=True, event_listeners=[steps])
    with app.test_request_context(), client:
        found = subjects_of(client[db.name], entries)
    assert [each.url for each in found] == ["/orders/default:1", *[None] * 50]
    assert [found[1].text, found[-1].text] == ["Order 2", ""]
    assert steps.names == ["find", "find"]


def test_an_erased_entry_can_not_be_tried_again(app: Flask, db: Db, as_role: AsRole) -> None:
    key = send(app, 7)
    manager = as_role("manager")
    db.inbox.update_one({"_id": key}, {"$set": {"erased_at": now(), "body": b""}})
    assert "was erased" in manager.get(f"/inbox/{key}").text
    assert post(manager, f"/inbox/{key}/replay", {}, form="/").status_code == 409


def test_all_that_match_are_tried_again_after_a_question_with_how_many(app: Flask, db: Db, as_role: AsRole) -> None:
    keys = [send(app, number, currency="SEK", status="processing") for number in (1, 2, 3)]
    mend(db, keys[0])
    other = send(app, 4, topic="order.created")
    manager = as_role("manager")
    assert "4 deliveries match" in manager.get("/inbox").text
    answer = post(manager, "/inbox/replay", {"topic": "order.updated"}, form="/inbox")
    assert answer.status_code == 303
    wait_until(lambda: db.inbox.count_documents({"state": "waiting"}) == 0)
    text = manager.get(answer.location).text
    assert "3 of 3 deliveries are done." in text
    assert all(f"/inbox/{key}" in text for key in keys)
    assert f"/inbox/{other}" not in text
    assert ">Order 1</a>" in text
    assert ">Order 2</a>" not in text, "the POS does not have it"
    states = {each["_id"]: each["state"] for each in db.inbox.find()}
    assert [states[key] for key in (*keys, other)] == ["done", "parked", "parked", "parked"]
    assert "replay" not in db.inbox.find_one({"_id": other})  # type: ignore[operator]


def test_a_replay_of_very_many_takes_the_oldest_first(
    app: Flask, db: Db, as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MOST_AT_ONCE", 2)
    keys = [send(app, number) for number in (1, 2, 3)]
    post(as_role("manager"), "/inbox/replay", {}, form="/inbox")
    assert [each["_id"] for each in db.inbox.find({"replay": {"$exists": True}}).sort("received_at")] == keys[:2]


def test_what_was_asked_for_stays_where_it_takes_too_long_to_find(
    db: Db, as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = now()
    many: list[Document] = [
        {"_id": f"e{n}", "state": "done", "store": "default", "received_at": at} for n in range(8000)
    ]
    db.inbox.insert_many(many)
    monkeypatch.setattr(queries, "_LONGEST", 1)
    answer = as_role("manager").get("/inbox?topic=order.updated&state=done", headers={"Accept-Language": "sv"})
    assert answer.status_code == 503
    assert 'value="order.updated"' in answer.text
    assert "Det tar för lång tid att hitta" in answer.text


def test_what_waits_or_is_done_is_not_tried_again_as_a_whole(app: Flask, db: Db, as_role: AsRole) -> None:
    send(app, 1)
    for tab in ("waiting", "done"):
        post(as_role("manager"), "/inbox/replay", {"state": tab}, form="/inbox")
    assert db.inbox.count_documents({"replay": {"$exists": True}}) == 0


def test_lists_are_found_by_an_index(app: Flask, db: Db) -> None:
    for wanted, name in ((Filter(outcome="stale"), "done_at_-1__id_-1"), (Filter("parked"), "state_1_attention_at_-1")):
        plan = db.inbox.find(wanted.query()).sort([(wanted.sorted_by, -1), ("_id", -1)]).explain()
        assert name in json.dumps(plan["queryPlanner"]["winningPlan"], default=str), wanted


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("billing", True),
        ("shippingAddress", True),
        ("customerNote", True),
        ("receipt_email", True),
        ("Customer-IP-Address", True),
        ("total", False),
        ("line_items", False),
        ("sku", False),
    ],
)
def test_what_may_be_about_a_person_is_known_by_the_name_of_its_field(name: str, expected: bool) -> None:
    assert is_personal(name) == expected


def test_what_was_sent_is_shown_as_it_was_written() -> None:
    found = folded(b'{"total": 1.10, "id": 12345678901234567890123, "buyer": {"n": 0.1000}, "name": "\xc3\xa5"}')
    assert '"total": 1.10,\n  "id": 12345678901234567890123' in found.text
    assert '"buyer": "…"' in found.text
    assert found.text.endswith('"name": "å"\n}')
    assert [(each.path, each.text) for each in found.blocks] == [("buyer", '{\n  "n": 0.1000\n}')]


@pytest.mark.parametrize("body", [b"a=b&email=a%40b", b"[" * 100_000, b'"' + b"x" * 2_000_000, b"\xff\x00"])
def test_what_can_not_be_read_is_one_folded_block(body: bytes) -> None:
    found = folded(body)
    assert found.text == ""
    assert len(found.blocks) == 1
    assert len(found.blocks[0].text) <= 65_536


def test_what_a_sender_can_write_takes_no_long_time_to_show() -> None:
    """The page of an entry reads what anybody sent: neither a long name of a field nor much that is deep inside may
    keep the process busy."""
    name = "ip_" * 20_000 + "\n"
    members = ",".join(f'"a{index}": 1' for index in range(20_000))
    many_in_a_long_name = f'{{"{"x" * 300_000}": {{{members}}}}}'
    many_deep_inside = "[" * 200 + "0," * 100_000 + "0" + "]" * 200
    began = time.process_time()
    assert is_personal(name)
    assert folded(many_in_a_long_name.encode()).is_cut
    assert folded(many_deep_inside.encode()).is_cut
    assert time.process_time() - began < 2


def test_every_warning_has_a_sentence_of_its_code(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert sentences() == SENTENCES
    with app.test_request_context(headers={"Accept-Language": "sv"}):
        [known, old] = in_words(
            [
                {"code": "shared_sku", "message": "…", "values": {"sku": "{A}"}},
                {"code": "shared_sku", "message": "As it was.", "values": {}},
            ]
        )
    assert known == "Artikelnummer {A} delas med en annan produkt i butiken."
    assert old == "As it was."


def test_all_are_tried_again_by_mouse_and_the_page_shows_how_far_it_is(
    app: Flask, db: Db, open_as: Callable[..., Page]
) -> None:
    for number in (1, 2):
        mend(db, send(app, number, currency="SEK", status="processing"))
    page = open_as("manager")
    page.goto("/inbox")
    page.locator("summary", has_text="Try all of these again").click()
    page.get_by_role("button", name="Yes, try again").click()
    expect(page.locator("#progress")).to_contain_text("2 of 2 deliveries are done.")
    assert problems(page) == []
