"""Compare the POS with a shop, tell the differences with their causes, and mend what is asked.

Orders are compared both ways: what changed in the shop, and what the POS took in, which finds what no webhook tells (a
deleted refund, an order deleted for good). A difference is looked at again, order by order, before it counts: the rev
stored here is read first and the shop asked then, so that what the shop says is newer, and is applied while the order
still has that rev (`OrderSnapshot.replaces`). Where a shop stands is kept in `pulls`: `reconciled_until`, `report`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from bson import Timestamp

from . import orders, products, pull, silence, stock, worker
from .config import Config
from .db import Db, Document
from .orders import OrderSnapshot
from .sources.woocommerce_rest import Row, Shop, ShopError, envelope, from_trash
from .stores import Store, Stores
from .values import decimal, now, utc, whole

OVERLAP = timedelta(minutes=10)
SWEEP = timedelta(days=30)
"""How far back the daily comparison looks."""
WEBHOOKS_PATH = "/api/webhooks/orders"
PLUGIN = "woocommerce-pos-sync/"
ALIGNED = "reconcile"
"""The reason of a movement that brings a SKU to the shop's stock. What came before it explains no difference after."""

_BATCH = 100
_LOOKS = 3
_SHOWN = 500
_DERIVED = frozenset({"held", "opening", "unmatched", "warnings", "skus", "search", "customer", "day"})


@dataclass(slots=True)
class Report:
    """What a comparison found; `problem` is why it could not be finished."""

    store: str
    since: datetime
    started_at: datetime
    compared: int = 0
    orders: list[Document] = field(default_factory=list)
    stock: list[Document] = field(default_factory=list)
    senders: list[Document] = field(default_factory=list)
    silence: Document | None = None
    stock_compared: int = 0
    problem: str | None = None
    finished_at: datetime | None = None

    @property
    def in_step(self) -> bool:
        """Whether nothing is left to mend or to look at; a difference that is explained is none."""
        open_orders = any(not mended(each) for each in self.orders)
        open_stock = any(each["unexplained"] and not each.get("repair") for each in self.stock)
        open_senders = any(not each.get("repair") for each in self.senders)
        return not (open_orders or open_stock or open_senders or self.problem or (self.silence or {}).get("alarming"))

    def document(self) -> Document:
        """The report as it is stored and shown."""
        return {**asdict(self), "in_step": self.in_step}


def mended(difference: Document) -> bool:
    """Whether an order's difference was mended."""
    return difference.get("repair") in ("created", "updated", "unchanged")


def run(
    db: Db,
    config: Config,
    shop: Shop,
    name: str,
    since: datetime,
    *,
    repair: bool = False,
    repair_senders: bool = False,
    every_product: bool = True,
    align: Iterable[str] = (),
    grace: timedelta = timedelta(),
) -> Report:
    """Compare the store `name` with its shop from `since` on, and keep the report.

    `repair` applies what the shop says to orders that differ and adds products that are missing; `repair_senders`
    switches the shop's disabled webhooks on again, and then compares from before they went off; `align` brings the
    stock of these SKUs to the shop's. What changed within `grace` may still be on its way and is left for the next
    time. A shop that can't be read is a report with a `problem`.
    """
    store = Stores(db, config).get(name)
    report = Report(name, since, now())
    try:
        report.senders = _senders(shop, repair=repair_senders)
        asked_at = shop.time()
        report.since = since = _before_the_gap(db, name, report, since)
        touched = _compare_orders(db, store, shop, report, repair=repair, until=report.started_at - grace)
        _compare_stock(db, store, shop, report, None if every_product else touched, repair=repair)
        _align(db, store, shop, report, set(align), asked_at)
    except ShopError as error:
        report.problem = error.message
    heard = silence.listen(db, name, now())
    report.silence = {**asdict(heard), "alarming": heard.alarming} if heard else None
    report.finished_at = now()
    _keep(db, config, report, until=report.started_at - grace)
    return report


def _keep(db: Db, config: Config, report: Report, until: datetime) -> None:
    document = report.document()
    for part in ("orders", "stock"):
        document[part] = document[part][:_SHOWN]
    changes: Document = {"report": document}
    if not report.problem and all(map(mended, report.orders)) and _connects(db, config, report):
        changes["reconciled_until"] = until
    db.pulls.update_one({"_id": report.store}, {"$set": changes}, upsert=True)


def _connects(db: Db, config: Config, report: Report) -> bool:
    """Whether nothing before what was compared is unknown: it begins where the last comparison ended, or when the store
    went live, or a sweep ago."""
    known = reconciled_until(db, report.store)
    if known is None:
        known = report.started_at - SWEEP
        known = max(known, Stores(db, config).get(report.store).live_since or known)
    return report.since <= known


def last_report(db: Db, name: str) -> Document | None:
    """The latest report about a store; None when it was never compared."""
    return (db.pulls.find_one({"_id": name}, {"report": 1}) or {}).get("report")


def reconciled_until(db: Db, name: str) -> datetime | None:
    """Up to when the store is known to be in step."""
    return (db.pulls.find_one({"_id": name}, {"reconciled_until": 1}) or {}).get("reconciled_until")


# --- orders -------------------------------------------------------------------------------------------------------


def _compare_orders(db: Db, store: Store, shop: Shop, report: Report, *, repair: bool, until: datetime) -> set[str]:
    """Note the orders that differ, and mend them; returns the products of all that were compared."""
    seen: set[int] = set()
    touched: set[str] = set()
    for rows in _both_ways(db, store, shop, report.since, seen):
        for difference in _differing(db, store, shop, rows):
            if _recent(difference, until):
                continue
            if repair:
                _mend(db, store, difference)
            difference.pop("body", None)
            report.orders.append(difference)
        report.compared += len(rows)
        touched.update(_products_of(db, store, rows))
    _explain_with_inbox(db, store, report.orders)
    return touched


def _both_ways(db: Db, store: Store, shop: Shop, since: datetime, seen: set[int]) -> Iterator[list[Row]]:
    """What changed in the shop since then; then, as the shop has it, what was saved here since then. An order that the
    shop does not list any more is `{"id"}`."""
    for page in shop.rows("orders", modified_after=since, dates_are_gmt=True):
        seen.update(row["id"] for row in page.rows if "id" in row)
        yield page.rows
    for ids in _saved_since(db, store, since, seen):
        listed = {row["id"]: row for page in shop.rows("orders", include=",".join(map(str, ids))) for row in page.rows}
        yield [listed.get(order_id, {"id": order_id}) for order_id in ids]


def _saved_since(db: Db, store: Store, since: datetime, seen: set[int]) -> Iterator[list[int]]:
    """Orders here, not deleted, that were saved or made since then, in batches."""
    saved = {"changed_at": {"$gte": Timestamp(int(since.timestamp()), 0)}, "store": store.id}
    found = db.woocommerceorders.find(saved | {"deleted_at": {"$exists": False}}, {"order_id": 1}).sort("changed_at", 1)
    waiting = (each["order_id"] for each in found if each["order_id"] not in seen)
    while batch := list(islice(waiting, _BATCH)):
        yield batch


def _differing(db: Db, store: Store, shop: Shop, rows: list[Row]) -> Iterator[Document]:
    """The differences of these orders, each confirmed by a second look at it alone."""
    compared = _compare(db, store, [row for row in rows if "status" in row])
    known = {snapshot.order_id: before for snapshot, before, _, _ in compared}
    lacking = [row for row in rows if _lacks_refund_lines(row, known.get(row.get("id", 0)))]
    if lacking:
        ids = {row["id"] for row in lacking}
        compared = [each for each in compared if each[0].order_id not in ids]
        compared += _compare(db, store, shop.with_refund_lines(lacking))
    for row in rows:
        if "status" in row and (difference := _unusable(store, row)):
            yield difference
    for snapshot, before, fields, row in compared:
        if before is None:
            yield _difference(snapshot, None, fields, row)
        elif fields and (confirmed := _look_again(db, store, shop, snapshot.order_id)):
            yield confirmed
    for row in rows:
        if row.keys() == {"id"} and (confirmed := _look_again(db, store, shop, row["id"])):
            yield confirmed


def _unusable(store: Store, row: Row) -> Document | None:
    """An order that can't be used as the shop tells it."""
    body = envelope("order.updated", row)
    problem = worker.understand(store, {}, body, now()).problem
    if problem is None:
        return None
    return {
        "order": f"{store.id}:{row.get('id')}",
        "order_id": row.get("id"),
        "number": str(row.get("number") or row.get("id")),
        "problem": "unusable",
        "fields": sorted(problem.details) if isinstance(problem.details, dict) else [],
        "here": None,
        "shop": None,
        "cause": problem.message,
        "body": body,
    }


def _compare(db: Db, store: Store, rows: list[Row]) -> list[tuple[OrderSnapshot, Document | None, list[str], Row]]:
    """Each usable order with what is stored of it, the fields that differ, and as the shop told it."""
    read = []
    for row in rows:
        work = worker.understand(store, {}, envelope("order.restored", row), now())
        if isinstance(work.subject, OrderSnapshot):
            read.append((work.subject, row))
    compared = orders.compare(db, [snapshot for snapshot, _ in read])
    return [(snapshot, before, fields, row) for (snapshot, row), (before, fields) in zip(read, compared, strict=True)]


def _lacks_refund_lines(row: Row, before: Document | None) -> bool:
    """Whether the shop knows refunds whose lines are not known here: neither the list nor a webhook tells them."""
    known = {refund.get("id") for refund in (before or {}).get("refunds", ()) if "line_items" in refund}
    return any(refund.get("id") not in known for refund in row.get("refunds") or ())


def _look_again(db: Db, store: Store, shop: Shop, order_id: int) -> Document | None:
    """The difference of one order, the shop asked after the rev here was read; None where there is none, or the order
    keeps changing: that is no difference but work in progress."""
    key = f"{store.id}:{order_id}"
    for _ in range(_LOOKS):
        before = db.woocommerceorders.find_one({"_id": key})
        row = shop.order(order_id)
        if row is None or row.get("status") == "trash":
            return _gone(before, row) if before and not before.get("deleted_at") else None
        compared = _compare(db, store, [row])
        if not compared:
            return None
        snapshot, stored, fields, _ = compared[0]
        if (stored or {}).get("rev") == (before or {}).get("rev"):
            return _difference(snapshot, stored, fields, row) if fields else None
    return None


def _difference(snapshot: OrderSnapshot, before: Document | None, fields: list[str], row: Row) -> Document:
    if before is None:
        problem, cause, event = "missing", "Nothing the shop sent about it has arrived.", "order.created"
    elif before.get("deleted_at"):
        problem, cause, event = "deleted here", "It was restored in the shop.", "order.restored"
    elif snapshot.modified_at and before.get("modified_at") and snapshot.modified_at > before["modified_at"]:
        problem, cause, event = "stale", "A change in the shop has not arrived.", "order.updated"
    else:
        problem, cause, event = "different", _why_different(before, row, fields), "order.updated"
    return {
        "order": snapshot.key,
        "order_id": snapshot.order_id,
        "number": snapshot.fields.get("number") or str(snapshot.order_id),
        "problem": problem,
        "fields": [name for name in fields if name not in _DERIVED] if before else [],
        "here": _told(before) if before else None,
        "shop": _told({**snapshot.fields, "modified_at": snapshot.modified_at}),
        "cause": cause,
        "body": envelope(event, row, replaces=before["rev"] if before else 0),
    }


def _why_different(before: Document, row: Row, fields: list[str]) -> str:
    there = {refund.get("id") for refund in row.get("refunds") or ()}
    if any(refund.get("id") not in there for refund in before.get("refunds", ())):
        return "A refund was deleted in the shop, which its webhooks do not tell."
    if fields == ["refunds"]:
        return "The lines of a refund are not known here; WooCommerce's own webhooks do not tell them."
    return "It was changed in the shop without a new time of change."


def _told(order: Document) -> Document:
    return {
        "status": order.get("status"),
        "total": str(decimal(order.get("total"))),
        "modified_at": order.get("modified_at"),
        "refunds": len(order.get("refunds") or ()),
    }


def _gone(before: Document, row: Row | None) -> Document:
    cause = "It was deleted for good in the shop, which webhooks do not tell." if row is None else "It is in the trash."
    told = from_trash(row) if row else {"id": before["order_id"]}
    body = envelope("order.deleted", told, replaces=before["rev"])
    return {
        "order": before["_id"],
        "order_id": before["order_id"],
        "number": before.get("number") or str(before["order_id"]),
        "problem": "gone",
        "fields": ["deleted_at"],
        "here": _told(before),
        "shop": None,
        "cause": cause,
        "body": body,
    }


def _recent(difference: Document, until: datetime) -> bool:
    modified_at = (difference["shop"] or {}).get("modified_at")
    return bool(modified_at and modified_at > until)


def _mend(db: Db, store: Store, difference: Document) -> None:
    (outcome,) = pull.take_in(db, store, [difference["body"]], now())
    difference["repair"] = outcome.outcome


def _products_of(db: Db, store: Store, rows: list[Row]) -> set[str]:
    keys = [f"{store.id}:{row['id']}" for row in rows if "id" in row]
    found = db.woocommerceorders.find({"_id": {"$in": keys}}, {"held.sku": 1})
    return {held["sku"] for order in found for held in order.get("held", ())}


def _explain_with_inbox(db: Db, store: Store, differences: list[Document]) -> None:
    """An event that is parked or failed is why an order is not in step. Those are few, and have an index."""
    wanted = {str(each["order_id"]): each for each in differences}
    if wanted:
        query = {"attention_at": {"$exists": True}, "store": store.id, "resource_id": {"$in": list(wanted)}}
        for entry in db.inbox.find(query, {"resource_id": 1, "state": 1, "reason": 1}, hint="attention_at_-1"):
            cause = f"Its event {entry['_id'][:16]} is {entry['state']}: {entry.get('reason') or 'unknown'}"
            wanted[entry["resource_id"]]["cause"] = cause


# --- stock --------------------------------------------------------------------------------------------------------


def _compare_stock(db: Db, store: Store, shop: Shop, report: Report, skus: set[str] | None, *, repair: bool) -> None:
    """Note the products whose stock here is not the shop's less what orders still pending hold here; `skus` None are
    all."""
    pending = _held_by_pending(db, store)
    for rows in _managed(db, store, shop, skus):
        ids = [products.shop_key(store.id, row["id"]) for row in rows]
        known = products.lookup(db, [row["sku"].strip() for row in rows], ids)
        for row in rows:
            product = known.find(store.id, row["sku"].strip(), row["id"])
            report.stock_compared += 1
            if product is None:
                report.stock.append(_unknown(db, store, row, repair=repair))
            elif entry := _stock_difference(db, store, shop, row, product.id, pending):
                report.stock.append(entry)


def _managed(db: Db, store: Store, shop: Shop, skus: set[str] | None) -> Iterator[list[Row]]:
    """Products and variations that have a SKU and whose stock the shop manages."""
    if skus is None:
        pages: Iterable[list[Any]] = (page.rows for page in shop.products())
    else:
        pages = (shop.each_product(ids) for ids in _shop_ids(db, store, skus))
    for rows in pages:
        yield [
            row
            for row in rows
            if isinstance(row, dict)
            and row.get("manage_stock") is True
            and row.get("stock_quantity") is not None
            and str(row.get("sku") or "").strip()
        ]


def _shop_ids(db: Db, store: Store, skus: set[str]) -> Iterator[list[int]]:
    prefix = products.shop_key(store.id, 0)[:-1]
    found = db.products.find({"_id": {"$in": sorted(skus)}}, {"shop_ids": 1})
    ids = (
        int(key.removeprefix(prefix)) for each in found for key in each.get("shop_ids", ()) if key.startswith(prefix)
    )
    while batch := list(islice(ids, _BATCH)):
        yield batch


def _held_by_pending(db: Db, store: Store) -> dict[str, float]:
    """Units by SKU that orders still pending hold here and not in the shop, which takes them from `processing` on."""
    held: dict[str, float] = {}
    for order in db.woocommerceorders.find({"status": "pending", "store": store.id}, {"held": 1, "line_items": 1}):
        reduced: dict[str, float] = {}
        for line in order["line_items"]:
            if "product" in line:
                reduced[line["product"]] = reduced.get(line["product"], 0) + line.get("reduced_stock", 0)
        for each in order["held"]:
            units = held.get(each["sku"], 0) + each["quantity"] - reduced.get(each["sku"], 0)
            held[each["sku"]] = whole(units)
    return held


def _stock_difference(
    db: Db, store: Store, shop: Shop, row: Row, product_id: str, pending: dict[str, float]
) -> Document | None:
    held = pending.get(product_id, 0)
    product, difference = _stock_here(db, product_id, row, held)
    if not difference:
        return None
    if (again := shop.product(row["id"])) is not None and again.get("stock_quantity") is not None:
        row = again  # the list may be older than what came in meanwhile
        product, difference = _stock_here(db, product_id, row, held)
        if not difference:
            return None
    moved = _moved_here(db, store, product_id)
    explained = [{"cause": cause, "quantity": units} for cause, units in moved.items() if units]
    unexplained = whole(difference - sum(moved.values()))
    return {
        "product": product_id,
        "sku": product["sku"],
        "name": product["name"],
        "here": product["stock"],
        "shop": whole(row["stock_quantity"]),
        "held_by_pending": held,
        "difference": difference,
        "explained": explained,
        "unexplained": unexplained,
        "cause": _stock_cause(explained, unexplained),
    }


def _stock_here(db: Db, product_id: str, row: Row, held: float) -> tuple[Document, float]:
    """The product as it is here, and by how much its stock is off what the shop's makes one expect."""
    product = db.products.find_one({"_id": product_id}, {"stock": 1, "sku": 1, "name": 1})
    assert product is not None
    return product, whole(product["stock"] - (whole(row["stock_quantity"]) - held))


def _moved_here(db: Db, store: Store, product_id: str) -> dict[str, float]:
    """Units by cause that moved here and not in the shop, since both were last the same."""
    start = db.stock_movements.find_one({"sku": product_id, "reason": ALIGNED}, {"seq": 1}, sort=[("seq", -1)])
    sums = db.stock_movements.aggregate(
        [
            {"$match": {"sku": product_id, "seq": {"$gt": start["seq"] if start else 1}}},
            {
                "$project": {
                    "quantity": 1,
                    "by": {
                        "$ifNull": [
                            {"$first": {"$split": ["$order", ":"]}},
                            "",
                        ]
                    },
                }
            },
            {"$match": {"by": {"$ne": store.id}}},
            {"$group": {"_id": {"$eq": ["$by", ""]}, "units": {"$sum": "$quantity"}}},
        ]
    )
    names = {True: "counted, sold or adjusted here", False: "orders of other stores"}
    return {names[each["_id"]]: whole(each["units"]) for each in sums}


def _stock_cause(explained: list[Document], unexplained: float) -> str:
    told = [f"{each['cause']}: {each['quantity']:+g}" for each in explained]
    if unexplained:
        told.append(f"{unexplained:+g} by a change of stock in the shop that was no order, or an order not in step")
    return "; ".join(told)


def _unknown(db: Db, store: Store, row: Row, *, repair: bool) -> Document:
    entry = {
        "product": None,
        "sku": row["sku"].strip(),
        "name": row.get("name"),
        "here": None,
        "shop": whole(row["stock_quantity"]),
        "held_by_pending": 0,
        "difference": None,
        "explained": [],
        "unexplained": whole(row["stock_quantity"]),
        "cause": "The product is not known here.",
    }
    if repair:
        (outcome,) = pull.take_in(db, store, [envelope("product.created", row)], now())
        entry["repair"] = outcome.outcome
    return entry


def _align(db: Db, store: Store, shop: Shop, report: Report, skus: set[str], asked_at: datetime) -> None:
    """Bring the stock of these SKUs to the shop's, unless orders came in since `asked_at`: theirs may be on the way."""
    entries = [each for each in report.stock if each["difference"] and {each["sku"], each["product"]} & skus]
    if not entries:
        return
    if shop.count("orders", modified_after=asked_at - timedelta(seconds=1), dates_are_gmt=True):
        report.problem = "Orders came in while stock was compared, so none was aligned; try again in a moment."
        return
    for entry in entries:
        note = f"{store.name} has {entry['shop']:g}"
        stock.move(db, entry["product"], -entry["difference"], reason=ALIGNED, cause=f"store:{store.id}", note=note)
        entry["repair"] = "aligned"


# --- what sends ---------------------------------------------------------------------------------------------------


def _senders(shop: Shop, *, repair: bool) -> list[Document]:
    """What should send orders and does not: webhooks to us that are not active, or nothing at all."""
    try:
        webhooks = [each for each in shop.get("webhooks", per_page=100, status="all").data if _ours(each)]
        plugin = _plugin_active(shop)
    except ShopError as error:
        if error.cause != "unauthorized":
            raise
        return []  # the key may not see them; `store connect` has said so
    off = [_sender(each) for each in webhooks if each.get("status") != "active"]
    if repair:
        for each in off:
            _switch_on(shop, each)
    topics = {each.get("topic") for each in webhooks}
    if not plugin and not {"order.created", "order.updated"} <= topics:
        problem = "Neither the plugin nor webhooks for order.created and order.updated are there; nothing sends orders."
        off.append({"sender": "plugin", "id": None, "name": "WooCommerce POS Sync", "problem": problem})
    return off


def _ours(webhook: Any) -> bool:
    if not isinstance(webhook, dict):
        return False
    return urlsplit(str(webhook.get("delivery_url"))).path.rstrip("/").endswith(WEBHOOKS_PATH)


def _plugin_active(shop: Shop) -> bool:
    status = shop.get("system_status", _fields="active_plugins").data
    active = status.get("active_plugins") or [] if isinstance(status, dict) else []
    return any(str(each.get("plugin", "")).startswith(PLUGIN) for each in active)


def _sender(webhook: Row) -> Document:
    return {
        "sender": "webhook",
        "id": webhook["id"],
        "name": webhook.get("name"),
        "topic": webhook.get("topic"),
        "problem": f"The webhook is {webhook.get('status')}; WooCommerce switches it off on the 7th failure in a row.",
        "off_since": utc(webhook.get("date_modified_gmt")),
    }


def _switch_on(shop: Shop, sender: Document) -> None:
    try:
        shop.put(f"webhooks/{sender['id']}", {"status": "active"})
        sender["repair"] = "switched on"
    except ShopError as error:
        if error.cause not in ("read_only", "unauthorized"):
            raise
        sender["problem"] += " The key may not write, so switch it on in WooCommerce > Settings > Advanced > Webhooks."


def _before_the_gap(db: Db, name: str, report: Report, since: datetime) -> datetime:
    """Where to compare from: where a webhook was off, from when the store was last known to be in step."""
    off = [each["off_since"] for each in report.senders if each.get("repair") and each.get("off_since")]
    if not off:
        return since
    return min(since, (reconciled_until(db, name) or min(off)) - OVERLAP)
