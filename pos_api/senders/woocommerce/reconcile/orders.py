"""Orders compared both ways: what changed in the shop, and what the POS saved, which finds what no webhook tells (a
deleted refund, an order deleted for good).

A discrepancy is confirmed by a second look at the order alone: the rev stored here is read first and the shop asked
then, so that what the shop says is newer, and is applied while the order still has that rev
(`OrderUpdate.replaces`). What can't be read, or keeps changing, is noted as not read: nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from bson import Timestamp

from pos_api.common.batches import in_batches
from pos_api.common.money import decimal
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import PosError
from pos_api.inbox.model import full_reason
from pos_api.orders.compare import compare_orders
from pos_api.orders.model import OrderUpdate
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.reconcile.report import ORDERS, Report, repaired, too_many_gone
from pos_api.senders.woocommerce.row_commands import command_of
from pos_api.senders.woocommerce.rows import Row, from_trash, refunds_of, shown_text
from pos_api.senders.woocommerce.shop_reader import ShopReader, Unread
from pos_api.stores.model import Store

_BATCH = 100
_LOOKS = 3
_NEEDED = ("status", "total", "line_items", "refunds")
"""Without these an order's answer is cut short: what it leaves out would count as unchanged."""
_DERIVED = frozenset(
    {
        *("held", "opening", "unmatched", "without_stock", "unmanaged", "carried", "parent", "warnings"),
        *("skus", "search", "customer", "day"),
    }
)


@dataclass(frozen=True, slots=True)
class _Compared:
    """An order as the shop has it, what is stored of it, and the fields that differ."""

    snapshot: OrderUpdate
    before: Document | None
    fields: list[str]
    row: Row


def compare(
    db: Db,
    store: Store,
    shop: ShopReader,
    report: Report,
    ingest: Ingest,
    *,
    revisit: set[int],
    repair: bool,
    until: datetime,
    accept_gone: bool = False,
) -> set[str]:
    """Note the orders that differ, and repair them; returns the products of all that were compared. Those to `revisit`
    are compared whenever they changed. What changed after `until` may still be on its way, and is left for the next
    comparison. Where many are gone from the shop at once, they stay as they are unless `accept_gone`. Raises
    ShopError."""
    touched: set[str] = set()
    gone: list[Document] = []
    for rows, unlisted in _both_ways(db, store, shop, report, revisit):
        for discrepancy in _differing(db, store, shop, report, rows, unlisted):
            if _recent(discrepancy, until):
                continue
            if discrepancy["problem"] == "gone":
                gone.append(discrepancy)  # repaired last: when it is known how many they are
                continue
            report.note(ORDERS, _repair(db, store, shop, report, ingest, discrepancy) if repair else discrepancy)
        ids = [*(row["id"] for row in rows), *unlisted]
        report.compared += len(ids)
        touched.update(_products_of(db, store, ids))
    if repair and not accept_gone and too_many_gone(len(gone), report.compared):
        report.note_too_many_gone(ORDERS, len(gone), report.compared)
        repair = False
    for discrepancy in gone:
        report.note(ORDERS, _repair(db, store, shop, report, ingest, discrepancy) if repair else discrepancy)
    _explain_with_inbox(db, store, report.orders)
    return touched


def _both_ways(
    db: Db, store: Store, shop: ShopReader, report: Report, revisit: set[int]
) -> Iterator[tuple[list[Row], list[int]]]:
    """What changed in the shop since the report's `since`; then, as the shop has it, what was saved here since then,
    and which of those the shop does not list any more; and last what is to be looked at again besides."""
    seen: set[int] = set()
    for page in shop.orders_changed_since(report.since):
        report.not_read(ORDERS, page.unread)
        rows = report.with_ids(ORDERS, page.rows)
        seen.update(row["id"] for row in rows)
        yield rows, []
    for ids in _saved_since(db, store, report.since, seen):
        listed = shop.listed_orders(ids)
        yield list(listed.values()), [order_id for order_id in ids if order_id not in listed]
    yield [], sorted(revisit - seen)


def _saved_since(db: Db, store: Store, since: datetime, seen: set[int]) -> Iterator[list[int]]:
    """Orders here, not deleted, that were saved or made since then and not `seen` yet, in batches; each once, though a
    repair saves it again while they are being read."""
    saved = {"changed_at": {"$gte": Timestamp(int(since.timestamp()), 0)}, "store": store.id}
    found = db.woocommerceorders.find(saved | {"deleted_at": {"$exists": False}}, {"order_id": 1}).sort("changed_at", 1)
    waiting = (each["order_id"] for each in found if each["order_id"] not in seen)
    for batch in in_batches(waiting, _BATCH):
        seen.update(batch)
        yield batch


def _differing(
    db: Db, store: Store, shop: ShopReader, report: Report, rows: list[Row], unlisted: list[int]
) -> Iterator[Document]:
    """The discrepancies of these orders. One that is missing here is known from the list; all others are confirmed."""
    doubtful = list(unlisted)
    compared = _compare(db, store, rows)
    if lacking := [each.row for each in compared if _lacks_refund_lines(each)]:
        ids = {row["id"] for row in lacking}
        with_lines, unread = shop.with_refund_lines(lacking)
        report.not_read(ORDERS, unread)
        compared = [each for each in compared if each.snapshot.order_id not in ids] + _compare(db, store, with_lines)
    usable = {each.snapshot.order_id for each in compared}
    doubtful += [row["id"] for row in rows if row["id"] not in usable]
    for each in compared:
        if each.before is None:
            yield _discrepancy(each)
        elif each.fields:
            doubtful.append(each.snapshot.order_id)
    for order_id in doubtful:
        if confirmed := _look_again(db, store, shop, report, order_id):
            yield confirmed


def _compare(db: Db, store: Store, rows: list[Row]) -> list[_Compared]:
    """Each usable order with what is stored of it, the fields that differ, and as the shop gave it."""
    read = []
    for row in rows:
        if _lacking(row):
            continue
        command = command_of(store, "order.restored", row)
        if isinstance(command, OrderUpdate):
            read.append((command, row))
    compared = compare_orders(db, [snapshot for snapshot, _ in read])
    return [
        _Compared(snapshot, cast("Document | None", before), fields, row)
        for (snapshot, row), (before, fields) in zip(read, compared, strict=True)
    ]


def _lacking(row: Row) -> list[str]:
    return [name for name in _NEEDED if name not in row]


def _lacks_refund_lines(compared: _Compared) -> bool:
    """Whether the shop has refunds whose lines are not known here: neither the list nor a webhook gives them."""
    known = {refund.get("id") for refund in (compared.before or {}).get("refunds", ()) if "line_items" in refund}
    return any(refund["id"] not in known for refund in refunds_of(compared.row))


def _look_again(db: Db, store: Store, shop: ShopReader, report: Report, order_id: int) -> Document | None:
    """The discrepancy of one order, the shop asked after the rev here was read; None where there is none. What can't
    be read of it, and an order that changes at every look, is noted as not read."""
    for _ in range(_LOOKS):
        before = db.woocommerceorders.find_one({"_id": f"{store.id}:{order_id}"})
        row, unread = shop.order(order_id)
        report.not_read(ORDERS, [unread] if unread else [])
        if row is None and unread:
            return None
        if row is None or row.get("status") == "trash":
            return _gone(before, row) if before and not before.get("deleted_at") else None
        if lacking := _lacking(row):
            report.not_read(ORDERS, [Unread(f"order {order_id}", f"The shop's answer lacks {', '.join(lacking)}.")])
            return None
        compared = _compare(db, store, [row])
        if not compared:
            return _unusable(store, row, before)
        if (compared[0].before or {}).get("rev") == (before or {}).get("rev"):
            return _discrepancy(compared[0]) if compared[0].fields or before is None else None
    report.not_read(ORDERS, [Unread(f"order {order_id}", "It changed at every look.")])
    return None


def _unusable(store: Store, row: Row, before: Document | None) -> Document | None:
    """An order that can't be used as the shop gives it; None for a draft, which is no order yet."""
    command = command_of(store, "order.updated", row)
    problem = command if isinstance(command, PosError) else None
    if problem is None and before is None:
        return None
    details = problem.details if problem else None
    return {
        "order": f"{store.id}:{row['id']}",
        "order_id": row["id"],
        "number": shown_text(row.get("number")) or str(row["id"]),
        "problem": "unusable",
        "fields": sorted(details) if isinstance(details, dict) else [],
        "here": _shown(before) if before else None,
        "shop": None,
        "cause": problem.message if problem else "It is a draft in the shop again.",
        "body": envelope("order.updated", row),
    }


def _discrepancy(compared: _Compared) -> Document:
    snapshot, before, fields, row = compared.snapshot, compared.before, compared.fields, compared.row
    if before is None:
        problem, cause, event = "missing", "Nothing the shop sent about it has arrived.", "order.created"
    elif before.get("deleted_at"):
        problem, cause, event = "deleted here", "It was restored in the shop.", "order.restored"
    elif snapshot.modified_at and before.get("modified_at") and snapshot.modified_at > before["modified_at"]:
        problem, cause, event = "stale", "A change in the shop has not arrived.", "order.updated"
    else:
        problem, cause, event = "different", _why_different(before, row, fields), "order.updated"
    return {
        "order": snapshot.key,
        "order_id": snapshot.order_id,
        "number": snapshot.fields.get("number") or str(snapshot.order_id),
        "problem": problem,
        "fields": [name for name in fields if name not in _DERIVED] if before else [],
        "here": _shown(before) if before else None,
        "shop": _shown({**snapshot.fields, "modified_at": snapshot.modified_at}),
        "cause": cause,
        "body": envelope(event, row, replaces=before["rev"] if before else 0),
        "row": row,
    }


def _why_different(before: Document, row: Row, fields: list[str]) -> str:
    there = {refund["id"] for refund in refunds_of(row)}
    if any(refund.get("id") not in there for refund in before.get("refunds", ())):
        return "A refund was deleted in the shop, which its webhooks do not report."
    if fields == ["refunds"]:
        return "The lines of a refund are not known here; WooCommerce's own webhooks do not report them."
    return "It was changed in the shop without a new time of change."


def _shown(order: Document) -> Document:
    return {
        "status": order.get("status"),
        "total": str(decimal(order.get("total"))),
        "modified_at": order.get("modified_at"),
        "refunds": len(order.get("refunds") or ()),
    }


def _gone(before: Document, row: Row | None) -> Document:
    cause = (
        "It was deleted for good in the shop, which webhooks do not report." if row is None else "It is in the trash."
    )
    data = from_trash(row) if row else {"id": before["order_id"]}
    return {
        "order": before["_id"],
        "order_id": before["order_id"],
        "number": before.get("number") or str(before["order_id"]),
        "problem": "gone",
        "fields": ["deleted_at"],
        "here": _shown(before),
        "shop": None,
        "cause": cause,
        "body": envelope("order.deleted", data, replaces=before["rev"]),
    }


def _recent(discrepancy: Document, until: datetime) -> bool:
    modified_at = (discrepancy["shop"] or {}).get("modified_at")
    return bool(modified_at and modified_at > until)


def _repair(db: Db, store: Store, shop: ShopReader, report: Report, ingest: Ingest, discrepancy: Document) -> Document:
    """Apply what the shop says, and look whether it holds. Where something else came in meanwhile, the order is looked
    at again; returns the discrepancy with what its repair came to."""
    for _ in range(_LOOKS):
        (outcome,) = ingest(db, store, [discrepancy["body"]], now(), again=True)
        discrepancy["repair"] = outcome.outcome
        if outcome.full_reason:
            discrepancy["cause"] = outcome.full_reason
        if outcome.outcome in ("parked", "waiting"):
            return discrepancy
        if repaired(discrepancy) and _holds(db, store, discrepancy):
            return discrepancy
        left = _look_again(db, store, shop, report, discrepancy["order_id"])
        if left is None:
            return {**discrepancy, "repair": "unchanged"}
        discrepancy = left
    return {**discrepancy, "repair": "incomplete"}


def _holds(db: Db, store: Store, discrepancy: Document) -> bool:
    """Whether the order is here now as the shop gave it."""
    if discrepancy["problem"] == "gone":
        return db.woocommerceorders.count_documents({"_id": discrepancy["order"], "deleted_at": {"$exists": True}}) > 0
    compared = _compare(db, store, [discrepancy["row"]])
    return bool(compared) and compared[0].before is not None and not compared[0].fields


def _products_of(db: Db, store: Store, order_ids: list[int]) -> set[str]:
    keys = [f"{store.id}:{order_id}" for order_id in order_ids]
    found = db.woocommerceorders.find({"_id": {"$in": keys}}, {"held.sku": 1})
    return {held["sku"] for order in found for held in order.get("held", ())}


def _explain_with_inbox(db: Db, store: Store, discrepancies: list[Document]) -> None:
    """An event that is parked or failed is why an order is not in sync. Those are few, and have an index."""
    wanted = {str(each["order_id"]): each for each in discrepancies if not repaired(each)}
    if wanted:
        query = {"attention_at": {"$exists": True}, "store": store.id, "resource_id": {"$in": list(wanted)}}
        fields = {"resource_id": 1, "state": 1, "reason": 1, "details": 1}
        for entry in db.inbox.find(query, fields, hint="attention_at_-1"):
            reason = full_reason(entry.get("reason"), entry.get("details")) or "unknown"
            cause = f"Its event {entry['_id'][:16]} is {entry['state']}: {reason}"
            wanted[entry["resource_id"]]["cause"] = cause
