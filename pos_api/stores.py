"""The shops that send orders here: the one from the environment, and those added with `pos-api store add`."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pymongo
from babel.numbers import list_currencies
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pymongo.errors import DuplicateKeyError, PyMongoError

from . import audit
from .config import Config, ConfigError
from .db import Db, Document
from .errors import Conflict, Invalid, NotFound
from .logs import get_logger
from .values import now

log = get_logger(__name__)

DEFAULT = "default"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_KEY_PREFIX = "pos_"
_SHOWN = 12
_ACTIVE_KEYS = 2
_LAST_USED_EVERY = 60.0
_PATIENCE = 1.0
"""Seconds that a request waits here for a database whose stores are known already: it has its own steps to do there."""


@dataclass(frozen=True, slots=True)
class Store:
    """One shop, as the rest of the service needs it."""

    id: str
    name: str
    url: str = ""
    timezone: str = "UTC"
    currency: str = ""
    live_since: datetime | None = None
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    site: str | None = None
    order_meta: tuple[str, ...] = ()
    """Keys of orders' meta data that are kept besides those that are needed; with `*` at the end, their beginnings."""

    def is_from_elsewhere(self, address: str) -> bool:
        """Whether a delivery that names this address comes from another site than the shop's, such as a copy of it for
        tests. Scheme, `www.`, port, folder and language make no other site. False where either is not known; a blank
        `site` takes all."""
        site = site_of(address)
        return bool(self.site and site and site != self.site)

    def moment(self, local: datetime) -> datetime:
        """The moment, in UTC, of a time on the shop's clock. Raises OverflowError beyond all there are."""
        return (local if local.tzinfo else local.replace(tzinfo=ZoneInfo(self.timezone))).astimezone(UTC)

    def local_day(self, moment: datetime) -> str:
        """The calendar day of `moment` in the shop's time zone, as `2026-11-22`."""
        try:
            return moment.astimezone(ZoneInfo(self.timezone)).date().isoformat()
        except OverflowError:  # the first and the last day there are
            return moment.date().isoformat()


def key_hash(key: str) -> str:
    """What is kept of an API key: its SHA-256. A random key of 256 bits needs no slow hash."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class Stores:
    """Every store and API key, from the environment and the database, re-read after `max_age` seconds.

    A new or revoked key is therefore known to every process within that time, and a request costs no query for it.
    While they can't be read, what was known last goes on; it is tried again as often, not by every request in turn.
    """

    def __init__(self, db: Db, config: Config, max_age: float = 5.0) -> None:
        self._db = db
        self._config = config
        self._max_age = max_age
        self._read_at = float("-inf")
        self._failure: PyMongoError | None = None
        self._lock = threading.Lock()
        self._stores: dict[str, Store] = {}
        self._keys: dict[str, tuple[str, datetime | None]] = {}
        self._marked: dict[str, float] = {}

    def all(self) -> list[Store]:
        """Every store, the default one first."""
        self._refresh()
        return list(self._stores.values())

    def get(self, store_id: str) -> Store:
        """The store of that id; one that was removed meanwhile is known by its id alone."""
        self._refresh()
        return self._stores.get(store_id) or Store(store_id, store_id, order_meta=self._config.order_meta)

    def of_key(self, key: str) -> Store | None:
        """The store an API key belongs to; None when it is unknown, revoked or expired."""
        self._refresh()
        digest = key_hash(key)
        known = self._keys.get(digest)
        if known is None:
            return None
        store_id, expires_at = known
        if expires_at is not None and expires_at <= now():
            return None
        self._mark_used(store_id, digest)
        return self._stores.get(store_id)

    def remember_site(self, store: Store, address: str) -> None:
        """Note the site of a store whose first delivery this is; it costs a write once."""
        if store.site is not None or not (site := site_of(address)):
            return
        first = {"_id": store.id, "site": {"$exists": False}}
        noted = {"$set": {"site": site}, "$setOnInsert": {"name": store.id}}
        with suppress(PyMongoError), pymongo.timeout(_PATIENCE):  # the next delivery does it
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
            with pymongo.timeout(_PATIENCE if self._stores else None):
                self._read()
            self._failure = None
        except PyMongoError as error:
            log.error("stores and keys could not be read", error=type(error).__name__)
            self._failure = error
        self._read_at = time.monotonic()

    def _read(self) -> None:
        documents = {document["_id"]: document for document in self._db.stores.find()}
        stores = {DEFAULT: _from_config(self._config, documents.get(DEFAULT, {}))}
        keys: dict[str, tuple[str, datetime | None]] = {key_hash(self._config.webhook_api_key): (DEFAULT, None)}
        for name, document in documents.items():
            if name != DEFAULT:
                stores[name] = _from_document(document, self._config)
            for key in document.get("keys", []):
                keys[key["hash"]] = (name, key.get("expires_at"))
        self._stores, self._keys = stores, keys

    def _mark_used(self, store_id: str, digest: str) -> None:
        moment = time.monotonic()
        if self._failure or moment - self._marked.get(digest, float("-inf")) < _LAST_USED_EVERY:
            return
        self._marked[digest] = moment
        with suppress(PyMongoError), pymongo.timeout(_PATIENCE):  # it is for people to see; no request fails for it
            self._db.stores.update_one({"_id": store_id, "keys.hash": digest}, {"$set": {"keys.$.last_used_at": now()}})


def _from_config(config: Config, document: Document) -> Store:
    return Store(
        id=DEFAULT,
        name=config.store_name,
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
        url=document.get("url", ""),
        timezone=document.get("timezone", "UTC"),
        currency=document.get("currency", ""),
        live_since=document.get("live_since"),
        webhook_secrets=_opened(document, config),
        site=document.get("site"),
        order_meta=config.order_meta,
    )


def _opened(document: Document, config: Config) -> tuple[str, ...]:
    """The store's webhook secret. One that none of SECRETS_KEYS opens is the trouble of that store alone."""
    if not (sealed := document.get("webhook_secret")):
        return ()
    try:
        return (unseal(sealed, config),)
    except (ConfigError, InvalidToken):
        log.error("the webhook secret can't be opened with SECRETS_KEYS; set it anew", store=document["_id"])
        return ()


def _cipher(config: Config) -> MultiFernet:
    if not config.secrets_keys:
        raise ConfigError("SECRETS_KEYS is not set; stored secrets need it. `pos-api init` makes one.")
    try:
        return MultiFernet([Fernet(key) for key in config.secrets_keys])
    except ValueError:
        raise ConfigError("SECRETS_KEYS holds something that is not a Fernet key; `pos-api init` makes one.") from None


def seal(secret: str, config: Config) -> bytes:
    """A secret as it may be stored: encrypted with the first of SECRETS_KEYS (Fernet)."""
    return _cipher(config).encrypt(secret.encode())


def unseal(sealed: bytes, config: Config) -> str:
    """The secret again; any of SECRETS_KEYS may have sealed it, so that keys can be rotated."""
    return _cipher(config).decrypt(sealed).decode()


def add(
    db: Db, config: Config, name: str, *, url: str = "", timezone: str = "UTC", currency: str = ""
) -> tuple[str, str]:
    """Add a store under the slug `name`. Returns its API key and the secret of its native webhooks, which are shown
    this once; two, so that a revoked key is of no use for anything. Raises Invalid for a name that is no slug and for
    settings that can't be used, Conflict when it exists."""
    if not _SLUG.fullmatch(name) or name == DEFAULT:
        raise Invalid(f"{name!r} is no name for a store: small letters, digits and hyphens, not {DEFAULT!r}.")
    key, webhook_secret = _new_key(), secrets.token_urlsafe(32)
    document = {
        "_id": name,
        "name": name,
        "url": checked_url(url) if url else "",
        "timezone": _checked_timezone(timezone),
        "currency": _checked_currency(currency) if currency else "",
        "keys": [_key_document(key)],
        "webhook_secret": seal(webhook_secret, config),
        "created_at": now(),
    }
    details = {setting: document[setting] for setting in ("url", "timezone", "currency")}
    with audit.act(db, "store.created", target=name, details=details | {"prefix": key[:_SHOWN]}):
        try:
            db.stores.insert_one(document)
        except DuplicateKeyError:
            raise Conflict(f"There is a store {name!r} already.") from None
    return key, webhook_secret


def update(db: Db, config: Config, name: str, *, webhook_secret: str | None = None, **settings: Any) -> None:
    """Change settings of a store (`url`, `timezone`, `currency`, `live_since`, `webhook_secret`); None leaves one as
    it is. Deliveries are taken from the site of the `url` from then on, with a blank one from any.

    Raises Invalid, NotFound."""
    changes = {field: value for field, value in settings.items() if value is not None}
    for setting, check in (("url", checked_url), ("timezone", _checked_timezone), ("currency", _checked_currency)):
        if changes.get(setting):
            changes[setting] = check(changes[setting])
    if "url" in changes:
        changes["site"] = site_of(changes["url"])
    if webhook_secret is not None:
        if name == DEFAULT:
            raise Invalid(f"The webhook secret of {DEFAULT!r} is the setting WEBHOOK_SECRET.")
        if not webhook_secret.strip():
            raise Invalid("A webhook secret can't be empty.")
        changes["webhook_secret"] = seal(webhook_secret, config)
    known = db.stores.find_one({"_id": name}) or {}
    with audit.act(db, "store.changed", target=name, details=_audited(known, changes)):
        if name == DEFAULT:
            db.stores.update_one({"_id": DEFAULT}, {"$set": {"name": DEFAULT, **changes}}, upsert=True)
        elif not db.stores.update_one({"_id": name}, {"$set": {"name": name, **changes}}).matched_count:
            raise NotFound(f"There is no store {name!r}.")


def _audited(before: Document, changes: Document) -> Document:
    """Each setting before and after; of a secret only that it is another one."""
    details = {name: {"before": before.get(name), "after": value} for name, value in changes.items()}
    if "webhook_secret" in details:
        details["webhook_secret"] = {"before": "secret", "after": "secret, a new one"}
    return details


def add_key(db: Db, name: str, *, expires_at: datetime | None = None) -> str:
    """Give a store another API key and return it; two can be active, so that a key is changed without a gap. Those that
    have run out make room.

    Raises NotFound, and Conflict when there are two already.
    """
    key = _new_key()
    with audit.act(db, "key.created", target=name, details={"prefix": key[:_SHOWN], "expires_at": expires_at}):
        db.stores.update_one({"_id": name}, {"$pull": {"keys": {"expires_at": {"$lte": now()}}}})
        if name == DEFAULT:
            db.stores.update_one({"_id": DEFAULT}, {"$setOnInsert": {"name": DEFAULT}}, upsert=True)
        changed = db.stores.update_one(
            {"_id": name, f"keys.{_ACTIVE_KEYS - 1}": {"$exists": False}},
            {"$push": {"keys": _key_document(key, expires_at)}},
        )
        if not changed.matched_count:
            if db.stores.find_one({"_id": name}) is None:
                raise NotFound(f"There is no store {name!r}.")
            raise Conflict(f"{name!r} has {_ACTIVE_KEYS} keys; revoke one first.")
    return key


def keys(db: Db, name: str) -> list[Document]:
    """A store's keys as `{"prefix", "created_at", "expires_at", "last_used_at"}`. Raises NotFound."""
    document = db.stores.find_one({"_id": name})
    if document is None:
        if name == DEFAULT:
            return []
        raise NotFound(f"There is no store {name!r}.")
    return [{field: value for field, value in key.items() if field != "hash"} for key in document.get("keys", [])]


def revoke_key(db: Db, name: str, prefix: str) -> None:
    """Take back the key that starts with `prefix`. Raises NotFound."""
    with audit.act(db, "key.revoked", target=name, details={"prefix": prefix[:_SHOWN]}):
        changed = db.stores.update_one({"_id": name, "keys.prefix": prefix}, {"$pull": {"keys": {"prefix": prefix}}})
        if not changed.matched_count:
            raise NotFound(f"{name!r} has no key {prefix!r}.")


def disconnect(db: Db, name: str) -> None:
    """End the exchange with a shop: its API keys, the key pair of its REST API and the secret of its webhooks are
    deleted. All that came from it stays. Raises NotFound.

    The key and the secret of the default shop are settings, which only whoever runs the service can change.
    """
    deleted = {"$set": {"keys": []}, "$unset": {"rest": "", "webhook_secret": ""}}
    with audit.act(db, "store.disconnected", target=name):
        if not db.stores.update_one({"_id": name}, deleted).matched_count and name != DEFAULT:
            raise NotFound(f"There is no store {name!r}.")


def remove(db: Db, name: str) -> None:
    """Remove a shop from which nothing ever came. Raises Invalid for the default one, NotFound, and Conflict where
    something came from it: its orders explain stock and figures, so they and their store stay."""
    if name == DEFAULT:
        raise Invalid(f"{DEFAULT!r} is the shop of the settings and can't be removed.")
    if db.stores.find_one({"_id": name}, {"_id": 1}) is None:
        raise NotFound(f"There is no store {name!r}.")
    if found := _came_from(db, name):
        raise Conflict(
            f"{name!r} has {found}, which explain stock and figures, so it stays."
            f" `pos-api store disconnect {name}` ends the exchange with it."
        )
    with audit.act(db, "store.removed", target=name):
        db.stores.delete_one({"_id": name})
        db.pulls.delete_one({"_id": name})


def _came_from(db: Db, name: str) -> str | None:
    """What the database holds of a store, in a word."""
    linked = {"shop_ids": {"$regex": f"^{name}:"}}  # a store's name is a slug, so it needs no escaping
    for found, collection, wanted in (
        ("orders", db.woocommerceorders, {"store": name}),
        ("products", db.products, linked),
        ("customers", db.customers, linked),
        ("deliveries", db.inbox, {"store": name}),
    ):
        if collection.find_one(wanted, {"_id": 1}):
            return found
    return None


def _new_key() -> str:
    return _KEY_PREFIX + secrets.token_urlsafe(32)


def _key_document(key: str, expires_at: datetime | None = None) -> Document:
    return {
        "prefix": key[:_SHOWN],
        "hash": key_hash(key),
        "created_at": now(),
        "expires_at": expires_at,
        "last_used_at": None,
    }


def site_of(address: str) -> str:
    """The host that an address names, without `www.`; blank where it names none."""
    try:
        return (urlsplit(address.strip()).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def checked_url(url: str) -> str:
    """A shop's address without what follows its path. Raises Invalid where it is none."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", url.strip()):
        raise Invalid(f"{url!r} is no address of a shop; it looks like https://shop.example.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _checked_currency(code: str) -> str:
    """A currency's code, as ISO 4217 has it. Raises Invalid."""
    known = code.strip().upper()
    if known not in list_currencies():
        raise Invalid(f"{code!r} is not a currency of ISO 4217; try SEK or EUR.")
    return known


def _checked_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Invalid(f"{name!r} is not a time zone; try Europe/Stockholm.") from None
    return name
