"""The day of the stores that are looked at, and the same weekday last week up to the same time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from pos_api.database.client import Db
from pos_api.figures.day_so_far import DayFigures, added_up, of_day, same_moment
from pos_api.stores.model import Store
from pos_api.web.dashboard.today.kept import Kept

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Day:
    """The figures of today by currency, of last week's day up to the same time (`before`), and of all of that day."""

    day: date
    today: dict[str, DayFigures]
    before: dict[str, DayFigures]
    day_before: dict[str, DayFigures]

    def currencies(self, preferred: str) -> list[str]:
        """The currencies of either day, the preferred one first, then those of most orders; the preferred one alone
        where nothing was sold."""
        orders: Counter[str] = Counter()
        for figures in (self.today, self.day_before):
            orders.update({currency: each.orders for currency, each in figures.items()})
        return sorted(orders or {preferred}, key=lambda each: (each != preferred, -orders[each], each))


class Days:
    """The days, which are worked out anew every few seconds; one for each process."""

    def __init__(self) -> None:
        self._today: Kept[dict[str, DayFigures]] = Kept(2.0)
        self._past: Kept[dict[str, DayFigures]] = Kept(60.0)

    def at(self, db: Db, stores: Sequence[Store], moment: datetime) -> Day:
        """The day of these stores, one at least, at this moment, of each by its own clock."""
        zones: dict[str, list[str]] = defaultdict(list)
        for store in stores:
            zones[store.timezone].append(store.id)
        today, before, day_before = [], [], []
        for zone, names in zones.items():
            day = moment.astimezone(ZoneInfo(zone)).date()
            last, until = day - _WEEK, same_moment(zone, day - _WEEK, moment.replace(second=0, microsecond=0))
            key = (zone, *names)
            today.append(self._today.get((*key, day), partial(of_day, db, names, day)))
            before.append(self._past.get((*key, until), partial(of_day, db, names, last, until)))
            day_before.append(self._past.get((*key, last), partial(of_day, db, names, last)))
        first = moment.astimezone(ZoneInfo(stores[0].timezone)).date()
        return Day(first, added_up(today), added_up(before), added_up(day_before))
