"""Where the import of a shop stands, so that one that was interrupted goes on (collection `imports`)."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict, cast

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.woocommerce.kind import check_is_shop
from pos_api.senders.woocommerce.shop_reader import Collection, Place, ShopReader
from pos_api.stores import settings
from pos_api.stores.registry import Stores

PHASES: tuple[Collection, ...] = ("products", "customers", "orders")

_MOST_NAMED = 1000
"""So many of what was not imported are kept for an import that goes on; more of them are one cause."""


class NotImported(TypedDict):
    """What the shop has and is not here: it could not be read, or not be used."""

    what: str
    cause: str


class Checkpoint(TypedDict):
    """How far an import of the orders made `since` came, which started at `started_at` by the shop's clock: its phase,
    in orders the month (`window`), and the place in that. `live_order_id` and `live_since` are there where the store
    went live with its first import: the shop's last order then, and the moment."""

    since: datetime
    started_at: datetime
    phase: Collection
    window: NotRequired[datetime | None]
    offset: NotRequired[int]
    last_id: NotRequired[int]
    not_imported: NotRequired[list[NotImported]]
    live_order_id: NotRequired[int]
    live_since: NotRequired[datetime]
    finished_at: NotRequired[datetime]


def begin(db: Db, config: Config, shop: ShopReader, name: str, since: datetime) -> Checkpoint:
    """The import to go on with, or a new one. The first one is when a store goes live, unless orders came before.
    Raises ShopError, and Invalid for a store of another kind."""
    store = Stores(db, config).get(name)
    check_is_shop(store)
    stored = db.imports.find_one({"_id": name}) or {}
    last = cast("Checkpoint | None", stored.get("checkpoint"))
    if last and "finished_at" not in last and last["since"] == since:
        return last
    last_order_id = shop.last_order_id()
    checkpoint: Checkpoint = {"since": since, "started_at": shop.time(), "phase": PHASES[0]}
    live_order_id: int | None = stored.get("live_order_id")
    live_since = store.live_since
    if live_since is None:
        first = _first_order(db, name)
        live_since = first or checkpoint["started_at"]
        settings.update_store(db, config, name, live_since=live_since)
        if first is None:
            live_order_id = last_order_id
            db.imports.update_one({"_id": name}, {"$set": {"live_order_id": live_order_id}}, upsert=True)
    if live_order_id is not None:
        checkpoint["live_order_id"] = live_order_id
        checkpoint["live_since"] = live_since
    _save(db, name, checkpoint)
    return checkpoint


def _first_order(db: Db, name: str) -> datetime | None:
    """When the oldest order was made that took its units from the stock here."""
    query = {"store": name, "opening": []}
    order = db.orders.find_one(query, {"created_at": 1}, sort=[("created_at", 1), ("_id", 1)])
    return order["created_at"] if order else None


def advance(db: Db, name: str, checkpoint: Checkpoint, window: datetime | None, place: Place) -> None:
    """Note that all up to this place is done."""
    checkpoint |= {"window": window, "offset": place.offset, "last_id": place.last_id}
    _save(db, name, checkpoint)


def enter(db: Db, name: str, checkpoint: Checkpoint, phase: Collection) -> None:
    """Go on with a phase: from where it stands, or where it is another than the one noted, from its beginning."""
    if phase != checkpoint["phase"]:
        checkpoint["phase"] = phase
        advance(db, name, checkpoint, None, Place())


def place_of(checkpoint: Checkpoint) -> Place:
    """Where the phase stands."""
    return Place(checkpoint.get("offset", 0), checkpoint.get("last_id", 0))


def name_not_imported(checkpoint: Checkpoint, named: list[NotImported]) -> None:
    """Keep what was not imported with the checkpoint; it is stored with the next advance."""
    checkpoint["not_imported"] = named[:_MOST_NAMED]


def finish(db: Db, name: str) -> None:
    """Note that the import came to its end: the next one begins anew."""
    db.imports.update_one({"_id": name}, {"$set": {"checkpoint.finished_at": now()}})


def _save(db: Db, name: str, checkpoint: Checkpoint) -> None:
    db.imports.update_one({"_id": name}, {"$set": {"checkpoint": checkpoint}}, upsert=True)
