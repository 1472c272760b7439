"""Bodies of entries are erased when the person they are about is."""

from __future__ import annotations

from collections.abc import Iterable

from bson import Binary

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.inbox.finishing import E_MAIL_ADDRESSES
from pos_api.inbox.model import Noun


def entries_about(about: Iterable[str], *, store: str | None = None, noun: Noun = "") -> Document:
    """A query for the entries that are `about` any of these, of a store and about a noun where these are named: an
    order, a product and a customer of a store may have the same number."""
    query: Document = {"about": {"$in": list(about)}, "erased_at": None}
    if store:
        query["store"] = store
    if noun:
        query["noun"] = noun
    return query


def erase_bodies(db: Db, query: Document) -> int:
    """Erase the bodies of the entries that match and have ended, with what was odd in them; returns how many. Those
    that needed a look are done: there is nothing left to look at. Those that wait are erased when they end."""
    moment = now()
    changes: Document = {
        "$set": {"body": Binary(b""), "erased_at": moment, "state": "done", "done_at": moment},
        "$unset": {"details": "", "warnings": "", "attention_at": ""},
        "$pull": E_MAIL_ADDRESSES,
    }
    return db.inbox.update_many({**query, "state": {"$ne": "waiting"}}, changes).modified_count
