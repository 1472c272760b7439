"""Comparing what a shop says of its orders with what is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from pos_api.database.client import Db, Document
from pos_api.orders.erasure import with_erasure
from pos_api.orders.lookup import catalogue_for
from pos_api.orders.merge import decide
from pos_api.orders.model import Order, OrderUpdate
from pos_api.orders.save import read_orders

_NOT_COMPARED = (
    *("rev", "unpublished", "closed_at", "received_at", "status_history", "former_customers", "deleted_version"),
    *("stock_rule", "counts_as_sale", "stage"),  # they follow from the status
)


def compare_orders(db: Db, updates: list[OrderUpdate]) -> list[tuple[Order | None, list[str]]]:
    """What each update, taken as the truth, would change: the stored order, None where there is none, and the names of
    the fields that differ. Writes nothing."""
    stored = read_orders(db, [update.key for update in updates])
    catalogue = catalogue_for(db, updates, stored)
    compared: list[tuple[Order | None, list[str]]] = []
    for update in updates:
        before = stored.get(update.key)
        newest = with_erasure(replace(update, replaces=before["rev"] if before else 0), before)
        compared.append((before, _differing(before, decide(newest, before, catalogue).after)))
    return compared


def _differing(before: Order | None, after: Order) -> list[str]:
    old, new = cast("Document", before or {}), cast("Document", after)
    return sorted(name for name in {*old, *new} - {*_NOT_COMPARED} if old.get(name) != new.get(name))
