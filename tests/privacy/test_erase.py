"""An erased person is nowhere any more, whatever comes later; stock, money and figures stay as they are."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import bson
import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient

from pos_api import cli
from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.customers.erasures import AGAIN_AFTER, Erasures
from pos_api.customers.model import CustomerErasure
from pos_api.database import backup
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict
from pos_api.figures import queries as stats
from pos_api.figures import rollup
from pos_api.inbox import queries
from pos_api.inbox.replay import replay_entries
from pos_api.orders import verify_stock as verify
from pos_api.orders.compare import compare_orders
from pos_api.orders.model import OrderUpdate
from pos_api.privacy import erase
from pos_api.processing import ingest
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.staff import token_claims
from pos_api.stores.registry import Stores
from tests.backups import restore
from tests.factories import API_KEY, Shop, at, line, native_headers, order, read_delivery, stock_of, stock_up, values
from tests.service import settings_of
from tests.steps import Crash, Process, clear, interleave, processes
from tests.web.api.test_orders import conforms, data

ANNA = "anna.svensson@example.se"
_ADDRESS = {
    "first_name": "Annalisa",
    "last_name": "Svenssondotter",
    "company": "Svenssondotter Konsult",
    "address_1": "Hemlighetsgatan 7",
    "city": "Hemligstad",
    "postcode": "999 77",
    "phone": "070-777 66 55",
}
SECRETS = (
    *(
        "anna.svensson",
        "Annalisa",
        "Svenssondotter",
        "Hemlig",
        "999 77",
        "777 66 55",
        "0707776655",
        "ngelska",
        "wc_order_txn1",
    ),
)
ERASED = {"first_name": "[deleted]", "last_name": "[deleted]", "email": "deleted@site.invalid", "phone": "0-000"}
ADMIN = {"Authorization": f"Bearer {token_claims.token('test-jwt-secret-of-more-than-32-bytes', 'eva', 'admin')[0]}"}
ANONYMIZED = [{"key": "_anonymized", "value": "yes"}]


def annas(number: int, *lines: Any, **more: Any) -> Document:
    """An order of Anna's with personal data wherever an order can have some."""
    personal = {
        "billing": {**_ADDRESS, "email": ANNA},
        "shipping": _ADDRESS,
        "customer_note": "Ring Annalisa på 070-777 66 55",
        "transaction_id": "txn_Svenssondotter",
        "order_key": "wc_order_txn1",
        "meta_data": [{"key": "_payer", "value": {"email": ANNA, "name": "Annalisa"}}],
        "refunds": [{"id": 900 + number, "reason": "Annalisa ångrade sig", "total": "-1.00"}],
        "customer_id": 7,
    }
    engraved = [{"key": "Gravyr", "value": "Min ängelska Annalisa"}, {"key": "pa_size", "value": "M"}]
    items = [{**each, "meta_data": each["meta_data"] + engraved} for each in lines or (line("A"),)]
    return order(number, *items, **{**personal, **more})


@pytest.fixture
def shop(client: FlaskClient, db: Db) -> Shop:
    stock_up(db, A=100)
    return Shop(client)


@pytest.fixture
def erasures(app: Flask) -> Erasures:
    """Those that the running service knows."""
    known: Erasures = app.extensions["pos"].stores.erasures
    return known


def traces(db: Db) -> list[str]:
    """Where in the database, in whatever form, something of Anna's is."""
    found = []
    for name in db.list_collection_names():
        for document in db[name].find():
            raw = bson.encode(document)
            found += [
                f"{name} {document['_id']}: {secret}" for secret in SECRETS if secret.lower().encode() in raw.lower()
            ]
    return found


def figures(db: Db) -> Any:
    return stats.figures(db, since=date(2026, 11, 1), until=date(2026, 11, 30))["currencies"]


def erase_anna(db: Db, erasures: Erasures) -> str:
    """Erase Anna; returns the pseudonym of her orders."""
    pseudonym = erase.person(db, erasures, ANNA).customer
    assert pseudonym is not None
    return pseudonym


def life(shop: Shop) -> None:
    """Anna orders, refunds, and is reported as a customer; some of what the shop sends can't be used."""
    shop.outcome("order.created", annas(1, date_created_gmt=at(0)))
    shop.outcome("order.updated", annas(1, modified=1, status="completed"))
    shop.outcome("order.created", annas(2, line("A", 3), date_created_gmt=at(100), modified=100))
    shop.outcome("order.created", order(3, billing={"first_name": "Bo", "email": "bo@example.se"}))
    account = {"id": 7, "email": ANNA, "username": "annalisa", "billing": _ADDRESS, "date_modified_gmt": at(5)}
    shop.outcome("customer.created", account)
    assert shop.send("order.created", {**annas(4), "line_items": 5}).status_code == 422  # parked
    shop.outcome("order.created", {**annas(5), "status": "checkout-draft"})  # ignored
    shop.outcome("subscription.created", annas(6))  # of a topic that is none here
    assert (
        shop.post(b'{"event": "order.created", "data": {"billing": {"email": "%s"' % ANNA.encode()).status_code == 400
    )


# --- everywhere -----------------------------------------------------------------------------------------------------


def test_nothing_of_an_erased_person_is_left_in_any_collection(shop: Shop, db: Db, client: FlaskClient) -> None:
    life(shop)
    rollup.refresh(db)
    lying = {trace.split()[0] for trace in traces(db)}
    assert lying == {"inbox", "orders", "customers", "first_orders", "rollup_buckets"}
    erased = data(client.delete(f"/api/customers/{ANNA}", headers=ADMIN))
    assert traces(db) == []
    assert (erased["orders"], erased["deliveries"], erased["record"]) == (2, 8, True)
    assert values(db.customers, "_id") == ["bo@example.se"]
    assert db.inbox.count_documents({"attention_at": {"$exists": True}}) == 0, "there is nothing left to look at"


def test_what_is_no_personal_data_of_an_order_stays(shop: Shop, db: Db, erasures: Erasures) -> None:
    shop.outcome("order.created", annas(1, line("A", 2, 2), payment_method="cod"))
    before = db.orders.find_one({})
    pseudonym = erase_anna(db, erasures)
    after = db.orders.find_one({})
    assert before is not None
    assert after is not None
    assert after["customer"] == pseudonym
    same = ("status", "total", "created_at", "day", "held", "payment_method", "status_history", "number", "skus")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["line_items"] == [{**before["line_items"][0], "meta": [{"key": "pa_size", "value": "M"}]}]
    assert after["refunds"] == [{name: value for name, value in before["refunds"][0].items() if name != "reason"}]


def test_stock_money_and_figures_stay(shop: Shop, db: Db, erasures: Erasures) -> None:
    life(shop)
    before, stock = figures(db), stock_of(db)
    pseudonym = erase_anna(db, erasures)
    assert figures(db) == before
    assert stock_of(db) == stock == {"A": 96}
    assert list(verify.run(db)) == []
    assert values(db.orders, "customer") == ["bo@example.se", pseudonym]
    assert db.first_orders.count_documents({}) == 2


def test_orders_of_different_erased_people_are_of_different_customers(shop: Shop, db: Db, erasures: Erasures) -> None:
    life(shop)
    before = figures(db)
    erase.person(db, erasures, ANNA)
    erase.person(db, erasures, "bo@example.se")
    assert len(values(db.orders, "customer")) == 2
    assert figures(db) == before
    assert db.customers.count_documents({}) == 0


def test_erasing_twice_changes_nothing_more(shop: Shop, db: Db, erasures: Erasures) -> None:
    life(shop)
    erase.person(db, erasures, ANNA)
    stored = list(db.orders.find())
    assert not erase.person(db, erasures, ANNA).found_anything()
    assert list(db.orders.find()) == stored


def test_who_has_no_address_is_erased_by_the_shops_id(shop: Shop, db: Db, client: FlaskClient) -> None:
    shop.outcome("order.created", annas(1, billing=_ADDRESS, meta_data=[]))
    erased = data(client.delete("/api/customers/default:%237", headers=ADMIN))
    assert erased["orders"] == 1
    assert traces(db) == []
    shop.outcome("order.updated", annas(1, billing=_ADDRESS, meta_data=[], modified=9))
    assert traces(db) == []


@pytest.mark.parametrize(("method", "path"), [("delete", ""), ("get", "/export")])
@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("manager", 403), ("admin", 404)])
def test_only_an_admin_may(client: FlaskClient, method: str, path: str, role: str, status: int) -> None:
    token = {"Authorization": f"Bearer {token_claims.token('test-jwt-secret-of-more-than-32-bytes', 'eva', role)[0]}"}
    assert client.open(f"/api/customers/nobody{path}", method=method, headers=token).status_code == status


# --- what comes later -----------------------------------------------------------------------------------------------


LATE: dict[str, tuple[str, Document]] = {
    "an older version": ("order.updated", annas(1, modified=-5)),
    "a newer version": ("order.updated", annas(1, modified=50, status="completed")),
    "an order that was never here": ("order.created", annas(8, date_created_gmt=at(3))),
    "the account as it was": (
        "customer.updated",
        {"id": 7, "email": ANNA, "first_name": "Annalisa", "date_modified_gmt": at(9)},
    ),
    "an account without any time": ("customer.updated", {"id": 7, "email": ANNA, "first_name": "Annalisa"}),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE.keys())
def test_what_comes_late_from_before_brings_nothing_back(late: Any, shop: Shop, db: Db, erasures: Erasures) -> None:
    life(shop)
    pseudonym = erase_anna(db, erasures)
    shop.outcome(*late)
    assert traces(db) == []
    assert values(db.orders, "customer") == ["bo@example.se", pseudonym]
    assert list(verify.run(db)) == []


def test_what_the_order_is_now_is_still_followed(shop: Shop, db: Db, erasures: Erasures) -> None:
    shop.outcome("order.created", annas(1, line("A", 2)))
    erase.person(db, erasures, ANNA)
    assert shop.outcome("order.updated", annas(1, line("A", 2), modified=50, status="cancelled")) == "updated"
    assert stock_of(db) == {"A": 100}
    assert traces(db) == []


def test_what_is_read_from_the_shop_brings_nothing_back(shop: Shop, db: Db, config: Config, erasures: Erasures) -> None:
    erase.person(db, erasures, ANNA)
    store = Stores(db, config).get("default")
    bodies = [envelope("order.created", annas(1)), envelope("customer.created", {"id": 7, "email": ANNA})]
    assert [each.outcome for each in ingest.ingest(db, store, bodies, now())] == ["created", "stale"]
    for _ in range(2):
        ingest.ingest(db, store, bodies, now(), again=True)
    assert traces(db) == []


def test_who_comes_back_is_a_new_customer(shop: Shop, db: Db, erasures: Erasures) -> None:
    shop.outcome("order.created", annas(1))
    first = erase_anna(db, erasures)
    back = (now() + timedelta(seconds=2)).isoformat()
    shop.outcome("order.created", annas(2, date_created_gmt=back, modified=None))
    shop.outcome("customer.updated", {"id": 7, "email": ANNA, "first_name": "Annalisa", "date_modified_gmt": back})
    assert values(db.orders, "customer") == [ANNA, first]
    assert db.customers.find_one({"_id": ANNA})["first_name"] == "Annalisa"  # type: ignore[index]
    assert sum(each["new_customers"] for each in figures(db)) == 2
    pass_again(db, erasures)
    assert values(db.orders, "customer") == [ANNA, first]
    assert db.customers.find_one({"_id": ANNA})["first_name"] == "Annalisa"  # type: ignore[index]


def test_who_came_back_and_is_erased_again_is_two_customers(shop: Shop, db: Db, erasures: Erasures) -> None:
    shop.outcome("order.created", annas(1))
    first = erase.apply_erasure(db, erasures, CustomerErasure("default", ANNA, now() - timedelta(hours=2), orders=True))
    shop.outcome("order.created", annas(2, date_created_gmt=(now() - timedelta(hours=1)).isoformat()))
    assert first == "updated"
    before = figures(db)
    erase.person(db, erasures, ANNA)
    assert len(values(db.orders, "customer")) == 2
    assert figures(db) == before
    shop.outcome("order.created", annas(3, date_created_gmt=at(9)))
    assert len(values(db.orders, "customer")) == 2, "a late one is of who she was then"


def test_an_erased_delivery_says_what_it_was_about_and_cant_be_tried_again(
    shop: Shop, db: Db, client: FlaskClient, erasures: Erasures
) -> None:
    life(shop)
    [key] = [entry["_id"] for entry in db.inbox.find({"topic": "order.created", "resource_id": "4"})]
    erase.person(db, erasures, ANNA)
    entry = queries.get(db, key)
    assert (entry["store"], entry["resource_id"], entry["outcome"]) == ("default", "4", "parked")
    assert (entry["reason"], entry["state"], entry["body"]) == ("The order is not valid.", "done", b"")
    with pytest.raises(Conflict, match="was erased"):
        replay_entries(db, [key])
    assert replay_entries(db, queries.Filter()) == 0
    assert data(client.get(f"/api/inbox/{key}", headers=ADMIN))["body"] == ""


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("part", ["id", "topic", "source", "delivery", "code", "unreadable"])
def test_an_address_where_a_delivery_says_what_it_is_about_is_erased_too(
    part: str, native: bool, shop: Shop, db: Db, erasures: Erasures
) -> None:
    life(shop)
    topic = f"order.created for {ANNA}" if part == "topic" else "order.created"
    about: Document = {"code": ANNA, "message": "no"} if part == "code" else annas(8)
    about |= {"id": ANNA} if part == "id" else {}
    body = json.dumps(about if native else {"event": topic, "data": about}).encode()
    if part == "unreadable":
        body = body.replace(b"order.created", b"order " + ANNA.encode())[:-1]
    from_shop = native_headers(ANNA if part == "unreadable" else topic, body)
    headers = dict(from_shop) if native else {"X-API-Key": API_KEY, "Content-Type": "application/json"}
    headers["X-WC-Webhook-Source"] = f"https://{ANNA}/" if part == "source" else "https://shop.example/"
    headers["X-WC-Webhook-Delivery-ID"] = ANNA if part == "delivery" else "1"
    shop.post(body, headers)
    erase.person(db, erasures, ANNA)
    assert traces(db) == []


# --- erased in the shop ---------------------------------------------------------------------------------------------


def anonymized(number: int, modified: float) -> Document:
    """An order of Anna's after WooCommerce's eraser, which leaves note, lines and refunds as they were."""
    erased: Document = {"billing": ERASED, "shipping": {}, "transaction_id": "0", "meta_data": ANONYMIZED}
    whole = annas(number, modified=modified, **erased)
    return {name: value for name, value in whole.items() if name not in ("status", "line_items")}


def test_an_order_that_the_shop_anonymizes_is_erased_everywhere(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", annas(1))
    shop.outcome("order.updated", annas(1, modified=1, status="completed"))
    before = figures(db)
    assert shop.outcome("order.updated", anonymized(1, modified=5)) == "updated"
    after = figures(db)
    assert traces(db) == []
    assert after == before
    assert shop.outcome("order.updated", annas(1, modified=2)) == "stale"
    assert shop.outcome("order.updated", annas(1, modified=9)) == "updated"
    assert traces(db) == []


def test_an_order_that_was_anonymized_before_a_newer_version_came_is_erased_still(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", annas(1))
    shop.outcome("order.updated", {"id": 1, "status": "completed", "date_modified_gmt": at(9)})
    assert shop.outcome("order.updated", anonymized(1, modified=5)) == "updated"
    assert db.orders.find_one({})["status"] == "completed"  # type: ignore[index]
    assert traces(db) == []


def test_an_order_that_was_anonymized_before_it_came_brings_nothing_back(shop: Shop, db: Db) -> None:
    shop.outcome("order.updated", anonymized(1, modified=5))
    shop.outcome("order.created", annas(1))
    assert values(db.orders, "customer") == ["erased:default:1"]
    assert traces(db) == []


@pytest.mark.parametrize("first", ["the orders", "the person"])
def test_a_shop_reports_the_person_and_the_orders_in_any_order(first: str, shop: Shop, db: Db) -> None:
    life(shop)
    before = figures(db)
    said = ("customer.erased", {"email": ANNA, "orders": True})
    versions = [("order.updated", anonymized(number, modified=200)) for number in (1, 2)]
    for topic, about in [*versions, said] if first == "the orders" else [said, *versions]:
        shop.outcome(topic, about, timestamp=now().isoformat())
    assert figures(db) == before
    assert traces(db) == []
    assert len(values(db.orders, "customer")) == 2


def test_where_the_shop_keeps_its_orders_data_it_stays_here(shop: Shop, db: Db) -> None:
    life(shop)
    account = {"id": 7, "email": ANNA, "first_name": "Annika", "date_modified_gmt": at(500)}
    shop.outcome("customer.updated", account)
    assert shop.outcome("customer.erased", {"email": ANNA, "orders": False}) == "updated"
    [record] = db.customers.find({"_id": ANNA})
    assert "accounts" not in record
    assert "username" not in record
    assert (record["first_name"], record["external_ids"]) == ("Annalisa", ["default:7"]), "as her orders say"
    assert db.orders.count_documents({"customer": ANNA}) == 2
    assert not db.inbox.find_one({"topic": {"$regex": "^customer"}, "body": {"$ne": b""}})
    assert shop.outcome("customer.updated", {**account, "date_modified_gmt": at(400)}) == "stale"


def test_a_shop_erases_what_came_from_it_alone(shop: Shop, db: Db, config: Config, erasures: Erasures) -> None:
    shop.outcome("order.created", annas(1))
    stores = Stores(db, config)
    other = replace(stores.get("default"), id="other")
    ingest.ingest(db, other, [envelope("order.created", annas(2))], now())
    assert shop.outcome("customer.erased", {"email": ANNA.upper(), "orders": True}) == "updated"
    [record] = db.customers.find({})
    assert (record["_id"], record["external_ids"]) == (ANNA, ["other:7"])
    customers = {each["_id"]: each["customer"] for each in db.orders.find()}
    assert customers["other:2"] == ANNA
    assert customers["default:1"].startswith("erased:")
    ingest.ingest(db, other, [envelope("order.updated", annas(2, modified=9, status="completed"))], now())
    assert db.orders.find_one({"_id": "other:2"})["billing"]["email"] == ANNA  # type: ignore[index]


@pytest.mark.parametrize("about", [{}, {"email": ""}, {"email": "nobody"}, {"email": ANNA, "orders": "perhaps"}])
def test_an_erasure_that_cant_be_read_is_kept_for_a_look(about: Document, shop: Shop, db: Db) -> None:
    assert shop.send("customer.erased", about).status_code == 422
    assert db.inbox.count_documents({"state": "parked"}) == 1


# --- crashes, other processes, backups, keys ------------------------------------------------------------------------


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    with processes(config, 2) as pair:
        yield pair


def pass_again(db: Db, erasures: Erasures) -> None:
    """Carry out what is due, as if so much time had passed."""
    ago = now() - AGAIN_AFTER
    db.erasures.update_many({"asked_at": {"$exists": True}}, {"$set": {"asked_at": ago, "due_at": ago}})
    erase.run_due(db, erasures)


def test_a_crash_at_any_step_is_finished_by_somebody_else(pair: list[Process], db: Db, config: Config) -> None:
    first, _ = pair
    for step in range(1, 100):
        clear(db)
        db.erasures.delete_many({})
        db.erasure_keys.delete_many({})
        for each in (annas(1), annas(2, date_created_gmt=at(9)), order(3)):
            first.deliver("order.created", each)
        first.deliver("customer.created", {"id": 7, "email": ANNA, "first_name": "Annalisa"})
        before = figures(db)
        erasures = Erasures(first.db, config)
        first.steps.crash_at(step)
        try:
            erase.person(first.db, erasures, ANNA)
            done = True
        except Crash:
            done = False
        first.steps.go_on()
        if db.erasures.count_documents({}):
            pass_again(db, Erasures(db, config))
            assert traces(db) == [], step
            assert figures(db) == before, step
            assert len(values(db.orders, "customer")) == 2, step
            assert not db.erasures.find_one({"who": {"$exists": True}}), step
        if done:
            break
    else:
        pytest.fail("an erasure with no end")


@pytest.mark.parametrize("crashing", ["customer.erased", "order.updated"])
def test_a_crash_at_any_step_of_a_shops_erasure_is_done_again(crashing: str, pair: list[Process], db: Db) -> None:
    first, second = pair
    said: Document = {"email": ANNA, "orders": True} if crashing == "customer.erased" else anonymized(1, modified=9)
    for step in range(1, 60):
        clear(db)
        db.erased_orders.delete_many({})
        first.deliver("order.created", annas(1))
        before = figures(db)
        first.steps.crash_at(step)
        try:
            first.deliver(crashing, said, timestamp=now().isoformat())
            done = True
        except Crash:
            done = False
        first.steps.go_on()
        if not db.inbox.find_one({"topic": crashing}):
            continue  # never stored, so never answered
        second.take_over()
        assert figures(db) == before, step
        assert traces(db) == [], step
        assert db.customers.count_documents({}) == 0, step
        if done:
            break
    else:
        pytest.fail("an event with no end")


def test_what_a_process_that_does_not_know_yet_saves_is_erased_by_the_next_pass(
    pair: list[Process], db: Db, config: Config
) -> None:
    first, second = pair
    stock_up(db, A=10)
    first.deliver("order.created", annas(1))
    erasures = Erasures(db, config)
    pseudonym = erase_anna(db, erasures)
    second.deliver("order.created", annas(2))  # its view is an hour old
    second.deliver("customer.updated", {"id": 7, "email": ANNA, "first_name": "Annalisa", "date_modified_gmt": at(1)})
    assert traces(db)
    pass_again(db, erasures)
    assert traces(db) == []
    assert values(db.orders, "customer") == [pseudonym]
    assert list(verify.run(db)) == []


WHILE: dict[str, tuple[str, Document]] = {
    "a new version": ("order.updated", annas(1, modified=50, status="completed")),
    "another order": ("order.created", annas(2, line("A", 2))),
    "her account": ("customer.updated", {"id": 7, "email": ANNA, "first_name": "Annalisa", "date_modified_gmt": at(9)}),
    "the order is anonymized": ("order.updated", anonymized(1, modified=50)),
}


@pytest.mark.parametrize("meanwhile", WHILE.values(), ids=WHILE.keys())
def test_a_delivery_at_the_same_moment_leaves_nothing_in_any_interleaving(
    meanwhile: Any, pair: list[Process], db: Db, config: Config
) -> None:
    first, second = pair
    for i in range(1, 24, 3):
        for j in range(1, 10, 2):
            clear(db)
            stock_up(db, A=10)
            first.deliver("order.created", annas(1))
            erasures = Erasures(first.db, config)
            interleave(
                first,
                partial(erase.person, first.db, erasures, ANNA),
                second,
                lambda: second.deliver(*meanwhile, timestamp=at(60)),
                i,
                j,
            )
            pass_again(db, Erasures(db, config))
            assert traces(db) == [], (i, j)
            assert len(values(db.orders, "customer")) == 1, (i, j)
            assert db.customers.count_documents({}) == 0, (i, j)
            assert list(verify.run(db)) == [], (i, j)


def test_figures_counted_at_the_same_moment_stay_and_know_nobody_by_address(
    pair: list[Process], db: Db, config: Config
) -> None:
    first, second = pair
    for i in range(1, 20, 2):
        for j in range(2, 24, 4):
            clear(db)
            for name in ("rollup_spans", "rollup_state"):
                db[name].delete_many({})
            for number in (1, 2):
                first.deliver("order.created", annas(number))
            if j % 8 == 2:
                rollup.refresh(db)
            interleave(
                first,
                partial(rollup.refresh, first.db),
                second,
                partial(erase.person, second.db, Erasures(second.db, config), ANNA),
                i,
                j,
            )
            [counted] = figures(db)
            assert (counted["new_customers"], counted["returning_customers"]) == (1, 1), (i, j)
            assert traces(db) == [], (i, j)
            assert len(values(db.first_orders, "_id")) == 1, (i, j)


def test_a_shop_that_keeps_an_erased_orders_data_is_in_sync(
    shop: Shop, db: Db, config: Config, erasures: Erasures
) -> None:
    shop.outcome("order.created", annas(1))
    erase.person(db, erasures, ANNA)
    store = Stores(db, config).get("default")
    read = read_delivery(store, {"content-type": "application/json"}, envelope("order.updated", annas(1)), now())
    assert isinstance(read.commands[0], OrderUpdate)
    [(stored, differing)] = compare_orders(db, [read.commands[0]])
    assert stored is not None
    assert differing == []


def test_an_order_costs_no_step_more_where_people_were_erased(db: Db, config: Config) -> None:
    for number in range(30):
        erase.person(db, Erasures(db, config), f"{number}@example.se")
    with processes(config, 1) as [process]:
        stock_up(db, A=1000)
        process.deliver("order.created", order(1, line("A")))  # the product gets its shop id
        process.steps.go_on()
        process.deliver("order.created", order(2, line("A")))
        assert len(process.steps.names) <= 8, process.steps.names


def test_a_restored_backup_brings_nobody_back(shop: Shop, db: Db, config: Config, tmp_path: Path) -> None:
    life(shop)
    shop.outcome("order.created", order(9, billing={"first_name": "Cia", "email": "cia@example.se"}))
    key = backup.keys(config)[0]
    backup.write(db, COLLECTIONS, tmp_path / "file", key)
    erasures = Erasures(db, config)
    pseudonym = erase_anna(db, erasures)
    shop.outcome("order.updated", order(9, billing=ERASED, meta_data=ANONYMIZED, modified=9))
    before = figures(db)
    cia = db.orders.find_one({"order_id": 9})["customer"]  # type: ignore[index]
    erasures.restore_begins()
    restore(db, tmp_path / "file", [key], force=True)
    assert traces(db), "the backup is from before"
    erase.after_restore(db, Erasures(db, config))
    assert traces(db) == []
    assert values(db.customers, "_id") == ["bo@example.se"]
    assert values(db.orders, "customer") == sorted(["bo@example.se", pseudonym, cia])
    assert figures(db) == before
    assert list(verify.run(db)) == []


def test_a_restore_that_was_killed_is_seen_to_by_the_service(
    shop: Shop, db: Db, config: Config, tmp_path: Path
) -> None:
    life(shop)
    key = backup.keys(config)[0]
    backup.write(db, COLLECTIONS, tmp_path / "file", key)
    erasures = Erasures(db, config)
    erase.person(db, erasures, ANNA)
    erasures.restore_begins()
    restore(db, tmp_path / "file", [key], force=True)
    db.erasures.update_many({}, {"$set": {"due_at": now()}})
    erase.run_due(db, Erasures(db, config))
    assert traces(db) == []
    assert not db.erasures.find_one({"_id": "after a restore"})


def test_secrets_keys_can_be_rotated_and_the_old_one_taken_away(db: Db, config: Config) -> None:
    erase.person(db, Erasures(db, config), ANNA)
    new = Fernet.generate_key().decode()
    both = Erasures(db, replace(config, secrets_keys=(new, *config.secrets_keys)))
    assert both.of("default", ANNA)
    only_new = Erasures(db, replace(config, secrets_keys=(new,), jwt_secret="another secret, of more than 32 bytes"))
    assert only_new.of("default", ANNA)
    assert not only_new.of("default", "bo@example.se")


def test_a_lost_key_costs_what_was_remembered_and_nothing_else(db: Db, config: Config) -> None:
    erase.person(db, Erasures(db, config), ANNA)
    lost = Erasures(db, replace(config, secrets_keys=(Fernet.generate_key().decode(),), jwt_secret="x" * 32))
    assert not lost.of("default", ANNA)
    erase.person(db, lost, ANNA)
    assert lost.of("default", ANNA)


def test_the_database_alone_does_not_show_who_was_erased(db: Db, config: Config) -> None:
    erasures = Erasures(db, config)
    erase.person(db, erasures, ANNA)
    assert traces(db) == []
    pass_again(db, erasures)
    [remembered] = db.erasures.find({})
    assert remembered.keys() == {"_id", "times", "store", "changed_at"}


# --- taken out ------------------------------------------------------------------------------------------------------


def test_an_export_has_everything_that_is_held(shop: Shop, db: Db, client: FlaskClient) -> None:
    life(shop)
    reply = client.get(f"/api/customers/{ANNA.upper()}/export", headers=ADMIN)
    conforms(client, reply, "/api/customers/{customer}/export")
    exported = data(reply)
    assert exported["customer"]["first_name"] == "Annalisa"
    assert [each["id"] for each in exported["orders"]] == ["default:2", "default:1"]
    assert exported["orders"][0]["billing"]["phone"] == _ADDRESS["phone"]
    assert exported["orders"][0]["customer_note"] == "Ring Annalisa på 070-777 66 55"
    assert len(exported["deliveries"]) == 8
    assert exported["deliveries"][0]["body"]["data"]["billing"]["email"] == ANNA
    in_inbox = {trace.split()[1].rstrip(":") for trace in traces(db) if trace.startswith("inbox")}
    assert in_inbox == {each["key"] for each in exported["deliveries"]}
    assert "bo@example.se" not in reply.text


@pytest.mark.parametrize(
    "odd",
    [rb'"half \ud83d"', b"1e999", b'{"a": 1, "a": 2}', b"[" * 500 + b"]" * 500],
    ids=lambda odd: odd[:12].decode(),
)
def test_a_delivery_that_no_answer_can_hold_as_json_is_exported_as_text(
    shop: Shop, client: FlaskClient, config: Config, tmp_path: Path, odd: bytes
) -> None:
    shop.post(
        json.dumps({"event": "order.created", "data": annas(1, odd=0)}).encode().replace(b'"odd": 0', b'"odd": ' + odd)
    )
    reply = client.get(f"/api/customers/{ANNA}/export", headers=ADMIN)
    [delivery] = data(reply)["deliveries"]
    assert odd.decode() in delivery["body"]
    assert run(config, "customer", "export", ANNA, "--output", str(tmp_path / "file")).exit_code == 0
    exported = json.loads((tmp_path / "file").read_text(encoding="utf-8"))
    assert exported["deliveries"] == [delivery]


def test_what_was_exported_and_erased_is_in_the_audit_without_who_it_was(
    shop: Shop, db: Db, client: FlaskClient
) -> None:
    life(shop)
    data(client.get(f"/api/customers/{ANNA}/export", headers=ADMIN))
    again = data(client.get(f"/api/customers/{ANNA}/export", headers=ADMIN))
    assert [entry["action"] for entry in again["audit"]] == ["customer.exported"]
    data(client.delete(f"/api/customers/{ANNA}", headers=ADMIN))
    entries = list(db.audit.find({"action": {"$regex": "^customer"}}).sort("time", 1))
    assert [(each["action"], each["outcome"]) for each in entries] == [
        ("customer.exported", "done"),
        ("customer.exported", "done"),
        ("customer.erased", "done"),
    ]
    assert len({each["target"] for each in entries}) == 1
    assert entries[-1]["details"]["orders"] == 2
    assert "anna" not in str(entries)


def test_other_addresses_of_the_account_are_named_and_nothing_more_is_said_or_done_of_them(
    shop: Shop, client: FlaskClient
) -> None:
    life(shop)
    shop.outcome("order.created", annas(20, billing={"first_name": "Nils", "email": "nils@example.se"}, meta_data=[]))
    exported = data(client.get(f"/api/customers/{ANNA}/export", headers=ADMIN))
    assert exported["other_addresses"] == ["nils@example.se"]
    assert [each["id"] for each in exported["orders"]] == ["default:2", "default:1"]
    erased = data(client.delete(f"/api/customers/{ANNA}", headers=ADMIN))
    assert erased["other_addresses"] == ["nils@example.se"]


def test_nothing_held_is_not_found(client: FlaskClient) -> None:
    assert client.get("/api/customers/nobody@example.se/export", headers=ADMIN).status_code == 404


# --- at the command line --------------------------------------------------------------------------------------------


def run(config: Config, *arguments: str, stdin: str = "") -> Result:
    handler = signal.getsignal(signal.SIGTERM)
    try:
        return CliRunner().invoke(cli.main, arguments, env=settings_of(config), input=stdin)
    finally:
        signal.signal(signal.SIGTERM, handler)


def test_a_person_is_exported_and_erased_at_the_command_line(
    shop: Shop, db: Db, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    life(shop)
    printed = run(config, "customer", "export", ANNA)
    assert json.loads(printed.stdout)["customer"]["email"] == ANNA
    assert run(config, "customer", "export", ANNA, "--output", "anna.json").exit_code == 0
    assert (tmp_path / "anna.json").stat().st_mode & 0o777 == 0o600
    assert len(json.loads((tmp_path / "anna.json").read_text())["orders"]) == 2
    assert "exists already" in run(config, "customer", "export", ANNA, "--output", "anna.json").output
    assert db.audit.count_documents({"action": "customer.exported"}) == 2, "nor is it recorded as exported"
    assert run(config, "customer", "erase", ANNA, stdin="n\n").exit_code == 1
    assert traces(db)
    erased = run(config, "customer", "erase", ANNA, stdin="y\n")
    assert "2 orders and 8 deliveries" in erased.output
    assert traces(db) == []
    assert "Nothing was held" in run(config, "customer", "erase", ANNA, "--yes").output
    assert "no e-mail address" in run(config, "customer", "erase", "Anna", "--yes").output


def test_a_backup_restored_at_the_command_line_brings_nobody_back(
    shop: Shop, db: Db, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    life(shop)
    assert run(config, "backup", "file").exit_code == 0
    assert run(config, "customer", "erase", ANNA, "--yes").exit_code == 0
    restored = run(config, "restore", "file", "--force")
    assert restored.exit_code == 0, restored.output
    assert "personal data in 2 orders" in restored.output
    assert traces(db) == []


def test_a_file_that_is_no_backup_leaves_nothing_due(
    db: Db, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(config, "restore", "nothing").exit_code == 1
    assert db.erasures.find_one({"_id": "after a restore"}) is None
    assert db.audit.find_one({"action": "backup.restored"}) is None
