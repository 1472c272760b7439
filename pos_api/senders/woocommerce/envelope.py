"""What was read from a shop, as the body of an event: it goes the way of a delivery from there."""

from __future__ import annotations

import json
from typing import Any

from pos_api.database.client import Document


def envelope(
    event: str, data: Any, *, opening: bool | None = None, replaces: int | None = None, last_order_id: int | None = None
) -> bytes:
    """What was read, as the body of an event: the same reading gives the same bytes.

    `opening` says whether an order is from before the store went live, None where that is not known; `replaces` is the
    rev of the stored order that it was compared with, or a product's time; `last_order_id` the shop's last order when a
    product's stock was read.
    """
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if name != "_links"}
    body: Document = {"event": event}
    for name, value in (("opening", opening), ("replaces", replaces), ("last_order_id", last_order_id)):
        if value is not None:
            body[name] = value
    return json.dumps({**body, "data": _in_order(data)}, separators=(",", ":")).encode()


def _in_order(value: Any) -> Any:
    """The same with the members of objects in one order, ids first: a body that is too large is known by its beginning
    (`messages.topic_and_id`)."""
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value, key=lambda name: (name != "id", name))}
    if isinstance(value, list):
        return [_in_order(each) for each in value]
    return value
