"""Orders compared both ways: what changed in the shop, and what the POS saved, which finds what no webhook reports (a
deleted refund, an order deleted for good).

A discrepancy is confirmed by a second look at the order alone: the rev stored here is read first and the shop asked
then, so that what the shop has is newer, and is applied while the order still has that rev (`OrderUpdate.replaces`).
What can't be read, or keeps changing, is noted as not read: nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from bson import Timestamp

from pos_api.common.batches import in_batches
from pos_api.errors import PosError
from pos_api.inbox.model import full_reason
from pos_api.orders.compare import compare_orders
from pos_api.orders.model import Order, OrderUpdate
from pos_api.senders.woocommerce.reconcile.comparison import Comparison
from pos_api.senders.woocommerce.reconcile.model import ORDERS
from pos_api.senders.woocommerce.reconcile.order_discrepancies import (
    HEAD_FIELDS,
    ComparedOrder,
    OrderFinding,
    differing,
    gone,
    is_as_listed,
    lacking_fields,
    lacks_refund_lines,
    unusable,
)
from pos_api.senders.woocommerce.reconcile.report import is_repaired, too_many_gone
from pos_api.senders.woocommerce.row_commands import command_of
from pos_api.senders.woocommerce.rows import Row
from pos_api.senders.woocommerce.shop_reader import Unread

_BATCH = 100
_LOOKS = 3


def compare(comparison: Comparison, revisit: set[int]) -> set[str]:
    """Note the orders that differ, and repair them; returns the products of all that were compared. Those to `revisit`
    are compared whenever they changed. Where many are gone from the shop at once, they stay as they are unless that is
    accepted. Raises ShopError."""
    touched: set[str] = set()
    deleted: list[OrderFinding] = []
    for rows, unlisted in _both_ways(comparison, revisit):
        for finding in _differing(comparison, rows, unlisted):
            if finding.is_recent(comparison.until):
                continue
            if finding.discrepancy["problem"] == "gone":
                deleted.append(finding)  # repaired last: when it is known how many they are
            else:
                _note(comparison, finding, repair=comparison.options.repair)
        ids = [*(row["id"] for row in rows), *unlisted]
        comparison.report.compared += len(ids)
        touched.update(_products_of(comparison, ids))
    _note_deleted(comparison, deleted)
    _explain_with_inbox(comparison)
    return touched


def _note_deleted(comparison: Comparison, deleted: list[OrderFinding]) -> None:
    options, report = comparison.options, comparison.report
    repair = options.repair
    if repair and not options.accept_gone and too_many_gone(len(deleted), report.compared):
        report.note_too_many_gone(ORDERS, len(deleted), report.compared)
        repair = False
    for finding in deleted:
        _note(comparison, finding, repair=repair)


def _note(comparison: Comparison, finding: OrderFinding, *, repair: bool) -> None:
    discrepancy = (_repair(comparison, finding) if repair else finding).discrepancy
    comparison.report.orders.append(discrepancy)


# --- which orders -----------------------------------------------------------------------------------------------------


def _both_ways(comparison: Comparison, revisit: set[int]) -> Iterator[tuple[list[Row], list[int]]]:
    """What changed in the shop since the report's `since`; then, as the shop has it, what was saved here since then,
    and which of those the shop does not list any more; and last what is to be looked at again besides."""
    shop, report = comparison.shop, comparison.report
    seen: set[int] = set()
    for page in shop.orders_changed_since(report.since):
        report.not_read(ORDERS, page.unread)
        rows = report.with_ids(ORDERS, page.rows)
        seen.update(row["id"] for row in rows)
        yield rows, []
    for saved in _saved_since(comparison, seen):
        ids = _changed_since_read(comparison, saved) if comparison.options.just_read else saved
        report.compared += len(saved) - len(ids)
        listed = shop.listed_orders(ids) if ids else {}
        yield list(listed.values()), [order_id for order_id in ids if order_id not in listed]
    yield [], sorted(revisit - seen)


def _changed_since_read(comparison: Comparison, ids: list[int]) -> list[int]:
    """Those of these orders that the shop does not list as they are here."""
    heads = comparison.shop.order_heads(ids)
    keys = [f"{comparison.store.id}:{order_id}" for order_id in ids]
    found = comparison.db.orders.find({"_id": {"$in": keys}}, dict.fromkeys(HEAD_FIELDS, 1))
    stored = {order["order_id"]: cast("Order", order) for order in found}
    return [each for each in ids if each not in stored or not is_as_listed(stored[each], heads.get(each))]


def _saved_since(comparison: Comparison, seen: set[int]) -> Iterator[list[int]]:
    """Orders here, not deleted, that were saved or made since then and not `seen` yet, in batches; each once, though a
    repair saves it again while they are being read."""
    since = Timestamp(int(comparison.report.since.timestamp()), 0)
    saved = {"changed_at": {"$gte": since}, "store": comparison.store.id, "deleted_at": {"$exists": False}}
    found = comparison.db.orders.find(saved, {"order_id": 1}).sort("changed_at", 1)
    waiting = (each["order_id"] for each in found if each["order_id"] not in seen)
    for batch in in_batches(waiting, _BATCH):
        seen.update(batch)
        yield batch


def _products_of(comparison: Comparison, order_ids: list[int]) -> set[str]:
    keys = [f"{comparison.store.id}:{order_id}" for order_id in order_ids]
    found = comparison.db.orders.find({"_id": {"$in": keys}}, {"held.sku": 1})
    return {held["sku"] for order in found for held in order.get("held", ())}


# --- which differ -----------------------------------------------------------------------------------------------------


def _differing(comparison: Comparison, rows: list[Row], unlisted: list[int]) -> Iterator[OrderFinding]:
    """The discrepancies of these orders. One that is missing here is known from the list; all others are confirmed."""
    doubtful = list(unlisted)
    compared = _with_refund_lines(comparison, _compare_rows(comparison, rows))
    usable = {each.update.order_id for each in compared}
    doubtful += [row["id"] for row in rows if row["id"] not in usable]
    for each in compared:
        if each.before is None:
            yield differing(each)
        elif each.fields:
            doubtful.append(each.row["id"])
    for order_id in doubtful:
        if confirmed := _look_again(comparison, order_id):
            yield confirmed


def _compare_rows(comparison: Comparison, rows: list[Row]) -> list[ComparedOrder]:
    """Each usable order with what is stored of it, the fields that differ, and as the shop gave it."""
    read: list[tuple[OrderUpdate, Row]] = []
    for row in rows:
        if lacking_fields(row):
            continue
        command = command_of(comparison.store, "order.restored", row)
        if isinstance(command, OrderUpdate):
            read.append((command, row))
    compared = compare_orders(comparison.db, [update for update, _ in read])
    return [
        ComparedOrder(update, before, fields, row)
        for (update, row), (before, fields) in zip(read, compared, strict=True)
    ]


def _with_refund_lines(comparison: Comparison, compared: list[ComparedOrder]) -> list[ComparedOrder]:
    """The same, those compared anew whose refunds' lines had to be asked for."""
    lacking = {each.update.order_id: each.row for each in compared if lacks_refund_lines(each)}
    if not lacking:
        return compared
    with_lines, unread = comparison.shop.with_refund_lines(list(lacking.values()))
    comparison.report.not_read(ORDERS, unread)
    others = [each for each in compared if each.update.order_id not in lacking]
    return others + _compare_rows(comparison, with_lines)


def _look_again(comparison: Comparison, order_id: int) -> OrderFinding | None:
    """The discrepancy of one order, the shop asked after the rev here was read; None where there is none. What can't
    be read of it, and an order that changes at every look, is noted as not read."""
    report, store = comparison.report, comparison.store.id
    for _ in range(_LOOKS):
        stored = comparison.db.orders.find_one({"_id": f"{store}:{order_id}"})
        before = cast("Order | None", stored)
        row, unread = comparison.shop.order(order_id)
        report.not_read(ORDERS, [unread] if unread else [])
        if row is None and unread:
            return None
        if row is None or row.get("status") == "trash":
            return gone(before, row) if before and not before.get("deleted_at") else None
        if lacking := lacking_fields(row):
            report.not_read(ORDERS, [Unread(f"order {order_id}", f"The shop's answer lacks {', '.join(lacking)}.")])
            return None
        compared = _compare_rows(comparison, [row])
        if not compared:
            command = command_of(comparison.store, "order.updated", row)
            return unusable(store, row, before, command if isinstance(command, PosError) else None)
        if _rev(compared[0].before) == _rev(before):
            return differing(compared[0]) if compared[0].fields or before is None else None
    report.not_read(ORDERS, [Unread(f"order {order_id}", "It changed at every look.")])
    return None


def _rev(order: Order | None) -> int:
    return order["rev"] if order else 0


# --- repair -----------------------------------------------------------------------------------------------------------


def _repair(comparison: Comparison, finding: OrderFinding) -> OrderFinding:
    """Apply what the shop has, and look whether it holds. Where something else came in meanwhile, the order is looked
    at again; returns the finding with what its repair came to."""
    for _ in range(_LOOKS):
        outcome = comparison.apply(finding.body)
        finding.discrepancy["repair"] = outcome.outcome
        if outcome.full_reason:
            finding.discrepancy["cause"] = outcome.full_reason
        if outcome.outcome in ("parked", "waiting"):
            return finding
        if is_repaired(finding.discrepancy) and _holds(comparison, finding):
            return finding
        left = _look_again(comparison, finding.discrepancy["order_id"])
        if left is None:
            finding.discrepancy["repair"] = "unchanged"
            return finding
        finding = left
    finding.discrepancy["repair"] = "incomplete"
    return finding


def _holds(comparison: Comparison, finding: OrderFinding) -> bool:
    """Whether the order is here now as the shop gave it."""
    if finding.row is None:
        deleted = {"_id": finding.discrepancy["order"], "deleted_at": {"$exists": True}}
        return comparison.db.orders.count_documents(deleted) > 0
    compared = _compare_rows(comparison, [finding.row])
    return bool(compared) and compared[0].before is not None and not compared[0].fields


def _explain_with_inbox(comparison: Comparison) -> None:
    """An event that is parked or failed is why an order is not in sync. Those are few, and have an index."""
    wanted = {str(each["order_id"]): each for each in comparison.report.orders if not is_repaired(each)}
    if not wanted:
        return
    query = {
        "attention_at": {"$exists": True},
        "store": comparison.store.id,
        "resource_id": {"$in": list(wanted)},
    }
    fields = {"resource_id": 1, "state": 1, "reason": 1, "details": 1}
    for entry in comparison.db.inbox.find(query, fields, hint="attention_at_-1"):
        reason = full_reason(entry.get("reason"), entry.get("details")) or "unknown"
        cause = f"Its event {entry['_id'][:16]} is {entry['state']}: {reason}"
        wanted[entry["resource_id"]]["cause"] = cause
