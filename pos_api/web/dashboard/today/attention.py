"""What needs somebody to look at it: each a sentence and the page where it is dealt with.

Every check is one or a few queries on an index, of which none counts further than a bound. They are made together,
every few seconds at most in a process; a reader is shown those that the role may deal with, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial

from pos_api.catalogue.collections import products
from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.figures.outage_detection import OrderGap, current_gap
from pos_api.senders import shops
from pos_api.staff.principals import Principal
from pos_api.stores.model import Store
from pos_api.web.dashboard.languages import _, moment, ngettext, number
from pos_api.web.dashboard.today import attention_to_money, attention_to_sending
from pos_api.web.dashboard.today.attention_to_payments import Contradictions
from pos_api.web.dashboard.today.finding import MOST_COUNTED, Finding, at_most
from pos_api.web.dashboard.today.kept import Kept
from pos_api.web.services import Services

__all__ = ["Attention", "Finding"]


class Attention:
    """What needs a look; one for each process."""

    def __init__(self) -> None:
        self._found: Kept[list[Finding]] = Kept(10.0)
        self._gaps: Kept[OrderGap | None] = Kept(300.0)
        self._money: Kept[list[Finding]] = Kept(60.0)
        self._contradictions = Contradictions()

    def of(self, services: Services, reader: Principal) -> list[Finding]:
        """What this reader may deal with, what is bad first, and notes last."""
        found = self._found.get("all", lambda: list(self._look(services)))
        return sorted(
            (each for each in found if reader.may(each.role)), key=lambda each: (not each.is_bad, each.is_note)
        )

    def _look(self, services: Services) -> Iterator[Finding]:
        db, stores, at = services.db, services.stores.all(), now()
        yield from self._silent(db, stores, at)
        yield from _inbox(db)
        yield from _oversold(db)
        yield from attention_to_sending.findings(db, stores, at)
        yield from self._money.get("all", lambda: list(self._of_money(services, at)))
        yield from _other_clocks(db, stores)

    def _of_money(self, services: Services, at: datetime) -> Iterator[Finding]:
        yield from self._contradictions.findings(services.db, services.stores, at)
        yield from attention_to_money.findings(services.db, services.stores.all(), at)

    def _silent(self, db: Db, stores: Iterable[Store], at: datetime) -> Iterator[Finding]:
        for store in stores:
            gap = self._gaps.get(store.id, partial(current_gap, db, store.id, at))
            if gap and gap.alarming:
                yield _silence(store, gap)


def _other_clocks(db: Db, stores: Iterable[Store]) -> Iterator[Finding]:
    """Shops whose latest order has another hour on their own clock than on that of the store."""
    for store in filter(shops.is_shop, stores):
        newest = {"sort": [("created_at", -1), ("_id", -1)], "hint": "store_1_created_at_-1__id_-1"}
        order = db.orders.find_one({"store": store.id}, {"created_at": 1, "day": 1, "hour": 1}, **newest)
        if order and "hour" in order:
            here = store.local(order["created_at"])
            if (order["day"], order["hour"]) != (here.date().isoformat(), here.hour):
                yield _other_clock(store)


def _other_clock(store: Store) -> Finding:
    def text() -> str:
        return _(
            "The clock of %(store)s does not show the time of %(timezone)s: set the time zone that its WordPress has, "
            "so that times and days are right here.",
            store=store.name,
            timezone=store.timezone,
        )

    return Finding(text, "dashboard.settings.store", {"name": store.id}, role="admin")


def _silence(store: Store, gap: OrderGap) -> Finding:
    def text() -> str:
        return _(
            "Nothing has come from %(store)s since %(since)s; usually it sends %(missed)s orders in such a time.",
            store=store.name,
            since=moment(gap.since, store.timezone),
            missed=number(round(gap.missed)),
        )

    return Finding(text, "dashboard.orders.index", {"store": store.id}, is_bad=True)


def _inbox(db: Db) -> Iterator[Finding]:
    query = {"attention_at": {"$exists": True}}
    count = db.inbox.count_documents(query, hint="attention_at_-1", limit=MOST_COUNTED + 1)
    if count:
        yield Finding(
            lambda: ngettext(
                "%(count)s delivery of a sender could not be used.",
                "%(count)s deliveries of senders could not be used.",
                count,
                count=at_most(count),
            ),
            "dashboard.inbox.index",
            role="manager",
            is_bad=True,
        )


def _oversold(db: Db) -> Iterator[Finding]:
    query = {"stock": {"$lt": 0}, "archived": {"$ne": True}}
    count = products(db).count_documents(query, hint="negative_stock", limit=MOST_COUNTED + 1)
    if count:
        yield Finding(
            lambda: ngettext(
                "%(count)s product is oversold: its stock is below zero.",
                "%(count)s products are oversold: their stock is below zero.",
                count,
                count=at_most(count),
            ),
            "dashboard.stock.index",
            {"show": "oversold"},
        )
