"""What a comparison found, and where a store stands with its shop (`pulls`: `reconciled_until`, `report`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pos_api.common.limits import INT64_MAX
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.senders.values import visible
from pos_api.senders.woocommerce.rows import Row, has_id, shown_text
from pos_api.senders.woocommerce.shop_reader import Unread
from pos_api.stores.registry import Stores

SWEEP = timedelta(days=30)
"""How far back the daily comparison looks."""
ORDERS, PRODUCTS = "orders", "products"

_SHOWN = 500
_FEW_GONE, _SHARE_GONE = 20, 0.1
_DONE = frozenset({"created", "updated", "unchanged", "aligned", "switched on"})


@dataclass(slots=True)
class Report:
    """What a comparison found. `unread` is what the shop has and could not be read, so nobody knows whether it is in
    sync; `notes` are what was not looked at; `problem` is why the comparison could not be finished."""

    store: str
    since: datetime
    started_at: datetime
    compared: int = 0
    orders: list[Document] = field(default_factory=list)
    products_compared: int = 0
    products: list[Document] = field(default_factory=list)
    stock_compared: int = 0
    stock: list[Document] = field(default_factory=list)
    unread: list[Document] = field(default_factory=list)
    senders: list[Document] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    silence: Document | None = None
    problem: str | None = None
    finished_at: datetime | None = None

    @property
    def data_in_sync(self) -> bool:
        """Whether all that the shop has was read, and is here as it is there. Stock that is explained is in sync."""
        open_stock = any(each["unexplained"] and not repaired(each) for each in self.stock)
        open_rows = not all(map(repaired, (*self.orders, *self.products)))
        return not (open_stock or open_rows or self.unread or self.problem)

    @property
    def in_sync(self) -> bool:
        """Whether there is nothing left to repair or to look at, in the data or in what sends them."""
        alarming = (self.silence or {}).get("alarming")
        return self.data_in_sync and all(map(repaired, self.senders)) and not alarming

    def document(self) -> Document:
        """The report as it is stored and shown."""
        return {**asdict(self), "in_step": self.in_sync}

    def not_read(self, kind: str, unread: Iterable[Unread]) -> None:
        """Note what could not be read of the shop's orders or products, once each."""
        for each in unread:
            document = {"kind": kind, "what": each.what, "count": each.count, "cause": each.cause}
            if document not in self.unread:
                self.unread.append(document)

    def note(self, kind: str, discrepancy: Document) -> None:
        """Add a discrepancy of orders or products, without what it is repaired with (`body`, `row`)."""
        kept = {name: value for name, value in discrepancy.items() if name not in ("body", "row")}
        (self.orders if kind == ORDERS else self.products).append(kept)

    def note_too_many_gone(self, kind: str, gone: int, known: int) -> None:
        """Note that these many are gone from the shop at once and stay as they are here."""
        self.notes.append(
            f"{gone:,} of {known:,} {kind} are gone from the shop at once, so they stay as they are here: perhaps the "
            f"shop fails. If they were deleted, `pos-api reconcile {self.store} --repair --accept-gone` follows."
        )

    def with_ids(self, kind: str, rows: Iterable[Row]) -> list[Row]:
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


@dataclass(frozen=True, slots=True)
class Open:
    """What the last comparison left open: orders and products to look at again, whatever changed since; and what can't
    be looked at by itself, which stays open until everything is compared again."""

    orders: set[int] = field(default_factory=set)
    products: set[str] = field(default_factory=set)
    stock: list[Document] = field(default_factory=list)
    unread: list[Document] = field(default_factory=list)


def left_open(last: Document | None) -> Open:
    """What a stored report left open."""
    last = last or {}
    stock = [each for each in last.get("stock", ()) if each["unexplained"] and not repaired(each)]
    products = [*stock, *(each for each in last.get("products", ()) if not repaired(each))]
    return Open(
        orders={each["order_id"] for each in last.get("orders", ()) if not repaired(each)},
        products={each["product"] for each in products if each["product"] is not None},
        stock=[each for each in stock if each["product"] is None],
        unread=last.get("unread", []),
    )


def repaired(discrepancy: Document) -> bool:
    """Whether a repair was made, and held."""
    return discrepancy.get("repair") in _DONE


def keep(db: Db, config: Config, report: Report, until: datetime) -> None:
    """Store the report, and where all is in sync until then, that it is."""
    changes: Document = {"report": _storable(_shortened(report.document()))}
    unread = any(each["kind"] == ORDERS for each in report.unread)
    if not (report.problem or unread) and all(map(repaired, report.orders)) and _connects(db, config, report):
        changes["reconciled_until"] = until
    db.pulls.update_one({"_id": report.store}, {"$set": changes}, upsert=True)


def _storable(value: Any) -> Any:
    """The same as a database can hold it, whatever a shop said."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, int) and abs(value) > INT64_MAX:
        return str(value)
    if isinstance(value, list | tuple | set):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {name: _storable(each) for name, each in value.items()}
    return value


def _shortened(document: Document) -> Document:
    """A report of at most `_SHOWN` of each kind, those that are open first: the next comparison looks at them again.
    Where there are more, that is noted as not read, so it stays open until everything is compared again."""
    for part, kind in (("orders", ORDERS), ("products", PRODUCTS), ("stock", PRODUCTS)):
        if len(document[part]) > _SHOWN:
            rows = sorted(document[part], key=_is_open, reverse=True)
            document[part] = rows[:_SHOWN]
            if more := sum(map(_is_open, rows[_SHOWN:])):
                cause = f"The report lists {_SHOWN}; the rest is looked at when everything is compared again."
                entry = {"kind": kind, "what": f"{more} more discrepancies of {part}", "count": more, "cause": cause}
                document["unread"].insert(0, entry)
    document["unread"] = document["unread"][:_SHOWN]
    return document


def too_many_gone(gone: int, known: int) -> bool:
    """Whether so many of what is known here are gone from the shop at once that it may rather be the shop that fails:
    more than 20, and more than a tenth. A repair leaves them then until somebody says that it is right."""
    return gone > _FEW_GONE and gone > known * _SHARE_GONE


def _is_open(discrepancy: Document) -> bool:
    """Whether there is something left to repair; stock that is explained is in sync."""
    return not repaired(discrepancy) and discrepancy.get("unexplained") != 0


def _connects(db: Db, config: Config, report: Report) -> bool:
    """Whether nothing before what was compared is unknown: it begins where the last comparison ended, or when the store
    went live, or a sweep ago."""
    known = reconciled_until(db, report.store)
    if known is None:
        known = report.started_at - SWEEP
        known = max(known, Stores(db, config).get(report.store).live_since or known)
    return report.since <= known


def last_report(db: Db, name: str) -> Document | None:
    """The latest report about a store; None when it was never compared."""
    return (db.pulls.find_one({"_id": name}, {"report": 1}) or {}).get("report")


def reconciled_until(db: Db, name: str) -> datetime | None:
    """Up to when the store's orders are known to be in sync."""
    return (db.pulls.find_one({"_id": name}, {"reconciled_until": 1}) or {}).get("reconciled_until")
