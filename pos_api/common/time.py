"""Times, which are aware and UTC, to the millisecond."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*")
_MOST_EAST, _MOST_WEST = timedelta(hours=14), timedelta(hours=12)
"""A calendar day starts 14 hours before UTC's in the Line Islands and ends 12 hours after it on Baker Island."""


def now() -> datetime:
    """The present moment, aware, UTC, to the millisecond (what BSON keeps)."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def milliseconds(moment: datetime) -> int:
    """A time as milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def utc(value: Any) -> datetime | None:
    """An aware UTC time from ISO 8601; without an offset it is UTC already (WooCommerce's `_gmt`). Blank is None.

    Raises ValueError for anything else.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("not a time")
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not a time") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def day_or_moment(text: str) -> date | datetime:
    """A day or an RFC 3339 time, from text. Raises ValueError."""
    try:
        parsed = date.fromisoformat(text) if _DAY.fullmatch(text) else utc(_MOMENT.fullmatch(text) and text)
    except ValueError:
        parsed = None
    if parsed is None or not 1 < parsed.year < 9999:
        raise ValueError("is neither a day (2026-11-22) nor a time (2026-11-22T06:51:08Z)")
    return parsed


def day_anywhere(day: date) -> tuple[datetime, datetime]:
    """The first moment at which it is this day anywhere, and the moment from which on it is that nowhere any more."""
    midnight = datetime.combine(day, time.min, UTC)
    return midnight - _MOST_EAST, midnight + timedelta(days=1) + _MOST_WEST


def first_moment(text: str | None) -> datetime | None:
    """The first moment of a day (UTC), or a time, from text; None for none. Raises ValueError."""
    return _moment(text, time.min)


def last_moment(text: str | None) -> datetime | None:
    """The last moment of a day (UTC), or a time, from text; None for none. Raises ValueError."""
    return _moment(text, time.max)


def _moment(text: str | None, of_day: time) -> datetime | None:
    parsed = day_or_moment(text) if text is not None else None
    return parsed if parsed is None or isinstance(parsed, datetime) else datetime.combine(parsed, of_day, UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-11-22T06:51:08Z`, with milliseconds only where there are any."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")
