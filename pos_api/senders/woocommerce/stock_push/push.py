"""What waits for a shop is sent to it, batch by batch, until nothing is left or a request fails."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from pos_api import metrics
from pos_api.config import Config, ConfigError
from pos_api.database.client import Db
from pos_api.errors import PosError
from pos_api.logs import get_logger
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.stock_push.client import StockClient, open_plugin
from pos_api.senders.woocommerce.stock_push.items import item_of
from pos_api.senders.woocommerce.stock_push.model import Item, ItemAnswer
from pos_api.senders.woocommerce.stock_push.recording import Result, record
from pos_api.senders.woocommerce.stock_push.waiting import Progress, read_batch, read_products
from pos_api.stock import sync_lease
from pos_api.stock.model import Movement, SyncOutcome

_MAY_BE_OF_AN_ITEM = frozenset(
    {
        *("timeout", "cut_off", "too_large", "not_json", "not_plugin", "not_understood"),
        *("server_error", "refused_request", "firewall", "blocked"),
    }
)
"""Causes of failures that something in a single item may have, such as a SKU that a firewall does not let through."""
_MOST_PAUSED = 300
"""Products that the shop wants later, above which it is the shop that is left alone for a while."""

log = get_logger(__name__)


@dataclass(slots=True)
class _Sorted:
    """A batch: what is to be sent, and what became of the rest without being sent."""

    movements: list[Movement] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


def push(db: Db, config: Config, store: str, holder: str, progress: Progress, stopping: threading.Event) -> None:
    """Send what waits for a store, whose lease this process has as `holder`, and give the lease back. Where a request
    fails, the pause until the next attempt begins, and nothing is noted of what it had: all of it is sent again then,
    under the same ids. Raises PyMongoError; the lease then ends by itself."""
    try:
        with open_plugin(db, config, store) as plugin:
            while not stopping.is_set() and sync_lease.renew(db, store, holder):
                if not _push_batch(db, store, holder, plugin, progress):
                    break
    except (PosError, ConfigError) as error:
        cause = error.cause if isinstance(error, ShopError) else type(error).__name__
        log.warning("stock can't be sent to a shop", store=store, cause=cause, problem=str(error))
        metrics.stock_request_failed(store)
        pause = error.pause if isinstance(error, ShopError) else 0.0
        sync_lease.failed(db, store, holder, str(error), pause)
    else:
        sync_lease.give_back(db, store, holder)


def _push_batch(db: Db, store: str, holder: str, plugin: StockClient, progress: Progress) -> bool:
    """Send the next batch; false where nothing waits. Raises ShopError."""
    batch = read_batch(db, store, progress)
    if not batch:
        return False
    found = _sort(db, store, batch)
    try:
        answers = plugin.send(found.items) if found.items else []
    except ShopError as error:
        if error.cause in _MAY_BE_OF_AN_ITEM:
            progress.failed(batch)
        raise
    again = [each for each in answers if each.outcome == "retry"]
    found.results += _results(found.movements, answers)
    record(db, store, found.results)
    for each in found.results:
        metrics.stock_sent(store, each.outcome)
    products = {movement["sku"] for movement, each in zip(found.movements, answers, strict=True) if each in again}
    progress.succeeded(batch, products)
    problem = (again[0].message or "The shop wants it to be sent again later.") if again else ""
    if again and len(progress.paused()) > _MOST_PAUSED:
        raise ShopError("try_again", problem)
    if answers:
        is_applied = any(each.outcome in ("applied", "already") for each in answers)
        sync_lease.answered(db, store, holder, plugin=plugin.version, applied=is_applied, problem=problem)
    return True


def _sort(db: Db, store: str, batch: Sequence[Movement]) -> _Sorted:
    products = read_products(db, batch)
    found = _Sorted()
    for movement in batch:
        item = item_of(movement, products.get(movement["sku"]), store)
        if isinstance(item, Item):
            found.movements.append(movement)
            found.items.append(item)
        else:
            found.results.append(Result(movement, item, asked=False))
    return found


def _results(movements: Sequence[Movement], answers: Sequence[ItemAnswer]) -> list[Result]:
    """What is known of the movements that were sent, but for those that are to be sent again."""
    found = []
    for movement, answer in zip(movements, answers, strict=True):
        if answer.outcome != "retry":
            outcome: SyncOutcome = "applied" if answer.outcome == "already" else answer.outcome
            found.append(Result(movement, outcome, answer.quantity, answer.message))
    return found
