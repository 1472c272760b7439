"""When an order is marked as deleted, and when the mark is taken off. Pure: no database."""

from __future__ import annotations

from pos_api.orders.model import Order, OrderUpdate


def mark_deleted(order: Order, update: OrderUpdate) -> None:
    """Set or remove `deleted_at` of the merged order. A deletion sets it; a restore removes it, and so does what was
    changed after the deletion and does not come from the trash. A deletion without a time has that of its arrival."""
    if update.kind == "deleted":
        if "deleted_at" not in order and not _was_deleted_by(order, update):
            order["deleted_at"] = update.modified_at or update.received_at
            order["deleted_version"] = order.get("modified_at")
    elif deleted_at := order.get("deleted_at"):
        changed_since = update.modified_at is not None and update.modified_at > deleted_at
        if (changed_since and not _is_in_trash(update)) or _is_restored(order, update):
            del order["deleted_at"]
            order.pop("deleted_version", None)


def _is_in_trash(update: OrderUpdate) -> bool:
    return update.status is not None and update.status.stage == "deleted"


def _was_deleted_by(order: Order, update: OrderUpdate) -> bool:
    """Whether this very update has marked the order already, and it was restored since: a copy of it, sent again after
    the inbox has dropped the first one."""
    if update.sequence or update.replaces is not None:
        return False
    return any(each["deleted"] and each["cause"] == update.cause for each in order["status_history"])


def _is_restored(order: Order, update: OrderUpdate) -> bool:
    """Whether an update says that the order came back from the trash. A sender whose signature leaves out what kind of
    update it is (WooCommerce's does) could be sent a copy of an older delivery as a restore; but a restore changes the
    order. What has a sequence can't be copied so."""
    if update.kind != "restored":
        return False
    version = order.get("deleted_version")
    cant_be_a_copy = update.sequence or update.replaces is not None
    return bool(cant_be_a_copy or not (update.modified_at and version) or update.modified_at > version)
