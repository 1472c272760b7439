"""The times that WooCommerce's objects bear: in UTC, on the shop's clock, and those that can't be true."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pos_api.senders.woocommerce.messages import Message
from pos_api.stores.model import Store

MOST_AHEAD = timedelta(days=1)
"""By so much an order's date may be later than its arrival. One with a later date would stand first in the lists of
orders and customers for as long."""
CLOCK_LEEWAY = timedelta(minutes=5)
"""By so much a shop's clock may be ahead of ours. What bears a later time than that was not made when it says."""


def without_impossible_times(message: Message, received_at: datetime) -> Message:
    """The message without a time of sending or a sequence that can't be true when it arrives: either would be newer
    than all that follows, for ever. A sequence is a count, or a time in seconds or parts of one: none is beyond the
    nanoseconds since 1970."""
    latest = received_at + CLOCK_LEEWAY
    sequence = message.sequence if message.sequence <= latest.timestamp() * 1e9 else 0
    sent_at = not_after(message.sent_at, latest)
    if sequence == message.sequence and sent_at == message.sent_at:
        return message
    return replace(message, sequence=sequence, sent_at=sent_at)


def with_gmt_times(message: Message, store: Store) -> Message:
    """The message with its times under the names of API version 3. Version 1, which the form of a webhook still offers,
    has those of making and change in UTC, those of payment and completion on the shop's clock, and calls none `_gmt`
    (`WC_REST_Orders_V1_Controller::prepare_item_for_response`)."""
    data = message.data
    if not message.native or "date_modified" not in data or "date_modified_gmt" in data:
        return message
    times = {f"{name}_gmt": data.get(name) for name in ("date_created", "date_modified")}
    for name in ("date_paid", "date_completed"):
        if local := local_moment(data.get(name), store):
            times[f"{name}_gmt"] = local.isoformat()
    kept = {name: value for name, value in data.items() if name not in ("date_created", "date_modified")}
    return replace(message, data=kept | times)


def not_after(moment: datetime | None, latest: datetime) -> datetime | None:
    return moment if moment and moment <= latest else None


def local_moment(local: Any, store: Store) -> datetime | None:
    """The time that WooCommerce's `date_created` gives, which is shop-local; None where it gives none."""
    try:
        return store.moment(datetime.fromisoformat(local))
    except (TypeError, ValueError, OverflowError):
        return None


def local_day(local: Any, created_at: datetime, store: Store) -> str:
    """The shop's own calendar day: that of WooCommerce's `date_created`, which is shop-local, else of
    `created_at` in the store's time zone."""
    try:
        return datetime.fromisoformat(local).date().isoformat()
    except (TypeError, ValueError):
        return store.local_day(created_at)


def local_hour(local: Any, created_at: datetime, store: Store) -> int:
    """The hour on the shop's clock, from the same as `local_day`."""
    try:
        return datetime.fromisoformat(local).hour
    except (TypeError, ValueError):
        return store.local_hour(created_at)
