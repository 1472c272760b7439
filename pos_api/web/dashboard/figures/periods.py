"""The periods that figures are shown of, and those that they are compared with. Pure: no database, no request.

A period that has not ended yet goes up to today, and is compared with as many days of the one before: the month up to
the 12th with the 1st to the 12th of last month. Weeks begin on Monday.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

PRESETS = (
    *("today", "yesterday", "week", "last-week", "month", "last-month"),
    *("quarter", "last-quarter", "year", "last-year", "30-days"),
)
OWN = "own"
"""A period that is given by its first and last day."""
DEFAULT = "month"
COMPARISONS = ("previous", "year", "none")
"""The period before, the same days a year before, or nothing."""

_MONTHS = {"month": 1, "last-month": 1, "quarter": 3, "last-quarter": 3, "year": 12, "last-year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """Days, the first and the last included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1


def preset(name: str, today: date) -> Period:
    """The period of one of the `PRESETS`."""
    if name in ("today", "yesterday"):
        day = today - timedelta(days=name == "yesterday")
        return Period(day, day)
    if name == "30-days":
        return Period(today - timedelta(days=29), today)
    start = _start(name, today)
    if name.startswith("last-"):
        return Period(_start(name, start - timedelta(days=1)), start - timedelta(days=1))
    return Period(start, today)


def compared(name: str, period: Period, comparison: str) -> Period | None:
    """What a period (one of `PRESETS`, or `OWN`) is compared with; None for nothing. Raises OverflowError where that
    would be before all dates."""
    if comparison == "none":
        return None
    if comparison == "year":
        return Period(_months_earlier(period.first, 12), _months_earlier(period.last, 12))
    if name in ("week", "last-week"):
        return Period(period.first - timedelta(days=7), period.last - timedelta(days=7))
    if name in _MONTHS:
        return _months_before(name, period)
    before = timedelta(days=period.days)
    return Period(period.first - before, period.last - before)


def _start(name: str, day: date) -> date:
    """The first day of the week, month, quarter or year of `day`."""
    if name.endswith("week"):
        return day - timedelta(days=day.weekday())
    months = _MONTHS[name]
    return date(day.year, day.month - (day.month - 1) % months, 1)


def _months_before(name: str, period: Period) -> Period:
    """The month, quarter or year before; of one that goes on still as many days."""
    first = _months_earlier(period.first, _MONTHS[name])
    end = period.first - timedelta(days=1)
    return Period(first, end if name.startswith("last-") else min(end, first + timedelta(days=period.days - 1)))


def _months_earlier(day: date, months: int) -> date:
    """The same day some months earlier; the last of its month where that has no such day."""
    month = day.year * 12 + day.month - 1 - months
    year, month = month // 12, month % 12 + 1
    if year < 1:
        raise OverflowError("before all dates")
    return date(year, month, min(day.day, monthrange(year, month)[1]))
