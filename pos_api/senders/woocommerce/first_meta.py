"""Reading meta data of orders and lines by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def first_meta(entries: Iterable[Mapping[str, Any]], key: str) -> Any:
    """The value of meta data (entries with `key` and `value`) that counts where a key comes several times, as in
    `WC_Data::get_meta`: the first; None without any."""
    return next((entry["value"] for entry in entries if entry["key"] == key and entry["value"] is not None), None)
