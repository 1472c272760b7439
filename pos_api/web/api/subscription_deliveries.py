"""The deliveries of a subscription: what was sent, what came back, and once more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken
from marshmallow import Schema, ValidationError, fields, validates_schema

from pos_api.common.time import first_moment, last_moment
from pos_api.database.client import Document
from pos_api.errors import Conflict
from pos_api.outbox import presentation, queries, redelivery, subscriptions
from pos_api.outbox.ping import ping
from pos_api.outbox.redelivery import Replayed
from pos_api.staff import audit
from pos_api.stores.api_keys import SUBSCRIPTIONS
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Time, page_of, reply
from pos_api.web.api.subscription_schemas import (
    Attempt,
    DeliveryQuery,
    SubscriptionDelivery,
    WholeDelivery,
    time_bound,
)
from pos_api.web.api.subscriptions import PATH
from pos_api.web.services import services

blp = Blueprint(
    "subscription_deliveries", __name__, url_prefix=f"{PATH}/<subscription>", description="Deliveries of events"
)


class Replay(Schema):
    """Which events to send again."""

    since = time_bound("From this day (UTC) or time on.", required=True)
    until = time_bound("Up to this day (UTC, whole) or time; without it up to now.", load_default=None)
    missing = fields.Boolean(
        truthy={True},
        falsy={False},
        load_default=True,
        metadata={"description": "Only what never got through; false: all, once more.", "example": True},
    )

    @validates_schema
    def _in_order(self, data: Document, **_: Any) -> None:
        since, until = first_moment(data["since"]), last_moment(data["until"])
        if since and until and until < since:
            raise ValidationError("is before `since`", "until")


class ReplayedEvents(Schema):
    """How many deliveries are sent again, and how far that goes."""

    resent = fields.Integer(required=True, metadata={"example": 12})
    more = fields.Boolean(
        required=True,
        metadata={"description": "Whether events of that time are left, as there are too many.", "example": True},
    )
    since = Time(
        required=True,
        allow_none=True,
        metadata={
            "description": "What to ask for the rest with, in place of `since`; null where nothing is left.",
            "example": "2026-11-27T14:03:11.250Z",
        },
    )


class Resent(Schema):
    """How many deliveries are sent again."""

    resent = fields.Integer(required=True, metadata={"example": 12})


@blp.get("/deliveries")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(400, 404)
@blp.arguments(DeliveryQuery, location="query")
@blp.response(200, page_of(SubscriptionDelivery))
def list_deliveries(query: Document, subscription: str) -> Any:
    """List a subscription's deliveries, the newest first, a page at a time, without what was sent."""
    db = services().db
    subscriptions.get(db, subscription)
    wanted = queries.DeliveryFilter(
        state=query["state"],
        type=query["type"],
        event=query["event"],
        since=first_moment(query["since"]),
        until=last_moment(query["until"]),
    )
    after = pages.after(query["cursor"], datetime, str)
    found = queries.find_deliveries(db, subscription, wanted, query["limit"] + 1, after)
    rows, info = pages.page(found, query["limit"], lambda row: (row["created_at"], row["_id"]))
    return success([presentation.delivery(row) for row in rows], page=info)


@blp.get("/deliveries/<path:delivery>")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404)
@blp.response(200, reply(WholeDelivery))
def get_delivery(subscription: str, delivery: str) -> Any:
    """One delivery with its attempts: what was sent, and what came back. The subscription's own headers are masked."""
    return success(whole_delivery(subscription, delivery))


@blp.post("/deliveries/<path:delivery>/resend")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404)
@blp.response(202, reply(Resent))
def resend(subscription: str, delivery: str) -> Any:
    """Send one event again, whatever became of its delivery, with all attempts. 404: there is no such delivery, or its
    event is no longer kept."""
    send_once_more(subscription, delivery)
    return success({"resent": 1})


@blp.post("/replay")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404)
@blp.arguments(Replay)
@blp.response(202, reply(ReplayedEvents))
def replay(given: Document, subscription: str) -> Any:
    """Send the events of a time again that it is for: those that never got through, or all, also those from before
    there was this subscription. They are sent at once, in their order. Where that time has more than 10,000 events
    (of any type), only those before the `since` that is answered are: send it again with that `since`."""
    since, until = first_moment(given["since"]), last_moment(given["until"])
    replayed = replay_events(subscription, since, until, missing=given["missing"])
    left_from = replayed.left_from
    return success({"resent": replayed.resent, "more": left_from is not None, "since": left_from})


@blp.post("/test")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404, 409)
@blp.response(200, reply(Attempt))
def test(subscription: str) -> Any:
    """Send a `ping` now, whether it is active or not, and answer with what came back within 15 seconds. It is not sent
    again. 409: its secret can't be read."""
    return success(sent_test(subscription))


def whole_delivery(subscription: str, delivery: str) -> Document:
    """One delivery with its attempts, as it is shown. Raises NotFound."""
    db = services().db
    subscriptions.get(db, subscription)
    found = queries.get_delivery(db, subscription, delivery)
    event = queries.event_of(db, found)
    return {**presentation.delivery(found), "attempts": [presentation.attempt(made, event) for made in found["log"]]}


def send_once_more(subscription: str, delivery: str) -> None:
    """Send one event again; see `redelivery.resend`. Raises NotFound."""
    db = services().db
    subscriptions.get(db, subscription)
    found = queries.get_delivery(db, subscription, delivery)
    with audit.act(db, "webhook.resent", target=subscription, details={"event": found["event"]}):
        redelivery.resend(db, found["_id"])


def replay_events(subscription: str, since: datetime | None, until: datetime | None, *, missing: bool) -> Replayed:
    """Send the events of a time again; see `redelivery.replay`. Raises NotFound."""
    asked = {"since": since, "until": until, "missing": missing}
    with audit.act(services().db, "webhook.replayed", target=subscription, details=asked) as details:
        replayed = redelivery.replay(services().db, subscription, since, until, missing=missing)
        details |= {"resent": replayed.resent, "left_from": replayed.left_from}
    return replayed


def sent_test(subscription: str) -> Document:
    """Send a `ping` now; returns the attempt, as it is shown. Raises NotFound, and Conflict where the secret can't be
    read."""
    db = services().db
    found = subscriptions.get(db, subscription)
    audit.record(db, "webhook.tested", target=subscription)
    try:
        made = ping(services().config, found)
    except InvalidToken:
        raise Conflict(subscriptions.CANT_BE_READ) from None
    return presentation.attempt(made, None)
