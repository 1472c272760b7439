"""What orders add up to, by the names and meanings of WooCommerce Analytics' revenue report
(`Admin\\API\\Reports\\Orders\\Stats\\DataStore`); but what several refunds pay back of an order is never counted twice,
and a refund belongs to the day of its order.

A rollup is rows: what they are `of` (a status, a product …), its `key` and `title`, a `count` and an `amount`. So what
some orders add up to is added to what others do by one rule, whatever it is about: in `Rollup` from orders, in `total`,
by the database, from rollups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pos_api.common.money import decimal, decimal128
from pos_api.common.quantity import Quantity, whole
from pos_api.database.client import Document

VERSION = 4
"""Of what is summed up. Raise it with every change here that gives other rows for the same orders: a measure more, or
another meaning of one. Stored rollups of an older version are then rebuilt in the background."""

IN_FIGURES: Document = {"deleted_at": None, "parent": None, "test_mode": None}
"""Orders that figures are about, as in WooCommerce Analytics: not deleted, no sub-orders, whose parent counts, and not
paid in a payment provider's test mode (`OrdersScheduler::is_test_order`)."""
COUNTED: Document = {**IN_FIGURES, "counts_as_sale": True}
"""Of these, what its sender says is a sale."""
AMOUNTS = ("gross_sales", "coupons", "refunds", "net_revenue", "taxes", "shipping", "tips")
"""Tips are apart: no other amount has them."""
NOTHING = Decimal("0.00")
HOURS = 24

STATUS, METHOD, RATE, PRODUCT, STORE = "status", "payment_method", "tax_rate", "product", "store"
NEW, RETURNING = "new_customers", "returning_customers"
"""How many; who returned is counted once for each day, so buckets have the customers themselves instead."""
HOUR = "hour"
"""Figures by hour of the store's clock: rows of the hour and the name of an amount (`HOUR_AMOUNTS`). The count of
`net_revenue` is orders_count, that of `total_sales` is num_items_sold."""
HOUR_AMOUNTS = ("net_revenue", "total_sales", "refunds", "tips")
FIGURE = "figure"
"""The figures of `AMOUNTS` as `amount`, `orders_count` and `num_items_sold` as `count`."""

OF_ORDER = dict.fromkeys(
    (
        *(
            "status",
            "counts_as_sale",
            "stage",
            "currency",
            "day",
            "hour",
            "created_at",
            "customer",
            "total",
            "total_tax",
            "shipping_total",
            "discount_total",
            "tip",
            "store",
        ),
        *("payment_method", "payment_method_title", "refunds", "coupon_lines.discount"),
        *(f"line_items.{name}" for name in ("id", "product", "sku", "name", "quantity", "total")),
        *(
            f"tax_lines.{name}"
            for name in ("rate_id", "rate_code", "label", "rate_percent", "tax_total", "shipping_tax_total")
        ),
    ),
    1,
)
"""The fields of an order that are read here."""


@dataclass(slots=True)
class _PaidBack:
    """What the refunds of an order take back."""

    amount: Decimal = NOTHING
    tax: Decimal = NOTHING
    shipping: Decimal = NOTHING
    items: Quantity = 0
    by_rate: dict[int | str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    by_product: list[tuple[Document, Quantity, Decimal]] = field(default_factory=list)


def _paid_back(order: Document) -> _PaidBack:
    """What refunds take back: what their lines say, an amount without lines of the net only; of an order that is paid
    back in full, all of it, whatever the lines say."""
    back = _PaidBack()
    refunds = order.get("refunds", ())
    for refund in refunds:
        back.amount += decimal(refund["amount"])
        back.shipping += decimal(refund.get("shipping_total"))
        for line in refund.get("line_items", ()):
            back.items += line["quantity"]
            back.by_product.append((line, line["quantity"], decimal(line.get("total"))))
        for tax in refund.get("taxes", ()):
            back.tax += decimal(tax["total"])
            back.by_rate[tax["rate_id"]] += decimal(tax["total"])
    if order["stage"] == "refunded" and "refunds" not in order:
        back.amount = decimal(order.get("total"))
        _take_back_all(order, back)
    elif completing_refund(order) is not None:
        _take_back_all(order, back)
    return back


def completing_refund(order: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The refund that paid back all that the earlier ones had left (WooCommerce's `_refund_type` full), None where
    there is none. One by lines did not where an order with a free line still had items then (`wc_create_refund`)."""
    total, lines = decimal(order.get("total")), order["line_items"]
    if total <= 0:
        return None
    has_free_line = any(not decimal(line.get("total")) for line in lines)
    amount, items = NOTHING, sum(line["quantity"] for line in lines)
    for refund in in_order(order.get("refunds", ())):
        returned = refund.get("line_items", ())
        amount += decimal(refund["amount"])
        items -= sum(line["quantity"] for line in returned)
        if amount >= total and not (returned and has_free_line and items > 0):
            return refund
    return None


def in_order(refunds: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Refunds in the order in which they were made."""
    return sorted(refunds, key=lambda refund: refund.get("id", 0))


def _take_back_all(order: Document, back: _PaidBack) -> None:
    back.tax, back.shipping = decimal(order.get("total_tax")), decimal(order.get("shipping_total"))
    back.items = sum(line["quantity"] for line in order["line_items"])
    back.by_rate.clear()
    for tax in order.get("tax_lines", ()):
        back.by_rate[_rate(tax)] += _tax(tax)
    back.by_product = [(line, line["quantity"], decimal(line.get("total"))) for line in order["line_items"]]


def _tax(line: Document) -> Decimal:
    return decimal(line.get("tax_total")) + decimal(line.get("shipping_tax_total"))


def _rate(tax_line: Document) -> int | str:
    """The rate of a tax line, as lines and refunds name it: its id; where a tax service has none, its code."""
    return tax_line.get("rate_id") or tax_line.get("rate_code") or 0


def coupons_of(order: Mapping[str, Any]) -> Decimal:
    """What coupons took off an order, without VAT."""
    if "coupon_lines" in order:
        return sum((decimal(line.get("discount")) for line in order["coupon_lines"]), NOTHING)
    return decimal(order.get("discount_total"))


_NONE = _PaidBack()


@dataclass(slots=True)
class Rollup:
    """What orders of one day in one currency add up to."""

    orders_count: int = 0
    num_items_sold: Quantity = 0
    amounts: list[Decimal] = field(default_factory=lambda: [NOTHING] * len(AMOUNTS))
    rows: dict[tuple[str, Any], list[Any]] = field(default_factory=dict)
    customers: dict[str, str] = field(default_factory=dict)
    """Who made each order, by its `_id`, so far as that is known."""

    def add(self, order: Document) -> None:
        """Add one order; one that does not count is only among the statuses."""
        total, status = decimal(order.get("total")), order["status"]
        if order["counts_as_sale"] or order["stage"] != "completed":  # else it is paid, and counts, as another order
            self._add(STATUS, _short(status), 1, total)
        if not order["counts_as_sale"]:
            return
        back = _paid_back(order) if order.get("refunds") or order["stage"] == "refunded" else _NONE
        tax, shipping = decimal(order.get("total_tax")), decimal(order.get("shipping_total"))
        coupons = coupons_of(order)
        net = total - tax - shipping
        amounts = (
            net + coupons,
            coupons,
            back.amount,
            net - (back.amount - back.tax - back.shipping),
            tax - back.tax,
            shipping - back.shipping,
            decimal(order.get("tip")),
        )
        self.orders_count += 1
        self.amounts = [sum + amount for sum, amount in zip(self.amounts, amounts, strict=True)]
        method, title = _short(order.get("payment_method", "")), _short(order.get("payment_method_title", ""))
        self._add(METHOD, method, 1, total - back.amount, title)
        self._add(STORE, order["store"], 1, total - back.amount)
        self._add_taxes(order, back)
        items = self._add_products(order, back)
        self.num_items_sold += items
        self._add_hour(order, items, dict(zip(AMOUNTS, amounts, strict=True)) | {"total_sales": total - back.amount})
        if customer := order.get("customer"):
            self.customers[order["_id"]] = customer

    def _add(self, of: str, key: Any, count: Quantity, amount: Decimal, title: str = "") -> None:
        row = self.rows.get((of, key))
        if row is None:
            self.rows[of, key] = [title, count, amount]
        else:
            row[0] = max(row[0], title)
            row[1] += count
            row[2] += amount

    def _add_hour(self, order: Document, items: Quantity, amounts: Mapping[str, Decimal]) -> None:
        """Add to the hour in which the order was made; where its sender did not say which, that of its time in UTC."""
        hour = order["hour"] if "hour" in order else order["created_at"].hour
        counts = {"net_revenue": 1, "total_sales": items}
        for name in HOUR_AMOUNTS:
            if name in counts or amounts[name]:
                self._add(HOUR, (hour, name), counts.get(name, 0), amounts[name])

    def _add_taxes(self, order: Document, back: _PaidBack) -> None:
        left = dict(back.by_rate)
        lines = [(_rate(tax), _tax(tax), tax) for tax in order.get("tax_lines", ())]
        if back is not _NONE and len({rate for rate, _, _ in lines}) == 1:
            left = {lines[0][0]: back.tax}  # it is of that rate, whether a refund says so or not
        of_rates = sum([amount for _, amount, _ in lines], NOTHING) - sum(left.values(), NOTHING)
        if of_no_rate := decimal(order.get("total_tax")) - back.tax - of_rates:
            self._add(RATE, (0, "", "0"), 0, of_no_rate)
        for rate, amount, tax in lines:
            key = (_short_rate(rate), _short(tax.get("label", "")), tax.get("rate_percent", "0"))
            self._add(RATE, key, 0, amount - left.pop(rate, NOTHING))
        for rate, amount in left.items():
            self._add(RATE, (_short_rate(rate), "", "0"), 0, -amount)

    def _add_products(self, order: Document, back: _PaidBack) -> Quantity:
        """Add what sold of each product; returns how many items did, less those returned."""
        lines, items = order["line_items"], 0
        for line in lines:
            items += line["quantity"]
            self._add_product(line, line["quantity"], decimal(line.get("total")))
        if back is _NONE:
            return items
        by_id = {line["id"]: line for line in lines if line.get("id")}
        for line, quantity, total in back.by_product:
            self._add_product(by_id.get(line.get("line_item_id"), line), -quantity, -total)
        return items - back.items

    def _add_product(self, line: Document, quantity: Quantity, total: Decimal) -> None:
        sku, name = _short(line.get("product") or line.get("sku", "")), _short(line.get("name", ""))
        self._add(PRODUCT, (sku, "" if sku else name), quantity, total, name)

    def returning(self, firsts: Collection[str]) -> set[str]:
        """The customers of other orders than these, which are each customer's first one."""
        return {customer for order, customer in self.customers.items() if order not in firsts}

    def stored(self, firsts: Collection[str]) -> list[Document]:
        """The rows as they are stored, where these orders are the first ones of their customers."""
        counts = {"orders_count": self.orders_count, "num_items_sold": self.num_items_sold}
        new = sum(order in firsts for order in self.customers)
        rows: dict[tuple[str, Any], list[Any]] = {
            **{(FIGURE, name): ["", count, NOTHING] for name, count in counts.items()},
            **{(FIGURE, name): ["", 0, amount] for name, amount in zip(AMOUNTS, self.amounts, strict=True)},
            **self.rows,
            **({(NEW, ""): ["", new, NOTHING]} if new else {}),
        }
        return [
            {"of": of, "key": key, "title": title, "count": whole(count), "amount": decimal128(amount)}
            for (of, key), (title, count, amount) in rows.items()
        ]


_LONGEST_TEXT = 400
"""Bytes that are kept of a text in a row."""
MOST_ROWS = {PRODUCT: 10_000, RATE: 2_000, METHOD: 200, STATUS: 200, STORE: 200}
"""So many rows of a kind a document of rollups has. It must not become larger than MongoDB's 16 MiB, whatever orders
name."""
OTHERS: Mapping[str, tuple[Any, str]] = {
    PRODUCT: (["", ""], "Other products"),
    STATUS: ("other", ""),
    METHOD: ("other", "Other"),
    STORE: ("other", ""),
    RATE: (["other", "Other", "0"], ""),
}
"""Key and title of the row that has what more rows of a kind add up to."""


def _short(text: str) -> str:
    """The beginning of a text. Most are short, so it is cut only where it may be too long."""
    if len(text) * 4 <= _LONGEST_TEXT:
        return text
    return text.encode()[:_LONGEST_TEXT].decode(errors="ignore")


def _short_rate(rate: int | str) -> int | str:
    return _short(rate) if isinstance(rate, str) else rate


def limit_rows(lists: list[list[Document]]) -> list[list[Document]]:
    """The rows of one document of rollups, which has several lists of them (by currency, and by day), within MOST_ROWS.

    Of more, those of the largest counts and amounts stay, and each list has one row of what its others add up to; so
    the sums of a kind are right whatever is put together.
    """
    for of, most in MOST_ROWS.items():
        named = [row for rows in lists for row in rows if row["of"] == of and not _is_of_others(row)]
        if len(named) > most:
            named.sort(key=lambda row: (abs(row["count"]), abs(decimal(row["amount"]))), reverse=True)
            lists = [_put_together(rows, of, {id(row) for row in named[most:]}) for rows in lists]
    return lists


def _is_of_others(row: Document) -> bool:
    key, _ = OTHERS[row["of"]]
    return bool(key == (list(row["key"]) if isinstance(key, list) else row["key"]))


def _put_together(rows: list[Document], of: str, least: set[int]) -> list[Document]:
    """These rows with one in place of those whose `id()` is among the `least`."""
    others = [row for row in rows if row["of"] == of and (id(row) in least or _is_of_others(row))]
    if not others:
        return rows
    key, title = OTHERS[of]
    count = whole(sum(row["count"] for row in others))
    amount = decimal128(sum((decimal(row["amount"]) for row in others), NOTHING))
    left = {id(row) for row in others}
    together = {"of": of, "key": key, "title": title, "count": count, "amount": amount}
    return [*(row for row in rows if id(row) not in left), together]


def total(documents: Document, rollups: Document, name: Any = None) -> list[Document]:
    """Stages that add up the `rollups` of these documents, those of them that match: by `name` (an expression), where
    there is one, by currency, and by what they are of."""
    group = {"currency": "$rollups.currency"} | ({} if name is None else {"name": name})
    key = {**{each: f"${each}" for each in group}, **{each: f"$row.{each}" for each in ("of", "key")}}
    return [
        {"$match": documents},
        {"$unwind": "$rollups"},
        {"$match": rollups},
        {"$project": {"_id": 0, **group, "row": "$rollups.rows"}},
        {"$unwind": "$row"},
        {
            "$group": {
                "_id": key,
                "title": {"$max": "$row.title"},
                "count": {"$sum": "$row.count"},
                "amount": {"$sum": "$row.amount"},
            }
        },
    ]
