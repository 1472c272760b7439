"""API keys of stores are added, listed and revoked. Two are active at a time, so that one is changed without a gap."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import pymongo
from pymongo.errors import PyMongoError

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, NotFound
from pos_api.staff import audit
from pos_api.stores import api_keys
from pos_api.stores.api_keys import ApiKey
from pos_api.stores.model import DEFAULT

SETTINGS_KEY = "WEBHOOK_API_KEY"
_ACTIVE_KEYS = 2
"""So many keys with the same scopes a store can have."""
DATABASE_TIMEOUT = 1.0
"""Seconds that a request waits here for a database whose stores are known already: it has its own steps to do there."""


def key_of_settings(config: Config, document: Document) -> ApiKey:
    """WEBHOOK_API_KEY: it may send deliveries, from anywhere, as long as it is set."""
    digest = api_keys.key_hash(config.webhook_api_key)
    known: Document = document.get("settings_key") or {}
    return ApiKey(DEFAULT, SETTINGS_KEY, digest, created_at=known["since"] if known.get("hash") == digest else None)


def note_settings_key(db: Db, config: Config) -> None:
    """Note since when WEBHOOK_API_KEY is what it is; called when the service starts."""
    digest = api_keys.key_hash(config.webhook_api_key)
    noted = {"hash": digest, "since": now(), "last_used_at": None}
    # DuplicateKeyError: it is the same as before. Where the database is away, the next start notes it.
    with suppress(PyMongoError), pymongo.timeout(DATABASE_TIMEOUT):
        db.stores.update_one(
            {"_id": DEFAULT, "settings_key.hash": {"$ne": digest}},
            {"$set": {"settings_key": noted}, "$setOnInsert": {"name": DEFAULT}},
            upsert=True,
        )


def add_key(
    db: Db,
    config: Config,
    name: str,
    *,
    expires_at: datetime | None = None,
    scopes: Sequence[str] = (api_keys.ORDERS,),
    networks: Sequence[str] = (),
) -> str:
    """Give a store another API key and return it. Two with the same scopes can be active, so that a key is changed
    without a gap; those that have expired make room. With `networks` it counts only when it is sent from one of them.

    Raises Invalid for an unknown scope or an unusable network, NotFound, and Conflict when there are two already.
    """
    key = api_keys.generate()
    document = api_keys.new_document(key, config, expires_at, scopes, networks)
    audited = {field: document[field] for field in ("prefix", "scopes", "networks", "expires_at")}
    with audit.act(db, "key.created", target=name, details=audited):
        db.stores.update_one({"_id": name}, {"$pull": {"keys": {"expires_at": {"$lte": now()}}}})
        if name == DEFAULT:
            db.stores.update_one({"_id": DEFAULT}, {"$setOnInsert": {"name": DEFAULT}}, upsert=True)
        room = {"$lt": [_keys_with(document["scopes"]), _ACTIVE_KEYS]}
        if not db.stores.update_one({"_id": name, "$expr": room}, {"$push": {"keys": document}}).matched_count:
            if db.stores.find_one({"_id": name}) is None:
                raise NotFound(f"There is no store {name!r}.")
            scope = ", ".join(document["scopes"])
            raise Conflict(f"{name!r} has {_ACTIVE_KEYS} keys with the scope {scope}; revoke one first.")
    return key


def _keys_with(scopes: list[str]) -> Document:
    """As an expression: how many keys with exactly these scopes a store has."""
    of_key = {"$ifNull": ["$$key.scopes", [api_keys.ORDERS]]}
    keys = {"$ifNull": ["$keys", []]}
    return {"$size": {"$filter": {"input": keys, "as": "key", "cond": {"$eq": [of_key, scopes]}}}}


def list_keys(db: Db, name: str) -> list[Document]:
    """A store's keys as `{"prefix", "scopes", "networks", "created_at", "expires_at", "last_used_at"}`; the first of
    the default store is that of the settings, if a service ran with it. Raises NotFound."""
    document = db.stores.find_one({"_id": name})
    if document is None:
        if name == DEFAULT:
            return []
        raise NotFound(f"There is no store {name!r}.")
    found = list(document.get("keys", []))
    if of_settings := document.get("settings_key"):
        found.insert(0, {"prefix": SETTINGS_KEY, "created_at": of_settings["since"], **of_settings})
    shown = ("prefix", "scopes", "networks", "created_at", "expires_at", "last_used_at")
    without = {"scopes": [api_keys.ORDERS], "networks": []}
    return [{field: key.get(field, without.get(field)) for field in shown} for key in found]


def revoke_key(db: Db, name: str, prefix: str) -> None:
    """Revoke the key with this `prefix`, as it is listed; the whole key will do as well. Raises NotFound."""
    prefix = api_keys.prefix(prefix.rstrip("…"))
    with audit.act(db, "key.revoked", target=name, details={"prefix": prefix}):
        changed = db.stores.update_one({"_id": name, "keys.prefix": prefix}, {"$pull": {"keys": {"prefix": prefix}}})
        if not changed.matched_count:
            raise NotFound(f"{name!r} has no key {prefix!r}; `pos-api key list {name}` shows what it has.")
