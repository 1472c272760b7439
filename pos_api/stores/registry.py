"""Every store and API key, known without a query: the store of the settings, and those of `pos-api store add`."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace

import pymongo
from cryptography.fernet import InvalidToken
from pymongo.errors import PyMongoError

from pos_api.common.time import now
from pos_api.config import Config, ConfigError
from pos_api.customers.erasures import Erasures
from pos_api.database.client import Db, Document
from pos_api.database.sealing import unseal
from pos_api.logs import get_logger
from pos_api.stores import api_keys
from pos_api.stores.api_keys import ApiKey
from pos_api.stores.key_management import DATABASE_TIMEOUT, key_of_settings
from pos_api.stores.model import DEFAULT, Store, site_of

log = get_logger(__name__)

_LAST_USED_EVERY = 60.0
_FIRST_READ = 3.0
"""Seconds that the first who asks waits for a database that hangs; senders wait for five."""


class Stores:
    """Every store and API key, from the environment and the database, re-read after `max_age` seconds.

    A new or revoked key is therefore known to every process within that time, and a request costs no query for it.
    While they can't be read, what was known last goes on; it is tried again as often, not by every request in turn.
    """

    def __init__(self, db: Db, config: Config, max_age: float = 5.0) -> None:
        self._db = db
        self._config = config
        self._max_age = max_age
        self.erasures = Erasures(db, config, max_age)
        self._read_at = float("-inf")
        self._failure: PyMongoError | None = None
        self._lock = threading.Lock()
        self._stores: dict[str, Store] = {}
        self._keys: dict[str, ApiKey] = {}
        self._marked: dict[str, float] = {}

    def all(self) -> list[Store]:
        """Every store, the default one first."""
        self._refresh()
        return list(self._stores.values())

    def read_again(self) -> None:
        """Read stores and keys anew when they are next asked for: whoever changes them wants to see that at once."""
        self._read_at = float("-inf")

    def of_kind(self, kind: str) -> list[Store]:
        """The stores of this kind."""
        return [store for store in self.all() if store.kind == kind]

    def get(self, store_id: str) -> Store:
        """The store of that id; one that was removed meanwhile is known by its id alone."""
        self._refresh()
        return self._stores.get(store_id) or Store(
            store_id, store_id, self._config.store_kind, order_meta=self._config.order_meta, erasures=self.erasures
        )

    def of_key(self, key: str) -> ApiKey | None:
        """What an API key may do and for which store; None when it is unknown, revoked or expired."""
        self._refresh()
        known = self._keys.get(api_keys.key_hash(key))
        return None if known is None or known.is_expired(now()) else known

    def note_key_used(self, key: ApiKey) -> None:
        """Note that a key was used just now, to the minute."""
        moment = time.monotonic()
        if self._failure or moment - self._marked.get(key.hash, float("-inf")) < _LAST_USED_EVERY:
            return
        self._marked[key.hash] = moment
        with (
            suppress(PyMongoError),
            pymongo.timeout(DATABASE_TIMEOUT),
        ):  # it is for people to see; no request fails for it
            for field, used in (("keys.hash", "keys.$"), ("settings_key.hash", "settings_key")):
                marked = {"$set": {f"{used}.last_used_at": now()}}
                if self._db.stores.update_one({"_id": key.store, field: key.hash}, marked).matched_count:
                    break

    def key_ages(self) -> dict[str, float]:
        """How old each store's oldest key that still counts is, in seconds. Of the key of the settings that is how long
        the service has known it."""
        self._refresh()
        moment = now()
        ages: dict[str, float] = {}
        for key in list(self._keys.values()):
            if key.created_at and not key.is_expired(moment):
                ages[key.store] = max(ages.get(key.store, 0.0), (moment - key.created_at).total_seconds())
        return ages

    def bind_to_site(self, store: Store, address: str) -> None:
        """Note the site of a store whose first delivery this is; it costs a write once."""
        if store.site is not None or not (site := site_of(address)):
            return
        first = {"_id": store.id, "site": {"$exists": False}}
        noted = {"$set": {"site": site}, "$setOnInsert": {"name": store.id}}
        with suppress(PyMongoError), pymongo.timeout(DATABASE_TIMEOUT):  # the next delivery does it
            self._db.stores.update_one(first, noted, upsert=store.id == DEFAULT)
        self._read_at = float("-inf")

    def _refresh(self) -> None:
        if time.monotonic() - self._read_at >= self._max_age:
            with self._lock:
                if time.monotonic() - self._read_at >= self._max_age:
                    self._try_to_read()
        if self._failure and not self._stores:
            raise self._failure.with_traceback(None)

    def _try_to_read(self) -> None:
        try:
            with pymongo.timeout(DATABASE_TIMEOUT if self._stores else _FIRST_READ):
                self._read()
            self._failure = None
        except PyMongoError as error:
            log.error("stores and keys could not be read", error=type(error).__name__)
            self._failure = error
        self._read_at = time.monotonic()

    def _read(self) -> None:
        self.erasures.refresh()
        documents = {document["_id"]: document for document in self._db.stores.find()}
        stores = {DEFAULT: _from_config(self._config, documents.get(DEFAULT, {}))}
        keys: dict[str, ApiKey] = {}
        for name, document in documents.items():
            if name != DEFAULT:
                stores[name] = _from_document(document, self._config)
            for key in document.get("keys", []):
                keys[key["hash"]] = api_keys.of_document(name, key)
        of_settings = key_of_settings(self._config, documents.get(DEFAULT, {}))
        keys[of_settings.hash] = of_settings
        paid_by: dict[str, list[str]] = defaultdict(list)
        for name, store in stores.items():
            if orders_of := store.settings.get("orders_of"):
                paid_by[orders_of].append(name)
        self._stores = {
            name: replace(store, erasures=self.erasures, paid_by=tuple(paid_by.get(name, ())))
            for name, store in stores.items()
        }
        self._keys = keys


def stored_currency(db: Db, store: str) -> str:
    """The currency that a store has now; blank where it has none."""
    document = db.stores.find_one({"_id": store}, {"currency": 1})
    return str(document.get("currency", "")) if document else ""


def _from_config(config: Config, document: Document) -> Store:
    return Store(
        id=DEFAULT,
        name=config.store_name,
        kind=config.store_kind,
        url=document.get("url", config.store_url),
        timezone=document.get("timezone", config.store_timezone),
        currency=document.get("currency", ""),
        live_since=document.get("live_since"),
        webhook_secrets=(config.webhook_secret,),
        site=document.get("site"),
        order_meta=config.order_meta,
    )


def _from_document(document: Document, config: Config) -> Store:
    return Store(
        id=document["_id"],
        name=document["name"],
        added_at=document.get("created_at"),
        kind=document.get("kind", config.store_kind),
        url=document.get("url", ""),
        timezone=document.get("timezone", "UTC"),
        currency=document.get("currency", ""),
        live_since=document.get("live_since"),
        webhook_secrets=_opened(document, config),
        settings=document.get("settings", {}),
        site=document.get("site"),
        order_meta=config.order_meta,
    )


def _opened(document: Document, config: Config) -> tuple[str, ...]:
    """The store's webhook secret, and while it is rotated the one before. One that none of SECRETS_KEYS opens affects
    that store alone."""
    sealed = (document.get("webhook_secret"), document.get("former_webhook_secret"))
    try:
        return tuple(unseal(each, config) for each in sealed if each)
    except (ConfigError, InvalidToken):
        log.error("the webhook secret can't be opened with SECRETS_KEYS; set it anew", store=document["_id"])
        return ()
