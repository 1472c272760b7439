"""Backfill: a shop's products, customers and orders, read over its REST API and taken in like deliveries.

Products come first, and the stock of those not known yet is what the POS starts with. Orders from before the store went
live move nothing then: their units are missing from that stock already. Where an import stands is kept in `pulls`
(`_id`: the store; `import`: `since`, `started_at`, `phase`, `window`, `offset`, `last_id`, `finished_at`,
`not_imported`, what could not be brought in so far, and `live_order_id`), so that one that was interrupted goes on.
`live_order_id` of the store is the shop's last order when the store went live with its first import.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from pos_api.common.time import now, utc
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.figures import rollup
from pos_api.inbox.model import Outcome
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce import reconcile
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.reconcile import Report
from pos_api.senders.woocommerce.rows import has_id, shown_text
from pos_api.senders.woocommerce.shop_error import unexpected_as_shop_error
from pos_api.senders.woocommerce.shop_reader import Collection, Page, Period, Place, ShopReader
from pos_api.senders.woocommerce.stock_taken import stock_reduction_of
from pos_api.staff import audit
from pos_api.stock.opening import is_from_before
from pos_api.stores import settings
from pos_api.stores.registry import Stores

PHASES: tuple[Collection, ...] = ("products", "customers", "orders")
_EVENTS = {"products": "product.created", "customers": "customer.created", "orders": "order.created"}
_TRIES = 3
_FARTHEST_EAST = timedelta(hours=14)
"""Where the day begins first: a date is in the future only where it has begun nowhere."""
_KEPT = 1000
"""So many of what was not imported are kept for an import that goes on; more of them are one cause."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the phase, how many rows are done in it, and how many there are (about)."""


@dataclass(slots=True)
class Imported:
    """What an import did: by phase, how many rows had which outcome; `not_imported`, what the shop has and is not here
    (`{"what", "cause"}`): it could not be read, or not be used; and how the POS compares with the shop now."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    not_imported: list[Document] = field(default_factory=list)
    report: Report | None = None

    @property
    def in_sync(self) -> bool:
        """Whether all that the shop has is here, as it is there."""
        return not self.not_imported and self.report is not None and self.report.data_in_sync

    def note(self, phase: str, page: Page, outcomes: list[Outcome]) -> None:
        """Count what became of a page's rows, and note what of it is not here."""
        self.outcomes[phase].update(outcome.outcome for outcome in outcomes)
        self.not_imported += [{"what": each.what, "cause": each.cause} for each in page.unread]
        for row, outcome in zip(page.rows, outcomes, strict=True):
            if outcome.outcome in ("parked", "waiting"):
                cause = outcome.full_reason or "It could not be applied yet and is tried again."
                self.not_imported.append({"what": _name(phase, row), "cause": cause})


def _name(phase: str, row: Any) -> str:
    if not has_id(row):
        return f"a row of {phase} without an id"
    name = shown_text(row.get("name"))
    return f"{phase.removesuffix('s')} {row['id']}" + (f" ({name})" if name else "")


def run(
    db: Db, config: Config, shop: ShopReader, name: str, since: datetime, ingest: Ingest, progress: Progress
) -> Imported:
    """Read everything of the store `name` since `since` and take it in; goes on where the last one was interrupted.

    The figures are counted then. Run again, it changes nothing but what changed in the shop. Raises ShopError when the
    shop can't be read.
    """
    with audit.act(db, "store.imported", target=name, details={"since": since}) as details, unexpected_as_shop_error():
        imported = _run(db, config, shop, name, since, ingest, progress)
        details |= {phase: dict(outcomes) for phase, outcomes in imported.outcomes.items()}
        details["not_imported"] = len(imported.not_imported)
    return imported


def _run(
    db: Db, config: Config, shop: ShopReader, name: str, since: datetime, ingest: Ingest, progress: Progress
) -> Imported:
    state = _begin(db, config, shop, name, since)
    store = Stores(db, config).get(name)
    imported = Imported(not_imported=state.get("not_imported", []))
    for phase in PHASES[PHASES.index(state["phase"]) :]:
        if phase != state["phase"]:
            state = _note(db, name, state, phase=phase, window=None, place=Place())
        imported.outcomes[phase] = Counter()
        total = shop.count(phase, Period(since) if phase == "orders" else Period())
        progress(phase, 0, total)
        for page, window, read in _pages(shop, phase, since, state):
            bodies = [_body(phase, row, state, read) for row in page.rows]
            imported.note(phase, page, ingest(db, store, bodies, read.at))
            state["not_imported"] = imported.not_imported[:_KEPT]
            state = _note(db, name, state, phase=phase, window=window, place=page.after)
            progress(phase, imported.outcomes[phase].total(), total)
    db.pulls.update_one({"_id": name}, {"$set": {"import.finished_at": now()}})
    imported.report = _true_up(db, config, shop, name, ingest, state["started_at"])
    rollup.refresh_unless_newer(db)
    return imported


def _true_up(db: Db, config: Config, shop: ShopReader, name: str, ingest: Ingest, started_at: datetime) -> Report:
    """Take in what changed in the shop while it was being read. A product whose order was paid, cancelled or refunded
    between the reading of the one and of the other started with a stock that was a moment off: it is set right."""
    query = {"opened_by": name, "opened_at": {"$gte": started_at.replace(microsecond=0)}}
    opened = {product["_id"] for product in db.products.find(query, {"_id": 1})}
    options = reconcile.Options(started_at - reconcile.OVERLAP, repair=True)
    report = reconcile.run(db, config, shop, name, ingest, options)
    for _ in range(_TRIES):
        off = [
            each["product"]
            for each in report.stock
            if each["product"] in opened and each["unexplained"] and not each["explained"] and not each.get("repair")
        ]
        if not off:
            break
        report = reconcile.run(db, config, shop, name, ingest, replace(options, align=tuple(off)))
    return report


def _begin(db: Db, config: Config, shop: ShopReader, name: str, since: datetime) -> Document:
    """The import to go on with, or a new one. The first one is when a store goes live, unless orders came before."""
    last: Document = (db.pulls.find_one({"_id": name}, {"import": 1}) or {}).get("import") or {}
    if last and not last.get("finished_at") and last["since"] == since:
        return last
    last_order_id = shop.last_order_id()
    started_at = shop.time()
    state: Document = {"since": since, "started_at": started_at, "phase": PHASES[0]}
    live_since = Stores(db, config).get(name).live_since
    if live_since is None:
        first = _first_order(db, name)
        live_since = first or started_at
        settings.update_store(db, config, name, live_since=live_since)
        if first is None:
            db.pulls.update_one({"_id": name}, {"$set": {"live_order_id": last_order_id}}, upsert=True)
    live_order_id = (db.pulls.find_one({"_id": name}, {"live_order_id": 1}) or {}).get("live_order_id")
    if live_order_id is not None:
        state |= {"live_order_id": live_order_id, "live_since": live_since}
    db.pulls.update_one({"_id": name}, {"$set": {"import": state}}, upsert=True)
    return state


def _first_order(db: Db, name: str) -> datetime | None:
    """When the oldest order was made that took its units from the stock here."""
    query = {"store": name, "opening": []}
    order = db.woocommerceorders.find_one(query, {"created_at": 1}, sort=[("created_at", 1), ("_id", 1)])
    return order["created_at"] if order else None


def _note(db: Db, name: str, state: Document, *, phase: str, window: datetime | None, place: Place) -> Document:
    state = {**state, "phase": phase, "window": window, "offset": place.offset, "last_id": place.last_id}
    db.pulls.update_one({"_id": name}, {"$set": {"import": state}}, upsert=True)
    return state


@dataclass(frozen=True, slots=True)
class _Read:
    """When a page was asked for; for products by the shop's clock, and with the shop's last order by then."""

    at: datetime
    last_order_id: int | None = None


def _body(phase: str, row: Any, state: Document, read: _Read) -> bytes:
    """The event that a row is. An order is from before where it took its units before the store went live with its
    first import; a product's stock contains the orders up to the last one when it was read."""
    opening = None
    if phase == "orders" and "live_order_id" in state and has_id(row):
        live_since = state.get("live_since") or read.at
        reduction = stock_reduction_of(row, read.at, otherwise=live_since)
        opening = is_from_before(reduction, live_since, last_order_id=state["live_order_id"])
    return envelope(_EVENTS[phase], row, opening=opening, last_order_id=read.last_order_id)


def _pages(
    shop: ShopReader, phase: str, since: datetime, state: Document
) -> Iterator[tuple[Page, datetime | None, _Read]]:
    """The pages of a phase from where it stands, each with its window and when it was asked for."""
    resumed = Place(state.get("offset", 0), state.get("last_id", 0))
    if phase == "orders":
        for start, end in _months(state.get("window") or since, now()):
            place = resumed if start == state.get("window") else None
            for page, read in _timed(lambda: _Read(now()), shop.orders(place, Period(start, end))):
                yield page, start, read
        return
    if phase == "products":
        for page, read in _timed(lambda: _Read(shop.time(), shop.last_order_id()), shop.products(resumed)):
            yield page, None, read
        return
    for page, read in _timed(lambda: _Read(now()), shop.customers(resumed)):
        yield page, None, read


def _timed(clock: Callable[[], _Read], pages: Iterator[Page]) -> Iterator[tuple[Page, _Read]]:
    """Each page with the moment before it was asked for: what it says is no older."""
    asked = clock()
    for page in pages:
        yield page, asked
        asked = clock()


def _months(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime | None]]:
    """The months from `start` to `end`, the last one open: they keep the offsets small in a shop of many years."""
    while start < end:
        month = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = (month + timedelta(days=32)).replace(day=1)
        yield start, following if following < end else None
        start = following


def parse_since(text: str, moment: datetime) -> datetime:
    """The start of a period: a date or time in ISO 8601 (UTC), or how long before `moment`: `30m`, `12h`, `2d`, `3w`.

    Raises ValueError, for a day that has not begun anywhere too.
    """
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    if text[-1:] in units and text[:-1].isdigit() and text.isascii() and len(text) < 7:
        return moment - timedelta(**{units[text[-1]]: int(text[:-1])})
    since = utc(text)
    if since is None:
        raise ValueError("must not be empty")
    if since > moment + _FARTHEST_EAST:
        raise ValueError("is in the future")
    return min(since, moment).astimezone(UTC)
