"""Events that really happen are as their types' schemas say."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox.envelopes import Message, envelope, webhook_id
from pos_api.outbox.interest import interest_of
from pos_api.processing.publishing import publish_marked
from pos_api.senders.woocommerce.reconcile.model import OutageShown
from pos_api.senders.woocommerce.reconcile.report import Report
from pos_api.senders.woocommerce.reconcile.run import keep
from pos_api.senders.woocommerce.rest.reader import RestReader
from tests.factories import stock_up
from tests.fake_shop import FakeShop, compare_due, connected_shop, product
from tests.paths import TESTS
from tests.senders.any_order import RECEIVED, processes_with
from tests.senders.kaynko.till import add_till, sale, session
from tests.senders.provider_stores import add_store
from tests.senders.stripe.events import charge, event, intent, subscription
from tests.web.api.test_products import as_

RECORDINGS = TESTS / "recordings"
KEY = {"X-API-Key": "test-api-key-of-more-than-32-characters"}
MANAGER = as_("manager")
shop = connected_shop


@pytest.fixture
def wanted(db: Db) -> None:
    """A subscription to everything."""
    db.webhook_subscriptions.insert_one({"_id": "sub_all", "events": ["*"], "stores": []})
    interest_of(db).refresh()


def play_recordings(client: FlaskClient) -> None:
    """Deliver what the recorded shops sent."""
    for path in sorted(RECORDINGS.glob("*.json")):
        for step in json.loads(path.read_text())["steps"]:
            for delivery in step["deliveries"]:
                headers = {name: value for name, value in delivery["headers"].items() if "Signature" not in name}
                client.post("/api/webhooks/orders", data=delivery["body"], headers={**headers, **KEY})


def refund_goods(client: FlaskClient) -> None:
    """Deliver an order of which a part is paid back that names its lines."""
    line = {
        "id": 1,
        "sku": "B",
        "quantity": 2,
        "total": "4.00",
        "total_tax": "1.00",
        "taxes": [{"id": 3, "total": "1.00"}],
    }
    back = {
        "quantity": -1,
        "total": "-2.00",
        "total_tax": "-0.50",
        "taxes": [{"id": 3, "total": "-0.50"}],
        "meta_data": [{"key": "_refunded_item_id", "value": "1"}],
    }
    freight = {"id": 9, "total": "-1.00", "total_tax": "0.00"}
    refund = {"id": 70, "amount": "3.50", "reason": "broken", "line_items": [back], "shipping_lines": [freight]}
    order = {
        "id": 4000,
        "status": "completed",
        "currency": "EUR",
        "total": "6.00",
        "line_items": [line],
        "refunds": [refund],
    }
    sent = client.post("/api/webhooks/orders", json={"event": "order.updated", "data": order}, headers=KEY)
    assert sent.json
    assert sent.json["data"]["outcome"] == "created"
    stored = client.get("/api/webhooks/orders/default:4000", headers=MANAGER).json
    assert stored
    assert {"shipping_total", "taxes", "line_items"} <= set(stored["data"]["refunds"][0])


def act_as_staff(client: FlaskClient) -> None:
    """Change products and their stock."""
    for path, body in (
        ("", {"sku": "B", "stock": 6, "low_stock_threshold": 5}),
        ("/adjust", {"sku": "B", "change": -1, "reason": "broken"}),
        ("/count", {"sku": "B", "count": 9}),
    ):
        assert client.post(f"/api/products{path}", json=body, headers=MANAGER).status_code < 300
    for change in ({"price": "2"}, {"archived": True}):
        patched = client.patch("/api/products/item", json=change, headers=MANAGER, query_string={"sku": "B"})
        assert patched.status_code == 200


def erase_a_customer(client: FlaskClient, db: Db) -> None:
    """Erase somebody, as staff do."""
    customer = db.customers.find_one({"email": {"$ne": ""}})
    assert customer is not None
    erased = client.delete(f"/api/customers/{customer['_id']}", headers=as_("admin"))
    assert erased.status_code == 200, erased.text


def report_payments(config: Config, db: Db) -> None:
    """Deliver what a payment provider and a till report."""
    paid = event("payment_intent.succeeded", intent(metadata={"order_id": "7"}))
    reports = [
        ("stripe-1", paid),
        ("stripe-1", event("charge.refunded", charge(5000), after=60)),
        ("stripe-1", event("customer.subscription.created", subscription("active"))),
        ("stripe-1", event("customer.subscription.updated", subscription("past_due"), after=100)),
        ("stripe-1", event("customer.subscription.deleted", subscription("canceled"), after=200)),
        ("till-1", session(5, "opened", 20, sent=1)),
        ("till-1", sale(1, sent=10, made=10)),
        ("till-1", session(5, "closed", 30, sent=20)),
    ]

    def add(db: Db) -> None:
        add_till(db, config, "till-1")
        add_store(db, config, "stripe-1", "stripe", orders_of="default")

    with processes_with(config, add) as [process, _]:
        interest_of(process.db).refresh()
        for number, (store, message) in enumerate(reports):
            body = json.dumps({**message, "id": f"evt_{number}"} if store == "stripe-1" else message).encode()
            process.deliver_bodies([(store, {"content-type": "application/json"}, body)], RECEIVED)


def compare(fake: FakeShop, db: Db, config: Config) -> None:
    """Compare a shop whose stock differs, and keep a report of one that has sent no order for long."""
    db.orders.delete_many({})
    stock_up(db, C=4)
    db.products.update_one({"_id": "C"}, {"$set": {"external_ids": ["default:7"], "opening_store": "default"}})
    fake.products = {7: product(7, "C", 2)}
    compare_due(db, config)
    silence: OutageShown = {"since": now() - timedelta(days=2), "missed": 9.0, "longest_missed": 1.5, "alarming": True}
    keep(db, config, Report("default", now(), now(), outage=silence, finished_at=now()), now())
    publish_marked(db, "comparisons", db.comparisons.find())


NOT_PLAYED = {"ping"}


@pytest.mark.usefixtures("wanted")
def test_every_event_that_happens_is_as_its_type_says(
    client: FlaskClient, config: Config, db: Db, fake: FakeShop, shop: RestReader
) -> None:
    types = client.get("/api/v1/event-types", headers=MANAGER).json["data"]  # type: ignore[index]
    validators = {each["type"]: Draft202012Validator(each["schema"]) for each in types}
    play_recordings(client)
    client.post("/api/webhooks/orders", json={"event": "order.created", "data": {"id": "x"}}, headers=KEY)
    act_as_staff(client)
    refund_goods(client)
    report_payments(config, db)
    compare(fake, db, config)
    seen = _valid_types(db, validators)
    erase_a_customer(client, db)
    seen |= _valid_types(db, validators)
    assert set(validators) - seen == NOT_PLAYED
    shapes = {(each["type"], *_shape(each["example"]["id"])) for each in types if each["type"] not in NOT_PLAYED}
    assert shapes == {(each["type"], *_shape(webhook_id(each["_id"]))) for each in db.outbox.find()}


def _shape(event_id: str) -> tuple[str, int, str]:
    """What ids of a type have in common: their first word, the number of their parts, and the word at their end."""
    first, *_, last = event_id.split(":")
    return first, event_id.count(":"), last if last.isalpha() else ""


def _valid_types(db: Db, validators: dict[str, Any]) -> set[str]:
    """The types of the events in the outbox, each of which is as its type says; what was erased only says what it was
    about."""
    seen = set()
    for stored in db.outbox.find({"erased_at": {"$exists": False}}):
        errors = validators[stored["type"]].iter_errors(_as_sent(stored))
        assert [f"{list(each.path)}: {each.message}" for each in errors] == [], f"{stored['type']}: {stored['data']!r}"
        seen.add(stored["type"])
    return seen


def _as_sent(event: Any) -> Any:
    message = Message(event["_id"], event["type"], event["at"], event["store"], "", bytes(event["data"]))
    return json.loads(envelope("standard", message))
