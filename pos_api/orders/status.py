"""What follows from an order's status: its history, and since when it is closed. Pure: no database."""

from __future__ import annotations

from datetime import datetime

from pos_api.orders.model import Order, OrderUpdate, Status, StatusEntry

_HISTORY = 200
"""So many entries of the history are kept, the newest."""


def status_name(text: str) -> str:
    """A status as it is kept: in small letters, without blanks, and without the `wc-` that WooCommerce puts before it
    in its own database, so that people may write it either way."""
    return text.strip().lower().removeprefix("wc-")


def set_status(order: Order, status: Status) -> None:
    """Give an order a status and what it means."""
    order["status"] = status.name
    order["stock_rule"] = status.stock_rule
    order["counts_as_sale"] = status.counts_as_sale
    order["stage"] = status.stage


def note_status(order: Order, before: Order | None, update: OrderUpdate) -> None:
    """Add to the history of the merged order where its status has changed, or whether it is deleted."""
    was_deleted = bool(before and before.get("deleted_at"))
    deleted = bool(order.get("deleted_at"))
    if before and before["status"] == order["status"] and was_deleted == deleted:
        return
    entry: StatusEntry = {
        "status": order["status"],
        "deleted": deleted,
        "at": update.modified_at or update.received_at,
        "cause": update.cause,
    }
    order["status_history"] = [*order["status_history"], entry][-_HISTORY:]


def closed_at(order: Order) -> datetime | None:
    """Since when an order is closed. None while it is open (there is something left to do, and it is not deleted), and
    where its personal data was erased: nothing is left to erase."""
    if "erased_at" in order or (order["stage"] == "open" and "deleted_at" not in order):
        return None
    return order["status_history"][-1]["at"]


def note_closing(order: Order) -> None:
    """Set `closed_at`, or remove it where the order is open."""
    order.pop("closed_at", None)
    if at := closed_at(order):
        order["closed_at"] = at
