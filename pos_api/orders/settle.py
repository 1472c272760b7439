"""Bringing stock and customers to what saved orders say. Every step can be run again without effect."""

from __future__ import annotations

from collections.abc import Mapping

from pymongo.errors import AutoReconnect

from pos_api.catalogue.external_ids import external_id
from pos_api.customers.apply import record_buyers
from pos_api.customers.model import Buyer
from pos_api.customers.pseudonyms import is_pseudonym
from pos_api.customers.unused_records import remove_unused
from pos_api.database.client import ONE_ANSWER, Db
from pos_api.events import StockChanged
from pos_api.orders.holding import held
from pos_api.orders.merge import Change
from pos_api.orders.model import Order
from pos_api.orders.outbox_events import mark, publish
from pos_api.orders.save import SAVE_ATTEMPTS, orders, write_orders
from pos_api.stock import ledger as stock
from pos_api.stock.model import Balance, Holding


def settle(db: Db, changes: list[Change], balances: dict[str, Balance]) -> list[StockChanged]:
    """Bring stock and customers to what these changes saved, and return the changes of stock; `balances` is what is
    known of the products."""
    saved = [change.after for change in changes]
    moved = stock.settle(db, [_holding_after(change) for change in changes if _is_holding_changed(change)], balances)
    record_buyers(db, [buyer_of(change.after) for change in changes if _is_buyer_changed(change)])
    _remove_former_customers(db, [order for order in saved if "former_customers" in order])
    for parent in sorted(_settle_overtaken(db, saved, moved)):
        _leave_stock_to_suborders(db, parent, moved)
    return moved


# --- stock ------------------------------------------------------------------------------------------------------


def _holding_after(change: Change) -> Holding:
    return holding_of(change.after, change.update.cause, fresh=change.outcome == "created")


def _is_holding_changed(change: Change) -> bool:
    """Whether the ledger may not show what the order holds. A change that leaves that as it was has nothing to move:
    whoever saved the version before brings the ledger to it, and after a crash it may be anything."""
    before, after = change.before, change.after
    if before is None or change.update.retried:
        return True
    return _held_fields(before) != _held_fields(after)


def _held_fields(order: Order) -> tuple[object, ...]:
    return order["held"], order["opening"], order.get("carried")


def holding_of(order: Order, cause: str, *, fresh: bool = False) -> Holding:
    """What the stored order holds, as the ledger needs it. `fresh` says that the order was not known before."""
    held_units = {each["sku"]: each["quantity"] for each in order["held"]}
    carried = {each["sku"]: each["quantity"] for each in order.get("carried", ())}
    return Holding(order["_id"], held_units, frozenset(order["opening"]), cause, fresh, carried)


def last_holding_of(order: Order) -> Holding:
    """What the stored order holds, caused by its last change of status."""
    return holding_of(order, order["status_history"][-1]["cause"])


HOLDING_FIELDS = {"held": 1, "opening": 1, "carried": 1, "status_history": {"$slice": -1}}
"""What `last_holding_of` reads of an order."""
_FIELDS_TO_SETTLE = {**HOLDING_FIELDS, "rev": 1, "customer": 1}


def _settle_overtaken(db: Db, saved: list[Order], moved: list[StockChanged]) -> set[str]:
    """Settle again, as they are stored, the orders that were saved anew since they were `saved`, and add to `moved`;
    returns the `_id`s of parents among them, or of them, for whose sub-orders the shop has taken stock.

    Who saved the newer version may have settled it before the older one was settled here, and removed the older one's
    customer before that was recorded here; nobody else would notice. Raises AutoReconnect when a save is gone: the
    database lost it in a crash and came back without it.
    """
    parents: set[str] = set()
    for _ in range(SAVE_ATTEMPTS):
        found = _with_suborders(db, [order["_id"] for order in saved])
        if any(order["_id"] not in found or found[order["_id"]]["rev"] < order["rev"] for order in saved):
            raise AutoReconnect("the database has lost what was just saved")
        parents |= {order["parent"] for order in found.values() if "parent" in order and _holds_any(order)}
        overtaken = {order["_id"]: order for order in saved if found[order["_id"]]["rev"] > order["rev"]}
        if not overtaken:
            return parents
        saved = list(orders(db).find({"_id": {"$in": list(overtaken)}}, _FIELDS_TO_SETTLE))
        moved += stock.settle(db, [last_holding_of(order) for order in saved], {})
        remove_unused(db, sorted(_former_customers(overtaken, saved)))
    raise RuntimeError("orders kept changing while they were being settled")


def _with_suborders(db: Db, keys: list[str]) -> dict[str, Order]:
    """These orders and their sub-orders, by `_id`, as far as `_settle_overtaken` needs them."""
    if not keys:
        return {}
    these_or_suborders = {"$or": [{"_id": {"$in": keys}}, {"parent": {"$in": keys}}]}
    found = orders(db).find(these_or_suborders, {"rev": 1, "parent": 1, "held": 1}).batch_size(ONE_ANSWER)
    return {order["_id"]: order for order in found}


def _holds_any(order: Order) -> bool:
    return any(each["quantity"] for each in order["held"])


def _leave_stock_to_suborders(db: Db, parent: str, moved: list[StockChanged]) -> None:
    """Let an order hold only what the shop says it has taken for it, as it has taken stock for its sub-orders, which
    have the same lines. Run again, it finishes what a crash left; an order not known here is none yet."""
    for _ in range(SAVE_ATTEMPTS):
        order = orders(db).find_one({"_id": parent})
        if order is None:
            return
        after = order
        if not order.get("suborders_hold"):
            after = {**order, "suborders_hold": True, "rev": order["rev"] + 1}
            after["held"] = held(after)
            mark(db, after, ("updated",))
            if write_orders(db, [(order, after)]):
                continue
        moved += stock.settle(db, [last_holding_of(after)], {})
        _settle_overtaken(db, [after], moved)
        publish(db, [order, after])
        return
    raise RuntimeError(f"order {parent} kept changing while its sub-orders were looked at")


# --- customers --------------------------------------------------------------------------------------------------


def buyer_of(order: Order) -> Buyer:
    """What a stored order says about its customer. The order has one."""
    assert order["customer"] is not None
    return Buyer(
        key=order["customer"],
        store=order["store"],
        external_id=external_id(order["store"], number) if (number := order.get("customer_id")) else "",
        ordered_at=order["created_at"],
        as_of=order.get("modified_at") or order["created_at"],
        billing={**order.get("billing", {})},
        shipping={**order.get("shipping", {})},
    )


def _is_buyer_changed(change: Change) -> bool:
    """Whether the customer's record may not show this order yet. After a crash it may be anything, so yes."""
    before, after = change.before, change.after
    if not after["customer"] or is_pseudonym(after["customer"]):
        return False
    if before is None or change.update.retried:
        return True
    return _buyer_fields(before) != _buyer_fields(after)


def _buyer_fields(order: Order) -> tuple[object, ...]:
    account, billing, shipping = order.get("customer_id"), order.get("billing"), order.get("shipping")
    return order["customer"], account, order["created_at"], billing, shipping


def _former_customers(before: Mapping[str, Order], now: list[Order]) -> set[str]:
    """The customers of these orders who are not theirs any more."""
    former = {before[order["_id"]]["customer"] for order in now} - {order["customer"] for order in now}
    return {customer for customer in former if customer and not is_pseudonym(customer)}


def _remove_former_customers(db: Db, saved: list[Order]) -> None:
    """Remove the customers whose only order these were."""
    for order in saved:
        former = order["former_customers"]
        remove_unused(db, former)
        unchanged = {"_id": order["_id"], "former_customers": former}
        orders(db).update_one(unchanged, {"$unset": {"former_customers": ""}})
