"""Orders whose payments do not fit what their shop says: the newest are looked at each time, the others in turn.

How an order's payments fit depends on the order, its payments, the stores that take them and the time, so no index has
the orders where they do not. A look reads at most twice as many orders as one page of the list of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pos_api.database.client import Db
from pos_api.database.reach import Position
from pos_api.payments import account
from pos_api.payments.balance import Provider
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from pos_api.web.dashboard.languages import _, ngettext
from pos_api.web.dashboard.today.finding import Finding

RECENT = timedelta(days=14)
_MOST_FOUND = 100
Providers = Mapping[str, Mapping[str, Provider]]


class Contradictions:
    """What was found so far of the orders of the last 14 days; one for each process."""

    def __init__(self) -> None:
        self._turn = _Turn()

    def findings(self, db: Db, stores: Stores, at: datetime) -> Iterator[Finding]:
        """How many orders are known of at this moment, or that some were not looked at yet."""
        providers = {store.id: _providers(stores, store) for store in stores.all() if store.paid_by}
        if not providers:
            return
        count, is_whole = self._look(db, providers, at)
        if count:
            yield Finding(lambda: _said(count, is_whole), "dashboard.payments.discrepancies", is_bad=True)
        elif not is_whole:
            yield Finding(
                lambda: _("Older orders of the last 14 days are still being compared with their payments."),
                "dashboard.payments.discrepancies",
                is_note=True,
            )

    def _look(self, db: Db, providers: Providers, at: datetime) -> tuple[int, bool]:
        """Look at the newest orders, and at the next ones of the others. Returns how many do not fit, _MOST_FOUND for
        as many or more, and whether each order was looked at."""
        bounds = {"$gte": at - RECENT}
        newest, after = account.contradicting(db, providers, bounds, _MOST_FOUND, None, at)
        if after is None:
            self._turn = _Turn(is_whole=True)
            return len(newest), True
        turn = self._turn
        found = {row["order"] for row in newest} | turn.still(db, providers, at)
        if len(found) < _MOST_FOUND:
            rows, turn.position = account.contradicting(db, providers, bounds, _MOST_FOUND, turn.position or after, at)
            found |= turn.note({row["order"] for row in rows})
        return min(len(found), _MOST_FOUND), turn.is_whole


@dataclass(slots=True)
class _Turn:
    """How far the older orders were looked at, what was found in this turn and in the one before, and whether one has
    come to its end."""

    position: Position | None = None
    found: set[str] = field(default_factory=set)
    found_before: set[str] = field(default_factory=set)
    is_whole: bool = False

    def note(self, found: set[str]) -> set[str]:
        """Keep what was found up to the position; where that is the end, the next turn begins."""
        self.found |= found
        if self.position is None:
            self.found_before, self.found, self.is_whole = self.found, set(), True
        return found

    def still(self, db: Db, providers: Providers, at: datetime) -> set[str]:
        """Of the orders that were found those that still do not fit."""
        of_stores = (order for order in self.found | self.found_before if order.partition(":")[0] in providers)
        known = account.of_orders(db, of_stores, providers, at)
        still = {order for order, of in known.items() if of["discrepancies"]}
        self.found &= still
        self.found_before &= still
        return still


def _providers(stores: Stores, store: Store) -> dict[str, Provider]:
    takers = [stores.get(name) for name in store.paid_by]
    return {each.id: Provider(each.kind, each.added_at) for each in takers}


def _said(count: int, is_whole: bool) -> str:
    if count == _MOST_FOUND:
        return _("The payments of many orders of the last 14 days do not fit what their shop says.")
    if not is_whole:
        return ngettext(
            "The payments of at least %(num)s order of the last 14 days do not fit what its shop says.",
            "The payments of at least %(num)s orders of the last 14 days do not fit what their shop says.",
            count,
        )
    return ngettext(
        "The payments of %(num)s order of the last 14 days do not fit what its shop says.",
        "The payments of %(num)s orders of the last 14 days do not fit what their shop says.",
        count,
    )
