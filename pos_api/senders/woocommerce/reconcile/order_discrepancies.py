"""What differs between an order here and in the shop, and why: no database here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pos_api.common.money import decimal
from pos_api.common.time import utc
from pos_api.errors import PosError
from pos_api.orders.model import Order, OrderFields, OrderUpdate
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.reconcile.model import OrderDiscrepancy, OrderProblem, OrderSide
from pos_api.senders.woocommerce.rows import Row, from_trash, id_of, refunds_of, shown_text

_NEEDED = ("status", "total", "line_items", "refunds")
"""Without these an order's answer is cut short: what it leaves out would count as unchanged."""
_NAMED = {*OrderFields.__annotations__, "status", "modified_at", "sequence", "deleted_at", "test_mode"} - {
    "day",
    "hour",
}
"""The fields that a discrepancy names: what the shop gives, and not what follows from it."""


@dataclass(frozen=True, slots=True)
class ComparedOrder:
    """An order as the shop has it, what is stored of it, and the fields that differ."""

    update: OrderUpdate
    before: Order | None
    fields: list[str]
    row: Row


@dataclass(frozen=True, slots=True)
class OrderFinding:
    """A discrepancy, the event that repairs it, and the order as the shop gave it (None: the shop has none)."""

    discrepancy: OrderDiscrepancy
    body: bytes
    row: Row | None = None

    def is_recent(self, until: datetime) -> bool:
        """Whether the order changed in the shop after `until`."""
        shop = self.discrepancy["shop"]
        return shop is not None and shop["modified_at"] is not None and shop["modified_at"] > until


HEAD_FIELDS = ("order_id", "status", "modified_at", "refunds")
"""The stored fields that `is_as_listed` looks at."""


def is_as_listed(order: Order, head: Row | None) -> bool:
    """Whether a stored order has the status, the time of change and the refunds, with their lines, that the shop lists:
    WooCommerce gives an order that is changed another time. Where anything is not known, it is not."""
    if head is None or head.get("status") != order["status"]:
        return False
    try:
        modified_at = utc(head.get("date_modified_gmt"))
    except ValueError:
        return False
    here, there = order.get("refunds", []), head.get("refunds")
    if modified_at is None or modified_at != order.get("modified_at") or not isinstance(there, list):
        return False
    with_lines = {refund.get("id") for refund in here if "line_items" in refund}
    return len(with_lines) == len(here) == len(there) and with_lines == set(map(id_of, there))


def lacking_fields(row: Row) -> list[str]:
    """The fields that an order's answer lacks, where it is cut short."""
    return [name for name in _NEEDED if name not in row]


def lacks_refund_lines(compared: ComparedOrder) -> bool:
    """Whether the shop has refunds whose lines are not known here: neither the list nor a webhook gives them."""
    stored = compared.before["refunds"] if compared.before and "refunds" in compared.before else []
    known = {refund.get("id") for refund in stored if "line_items" in refund}
    return any(refund["id"] not in known for refund in refunds_of(compared.row))


def differing(compared: ComparedOrder) -> OrderFinding:
    """The discrepancy of an order that is not here, or not as the shop has it."""
    update, before, row = compared.update, compared.before, compared.row
    problem, cause, event = _problem(compared)
    discrepancy: OrderDiscrepancy = {
        "order": update.key,
        "order_id": int(update.order_id),
        "number": update.fields.get("number") or str(update.order_id),
        "problem": problem,
        "fields": [name for name in compared.fields if name in _NAMED] if before else [],
        "here": _here(before) if before else None,
        "shop": _in_shop(update),
        "cause": cause,
    }
    return OrderFinding(discrepancy, envelope(event, row, replaces=before["rev"] if before else 0), row)


def _problem(compared: ComparedOrder) -> tuple[OrderProblem, str, str]:
    """The problem, its cause, and the event that repairs it."""
    before, modified_at = compared.before, compared.update.modified_at
    if before is None:
        return "missing", "Nothing the shop sent about it has arrived.", "order.created"
    if before.get("deleted_at"):
        return "deleted here", "It was restored in the shop.", "order.restored"
    if modified_at and before.get("modified_at") and modified_at > before["modified_at"]:
        return "stale", "A change in the shop has not arrived.", "order.updated"
    return "different", _why_different(before, compared.row, compared.fields), "order.updated"


def _why_different(before: Order, row: Row, fields: list[str]) -> str:
    there = {refund["id"] for refund in refunds_of(row)}
    if any(refund.get("id") not in there for refund in before.get("refunds", ())):
        return "A refund was deleted in the shop, which its webhooks do not report."
    if fields == ["refunds"]:
        return "The lines of a refund are not known here; WooCommerce's own webhooks do not report them."
    return "It was changed in the shop without a new time of change."


def unusable(store: str, row: Row, before: Order | None, error: PosError | None) -> OrderFinding | None:
    """An order that can't be used as the shop gives it, with the error that says why. Without one it is a draft: no
    order yet, and no discrepancy unless it is here."""
    if error is None and before is None:
        return None
    details = error.details if error else None
    discrepancy: OrderDiscrepancy = {
        "order": f"{store}:{row['id']}",
        "order_id": row["id"],
        "number": shown_text(row.get("number")) or str(row["id"]),
        "problem": "unusable",
        "fields": sorted(details) if isinstance(details, dict) else [],
        "here": _here(before) if before else None,
        "shop": None,
        "cause": error.message if error else "It is a draft in the shop again.",
    }
    return OrderFinding(discrepancy, envelope("order.updated", row))


def gone(before: Order, row: Row | None) -> OrderFinding:
    """An order that is here and was deleted in the shop: for good, or put in the trash (`row`)."""
    for_good = "It was deleted for good in the shop, which webhooks do not report."
    discrepancy: OrderDiscrepancy = {
        "order": before["_id"],
        "order_id": int(before["order_id"]),
        "number": before.get("number") or str(before["order_id"]),
        "problem": "gone",
        "fields": ["deleted_at"],
        "here": _here(before),
        "shop": None,
        "cause": for_good if row is None else "It is in the trash.",
    }
    data = from_trash(row) if row else {"id": before["order_id"]}
    return OrderFinding(discrepancy, envelope("order.deleted", data, replaces=before["rev"]))


def _here(order: Order) -> OrderSide:
    return _side(order["status"], order, order.get("modified_at"))


def _in_shop(update: OrderUpdate) -> OrderSide:
    return _side(update.status.name if update.status else None, update.fields, update.modified_at)


def _side(status: str | None, fields: Order | OrderFields, modified_at: datetime | None) -> OrderSide:
    return {
        "status": status,
        "total": str(decimal(fields.get("total"))),
        "modified_at": modified_at,
        "refunds": len(fields.get("refunds") or ()),
    }
