"""Entries are stored once, durably, before anything is done about them; and how many of them wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from bson import Binary
from pymongo.errors import BulkWriteError

from pos_api.common import email_addresses
from pos_api.common.time import now
from pos_api.database.client import DURABLE, Db, Document
from pos_api.database.write_errors import only_collisions
from pos_api.inbox.leases import LEASE
from pos_api.inbox.model import InboxEntry, StoredEntry


def store(db: Db, entries: list[InboxEntry], lease: str | None) -> set[str]:
    """Store entries durably, leased to `lease` (None: whoever comes first takes them); returns the keys that are new.

    One round trip. It waits for the journal of a majority, for the duplicates too, so that a duplicate is never
    answered for a first that could still be lost. Raises PyMongoError when they could not all be stored.
    """
    documents = cast(list[Document], [_document(entry, lease) for entry in entries])
    try:
        db.inbox.with_options(write_concern=DURABLE).insert_many(documents, ordered=False)
    except BulkWriteError as error:
        known = set(only_collisions(error))
        return {entry.key for index, entry in enumerate(entries) if index not in known}
    return {entry.key for entry in entries}


def _document(entry: InboxEntry, lease: str | None) -> StoredEntry:
    document: StoredEntry = {
        "_id": entry.key,
        "store": entry.store,
        "kind": entry.kind,
        "topic": entry.topic,
        "noun": entry.noun,
        "resource_id": entry.resource_id,
        "headers": dict(entry.headers),
        "body": Binary(entry.body),
        "about": about(entry),
        "received_at": entry.received_at,
        "state": "waiting",
        "attempts": 0,
        "due_at": now() + LEASE if lease else entry.received_at,
    }
    if lease:
        document["lease"] = lease
    if entry.refused:
        document["refused"] = entry.refused
    return document


def about(entry: InboxEntry) -> list[str]:
    """What an entry is found by when a person is looked for."""
    named = [f"{entry.store}:{entry.resource_id}"] if entry.resource_id else []
    return named + email_addresses.addresses(entry.body)


def states(db: Db, keys: Iterable[str]) -> dict[str, str]:
    """The state of each of these entries that the inbox has."""
    wanted = list(keys)
    found = db.inbox.find({"_id": {"$in": wanted}}, {"state": 1}) if wanted else ()
    return {entry["_id"]: entry["state"] for entry in found}


def waiting(db: Db) -> int:
    """How many entries wait or are being worked on."""
    return db.inbox.count_documents({"due_at": {"$exists": True}}, hint="due_at_1")
