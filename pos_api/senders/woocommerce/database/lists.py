"""Which rows a collection has, as REST would list them: by ascending id, without drafts and what is in the trash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pos_api.senders.woocommerce.database.connection import Database, Rows


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows are listed, which of them count, and its columns of times (UTC), status, kind and parent."""

    name: str
    condition: str
    id: str = "ID"
    created: str = "post_date_gmt"
    modified: str = "post_modified_gmt"
    status: str = "post_status"
    kind: str = "post_type"
    parent: str = "post_parent"
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Rows created from `created_from` on and before `created_before`, changed after `changed_after`, with an id above
    `after_id` and among `ids`; None is no limit."""

    created_from: datetime | None = None
    created_before: datetime | None = None
    changed_after: datetime | None = None
    after_id: int = 0
    ids: tuple[int, ...] | None = None


PRODUCTS = Table("{posts}", "post_type = 'product' AND post_status NOT IN ('trash', 'auto-draft')")
CUSTOMERS = Table(
    "{users}",
    "ID IN (SELECT user_id FROM {usermeta} WHERE meta_key LIKE %s AND meta_value LIKE %s)",
    values=("%capabilities", '%"customer";b:1%'),
)
LEGACY_ORDERS = Table("{posts}", "post_type = 'shop_order' AND post_status NOT IN ('trash', 'auto-draft')")
HPOS_ORDERS = Table(
    "{wc_orders}",
    "type = 'shop_order' AND status NOT IN ('trash', 'auto-draft')",
    "id",
    "date_created_gmt",
    "date_updated_gmt",
    "status",
    "type",
    "parent_order_id",
)


def list_ids(database: Database, table: Table, wanted: Filter, most: int) -> list[int]:
    """The lowest `most` ids of the rows wanted. Raises ShopError."""
    where, values = conditions(table, wanted)
    statement = f"SELECT {table.id} AS id FROM {table.name} WHERE {where} ORDER BY {table.id} LIMIT {int(most)}"  # noqa: S608
    return [row["id"] for row in database.rows(statement, values)]


def list_heads(database: Database, orders: Table, ids: tuple[int, ...]) -> Rows:
    """Those of these orders that are listed: their ids, status, time of change, and the ids of their refunds. Raises
    ShopError."""
    where, values = conditions(orders, Filter(ids=ids))
    columns = f"{orders.id} AS id, {orders.status} AS status, {orders.modified} AS date_modified_gmt"
    heads = database.rows(f"SELECT {columns} FROM {orders.name} WHERE {where}", values)  # noqa: S608
    refunds = database.rows(
        f"SELECT {orders.id} AS id, {orders.parent} AS parent FROM {orders.name} "  # noqa: S608
        f"WHERE {orders.kind} = 'shop_order_refund' AND {orders.parent} IN []",
        [ids],
    )
    for head in heads:
        head["status"] = head["status"].removeprefix("wc-")
        head["refunds"] = [{"id": each["id"]} for each in refunds if each["parent"] == head["id"]]
    return heads


def count_rows(database: Database, table: Table, wanted: Filter) -> int:
    """How many rows are wanted. Raises ShopError."""
    where, values = conditions(table, wanted)
    found = database.rows(f"SELECT COUNT(*) AS total FROM {table.name} WHERE {where}", values)  # noqa: S608
    return int(found[0]["total"]) if found else 0


def highest_id(database: Database, table: Table) -> int:
    """The highest id of all rows that count, 0 where there are none. Raises ShopError."""
    statement = f"SELECT MAX({table.id}) AS id FROM {table.name} WHERE {table.condition}"  # noqa: S608
    found = database.rows(statement, table.values)
    return int(found[0]["id"] or 0) if found else 0


def conditions(table: Table, wanted: Filter) -> tuple[str, list[Any]]:
    """The conditions for the rows wanted, as SQL, and the values in them."""
    # the list of ids is the last value: see Database.rows
    found, values = [table.condition, f"{table.id} > %s"], [*table.values, wanted.after_id]
    for column, sign, moment in (
        (table.created, ">=", wanted.created_from),
        (table.created, "<", wanted.created_before),
        (table.modified, ">", wanted.changed_after),
    ):
        if moment is not None:
            found.append(f"{column} {sign} %s")
            values.append(moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    if wanted.ids is not None:
        found.append(f"{table.id} IN []")
        values.append(list(wanted.ids))
    return " AND ".join(found), values
