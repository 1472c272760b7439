"""Stores are added and their settings changed."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pymongo.errors import DuplicateKeyError

from pos_api.common.currencies import LONGEST_CODE
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.staff import audit
from pos_api.stores import api_keys
from pos_api.stores.model import DEFAULT, site_of
from pos_api.stores.sealing import seal

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def add_store(
    db: Db,
    config: Config,
    name: str,
    *,
    kind: str = "",
    url: str = "",
    timezone: str = "UTC",
    currency: str = "",
) -> tuple[str, str]:
    """Add a store of this kind (blank: of the default store's) under the slug `name`. Returns its API key and the
    secret of its webhooks, which are shown this once; two, so that a revoked key is of no use for anything. Raises
    Invalid for a name that is no slug and for settings that can't be used, Conflict when it exists."""
    if not _SLUG.fullmatch(name) or name == DEFAULT:
        raise Invalid(f"{name!r} is no name for a store: small letters, digits and hyphens, not {DEFAULT!r}.")
    key, webhook_secret = api_keys.generate(), secrets.token_urlsafe(32)
    document = {
        "_id": name,
        "name": name,
        "kind": kind or config.store_kind,
        "url": checked_url(url) if url else "",
        "timezone": _checked_timezone(timezone),
        "currency": _checked_currency(currency) if currency else "",
        "keys": [api_keys.new_document(key)],
        "webhook_secret": seal(webhook_secret, config),
        "created_at": now(),
    }
    details = {setting: document[setting] for setting in ("kind", "url", "timezone", "currency")}
    with audit.act(db, "store.created", target=name, details=details | {"prefix": api_keys.prefix(key)}):
        try:
            db.stores.insert_one(document)
        except DuplicateKeyError:
            raise Conflict(f"There is a store {name!r} already.") from None
    return key, webhook_secret


def update_store(db: Db, config: Config, name: str, *, webhook_secret: str | None = None, **settings: Any) -> None:
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
