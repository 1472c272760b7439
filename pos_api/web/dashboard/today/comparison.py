"""Today beside the same weekday last week, in words. Pure but for the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pos_api.common.quantity import Quantity
from pos_api.figures.day_so_far import DayFigures
from pos_api.web.dashboard.languages import _, money, number, percent


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as it is shown: what it is, its value, and how it compares."""

    name: str
    value: str
    compared: str


def figures(today: DayFigures, before: DayFigures, currency: str) -> list[Figure]:
    """The figures of one currency; `before` is last week up to the same time of day."""

    def amount(value: Decimal | Quantity) -> str:
        return money(value, currency)

    rows: Sequence[tuple[str, Decimal | Quantity, Decimal | Quantity, Callable[..., str]]] = (
        (_("Sales"), today.sales, before.sales, amount),
        (_("Orders"), today.orders, before.orders, number),
        (_("Average order, net"), today.average_order, before.average_order, amount),
        (_("Items"), today.items, before.items, number),
        (_("Refunds"), today.refunds, before.refunds, amount),
        (_("Tips"), today.tips, before.tips, amount),
    )
    return [Figure(name, shown(now), compared(now, then, shown)) for name, now, then, shown in rows]


def compared(now: Decimal | Quantity, then: Decimal | Quantity, shown: Callable[..., str]) -> str:
    """How a value compares with the one before."""
    one, other = Decimal(str(now)), Decimal(str(then))
    if one == other:
        return _("the same as last week")
    if other == 0:
        return _("nothing last week")
    change = abs(one - other) / other if other > 0 else None
    if change is None or change >= 10:
        return _("%(before)s last week", before=shown(then))
    if one > other:
        return _("%(change)s more than %(before)s last week", change=percent(change), before=shown(then))
    return _("%(change)s less than %(before)s last week", change=percent(change), before=shown(then))
