"""The proof that stock is right: every ledger chains, every product shows its last movement, every order holds what it
should. It reads everything once, in the order of indexes, and keeps one page of it in memory; the service may go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter

from pos_api.catalogue import stock_events
from pos_api.common.batches import in_batches
from pos_api.common.quantity import Quantity, whole
from pos_api.database.client import Db
from pos_api.orders.model import Order
from pos_api.orders.save import orders
from pos_api.orders.settle import HOLDING_FIELDS, last_holding_of
from pos_api.stock import ledger as stock
from pos_api.stock.model import Movement

_PAGE = 500
_CHECKS = 5
_ALL_CHECKS = 100
_BETWEEN_CHECKS = 0.1
"""A running service writes the order, its movements and the product one after the other, so what seems wrong is checked
again before it is reported: where much is wrong, only the first of it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be: `what` (a product's or an order's `_id`), and whether it was repaired."""

    what: str
    message: str
    repaired: bool = False


def run(db: Db, *, repair: bool = False) -> Iterator[Problem]:
    """Everything that is wrong with stock, as it is found.

    With `repair`, a product is brought to its last movement and an order's holding into the ledger. A ledger that does
    not chain is left as it is: it is append-only, and only a person knows what happened.
    """
    checks = iter(range(_ALL_CHECKS))
    yield from _ledgers(db, checks, repair)
    yield from _orders(db, checks, repair)


# --- ledgers and products ---------------------------------------------------------------------------------------


def _ledgers(db: Db, checks: Iterator[int], repair: bool) -> Iterator[Problem]:
    fields = {"_id": 0, "sku": 1, "seq": 1, "quantity": 1, "balance": 1}
    movements = stock.movements(db).find(
        {}, fields, sort=[("sku", 1), ("seq", 1)], hint="sku_1_seq_1", batch_size=_PAGE
    )
    products = db.products.find({}, {"stock": 1, "seq": 1}, sort=[("_id", 1)], batch_size=_PAGE)
    shown = next(products, None)
    for sku, ledger in groupby(movements, itemgetter("sku")):
        while shown is not None and shown["_id"] < sku:  # both come in the order of their bytes
            yield from _product(db, shown["_id"], checks, repair)
            shown = next(products, None)
        seq, balance, broken = _chain(ledger)
        if broken:
            yield Problem(sku, broken)
        if shown is not None and shown["_id"] == sku:
            if (shown["seq"], shown["stock"]) != (seq, balance):
                yield from _product(db, sku, checks, repair)
            shown = next(products, None)
        else:
            yield from _product(db, sku, checks, repair)
    while shown is not None:
        yield from _product(db, shown["_id"], checks, repair)
        shown = next(products, None)


def _chain(ledger: Iterator[Movement]) -> tuple[int, Quantity, str]:
    """A ledger's last number and balance, and where it does not chain, if it does not."""
    seq, broken = 0, ""
    balance: Quantity = 0
    for movement in ledger:
        if movement["seq"] != seq + 1:
            broken = broken or f"its ledger jumps from {seq} to {movement['seq']}"
        elif movement["balance"] != whole(balance + movement["quantity"]):
            broken = broken or f"movement {movement['seq']}: {balance} and {movement['quantity']} is not its balance"
        seq, balance = movement["seq"], movement["balance"]
    return seq, balance, broken


def _product(db: Db, sku: str, checks: Iterator[int], repair: bool) -> Iterator[Problem]:
    message = _still(lambda: _product_problem(db, sku), checks)
    if not message:
        return
    if repair:
        last = _last(db, sku)
        if last is not None:
            stock.catch_up(db, {}, [sku])
            wrong = {"_id": sku, "$nor": [{"seq": last["seq"], "stock": last["balance"]}]}
            db.products.update_one(  # a product that is ahead of its ledger, or wrong about its last movement
                wrong | {"seq": {"$gte": last["seq"]}}, {"$set": {"seq": last["seq"], "stock": last["balance"]}}
            )
    yield Problem(sku, message, repaired=repair and not _product_problem(db, sku))


def _product_problem(db: Db, sku: str) -> str:
    product = db.products.find_one({"_id": sku}, {"stock": 1, "seq": 1})
    last = _last(db, sku)
    if product is None:
        return "has a ledger but is no product" if last else ""
    if last is None:
        return "has no ledger"
    if (product["seq"], product["stock"]) == (last["seq"], last["balance"]):
        return ""
    return f"shows {product['stock']} as of movement {product['seq']}, not {last['balance']} of movement {last['seq']}"


def _last(db: Db, sku: str) -> Movement | None:
    return stock.movements(db).find_one({"sku": sku}, sort=[("seq", -1)])


# --- orders -----------------------------------------------------------------------------------------------------


def _orders(db: Db, checks: Iterator[int], repair: bool) -> Iterator[Problem]:
    found = orders(db).find({}, HOLDING_FIELDS, sort=[("_id", 1)], batch_size=_PAGE)
    for page in in_batches(found, _PAGE):
        moved = _moved(db, [order["_id"] for order in page])
        for order in page:
            if _order_problem(order, moved.get(order["_id"], {})):
                yield from _order(db, order["_id"], checks, repair)


def _moved(db: Db, keys: list[str]) -> dict[str, dict[str, list[Movement]]]:
    """The movements of these orders, by order and SKU, by `n`."""
    moved: dict[str, dict[str, list[Movement]]] = {}
    fields = {"_id": 0, "order": 1, "sku": 1, "n": 1, "quantity": 1, "held": 1, "carried": 1}
    for movement in stock.movements(db).find({"order": {"$in": keys}}, fields):
        moved.setdefault(movement["order"], {}).setdefault(movement["sku"], []).append(movement)
    for by_sku in moved.values():
        for steps in by_sku.values():
            steps.sort(key=itemgetter("n"))
    return moved


def _order(db: Db, key: str, checks: Iterator[int], repair: bool) -> Iterator[Problem]:
    message = _still(lambda: _stored_problem(db, key), checks)
    if not message:
        return
    order = orders(db).find_one({"_id": key}, HOLDING_FIELDS)
    if repair and order is not None:
        stock_events.publish(db, stock.settle(db, [last_holding_of(order)], {}))
    yield Problem(key, message, repaired=repair and not _stored_problem(db, key))


def _stored_problem(db: Db, key: str) -> str:
    order = orders(db).find_one({"_id": key}, HOLDING_FIELDS)
    return _order_problem(order, _moved(db, [key]).get(key, {})) if order else ""


def _order_problem(order: Order, moved: Mapping[str, list[Movement]]) -> str:
    """What is wrong between what an order should hold and its steps in the ledger."""
    holding = last_holding_of(order)
    held, carried = holding.held, holding.carried
    for sku in {**held, **carried, **moved}:
        target, steps = held.get(sku, 0), moved.get(sku, [])
        if broken := _steps_problem(sku, steps):
            return broken
        if not steps and (target or sku in holding.opening or carried.get(sku)):
            return f"holds {target} of {sku}, and the ledger does not show it"
        if steps and steps[-1]["held"] != target:
            return f"holds {target} of {sku}, {steps[-1]['held']} in the ledger"
        if steps and steps[-1].get("carried", 0) != carried.get(sku, 0):
            return f"has {carried.get(sku, 0)} of {sku} from another stock, {steps[-1].get('carried', 0)} in the ledger"
    return ""


def _steps_problem(sku: str, steps: list[Movement]) -> str:
    """Whether an order's steps with a SKU count up and add up. The first may take over units that were gone before."""
    held: Quantity = 0
    carried: Quantity = 0
    for n, step in enumerate(steps, 1):
        if step["n"] != n:
            return f"its steps with {sku} jump to {step['n']}"
        more = step.get("carried", 0) - carried
        if step["held"] != whole(held - step["quantity"] + more) and not (n == 1 and step["quantity"] == 0):
            return f"its step {n} with {sku} does not add up"
        held, carried = step["held"], step.get("carried", 0)
    return ""


def _still(problem: Callable[[], str], checks: Iterator[int]) -> str:
    """The problem, if it is still one after some more checks."""
    message = problem()
    for _ in islice(checks, _CHECKS):
        if not message:
            break
        time.sleep(_BETWEEN_CHECKS)
        message = problem()
    return message
