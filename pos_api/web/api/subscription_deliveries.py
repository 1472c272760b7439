"""The deliveries of a subscription: what was sent, what came back, and once more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pos_api.common.time import first_moment, last_moment
from pos_api.database.client import Document
from pos_api.outbox import presentation, queries, subscriptions
from pos_api.stores.api_keys import SUBSCRIPTIONS
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import page_of, reply
from pos_api.web.api.subscription_schemas import DeliveryQuery, SubscriptionDelivery, WholeDelivery
from pos_api.web.api.subscriptions import PATH
from pos_api.web.services import services

blp = Blueprint(
    "subscription_deliveries", __name__, url_prefix=f"{PATH}/<subscription>", description="Deliveries of events"
)


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
    db = services().db
    found = queries.get_delivery(db, subscription, delivery)
    event = queries.event_of(db, found)
    attempts = [presentation.attempt(made, event) for made in found["log"]]
    return success({**presentation.delivery(found), "attempts": attempts})
