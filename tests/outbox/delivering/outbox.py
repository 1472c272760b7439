"""Subscriptions and events of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.database.sealing import seal
from pos_api.outbox.delivering.deliverer import Deliverer
from pos_api.outbox.interest import interest_of
from pos_api.outbox.model import OutboxEvent
from pos_api.outbox.publish import publish

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def subscribe(db: Db, config: Config, url: str, name: str = "sub_a", **settings: Any) -> str:
    """Add a subscription to all orders' events."""
    moment = now()
    document: dict[str, Any] = {
        "_id": name,
        "url": url,
        "events": ["order.*"],
        "active": True,
        "description": "",
        "stores": [],
        "signature": "standard",
        "payload": "full",
        "headers": {},
        "rate_limit": None,
        "metadata": {},
        "secret": seal(SECRET, config),
        "created_at": moment,
        "created_by": "test",
        "updated_at": moment,
        **settings,
    }
    db.webhook_subscriptions.insert_one(document)
    interest_of(db).refresh()
    return name


def event(order: int, position: int = 1) -> OutboxEvent:
    """An event of an order."""
    resource = f"order:default:{order}"
    data = {"id": str(order), "rev": position}
    return OutboxEvent(
        id=f"{resource}:{position}",
        type="order.updated" if position > 1 else "order.created",
        at=now(),
        store="default",
        resource=resource,
        position=position,
        data=json_bytes(data),
        reference=json_bytes({"id": str(order)}),
    )


def publish_events(db: Db, *events: OutboxEvent) -> None:
    """Publish them."""
    publish(db, events)


def allowing(config: Config) -> Config:
    """Settings with which receivers on this machine are reached."""
    return replace(config, outbound_allow=(ip_network("127.0.0.0/8"),))


@contextmanager
def delivering(db: Db, config: Config) -> Iterator[Deliverer]:
    """A process that delivers."""
    deliverer = Deliverer(db, allowing(config))
    deliverer.start()
    try:
        yield deliverer
    finally:
        deliverer.stop()
        deliverer.join(20)
