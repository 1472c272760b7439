"""The shops that send orders here: the one from the environment, and those added with `pos-api store add`."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pymongo
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pymongo.errors import DuplicateKeyError, PyMongoError

from pos_api.common.currencies import LONGEST_CODE
from pos_api.common.time import now
from pos_api.config import Config, ConfigError
from pos_api.customers.erasures import Erasure, Erasures, customer_key
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.logs import get_logger
from pos_api.staff import audit
from pos_api.stores import api_keys
from pos_api.stores.api_keys import ApiKey

log = get_logger(__name__)

DEFAULT = "default"
SETTINGS_KEY = "WEBHOOK_API_KEY"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ACTIVE_KEYS = 2
"""So many keys with the same scopes a store can have."""
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
    erasures: Erasures | None = field(default=None, repr=False, compare=False)

    def erasures_of(self, email: str, shop_id: int) -> tuple[Erasure, ...]:
        """The erasures of the customer with this e-mail address, or without one this id; nearly always none."""
        return self.erasures.of(self.id, customer_key(self.id, email, shop_id)) if self.erasures else ()

    def is_from_another_site(self, address: str) -> bool:
        """Whether a delivery that names this address comes from another site than the shop's, such as a copy of it for
        tests. Scheme, `www.`, port, folder and language make no difference. False where either is not known; a blank
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

    def get(self, store_id: str) -> Store:
        """The store of that id; one that was removed meanwhile is known by its id alone."""
        self._refresh()
        return self._stores.get(store_id) or Store(
            store_id, store_id, order_meta=self._config.order_meta, erasures=self.erasures
        )

    def of_key(self, key: str) -> ApiKey | None:
        """What an API key may do and for which store; None when it is unknown, revoked or expired."""
        self._refresh()
        known = self._keys.get(api_keys.key_hash(key))
        return None if known is None or known.is_expired(now()) else known

    def mark_used(self, key: ApiKey) -> None:
        """Note that a key was used just now, to the minute."""
        moment = time.monotonic()
        if self._failure or moment - self._marked.get(key.hash, float("-inf")) < _LAST_USED_EVERY:
            return
        self._marked[key.hash] = moment
        with suppress(PyMongoError), pymongo.timeout(_PATIENCE):  # it is for people to see; no request fails for it
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
        self.erasures.refresh()
        documents = {document["_id"]: document for document in self._db.stores.find()}
        stores = {DEFAULT: _from_config(self._config, documents.get(DEFAULT, {}))}
        keys: dict[str, ApiKey] = {}
        for name, document in documents.items():
            if name != DEFAULT:
                stores[name] = _from_document(document, self._config)
            for key in document.get("keys", []):
                keys[key["hash"]] = api_keys.of_document(name, key)
        of_settings = _key_of_settings(self._config, documents.get(DEFAULT, {}))
        keys[of_settings.hash] = of_settings
        self._stores = {name: replace(store, erasures=self.erasures) for name, store in stores.items()}
        self._keys = keys


def _key_of_settings(config: Config, document: Document) -> ApiKey:
    """WEBHOOK_API_KEY: it may send deliveries, from anywhere, as long as it is set."""
    digest = api_keys.key_hash(config.webhook_api_key)
    known: Document = document.get("settings_key") or {}
    return ApiKey(DEFAULT, SETTINGS_KEY, digest, created_at=known["since"] if known.get("hash") == digest else None)


def note_settings_key(db: Db, config: Config) -> None:
    """Note since when WEBHOOK_API_KEY is what it is; called when the service starts."""
    digest = api_keys.key_hash(config.webhook_api_key)
    noted = {"hash": digest, "since": now(), "last_used_at": None}
    # DuplicateKeyError: it is the same as before. Where the database is away, the next start notes it.
    with suppress(PyMongoError), pymongo.timeout(_PATIENCE):
        db.stores.update_one(
            {"_id": DEFAULT, "settings_key.hash": {"$ne": digest}},
            {"$set": {"settings_key": noted}, "$setOnInsert": {"name": DEFAULT}},
            upsert=True,
        )


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
    key, webhook_secret = api_keys.generate(), secrets.token_urlsafe(32)
    document = {
        "_id": name,
        "name": name,
        "url": checked_url(url) if url else "",
        "timezone": _checked_timezone(timezone),
        "currency": _checked_currency(currency) if currency else "",
        "keys": [api_keys.new_document(key)],
        "webhook_secret": seal(webhook_secret, config),
        "created_at": now(),
    }
    details = {setting: document[setting] for setting in ("url", "timezone", "currency")}
    with audit.act(db, "store.created", target=name, details=details | {"prefix": api_keys.prefix(key)}):
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


def add_key(
    db: Db,
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
    document = api_keys.new_document(key, expires_at, scopes, networks)
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


def keys(db: Db, name: str) -> list[Document]:
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
    """Take back the key with this `prefix`, as it is listed; the whole key will do as well. Raises NotFound."""
    prefix = api_keys.prefix(prefix.rstrip("…"))
    with audit.act(db, "key.revoked", target=name, details={"prefix": prefix}):
        changed = db.stores.update_one({"_id": name, "keys.prefix": prefix}, {"$pull": {"keys": {"prefix": prefix}}})
        if not changed.matched_count:
            raise NotFound(f"{name!r} has no key {prefix!r}; `pos-api key list {name}` shows what it has.")


def disconnect(db: Db, name: str) -> None:
    """End the exchange with a shop: its API keys, the key pair of its REST API and the secret of its webhooks are
    deleted. All that came from it stays; names and prices of its products, and what its customers are called, are from
    now on what the next store says that has them. Raises NotFound.

    The key and the secret of the default shop are settings, which only whoever runs the service can change.
    """
    deleted = {"$set": {"keys": []}, "$unset": {"rest": "", "webhook_secret": ""}}
    with audit.act(db, "store.disconnected", target=name):
        if not db.stores.update_one({"_id": name}, deleted).matched_count and name != DEFAULT:
            raise NotFound(f"There is no store {name!r}.")
        products = {"$or": [{"home": name}, {"home": {"$exists": False}, "opened_by": name}]}
        db.products.update_many(products, {"$set": {"home": ""}})
        db.customers.update_many({"home": name}, {"$unset": {"home": ""}})


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
    """A currency's code: one that exists, or one that the shop has made up, which its orders may have then. Raises
    Invalid for what can be no code."""
    known = code.strip().upper()
    if not known.isprintable() or len(known.split()) != 1 or len(known) > LONGEST_CODE:
        raise Invalid(f"{code!r} is no code of a currency; try SEK or EUR.")
    return known


def _checked_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Invalid(f"{name!r} is not a time zone; try Europe/Stockholm.") from None
    return name
