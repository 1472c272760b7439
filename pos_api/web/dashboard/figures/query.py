"""What is asked for in the address of the page: a period, what to compare it with, a store, a currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from pos_api.common.currencies import LONGEST_CODE
from pos_api.common.time import now
from pos_api.errors import Invalid
from pos_api.figures.queries import MOST_DAYS
from pos_api.web.dashboard.figures import periods
from pos_api.web.dashboard.figures.periods import Period
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import timezone_of

_LONGEST_STORE = 40


@dataclass(frozen=True, slots=True)
class Query:
    """Which figures; None for all stores, and for no choice of a currency."""

    name: str
    period: Period
    comparison: str
    compared: Period | None
    store: str | None
    currency: str | None

    def arguments(self, **changes: str | None) -> dict[str, Any]:
        """The arguments of an address that asks for this, with some of them changed."""
        own = self.name == periods.OWN
        return {
            "period": self.name,
            "from": self.period.first.isoformat() if own else None,
            "to": self.period.last.isoformat() if own else None,
            "compare": self.comparison,
            "store": self.store,
            "currency": self.currency,
            **changes,
        }


def read(arguments: MultiDict[str, str]) -> Query:
    """What these arguments ask for; those that are left out or blank have a default. Raises Invalid."""
    store = arguments.get("store") or None
    currency = arguments.get("currency")
    if len(store or "") > _LONGEST_STORE or len(currency or "") > LONGEST_CODE:
        raise Invalid(_("There is no such store or currency."))
    comparison = arguments.get("compare") or periods.COMPARISONS[0]
    name = arguments.get("period") or (periods.OWN if arguments.get("from") else periods.DEFAULT)
    if comparison not in periods.COMPARISONS or name not in (*periods.PRESETS, periods.OWN):
        raise Invalid(_("There is no such period."))
    period = _own(arguments) if name == periods.OWN else periods.preset(name, today(store))
    try:
        compared = periods.compared(name, period, comparison)
    except OverflowError:
        compared = None
    return Query(name, period, comparison, compared, store, currency)


def today(store: str | None) -> date:
    """The day on the store's clock, or where none is named on that of the settings."""
    return now().astimezone(ZoneInfo(timezone_of(store))).date()


def _own(arguments: MultiDict[str, str]) -> Period:
    try:
        first = date.fromisoformat(arguments.get("from", ""))
        last = date.fromisoformat(arguments.get("to") or first.isoformat())
    except ValueError:
        raise Invalid(_("Give the first and the last day of the period.")) from None
    if last < first:
        raise Invalid(_("The period ends before it starts."))
    if (last - first).days >= MOST_DAYS:
        raise Invalid(_("The period is too long: at most twenty years."))
    return Period(first, last)
