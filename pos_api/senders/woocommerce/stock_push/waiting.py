"""Which movements are sent next: what waits for a store is read in batches, going round from product to product."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from pos_api.catalogue.model import ProductDocument
from pos_api.database.client import Db, Document, make_durable
from pos_api.database.primary_term import at_one_primary
from pos_api.senders.woocommerce.stock_push.items import PRODUCT_FIELDS
from pos_api.senders.woocommerce.stock_push.model import MOST_ITEMS
from pos_api.stock import ledger
from pos_api.stock.model import Movement
from pos_api.stock.store_sync import UNSENT

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A product is not sent until then (`time.monotonic()`), after a pause of so many seconds. It is sent `alone` after
    it where a request with nothing else in it has failed."""

    until: float
    seconds: float
    alone: bool


@dataclass(slots=True)
class Progress:
    """How far the sending to a store has gone round; known to this process alone, since nothing is lost with it.

    `after` is the product that the latest batch ended with, `size` how many movements a batch may have. A movement that
    makes every request with it fail is found so: batches get smaller, and at last it is sent alone and less and less
    often, while the others are sent.
    """

    after: str = ""
    size: int = MOST_ITEMS
    pauses: dict[str, Pause] = field(default_factory=dict)

    def paused(self) -> set[str]:
        """The products that are not to be sent yet."""
        moment = time.monotonic()
        return {product for product, pause in self.pauses.items() if pause.until > moment}

    def sent_alone(self) -> set[str]:
        """The products that are sent in requests of their own."""
        return {product for product, pause in self.pauses.items() if pause.alone}

    def failed(self, batch: Sequence[Movement]) -> None:
        """A request with this batch failed, maybe because of something in it."""
        self.size = max(len(batch) // 4, 1)
        if len(batch) == 1:
            self._pause(batch[0]["sku"], alone=True)

    def succeeded(self, batch: Sequence[Movement], again: Collection[str]) -> None:
        """A request with this batch was answered; these products are to be sent `again` later. Where it had a product
        that failed alone before, it was the shop that failed then, so it may have been with the others, too."""
        if not self.sent_alone().isdisjoint(each["sku"] for each in batch):
            self.pauses = {product: pause for product, pause in self.pauses.items() if not pause.alone}
        self.size = min(2 * self.size, MOST_ITEMS)
        self.after = batch[-1]["sku"]
        for product in {each["sku"] for each in batch} - set(again):
            self.pauses.pop(product, None)
        for product in again:
            self._pause(product, alone=False)

    def _pause(self, product: str, *, alone: bool) -> None:
        """Leave a product alone for a while, twice as long as the last time."""
        last = self.pauses.get(product)
        seconds = min(2 * last.seconds, _LONGEST_PAUSE) if last else _FIRST_PAUSE
        self.pauses[product] = Pause(time.monotonic() + seconds, seconds, alone)


def is_waiting(db: Db, store: str, progress: Progress) -> bool:
    """Whether there is anything to send to the store just now."""
    return ledger.movements(db).find_one(_query(store, progress.paused()), {"_id": 1}, hint=UNSENT) is not None


@at_one_primary
def read_batch(db: Db, store: str, progress: Progress) -> list[Movement]:
    """The movements to be sent next to a store, those of a product in their order. They survive a crash of the
    database: one that was undone would be made again under another id, and be sent twice. Raises PyMongoError."""
    batch = _read_alone(db, store, progress) or _read_round(db, store, progress)
    if batch:
        make_durable(db)
    return batch


def _read_alone(db: Db, store: str, progress: Progress) -> list[Movement]:
    """The next movement of a product that is sent in requests of its own, where its pause is over."""
    for product in sorted(progress.sent_alone() - progress.paused()):
        if found := _read(db, {"unsent.store": store, "sku": product}, 1):
            return found
        del progress.pauses[product]
    return []


def _read_round(db: Db, store: str, progress: Progress) -> list[Movement]:
    """Those of the next products, and where these are the last, of the first ones again."""
    left_out = progress.paused() | progress.sent_alone()
    batch = _read(db, _query(store, left_out, {"$gt": progress.after}), progress.size)
    if progress.after and len(batch) < progress.size:
        batch += _read(db, _query(store, left_out, {"$lte": progress.after}), progress.size - len(batch))
    return batch


def read_products(db: Db, batch: Sequence[Movement]) -> dict[str, ProductDocument]:
    """The products of these movements by `_id`, as far as they are there."""
    ids = sorted({movement["sku"] for movement in batch})
    found = db.products.find({"_id": {"$in": ids}}, dict.fromkeys(PRODUCT_FIELDS, 1))
    return {each["_id"]: cast(ProductDocument, each) for each in found}


def _query(store: str, left_out: Collection[str], products: Mapping[str, Any] = MappingProxyType({})) -> Document:
    products = {**products, **({"$nin": sorted(left_out)} if left_out else {})}
    return {"unsent.store": store, **({"sku": products} if products else {})}


def _read(db: Db, query: Document, most: int) -> list[Movement]:
    return list(ledger.movements(db).find(query, hint=UNSENT).sort([("sku", 1), ("seq", 1)]).limit(most))
