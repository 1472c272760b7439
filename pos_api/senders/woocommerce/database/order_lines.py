"""Lines of orders and refunds as REST gives them, from their names and meta."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from pos_api.common.quantity import quantity
from pos_api.senders.woocommerce.database.connection import Database, Rows
from pos_api.senders.woocommerce.database.products import read_products
from pos_api.senders.woocommerce.database.settings import Settings
from pos_api.senders.woocommerce.database.values import first_values, number, unserialized
from pos_api.senders.woocommerce.rows import Row

Lines: TypeAlias = dict[int, dict[str, Rows]]
"""Lines by order or refund, and by kind (`line_item`, `tax_line`, …)."""

_INTERNAL = frozenset(
    [
        "_product_id",
        "_variation_id",
        "_qty",
        "_tax_class",
        "_line_subtotal",
        "_line_subtotal_tax",
        "_line_total",
        "_line_tax",
        "_line_tax_data",
        "_fee_amount",
        "_tax_status",
        "method_id",
        "instance_id",
        "cost",
        "total_tax",
        "taxes",
    ]
)
_PRODUCT = ("_product_id", "_variation_id")

_OTHER_LINES: dict[str, Callable[[str, dict[str, str], Callable[[Any], str]], Row]] = {
    "tax": lambda name, values, money: {
        "rate_code": name,
        "rate_id": number(values.get("rate_id")),
        "label": values.get("label", ""),
        "tax_total": money(values.get("tax_amount")),
        "shipping_tax_total": money(values.get("shipping_tax_amount")),
        "rate_percent": quantity(values["rate_percent"]) if values.get("rate_percent") else None,
    },
    "shipping": lambda name, values, money: {
        "method_title": name,
        "method_id": values.get("method_id", ""),
        "total": money(values.get("cost")),
    },
    "fee": lambda name, values, money: {
        "name": name,
        "total": money(values.get("_line_total")),
    },
    "coupon": lambda name, values, money: {
        "code": name,
        "discount": values.get("discount_amount", ""),
        "discount_tax": values.get("discount_amount_tax", ""),
    },
}
"""Lines other than products, from their name and meta."""


def read_lines(database: Database, settings: Settings, order_ids: list[int]) -> Lines:
    """The lines of these orders and refunds. Raises ShopError."""
    rows = database.rows(
        "SELECT order_item_id AS id, order_id, order_item_name AS name, order_item_type AS type "
        "FROM {woocommerce_order_items} WHERE order_id IN [] ORDER BY order_item_id",
        [order_ids],
    )
    metas = database.meta("woocommerce_order_itemmeta", "order_item_id", [row["id"] for row in rows])
    sold = [int(value) for meta in metas.values() for key, value in meta if key in _PRODUCT and value.isdigit()]
    products = {product["id"]: product for product in read_products(database, settings, sorted(set(sold)))}
    found: Lines = defaultdict(lambda: defaultdict(list))
    for row in rows:
        kind, meta = row["type"], metas[row["id"]]
        if kind == "line_item":
            found[row["order_id"]]["line_item"].append(_product_line(row, meta, products, settings))
        elif kind in _OTHER_LINES:
            found[row["order_id"]][f"{kind}_line"].append(_other_line(row, first_values(meta), settings))
    return found


def _other_line(row: Row, values: dict[str, str], settings: Settings) -> Row:
    fields = _OTHER_LINES[row["type"]](row["name"], values, settings.money)
    line = {"id": row["id"], **fields, "taxes": _taxes(values, settings)}
    if row["type"] in ("shipping", "fee"):
        line["total_tax"] = sum_of_taxes(values, "total", settings)
    return line


def _product_line(row: Row, meta: list[tuple[str, str]], products: dict[int, Row], settings: Settings) -> Row:
    """A product line; one whose product the shop does not have any more has no product's id, and no SKU."""
    values = first_values(meta)
    product = products.get(number(values.get("_product_id")))
    variation = products.get(number(values.get("_variation_id")))
    units = quantity(values.get("_qty") or "0")
    price = float(values.get("_line_total") or 0) / units if units else 0
    return {
        "id": row["id"],
        "name": row["name"],
        "product_id": product["id"] if product else 0,
        "variation_id": variation["id"] if variation else 0,
        "quantity": units,
        "tax_class": values.get("_tax_class", ""),
        "subtotal": settings.money(values.get("_line_subtotal")),
        "subtotal_tax": sum_of_taxes(values, "subtotal", settings),
        "total": settings.money(values.get("_line_total")),
        "total_tax": sum_of_taxes(values, "total", settings),
        "taxes": _taxes(values, settings),
        "meta_data": [{"key": key, "value": value} for key, value in meta if key not in _INTERNAL],
        "sku": sold["sku"] if (sold := variation or product) else None,
        "price": int(price) if price == int(price) else price,
    }


def _taxes(values: dict[str, str], settings: Settings) -> Rows:
    """The taxes of a line by rate."""
    return [{"id": rate, "total": settings.money(amount)} for rate, amount in _stored_taxes(values, "total").items()]


def sum_of_taxes(values: dict[str, str], kind: str, settings: Settings) -> str:
    """A line's `total_tax` or `subtotal_tax`: WooCommerce adds up the taxes by rate whenever it reads a line, each
    rounded as the shop is set now; what it once stored beside them may have had other decimals."""
    taxes = [_exact(amount) for amount in _stored_taxes(values, kind).values()]
    if kind == "subtotal":  # never less than the total (`WC_Order_Item_Product::set_taxes`)
        total = [_exact(amount) for amount in _stored_taxes(values, "total").values()]
        taxes = total if sum(taxes) < sum(total) else taxes
    return settings.money(sum(map(settings.rounded_tax, taxes), Decimal(0)))


def _exact(amount: Any) -> Decimal:
    try:
        return Decimal(str(amount).strip() or "0")
    except InvalidOperation:
        return Decimal(0)


def _stored_taxes(values: dict[str, str], kind: str) -> dict[Any, Any]:
    """The taxes of a line by rate, which WooCommerce keeps PHP-serialized: `{"total": {rate: amount}, "subtotal": …}`;
    a product's count where it has both. Old shipping lines have the rates alone."""
    stored = unserialized(values.get("_line_tax_data") or values.get("taxes") or "")
    if not isinstance(stored, dict):
        return {}
    if "_product_id" in values and not (stored.get("total") and stored.get("subtotal")):
        return {}
    found = stored.get(kind, {} if "total" in stored or kind != "total" else stored)
    return found if isinstance(found, dict) else {}
