"""How work on entries ended: their outcomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from bson import Binary
from pymongo import UpdateMany, UpdateOne

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.inbox.model import IGNORED, Outcome
from pos_api.inbox.outbox_events import marked_by_key, marking
from pos_api.outbox.interest import wants

_UNUSABLE = "unusable"
INTERRUPTIONS = {"alone": "", "interrupted_alone": ""}
E_MAIL_ADDRESSES = {"about": {"$regex": "@"}}
"""What an update pulls from an entry that is erased."""

ENDING_FIELDS = {"attention_at": "", "done_at": "", "ignored_at": "", "reason": "", "details": "", **INTERRUPTIONS}
"""What an update unsets in an entry that ended and is worked on again."""


def finish(
    db: Db,
    lease: str,
    outcomes: Iterable[tuple[str, Outcome]],
    reports: Collection[str] = (),
    moment: datetime | None = None,
) -> None:
    """Note how entries ended, and when (by default now), where `lease` still holds them. A parked one stays, with its
    reason, and is marked where a subscription wants that event. Those of `reports` may have been parked meanwhile (see
    `park`): that counts."""
    moment = moment or now()
    alike: dict[str, tuple[Outcome, list[str]]] = {}
    for key, outcome in outcomes:
        alike.setdefault(repr(outcome), (outcome, []))[1].append(key)
    held: Document = {"lease": lease}
    operations: list[UpdateOne | UpdateMany] = []
    for outcome, keys in alike.values():
        if outcome.outcome == "parked":
            operations += parking(db, keys, held, outcome, moment)
        else:
            operations.append(UpdateMany({"_id": {"$in": keys}, **held}, ending(outcome, moment)))
    if reports:
        parked_meanwhile = {"_id": {"$in": [*reports]}, "lease": lease, _UNUSABLE: {"$exists": True}}
        operations.insert(0, UpdateMany(parked_meanwhile, _ending_as_unusable(db, moment)))
    if operations:
        db.inbox.bulk_write(operations, ordered=bool(reports))


def parking(
    db: Db, keys: Iterable[str], condition: Document, outcome: Outcome, moment: datetime
) -> list[UpdateOne | UpdateMany]:
    """The steps that park these entries, where the condition holds: one for all, and where a subscription wants the
    event one for each, as each has a mark of its own."""
    parked = ending(outcome, moment)
    if not wants(db, "delivery"):
        return [UpdateMany({"_id": {"$in": [*keys]}, **condition}, parked)]
    return [UpdateOne({"_id": key, **condition}, parked | marking(moment, key=key)) for key in keys]


def _ending_as_unusable(db: Db, moment: datetime) -> list[Document]:
    """The update of an entry that was parked while it was worked on."""
    parked = {"state": "parked", "outcome": "parked", "attention_at": moment, "reason": f"${_UNUSABLE}"}
    if wants(db, "delivery"):
        parked |= marked_by_key(moment)
    return [{"$set": parked}, {"$unset": ["due_at", "lease", "details", _UNUSABLE, *INTERRUPTIONS]}]


def ending(outcome: Outcome, moment: datetime) -> Document:
    """The update of an entry that ended so at that moment."""
    parked = outcome.outcome == "parked"
    changes: Document = {
        "state": "parked" if parked else "done",
        "outcome": outcome.outcome,
        "attention_at" if parked else "done_at": moment,
    }
    if outcome.outcome == IGNORED:
        changes["ignored_at"] = changes["done_at"]
    if outcome.warnings:
        changes["warnings"] = [each.stored() for each in outcome.warnings]
    if outcome.reason:
        changes |= {"reason": outcome.reason, "details": outcome.details}
    ending: Document = {"$set": changes, "$unset": {"due_at": "", "lease": "", **INTERRUPTIONS}}
    if outcome.erased:
        ending["$set"] |= {"body": Binary(b""), "erased_at": moment}
        ending["$pull"] = E_MAIL_ADDRESSES
    return ending


def park(db: Db, key: str, reason: str) -> None:
    """Park an entry that had ended well: what arrived later shows that it can't be used. One that is still being worked
    on is parked when it ends."""
    moment = now()
    parked = ending(Outcome("parked", reason=reason), moment)
    if wants(db, "delivery"):
        parked |= marking(moment, key=key)
    parked["$unset"] |= {"done_at": "", "ignored_at": ""}
    when_it_ends = {"$set": {_UNUSABLE: reason}}
    db.inbox.bulk_write(
        [
            UpdateOne({"_id": key, "state": "waiting"}, when_it_ends),
            UpdateOne({"_id": key, "state": "done"}, parked),
        ]
    )
