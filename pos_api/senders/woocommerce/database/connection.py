"""Statements to a shop's database; all other modules of this package are free of PyMySQL."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions

from pos_api.senders.woocommerce.database.values import is_table_prefix
from pos_api.senders.woocommerce.shop_error import ShopError

Rows: TypeAlias = list[dict[str, Any]]
Meta: TypeAlias = dict[int, list[tuple[str, str]]]
"""Keys and values by object, in the order they were written."""

_META_ID = {"postmeta": "meta_id", "usermeta": "umeta_id", "wc_orders_meta": "id"}
_BOTH = "COALESCE(meta_key, ''), COALESCE(meta_value, '')"
_PAIR = f"CHAR_LENGTH(COALESCE(meta_key, '')), ':', CHAR_LENGTH(CONCAT({_BOTH})), ':', {_BOTH}"
"""A key and its value in a text of many: `3:5:keyab`. A row costs PyMySQL more time than the database takes to join
ten."""
_LENGTHS = 24
"""Characters that hold any two lengths."""
_TOGETHER = "SET SESSION group_concat_max_len = 1048576"  # bytes; what has more is read row by row
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
                conv=_CONVERSIONS,
                autocommit=True,
                read_timeout=300,
                init_command=_TOGETHER,
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
        names, found = self._find(statement, values)
        return [dict(zip(names, row, strict=True)) for row in found]

    def _find(self, statement: str, values: Iterable[Any]) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
        """The names of the columns, and the rows."""
        given = list(values)
        if "[]" in statement:
            ids = list(given.pop())
            if not ids:
                return [], ()
            statement = statement.replace("[]", "(" + ",".join(["%s"] * len(ids)) + ")")
            given += ids
        statement = re.sub(r"\{(\w+)\}", rf"`{self._prefix}\1`", statement)
        try:
            with self._lock, self._connection.cursor() as cursor:
                cursor.execute(statement, given)
                return [column[0] for column in cursor.description], cursor.fetchall()
        except pymysql.MySQLError as error:
            raise _problem(error) from None

    def meta(self, table: str, key: str, ids: Iterable[int]) -> Meta:
        """The meta of these objects. Raises ShopError."""
        wanted, order_by = list(ids), _META_ID.get(table, "meta_id")
        together = (
            f"SELECT {key}, COUNT(*), GROUP_CONCAT({_PAIR} ORDER BY {order_by} SEPARATOR '') "  # noqa: S608 - names of ours
            f"FROM {{{table}}} WHERE {key} IN [] GROUP BY {key}"
        )
        found: Meta = defaultdict(list)
        for number, count, text in self._find(together, [wanted])[1]:
            pairs = _pairs(text)
            found[number] = pairs if len(pairs) == count else self._meta_one_by_one(table, key, number)
        return found

    def _meta_one_by_one(self, table: str, key: str, number: int) -> list[tuple[str, str]]:
        """The meta of an object that has more than the database gives together."""
        order_by = _META_ID.get(table, "meta_id")
        statement = f"SELECT meta_key, meta_value FROM {{{table}}} WHERE {key} = %s ORDER BY {order_by}"  # noqa: S608 - names of ours
        return [(name or "", value or "") for name, value in self._find(statement, [number])[1]]


def _pairs(text: str) -> list[tuple[str, str]]:
    """The keys and values in a text of _PAIRs, as far as it goes."""
    found, at = [], 0
    while len(lengths := text[at : at + _LENGTHS].split(":", 2)) == 3:
        of_key, of_both = int(lengths[0]), int(lengths[1])
        begin = at + len(lengths[0]) + len(lengths[1]) + 2
        at = begin + of_both
        if at > len(text):
            break  # the database cut it
        found.append((text[begin : begin + of_key], text[begin + of_key : at]))
    return found


def _problem(error: pymysql.MySQLError) -> ShopError:
    return ShopError("database", f"The database: {error.args[-1] if error.args else type(error).__name__}")
