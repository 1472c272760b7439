"""Statements to a shop's database; all other modules of this package are free of PyMySQL."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeAlias

import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions
from pymysql.cursors import DictCursor

from pos_api.senders.woocommerce.database.values import is_table_prefix
from pos_api.senders.woocommerce.shop_error import ShopError

Rows: TypeAlias = list[dict[str, Any]]
Meta: TypeAlias = dict[int, list[tuple[str, str]]]
"""Keys and values by object, in the order they were written."""

_META_ID = {"postmeta": "meta_id", "usermeta": "umeta_id", "wc_orders_meta": "id"}
_TEXT_TIMES = {FIELD_TYPE.DATETIME: str, FIELD_TYPE.TIMESTAMP: str}
_CONVERSIONS = {kind: convert for kind, convert in conversions.items() if kind not in _TEXT_TIMES}


class Database:
    """A WooCommerce database, read a statement at a time; times come as text."""

    def __init__(self, prefix: str, **connect: Any) -> None:
        """`connect` are the arguments of `pymysql.connect`. Raises ShopError when the database can't be reached, and
        ValueError for what is no table prefix."""
        if not is_table_prefix(prefix):
            raise ValueError("a table prefix looks like wp_")
        try:
            self._connection = pymysql.connect(
                charset="utf8mb4",
                cursorclass=DictCursor,
                conv=_CONVERSIONS,
                autocommit=True,
                read_timeout=300,
                **connect,
            )
        except pymysql.MySQLError as error:
            raise _problem(error) from None
        self._lock = threading.Lock()
        self._prefix = prefix

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, statement: str, values: Iterable[Any] = ()) -> Rows:
        """What a statement finds. `{table}` in it stands for a table with the shop's prefix; `[]` for a list of
        placeholders for the last value, a list of ids. Raises ShopError."""
        given = list(values)
        if "[]" in statement:
            ids = list(given.pop())
            if not ids:
                return []
            statement = statement.replace("[]", "(" + ",".join(["%s"] * len(ids)) + ")")
            given += ids
        statement = re.sub(r"\{(\w+)\}", rf"`{self._prefix}\1`", statement)
        try:
            with self._lock, self._connection.cursor() as cursor:
                cursor.execute(statement, given)
                return list(cursor.fetchall())
        except pymysql.MySQLError as error:
            raise _problem(error) from None

    def meta(self, table: str, key: str, ids: Iterable[int]) -> Meta:
        """The meta of these objects. Raises ShopError."""
        found: Meta = defaultdict(list)
        order_by = _META_ID.get(table, "meta_id")
        statement = f"SELECT {key} AS id, meta_key, meta_value FROM {{{table}}} WHERE {key} IN [] ORDER BY {order_by}"  # noqa: S608 - names of ours
        for row in self.rows(statement, [ids]):
            found[row["id"]].append((row["meta_key"] or "", row["meta_value"] or ""))
        return found


def _problem(error: pymysql.MySQLError) -> ShopError:
    return ShopError("database", f"The database: {error.args[-1] if error.args else type(error).__name__}")
