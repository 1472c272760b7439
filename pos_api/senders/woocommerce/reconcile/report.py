"""What a comparison found: collected in a Report, judged, and shortened to what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from pos_api.common.value_limits import INT64_MAX
from pos_api.events import Event, StoreDrift, StoreSilent
from pos_api.senders.values import visible
from pos_api.senders.woocommerce.reconcile.model import (
    ORDERS,
    PRODUCTS,
    Kind,
    NotRead,
    OrderDiscrepancy,
    OutageShown,
    ProductDiscrepancy,
    ReportShown,
    StockDiscrepancy,
    WebhookProblem,
)
from pos_api.senders.woocommerce.rows import Row, has_id, shown_text
from pos_api.senders.woocommerce.shop_reader import Unread

_MOST_STORED = 500
_FEW_GONE, _SHARE_GONE = 20, 0.1
_REPAIRED = frozenset({"created", "updated", "unchanged", "aligned", "sent", "equal", "switched on"})

D = TypeVar("D", OrderDiscrepancy, ProductDiscrepancy, StockDiscrepancy)


@dataclass(slots=True)
class Report:
    """What a comparison found. `unread` is what the shop has and could not be read, so nobody knows whether it is in
    sync; `webhooks` what should send orders and does not; `notes` are what was not looked at; `problem` is why the
    comparison could not be finished."""

    store: str
    since: datetime
    started_at: datetime
    compared: int = 0
    orders: list[OrderDiscrepancy] = field(default_factory=list)
    products_compared: int = 0
    products: list[ProductDiscrepancy] = field(default_factory=list)
    stock_compared: int = 0
    stock: list[StockDiscrepancy] = field(default_factory=list)
    unread: list[NotRead] = field(default_factory=list)
    webhooks: list[WebhookProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    outage: OutageShown | None = None
    problem: str | None = None
    finished_at: datetime | None = None

    @property
    def data_in_sync(self) -> bool:
        """Whether all that the shop has was read, and is here as it is there. Stock that is explained is in sync."""
        return not (any(map(is_open, (*self.orders, *self.products, *self.stock))) or self.unread or self.problem)

    @property
    def outage_alarming(self) -> bool:
        """Whether the shop has sent no order for longer than usual."""
        return self.outage is not None and self.outage["alarming"]

    @property
    def in_sync(self) -> bool:
        """Whether there is nothing left to repair or to look at, in the data or in what sends them."""
        return self.data_in_sync and all(map(is_repaired, self.webhooks)) and not self.outage_alarming

    @property
    def drift(self) -> StoreDrift | None:
        """The event that the store is not in sync; None where it is, or could not be compared."""
        if self.in_sync or self.problem or self.finished_at is None:
            return None
        return StoreDrift(self.store, compared_at=self.started_at, at=self.finished_at)

    @property
    def events(self) -> tuple[Event, ...]:
        """What the comparison found out about the store: that it is not in sync, that no order has come for long."""
        found: list[Event] = [self.drift] if self.drift else []
        if self.outage and self.outage["alarming"]:
            found.append(StoreSilent(self.store, since=self.outage["since"], at=self.finished_at or self.started_at))
        return tuple(found)

    def shown(self) -> ReportShown:
        """The report as the API shows it."""
        return {
            "store": self.store,
            "since": self.since,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "in_step": self.in_sync,
            "compared": self.compared,
            "products_compared": self.products_compared,
            "stock_compared": self.stock_compared,
            "orders": self.orders,
            "products": self.products,
            "stock": self.stock,
            "unread": self.unread,
            "senders": self.webhooks,
            "notes": self.notes,
            "silence": self.outage,
            "problem": self.problem,
        }

    def not_read(self, kind: Kind, unread: Iterable[Unread]) -> None:
        """Note what could not be read of the shop's orders or products, once each."""
        for each in unread:
            entry: NotRead = {"kind": kind, "what": each.what, "count": each.count, "cause": each.cause}
            if entry not in self.unread:
                self.unread.append(entry)

    def note_too_many_gone(self, kind: Kind, gone: int, known: int) -> None:
        """Note that these many are gone from the shop at once and stay as they are here."""
        self.notes.append(
            f"{gone:,} of {known:,} {kind} are gone from the shop at once, so they stay as they are here: perhaps the "
            f"shop fails. If they were deleted, `pos-api reconcile {self.store} --repair --accept-gone` follows."
        )

    def with_ids(self, kind: Kind, rows: Iterable[Row]) -> list[Row]:
        """These rows as far as they are objects of the shop; the others, errors among them, are noted as not read."""
        usable: list[Row] = []
        for row in rows:
            if has_id(row):
                usable.append(row)
            else:
                after = f" after id {usable[-1]['id']}" if usable else ""
                error = row.get("code") or row.get("message") if isinstance(row, dict) else None
                shown = shown_text(error, 100)
                cause = f"The shop lists an error in its place: {shown}" if shown else "It has no usable id."
                self.not_read(kind, [Unread(f"a row of {kind}{after}", cause)])
        return usable


def is_repaired(discrepancy: Mapping[str, Any]) -> bool:
    """Whether a repair was made, and held."""
    return discrepancy.get("repair") in _REPAIRED


def is_open(discrepancy: Mapping[str, Any]) -> bool:
    """Whether there is something left to repair; stock that is explained is in sync, unless it is sent to the shop."""
    is_explained = discrepancy.get("unexplained") == 0 and not discrepancy.get("stock_sync")
    return not (is_repaired(discrepancy) or is_explained)


def too_many_gone(gone: int, known: int) -> bool:
    """Whether so many of what is known here are gone from the shop at once that it may rather be the shop that fails:
    more than 20, and more than a tenth. A repair leaves them then until somebody says that it is right."""
    return gone > _FEW_GONE and gone > known * _SHARE_GONE


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """What a report left open: orders and products to look at again, whatever changed since; and what can't be looked
    at by itself, which stays open until everything is compared again."""

    orders: set[int] = field(default_factory=set)
    products: set[str] = field(default_factory=set)
    stock: list[StockDiscrepancy] = field(default_factory=list)
    unread: list[NotRead] = field(default_factory=list)


def left_open(last: ReportShown | None) -> LeftOpen:
    """What a stored report left open; nothing where there is none."""
    if last is None:
        return LeftOpen()
    stock = list(filter(is_open, last["stock"]))
    products = [*stock, *(each for each in last["products"] if not is_repaired(each))]
    return LeftOpen(
        orders={each["order_id"] for each in last["orders"] if not is_repaired(each)},
        products={each["product"] for each in products if each["product"] is not None},
        stock=[each for each in stock if each["product"] is None],
        unread=last["unread"],
    )


# --- what is stored ---------------------------------------------------------------------------------------------------


def storable(report: Report) -> ReportShown:
    """A report of at most 500 discrepancies of each kind, those that are open first: the next comparison looks at them
    again. Where there are more, that is noted as not read, so it stays open until everything is compared again."""
    shown, more = report.shown(), list[NotRead]()
    shown["orders"] = _shortened("orders", ORDERS, shown["orders"], more)
    shown["products"] = _shortened("products", PRODUCTS, shown["products"], more)
    shown["stock"] = _shortened("stock", PRODUCTS, shown["stock"], more)
    shown["unread"] = [*reversed(more), *shown["unread"]][:_MOST_STORED]
    return cast(ReportShown, _as_stored(shown))


def _shortened(part: str, kind: Kind, rows: list[D], more: list[NotRead]) -> list[D]:
    if len(rows) <= _MOST_STORED:
        return rows
    sorted_rows = sorted(rows, key=is_open, reverse=True)
    if left_out := sum(map(is_open, sorted_rows[_MOST_STORED:])):
        cause = f"The report lists {_MOST_STORED}; the rest is looked at when everything is compared again."
        what = f"{left_out} more discrepancies of {part}"
        more.append({"kind": kind, "what": what, "count": left_out, "cause": cause})
    return sorted_rows[:_MOST_STORED]


def _as_stored(value: Any) -> Any:
    """The same as a database can hold it, whatever a shop said."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, int) and abs(value) > INT64_MAX:
        return str(value)
    if isinstance(value, list):
        return [_as_stored(each) for each in value]
    if isinstance(value, dict):
        return {name: _as_stored(each) for name, each in value.items()}
    return value
