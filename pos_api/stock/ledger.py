"""The stock ledger: append-only movements by product, and the settling of orders into it.

Two unique indexes carry every guarantee: (sku, seq) gives each product one history with a running balance, and
(order, sku, n) lets an order move a product once per step. A product's `stock` and `seq` are a projection of its last
movement, and a late or repeated projection does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError

from pos_api.common.batches import in_batches
from pos_api.common.quantity import Quantity, whole
from pos_api.common.time import now
from pos_api.database.client import ONE_ANSWER, Db, Document
from pos_api.database.primary_term import at_one_primary, ensure_one_term
from pos_api.database.update_many import value_by_id
from pos_api.database.write_errors import only_collisions
from pos_api.events import StockChanged
from pos_api.outbox.interest import is_wanted, wants
from pos_api.stock.model import Balance, Holding, Movement, is_event, stock_changed
from pos_api.stock.planning import plan_movements
from pos_api.stock.store_sync import ALIGNED, STORE_ALIGNED, mark_unsent

_LastByOrder: TypeAlias = dict[str, dict[str, Movement]]
"""The last movement of each order and product, by order and product."""

_ATTEMPTS = 200
_PRODUCTS_AT_ONCE = 1_000
"""So many products are updated by one statement, which has to fit into 16 MiB."""


def movements(db: Db) -> Collection[Movement]:
    """The collection of stored movements."""
    return cast("Collection[Movement]", db.stock_movements)


# --- orders -----------------------------------------------------------------------------------------------------


@at_one_primary
def settle(db: Db, holdings: list[Holding], balances: dict[str, Balance]) -> list[StockChanged]:
    """Bring what each order holds of each product to what its holding says, in the ledger and on the products; returns
    the changes of stock.

    `balances` is what is known of the products' last movements, and is kept up to date. Run again, it changes nothing
    but what a crash left unfinished. When someone else was faster, the ledger's tail is read and the rest settled
    again.
    """
    holdings = [holding for holding in holdings if holding.held or not holding.fresh]
    last: _LastByOrder = {}
    unread = [holding.order for holding in holdings if not holding.fresh]
    done: list[Movement] = []
    for _ in range(_ATTEMPTS):
        if not holdings:
            break
        _note(last, _movements_of(db, unread))
        _know_balances(db, balances, last, holdings)
        planned = [_marked(db, each) for each in plan_movements(holdings, last, balances, now())]
        inserted, unread = _insert(db, planned)
        done += planned[:inserted]
        _note(last, planned[:inserted])
        rest = planned[inserted:]
        _read_tails(db, balances, rest)
        orders = {movement["order"] for movement in rest}
        holdings = [holding for holding in holdings if holding.order in orders]
    else:
        raise RuntimeError(f"{len(holdings)} orders could not be settled in {_ATTEMPTS} rounds")
    project(db, done)
    return [stock_changed(movement) for movement in done]


def _movements_of(db: Db, orders: list[str]) -> list[Movement]:
    if not orders:
        return []
    found = movements(db).find({"order": {"$in": orders}}, {"_id": 0, "note": 0})
    return list(found.batch_size(ONE_ANSWER))


def _note(last: _LastByOrder, made: Iterable[Movement]) -> None:
    """Add these movements to the last of each order and product."""
    for movement in made:
        by_sku = last.setdefault(movement["order"], {})
        known = by_sku.get(movement["sku"])
        if known is None or movement["n"] > known["n"]:
            by_sku[movement["sku"]] = movement


def _insert(db: Db, planned: list[Movement]) -> tuple[int, list[str]]:
    """Insert in order; returns how many went in before the first collision, and the orders of which somebody else may
    have made movements meanwhile. Unordered, a later seq would land on a balance that never was.

    Most collide with another order's movement of the product: what is known of their own order is still right, but for
    movements of products for which nothing was planned here, whose maker finds the order saved anew.
    """
    if not planned:
        return 0, []
    ensure_one_term(db)  # or they may follow on a balance that is lost
    try:
        movements(db).insert_many(planned, ordered=True)
    except BulkWriteError as error:
        place = only_collisions(error)[0]
        is_of_product = error.details["writeErrors"][0].get("keyPattern") == {"sku": 1, "seq": 1}
        return place, [] if is_of_product else [movement["order"] for movement in planned[place:]]
    return len(planned), []


def _marked(db: Db, movement: Movement, store: str | None = None) -> Movement:
    """The movement with the mark of its event, where it is one and anybody wants it, and of the stores that have to be
    sent it. `store` is the store that caused it; an order's is in its id."""
    store = movement["order"].partition(":")[0] if "order" in movement else store
    mark_unsent(db, movement, store)
    if not is_event(movement) or not wants(db, "stock"):
        return movement
    event = stock_changed(movement, store)
    if any(is_wanted(db, type, store) for type in ("stock.changed", "stock.low")):
        movement["unpublished"] = [{"id": event.id, "type": event.type, "at": event.at, "store": event.store}]
    return movement


# --- balances ---------------------------------------------------------------------------------------------------


def _know_balances(
    db: Db, balances: dict[str, Balance], last: Mapping[str, Mapping[str, Movement]], holdings: list[Holding]
) -> None:
    """Read the products not known yet, and those that do not show a movement of these orders: a crash left them."""
    missing = {sku for holding in holdings for sku in (*holding.held, *holding.carried) if sku not in balances}
    for by_sku in last.values():
        for sku, movement in by_sku.items():
            if sku not in balances or balances[sku].seq < movement["seq"]:
                missing.add(sku)
    if missing:
        catch_up(db, balances, missing)


def _read_tails(db: Db, balances: dict[str, Balance], refused: list[Movement]) -> None:
    """Set the balances of movements that could not be inserted to what the ledger says now. Who moved these products
    first projects them, or what is planned next does, so only movements from the refused `seq` on are read."""
    tails: dict[str, Document] = {}
    for movement in refused:
        sku, seq = movement["sku"], movement["seq"]
        if sku not in tails:
            tails[sku] = {"sku": sku, "seq": {"$gte": seq}}
            balances[sku] = Balance(seq - 1, whole(movement["balance"] - movement["quantity"]))
    if tails:
        for movement in movements(db).find({"$or": list(tails.values())}, {"sku": 1, "seq": 1, "balance": 1}):
            balance = balances[movement["sku"]]
            if movement["seq"] > balance.seq:
                balance.seq, balance.stock = movement["seq"], movement["balance"]


def catch_up(db: Db, balances: dict[str, Balance], skus: Iterable[str]) -> None:
    """Read these products and the movements they do not show yet, project those, and note the balances."""
    tails = []
    for product in db.products.find({"_id": {"$in": sorted(skus)}}, {"seq": 1, "stock": 1}):
        balances[product["_id"]] = Balance(product["seq"], product["stock"])
        tails.append({"sku": product["_id"], "seq": {"$gt": product["seq"]}})
    if not tails:
        return
    tail = list(movements(db).find({"$or": tails}).sort([("sku", 1), ("seq", 1)]))
    for movement in tail:
        balances[movement["sku"]] = Balance(movement["seq"], movement["balance"])
    project(db, tail)


def project(db: Db, moved: Iterable[Movement]) -> None:
    """Set `stock` and `seq` on the products of these movements, where theirs is older."""
    newest = {each["sku"]: {"stock": each["balance"], "seq": each["seq"]} for each in moved}
    for products in in_batches(newest.items(), _PRODUCTS_AT_ONCE):
        ensure_one_term(db)
        db.products.update_many({"_id": {"$in": [sku for sku, _ in products]}}, _projection(dict(products)))


def _projection(newest: Mapping[str, Document]) -> list[Document]:
    newer = {"$cond": [{"$lt": ["$seq", "$$newest.seq"]}, {"$mergeObjects": ["$$ROOT", "$$newest"]}, "$$ROOT"]}
    projected = {"$let": {"vars": {"newest": value_by_id(newest)}, "in": newer}}
    return [{"$replaceWith": projected}]


# --- products and people ----------------------------------------------------------------------------------------


def open_ledger(db: Db, sku: str, quantity: Quantity, *, cause: str, store: str | None = None) -> Movement:
    """Write the first movement of a product and return it; where the product has a history, its last movement.

    It comes before the product, so that a product is never there with a stock that no movement explains. `store` is the
    store that reported the product.
    """
    movement: Movement = {
        "sku": sku,
        "seq": 1,
        "quantity": quantity,
        "balance": quantity,
        "reason": "opening",
        "cause": cause,
        "at": now(),
    }
    try:
        movements(db).insert_one(_marked(db, movement, store))
    except DuplicateKeyError:
        last = movements(db).find_one({"sku": sku}, sort=[("seq", -1)])
        assert last is not None
        return last
    return movement


@at_one_primary
def move(
    db: Db,
    sku: str,
    change: Quantity | None,
    *,
    count: Quantity | None = None,
    reason: str,
    cause: str,
    note: str | None = None,
    movement_id: str | None = None,
    store: str | None = None,
) -> Movement:
    """One movement that is no order's: a `change` in units, or a `count` ("there are 12"); `store` is the store that
    caused it. Returns the movement.

    Under the same `movement_id` it is made once. The product must exist.
    """
    balances: dict[str, Balance] = {}
    more: dict[str, Any] = {name: value for name, value in (("note", note), ("_id", movement_id)) if value is not None}
    for _ in range(_ATTEMPTS):
        catch_up(db, balances, [sku])
        movement = _next_movement(sku, balances[sku], change, count, reason, cause)
        movement.update(cast("Movement", more))
        ensure_one_term(db)
        try:
            movements(db).insert_one(_marked(db, movement, store))
        except DuplicateKeyError:
            if movement_id and (done := movements(db).find_one({"_id": movement_id})):
                project(db, [done])
                return done
            continue
        project(db, [movement])
        return movement
    raise RuntimeError(f"the stock of {sku!r} could not be moved in {_ATTEMPTS} rounds")


@at_one_primary
def align(
    db: Db, sku: str, units: Quantity, *, after: int, store: str, note: str, in_store: bool = False
) -> Movement | None:
    """Bring a product's stock here to a store's by these `units`; with `in_store` the store's to that here: the
    movement then moves nothing here and is to be sent to the store. It is made only while the product's last movement
    is number `after`, since what was compared is of then; None where the product has moved meanwhile."""
    balances: dict[str, Balance] = {}
    catch_up(db, balances, [sku])
    if balances[sku].seq != after:
        return None
    moved, reason = (0, STORE_ALIGNED) if in_store else (units, ALIGNED)
    movement = _next_movement(sku, balances[sku], moved, None, reason, f"store:{store}")
    movement["note"] = note
    if in_store:
        movement["store_quantity"] = units
        movement["unsent"] = [{"store": store}]
    ensure_one_term(db)
    try:
        movements(db).insert_one(_marked(db, movement, store))
    except DuplicateKeyError:
        return None
    project(db, [movement])
    return movement


def _next_movement(
    sku: str, balance: Balance, change: Quantity | None, count: Quantity | None, reason: str, cause: str
) -> Movement:
    quantity = whole(count - balance.stock) if count is not None else change
    assert quantity is not None
    return {
        "sku": sku,
        "seq": balance.seq + 1,
        "quantity": quantity,
        "balance": whole(balance.stock + quantity),
        "reason": reason,
        "cause": cause,
        "at": now(),
    }
