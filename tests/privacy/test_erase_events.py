"""Events about an erased person say nothing of them any more, nor do receivers' answers; all else about them stays."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pos_api.cli.service import new_deliverer
from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.customers.erasures import AGAIN_AFTER, Erasures
from pos_api.customers.model import CustomerErasure
from pos_api.database import backup
from pos_api.database.client import Db, Document
from pos_api.outbox import erasure, wakeup
from pos_api.outbox.delivering.deliverer import Deliverer
from pos_api.outbox.delivering.reader import Reader, Wanted
from pos_api.outbox.interest import interest_of
from pos_api.outbox.model import OutboxEvent
from pos_api.outbox.publish import publish
from pos_api.privacy import erase, retention
from tests.backups import restore
from tests.factories import Shop, at, order
from tests.outbox.delivering import outbox
from tests.outbox.delivering.receivers import receiving
from tests.outbox.subscribing import wait_until_nothing_is_left
from tests.privacy.test_erase import ADMIN, ANNA, ANONYMIZED, ERASED, annas, life, traces
from tests.privacy.test_retention import closed_days_ago
from tests.steps import Crash, processes
from tests.waiting import wait_until
from tests.web.api.test_orders import conforms, data

URL = "https://erp.example/hooks/a-token"
AT = datetime.fromisoformat("2026-11-20T12:00:00+00:00")


@pytest.fixture
def shop(app: Flask, db: Db) -> Shop:
    """A shop, and a subscription that wants every event."""
    subscribe(db)
    return Shop(app.test_client())


@pytest.fixture
def erasures(app: Flask) -> Erasures:
    """Those that the running service knows."""
    known: Erasures = app.extensions["pos"].stores.erasures
    return known


def subscribe(db: Db) -> None:
    db.webhook_subscriptions.insert_one({"_id": "sub_1", "events": ["*"], "stores": [], "active": False})
    interest_of(db).refresh()


def of_order(number: int, position: int, **more: Any) -> OutboxEvent:
    """An event of an order of Anna's."""
    return OutboxEvent(
        **{
            "id": f"order:default:{number}:{position}",
            "type": "order.updated",
            "at": AT,
            "store": "default",
            "resource": f"order:default:{number}",
            "position": position,
            "data": json.dumps({"id": f"default:{number}", "billing": {"email": ANNA}}).encode(),
            "reference": json.dumps({"id": f"default:{number}"}).encode(),
            "about": (f"default:{number}", ANNA),
            **more,
        }
    )


def of_record(position: int = 1, at: datetime = AT, store: str | None = "default") -> OutboxEvent:
    """An event of Anna's record."""
    said = json.dumps({"id": ANNA}).encode()
    id, about = f"customer:d1ge57:{position}", (ANNA, "default:#7")
    return OutboxEvent(id, "customer.updated", at, store, "customer:d1ge57", position, said, said, about)


def send_all(db: Db, events: str = "", **attempt: Any) -> None:
    """Every delivery of these events is sent, and its receiver repeats in its answer what it was sent."""
    for delivery in db.webhook_deliveries.find({"state": "waiting", "event": {"$regex": events}}):
        event = db.outbox.find_one({"_id": delivery["event"]})
        assert event
        sent = {"at": now(), "url": URL, "payload": "full", "status": 200, "answer": bytes(event["data"]), **attempt}
        ended = {"$set": {"state": "succeeded"}, "$unset": {"due_at": ""}, "$push": {"log": sent}}
        db.webhook_deliveries.update_one({"_id": delivery["_id"]}, ended)


def second_pass(db: Db, erasures: Erasures) -> None:
    """What is done once more is done, as if the time had passed."""
    past = now() - AGAIN_AFTER * 2
    for collection in (db.erasures, db.erased_orders):
        collection.update_many({"due_at": {"$exists": True}}, {"$set": {"due_at": past}})
    db.erasures.update_many({"asked_at": {"$exists": True}}, {"$set": {"asked_at": past}})
    db.outbox.update_many({"answers_due_at": {"$exists": True}}, {"$set": {"answers_due_at": past}})
    erase.run_due(db, erasures)


def test_nothing_of_an_erased_person_is_left_in_events_nor_in_what_was_answered_to_them(
    shop: Shop, db: Db, erasures: Erasures
) -> None:
    life(shop)
    publish(db, [of_record()])
    wait_until_nothing_is_left(db)
    send_all(db)
    before = {each["_id"]: each for each in db.outbox.find({"resource": "order:default:1"})}
    assert {trace.split()[0] for trace in traces(db)} >= {"outbox", "webhook_deliveries"}
    erase.person(db, erasures, ANNA)
    assert traces(db) == []
    assert not db.outbox.find_one({"resource": "customer:d1ge57"})
    assert not db.webhook_deliveries.find_one({"resource": "customer:d1ge57"})
    kept = {each["_id"]: each for each in db.outbox.find({"_id": {"$in": [*before]}})}
    assert kept.keys() == before.keys()
    for key, event in kept.items():
        assert event["data"] == event["reference"] == before[key]["reference"]
        assert event["about"] == []
        assert event["erased_at"]
    sent = db.webhook_deliveries.find_one({"event": next(iter(before))})
    assert sent
    assert [(each["url"], each["status"], "answer" in each) for each in sent["log"]] == [(URL, 200, False)]


def test_a_delivery_that_waits_is_sent_without_personal_data(shop: Shop, db: Db, erasures: Erasures) -> None:
    shop.outcome("order.created", annas(1))
    publish(db, [of_record()])
    erase.person(db, erasures, ANNA)
    [delivery] = db.webhook_deliveries.find({"resource": "order:default:1", "position": {"$lte": 8}})
    event = db.outbox.find_one({"_id": delivery["event"]})
    assert event
    assert delivery["state"] == "waiting"
    assert delivery["due_at"]
    assert json.loads(event["data"])["order_id"] == 1
    assert traces(db) == []


def test_an_event_at_hand_is_read_again_once_it_is_erased(db: Db, config: Config) -> None:
    subscribe(db)
    publish(db, [of_order(1, 1), of_order(2, 1, about=("default:2",), data=b"{}")])
    erase.person(db, Erasures(db, config), ANNA)
    at_hand = ["order:default:1:1", "order:default:2:1"]
    looked = Reader(db, config, "holder").look(Wanted(frozenset(), [], [], [], at_hand))
    [(key, event)] = looked.events.items()
    assert key == "order:default:1:1"
    assert event["data"] == event["reference"]


def test_what_a_deleted_delivery_held_back_is_due(db: Db, config: Config) -> None:
    subscribe(db)
    publish(db, [of_record(1), of_record(2, at=now())])
    db.customers.insert_one({"_id": ANNA, "accounts": {"default:7": now()}})  # who has come back
    first, second = (f"sub_1:customer:d1ge57:{number}" for number in (1, 2))
    db.webhook_deliveries.update_one({"_id": first}, {"$set": {"holds": True}})
    later = {"held": True, "due_at": now() + timedelta(days=3)}
    db.webhook_deliveries.update_one({"_id": second}, {"$set": later})
    erasure.erase_events(db, erasure.events_about([ANNA]) | {"at": {"$lte": AT}}, again_after=AGAIN_AFTER)
    [left] = db.webhook_deliveries.find()
    assert left["_id"] == second
    assert left["due_at"] <= now()
    assert "held" not in left


def test_nothing_is_sent_while_the_erasures_after_a_restore_are_due(db: Db, config: Config) -> None:
    erasures = Erasures(db, config)
    erasures.restore_begins()
    asked: list[bool] = []

    def must_wait() -> bool:
        asked.append(erasures.restore_is_noted())
        return asked[-1]

    with receiving() as receiver:
        outbox.subscribe(db, config, receiver.url())
        deliverer = Deliverer(db, outbox.allowing(config), must_wait)
        deliverer.start()
        for position in (1, 2, 3):
            outbox.publish_events(db, outbox.event(1, position))
            wait_until(lambda position=position: len(asked) >= position)  # type: ignore[misc]
        assert receiver.ids() == []
        erasures.restore_ended()
        wakeup.published()
        wait_until(lambda: len(receiver.ids()) == 3)
        deliverer.stop()
        deliverer.join(20)


def test_the_service_waits_for_the_erasures_after_a_restore(db: Db, config: Config, erasures: Erasures) -> None:
    deliverer = new_deliverer(db, config)
    assert not deliverer._must_wait()
    erasures.restore_begins()
    assert deliverer._must_wait()


def test_events_of_others_and_of_who_came_back_stay(shop: Shop, db: Db, erasures: Erasures) -> None:
    shop.outcome("order.created", order(3, billing={"first_name": "Bo", "email": "bo@example.se"}))
    shop.outcome("order.created", annas(1))
    erase.person(db, erasures, ANNA)
    new = at(3600 * 24 * 365 * 20)
    shop.outcome("order.created", annas(9, date_created_gmt=new, date_modified_gmt=new))
    publish(db, [of_record(at=now())])
    second_pass(db, erasures)
    for resource in ("order:default:3", "order:default:9", "customer:d1ge57"):
        event = db.outbox.find_one({"resource": resource})
        assert event, resource
        assert "erased_at" not in event, resource
        assert event["about"], resource


def test_an_event_that_is_published_late_goes_with_the_second_pass(shop: Shop, db: Db, erasures: Erasures) -> None:
    shop.outcome("order.created", annas(1))
    erase.person(db, erasures, ANNA)
    publish(db, [of_order(1, 5), of_order(77, 1, at=now()), of_record(at=now())])
    assert traces(db)
    second_pass(db, erasures)
    assert traces(db) == []


def test_an_answer_that_comes_after_the_erasure_goes_with_the_second_pass(
    shop: Shop, db: Db, erasures: Erasures
) -> None:
    shop.outcome("order.created", annas(1))
    erase.person(db, erasures, ANNA)
    send_all(db, "^order:default:1:1$", answer=f"thank you for {ANNA}".encode())
    erase.run_due(db, erasures)
    assert traces(db), "it is not due yet"
    second_pass(db, erasures)
    assert traces(db) == []
    assert not db.outbox.find_one({"answers_due_at": {"$exists": True}})


def test_after_a_crash_at_any_step_nothing_is_left_in_events(db: Db, config: Config) -> None:
    for step in range(1, 60):
        for name in ("outbox", "webhook_deliveries", "erasures", "webhook_subscriptions"):
            db[name].delete_many({})
        subscribe(db)
        publish(db, [of_order(1, 1), of_record()])
        send_all(db)
        with processes(config, 1) as [process]:
            erasures = Erasures(process.db, config)
            process.steps.crash_at(step)
            try:
                erase.person(process.db, erasures, ANNA)
                ended = True
            except Crash:
                ended = False
        if db.erasures.find_one({"times": {"$exists": True}}):
            second_pass(db, Erasures(db, config))
            assert [each for each in traces(db) if each.startswith(("outbox", "webhook"))] == [], step
        if ended:
            break
    assert step > 12


def test_where_the_shop_keeps_its_orders_data_their_events_stay_and_those_of_the_account_go(
    shop: Shop, db: Db, erasures: Erasures
) -> None:
    shop.outcome("order.created", annas(1))
    publish(db, [of_record(), of_order(2, 1, store="till-1")])
    erase.apply_erasure(db, erasures, CustomerErasure("default", ANNA, now(), orders=False))
    assert not db.outbox.find_one({"resource": "customer:d1ge57"})
    assert db.outbox.count_documents({"erased_at": {"$exists": True}}) == 0
    erase.apply_erasure(db, erasures, CustomerErasure("default", ANNA, now(), orders=True))
    erased = {each["resource"] for each in db.outbox.find({"erased_at": {"$exists": True}})}
    assert erased == {"order:default:1"}, "of the other store it is not"


def test_an_order_that_the_shop_anonymizes_is_erased_in_its_events_and_later_ones_are_whole(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", annas(1))
    shop.outcome("order.updated", annas(1, modified=5, billing=ERASED, shipping=ERASED, meta_data=ANONYMIZED))
    shop.outcome("order.updated", annas(1, modified=9, status="completed", billing=ERASED, meta_data=ANONYMIZED))
    [first, *_, last] = db.outbox.find({"resource": "order:default:1"}).sort("position", 1)
    assert first["data"] == first["reference"]
    assert json.loads(last["data"])["status"] == "completed"
    assert [trace for trace in traces(db) if trace.startswith("outbox")] == []


def test_what_a_crash_left_to_publish_of_an_order_comes_without_personal_data_once_the_shop_anonymizes_it(
    shop: Shop, db: Db
) -> None:
    shop.outcome("order.created", annas(1))
    event, *_ = db.outbox.find({"resource": "order:default:1"}).sort("position", 1)
    mark = {"id": event["_id"], **{name: event[name] for name in ("type", "at", "position")}}
    db.orders.update_one({}, {"$set": {"unpublished": [mark]}})
    for name in ("outbox", "webhook_deliveries"):
        db[name].delete_many({})
    shop.outcome("order.updated", annas(1, modified=5, billing=ERASED, shipping=ERASED, meta_data=ANONYMIZED))
    assert [trace for trace in traces(db) if trace.startswith("outbox")] == []


def test_events_of_orders_that_were_closed_for_long_enough_lose_the_personal_data(
    shop: Shop, db: Db, config: Config
) -> None:
    shop.outcome("order.created", {**annas(1), **_times(closed_days_ago(200))})
    retention.run(db, replace(config, order_personal_days=100))
    assert traces(db) == []
    erased = {each["_id"] for each in db.outbox.find({"erased_at": {"$exists": True}})}
    assert erased == {f"order:default:1:1{step}" for step in ("", ":completed", ":refunded")}


def _times(closed: Document) -> Document:
    return {name: closed[name] for name in ("status", "date_created_gmt", "date_modified_gmt")}


def test_a_restored_backup_brings_nobody_back_into_events(
    shop: Shop, db: Db, config: Config, erasures: Erasures, tmp_path: Path
) -> None:
    life(shop)
    publish(db, [of_record(), of_order(77, 1)])
    send_all(db)
    key = backup.keys(config)[0]
    backup.write(db, COLLECTIONS, tmp_path / "file", key)
    erase.person(db, erasures, ANNA)
    restore(db, tmp_path / "file", [key], force=True)
    assert {trace.split()[0] for trace in traces(db)} >= {"outbox", "webhook_deliveries"}
    erase.after_restore(db, Erasures(db, config))
    assert traces(db) == []
    assert db.webhook_subscriptions.count_documents({}) == 1


# --- how long events are kept -----------------------------------------------------------------------------------------


def test_events_go_after_their_time_with_all_their_deliveries(db: Db, config: Config) -> None:
    subscribe(db)
    publish(db, [of_order(number, 1) for number in (1, 2, 3)])
    db.webhook_deliveries.update_one({"event": "order:default:3:1"}, {"$set": {"state": "succeeded"}})
    for name in ("outbox", "webhook_deliveries"):
        for number, days in ((1, 29), (2, 31), (3, 31)):
            old = {"written_at": now() - timedelta(days=days), "created_at": now() - timedelta(days=days)}
            db[name].update_one({"resource": f"order:default:{number}"}, {"$set": old})
    replayed = {"_id": "sub_2:order:default:2:1", "event": "order:default:2:1", "created_at": now()}
    db.webhook_deliveries.insert_one(replayed)
    orphan = {"_id": "sub_1:x", "subscription": "sub_1", "event": "x", "created_at": now() - timedelta(days=31)}
    db.webhook_deliveries.insert_one(orphan)
    retention.run(db, config)
    assert [each["_id"] for each in db.outbox.find()] == ["order:default:1:1"]
    assert [each["_id"] for each in db.webhook_deliveries.find()] == ["sub_1:order:default:1:1"]
    retention.run(db, replace(config, event_days=7))
    assert db.outbox.count_documents({}) == db.webhook_deliveries.count_documents({}) == 0


def test_more_events_than_a_batch_go_at_once(db: Db, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "_BATCH", 2)
    subscribe(db)
    publish(db, [of_order(number, 1) for number in range(5)])
    erase.person(db, Erasures(db, config), ANNA)
    assert db.outbox.count_documents({"erased_at": {"$exists": True}}) == 5
    retention.run(db, replace(config, event_days=1))
    assert db.outbox.count_documents({"type": "order.updated"}) == 5
    db.outbox.update_many({}, {"$set": {"written_at": AT - timedelta(days=90)}})
    retention.run(db, config)
    assert db.outbox.count_documents({}) == db.webhook_deliveries.count_documents({}) == 0


def test_what_is_erased_and_deleted_is_found_by_an_index(db: Db) -> None:
    asked = (
        db.outbox.find(erasure.events_about([ANNA]) | {"$or": [erasure.OF_CUSTOMERS, {}], "at": {"$lte": now()}}),
        db.outbox.find({"written_at": {"$lt": now()}}).sort("written_at", 1),
        db.outbox.find({"answers_due_at": {"$lte": now()}}),
        db.webhook_deliveries.find({"subscription": "sub_1", "created_at": {"$lt": now()}}),
        db.webhook_deliveries.find({"event": {"$in": ["x"]}, "log.answer": {"$exists": True}}),
    )
    for query in asked:
        plan = str(query.explain())
        assert "COLLSCAN" not in plan
        assert "'SORT'" not in plan


# --- taken out ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(shop: Shop, db: Db) -> None:
    """An order and an account of Anna's, whose events were sent; some to others, that were not sent all."""
    shop.outcome("order.created", annas(1))
    shop.outcome("customer.created", {"id": 7, "email": ANNA, "date_modified_gmt": at(5)})
    publish(db, [of_record()])
    send_all(db)
    [delivery] = db.webhook_deliveries.find({"event": "order:default:1:1"}) or [{}]
    for name, more in (
        ("thin", {"payload": "thin"}),
        ("unreached", {"error": "connection refused"}),
        ("second", {"url": "https://mail.example/x", "status": 500}),
    ):
        attempt = {**delivery["log"][0], "url": f"https://{name}.example/", **more}
        if "error" in more:
            del attempt["status"]
        db.webhook_deliveries.insert_one({**delivery, "_id": f"{name}:1", "subscription": name, "log": [attempt]})


@pytest.mark.usefixtures("sent")
def test_an_export_names_the_hosts_that_were_sent_events_about_the_person(db: Db, client: FlaskClient) -> None:
    reply = client.get(f"/api/customers/{ANNA}/export", headers=ADMIN)
    conforms(client, reply, "/api/customers/{customer}/export")
    found = data(reply)["recipients"]
    assert [each["host"] for each in found] == ["erp.example", "mail.example"]
    about = db.outbox.count_documents({"about": {"$in": [ANNA, "default:1", "default:#7"]}})
    assert [each["events"] for each in found] == [about, 1]
    assert all(each["first_sent_at"] <= each["last_sent_at"] for each in found)
    assert "a-token" not in reply.text, "an address of a subscription may have a secret in it"
