"""The stock ledger: append-only movements by SKU, and the settling of orders into it.

Two unique indexes carry every guarantee: (sku, seq) gives each SKU one history with a running balance, and
(sku, order, n) lets an order move a SKU once per step. A product's `stock` and `seq` are a projection of its last
movement, and a late or repeated projection does no harm.

A movement: `sku` (the product's `_id`), `seq` (1, 2, 3 … per SKU), `quantity` (signed), `balance` after it, `reason`,
`cause` (an event key or a person), `at`; an order's also `order`, `n` (its nth for this SKU), `held` (the units the
order holds after it) and `carried` (those of them that another product's stock lacks: see `Holding`; absent where
none).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from pos_api.common.quantity import Quantity, whole
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import one_primary
from pos_api.database.write_errors import only_collisions

_ROUNDS = 200


@dataclass(slots=True)
class Balance:
    """A SKU's last known movement: its number and the stock after it."""

    seq: int
    stock: Quantity


@dataclass(frozen=True, slots=True)
class Holding:
    """What one version of an order holds: the ledger is brought to this by `settle`.

    `held` maps SKU to units. For SKUs in `opening`, units first seen are contained in the opening stock already and
    move nothing. `fresh` says that no movement of this order can exist yet, which saves looking for them.

    `carried` are units that the order holds of one product and that were taken from another one's stock, as a
    variation's stock became its parent's, or its own again: +2 of the one, -2 of the other. To carry them moves
    nothing.
    """

    order: str
    held: Mapping[str, Quantity]
    opening: frozenset[str]
    cause: str
    fresh: bool = False
    carried: Mapping[str, Quantity] = field(default_factory=dict)


def settle(db: Db, holdings: list[Holding], balances: dict[str, Balance]) -> None:
    """Bring what each order holds of each SKU to what its holding says, in the ledger and on the products.

    `balances` is what is known of the products' last movements, and is kept up to date. Run again, it changes
    nothing but what a crash left unfinished. When someone else was faster, the ledger's tail is read and the rest
    settled again.
    """
    holdings = [holding for holding in holdings if holding.held or not holding.fresh]
    done: list[Document] = []
    for _ in range(_ROUNDS):
        if not holdings:
            break
        last = _last_movements(db, [holding.order for holding in holdings if not holding.fresh])
        _know_balances(db, balances, last, holdings)
        movements = _plan(holdings, last, balances)
        inserted = _insert(db, movements)
        done += movements[:inserted]
        rest = movements[inserted:]
        _read_tails(db, balances, rest)
        orders = {movement["order"] for movement in rest}
        holdings = [replace(holding, fresh=False) for holding in holdings if holding.order in orders]
    else:
        raise RuntimeError(f"{len(holdings)} orders could not be settled in {_ROUNDS} rounds")
    project(db, done)


def _read_tails(db: Db, balances: dict[str, Balance], refused: list[Document]) -> None:
    """Set the balances of movements that could not be inserted to what the ledger says now. Who moved these SKUs first
    projects them, or what is planned next does, so only movements from the refused `seq` on are read."""
    tails: dict[str, Document] = {}
    for movement in refused:
        sku, seq = movement["sku"], movement["seq"]
        if sku not in tails:
            tails[sku] = {"sku": sku, "seq": {"$gte": seq}}
            balances[sku] = Balance(seq - 1, whole(movement["balance"] - movement["quantity"]))
    if tails:
        for movement in db.stock_movements.find({"$or": list(tails.values())}, {"sku": 1, "seq": 1, "balance": 1}):
            balance = balances[movement["sku"]]
            if movement["seq"] > balance.seq:
                balance.seq, balance.stock = movement["seq"], movement["balance"]


def _last_movements(db: Db, orders: list[str]) -> dict[str, dict[str, Document]]:
    """The last movement of each of these orders for each SKU, by order and SKU."""
    last: dict[str, dict[str, Document]] = {order: {} for order in orders}
    if orders:
        fields = {"_id": 0, "sku": 1, "order": 1, "n": 1, "held": 1, "carried": 1, "seq": 1}
        for movement in db.stock_movements.find({"order": {"$in": orders}}, fields):
            by_sku = last[movement["order"]]
            known = by_sku.get(movement["sku"])
            if known is None or movement["n"] > known["n"]:
                by_sku[movement["sku"]] = movement
    return last


def _know_balances(
    db: Db, balances: dict[str, Balance], last: Mapping[str, Mapping[str, Document]], holdings: list[Holding]
) -> None:
    """Read the products not known yet, and those that do not show a movement of these orders: a crash left them."""
    missing = {sku for holding in holdings for sku in (*holding.held, *holding.carried) if sku not in balances}
    for by_sku in last.values():
        for sku, movement in by_sku.items():
            if sku not in balances or balances[sku].seq < movement["seq"]:
                missing.add(sku)
    if missing:
        catch_up(db, balances, missing)


@dataclass(frozen=True, slots=True)
class _Step:
    """An order's next movement of a SKU."""

    sku: str
    holding: Holding
    n: int
    quantity: Quantity
    carries: bool


def _plan(
    holdings: list[Holding], last: Mapping[str, Mapping[str, Document]], balances: dict[str, Balance]
) -> list[Document]:
    """The movements that bring each order from what it holds to what it should, sorted by SKU and seq."""
    steps: list[_Step] = []
    for holding in holdings:
        moved = last.get(holding.order, {})
        skus = {**holding.held, **holding.carried, **moved}
        steps += filter(None, (_step(sku, holding, moved.get(sku)) for sku in skus))
    steps.sort(key=lambda step: (step.sku, step.holding.order))
    at = now()
    return [_movement(balances[step.sku], step, at) for step in steps]


def _step(sku: str, holding: Holding, before: Document | None) -> _Step | None:
    """The movement of a SKU from an order's last one to its holding; None where there is nothing to move."""
    carried = holding.carried.get(sku, 0)
    if before is None and sku in holding.opening and not carried:
        return _Step(sku, holding, 1, 0, carries=False)
    held_before, carried_before = (before["held"], before.get("carried", 0)) if before else (0, 0)
    quantity = whole(held_before - holding.held.get(sku, 0) + carried - carried_before)
    carries = carried != carried_before
    return _Step(sku, holding, before["n"] + 1 if before else 1, quantity, carries) if quantity or carries else None


def _movement(balance: Balance, step: _Step, at: datetime) -> Document:
    balance.seq += 1
    balance.stock = whole(balance.stock + step.quantity)
    holding, carried = step.holding, step.holding.carried.get(step.sku, 0)
    return {
        "sku": step.sku,
        "seq": balance.seq,
        "quantity": step.quantity,
        "balance": balance.stock,
        "reason": _reason(step),
        "order": holding.order,
        "n": step.n,
        "held": holding.held.get(step.sku, 0),
        **({"carried": carried} if carried else {}),
        "cause": holding.cause,
        "at": at,
    }


def _reason(step: _Step) -> str:
    if step.quantity == 0:
        return "transfer" if step.carries else "opening"
    return "order" if step.quantity < 0 else "return"


def _insert(db: Db, movements: list[Document]) -> int:
    """Insert in order and return how many went in before the first collision. Unordered, a later seq would land on a
    balance that never was."""
    if not movements:
        return 0
    try:
        db.stock_movements.insert_many(movements, ordered=True)
    except BulkWriteError as error:
        return only_collisions(error)[0]
    return len(movements)


def project(db: Db, movements: list[Document]) -> None:
    """Set `stock` and `seq` on the products of these movements, where theirs is older."""
    newest = {movement["sku"]: movement for movement in movements}
    if newest:
        db.products.bulk_write(
            [
                UpdateOne(
                    {"_id": sku, "seq": {"$lt": movement["seq"]}},
                    {"$set": {"stock": movement["balance"], "seq": movement["seq"]}},
                )
                for sku, movement in newest.items()
            ],
            ordered=False,
        )


def catch_up(db: Db, balances: dict[str, Balance], skus: Iterable[str]) -> None:
    """Read these products and the movements they do not show yet, project those, and note the balances."""
    tails = []
    for product in db.products.find({"_id": {"$in": sorted(skus)}}, {"seq": 1, "stock": 1}):
        balances[product["_id"]] = Balance(product["seq"], product["stock"])
        tails.append({"sku": product["_id"], "seq": {"$gt": product["seq"]}})
    if not tails:
        return
    tail = list(db.stock_movements.find({"$or": tails}).sort([("sku", 1), ("seq", 1)]))
    for movement in tail:
        balances[movement["sku"]] = Balance(movement["seq"], movement["balance"])
    project(db, tail)


def open_ledger(db: Db, sku: str, quantity: Quantity, *, cause: str) -> Document:
    """Write the first movement of a SKU and return it; where the SKU has a history, its last movement.

    It comes before the product, so that a product is never there with a stock that no movement explains.
    """
    movement: Document = {
        "sku": sku,
        "seq": 1,
        "quantity": quantity,
        "balance": quantity,
        "reason": "opening",
        "cause": cause,
        "at": now(),
    }
    try:
        db.stock_movements.insert_one(movement)
    except DuplicateKeyError:
        last = db.stock_movements.find_one({"sku": sku}, sort=[("seq", -1)])
        assert last is not None
        return last
    return movement


@one_primary()
def move(db: Db, sku: str, change: Quantity | None, *, count: Quantity | None = None, **why: Any) -> Document:
    """One movement by a person: a `change` in units, or a `count` ("there are 12"). Returns the movement.

    `why` holds `reason`, `cause` and `note`, and may hold an `_id`, under which a movement is made once. The product
    must exist.
    """
    balances: dict[str, Balance] = {}
    for _ in range(_ROUNDS):
        catch_up(db, balances, [sku])
        balance = balances[sku]
        quantity = whole(count - balance.stock) if count is not None else change
        assert quantity is not None
        movement: Document = {
            "sku": sku,
            "seq": balance.seq + 1,
            "quantity": quantity,
            "balance": whole(balance.stock + quantity),
            "at": now(),
            **why,
        }
        try:
            db.stock_movements.insert_one(movement)
        except DuplicateKeyError:
            if "_id" in why and (done := db.stock_movements.find_one({"_id": why["_id"]})):
                project(db, [done])
                return done
            continue
        project(db, [movement])
        return movement
    raise RuntimeError(f"the stock of {sku!r} could not be moved in {_ROUNDS} rounds")
