"""Who was sent what is in the outbox: the recipients that a person may ask for (GDPR, Article 15(1)(c))."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from pos_api.common.batches import in_batches
from pos_api.database.client import Db, Document
from pos_api.outbox.collections import deliveries, events
from pos_api.outbox.erasure import events_about

_BATCH = 500


def recipients(db: Db, about: Iterable[str]) -> list[Document]:
    """Whom the events about these were sent to with all that the API shows, as far as they are kept: `host`, the number
    of `events`, when it was `first_sent_at` and `last_sent_at`. Whoever answered was sent it, whatever the answer."""
    found: dict[str, Document] = {}
    about_them = events(db).find(events_about(about), {"_id": 1})
    for batch in in_batches((each["_id"] for each in about_them), _BATCH):
        for sent in deliveries(db).aggregate(_sent(batch)):
            _add(found, urlsplit(sent["_id"]).hostname or "", sent)
    return sorted(found.values(), key=lambda each: str(each["host"]))


def _sent(batch: list[str]) -> list[Document]:
    attempts = {"log.payload": "full", "log.status": {"$exists": True}}
    times = {"first": {"$min": "$log.at"}, "last": {"$max": "$log.at"}, "events": {"$addToSet": "$event"}}
    return [
        {"$match": {"event": {"$in": batch}}},
        {"$unwind": "$log"},
        {"$match": attempts},
        {"$group": {"_id": "$log.url", **times}},
    ]


def _add(found: dict[str, Document], host: str, sent: Any) -> None:
    known = found.setdefault(
        host, {"host": host, "events": 0, "first_sent_at": sent["first"], "last_sent_at": sent["last"]}
    )
    known["events"] += len(sent["events"])
    known["first_sent_at"] = min(known["first_sent_at"], sent["first"])
    known["last_sent_at"] = max(known["last_sent_at"], sent["last"])
