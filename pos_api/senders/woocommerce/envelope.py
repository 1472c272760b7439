"""What was read from a shop, as the body of an event: it goes the way of a delivery from there."""

from __future__ import annotations

import json
from typing import Any

from pos_api.database.client import Document


def envelope(
    event: str, data: Any, *, opening: bool | None = None, replaces: int | None = None, last_order_id: int | None = None
) -> bytes:
    """What was read, as the body of an event: the same reading gives the same bytes.

    The object's id is its first member: a body that is too large is known by its beginning (`messages.topic_and_id`).
    `opening` says whether an order is from before the store went live, None where that is not known; `replaces` is the
    rev of the stored order that it was compared with, or a product's time; `last_order_id` the shop's last order when a
    product's stock was read.
    """
    body: Document = {"event": event}
    for name, value in (("opening", opening), ("replaces", replaces), ("last_order_id", last_order_id)):
        if value is not None:
            body[name] = value
    return f'{_text(body)[:-1]},"data":{_text_of(data)}}}'.encode()


_text = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def _text_of(data: Any) -> str:
    """The object as JSON, its id first and all other members in the order of their names."""
    if not isinstance(data, dict):
        return _text(data)
    others = _text({name: value for name, value in data.items() if name not in ("id", "_links")})
    if "id" not in data:
        return others
    return f'{{"id":{_text(data["id"])}{"," if len(others) > 2 else ""}{others[1:]}'
