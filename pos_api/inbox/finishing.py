"""How work on entries ended: their outcomes, and when a failed one is due again."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta

from bson import Binary
from pymongo import UpdateMany

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.inbox.model import InboxEntry, Outcome

MAX_ATTEMPTS = 8
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 600.0

_INTERRUPTIONS = {"alone": "", "interrupted_alone": ""}
ADDRESSES = {"about": {"$regex": "@"}}

ENDED = {"attention_at": "", "done_at": "", "reason": "", "details": "", **_INTERRUPTIONS}


def finish(db: Db, lease: str, outcomes: Iterable[tuple[str, Outcome]]) -> None:
    """Note how entries ended, where `lease` still holds them. A parked one stays, with its reason."""
    alike: dict[str, tuple[Outcome, list[str]]] = {}
    for key, outcome in outcomes:
        alike.setdefault(repr(outcome), (outcome, []))[1].append(key)
    operations = [
        UpdateMany({"_id": {"$in": keys}, "lease": lease}, ending(outcome)) for outcome, keys in alike.values()
    ]
    if operations:
        db.inbox.bulk_write(operations, ordered=False)


def ending(outcome: Outcome) -> Document:
    """The update of an entry that ended so."""
    parked = outcome.outcome == "parked"
    changes: Document = {
        "state": "parked" if parked else "done",
        "outcome": outcome.outcome,
        "attention_at" if parked else "done_at": now(),
    }
    if outcome.warnings:
        changes["warnings"] = [each.stored() for each in outcome.warnings]
    if outcome.reason:
        changes |= {"reason": outcome.reason, "details": outcome.details}
    ending: Document = {"$set": changes, "$unset": {"due_at": "", "lease": "", **_INTERRUPTIONS}}
    if outcome.erased:
        ending["$set"] |= {"body": Binary(b""), "erased_at": now()}
        ending["$pull"] = ADDRESSES
    return ending


def fail(db: Db, lease: str, entry: InboxEntry, reason: str) -> None:
    """Note that an entry could not be applied: it is due again after a growing pause, and after the last attempt it
    is failed, for people to look at and to replay."""
    attempts = entry.attempts + 1
    changes: Document = {"attempts": attempts, "reason": reason}
    removed = {"lease": "", **_INTERRUPTIONS}
    if attempts < MAX_ATTEMPTS:
        pause = min(_FIRST_PAUSE * 2**attempts, _LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
        changes["due_at"] = now() + timedelta(seconds=pause)
    else:
        changes |= {"state": "failed", "attention_at": now()}
        removed["due_at"] = ""
    db.inbox.update_one({"_id": entry.key, "lease": lease}, {"$set": changes, "$unset": removed})
