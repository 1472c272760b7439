"""Shops with stock sync on, and the sending to them step by step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.woocommerce.stock_push.push import push
from pos_api.senders.woocommerce.stock_push.waiting import Progress, is_waiting
from pos_api.stock import sync_lease
from pos_api.stock.store_sync import states, synced_stores
from pos_api.stores import key_management
from pos_api.stores.api_keys import signing_key
from tests.factories import stock_up
from tests.senders.woocommerce.stock_push.plugin_server import serving
from tests.senders.woocommerce.stock_push.simulated_shop import SimulatedShop

HOUR = timedelta(hours=1)


@contextmanager
def shop_of(db: Db, config: Config, store: str, shop: SimulatedShop) -> Iterator[SimulatedShop]:
    """A connected shop with stock sync on, served meanwhile."""
    db.stores.update_one({"_id": store}, {"$set": {"name": store, "kind": config.store_kind}}, upsert=True)
    shop.key = signing_key(key_management.add_key(db, config, store))
    with serving(shop.answer) as url:
        db.stores.update_one({"_id": store}, {"$set": {"rest": {"url": url}}})
        states(db).update_one({"_id": store}, {"$set": {"on": True, "since": now() - HOUR}}, upsert=True)
        synced_stores(db).refresh()
        yield shop


def products(db: Db, stock: dict[str, int], *stores: str) -> None:
    """Products of these SKUs with this stock; each store sells all of them, the n-th as product n."""
    stock_up(db, **stock)
    for number, sku in enumerate(stock, 1):
        db.products.update_one({"_id": sku}, {"$set": {"external_ids": [f"{store}:{number}" for store in stores]}})


def send(db: Db, config: Config, store: str, progress: Progress | None = None, holder: str = "me") -> bool:
    """Send what waits, as a process does that looks just now; whether anything was to be sent and nobody else is."""
    progress = progress or Progress()
    if not (is_waiting(db, store, progress) and sync_lease.take(db, store, holder)):
        return False
    push(db, config, store, holder, progress, threading.Event())
    return True


def let_time_pass(db: Db) -> None:
    """Leases end, and pauses after failures."""
    earlier = now() - HOUR
    states(db).update_many({"lease_until": {"$exists": True}}, {"$set": {"lease_until": earlier}})
    states(db).update_many({"next_attempt_at": {"$exists": True}}, {"$set": {"next_attempt_at": earlier}})


def unsent(db: Db, store: str) -> int:
    """How many movements wait for a store."""
    return db.stock_movements.count_documents({"unsent.store": store})


def state(db: Db, store: str = "default") -> dict[str, Any]:
    """The state of a store's stock sync."""
    return dict(states(db).find_one({"_id": store}) or {})
