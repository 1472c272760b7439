"""Orders: apply snapshots of them, end to end, in batches.

An order document: `_id` (`store:order id`), the order's own fields under the names of `sources/woocommerce.py`, and

* `rev`, raised by every save;
* `modified_at` and `sequence`, the sender's version of it, and `received_at`, when that arrived here;
* `held`, what this version holds of each product (`[{"sku", "quantity"}]`), `opening` (SKUs whose units were gone
  before the POS started to count), `unmatched` (SKUs no product was known for when the order first named them),
  `without_stock` (SKUs of goods that the shop keeps no stock of), `unmanaged` (products whose stock the shop did not
  manage when it looked at the order) and `carried` (see `stock.Holding`), each absent where there are none;
* of its lines `full`, where one came with all that the shop knows of it (see `holding`);
* `parent`, the `_id` of the order that it is a sub-order of, and `suborders_hold`, where it is a parent and the shop
  has taken stock for its sub-orders; each absent where there is none;
* `test_mode` (true), where it was paid in a payment provider's test mode, absent else;
* `deleted_at`, and with it `deleted_version` (the `modified_at` of the version that was deleted), `status_history`,
  `warnings` and `day` (shop-local);
* `closed_at`, while it is closed and its personal data is there: since when (see `closed_at`);
* `erased_at`, where its personal data was erased, absent else (see `personal_data`);
* `former_customers`, only until they are seen to (see `customers.remove_unused`);
* `customer`, `skus` and `search`, by which it is found, and `changed_at`, the server's time of the last save (a BSON
  timestamp, which MongoDB fills in on inserts too).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from bson import Timestamp
from pymongo import InsertOne, UpdateOne
from pymongo.errors import AutoReconnect, BulkWriteError

from pos_api.catalogue import products, without_stock
from pos_api.catalogue.external_ids import shop_id
from pos_api.catalogue.products import Catalogue, Product
from pos_api.common.event_warnings import EventWarning, from_stored, warn
from pos_api.common.limits import LIST_LIMIT
from pos_api.common.quantity import whole
from pos_api.common.text_search import search_words
from pos_api.customers import customers
from pos_api.customers.erasures import Erasure, customer_key
from pos_api.database.client import Db, Document
from pos_api.database.write_errors import only_collisions
from pos_api.orders import holding, personal_data
from pos_api.orders.meta import first_meta
from pos_api.orders.model import OrderUpdate, Outcome, Refund, Result
from pos_api.stock import ledger as stock
from pos_api.stock.ledger import Holding
from pos_api.stock.opening import FirstMade, StockReduction, first_made_since, is_from_before, whole_second

_HISTORY = 200
_SERVER_TIME = Timestamp(0, 0)
_ROUNDS = 50
_ERASED_AT_ONCE = 500
_MOST_BATCHES = 10_000
_SEQUENCE_RULES = timedelta(days=1)
"""For so long a greater sequence outranks a later time of change."""


@dataclass(slots=True)
class _Change:
    """One order on its way: as it was, the snapshot, and as it is to be."""

    snapshot: OrderUpdate
    before: Document | None
    after: Document
    outcome: Outcome

    def to_save(self) -> bool:
        return self.after is not self.before

    def to_settle(self) -> bool:
        return self.to_save() or self.snapshot.again


def apply(db: Db, snapshots: list[OrderUpdate]) -> list[Result]:
    """Save what is newer, bring stock and customers in step, and return what became of each, in order.

    At most one snapshot per order. Every step can be run again without effect, so a batch that was cut short is
    simply applied again.
    """
    catalogue, changes = _save(db, snapshots)
    to_settle = [change for change in changes if change.to_settle()]
    stock.settle(db, [_holding(change) for change in to_settle], catalogue.balances)
    customers.upsert(db, [buyer_of(change.after) for change in to_settle if _buyer_changed(change)])
    _leave_customers(db, [change.after for change in to_settle if "former_customers" in change.after])
    for parent in sorted(_settle_overtaken(db, [change.after for change in to_settle])):
        _leave_to_suborders(db, parent)
    return [
        Result(change.outcome, tuple(from_stored(change.after.get("warnings", ()))), change.snapshot.erased)
        for change in changes
    ]


# --- saving -----------------------------------------------------------------------------------------------------


def _save(db: Db, snapshots: list[OrderUpdate]) -> tuple[Catalogue, list[_Change]]:
    """Merge each snapshot into what is stored and save it, guarded by `rev`: who loses a race merges again.

    What calls itself new is taken at its word first, which saves looking for it.
    """
    saved: dict[str, _Change] = {}
    catalogue = Catalogue([])
    waiting = snapshots
    for attempt in range(_ROUNDS):
        if not waiting:
            return catalogue, [saved[snapshot.key] for snapshot in snapshots]
        keys = [each.key for each in waiting if attempt or each.again or each.topic != "order.created"]
        stored = {order["_id"]: order for order in db.woocommerceorders.find({"_id": {"$in": keys}})} if keys else {}
        catalogue = _catalogue_for(db, waiting, stored)
        waiting = [_with_erasure(snapshot, stored.get(snapshot.key), db) for snapshot in waiting]
        changes = [_change(snapshot, stored.get(snapshot.key), catalogue) for snapshot in waiting]
        catalogue.learn(db)  # first: once the lines are saved as matched, nothing is looked up again
        lost = _write(db, [(change.before, change.after) for change in changes if change.to_save()])
        saved.update({change.snapshot.key: change for change in changes})
        waiting = [snapshot for snapshot in waiting if snapshot.key in lost]
    raise RuntimeError(f"{len(waiting)} orders changed {_ROUNDS} times while they were being saved")


def _catalogue_for(db: Db, snapshots: list[OrderUpdate], stored: Mapping[str, Document]) -> Catalogue:
    """The products that these orders may need, and what else has to be known to match their lines: for most orders
    nothing, which costs no query."""
    skus: set[str] = set()
    shop_ids: set[str] = set()
    for snapshot in snapshots:
        order = stored.get(snapshot.key, {})
        skus.update(held["sku"] for held in order.get("held", ()))
        lines = snapshot.fields if "line_items" in snapshot.fields else order
        for line in lines.get("line_items", ()):
            if line["sku"]:
                skus.add(line["sku"])
                numbers = (line.get("product_id"), line.get("variation_id"))
                shop_ids.update(products.shop_key(snapshot.store, number) for number in numbers if number)
    catalogue = products.lookup(db, skus, shop_ids)
    catalogue.without_stock = _without_stock(db, snapshots, stored, catalogue)
    catalogue.first_made = _first_made(db, [each for each in snapshots if _first_seen(stored.get(each.key))], catalogue)
    return catalogue


def _without_stock(
    db: Db, snapshots: list[OrderUpdate], stored: Mapping[str, Document], catalogue: Catalogue
) -> without_stock.Known:
    """Of the lines that no product is known for, those of goods that the shop keeps no stock of."""
    keys: set[str] = set()
    skus: set[str] = set()
    for snapshot in snapshots:
        known = frozenset(stored.get(snapshot.key, {}).get("without_stock", ()))
        for line in snapshot.fields.get("line_items", ()):
            if line["sku"] and line["sku"] not in known and not catalogue.knows(snapshot.store, line):
                skus.add(line["sku"])
                keys.add(products.shop_key(snapshot.store, shop_id(line)))
    return without_stock.find(db, keys, skus) if skus else without_stock.Known()


def _first_made(db: Db, snapshots: list[OrderUpdate], catalogue: Catalogue) -> FirstMade:
    """What is to be known of orders seen for the first time whose date is from before, but who may be made since."""
    dated_back = {
        snapshot.key: (snapshot.store, whole_second(snapshot.live_since))
        for snapshot in snapshots
        if snapshot.live_since
        and not snapshot.opening
        and snapshot.stock_taken_at is None
        and is_from_before(_stock_reduction(snapshot), snapshot.live_since)
    }
    first_made = first_made_since(db, dated_back.values()) if dated_back else {}
    moments = {
        (snapshot.store, moment)
        for snapshot in snapshots
        if not _is_from_before(snapshot, _stock_reduction(snapshot), first_made)
        for line in snapshot.fields.get("line_items", ())
        if (product := catalogue.peek(snapshot.store, line))
        and (moment := product.undecided_since(snapshot.store, _stock_reduction(snapshot)))
    }
    return {**first_made, **first_made_since(db, moments)} if moments else first_made


def _stock_reduction(snapshot: OrderUpdate, created_at: datetime | None = None) -> StockReduction:
    """What is known of when the shop took its units; `created_at` where an earlier version said it."""
    created_at = snapshot.fields.get("created_at", created_at or snapshot.received_at)
    return StockReduction(snapshot.order_id, created_at, snapshot.stock_taken_at, snapshot.likely_taken_at)


def _is_from_before(snapshot: OrderUpdate, reduction: StockReduction, first_made: FirstMade) -> bool:
    """Whether an order was made before the POS counted anything of its store."""
    live_since = snapshot.live_since
    if snapshot.opening or live_since is None:
        return snapshot.opening
    first = first_made.get((snapshot.store, whole_second(live_since)))
    return is_from_before(reduction, live_since, first_made=first)


def _first_seen(stored: Document | None) -> bool:
    """Whether the lines of an order are seen for the first time."""
    return not (stored and stored["line_items"])


def _write(db: Db, changes: list[tuple[Document | None, Document]]) -> set[str]:
    """Save these orders, each as it was and as it is to be; returns the keys of those that someone else saved first.

    A new one collides on its `_id`. For a stored one the filter names the rev the change was made from: where that has
    changed it does not match, the upsert tries to insert, and collides too. So the bulk write tells per order who lost.
    """
    if not changes:
        return set()
    try:
        db.woocommerceorders.bulk_write([_save_operation(*change) for change in changes], ordered=False)
    except BulkWriteError as error:
        return {changes[index][1]["_id"] for index in only_collisions(error)}
    return set()


def _save_operation(before: Document | None, after: Document) -> InsertOne[Document] | UpdateOne:
    if before is None:
        return InsertOne({**after, "changed_at": _SERVER_TIME})
    changed = {name: value for name, value in after.items() if name not in before or before[name] != value}
    removed = {name: "" for name in before if name not in after}
    update: Document = {"$set": changed, "$currentDate": {"changed_at": {"$type": "timestamp"}}}
    if removed:
        update["$unset"] = removed
    return UpdateOne({"_id": after["_id"], "rev": before["rev"]}, update, upsert=True)


_NOT_COMPARED = ("rev", "closed_at", "received_at", "status_history", "former_customers", "deleted_version")


def compare(db: Db, snapshots: list[OrderUpdate]) -> list[tuple[Document | None, list[str]]]:
    """What each snapshot, taken as the truth, would change: the stored order, None where there is none, and the names
    of the fields that differ. Writes nothing."""
    stored = {order["_id"]: order for order in db.woocommerceorders.find({"_id": {"$in": [s.key for s in snapshots]}})}
    catalogue = _catalogue_for(db, snapshots, stored)
    compared = []
    for snapshot in snapshots:
        before = stored.get(snapshot.key)
        newest = _with_erasure(replace(snapshot, replaces=before["rev"] if before else 0), before)
        after = _change(newest, before, catalogue).after
        differing = sorted(name for name in {*after, *(before or {})} if (before or {}).get(name) != after.get(name))
        compared.append((before, [name for name in differing if name not in _NOT_COMPARED]))
    return compared


# --- merging ----------------------------------------------------------------------------------------------------


def _change(snapshot: OrderUpdate, before: Document | None, catalogue: Catalogue) -> _Change:
    if before is not None and is_older(snapshot, before):
        if snapshot.anonymized and "erased_at" not in before:  # whatever it was that came before, this ends it
            assert snapshot.erased is not None
            after = _erased(before, snapshot.erased)
            _note_former_customer(after, before)
            return _Change(snapshot, before, after, "updated")
        return _Change(snapshot, before, before, "stale")
    after = merge(before, snapshot, catalogue)
    outcome: Outcome = "updated"
    if before is None:
        return _Change(snapshot, None, _received(after, snapshot), "created")
    if all(name in before and before[name] == value for name, value in after.items()) and before.keys() <= after.keys():
        if snapshot.modified_at or snapshot.topic == "order.deleted":
            return _Change(snapshot, before, before, "unchanged")
        outcome = "unchanged"  # but its arrival is the newest there was
    if snapshot.replaces not in (None, before["rev"]):
        return _Change(snapshot, before, before, "stale")
    after["rev"] = before["rev"] + 1
    return _Change(snapshot, before, _received(after, snapshot), outcome)


def _received(order: Document, snapshot: OrderUpdate) -> Document:
    """The order with the time its content arrived; that it was deleted says nothing about the content."""
    return order if snapshot.topic == "order.deleted" else {**order, "received_at": snapshot.received_at}


def status_of(text: str) -> str:
    """A status as it is kept: WooCommerce's slug, which is in small letters and in its database begins with `wc-`."""
    return text.strip().lower().removeprefix("wc-")


def is_older(snapshot: OrderUpdate, stored: Document) -> bool:
    """Whether a snapshot is older than what is stored.

    Where both have a sequence it decides: the plugin raises it with every change, also where the shop's clock
    stood still or went back. But what was changed more than a day after the stored version is newer in any case, so
    that one false sequence does not outrank all that follows. Else `modified_at` does; of two equal ones the plugin's
    is the newer. Without one, and where all is equal, events count in order of arrival, also when a crash or another
    worker turned that order round.
    What `replaces` the stored order was read after it.
    """
    if snapshot.replaces is not None:
        return False
    sequence, known_sequence = snapshot.sequence, stored.get("sequence", 0)
    modified_at, known = snapshot.modified_at, stored.get("modified_at")
    if sequence and known_sequence and sequence != known_sequence:
        much_later = bool(modified_at and known and modified_at - known > _SEQUENCE_RULES)
        return bool(sequence < known_sequence) and not much_later
    if modified_at and known and modified_at != known:
        return bool(modified_at < known)
    if modified_at and known and bool(sequence) != bool(known_sequence):
        return not sequence
    return bool(snapshot.received_at < stored.get("received_at", snapshot.received_at))


def merge(before: Document | None, snapshot: OrderUpdate, catalogue: Catalogue) -> Document:
    """The order as it is after `snapshot`: its fields over the stored ones, and all that follows from them."""
    order = dict(before) if before else _new_order(snapshot)
    fields = snapshot.fields
    order.update(fields)
    if snapshot.modified_at:
        order["modified_at"] = snapshot.modified_at
    if snapshot.sequence:
        order["sequence"] = snapshot.sequence
    elif snapshot.modified_at and snapshot.replaces is None:
        order.pop("sequence", None)  # it was an older version's
    _mark_deleted(order, snapshot)
    order.setdefault("status", "trash" if order.get("deleted_at") else "pending")
    if "parent_id" in fields:
        _link_parent(order)
    if "meta" in fields:
        _note_test_mode(order)
    if "refunds" in fields and before:
        order["refunds"] = _with_known_lines(fields["refunds"], before.get("refunds", []))
    if "line_items" in fields:
        _match_lines(order, before, snapshot, catalogue)
    elif before and order["status"] != before["status"]:
        order["line_items"] = holding.after_status(order, before["status"])
    if before:
        _follow_stock(order, before, catalogue)
    order["held"] = holding.held(order)
    _note_status(order, before, snapshot)
    _note_closing(order)
    order["warnings"] = [each.stored() for each in _warnings(order)] + _field_warnings(before, snapshot)
    if snapshot.erased:
        order = {**personal_data.without(order), "erased_at": snapshot.erased.until}
    if fields or before is None:
        _index(order, snapshot.erased)
        _note_former_customer(order, before)
    return order


# --- erasing ----------------------------------------------------------------------------------------------------


def erase(db: Db, wanted: Document, erasure: Erasure) -> int:
    """Erase the personal data of the orders that match, and return of how many. Their stock and figures stay as they
    are; the customer's record is for the caller to erase.

    Run again, it does the rest. An index of `wanted` should find them.
    """
    query = {**wanted, "erased_at": None}
    erased = 0
    for _ in range(_MOST_BATCHES):
        found = list(db.woocommerceorders.find(query).limit(_ERASED_AT_ONCE))
        if not found:
            return erased
        erased += len(found) - len(_write(db, [(order, _erased(order, erasure)) for order in found]))
    raise RuntimeError("orders kept changing while they were being erased")


def _erased(before: Document, erasure: Erasure) -> Document:
    """The stored order without personal data."""
    after = {**personal_data.without(before), "erased_at": erasure.until, "rev": before["rev"] + 1}
    _index(after, erasure)
    return after


def _with_erasure(snapshot: OrderUpdate, before: Document | None, db: Db | None = None) -> OrderUpdate:
    """The snapshot with the erasure that it is subject to. An order once erased stays so, whatever comes. Without a
    database, as to compare, a customer who has no pseudonym yet gets none."""
    if before is not None and "erased_at" in before:
        return replace(snapshot, erased=Erasure(before["erased_at"], before["customer"]))
    made_at = snapshot.fields.get("created_at") or (before or {}).get("created_at") or snapshot.received_at
    asked = next((each for each in snapshot.erasures if each.orders and made_at <= each.until), None)
    if asked or not snapshot.anonymized:
        return replace(snapshot, erased=asked)
    customer = customers.unknown_person(snapshot.key) if before is None else before["customer"]
    if customer and db is not None and not customers.is_pseudonym(customer):
        customer = customers.pseudonym(db, customer)
    return replace(snapshot, erased=Erasure(snapshot.modified_at or snapshot.received_at, customer))


def _note_former_customer(order: Document, before: Document | None) -> None:
    """Remember until the order is settled whose it was: a crash must not leave a customer who has no order."""
    former = before.get("customer") if before else None
    if before and former and former != order["customer"]:
        order["former_customers"] = sorted({*before.get("former_customers", ()), former} - {order["customer"]})


def _leave_customers(db: Db, orders: list[Document]) -> None:
    """Remove the customers whose only order these were."""
    for order in orders:
        former = order["former_customers"]
        customers.remove_unused(db, former)
        unchanged = {"_id": order["_id"], "former_customers": former}
        db.woocommerceorders.update_one(unchanged, {"$unset": {"former_customers": ""}})


def _new_order(snapshot: OrderUpdate) -> Document:
    return {
        "_id": snapshot.key,
        "store": snapshot.store,
        "order_id": snapshot.order_id,
        "rev": 1,
        "created_at": snapshot.received_at,
        "day": snapshot.received_at.date().isoformat(),
        "unmatched": [],
        "opening": [],
        "line_items": [],
        "status_history": [],
    }


def _mark_deleted(order: Document, snapshot: OrderUpdate) -> None:
    """`order.deleted` marks; `order.restored`, or what was changed after the deletion and is not in the trash, takes
    the mark off. WooCommerce's own `order.deleted` has no time but that of its arrival."""
    if snapshot.topic == "order.deleted":
        if "deleted_at" not in order and not _deleted_before(order, snapshot):
            order["deleted_at"] = snapshot.modified_at or snapshot.received_at
            order["deleted_version"] = order.get("modified_at")
    elif deleted_at := order.get("deleted_at"):
        changed_since = snapshot.modified_at is not None and snapshot.modified_at > deleted_at
        in_trash = snapshot.fields.get("status") == "trash"
        if (changed_since and not in_trash) or _is_restored(order, snapshot):
            del order["deleted_at"]
            order.pop("deleted_version", None)


def _deleted_before(order: Document, snapshot: OrderUpdate) -> bool:
    """Whether this very event has marked the order already, and it was restored since: a copy of it, sent again after
    the inbox has dropped the first one."""
    if snapshot.sequence or snapshot.replaces is not None:
        return False
    return any(each["deleted"] and each["cause"] == snapshot.cause for each in order["status_history"])


def _is_restored(order: Document, snapshot: OrderUpdate) -> bool:
    """Whether an event says that the order came back from the trash. WooCommerce's own signature leaves out the topic,
    so a copy of an older delivery could be sent as `order.restored`; but a restore changes the order. The plugin's
    sequence can't be copied so."""
    if snapshot.topic != "order.restored":
        return False
    version = order.get("deleted_version")
    cant_be_a_copy = snapshot.sequence or snapshot.replaces is not None
    return bool(cant_be_a_copy or not (snapshot.modified_at and version) or snapshot.modified_at > version)


def _link_parent(order: Document) -> None:
    """Note the order of which it is a sub-order, as marketplace plugins make one for each vendor."""
    if order["parent_id"] in (0, order["order_id"]):
        order.pop("parent", None)
    else:
        order["parent"] = f"{order['store']}:{order['parent_id']}"


def _note_test_mode(order: Document) -> None:
    """Note that it was paid in a payment provider's test mode (WooPayments says so in `_wcpay_mode`)."""
    order.pop("test_mode", None)
    if first_meta(order["meta"], "_wcpay_mode") == "test":
        order["test_mode"] = True


def _with_known_lines(refunds: list[Refund], known: list[Refund]) -> list[Refund]:
    """WooCommerce's own webhooks report refunds without lines: one whose lines were reported before keeps them, as far
    as all have at most LIST_LIMIT together."""
    by_id = {refund.get("id"): refund for refund in known if "line_items" in refund}
    left = LIST_LIMIT - sum(len(refund.get("line_items", ())) for refund in refunds)
    merged: list[Refund] = []
    for refund in refunds:
        before = by_id.get(refund.get("id")) if "line_items" not in refund else None
        lines = len(before.get("line_items", ())) if before else 0
        if before and lines <= left:
            left -= lines
            merged.append({**before, **refund})
        else:
            merged.append(refund)
    return merged


_NOTED_SKUS = ("opening", "unmatched", "without_stock", "unmanaged")
"""What `_match_lines` notes on an order, as sets while it does: an order can have thousands of lines."""


def _match_lines(order: Document, before: Document | None, snapshot: OrderUpdate, catalogue: Catalogue) -> None:
    """Find each line's product. A line once matched keeps it: a product that is gone from the shop, or renamed, has
    another SKU on the line, or none. What is unmatched once stays so for this order."""
    known = _identified(before["line_items"]) if before else {}
    ids = _identified(order["line_items"]) if known else {}
    first_seen = _first_seen(before)
    reduction = _stock_reduction(snapshot, order["created_at"])
    from_before = first_seen and _is_from_before(snapshot, reduction, catalogue.first_made)
    noted: dict[str, set[str]] = {name: set(order.get(name, ())) for name in _NOTED_SKUS}
    order |= noted
    lines = []
    for told in order["line_items"]:
        old = known.get(told["id"], {}) if told.get("id") in ids else {}
        if shop_id(told) not in (0, shop_id(old)) and not _lost_variation(told, old):
            old = {}
        line = {**told, "sku": told["sku"] or old.get("sku", "")}
        if "product" in old:
            line["product"] = old["product"]
        if line["sku"] and not _is_kept(line, old):
            product = _find_product(order, line, catalogue)
            if (
                product
                and first_seen
                and (from_before or product.contains(order["store"], reduction, catalogue.first_made))
            ):
                order["opening"].add(product.id)
        _note_management(order, line, catalogue)
        lines.append(line)
    order["line_items"] = lines
    for name, skus in noted.items():
        if len(skus) > LIST_LIMIT:  # of many versions with ever other lines: only what its lines are now counts
            skus &= {sku for line in lines for sku in (line["sku"], line.get("product"))}
        if skus or name in ("opening", "unmatched"):
            order[name] = sorted(skus)
        else:
            del order[name]


def _note_management(order: Document, line: Document, catalogue: Catalogue) -> None:
    """Where the shop does not manage a product's stock for now, it takes none for the order then nor later: it looks at
    an order's lines once."""
    product = catalogue.get(line["product"]) if "product" in line else None
    if product and line.get("full") and "reduced_stock" not in line and product.is_unmanaged(order["store"], line):
        order["unmanaged"].add(product.id)


def _follow_stock(order: Document, before: Document, catalogue: Catalogue) -> None:
    """Match the lines of variations whose stock became their parent's, or their own again, with the product that has it
    now: that is where the shop gives back what it took from the other one."""
    moved = {
        number: product
        for number, line in enumerate(order["line_items"])
        if "product" in line and line.get("variation_id") and (product := catalogue.moved_to(order["store"], line))
    }
    if not moved:
        return
    taken = dict(zip((line.get("id", 0) for line in before["line_items"]), holding.taken(before), strict=True))
    carried = {each["sku"]: each["quantity"] for each in order.get("carried", ())}
    opening = set(order["opening"])
    lines = list(order["line_items"])
    for number, product in moved.items():
        line = lines[number]
        units = taken.get(line.get("id", 0), 0)
        carried[product.id] = whole(carried.get(product.id, 0) + units)
        carried[line["product"]] = whole(carried.get(line["product"], 0) - units)
        if line["product"] in opening:
            opening.add(product.id)
        lines[number] = {**line, "product": product.id}
    order["line_items"] = lines
    order["opening"] = sorted(opening)
    order["carried"] = [{"sku": sku, "quantity": units} for sku, units in sorted(carried.items()) if units]


def _find_product(order: Document, line: Document, catalogue: Catalogue) -> Product | None:
    """Match a line, or note on the order why it has no product."""
    sku, store = line["sku"], order["store"]
    if sku in order["without_stock"]:
        return None
    product = None
    if sku not in order["unmatched"]:
        product = catalogue.find(store, sku, line.get("product_id", 0), line.get("variation_id", 0))
    if product:
        line["product"] = product.id
    elif "product" not in line:
        if catalogue.is_without_stock(store, line):
            order["unmatched"].discard(sku)
            order["without_stock"].add(sku)
        else:
            order["unmatched"].add(sku)
    return product


def _lost_variation(line: Document, old: Document) -> bool:
    """Whether the shop has deleted a line's variation: WooCommerce goes on with its parent's id, and SKU, alone."""
    was_variation = old.get("variation_id") and not line.get("variation_id")
    return bool(was_variation) and line.get("product_id") == old.get("product_id")


def _is_kept(line: Document, old: Document) -> bool:
    """Whether a line keeps the product it was matched with: where the shop's id says so, or no id and no other SKU."""
    return "product" in old and (shop_id(line) > 0 or line["sku"] == old["sku"])


def _identified(lines: list[Document]) -> dict[int, Document]:
    """Lines by their ids. One that comes twice, or none, tells nothing."""
    by_id: dict[int, Document] = {}
    twice = {0}
    for line in lines:
        if by_id.setdefault(line.get("id", 0), line) is not line:
            twice.add(line.get("id", 0))
    return {number: line for number, line in by_id.items() if number not in twice}


_MOST_WARNINGS = 200
"""So many of one code an order has: nobody reads more of them, and `unmatched` has all unknown SKUs."""


def _warnings(order: Document) -> list[EventWarning]:
    warnings = [warn("unknown_sku", sku=sku) for sku in order["unmatched"][:_MOST_WARNINGS]]
    if any("product" in line and "reduced_stock" not in line for line in order["line_items"]):
        unclear = (
            warn(
                "unclear_refund_line",
                refund=refund.get("id", ""),
                quantity=line["quantity"],
                line=line.get("sku") or shop_id(line) or "no name",
            )
            for refund, line, meant in holding.returns(order)
            if not meant
        )
        warnings += islice(unclear, _MOST_WARNINGS)
    return warnings


def _field_warnings(before: Document | None, snapshot: OrderUpdate) -> list[Document]:
    """What was odd about fields of this version, and of earlier ones about fields that this one does not have."""
    newer = {*snapshot.read, "envelope"}
    earlier = [
        each
        for each in (before or {}).get("warnings", ())
        if (name := str(each["values"].get("field", "")).partition(".")[0]) and name not in newer
    ]
    return earlier + [each.stored() for each in snapshot.warnings]


def _note_status(order: Document, before: Document | None, snapshot: OrderUpdate) -> None:
    was_deleted = bool(before and before.get("deleted_at"))
    deleted = bool(order.get("deleted_at"))
    if before and before["status"] == order["status"] and was_deleted == deleted:
        return
    entry = {
        "status": order["status"],
        "deleted": deleted,
        "at": snapshot.modified_at or snapshot.received_at,
        "cause": snapshot.cause,
    }
    order["status_history"] = [*order["status_history"], entry][-_HISTORY:]


_OPEN = frozenset({"pending", "on-hold", "processing"})


def closed_at(order: Document) -> datetime | None:
    """Since when a stored order is closed. None while it is open (in a status with something left to do, and not
    deleted), and where it was erased: nothing is left to erase. A plugin's own status counts as closed."""
    if "erased_at" in order or (order["status"] in _OPEN and "deleted_at" not in order):
        return None
    at: datetime = order["status_history"][-1]["at"]
    return at


def _note_closing(order: Document) -> None:
    order.pop("closed_at", None)
    if at := closed_at(order):
        order["closed_at"] = at


def _index(order: Document, erased: Erasure | None) -> None:
    """What the order is found by."""
    billing = order.get("billing", {})
    if erased:
        order["customer"] = erased.customer
    else:
        order["customer"] = customer_key(order["store"], billing.get("email", ""), order.get("customer_id", 0))
    lines = order["line_items"]
    order["skus"] = sorted({sku for line in lines for sku in (line["sku"], line.get("product")) if sku})
    order["search"] = search_words(
        str(order["order_id"]),
        order.get("number", ""),
        *(billing.get(name, "") for name in ("email", "phone", "last_name", "first_name", "company")),
    )


# --- stock and customers ----------------------------------------------------------------------------------------


def _holding(change: _Change) -> Holding:
    return holding_of(change.after, change.snapshot.cause, fresh=change.outcome == "created")


def holding_of(order: Document, cause: str, *, fresh: bool = False) -> Holding:
    """What the stored order holds, as the ledger is to be told."""
    held = {each["sku"]: each["quantity"] for each in order["held"]}
    carried = {each["sku"]: each["quantity"] for each in order.get("carried", ())}
    return Holding(order["_id"], held, frozenset(order["opening"]), cause, fresh, carried)


def buyer_of(order: Document) -> customers.Buyer:
    """What a stored order says about its customer."""
    return customers.Buyer(
        key=order["customer"],
        store=order["store"],
        shop_id=order.get("customer_id", 0),
        ordered_at=order["created_at"],
        as_of=order.get("modified_at") or order["created_at"],
        billing=order.get("billing", {}),
        shipping=order.get("shipping", {}),
    )


_BUYER_FIELDS = ("customer", "customer_id", "created_at", "billing", "shipping")


def _buyer_changed(change: _Change) -> bool:
    """Whether the customer's record may not show this order yet. After a crash it may be anything, so yes."""
    if not change.after.get("customer") or customers.is_pseudonym(change.after["customer"]):
        return False
    before = change.before
    if before is None or change.snapshot.again:
        return True
    return any(before.get(name) != change.after.get(name) for name in _BUYER_FIELDS)


_TO_SETTLE = {"rev": 1, "customer": 1, "held": 1, "opening": 1, "carried": 1, "status_history": {"$slice": -1}}


def _settle_overtaken(db: Db, saved: list[Document]) -> set[str]:
    """Settle again, as they are stored, the orders that were saved anew since they were `saved`; returns the `_id`s of
    parents among them, or of them, for whose sub-orders the shop has taken stock.

    Who saved the newer version may have settled it before the older one was settled here, and removed the older one's
    customer before that was recorded here; nobody else would notice. Raises AutoReconnect when a save is gone: the
    database lost it in a crash and came back without it.
    """
    parents: set[str] = set()
    for _ in range(_ROUNDS):
        keys = [order["_id"] for order in saved]
        these_or_suborders = {"$or": [{"_id": {"$in": keys}}, {"parent": {"$in": keys}}]}
        stored = db.woocommerceorders.find(these_or_suborders, {"rev": 1, "parent": 1, "held": 1}) if saved else ()
        found = {order["_id"]: order for order in stored}
        if any(order["_id"] not in found or found[order["_id"]]["rev"] < order["rev"] for order in saved):
            raise AutoReconnect("the database has lost what was just saved")
        parents |= {order["parent"] for order in found.values() if "parent" in order and _holds_any(order)}
        overtaken = {order["_id"]: order for order in saved if found[order["_id"]]["rev"] > order["rev"]}
        if not overtaken:
            return parents
        saved = list(db.woocommerceorders.find({"_id": {"$in": list(overtaken)}}, _TO_SETTLE))
        stock.settle(db, [holding_of(order, order["status_history"][-1]["cause"]) for order in saved], {})
        customers.remove_unused(db, sorted(_former_customers(overtaken, saved)))
    raise RuntimeError("orders kept changing while they were being settled")


def _former_customers(before: Mapping[str, Document], now: list[Document]) -> set[str]:
    """The customers of these orders who are not theirs any more."""
    former = {before[order["_id"]].get("customer") for order in now} - {order.get("customer") for order in now}
    return {customer for customer in former if customer and not customers.is_pseudonym(customer)}


def _holds_any(order: Document) -> bool:
    return any(each["quantity"] for each in order["held"])


def _leave_to_suborders(db: Db, parent: str) -> None:
    """Let an order hold only what the shop says it has taken for it, as it has taken stock for its sub-orders, which
    have the same lines. Run again, it finishes what a crash left; an order not known here is none yet."""
    for _ in range(_ROUNDS):
        order = db.woocommerceorders.find_one({"_id": parent})
        if order is None:
            return
        after = order
        if not order.get("suborders_hold"):
            after = {**order, "suborders_hold": True, "rev": order["rev"] + 1}
            after["held"] = holding.held(after)
            if _write(db, [(order, after)]):
                continue
        stock.settle(db, [holding_of(after, after["status_history"][-1]["cause"])], {})
        _settle_overtaken(db, [after])
        return
    raise RuntimeError(f"order {parent} kept changing while its sub-orders were looked at")
