"""Import: a shop's products, customers and orders, read from its REST API or its database and brought in like
deliveries.

Products come first, and the stock of those not known yet is what the POS starts with. Orders from before the store went
live move nothing then: their units are missing from that stock already. Where an import stands is kept
(`import_checkpoint`), so that one that was interrupted goes on.

The next page is read while one is brought in. Where it stands advances in the order of the pages, and only over what
was brought in, so an interrupted import reads some pages again and leaves none out.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from pos_api.common.read_ahead import read_ahead
from pos_api.common.time import now, utc
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.figures import background as figures
from pos_api.inbox.model import Outcome
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce import import_checkpoint
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.import_checkpoint import PHASES, Checkpoint, NotImported
from pos_api.senders.woocommerce.reconcile.comparison import Options
from pos_api.senders.woocommerce.reconcile.model import StockDiscrepancy
from pos_api.senders.woocommerce.reconcile.report import Report, is_open
from pos_api.senders.woocommerce.reconcile.run import OVERLAP, reconcile
from pos_api.senders.woocommerce.rows import has_id, shown_text
from pos_api.senders.woocommerce.shop_error import ShopError, unexpected_as_shop_error
from pos_api.senders.woocommerce.shop_reader import ALWAYS, Collection, Page, Period, Place, ShopReader
from pos_api.senders.woocommerce.stock_taken import stock_reduction_of
from pos_api.staff import audit
from pos_api.stock.opening import is_from_before
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores

_EVENTS = {"products": "product.created", "customers": "customer.created", "orders": "order.created"}
_TRIES = 3
_FARTHEST_EAST = timedelta(hours=14)
"""Where the day begins first: a date is in the future only where it has begun nowhere."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the phase, how many rows are done in it, and how many there are (about); last of all it may be `figures`,
of the orders that are counted for them."""
_SHOWN_EVERY = 5.0
"""Seconds of counting after which it is shown how far it is."""


@dataclass(slots=True)
class ImportResult:
    """What an import did: by phase, how many rows had which outcome; `not_imported`, what the shop has and is not here
    (`{"what", "cause"}`): it could not be read, or not be used; and how the POS compares with the shop now."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    not_imported: list[NotImported] = field(default_factory=list)
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


@dataclass(frozen=True, slots=True)
class _Import:
    """An import on its way: from where and how rows are brought in, so many pages of orders at once, where it stands,
    and what became of it."""

    db: Db
    store: Store
    shop: ShopReader
    ingest: Ingest
    at_once: int
    progress: Progress
    checkpoint: Checkpoint
    imported: ImportResult


def run(
    db: Db,
    config: Config,
    shop: ShopReader,
    name: str,
    since: datetime,
    ingest: Ingest,
    progress: Progress,
    *,
    at_once: int = 1,
) -> ImportResult:
    """Read everything of the store `name`, of orders those made since `since`, and bring it in; goes on where the last
    import was interrupted. `ingest` is called from that many threads `at_once`.

    The figures are brought up to date then. Run again, it changes nothing but what changed in the shop. Raises
    ShopError when the shop can't be read, and Invalid for a store of another kind.
    """
    with audit.act(db, "store.imported", target=name, details={"since": since}) as details, unexpected_as_shop_error():
        checkpoint = import_checkpoint.begin(db, config, shop, name, since)
        imported = ImportResult(not_imported=checkpoint.get("not_imported", []))
        running = _Import(db, Stores(db, config).get(name), shop, ingest, at_once, progress, checkpoint, imported)
        for phase in PHASES[PHASES.index(checkpoint["phase"]) :]:
            _import_phase(running, phase)
        import_checkpoint.finish(db, name)
        imported.report = _catch_up(db, config, shop, name, ingest, checkpoint["started_at"])
        _bring_figures_up_to_date(db, progress)
        details |= {phase: dict(outcomes) for phase, outcomes in imported.outcomes.items()}
        details["not_imported"] = len(imported.not_imported)
    return imported


def _bring_figures_up_to_date(db: Db, progress: Progress) -> None:
    """Count what was brought in, so that the first look does not have to; shows how far it is where it takes long. What
    others bring in as quickly meanwhile is left to be counted as always."""
    most, before = 0, math.inf
    while 0 < (left := figures.bring_up_to_date(db, _SHOWN_EVERY)) < before:
        most, before = most or left, left
        progress("figures", most - left, most)
    if most:
        progress("figures", most, most)


def _import_phase(running: _Import, phase: Collection) -> None:
    """Bring in the rows of one phase, from where it stands."""
    db, store, shop = running.db, running.store, running.shop
    checkpoint, imported = running.checkpoint, running.imported
    import_checkpoint.enter(db, store.id, checkpoint, phase)
    imported.outcomes[phase] = Counter()
    total = shop.count(phase, Period(checkpoint["since"]) if phase == "orders" else ALWAYS)
    running.progress(phase, 0, total)
    for read, outcomes in _brought_in(running, phase):
        imported.note(phase, read.page, outcomes)
        import_checkpoint.name_not_imported(checkpoint, imported.not_imported)
        import_checkpoint.advance(db, store.id, checkpoint, read.window, read.page.after)
        running.progress(phase, imported.outcomes[phase].total(), total)


def _brought_in(running: _Import, phase: Collection) -> Iterator[tuple[_Read, list[Outcome]]]:
    """The pages of a phase, in order, each with what became of its rows. Of orders several are brought in at once, for
    they may come in any order; what was read before the shop fails is brought in before that is raised."""
    checkpoint = running.checkpoint
    begun: deque[tuple[_Read, Future[list[Outcome]]]] = deque()
    most = running.at_once if phase == "orders" else 1
    with ThreadPoolExecutor(most, thread_name_prefix="pos-import") as threads:
        try:
            for read in read_ahead(_pages(running.shop, phase, checkpoint)):
                bodies = [_body(phase, row, checkpoint, read) for row in read.page.rows]
                at = read.page.asked_at
                begun.append((read, threads.submit(running.ingest, running.db, running.store, bodies, at)))
                if len(begun) == most:
                    first, ending = begun.popleft()
                    yield first, ending.result()
        except ShopError:
            yield from _ended(begun)
            raise
        yield from _ended(begun)


def _ended(begun: Iterable[tuple[_Read, Future[list[Outcome]]]]) -> Iterator[tuple[_Read, list[Outcome]]]:
    for read, ending in begun:
        yield read, ending.result()


def _is_off_by_a_moment(discrepancy: StockDiscrepancy, opened: set[str]) -> bool:
    """Whether it is of a product that this import added, and nothing here explains it."""
    tried = discrepancy["explained"] or "repair" in discrepancy
    return discrepancy["product"] in opened and is_open(discrepancy) and not tried


def _catch_up(db: Db, config: Config, shop: ShopReader, name: str, ingest: Ingest, started_at: datetime) -> Report:
    """Bring in what changed in the shop while it was being read. A product whose order was paid, cancelled or refunded
    between the reading of the one and of the other started with a stock that was a moment off: it is set right."""
    query = {"opening_store": name, "opening_stock_at": {"$gte": started_at.replace(microsecond=0)}}
    opened = {product["_id"] for product in db.products.find(query, {"_id": 1})}
    options = Options(started_at - OVERLAP, repair=True, just_read=True)
    report = reconcile(db, config, shop, name, ingest, options)
    for _ in range(_TRIES):
        to_align = tuple(each["product"] or "" for each in report.stock if _is_off_by_a_moment(each, opened))
        if not to_align:
            break
        report = reconcile(db, config, shop, name, ingest, replace(options, align=to_align))
    return report


@dataclass(frozen=True, slots=True)
class _Read:
    """A page that was read: of products by the shop's clock, with the shop's last order when it was asked for; of
    orders with the month that they were made in."""

    page: Page
    last_order_id: int | None = None
    window: datetime | None = None


def _body(phase: Collection, row: Any, checkpoint: Checkpoint, read: _Read) -> bytes:
    """The event that a row is. An order is from before where it took its units before the store went live with its
    first import; a product's stock contains the orders up to the last one when it was read."""
    opening = None
    if phase == "orders" and "live_order_id" in checkpoint and has_id(row):
        asked_at = read.page.asked_at
        live_since = checkpoint.get("live_since") or asked_at
        reduction = stock_reduction_of(row, asked_at, otherwise=live_since)
        opening = is_from_before(reduction, live_since, last_order_id=checkpoint["live_order_id"])
    return envelope(_EVENTS[phase], row, opening=opening, last_order_id=read.last_order_id)


def _pages(shop: ShopReader, phase: Collection, checkpoint: Checkpoint) -> Iterator[_Read]:
    """The pages of a phase from where it stands."""
    resumed, window = import_checkpoint.place_of(checkpoint), checkpoint.get("window")
    if phase == "orders":
        for start, end in _months(window or checkpoint["since"], now()):
            place = resumed if start == window else None
            for page in shop.orders(place, Period(start, end)):
                yield _Read(page, window=start)
    elif phase == "products":
        yield from _products(shop, resumed)
    else:
        yield from map(_Read, shop.customers(resumed))


def _products(shop: ShopReader, start: Place) -> Iterator[_Read]:
    """The pages of products, each with the shop's time and last order before it was asked for: its stock is no
    older."""
    asked_at, last_order_id = shop.time(), shop.last_order_id()
    for page in shop.products(start):
        yield _Read(replace(page, asked_at=asked_at), last_order_id)
        asked_at, last_order_id = shop.time(), shop.last_order_id()


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
