"""What a database holds of orders beside their lines: kept as posts (legacy), or in WooCommerce's own tables (HPOS)."""

from __future__ import annotations

from typing import Any

from pos_api.senders.woocommerce.database.connection import Database, Rows
from pos_api.senders.woocommerce.database.values import address, first_values, from_unix, number
from pos_api.senders.woocommerce.rows import Row

_META = {
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


def legacy_heads(database: Database, ids: list[int]) -> Rows:
    """These orders, by ascending id, each with its `meta` and `refunds`, newest first."""
    columns = "ID AS id, post_parent, post_status AS status, post_date_gmt AS created, post_modified_gmt AS modified"
    posts = f"SELECT {columns}, post_excerpt AS customer_note FROM {{posts}} WHERE "  # noqa: S608 - names of ours
    orders = database.rows(f"{posts} post_type = 'shop_order' AND ID IN [] ORDER BY ID", [ids])
    refunds = database.rows(
        f"{posts} post_type = 'shop_order_refund' AND post_parent IN [] ORDER BY post_date_gmt DESC, ID DESC", [ids]
    )
    metas = database.meta("postmeta", "post_id", [row["id"] for row in (*orders, *refunds)])
    heads = []
    for row in orders:
        own = [_refund(each, dict(metas[each["id"]])) for each in refunds if each["post_parent"] == row["id"]]
        heads.append({**row, **_legacy_fields(metas[row["id"]]), "parent_id": row["post_parent"], "refunds": own})
    return heads


def _legacy_fields(meta: list[tuple[str, str]]) -> Row:
    values = first_values(meta)
    return {
        **{name: values.get(f"_{key}", "") for name, key in _META.items()},
        **{kind: address(values, f"_{kind}_", shipping=kind == "shipping") for kind in ("billing", "shipping")},
        "paid": from_unix(values.get("_date_paid", "")),
        "completed": from_unix(values.get("_date_completed", "")),
        "customer_id": number(values.get("_customer_user")),
        "meta": meta,
    }


def _refund(row: Row, meta: dict[str, str]) -> Row:
    reason, amount = meta.get("_refund_reason", ""), meta.get("_refund_amount", "")
    return {"id": row["id"], "created": row["created"], "reason": reason, "amount": amount}


def hpos_heads(database: Database, ids: list[int]) -> Rows:
    """These orders, by ascending id, each with its `meta` and `refunds`, newest first."""
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
    by_order: dict[Any, Row] = {(row["order_id"], row["address_type"]): row for row in addresses}
    for row in orders:
        for kind in ("billing", "shipping"):
            row[kind] = address(by_order.get((row["id"], kind), {}), "", shipping=kind == "shipping")
        row["meta"] = metas[row["id"]]
        own = [each for each in refunds if each["parent_order_id"] == row["id"]]
        row["refunds"] = [_refund(each, dict(metas[each["id"]])) for each in own]
    return orders
