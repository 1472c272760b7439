"""What an order becomes by an update: the update's fields over the stored ones, and all that follows from them.

Pure: no database; the catalogue has what was read before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pos_api.common.value_limits import LIST_LIMIT
from pos_api.orders.buckets import bucket_of
from pos_api.orders.deletion import mark_deleted
from pos_api.orders.holding import held, lines_after_status
from pos_api.orders.lines import follow_shared_stock, match_lines
from pos_api.orders.model import Order, OrderUpdate, Outcome
from pos_api.orders.parts import Refund
from pos_api.orders.personal_data import without_personal_data
from pos_api.orders.search import set_search_fields
from pos_api.orders.status import note_closing, note_status, set_status
from pos_api.orders.versions import is_older
from pos_api.orders.warnings import warnings_of

if TYPE_CHECKING:
    from pos_api.catalogue.lookup import Catalogue
    from pos_api.customers.model import Erasure


@dataclass(slots=True)
class Change:
    """One order as it was, the update, and the order as it is to be: `before` itself where nothing is to be saved."""

    update: OrderUpdate
    before: Order | None
    after: Order
    outcome: Outcome

    def is_to_save(self) -> bool:
        """Whether the order is to be saved."""
        return self.after is not self.before

    def is_to_settle(self) -> bool:
        """Whether stock and customers may not show the order yet."""
        return self.is_to_save() or self.update.retried


def decide(update: OrderUpdate, before: Order | None, catalogue: Catalogue) -> Change:
    """What an update makes of the stored order, None where there is none. Its `erased` has to be set (see
    `erasure.with_erasure`)."""
    if before is None:
        return Change(update, None, _with_arrival(merge(None, update, catalogue), update), "created")
    if is_older(update, before):
        return _decide_older(update, before)
    after = merge(before, update, catalogue)
    outcome: Outcome = "unchanged" if _are_equal(before, after) else "updated"
    if outcome == "unchanged" and (update.modified_at or update.kind == "deleted"):
        return Change(update, before, before, "unchanged")  # without a time its arrival is the newest there was
    if update.replaces not in (None, before["rev"]):
        return Change(update, before, before, "stale")
    after["rev"] = before["rev"] + 1
    return Change(update, before, _with_arrival(after, update), outcome)


def _decide_older(update: OrderUpdate, before: Order) -> Change:
    """An older version changes nothing, except that an anonymized one ends the personal data, whatever came before."""
    if not update.anonymized or "erased_at" in before:
        return Change(update, before, before, "stale")
    assert update.erased is not None
    after = erased_order(before, update.erased)
    note_former_customer(after, before)
    return Change(update, before, after, "updated")


def _are_equal(before: Order, after: Order) -> bool:
    return before.keys() <= after.keys() and all(name in before and before[name] == after[name] for name in after)  # type: ignore[literal-required]


def _with_arrival(order: Order, update: OrderUpdate) -> Order:
    """The order with the time its content arrived; that it was deleted says nothing about the content."""
    if update.kind != "deleted":
        order["received_at"] = update.received_at
    return order


def merge(before: Order | None, update: OrderUpdate, catalogue: Catalogue) -> Order:
    """The order as it is after `update`."""
    order = before.copy() if before else _new_order(update)
    fields = update.fields
    order.update(cast("Order", fields))
    _set_version(order, update)
    mark_deleted(order, update)
    if update.status:
        set_status(order, update.status)
    if "parent_id" in fields:
        _link_parent(order, fields["parent_id"])
    if update.test_mode is not None:
        _note_test_mode(order, update.test_mode)
    if "refunds" in fields and before:
        order["refunds"] = _with_known_lines(fields["refunds"], before.get("refunds", []))
    if "line_items" in fields:
        match_lines(order, before, update, catalogue)
    elif before and order["status"] != before["status"]:
        order["line_items"] = lines_after_status(order, before["stock_rule"])
    if before:
        follow_shared_stock(order, before, catalogue)
    order["held"] = held(order)
    note_status(order, before, update)
    note_closing(order)
    order["warnings"] = warnings_of(order, before, update)
    if update.erased:
        order = without_personal_data(order)
        order["erased_at"] = update.erased.until
    if fields or update.status or before is None:
        set_search_fields(order, update.erased)
        note_former_customer(order, before)
    return order


def _new_order(update: OrderUpdate) -> Order:
    status = update.initial_status
    return {
        "_id": update.key,
        "store": update.store,
        "order_id": update.order_id,
        "rev": 1,
        "created_at": update.received_at,
        "day": update.received_at.date().isoformat(),
        "rollup_bucket": bucket_of(
            update.store, str(update.order_id), update.fields.get("created_at", update.received_at)
        ),
        "status": status.name,
        "stock_rule": status.stock_rule,
        "counts_as_sale": status.counts_as_sale,
        "stage": status.stage,
        "unmatched": [],
        "opening": [],
        "line_items": [],
        "held": [],
        "status_history": [],
        "warnings": [],
        "customer": None,
        "skus": [],
        "search": [],
    }


def _set_version(order: Order, update: OrderUpdate) -> None:
    if update.modified_at:
        order["modified_at"] = update.modified_at
    if update.sequence:
        order["sequence"] = update.sequence
    elif update.modified_at and update.replaces is None:
        order.pop("sequence", None)  # it was an older version's


def _link_parent(order: Order, parent_id: int) -> None:
    """Note the order of which it is a sub-order, as marketplace plugins make one for each vendor."""
    if parent_id in (0, order["order_id"]):
        order.pop("parent", None)
    else:
        order["parent"] = f"{order['store']}:{parent_id}"


def _note_test_mode(order: Order, test_mode: bool) -> None:
    order.pop("test_mode", None)
    if test_mode:
        order["test_mode"] = True


def _with_known_lines(refunds: list[Refund], known: list[Refund]) -> list[Refund]:
    """Some senders report refunds without lines (WooCommerce's own webhooks do): one whose lines were reported before
    keeps them, as far as all have at most LIST_LIMIT together."""
    by_id = {refund.get("id"): refund for refund in known if "line_items" in refund}
    left = LIST_LIMIT - sum(len(refund.get("line_items", ())) for refund in refunds)
    merged: list[Refund] = []
    for refund in refunds:
        before = by_id.get(refund.get("id")) if "line_items" not in refund else None
        lines = len(before["line_items"]) if before else 0
        if before and lines <= left:
            left -= lines
            merged.append({**before, **refund})
        else:
            merged.append(refund)
    return merged


# --- erasing ----------------------------------------------------------------------------------------------------


def erased_order(before: Order, erasure: Erasure) -> Order:
    """The stored order without personal data, as its next revision."""
    after = without_personal_data(before)
    after["erased_at"] = erasure.until
    after["rev"] = before["rev"] + 1
    set_search_fields(after, erasure)
    return after


def note_former_customer(order: Order, before: Order | None) -> None:
    """Remember until the order is settled whose it was: a crash must not leave a customer who has no order."""
    former = before["customer"] if before else None
    if before and former and former != order["customer"]:
        order["former_customers"] = sorted({*before.get("former_customers", ()), former} - {order["customer"] or ""})
