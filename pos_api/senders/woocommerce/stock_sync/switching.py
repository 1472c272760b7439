"""Stock sync of a shop is switched on: the plugin is asked whether it can take stock, the two sides are compared SKU by
SKU, and where they differ they are made equal to the side that was chosen. Nothing is switched before that is known.

Each step can be done again. After a crash in between it is on, so that no movement is lost to the shop, and
`aligned_at` is absent: to switch it on once more goes on with what differs still.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.senders import comparisons
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.kind import check_is_shop
from pos_api.senders.woocommerce.reconcile.comparison import Options
from pos_api.senders.woocommerce.reconcile.model import StockDiscrepancy
from pos_api.senders.woocommerce.reconcile.report import Report, is_repaired
from pos_api.senders.woocommerce.reconcile.run import OVERLAP, reconcile
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.shop_reader import ShopReader
from pos_api.senders.woocommerce.stock_push.client import open_plugin
from pos_api.senders.woocommerce.stock_sync.choices import Choice, SideNeeded, without_side
from pos_api.staff import audit
from pos_api.stock import sync_switch
from pos_api.stock.store_sync import states
from pos_api.stores.registry import Stores

_UNKNOWN_FOR = timedelta(days=2)
"""So far back orders are compared where the store was never in sync."""
_MOST_AUDITED = 50


@dataclass(frozen=True, slots=True)
class Switched:
    """What was done: `compared` products of which the shop keeps stock, those that were made equal, and those that
    were not, each with the reason as its `repair`. `not_read` is what could not be read of the shop."""

    compared: int
    aligned: list[StockDiscrepancy]
    left: list[StockDiscrepancy]
    not_read: list[str]

    @property
    def complete(self) -> bool:
        """Whether both sides are equal, or will be with what is on its way."""
        return not (self.left or self.not_read)


def differences(
    db: Db, config: Config, store: str, ingest: Ingest, *, within: float = float("inf")
) -> list[StockDiscrepancy]:
    """The products of which the stock here and in the shop is not the same, as of now; changes nothing. Raises
    ShopError where the shop can't be compared within so many seconds, and what `connection.open_shop` raises."""
    check_is_shop(Stores(db, config).get(store))
    with connection.open_shop(db, config, store, within=within) as shop:
        return _compared(reconcile(db, config, shop, store, ingest, Options(_since(db, store))))


def switch_on(
    db: Db, config: Config, store: str, choice: Choice, ingest: Ingest, *, within: float = float("inf")
) -> Switched:
    """Send stock to a shop from now on, with both sides made equal as was chosen. Orders and products that differ are
    repaired before, as stock follows from them. Recorded in the audit.

    Raises SideNeeded where the two differ and it was not said of each product whose stock is right, ShopError where
    the shop can't be compared within so many seconds or its plugin can't take stock, Invalid for a store that is no
    shop, NotFound for one that is not connected, Unavailable while the shop may still do what it was sent before it was
    switched off; nothing is switched on then, unless the message says so.
    """
    check_is_shop(Stores(db, config).get(store))
    sync_switch.check_nothing_arrives(db, store)
    asked: Document = {"on": True, "from": choice.all, "from_shop": 0, "from_pos": 0}
    asked |= {f"from_{side}": len(choice.skus_from(side)) for side in ("shop", "pos")} if choice.by_sku else {}
    with (
        audit.act(db, "store.stock", target=store, details=asked) as details,
        connection.open_shop(db, config, store, within=within) as shop,
    ):
        version = _plugin_version(db, config, store)
        options = Options(_since(db, store), repair=True)
        found = _compared(reconcile(db, config, shop, store, ingest, options))
        if undecided := without_side(choice, found):
            raise SideNeeded(undecided)
        sync_switch.switch_on(db, store)
        states(db).update_one({"_id": store}, {"$set": {"plugin": version}})
        done = _align(db, config, shop, store, choice, ingest)
        details |= _audited(done)
    return done


def switch_off(db: Db, store: str) -> int:
    """Send a store no stock any more; returns how many movements were still to be sent. Recorded in the audit."""
    with audit.act(db, "store.stock", target=store, details={"on": False}) as details:
        details["not_sent"] = not_sent = sync_switch.switch_off(db, store)
    return not_sent


def _align(db: Db, config: Config, shop: ShopReader, store: str, choice: Choice, ingest: Ingest) -> Switched:
    """Compare once more, now that each movement is sent, and make both sides equal."""
    options = Options(
        _since(db, store),
        repair=True,
        align=choice.skus_from("shop"),
        align_shop=choice.skus_from("pos"),
        align_all=choice.all,
    )
    with _saying_that_it_is_on(store):
        report = reconcile(db, config, shop, store, ingest, options)
        found = _compared(report)
    left = [each for each in found if not is_repaired(each)]
    for each in left:
        each.setdefault("repair", "not aligned: whose stock is right was not said")
    not_read = [f"{each['what']}: {each['cause']}" for each in report.unread]
    done = Switched(report.stock_compared, [each for each in found if is_repaired(each)], left, not_read)
    if done.complete:
        sync_switch.note_aligned(db, store)
    return done


@contextmanager
def _saying_that_it_is_on(store: str) -> Iterator[None]:
    try:
        yield
    except ShopError as error:
        raise ShopError(
            error.cause,
            f"Stock sync of {store!r} is on, but the two sides were not made equal to the end: {error.message} Switch"
            " it on once more to go on.",
        ) from None


def _plugin_version(db: Db, config: Config, store: str) -> str:
    """The version of the plugin, which can take stock. Raises ShopError."""
    with open_plugin(db, config, store) as plugin:
        return plugin.check().version


def _since(db: Db, store: str) -> datetime:
    """From when on orders are compared: where the store was last in sync."""
    known = comparisons.reconciled_until(db, store)
    return known - OVERLAP if known else now() - _UNKNOWN_FOR


def _compared(report: Report) -> list[StockDiscrepancy]:
    """The products whose stock differs. Raises ShopError where the shop could not be compared to the end."""
    if report.problem:
        raise ShopError("not_compared", report.problem)
    return [each for each in report.stock if each["product"] is not None and each["difference"]]


def _audited(done: Switched) -> Document:
    aligned = [f"{each['sku']}: {each['repair']} ({each['difference']:+g})" for each in done.aligned]
    left = [f"{each['sku']}: {each['repair']}" for each in done.left]
    return {"compared": done.compared, "aligned": aligned[:_MOST_AUDITED], "left": left[:_MOST_AUDITED]}
