"""Figures: what sold, per currency and shop-local day of the order.

Names and meanings are those of WooCommerce Analytics' revenue report (`Admin\\API\\Reports\\Orders\\Stats\\DataStore`),
but what several refunds pay back of an order is never counted twice, and a refund belongs to the day of its order.

An order event writes nothing here. `daily_stats` holds a document per store and day (`_id` `store:day`), which a look
at the figures brings up to date first: the orders changed since the last look (by the server's `changed_at`) tell the
days, and those are computed anew from their orders. A day is one document, so it is replaced at once, and
`computed_at`, the server's time before its orders were read, keeps a slower process from putting an older day over a
newer one. A day stays marked (`stale_at`) until its last change is `_OVERLAP` old, as a change can become visible
after a later one.

`daily_products` holds the products of the same days, and their sums per month (`_id` `store:month`), so that two years
cost as little in a busy shop as in a quiet one.

`first_orders` (`_id` `store:customer`) holds each customer's first counted order in a store. When that changes, the
days of both, the one it was and the one it is, are computed anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from typing import Any

from bson import Decimal128, Timestamp
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from .db import DUPLICATE_KEY, Db, Document
from .errors import Invalid
from .values import Quantity, decimal, now, whole

NOT_COUNTED = ("pending", "failed", "cancelled", "trash")
"""WooCommerce's `woocommerce_excluded_report_order_statuses`; drafts are never stored here."""
AMOUNTS = ("gross_sales", "coupons", "refunds", "net_revenue", "taxes", "shipping")
MOST_DAYS = 7_320
"""Twenty years: what a range may span, and how far from today a day may lie to be shown unasked."""
TOP_PRODUCTS = 20

_OVERLAP = timedelta(seconds=10)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = 1_000
_NOTHING = Decimal("0.00")
_COUNTED: Document = {"deleted_at": None, "status": {"$nin": list(NOT_COUNTED)}}


# --- one order ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _PaidBack:
    """What the refunds of an order take back."""

    amount: Decimal = _NOTHING
    tax: Decimal = _NOTHING
    shipping: Decimal = _NOTHING
    items: Quantity = 0
    by_rate: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    by_product: list[tuple[Document, Quantity, Decimal]] = field(default_factory=list)


def _paid_back(order: Document) -> _PaidBack:
    """What refunds take back: what their lines say, an amount without lines of the net only. One that pays back all
    the rest takes back the rest of items, tax and shipping, whatever its lines say (`_refund_type` full)."""
    back = _PaidBack()
    refunds = order.get("refunds", ())
    for refund in refunds:
        back.amount += decimal(refund["amount"])
        back.tax += decimal(refund.get("shipping_tax")) + decimal(refund.get("fee_tax"))
        back.shipping += decimal(refund.get("shipping_total"))
        for line in refund.get("line_items", ()):
            back.tax += decimal(line.get("total_tax"))
            back.items += line["quantity"]
            back.by_product.append((line, line["quantity"], decimal(line.get("total"))))
        for tax in refund.get("taxes", ()):
            back.by_rate[tax["rate_id"]] += decimal(tax["total"])
    if order["status"] == "refunded" and "refunds" not in order:
        back.amount = decimal(order.get("total"))
        _take_back_all(order, back, last={})
    elif refunds and back.amount >= decimal(order.get("total")) > 0:
        last = max(refunds, key=lambda refund: refund.get("id", 0))
        if not (last.get("line_items") and _free_items_remain(order, back)):
            _take_back_all(order, back, last)
    return back


def _free_items_remain(order: Document, back: _PaidBack) -> bool:
    """WooCommerce takes a refund by lines for a partial one while an order with a free line still has items."""
    lines = order["line_items"]
    return (
        any(not decimal(line.get("total")) for line in lines) and sum(line["quantity"] for line in lines) > back.items
    )


def _take_back_all(order: Document, back: _PaidBack, last: Document) -> None:
    back.tax, back.shipping = decimal(order.get("total_tax")), decimal(order.get("shipping_total"))
    back.items = sum(line["quantity"] for line in order["line_items"])
    back.by_rate = {tax.get("rate_id", 0): _tax(tax) for tax in order.get("tax_lines", ())}
    if not last.get("line_items"):
        back.by_product = [(line, line["quantity"], decimal(line.get("total"))) for line in order["line_items"]]


def _tax(line: Document) -> Decimal:
    return decimal(line.get("tax_total")) + decimal(line.get("shipping_tax_total"))


def _coupons(order: Document) -> Decimal:
    if "coupon_lines" in order:
        return sum((decimal(line.get("discount")) for line in order["coupon_lines"]), _NOTHING)
    return decimal(order.get("discount_total"))


# --- one day --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sums:
    """The sums of one store's day in one currency."""

    orders_count: int = 0
    num_items_sold: Quantity = 0
    amounts: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(AMOUNTS, _NOTHING))
    by_status: dict[str, list[Any]] = field(default_factory=dict)
    by_payment_method: dict[str, list[Any]] = field(default_factory=dict)
    tax_by_rate: dict[tuple[int, str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    products: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    new_customers: int = 0
    returning: set[str] = field(default_factory=set)

    def add(self, order: Document, is_first: bool) -> None:
        """Add one order; one that does not count adds to `by_status` only."""
        total = decimal(order.get("total"))
        status = self.by_status.setdefault(order["status"], [0, _NOTHING])
        status[0] += 1
        status[1] += total
        if order["status"] in NOT_COUNTED:
            return
        tax, shipping = decimal(order.get("total_tax")), decimal(order.get("shipping_total"))
        back = _paid_back(order)
        coupons = _coupons(order)
        self.orders_count += 1
        items = sum(line["quantity"] for line in order["line_items"])
        self.num_items_sold = whole(self.num_items_sold + items - back.items)
        for name, amount in zip(
            AMOUNTS,
            (
                total - tax - shipping + coupons,
                coupons,
                back.amount,
                (total - tax - shipping) - (back.amount - back.tax - back.shipping),
                tax - back.tax,
                shipping - back.shipping,
            ),
            strict=True,
        ):
            self.amounts[name] += amount
        method = self.by_payment_method.setdefault(order.get("payment_method", ""), ["", 0, _NOTHING])
        method[0] = max(method[0], order.get("payment_method_title", ""))
        method[1] += 1
        method[2] += total - back.amount
        self._add_taxes(order, back)
        self._add_products(order, back)
        if is_first:
            self.new_customers += 1
        elif order.get("customer"):
            self.returning.add(order["customer"])

    def _add_taxes(self, order: Document, back: _PaidBack) -> None:
        left = dict(back.by_rate)
        rates = {tax.get("rate_id", 0) for tax in order.get("tax_lines", ())}
        if len(rates) == 1:  # then it is of that rate, whether a refund says so or not
            left = {rates.pop(): back.tax}
        for tax in order.get("tax_lines", ()):
            rate = tax.get("rate_id", 0)
            key = (rate, tax.get("label", ""), tax.get("rate_percent", "0"))
            self.tax_by_rate[key] += _tax(tax) - left.pop(rate, _NOTHING)
        for rate, amount in left.items():
            self.tax_by_rate[rate, "", "0"] -= amount

    def _add_products(self, order: Document, back: _PaidBack) -> None:
        lines = order["line_items"]
        by_id = {line["id"]: line for line in lines if line.get("id")}
        for line in lines:
            self._add_product(line, line["quantity"], decimal(line.get("total")))
        for line, quantity, total in back.by_product:
            self._add_product(by_id.get(line.get("line_item_id"), line), -quantity, -total)

    def _add_product(self, line: Document, quantity: Quantity, total: Decimal) -> None:
        sku = line.get("product") or line.get("sku", "")
        name = line.get("name", "")
        product = self.products.setdefault((sku, "" if sku else name), ["", 0, _NOTHING])
        product[0] = max(product[0], name)
        product[1] = whole(product[1] + quantity)
        product[2] += total

    def document(self, currency: str) -> Document:
        """As it is stored."""
        return {
            "currency": currency,
            "orders_count": self.orders_count,
            "num_items_sold": self.num_items_sold,
            **{name: Decimal128(amount) for name, amount in self.amounts.items()},
            "new_customers": self.new_customers,
            "returning_customers": len(self.returning),
            "by_status": [
                {"status": status, "orders_count": count, "total": Decimal128(total)}
                for status, (count, total) in self.by_status.items()
            ],
            "by_payment_method": [
                {"method": method, "title": title, "orders_count": count, "total_sales": Decimal128(total)}
                for method, (title, count, total) in self.by_payment_method.items()
            ],
            "tax_by_rate": [
                {"rate_id": rate, "label": label, "rate_percent": percent, "total_tax": Decimal128(total)}
                for (rate, label, percent), total in self.tax_by_rate.items()
            ],
        }

    def products_document(self, currency: str) -> Document:
        """Its products, which are kept apart: most looks at a day need not read them."""
        return {
            "currency": currency,
            "products": [
                {"sku": sku, "name": name, "items_sold": quantity, "net_revenue": Decimal128(total)}
                for (sku, _), (name, quantity, total) in self.products.items()
            ],
        }


_OF_ORDER = dict.fromkeys(
    (
        *("status", "currency", "day", "customer", "total", "total_tax", "shipping_total", "discount_total"),
        *("payment_method", "payment_method_title", "refunds", "tax_lines", "coupon_lines.discount"),
        *(f"line_items.{name}" for name in ("id", "product", "sku", "name", "quantity", "total")),
    ),
    1,
)


def _compute(db: Db, store: str, day: str) -> dict[str, _Sums]:
    """The day's sums by currency, from its orders."""
    query = {"days": day, "day": day, "store": store, "deleted_at": None}
    orders = list(db.woocommerceorders.find(query, _OF_ORDER).hint([("days", 1), ("store", 1)]))
    ids = [order["_id"] for order in orders]
    firsts = {each["order"] for each in db.first_orders.find({"order": {"$in": ids}}, {"order": 1})}
    sums: dict[str, _Sums] = defaultdict(_Sums)
    for order in orders:
        sums[order.get("currency", "")].add(order, order["_id"] in firsts)
    return sums


# --- keeping up -----------------------------------------------------------------------------------------------------


def refresh(db: Db, most: int | None = None) -> bool:
    """Bring the days up to date with every order saved before this call; returns whether days are left to do, which
    only happens with `most`, the number of days to compute at most.

    Safe in several processes at once, and after a crash anywhere.
    """
    _note_changes(db)
    stale = db.daily_stats.find({"stale_at": {"$exists": True}}, {"store": 1, "day": 1})
    days = list(stale.limit(most + 1) if most is not None else stale)
    for each in days[:most]:
        _bring_up_to_date(db, each)
    return most is not None and len(days) > most


def _bring_up_to_date(db: Db, stale: Document) -> None:
    at = _server_time(db)
    sums = sorted(_compute(db, stale["store"], stale["day"]).items())
    older = {"_id": stale["_id"], "computed_at": {"$lte": at}}
    products = [each.products_document(currency) for currency, each in sums]
    db.daily_products.update_one(older, {"$set": {"currencies": products, "computed_at": at}})
    currencies = [each.document(currency) for currency, each in sums]
    db.daily_stats.bulk_write(
        [
            UpdateOne(older, {"$set": {"currencies": currencies, "computed_at": at}}),
            UpdateOne({"_id": stale["_id"], "stale_at": {"$lt": at - _OVERLAP}}, {"$unset": {"stale_at": ""}}),
        ]
    )


def _server_time(db: Db) -> datetime:
    moment: datetime = db.command("hello")["localTime"]
    return moment.replace(tzinfo=UTC)


_OF_CHANGE = dict.fromkeys(
    ("store", "day", "days", "customer", "created_at", "order_id", "status", "deleted_at", "changed_at"), 1
)


def _note_changes(db: Db) -> None:
    """Mark the days of the orders changed since the last look. How far it got is noted after the marks are set, in
    `_id` `seen`, so that a crash only makes it look again."""
    at = _server_time(db)
    seen = db.daily_stats.find_one({"_id": "seen"})
    since = {"changed_at": {"$gte": seen["until"]}} if seen else {"changed_at": {"$exists": True}}
    changed = db.woocommerceorders.find(since, _OF_CHANGE).sort("changed_at", 1)
    anything = False
    for orders in _in_batches(changed):
        marks: dict[tuple[str, str], datetime] = {}
        for order in orders:
            for day in {order["day"], *order["days"]}:
                marks[order["store"], day] = order["changed_at"].as_datetime()
        firsts = _changed_firsts(db, orders, at, marks)
        db.daily_products.bulk_write([_place_for_products(*day) for day in marks], ordered=False)
        db.daily_stats.bulk_write([_mark(*day, stamp) for day, stamp in marks.items()], ordered=False)
        _save_firsts(db, firsts)
        _note_seen(db, min(orders[-1]["changed_at"], Timestamp(at - _OVERLAP, 0)))
        anything = True
    if anything:
        _note_seen(db, Timestamp(at - _OVERLAP, 0))


def _note_seen(db: Db, until: Timestamp) -> None:
    db.daily_stats.update_one({"_id": "seen"}, {"$max": {"until": until}}, upsert=True)


def _in_batches(orders: Iterable[Document]) -> Iterator[list[Document]]:
    iterator = iter(orders)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _mark(store: str, day: str, stamp: datetime) -> UpdateOne:
    new = {"store": store, "day": day, "computed_at": _LONG_AGO, "currencies": []}
    return UpdateOne({"_id": f"{store}:{day}"}, {"$max": {"stale_at": stamp}, "$setOnInsert": new}, upsert=True)


def _place_for_products(store: str, day: str) -> UpdateOne:
    new = {"computed_at": _LONG_AGO, "currencies": []}
    return UpdateOne({"_id": f"{store}:{day}"}, {"$setOnInsert": new}, upsert=True)


def _changed_firsts(
    db: Db, orders: list[Document], at: datetime, marks: dict[tuple[str, str], datetime]
) -> list[UpdateOne]:
    """What is to be written to `first_orders` after these changes; the days it concerns go into `marks`."""
    by_customer: dict[str, Document] = {}
    for order in orders:
        if order.get("customer") and _counts(order):
            name = f"{order['store']}:{order['customer']}"
            if name not in by_customer or _place(order) < _place(by_customer[name]):
                by_customer[name] = order
    ids = [order["_id"] for order in orders]
    known = {
        first["_id"]: first
        for first in db.first_orders.find({"$or": [{"_id": {"$in": list(by_customer)}}, {"order": {"$in": ids}}]})
    }
    was_first = set(ids)
    asked = {name for name, first in known.items() if first["order"] in was_first}
    for name, order in by_customer.items():
        first = known.get(name)
        if first is None or first["order"] is None or _place(order) < _place(first):
            asked.add(name)
    operations = []
    for name, now_first in _firsts(db, asked).items():
        first = known.get(name, {"order": None})
        if any(first.get(part) != now_first.get(part) for part in ("order", "created_at", "day")):
            store = name.partition(":")[0]
            marks |= {(store, each["day"]): at for each in (first, now_first) if each["order"]}
            operations.append(
                UpdateOne({"_id": name, "as_of": {"$lte": at}}, {"$set": {**now_first, "as_of": at}}, upsert=True)
            )
    return operations


def _counts(order: Document) -> bool:
    return order["status"] not in NOT_COUNTED and not order.get("deleted_at")


def _place(order: Document) -> tuple[datetime, int]:
    return order["created_at"], order["order_id"]


def _firsts(db: Db, names: set[str]) -> dict[str, Document]:
    """The first counted order of each `store:customer`, `order` None where there is none. It reads all orders of these
    customers, whose first one is new or has changed."""
    if not names:
        return {}
    first = {"created_at": "$created_at", "order_id": "$order_id", "order": "$_id", "day": "$day"}
    customers = sorted({name.partition(":")[2] for name in names})
    found = db.woocommerceorders.aggregate(
        [
            {"$match": {"customer": {"$in": customers}, **_COUNTED}},
            {"$group": {"_id": {"$concat": ["$store", ":", "$customer"]}, "first": {"$min": first}}},
        ],
        hint={"customer": 1, "created_at": -1, "_id": -1},
    )
    firsts: dict[str, Document] = {name: {"order": None} for name in names}
    firsts.update((each["_id"], each["first"]) for each in found if each["_id"] in names)
    return firsts


def _save_firsts(db: Db, operations: list[UpdateOne]) -> None:
    """A collision means that somebody with a later look was there before."""
    if not operations:
        return
    try:
        db.first_orders.bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        if any(each["code"] != DUPLICATE_KEY for each in error.details["writeErrors"]):
            raise


# --- looking --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Total:
    """The figures of a currency over many days."""

    days: dict[str, Document] = field(default_factory=dict)
    sums: Document = field(default_factory=dict)
    by_status: dict[str, Document] = field(default_factory=dict)
    by_payment_method: dict[str, Document] = field(default_factory=dict)
    tax_by_rate: dict[tuple[int, str, str], Document] = field(default_factory=dict)


def figures(
    db: Db,
    *,
    since: date | None = None,
    until: date | None = None,
    store: str | None = None,
    currency: str | None = None,
) -> Document:
    """The figures of the orders of these shop-local days, both included, as `{"from", "to", "currencies": […]}`.

    Without a range it is that of all orders, as far as they lie within ten years of today. Amounts are Decimal. Raises
    Invalid for a range that ends before it starts or is longer than `MOST_DAYS`.
    """
    refresh(db)
    first, last = _range(db, since, until, store)
    query: Document = {"day": {"$gte": first.isoformat(), "$lte": last.isoformat()}}
    if store is not None:
        query["store"] = store
    totals: dict[str, _Total] = defaultdict(_Total)
    days = list(db.daily_stats.find(query).sort([("day", 1), ("store", 1)]))
    for day in days:
        for each in day["currencies"]:
            if currency in (None, each["currency"]):
                _add_day(totals[each["currency"]], day["day"], each)
    parts = _parts(db, days, first, last) if totals else []
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "currencies": [_of_currency(db, parts, name, totals[name], _calendar(first, last)) for name in sorted(totals)],
    }


def _range(db: Db, since: date | None, until: date | None, store: str | None) -> tuple[date, date]:
    if since is None or until is None:
        half = timedelta(days=MOST_DAYS // 2)
        today = now().date()
        day = {"$gte": (today - half).isoformat(), "$lte": (today + half).isoformat()}
        query = {"day": day, "currencies": {"$ne": []}} | ({"store": store} if store is not None else {})
        ends = [db.daily_stats.find_one(query, {"day": 1}, sort=[("day", order)]) for order in (1, -1)]
        first, last = (date.fromisoformat(each["day"]) if each else today for each in ends)
        since, until = since or min(first, until or first), until or max(last, since or last)
    if until < since:
        raise Invalid("The range ends before it starts.", details={"to": ["is before from"]})
    if (until - since).days >= MOST_DAYS:
        raise Invalid("The range is too long.", details={"from": [f"is {MOST_DAYS} days or more before to"]})
    return since, until


def _calendar(first: date, last: date) -> list[str]:
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


_SUMS = ("orders_count", "num_items_sold", *AMOUNTS)
_CUSTOMERS = ("new_customers", "returning_customers")


def _number(value: Any) -> Any:
    return decimal(value) if isinstance(value, Decimal128) else value


def _add(sums: Document, more: Document, names: Iterable[str]) -> None:
    for name in names:
        sums[name] = sums.get(name, 0) + _number(more[name])


def _add_day(total: _Total, day: str, more: Document) -> None:
    _add(total.sums, more, (*_SUMS, *_CUSTOMERS))
    _add(total.days.setdefault(day, {}), more, _SUMS)
    for row in more["by_status"]:
        _add(total.by_status.setdefault(row["status"], {"status": row["status"]}), row, ("orders_count", "total"))
    for row in more["by_payment_method"]:
        known = total.by_payment_method.setdefault(row["method"], {"payment_method": row["method"], "title": ""})
        known["title"] = max(known["title"], row["title"])
        _add(known, row, ("orders_count", "total_sales"))
    for row in more["tax_by_rate"]:
        rate = (row["rate_id"], row["label"], row["rate_percent"])
        known = total.tax_by_rate.setdefault(rate, dict(zip(("rate_id", "label", "rate_percent"), rate, strict=True)))
        _add(known, row, ("total_tax",))


def _of_currency(db: Db, parts: list[str], currency: str, total: _Total, calendar: list[str]) -> Document:
    nothing = {"orders_count": 0, "num_items_sold": 0, **dict.fromkeys(AMOUNTS, _NOTHING)}
    return {
        "currency": currency,
        **_derived(total.sums),
        **{name: total.sums[name] for name in _CUSTOMERS},
        "by_status": sorted(total.by_status.values(), key=lambda row: row["status"]),
        "by_day": [{"day": day, **_derived(total.days.get(day, nothing))} for day in calendar],
        "top_products": _top_products(db, parts, currency),
        "tax_by_rate": [total.tax_by_rate[rate] for rate in sorted(total.tax_by_rate)],
        "by_payment_method": sorted(total.by_payment_method.values(), key=lambda row: row["payment_method"]),
    }


def _derived(sums: Document) -> Document:
    figures = {name: sums[name] for name in _SUMS}
    figures["num_items_sold"] = whole(figures["num_items_sold"])
    figures["total_sales"] = figures["net_revenue"] + figures["taxes"] + figures["shipping"]
    figures["avg_order_value"] = _average(figures["net_revenue"], figures["orders_count"])
    return figures


def _average(amount: Decimal, count: int) -> Decimal:
    """To the decimals the amount has, at least two."""
    exponent = amount.as_tuple().exponent
    unit = Decimal(1).scaleb(min(exponent if isinstance(exponent, int) else 0, -2))
    return (amount / count if count else _NOTHING).quantize(unit, ROUND_HALF_UP)


def _parts(db: Db, days: list[Document], first: date, last: date) -> list[str]:
    """The `_id`s in `daily_products` that make up these days: months where they are whole, days at the ends."""
    parts: list[str] = []
    months: dict[str, list[Document]] = defaultdict(list)
    for day in days:
        month = date.fromisoformat(day["day"]).replace(day=1)
        if first <= month and _next_month(month) - timedelta(days=1) <= last:
            months[f"{day['store']}:{day['day'][:7]}"].append(day)
        else:
            parts.append(day["_id"])
    versions = {month: [day["computed_at"] for day in its_days] for month, its_days in months.items()}
    known = db.daily_products.find({"_id": {"$in": list(months)}}, {"version": 1})
    current = {each["_id"] for each in known if each["version"] == versions[each["_id"]]}
    for name in sorted(months.keys() - current):
        _sum_month(db, name, [day["_id"] for day in months[name]], versions[name])
    return [*parts, *months]


def _next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _sum_month(db: Db, month: str, days: list[str], version: list[datetime]) -> None:
    """Keep the sums of a month's days. Its version is their `computed_at`, read before them: one day computed anew
    makes it another, so what a slower process writes over a newer month is not taken for it."""
    rows = db.daily_products.aggregate([*_product_sums(days), {"$sort": {"_id": 1}}])
    by_currency: dict[str, list[Document]] = defaultdict(list)
    for row in rows:
        key = row.pop("_id")
        by_currency[key["currency"]].append({"sku": key["sku"], **row})
    currencies = [{"currency": currency, "products": products} for currency, products in by_currency.items()]
    db.daily_products.replace_one({"_id": month}, {"version": version, "currencies": currencies}, upsert=True)


def _product_sums(parts: list[str], currency: str | None = None) -> list[Document]:
    """Stages that sum the products of these documents; those without a SKU by name."""
    one = [{"$match": {"currencies.currency": currency}}] if currency is not None else []
    key = {
        "currency": "$currencies.currency",
        "sku": "$currencies.products.sku",
        "name": {"$cond": [{"$eq": ["$currencies.products.sku", ""]}, "$currencies.products.name", ""]},
    }
    return [
        {"$match": {"_id": {"$in": parts}}},
        {"$unwind": "$currencies"},
        *one,
        {"$unwind": "$currencies.products"},
        {
            "$group": {
                "_id": key,
                "name": {"$max": "$currencies.products.name"},
                "items_sold": {"$sum": "$currencies.products.items_sold"},
                "net_revenue": {"$sum": "$currencies.products.net_revenue"},
            }
        },
    ]


def _top_products(db: Db, parts: list[str], currency: str) -> list[Document]:
    """The products of most units sold, under the SKU they have now."""
    best_first = {"$sort": {"items_sold": -1, "net_revenue": -1, "_id": 1}}
    rows = list(db.daily_products.aggregate([*_product_sums(parts, currency), best_first, {"$limit": TOP_PRODUCTS}]))
    skus = [row["_id"]["sku"] for row in rows]
    named = {each["_id"]: each["sku"] for each in db.products.find({"_id": {"$in": skus}}, {"sku": 1})}
    return [
        {
            "sku": named.get(row["_id"]["sku"], row["_id"]["sku"]),
            "name": row["name"],
            "items_sold": whole(row["items_sold"]),
            "net_revenue": decimal(row["net_revenue"]),
        }
        for row in rows
    ]


def spent(db: Db, customer: str) -> list[Document]:
    """What a customer has spent, by currency: `orders_count` of the counted orders, `total_spent` less refunds."""
    found = db.woocommerceorders.aggregate(
        [
            {"$match": {"customer": customer, **_COUNTED}},
            {
                "$group": {
                    "_id": {"$ifNull": ["$currency", ""]},
                    "orders_count": {"$sum": 1},
                    "total": {"$sum": "$total"},
                    "refunded": {"$sum": {"$sum": "$refunds.amount"}},
                }
            },
            {"$sort": {"_id": 1}},
        ]
    )
    return [
        {
            "currency": each["_id"],
            "orders_count": each["orders_count"],
            "total_spent": decimal(each["total"]) - decimal(each["refunded"]),
        }
        for each in found
    ]
