"""Which order a payment is for: how payments name orders, and which one is meant. Pure: no database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pos_api.common.text_search import contact_words
from pos_api.orders.model import Order
from pos_api.payments.model import order_key_by_id, order_key_by_transaction


@dataclass(frozen=True, slots=True)
class Meant:
    """The `_id` of the order that a payment is for, None for none, and the orders that it may mean as much as each
    other, where it is not clear."""

    order: str | None
    candidates: tuple[str, ...] = ()


def order_keys(order: Order) -> tuple[str, ...]:
    """All ways in which a payment may name an order: by its transaction id, its id and its number, in this order of
    weight. One that the order does not have is blank."""
    store, number = order["store"], order.get("number", "").strip()
    transaction = order.get("transaction_id", "").strip()
    return (
        order_key_by_transaction(store, transaction) if transaction else "",
        order_key_by_id(store, str(order["order_id"])),
        order_key_by_id(store, number) if number else "",
    )


def meant_order(wanted: Sequence[str], orders: Iterable[Order], current: str | None) -> Meant:
    """The order that a payment means that names `wanted`, of those that there are; `current` is the one that it is
    matched with.

    The transaction id counts most, then the order's id, then its number. Of orders named in the same way the current
    one stays; without one it is not clear which is meant. A sub-order is not meant beside the order that it is part of.
    Where nothing is found that the payment names, it stays with its order.
    """
    keys = {order["_id"]: order_keys(order) for order in orders}
    part_of = {order["_id"]: order.get("parent") for order in orders}
    for weight in range(3):
        found = {order for order, ways in keys.items() if ways[weight] and ways[weight] in wanted}
        found = {order for order in found if part_of[order] not in found}
        if current in found:
            return Meant(current)
        if len(found) == 1:
            return Meant(found.pop())
        if found:
            return Meant(current, tuple(sorted(found)) if current is None else ())
    return Meant(current)


Way: TypeAlias = Literal["transaction", "order_id", "number"]
"""How a payment names its order."""
_WAYS: tuple[Way, ...] = ("transaction", "order_id", "number")


def way_of(wanted: Sequence[str], order: Order) -> Way | None:
    """How a payment that names `wanted` names this order: by what counts most; None where it does not."""
    return next((way for way, key in zip(_WAYS, order_keys(order), strict=True) if key and key in wanted), None)


def named(wanted: Iterable[str]) -> list[tuple[str, str, str]]:
    """What is wanted, as (store, `order` or `transaction`, name)."""
    return [(store, kind, name) for store, kind, name in (key.split(":", 2) for key in wanted)]


def order_names(order: Order) -> list[str]:
    """The id and the number of an order, by which people look for its payments."""
    return [str(order["order_id"]), order.get("number", "")]


def search_words(external_id: str, reference: str, wanted: Iterable[str], names: Iterable[str]) -> list[str]:
    """The words by which a payment is found: its ids, what it calls its order, and the names of its order."""
    return contact_words(external_id, reference, *(name for _, _, name in named(wanted)), *names)
