"""Who closes days at the moment: one process at a time, on the database's clock."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pymongo import ReturnDocument

from pos_api.database.client import DURABLE, Db
from pos_api.errors import Conflict

SECONDS = 60
"""How long a lease lasts that nobody renews."""
_LEASE = "closing"
_UNTIL = {"$add": ["$$NOW", SECONDS * 1000]}


class ClosedElsewhere(Conflict):
    """Another process is closing days."""

    def __init__(self) -> None:
        super().__init__("A day is being closed by another process; try again in a minute.")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to make entries. `token` grows with each lease, so that what an earlier holder wrote is recognized."""

    db: Db
    holder: str
    token: int

    def renew(self) -> None:
        """Go on; raises ClosedElsewhere where another process has the lease meanwhile."""
        own = {"_id": _LEASE, "holder": self.holder, "token": self.token}
        collection = self.db.accounting_state.with_options(write_concern=DURABLE)
        if not collection.update_one(own, [{"$set": {"until": _UNTIL}}]).matched_count:
            raise ClosedElsewhere


@contextmanager
def closing(db: Db) -> Iterator[Lease]:
    """Have the lease while the block runs. Raises ClosedElsewhere where another process has it."""
    holder = uuid.uuid4().hex
    collection = db.accounting_state.with_options(write_concern=DURABLE)
    free = {"_id": _LEASE, "$or": [{"holder": ""}, {"$expr": {"$lt": ["$until", "$$NOW"]}}]}
    taken = {"holder": holder, "token": {"$add": [{"$ifNull": ["$token", 0]}, 1]}, "until": _UNTIL}
    collection.update_one({"_id": _LEASE}, {"$setOnInsert": {"holder": ""}}, upsert=True)
    found = collection.find_one_and_update(free, [{"$set": taken}], return_document=ReturnDocument.AFTER)
    if found is None:
        raise ClosedElsewhere
    lease = Lease(db, holder, found["token"])
    try:
        yield lease
    finally:
        own = {"_id": _LEASE, "holder": holder, "token": lease.token}
        collection.update_one(own, {"$set": {"holder": ""}})
