"""The proof that what moved has gone to each shop with stock sync, once: each movement since it was switched on is to
be sent or was answered, and the shop has each that it answered to have applied, with the same units.

It reads the ledger once and asks the shop in batches; the service may go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.stock_management import MANAGED_AGAIN
from pos_api.common.batches import in_batches
from pos_api.common.time import now
from pos_api.config import Config, ConfigError
from pos_api.database.client import Db, Document
from pos_api.errors import PosError
from pos_api.orders.verify_stock import Problem
from pos_api.senders.woocommerce.stock_push.client import open_plugin
from pos_api.senders.woocommerce.stock_push.items import wire_id
from pos_api.senders.woocommerce.stock_push.model import MOST_MOVEMENTS, MovementAtShop
from pos_api.stock.model import Movement
from pos_api.stock.store_sync import states, units_for_store

_CLOCKS = timedelta(seconds=10)
"""Movements have the time of the process that made them: so far clocks may differ."""
_KEPT_THERE = timedelta(days=390)
"""The plugin keeps what it was sent for 400 days."""
_FIELDS = dict.fromkeys(
    ("sku", "seq", "quantity", "store_quantity", "reason", "cause", "order", "at", "unsent", "sent"), 1
)
_LEDGER = "sku_1_seq_1"


def run(db: Db, config: Config) -> Iterator[Problem]:
    """Everything that is wrong with what shops were sent, as it is found; a shop that can't be asked is said too."""
    for state in list(states(db).find({"on": True})):
        store = state["_id"]
        if "aligned_at" not in state or "since" not in state:
            yield Problem(store, "stock sync is on, and the two sides were not made equal to the end")
        if "since" in state:
            yield from _not_marked(db, store, state["since"] + _CLOCKS)
            yield from _marked_wrongly(db, store, state["since"])
            yield from _at_shop(db, config, store, max(state["since"], now() - _KEPT_THERE))


def _found(db: Db, query: Document) -> Iterator[Movement]:
    found = db.stock_movements.find(query, _FIELDS, sort=[("sku", 1), ("seq", 1)], hint=_LEDGER)
    return iter(cast("Any", found))


def _not_marked(db: Db, store: str, since: datetime) -> Iterator[Problem]:
    """Movements that should have been sent, and neither were nor are to be."""
    missed = {
        "at": {"$gt": since},
        "quantity": {"$ne": 0},
        "reason": {"$ne": "opening"},
        "unsent.store": {"$ne": store},
        "sent.store": {"$ne": store},
        "order": {"$not": {"$regex": f"^{store}:"}},  # a store's name is a slug, so it needs no escaping
        "cause": {"$ne": f"store:{store}"},
    }
    for movement in _found(db, missed):
        if not _is_of_report(db, movement, store) and _is_sold_by(db, movement["sku"], store):
            yield _problem(movement, f"was neither sent to {store!r} nor is it to be")


def _is_of_report(db: Db, movement: Movement, store: str) -> bool:
    """Whether a store's report of a product made this movement, as far as its delivery is still here."""
    if movement["reason"] != MANAGED_AGAIN:
        return False
    entry = db.inbox.find_one({"_id": movement["cause"]}, {"store": 1})
    return entry is None or entry.get("store") == store


def _is_sold_by(db: Db, product: str, store: str) -> bool:
    of_store = {"_id": product, "external_ids": {"$regex": f"^{external_id(store, '')}"}}
    return db.products.find_one(of_store, {"_id": 1}) is not None


def _marked_wrongly(db: Db, store: str, since: datetime) -> Iterator[Problem]:
    """Movements that the store is to be sent again, was answered for twice, or caused itself."""
    marked = {"at": {"$gte": since}, "$or": [{"unsent.store": store}, {"sent.store": store}]}
    for movement in _found(db, marked):
        waiting = sum(each["store"] == store for each in movement.get("unsent", ()))
        ended = sum(each["store"] == store for each in movement.get("sent", ()))
        if waiting + ended > 1:
            times = "is still to be sent" if waiting == 1 else "is noted more than once as sent"
            yield _problem(movement, f"{times} to {store!r}, after it was answered")
        if movement.get("order", "").startswith(f"{store}:"):
            yield _problem(movement, f"is of an order of {store!r}, and was marked to be sent there")


def _at_shop(db: Db, config: Config, store: str, since: datetime) -> Iterator[Problem]:
    """What the shop does not have of what it answered to have applied since."""
    applied = {"sent": {"$elemMatch": {"store": store, "outcome": "applied", "at": {"$gte": since}}}}
    try:
        with open_plugin(db, config, store) as plugin:
            for batch in in_batches(_found(db, applied), MOST_MOVEMENTS):
                there = {each.movement: each for each in plugin.movements([wire_id(each) for each in batch])}
                yield from _differing(store, batch, there)
    except (PosError, ConfigError) as error:
        yield Problem(store, f"the shop could not be asked what it has of what it was sent: {error}")


def _differing(store: str, batch: list[Movement], there: dict[str, MovementAtShop]) -> Iterator[Problem]:
    for movement in batch:
        found, units = there.get(wire_id(movement)), units_for_store(movement)
        if found is None:
            yield _problem(movement, f"was answered by {store!r} as applied, and the shop does not know it")
        elif found.outcome not in ("applied", "already"):
            yield _problem(movement, f"was answered by {store!r} as applied, and is {found.outcome} there")
        elif found.delta != units:
            yield _problem(movement, f"changed the stock of {store!r} by {found.delta}, not by {units:+g}")


def _problem(movement: Movement, message: str) -> Problem:
    name = f"movement {movement['seq']} ({movement['reason']} {movement['quantity']:+g})"
    return Problem(movement["sku"], f"{name} {message}")
