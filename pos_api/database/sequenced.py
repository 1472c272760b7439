"""Saving the state of a thing that is worked out from numbered reports: the one of the greater number stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from bson import Timestamp
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from pos_api.database.client import Document

Outcome: TypeAlias = Literal["created", "updated", "unchanged", "stale"]

_ATTEMPTS = 50
_SERVER_TIME = Timestamp(0, 0)
"""MongoDB fills in its own time where a document is inserted or replaced."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a state: the document as it was, None for none, and as it is now."""

    outcome: Outcome
    before: Document | None
    after: Document


def save_newer(
    collection: Collection[Any],
    state: Document,
    *,
    kept: tuple[str, ...] = (),
    complete: Callable[[Document, Document | None], None] | None = None,
    stamped: bool = False,
) -> Saved:
    """Save `state` (with `_id` and `sequence`) in place of what is stored, unless that has a greater `sequence`.

    Of a stored document the fields `kept` stay as they are; those that `state` does not have are removed. `complete`
    sets what else follows from the stored document: it is given the new one, and the stored one or None. `rev` is set:
    1, and one more with each change of something besides `sequence`. With `stamped` each write sets `changed_at`, the
    server's time, by which changes are found; it is no part of what is returned.
    """
    stamp = {"changed_at": _SERVER_TIME} if stamped else {}
    for _ in range(_ATTEMPTS):
        before = _read(collection, state["_id"])
        if before is None:
            after = {**state, "rev": 1}
            if complete:
                complete(after, None)
            if _insert(collection, {**after, **stamp}):
                return Saved("created", None, after)
            continue
        if before["sequence"] > state["sequence"]:
            return Saved("stale", before, before)
        after = {**state, **{name: before[name] for name in kept if name in before}, "rev": before["rev"]}
        if complete:
            complete(after, before)
        if after == before:
            return Saved("unchanged", before, before)
        changed = {**after, "sequence": before["sequence"]} != before
        after["rev"] += changed
        unchanged_since = {"_id": state["_id"], "sequence": before["sequence"], "rev": before["rev"]}
        if collection.replace_one(unchanged_since, {**after, **stamp}).matched_count:
            return Saved("updated" if changed else "unchanged", before, after)
    raise RuntimeError(f"{state['_id']!r} kept changing while it was saved")


def _read(collection: Collection[Any], identifier: str) -> Document | None:
    """The stored document, without when it was changed."""
    found: Document | None = collection.find_one({"_id": identifier})
    if found is not None:
        found.pop("changed_at", None)
    return found


def _insert(collection: Collection[Any], document: Document) -> bool:
    """Insert a document; False where somebody else did."""
    try:
        collection.insert_one(document)
    except DuplicateKeyError:
        return False
    return True
