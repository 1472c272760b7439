"""The first and the last day that a list is asked for, on the clock of a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from pos_api.common.time import day_or_moment
from pos_api.web.dashboard.languages import _


@dataclass(frozen=True, slots=True)
class DayBounds:
    """From when until when, both inclusive; None where nothing was said. `errors` are the messages by field."""

    since: datetime | None
    until: datetime | None
    errors: dict[str, list[str]] = field(default_factory=dict)


def day_bounds(given: Mapping[str, str], timezone: str) -> DayBounds:
    """The fields `from` and `to`: a day, which is an entire one in this time zone, or a time (RFC 3339)."""
    errors: dict[str, list[str]] = {}
    found: dict[str, datetime | None] = {}
    for name, of_day in (("from", time.min), ("to", time.max)):
        text = given.get(name, "").strip()
        try:
            found[name] = _moment(text, of_day, ZoneInfo(timezone)) if text else None
        except (ValueError, OverflowError):
            found[name] = None
            errors[name] = [_("This is not a day.")]
    return DayBounds(found["from"], found["to"], errors)


def _moment(text: str, of_day: time, zone: ZoneInfo) -> datetime:
    said = day_or_moment(text)
    if isinstance(said, datetime):
        return said
    moment = datetime.combine(said, of_day, zone).astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
