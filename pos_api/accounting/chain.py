"""The chain of entries: each has a number and a hash over all that it says and over the hash of the one before, so that
a change of any of them, or one that is missing, shows. Pure: no database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bson import Decimal128

START = "0" * 64
"""What stands for the hash before the first entry."""


def canonical(value: Any) -> bytes:
    """JSON of a value with sorted names and no blanks: the same bytes for the same content."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_text).encode()


def _text(value: Any) -> str:
    if isinstance(value, Decimal128):
        return str(value.to_decimal())
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} can't be part of an entry")


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def sealed(entry: Mapping[str, Any], number: int, previous: str) -> dict[str, Any]:
    """The entry with its number and its hash."""
    numbered = {**entry, "number": number, "previous": previous}
    return {**numbered, "hash": digest(numbered)}


def problems(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with stored entries, in the order of their numbers: one sentence for each that is missing, was
    changed, or does not follow the one before."""
    number, previous = 0, START
    for entry in entries:
        if entry["number"] != number + 1:
            yield f"Between entry {number} and entry {entry['number']} some are missing, or one is there twice."
        elif entry["previous"] != previous:
            yield f"Entry {entry['number']} ({entry['_id']}) does not follow the one before it."
        if digest({name: value for name, value in entry.items() if name != "hash"}) != entry["hash"]:
            yield f"Entry {entry['number']} ({entry['_id']}) was changed after it was made."
        number, previous = entry["number"], entry["hash"]
