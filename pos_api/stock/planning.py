"""Which movements bring the ledger to what orders hold. Pure: no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pos_api.common.quantity import Quantity, whole
from pos_api.stock.model import Balance, Holding, Movement


@dataclass(frozen=True, slots=True)
class _Step:
    """An order's next movement of a product."""

    sku: str
    holding: Holding
    n: int
    quantity: Quantity
    carries: bool


def plan_movements(
    holdings: list[Holding],
    last: Mapping[str, Mapping[str, Movement]],
    balances: Mapping[str, Balance],
    at: datetime,
) -> list[Movement]:
    """The movements that bring each order from what it holds to what it should, sorted by product and seq. `last` has
    the last movement of each order, by order and product; `balances` are advanced."""
    steps: list[_Step] = []
    for holding in holdings:
        moved = last.get(holding.order, {})
        skus = {**holding.held, **holding.carried, **moved}
        steps += filter(None, (_step(sku, holding, moved.get(sku)) for sku in skus))
    steps.sort(key=lambda step: (step.sku, step.holding.order))
    return [_movement(balances[step.sku], step, at) for step in steps]


def _step(sku: str, holding: Holding, before: Movement | None) -> _Step | None:
    """The movement of a product from an order's last one to its holding; None where there is nothing to move."""
    carried = holding.carried.get(sku, 0)
    if before is None and sku in holding.opening and not carried:
        return _Step(sku, holding, 1, 0, carries=False)
    held_before, carried_before = (before["held"], before.get("carried", 0)) if before else (0, 0)
    quantity = whole(held_before - holding.held.get(sku, 0) + carried - carried_before)
    carries = carried != carried_before
    return _Step(sku, holding, before["n"] + 1 if before else 1, quantity, carries) if quantity or carries else None


def _movement(balance: Balance, step: _Step, at: datetime) -> Movement:
    balance.seq += 1
    balance.stock = whole(balance.stock + step.quantity)
    holding = step.holding
    movement: Movement = {
        "sku": step.sku,
        "seq": balance.seq,
        "quantity": step.quantity,
        "balance": balance.stock,
        "reason": _reason(step),
        "order": holding.order,
        "n": step.n,
        "held": holding.held.get(step.sku, 0),
        "cause": holding.cause,
        "at": at,
    }
    if carried := holding.carried.get(step.sku, 0):
        movement["carried"] = carried
    return movement


def _reason(step: _Step) -> str:
    if step.quantity == 0:
        return "transfer" if step.carries else "opening"
    return "order" if step.quantity < 0 else "return"
