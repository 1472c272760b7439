"""Fencing tokens, and up to when changes of orders were noted.

A fencing token is a number from the database, drawn before reading. What was read under a later token is
never replaced by what was read under an earlier one.

`rollup_state` has two documents. `token` has the `number` of the last token. `noted` has `until`, the server's
`changed_at` up to which changes were noted; `measures`, the version of the measures that is kept; and `generation`,
the token under which all was last begun anew: who noted changes before that does not move `until` after it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from bson import Timestamp
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from pos_api.database.client import Db, Document
from pos_api.errors import Unavailable
from pos_api.figures import measures

_NOTED = {"_id": "noted"}
_RETRY_AFTER = 30


class NewerMeasures(Unavailable):
    """A newer version of the service, with other measures, keeps the figures of this database."""

    def __init__(self) -> None:
        super().__init__("A newer version of the service keeps the figures; ask that one.", retry_after=_RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class Noted:
    """Up to when changes were noted, since when; None for not at all."""

    generation: int
    until: Timestamp | None


def draw_token(db: Db) -> int:
    """A fencing token greater than all before it."""
    drawn: Document | None = db.rollup_state.find_one_and_update(
        {"_id": "token"}, {"$inc": {"number": 1}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert drawn is not None
    token: int = drawn["number"]
    return token


def noted(db: Db) -> Noted:
    """Up to when changes were noted. Where that was for an older version of the measures, all begins anew. Raises
    NewerMeasures."""
    state = db.rollup_state.find_one(_NOTED)
    while state is None or state["measures"] < measures.VERSION:
        _start_over(db, {"measures": {"$lt": measures.VERSION}})
        state = db.rollup_state.find_one(_NOTED)
    if state["measures"] > measures.VERSION:
        raise NewerMeasures
    return Noted(state["generation"], state.get("until"))


def start_over(db: Db) -> None:
    """Remove what was noted, so that every order is noted as changed, and counted for this version of the measures."""
    _start_over(db, {})


def _start_over(db: Db, where: Document) -> None:
    generation = draw_token(db)
    older = {**_NOTED, "generation": {"$lt": generation}, **where}
    new = {"$set": {"generation": generation, "measures": measures.VERSION}, "$unset": {"until": ""}}
    with suppress(DuplicateKeyError):  # somebody else has just done it
        db.rollup_state.update_one(older, new, upsert=True)


def note_until(db: Db, generation: int, until: Timestamp) -> bool:
    """Note that all changes up to then are noted; False where all was begun anew since `generation`."""
    same = {**_NOTED, "generation": generation}
    return db.rollup_state.update_one(same, {"$max": {"until": until}}).matched_count > 0
