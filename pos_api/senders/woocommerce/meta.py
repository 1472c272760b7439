"""Meta data of orders and lines: what plugins of a shop keep with them, in any shape.

A value that PHP serialized is decoded; one that MongoDB or a query could misread (keys with `$`, `.` or nothing, deep
nesting, huge numbers) is kept as JSON text. Nothing in here can cost the order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import phpserialize

from pos_api.common.value_limits import INT64_MAX
from pos_api.database.client import Document
from pos_api.senders.fields import FieldPath
from pos_api.senders.values import is_nothing, visible

_PHP_LIMIT = 16_384
_DEPTH = 8


def read_meta(value: Any, path: FieldPath, is_kept: Callable[[str], bool]) -> list[Document]:
    """The entries of `meta_data` whose key `is_kept`, each with `key` and `value`; what is no entry is left out, with a
    warning. Others cost nothing more: plugins write a lot that nobody needs here.

    They come as a list, as an object keyed by number (PHP's way to write a list with a hole), or as an object of
    values by key. Raises ValueError for anything else.
    """
    entries = []
    for number, each in enumerate(_entries(value)):
        if is_nothing(each):
            continue
        key = each.get("key") if isinstance(each, dict) else None
        if isinstance(key, bool) or not isinstance(key, str | int | float):
            path.left_out(number, "must be an object with a key")
            continue
        if is_kept(name := visible(str(key))):
            entries.append({"key": name, "value": meta_value(each.get("value"))})
    return entries


def _entries(value: Any) -> list[Any]:
    if is_nothing(value):
        return []
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise ValueError("must be a list")
    if "key" in value:
        return [value]
    if all(name.isdecimal() for name in value) or all(
        isinstance(each, dict) and "key" in each for each in value.values()
    ):
        return list(value.values())
    return [{"key": name, "value": each} for name, each in value.items()]


def first_meta(entries: Iterable[Mapping[str, Any]], key: str) -> Any:
    """The value of meta data (entries with `key` and `value`) that counts where a key comes several times, as in
    `WC_Data::get_meta`: the first; None without any."""
    return next((entry["value"] for entry in entries if entry["key"] == key and entry["value"] is not None), None)


def meta_value(value: Any) -> Any:
    """A meta value as it may be stored."""
    if isinstance(value, str):
        value = _php_value(value)
    try:
        return _storable(value, _DEPTH)
    except ValueError:
        return visible(json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value))


def _php_value(text: str) -> Any:
    """What PHP serialized (`a:1:{…}`, `O:8:"stdClass":…`); text that is not sound, or large, stays as it is."""
    if not (text.startswith(("a:", "O:")) and text.endswith("}") and len(text) <= _PHP_LIMIT):
        return text
    try:
        decoded = phpserialize.loads(
            text.encode(), decode_strings=True, array_hook=_php_array, object_hook=lambda _, members: members
        )
        _storable(decoded, _DEPTH)
    except Exception:  # whatever the library makes of it
        return text
    return decoded if isinstance(decoded, dict | list) else text


def _php_array(pairs: list[tuple[Any, Any]]) -> Any:
    if [key for key, _ in pairs] == list(range(len(pairs))):
        return [value for _, value in pairs]
    return {str(key): value for key, value in pairs}


def _storable(value: Any, depth: int) -> Any:
    """The value with names and texts that can be stored. Raises ValueError where that would change what it says."""
    if isinstance(value, str):
        return visible(value)
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        return [_storable(item, depth - 1) for item in value]
    if isinstance(value, dict):
        members = {_property(name): _storable(member, depth - 1) for name, member in value.items()}
        if len(members) < len(value) or any(not name or name[0] == "$" or "." in name for name in members):
            raise ValueError("has a name that can't be stored")
        return members
    if isinstance(value, int | float) and not abs(value) <= INT64_MAX:
        raise ValueError("out of range")
    return value


def _property(name: str) -> str:
    """The name of a property: PHP writes that of a private or protected one as NUL, class or `*`, NUL, name."""
    return visible(name.rpartition("\0")[2] if name.startswith("\0") else name)
