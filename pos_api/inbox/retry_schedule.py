"""When an entry that could not be applied is tried again, and for how many times."""

from __future__ import annotations

import random
from datetime import timedelta

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.inbox.finishing import INTERRUPTIONS
from pos_api.inbox.model import InboxEntry
from pos_api.inbox.outbox_events import marking
from pos_api.outbox.interest import wants

MAX_ATTEMPTS = 8
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 600.0
"""Seconds; each pause is twice the one before."""
_LATEST = timedelta(seconds=2 * _LONGEST_PAUSE)
_random = random.SystemRandom()


def is_last_attempt(entry: InboxEntry) -> bool:
    """Whether an entry that could not be applied once more has failed."""
    return entry.attempts + 1 >= MAX_ATTEMPTS


def fail(db: Db, lease: str, entry: InboxEntry, reason: str) -> None:
    """Note that an entry could not be applied: it is due again after a growing pause, and after the last attempt it
    is failed, for people to look at and to replay."""
    attempts = entry.attempts + 1
    changes: Document = {"attempts": attempts, "reason": reason}
    removed = {"lease": "", **INTERRUPTIONS}
    marks: Document = {}
    if not is_last_attempt(entry):
        pause = min(_FIRST_PAUSE * 2**attempts, _LONGEST_PAUSE) * _random.uniform(0.75, 1.25)
        changes["due_at"] = now() + timedelta(seconds=pause)
    else:
        moment = now()
        changes |= {"state": "failed", "attention_at": moment}
        removed["due_at"] = ""
        if wants(db, "delivery"):
            marks = marking(moment, key=entry.key)
    db.inbox.update_one({"_id": entry.key, "lease": lease}, {"$set": changes, "$unset": removed, **marks})


def bring_forward(db: Db) -> None:
    """Make due now what is due later than after any pause: it was written while a clock was ahead."""
    moment = now()
    db.inbox.update_many({"due_at": {"$gt": moment + _LATEST}}, {"$set": {"due_at": moment}})
