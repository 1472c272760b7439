"""Stores of payment providers, for tests: added, signed for, and looked at."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.database.sealing import seal
from pos_api.payments.model import PaymentUpdate
from pos_api.senders.base import Sender
from pos_api.senders.reports import KnownReport, Report, Reported
from pos_api.stores.model import Store
from pos_api.subscriptions.model import SubscriptionUpdate

BEGAN = 1_795_836_000
"""The time at which the payments of these tests begin."""


def add_store(db: Db, config: Config, name: str, kind: str, secret: str = "", **settings: Any) -> None:
    """Add a store of this kind, with this secret and these settings; every process reads it when it is new."""
    document: dict[str, Any] = {"_id": name, "name": name, "kind": kind, "keys": [], "settings": settings}
    if secret:
        document["webhook_secret"] = seal(secret, config)
    db.stores.insert_one(document)


def forget_cached_stores(client: FlaskClient) -> None:
    """Let the service read its stores anew."""
    client.application.extensions["pos"].stores._read_at = float("-inf")


def signature(body: bytes, secret: str, at: int | None = None) -> str:
    """The header `t=…,v1=…` as the providers make it."""
    moment = int(now().timestamp()) if at is None else at
    digest = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def send(
    client: FlaskClient, url: str, event: Any, header: str, value: str | None = None, *, secret: str = ""
) -> TestResponse:
    """Send an event, or these bytes, under a signature."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    headers = {"Content-Type": "application/json", header: signature(body, secret) if value is None else value}
    return client.post(url, data=body, headers=headers)


def payment_of(db: Db, key: str) -> Mapping[str, Any]:
    """A stored payment, with amounts as text."""
    found = db.payments.find_one({"_id": key}) or {}
    return {name: str(value) if name in ("amount", "refunded", "tip") else value for name, value in found.items()}


def moment(seconds: int) -> datetime:
    """That many seconds after BEGAN."""
    return datetime.fromtimestamp(BEGAN + seconds, UTC)


def come_to(sender: Sender[Any], store: Store, events: Sequence[Any]) -> dict[str, PaymentUpdate | SubscriptionUpdate]:
    """What these events come to, by the keys of what they are about, without a database."""
    known: dict[str, dict[str, KnownReport]] = {}
    last: dict[str, Report] = {}
    for number, each in enumerate(events):
        received_at = moment(number)
        message = sender.read({}, sender.kept_body(json.dumps(each).encode()))
        for report in sender.translate(message, store, received_at, f"cause {number}"):
            assert isinstance(report, Report)
            kept = KnownReport(report.id, report.name, report.content, report.at, received_at, report.cause)
            known.setdefault(report.thing, {}).setdefault(report.id, kept)
            last[report.thing] = report
    ended: dict[str, PaymentUpdate | SubscriptionUpdate] = {}
    for thing, reports in known.items():
        ordered = sorted(reports.values(), key=lambda each: (each.moment, each.id))
        reported = Reported(ordered, len(ordered), "cause", moment(0))
        for command in last[thing].put_together(reported).commands:
            assert isinstance(command, PaymentUpdate | SubscriptionUpdate)
            ended[thing] = replace(command, sequence=0)
    return ended


def payment(sender: Sender[Any], store: Store, events: Sequence[Any], thing: str = "payment:pi_1") -> PaymentUpdate:
    """The payment that these events come to."""
    found = come_to(sender, store, events)[thing]
    assert isinstance(found, PaymentUpdate)
    return found


def amounts(update: PaymentUpdate) -> tuple[str, str, str, str]:
    """A payment's status, what was paid, what was paid back, and its currency."""
    return update.status, str(update.amount), str(update.refunded), update.currency
