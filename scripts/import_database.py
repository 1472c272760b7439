#!/usr/bin/env python3
"""Take over a shop from its WooCommerce database, where its REST API is slow, blocked or gone.

Reads orders from WooCommerce's own tables (HPOS) or from WordPress's posts (legacy), whichever the shop uses, and
only reads. What it finds goes the way of an import over REST, so both come to the same, and either may follow the
other.
Needs PyMySQL, the extra `import-database`.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import click
import phpserialize
import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions
from pymysql.cursors import DictCursor

from pos_api.cli.common import with_config, with_db
from pos_api.cli.shop import progress_bars, show_import, since_problem
from pos_api.common.quantity import quantity
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.processing import ingest
from pos_api.senders.woocommerce import importer
from pos_api.senders.woocommerce.rest_client import GONE, Answer, Credentials, Row, Shop, ShopError, Unread

Rows: TypeAlias = list[dict[str, Any]]
Meta: TypeAlias = dict[int, list[tuple[str, str]]]

_ADDRESS = ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country")
_INTERNAL = frozenset(
    f"_{name}"
    for name in [
        "customer_user",
        "order_key",
        "order_currency",
        "completed_date",
        "paid_date",
        "edit_lock",
        "edit_last",
        "cart_discount",
        "cart_discount_tax",
        "order_shipping",
        "order_shipping_tax",
        "order_tax",
        "order_total",
        "payment_method",
        "payment_method_title",
        "transaction_id",
        "customer_ip_address",
        "customer_user_agent",
        "created_via",
        "order_version",
        "prices_include_tax",
        "date_completed",
        "date_paid",
        "payment_tokens",
        "billing_address_index",
        "shipping_address_index",
        "recorded_sales",
        "recorded_coupon_usage_counts",
        "download_permissions_granted",
        "order_stock_reduced",
        "new_order_email_sent",
        "cogs_total_value",
        "cart_hash",
    ]
) | {f"_{kind}_{name}" for kind in ("billing", "shipping") for name in (*_ADDRESS, "email", "phone")}
"""Meta that WooCommerce's REST API shows as fields, or not at all (`internal_meta_keys` of its data stores)."""

_ITEM_INTERNAL = frozenset(
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


class Database:
    """A WooCommerce database, read a statement at a time; times and amounts come as text."""

    def __init__(self, prefix: str, **connect: Any) -> None:
        if not re.fullmatch(r"\w{0,64}", prefix):
            raise click.BadParameter("a table prefix looks like wp_")
        as_text = {FIELD_TYPE.DATETIME: str, FIELD_TYPE.TIMESTAMP: str}
        kept = {kind: convert for kind, convert in conversions.items() if kind not in as_text}
        self._connection = pymysql.connect(
            charset="utf8mb4", cursorclass=DictCursor, conv=kept, autocommit=True, read_timeout=300, **connect
        )
        self._lock = threading.Lock()
        self._prefix = prefix

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, statement: str, values: Iterable[Any] = ()) -> Rows:
        """What a statement finds. `{table}` in it stands for a table with the shop's prefix; `[]` for a list of
        placeholders for the last value, a list of ids."""
        given = list(values)
        if "[]" in statement:
            ids = list(given.pop())
            if not ids:
                return []
            statement = statement.replace("[]", "(" + ",".join(["%s"] * len(ids)) + ")")
            given += ids
        statement = re.sub(r"\{(\w+)\}", rf"`{self._prefix}\1`", statement)
        with self._lock, self._connection.cursor() as cursor:
            cursor.execute(statement, given)
            return list(cursor.fetchall())

    def meta(self, table: str, key: str, ids: Iterable[int]) -> Meta:
        """The meta of these objects, in the order it was written."""
        found: Meta = defaultdict(list)
        order_by = {"postmeta": "meta_id", "usermeta": "umeta_id", "wc_orders_meta": "id"}.get(table, "meta_id")
        statement = f"SELECT {key} AS id, meta_key, meta_value FROM {{{table}}} WHERE {key} IN [] ORDER BY {order_by}"  # noqa: S608 - names of ours
        for row in self.rows(statement, [ids]):
            found[row["id"]].append((row["meta_key"] or "", row["meta_value"] or ""))
        return found

    def options(self) -> dict[str, str]:
        """The settings that decide how a shop tells its orders."""
        wanted = [
            "woocommerce_custom_orders_table_enabled",
            "woocommerce_price_num_decimals",
            "woocommerce_prices_include_tax",
            "woocommerce_tax_round_at_subtotal",
            "timezone_string",
            "gmt_offset",
            "woocommerce_version",
        ]
        found = self.rows("SELECT option_name, option_value FROM {options} WHERE option_name IN []", [wanted])
        return {row["option_name"]: row["option_value"] for row in found}


class DatabaseShop(Shop):
    """A shop that answers from its database what its REST API would."""

    def __init__(self, database: Database) -> None:
        super().__init__(Credentials("", "", "", "basic"))
        self._database = database
        options = database.options()
        if "woocommerce_version" not in options:
            raise click.ClickException("There is no WooCommerce in this database; is the table prefix right?")
        self._decimals = int(options.get("woocommerce_price_num_decimals") or 2)
        with_tax = options.get("woocommerce_prices_include_tax") == "yes"
        self._tax_rounding = ROUND_HALF_DOWN if with_tax else ROUND_HALF_UP
        self._rounds_each_tax = options.get("woocommerce_tax_round_at_subtotal") != "yes"
        self._timezone = _timezone(options)
        hpos = options.get("woocommerce_custom_orders_table_enabled") == "yes"
        self._heads = _hpos_heads if hpos else _legacy_heads
        self._listed = _HPOS if hpos else _LEGACY

    def get(self, path: str, **params: Any) -> Answer:
        """What GET `wc/v3/<path>` would answer, as far as an import and a comparison ask. Raises ShopError."""
        match path.split("/"):
            case ["orders"]:
                return self._list(self._listed, self._orders, params)
            case ["orders", order_id]:
                return _one(self._orders([int(order_id)]), GONE)
            case ["products"]:
                return self._list(_PRODUCTS, self._products, params)
            case ["products", product_id]:
                return _one(self._products([int(product_id)]), "woocommerce_rest_product_invalid_id")
            case ["customers"]:
                return self._list(_CUSTOMERS, self._customers, params)
        raise ShopError("unauthorized", f"A database does not tell {path}.")

    def _with_refund_lines(self, order: Row) -> tuple[Row, None]:
        return order, None  # it has them already

    def _variations(self, product: Row) -> tuple[Rows, list[Unread]]:
        found = self._database.rows(
            "SELECT ID AS id FROM {posts} WHERE post_type = 'product_variation' AND post_parent = %s "
            "AND post_status NOT IN ('trash', 'auto-draft') ORDER BY ID",
            [product["id"]],
        )
        return self._products([row["id"] for row in found]), []

    # --- orders -----------------------------------------------------------------------------------------------

    def _orders(self, ids: list[int]) -> Rows:
        """These orders as REST tells them, with the lines of their refunds, by ascending id."""
        heads = self._heads(self._database, ids)
        refund_ids = [refund["id"] for head in heads for refund in head["refunds"]]
        items = self._items([*(head["id"] for head in heads), *refund_ids])
        return [self._order(head, items) for head in heads]

    def _order(self, head: Row, items: dict[int, dict[str, Rows]]) -> Row:
        lines = items[head["id"]]
        meta = [{"key": key, "value": value} for key, value in head["meta"] if _shown(key)]
        total_tax = Decimal(head["cart_tax"] or 0) + Decimal(head["shipping_tax"] or 0)
        money = ("cart_tax", "shipping_tax", "shipping_total", "discount_total", "discount_tax", "total")
        return {
            **{name: head[name] for name in _AS_THEY_ARE},
            **{name: self._money(head[name]) for name in money},
            "total_tax": self._money(total_tax),
            "number": next((value for key, value in head["meta"] if key == "_order_number"), str(head["id"])),
            "status": head["status"].removeprefix("wc-"),
            "prices_include_tax": head["prices_include_tax"] in ("yes", "1", 1),
            **_times("date_created", head["created"], self._timezone),
            **_times("date_modified", head["modified"], self._timezone),
            **_times("date_paid", head["paid"], self._timezone),
            **_times("date_completed", head["completed"], self._timezone),
            "meta_data": meta,
            **{
                f"{kind}s": lines[kind]
                for kind in ("line_item", "tax_line", "shipping_line", "fee_line", "coupon_line")
            },
            "refunds": [self._refund(refund, items[refund["id"]]) for refund in head["refunds"]],
        }

    def _refund(self, refund: Row, lines: dict[str, Rows]) -> Row:
        return {
            "id": refund["id"],
            "reason": refund["reason"],
            "amount": self._money(refund["amount"]),
            **_times("date_created", refund["created"], self._timezone),
            **{f"{kind}s": lines[kind] for kind in ("line_item", "shipping_line", "fee_line")},
        }

    def _items(self, order_ids: list[int]) -> dict[int, dict[str, Rows]]:
        """The lines of these orders and refunds, by order and kind, as REST tells them."""
        rows = self._database.rows(
            "SELECT order_item_id AS id, order_id, order_item_name AS name, order_item_type AS type "
            "FROM {woocommerce_order_items} WHERE order_id IN [] ORDER BY order_item_id",
            [order_ids],
        )
        metas = self._database.meta("woocommerce_order_itemmeta", "order_item_id", [row["id"] for row in rows])
        products = [int(value) for meta in metas.values() for key, value in meta if key in _PRODUCT and value.isdigit()]
        known = {product["id"]: product for product in self._products(sorted(set(products)))}
        found: dict[int, dict[str, Rows]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            meta = metas[row["id"]]
            values = dict(reversed(meta))
            if row["type"] == "line_item":
                found[row["order_id"]]["line_item"].append(self._line_item(row, values, meta, known))
            elif tell := _OTHER_LINES.get(row["type"]):
                line = {"id": row["id"], **tell(row["name"], values, self._money), "taxes": self._taxes(values)}
                if row["type"] in ("shipping", "fee"):
                    line["total_tax"] = self._sum_of_taxes(values, "total")
                found[row["order_id"]][f"{row['type']}_line"].append(line)
        return found

    def _line_item(self, row: Row, values: dict[str, str], meta: list[tuple[str, str]], known: dict[int, Row]) -> Row:
        """A product line; one that is gone from the shop has no id any more, and no SKU."""
        product = known.get(_number(values.get("_product_id")))
        variation = known.get(_number(values.get("_variation_id")))
        units = quantity(values.get("_qty") or "0")
        price = float(values.get("_line_total") or 0) / units if units else 0
        return {
            "id": row["id"],
            "name": row["name"],
            "product_id": product["id"] if product else 0,
            "variation_id": variation["id"] if variation else 0,
            "quantity": units,
            "tax_class": values.get("_tax_class", ""),
            "subtotal": self._money(values.get("_line_subtotal")),
            "subtotal_tax": self._sum_of_taxes(values, "subtotal"),
            "total": self._money(values.get("_line_total")),
            "total_tax": self._sum_of_taxes(values, "total"),
            "taxes": self._taxes(values),
            "meta_data": [{"key": key, "value": value} for key, value in meta if key not in _ITEM_INTERNAL],
            "sku": sold["sku"] if (sold := variation or product) else None,
            "price": int(price) if price == int(price) else price,
        }

    def _taxes(self, values: dict[str, str]) -> Rows:
        """The taxes of a line by rate."""
        return [{"id": rate, "total": self._money(amount)} for rate, amount in _kept_taxes(values, "total").items()]

    def _sum_of_taxes(self, values: dict[str, str], kind: str) -> str:
        """A line's `total_tax` or `subtotal_tax`: WooCommerce adds up the taxes by rate whenever it reads a line, each
        rounded as the shop is set now; what it once stored beside them may have had other decimals."""
        taxes = [self._exact(amount) for amount in _kept_taxes(values, kind).values()]
        if kind == "subtotal":  # never less than the total (`WC_Order_Item_Product::set_taxes`)
            total = [self._exact(amount) for amount in _kept_taxes(values, "total").values()]
            taxes = total if sum(taxes) < sum(total) else taxes
        if self._rounds_each_tax:
            taxes = [amount.quantize(Decimal(1).scaleb(-self._decimals), self._tax_rounding) for amount in taxes]
        return self._money(sum(taxes, Decimal(0)))

    def _exact(self, amount: Any) -> Decimal:
        try:
            return Decimal(str(amount).strip() or "0")
        except InvalidOperation:
            return Decimal(0)

    def _money(self, value: Any) -> str:
        """As `wc_format_decimal` with the shop's decimals; what is empty stays so, and counts as 0."""
        if value in (None, ""):
            return ""
        exact = Decimal(str(value).strip())
        return str(exact.quantize(Decimal(1).scaleb(-self._decimals), ROUND_HALF_UP))

    # --- products and customers -------------------------------------------------------------------------------

    def _products(self, ids: list[int]) -> Rows:
        """These products and variations as REST tells them, by ascending id."""
        rows = self._database.rows(
            "SELECT ID AS id, post_title AS name, post_parent AS parent_id, post_type AS type, post_status AS status, "
            "post_date_gmt AS created, post_modified_gmt AS modified FROM {posts} "
            "WHERE post_type IN ('product', 'product_variation') AND ID IN [] ORDER BY ID",
            [ids],
        )
        metas = self._database.meta("postmeta", "post_id", {*ids, *(row["parent_id"] for row in rows)})
        return [_product(row, metas, self._timezone) for row in rows]

    def _customers(self, ids: list[int]) -> Rows:
        """These customers as REST tells them, by ascending id."""
        rows = self._database.rows(
            "SELECT ID AS id, user_email AS email, user_login AS username FROM {users} WHERE ID IN [] ORDER BY ID",
            [ids],
        )
        metas = self._database.meta("usermeta", "user_id", ids)
        customers = []
        for row in rows:
            meta = dict(reversed(metas[row["id"]]))
            names = {name: meta.get(name, "") for name in ("first_name", "last_name")}
            addresses = {
                kind: _address(meta, f"{kind}_", shipping=kind == "shipping") for kind in ("billing", "shipping")
            }
            changed = _from_unix(meta.get("last_update", ""))
            customers.append({**row, **names, **addresses, "date_modified_gmt": changed and changed.replace(" ", "T")})
        return customers

    # --- lists ------------------------------------------------------------------------------------------------

    def _list(self, listed: Listed, tell: Callable[[list[int]], Rows], asked: dict[str, Any]) -> Answer:
        """A page of a collection by ascending id, as REST would filter it."""
        conditions, values = [listed.condition], list(listed.values)
        for name, column, sign in _FILTERS:
            if name in asked:
                conditions.append(f"{getattr(listed, column)} {sign} %s")
                values.append(asked[name].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))
        where = " AND ".join(conditions)
        if "include" in asked:
            where += f" AND {listed.id} IN []"
            values.append([int(each) for each in asked["include"].split(",")])
        total = self._database.rows(f"SELECT COUNT(*) AS total FROM {listed.table} WHERE {where}", values)  # noqa: S608
        descending = "DESC" if asked.get("order") == "desc" else ""
        limit = f"LIMIT {int(asked.get('per_page', 10))} OFFSET {int(asked.get('offset', 0))}"
        page = f"ORDER BY {listed.id} {descending} {limit}"
        found = self._database.rows(f"SELECT {listed.id} AS id FROM {listed.table} WHERE {where} {page}", values)  # noqa: S608
        return Answer(tell([row["id"] for row in found]), total[0]["total"] if total else 0, 0.0)


def _one(rows: Rows, code: str) -> Answer:
    if not rows:
        raise ShopError("refused_request", "There is no such thing in the database.", http_status=404, wc_code=code)
    return Answer(rows[0], None, 0.0)


# --- the two ways of keeping orders -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """A table whose rows are listed, those that count, and its columns of times."""

    table: str
    condition: str
    id: str = "ID"
    created: str = "post_date_gmt"
    modified: str = "post_modified_gmt"
    values: tuple[Any, ...] = ()


_FILTERS = (("after", "created", ">"), ("before", "created", "<"), ("modified_after", "modified", ">"))
_PRODUCTS = Listed("{posts}", "post_type = 'product' AND post_status NOT IN ('trash', 'auto-draft')")
_CUSTOMERS = Listed(
    "{users}",
    "ID IN (SELECT user_id FROM {usermeta} WHERE meta_key LIKE %s AND meta_value LIKE %s)",
    values=("%capabilities", '%"customer";b:1%'),
)
_LEGACY = Listed("{posts}", "post_type = 'shop_order' AND post_status NOT IN ('trash', 'auto-draft')")
_HPOS = Listed(
    "{wc_orders}",
    "type = 'shop_order' AND status NOT IN ('trash', 'auto-draft')",
    "id",
    "date_created_gmt",
    "date_updated_gmt",
)


def _legacy_heads(database: Database, ids: list[int]) -> Rows:
    """Orders kept as posts, with their refunds, newest first."""
    columns = "ID AS id, post_parent, post_status AS status, post_date_gmt AS created, post_modified_gmt AS modified"
    posts = f"SELECT {columns}, post_excerpt AS customer_note FROM {{posts}} WHERE "  # noqa: S608 - names of ours
    orders = database.rows(f"{posts} post_type = 'shop_order' AND ID IN [] ORDER BY ID", [ids])
    refunds = database.rows(
        f"{posts} post_type = 'shop_order_refund' AND post_parent IN [] ORDER BY post_date_gmt DESC, ID DESC", [ids]
    )
    metas = database.meta("postmeta", "post_id", [row["id"] for row in (*orders, *refunds)])
    heads = []
    for row in orders:
        meta = dict(reversed(metas[row["id"]]))
        own = [_legacy_refund(each, dict(metas[each["id"]])) for each in refunds if each["post_parent"] == row["id"]]
        named = {name: meta.get(f"_{key}", "") for name, key in _LEGACY_META.items()}
        addresses = {kind: _address(meta, f"_{kind}_", shipping=kind == "shipping") for kind in ("billing", "shipping")}
        times = {
            "paid": _from_unix(meta.get("_date_paid", "")),
            "completed": _from_unix(meta.get("_date_completed", "")),
        }
        customer_id = _number(meta.get("_customer_user"))
        heads.append(
            {
                **row,
                **named,
                **addresses,
                **times,
                "parent_id": row["post_parent"],
                "customer_id": customer_id,
                "meta": metas[row["id"]],
                "refunds": own,
            }
        )
    return heads


_LEGACY_META = {
    "currency": "order_currency",
    "total": "order_total",
    "cart_tax": "order_tax",
    "shipping_tax": "order_shipping_tax",
    "shipping_total": "order_shipping",
    "discount_total": "cart_discount",
    "discount_tax": "cart_discount_tax",
    **{
        name: name
        for name in [
            "order_key",
            "created_via",
            "prices_include_tax",
            "payment_method",
            "payment_method_title",
            "transaction_id",
        ]
    },
}


def _legacy_refund(row: Row, meta: dict[str, str]) -> Row:
    reason, amount = meta.get("_refund_reason", ""), meta.get("_refund_amount", "")
    return {"id": row["id"], "created": row["created"], "reason": reason, "amount": amount}


def _hpos_heads(database: Database, ids: list[int]) -> Rows:
    """Orders kept in WooCommerce's own tables, with their refunds, newest first."""
    orders = database.rows(
        "SELECT o.id, o.parent_order_id AS parent_id, o.status, o.currency, o.tax_amount AS cart_tax, "
        "o.total_amount AS total, o.customer_id, "
        "o.date_created_gmt AS created, o.date_updated_gmt AS modified, o.payment_method, o.payment_method_title, "
        "o.transaction_id, o.customer_note, d.order_key, d.created_via, d.prices_include_tax, d.date_paid_gmt AS paid, "
        "d.date_completed_gmt AS completed, d.shipping_tax_amount AS shipping_tax, "
        "d.shipping_total_amount AS shipping_total, d.discount_total_amount AS discount_total, "
        "d.discount_tax_amount AS discount_tax "
        "FROM {wc_orders} o LEFT JOIN {wc_order_operational_data} d ON d.order_id = o.id "
        "WHERE o.type = 'shop_order' AND o.id IN [] ORDER BY o.id",
        [ids],
    )
    refunds = database.rows(
        "SELECT id, parent_order_id, date_created_gmt AS created FROM {wc_orders} "
        "WHERE type = 'shop_order_refund' AND parent_order_id IN [] ORDER BY date_created_gmt DESC, id DESC",
        [ids],
    )
    metas = database.meta("wc_orders_meta", "order_id", [row["id"] for row in (*orders, *refunds)])
    addresses = database.rows("SELECT * FROM {wc_order_addresses} WHERE order_id IN []", [ids])
    by_order = {(row["order_id"], row["address_type"]): row for row in addresses}
    for row in orders:
        for kind in ("billing", "shipping"):
            row[kind] = _address(by_order.get((row["id"], kind), {}), "", shipping=kind == "shipping")
        row["meta"] = metas[row["id"]]
        own = [each for each in refunds if each["parent_order_id"] == row["id"]]
        row["refunds"] = [_legacy_refund(each, dict(metas[each["id"]])) for each in own]
    return orders


# --- values -------------------------------------------------------------------------------------------------------

_AS_THEY_ARE = [
    "id",
    "parent_id",
    "currency",
    "customer_id",
    "order_key",
    "created_via",
    "customer_note",
    "payment_method",
    "payment_method_title",
    "transaction_id",
    "billing",
    "shipping",
]
_PRODUCT = ("_product_id", "_variation_id")

_OTHER_LINES: dict[str, Callable[[str, dict[str, str], Callable[[Any], str]], Row]] = {
    "tax": lambda name, values, money: {
        "rate_code": name,
        "rate_id": _number(values.get("rate_id")),
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
"""Lines other than products, from their name and meta, as REST tells them."""


def _kept_taxes(values: dict[str, str], kind: str) -> dict[Any, Any]:
    """The taxes of a line by rate, which WooCommerce keeps PHP-serialized: `{"total": {rate: amount}, "subtotal": …}`;
    a product's count where it has both. Old shipping lines have the rates alone."""
    kept = _unserialized(values.get("_line_tax_data") or values.get("taxes") or "")
    if not isinstance(kept, dict):
        return {}
    if "_product_id" in values and not (kept.get("total") and kept.get("subtotal")):
        return {}
    found = kept.get(kind, {} if "total" in kept or kind != "total" else kept)
    return found if isinstance(found, dict) else {}


def _product(row: Row, metas: Meta, zone: tzinfo) -> Row:
    meta, parent = dict(reversed(metas[row["id"]])), dict(reversed(metas[row["parent_id"]]))
    variation = row["type"] == "product_variation"
    sku = meta.get("_sku") or (parent.get("_sku", "") if variation else "")
    managed = meta.get("_manage_stock") == "yes"
    pooled = variation and not managed and parent.get("_manage_stock") == "yes"
    return {
        "id": row["id"],
        "parent_id": row["parent_id"] if variation else 0,
        "name": row["name"],
        "status": row["status"],
        "sku": sku,
        "price": meta.get("_price", ""),
        "manage_stock": "parent" if pooled else managed,
        "stock_quantity": quantity(meta["_stock"]) if managed and meta.get("_stock") else None,
        "variations": [] if variation else [0],
        **_times("date_created", row["created"], zone),
        **_times("date_modified", row["modified"], zone),
    }


def _shown(key: str) -> bool:
    return key not in _INTERNAL and not key.lower().startswith("wp_")


def _address(values: dict[str, Any], prefix: str, *, shipping: bool) -> dict[str, str]:
    """An address as REST tells it; only a billing address has an e-mail address."""
    names = (*_ADDRESS, "phone") if shipping else (*_ADDRESS, "email", "phone")
    return {name: values.get(f"{prefix}{name}") or "" for name in names}


def _number(value: Any) -> int:
    return int(value) if str(value or "").isdigit() else 0


def _unserialized(text: str) -> Any:
    try:
        return phpserialize.loads(text.encode(), decode_strings=True)
    except (ValueError, UnicodeDecodeError):
        return {}


def _times(name: str, value: str | None, zone: tzinfo) -> dict[str, str | None]:
    """A time as REST tells it: in the shop's time zone, and in UTC under `_gmt`. MySQL's zero date is none."""
    if not value or value.startswith("0000"):
        return {name: None, f"{name}_gmt": None}
    moment = datetime.fromisoformat(value).replace(tzinfo=UTC)
    local = moment.astimezone(zone).replace(tzinfo=None)
    return {name: local.isoformat(), f"{name}_gmt": moment.replace(tzinfo=None).isoformat()}


def _from_unix(text: str) -> str | None:
    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%d %H:%M:%S") if text.isdigit() else None


def _timezone(options: dict[str, str]) -> tzinfo:
    if name := options.get("timezone_string"):
        return ZoneInfo(name)
    return timezone(timedelta(hours=float(options.get("gmt_offset") or 0)))


# --- the command --------------------------------------------------------------------------------------------------


def take_over(db: Db, config: Config, database: Database, name: str, since: datetime) -> importer.Imported:
    """Import the store `name` from its database, as `importer.run` does over REST."""
    with DatabaseShop(database) as shop:
        return importer.run(db, config, shop, name, since, ingest.take_in, progress_bars())


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name")
@click.option("--since", required=True, help="Orders made since: 2024-01-01, or 90d ago.")
@click.option("--host", default="localhost", show_default=True)
@click.option("--port", default=3306, show_default=True)
@click.option("--socket", help="MariaDB's socket, instead of host and port.")
@click.option("--user", required=True, help="A user that may read; give it no more.")
@click.option("--password", envvar="MYSQL_PWD", prompt=True, hide_input=True, help="Or MYSQL_PWD; else asked for.")
@click.option("--database", required=True)
@click.option("--prefix", default="wp_", show_default=True, help="$table_prefix in wp-config.php.")
@with_db
@with_config
def main(config: Config, db: Db, /, name: str, since: str, prefix: str, socket: str | None, **connect: Any) -> None:
    """Take over the shop NAME from its WooCommerce database. Interrupted, it goes on where it was."""
    try:
        start = importer.parse_since(since, now())
        with closing(Database(prefix, unix_socket=socket, **connect)) as database:
            imported = take_over(db, config, database, name, start)
    except ValueError as error:
        raise click.BadParameter(since_problem(since, error), param_hint="--since") from None
    except pymysql.MySQLError as error:
        raise click.ClickException(f"The database: {error.args[-1]}") from None
    show_import(imported)


if __name__ == "__main__":
    sys.exit(main())
