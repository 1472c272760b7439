"""What every step of a comparison needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.inbox.model import Outcome
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce.reconcile.model import Side
from pos_api.senders.woocommerce.reconcile.report import Report
from pos_api.senders.woocommerce.shop_reader import ShopReader
from pos_api.stores.model import Store


@dataclass(frozen=True, slots=True)
class Options:
    """What a comparison is asked for: orders that changed from `since` on.

    `repair` applies what the shop has to orders and products that differ and adds those that are missing;
    `repair_webhooks` switches the shop's disabled webhooks on again, and then compares from before they went off;
    `align` brings the stock of these SKUs to the shop's, `align_shop` the shop's to that here, and `align_all` that of
    all others to the side that it names as right; with `accept_gone` a repair archives products and marks orders
    deleted however many of them are gone from the shop at once. What changed within `grace` may still be on its way and
    is left for the next time.

    With `just_read`, at the end of an import, what was saved here since then comes from the shop's present state: of
    that only the orders that the shop does not list as they are here are compared whole.

    Without `every_product` the products of the orders are compared, and what the last report left open is looked at
    again or still open: a report is about all that is known.
    """

    since: datetime
    repair: bool = False
    repair_webhooks: bool = False
    every_product: bool = True
    align: Collection[str] = ()
    align_shop: Collection[str] = ()
    align_all: Side | None = None
    accept_gone: bool = False
    just_read: bool = False
    grace: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of `store` with its shop, under these options; its steps add what they find to `report`."""

    db: Db
    store: Store
    shop: ShopReader
    ingest: Ingest
    options: Options
    report: Report

    @property
    def until(self) -> datetime:
        """What changed later may still be on its way."""
        return self.report.started_at - self.options.grace

    def apply(self, body: bytes) -> Outcome:
        """Bring an event in, also one that was applied before, as a repair does; its outcome."""
        (outcome,) = self.ingest(self.db, self.store, [body], now(), again=True)
        return outcome
