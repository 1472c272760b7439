"""The rollup bucket of an order: the group of some orders of a store that figures sum up together.

It is stored on the order when the order is first saved, and never changes, whatever happens to the order. So an order's
id may be anything. Pure: no database.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

BUCKET_SIZE = 64
"""Few enough that one changed order costs little, and so many that buckets are much fewer than orders."""
_SLOTS = 8
_MOST_DIGITS = 19


def bucket_of(store: str, external_id: str, made_at: datetime) -> str:
    """The bucket of a new order: of those whose ids are whole numbers, BUCKET_SIZE neighbours; of others those made in
    the same hour, spread over some slots, so that a busy hour makes no large bucket. Buckets that are near in time are
    near each other as text."""
    if external_id.isascii() and external_id.isdigit() and len(external_id) <= _MOST_DIGITS:
        return f"{store}:{int(external_id) // BUCKET_SIZE:0{_MOST_DIGITS}}"
    slot = zlib.crc32(external_id.encode("utf-8", "replace")) % _SLOTS
    return f"{store}:{made_at.astimezone(UTC):%Y-%m-%dT%H}-{slot}"
