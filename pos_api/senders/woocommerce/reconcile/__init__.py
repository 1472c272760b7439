"""Compare the POS with a shop, list the discrepancies with their causes, and repair what is asked.

`orders`, `products`, `stock` and `senders` each compare one kind; `report` is what they found. Whatever the shop has
and could not be read is in the report too: a comparison never says in sync about what nobody has seen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.figures import outage_detection as silence
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce.reconcile import orders, products, senders, stock
from pos_api.senders.woocommerce.reconcile.report import (
    ORDERS,
    PRODUCTS,
    SWEEP,
    Open,
    Report,
    keep,
    last_report,
    left_open,
    reconciled_until,
    repaired,
)
from pos_api.senders.woocommerce.reconcile.senders import OVERLAP
from pos_api.senders.woocommerce.shop_error import ShopError, unexpected_as_shop_error
from pos_api.senders.woocommerce.shop_reader import ShopReader
from pos_api.stores.registry import Stores

__all__ = [
    "ORDERS",
    "OVERLAP",
    "PRODUCTS",
    "SWEEP",
    "Options",
    "Report",
    "keep",
    "last_report",
    "reconciled_until",
    "repaired",
    "run",
]


@dataclass(frozen=True, slots=True)
class Options:
    """What a comparison is asked for: orders that changed from `since` on.

    `repair` applies what the shop has to orders and products that differ and adds those that are missing;
    `repair_webhooks` switches the shop's disabled webhooks on again, and then compares from before they went off;
    `align` brings the stock of these SKUs to the shop's; with `accept_gone` a repair archives products and marks orders
    deleted however many of them are gone from the shop at once. What changed within `grace` may still be on its way and
    is left for the next time.

    Without `every_product` the products of the orders are compared, and what the last report left open is looked at
    again or still open: a report is about all that is known.
    """

    since: datetime
    repair: bool = False
    repair_webhooks: bool = False
    every_product: bool = True
    align: tuple[str, ...] = ()
    accept_gone: bool = False
    grace: timedelta = timedelta()


def run(db: Db, config: Config, shop: ShopReader, name: str, ingest: Ingest, options: Options) -> Report:
    """Compare the store `name` with its shop, and keep the report. A shop that can't be read is a report with a
    `problem`."""
    store = Stores(db, config).get(name)
    report = Report(name, options.since, now())
    until = report.started_at - options.grace
    try:
        with unexpected_as_shop_error():
            senders.compare(shop, report, repair=options.repair_webhooks)
            asked_at = shop.time()
            report.since = senders.before_the_gap(db, report)
            before = left_open(last_report(db, name))
            if options.every_product:
                before = Open(before.orders)
            report.stock, report.unread = list(before.stock), list(before.unread)
            asked = {"repair": options.repair, "accept_gone": options.accept_gone}
            touched = orders.compare(db, store, shop, report, ingest, revisit=before.orders, until=until, **asked)
            wanted = None if options.every_product else touched | before.products
            products.compare(db, store, shop, report, ingest, wanted, **asked)
            stock.align(db, store, shop, report, options.align, asked_at)
    except ShopError as error:
        report.problem = error.message
    outage = silence.listen(db, name, now())
    report.silence = {**asdict(outage), "alarming": outage.alarming} if outage else None
    report.finished_at = now()
    keep(db, config, report, until)
    return report
