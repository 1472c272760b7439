"""Subscriptions to events: who is sent what, and how their deliveries fare."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pos_api.common.time import now
from pos_api.database import recently_read
from pos_api.database.client import Document
from pos_api.outbox import presentation, queries, subscriptions
from pos_api.outbox.model import Subscription as StoredSubscription
from pos_api.outbox.subscription_rules import refuse_unknown_stores
from pos_api.outbox.subscriptions import WithSecret
from pos_api.stores.api_keys import SUBSCRIPTIONS
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import page_of, reply
from pos_api.web.api.subscription_schemas import (
    IdempotencyHeader,
    NewSubscription,
    SecretRotation,
    Subscription,
    SubscriptionChange,
    SubscriptionWithSecret,
)
from pos_api.web.services import services

PATH = "/api/v1/webhooks/subscriptions"

blp = Blueprint("subscriptions", __name__, url_prefix=PATH, description="Subscriptions to events")


@blp.post("")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(409)
@blp.arguments(NewSubscription)
@blp.arguments(IdempotencyHeader, location="headers")
@blp.response(201, reply(SubscriptionWithSecret))
def subscribe(given: Document, header: Document) -> Any:
    """Subscribe to events: from this answer on, all that are asked for are sent. The secret is shown this once. 409:
    the Idempotency-Key was used with other settings."""
    return success(_with_secret(made(given, header["key"])))


@blp.get("")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(400)
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(Subscription))
def list_subscriptions(query: Document) -> Any:
    """List subscriptions with their health, the newest first, a page at a time."""
    after = pages.after(query["cursor"], datetime, str)
    found = queries.find_subscriptions(services().db, query["limit"] + 1, after)
    rows, info = pages.page(found, query["limit"], lambda row: (row["created_at"], row["_id"]))
    return success([shown(row) for row in rows], page=info)


@blp.get("/<subscription>")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404)
@blp.response(200, reply(Subscription))
def get_subscription(subscription: str) -> Any:
    """One subscription, with how its deliveries fare."""
    return success(shown(subscriptions.get(services().db, subscription)))


@blp.patch("/<subscription>")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404, 409)
@blp.arguments(SubscriptionChange)
@blp.response(200, reply(Subscription))
def change_subscription(given: Document, subscription: str) -> Any:
    """Change settings of a subscription; what is left out stays as it is. Made active again, it goes on where it
    stopped. The secret is changed by `rotate-secret`."""
    return success(shown(changed(given, subscription)))


@blp.put("/<subscription>")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404, 409)
@blp.arguments(SubscriptionChange)
@blp.response(200, reply(Subscription))
def put_subscription(given: Document, subscription: str) -> Any:
    """The same as `PATCH`, for clients that only know `PUT`: what is left out stays as it is here, too."""
    return success(shown(changed(given, subscription)))


@blp.delete("/<subscription>")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404)
@blp.response(204)
def unsubscribe(subscription: str) -> None:
    """Remove a subscription with its deliveries; a second later nothing of what waits is sent any more."""
    subscriptions.delete(services().db, subscription)


@blp.post("/<subscription>/rotate-secret")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404, 409)
@blp.arguments(SecretRotation, required=False)
@blp.arguments(IdempotencyHeader, location="headers")
@blp.response(200, reply(SubscriptionWithSecret))
def rotate_secret(given: Document, header: Document, subscription: str) -> Any:
    """Give it another secret, which is shown this once. The one before signs as well for 24 hours, so that a receiver
    can be changed meanwhile. 409: the Idempotency-Key was used for another secret, or somebody else has changed the
    secret at the same moment."""
    rotated = subscriptions.rotate_secret(
        services().db, services().config, subscription, given["secret"], idempotency_key=header["key"]
    )
    return success(_with_secret(rotated))


@blp.post("/<subscription>/resume")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404)
@blp.response(200, reply(Subscription))
def resume(subscription: str) -> Any:
    """Switch it on again, whatever switched it off, and send at once what waits, from where it stopped."""
    return success(shown(subscriptions.resume(services().db, subscription)))


def shown(stored: StoredSubscription) -> Document:
    """A subscription as it is shown, with its health."""
    return presentation.subscription(stored, queries.backlog(services().db, stored["_id"]), now())


def made(given: Document, idempotency_key: str = "") -> WithSecret:
    """Add a subscription, by what `NewSubscription` has read; see `subscriptions.create`."""
    secret = given.pop("secret")
    refuse_unknown_stores(given.get("stores", ()), _stores())
    added = subscriptions.create(
        services().db, services().config, given, secret=secret, idempotency_key=idempotency_key
    )
    recently_read.wait_until_known()
    return added


def changed(given: Document, subscription: str) -> StoredSubscription:
    """Change a subscription, by what `SubscriptionChange` has read; see `subscriptions.change`. A store that it has may
    have been removed since."""
    if "stores" in given:
        before = subscriptions.get(services().db, subscription)
        refuse_unknown_stores(given["stores"], _stores().union(before["stores"]))
    after = subscriptions.change(services().db, services().config, subscription, given)
    if "events" in given or "stores" in given:
        recently_read.wait_until_known()
    return after


def _stores() -> set[str]:
    return {store.id for store in services().stores.all()}


def _with_secret(made: WithSecret) -> Document:
    return {**shown(made.subscription), "secret": made.secret}
