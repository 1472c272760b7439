"""Customers as REST gives them."""

from __future__ import annotations

from pos_api.senders.woocommerce.database.connection import Database, Rows
from pos_api.senders.woocommerce.database.values import address, first_values, from_unix


def read_customers(database: Database, ids: list[int]) -> Rows:
    """These customers, by ascending id. Raises ShopError."""
    rows = database.rows(
        "SELECT ID AS id, user_email AS email, user_login AS username FROM {users} WHERE ID IN [] ORDER BY ID",
        [ids],
    )
    metas = database.meta("usermeta", "user_id", ids)
    customers = []
    for row in rows:
        meta = first_values(metas[row["id"]])
        names = {name: meta.get(name, "") for name in ("first_name", "last_name")}
        addresses = {kind: address(meta, f"{kind}_", shipping=kind == "shipping") for kind in ("billing", "shipping")}
        changed = from_unix(meta.get("last_update", ""))
        customers.append({**row, **names, **addresses, "date_modified_gmt": changed and changed.replace(" ", "T")})
    return customers
