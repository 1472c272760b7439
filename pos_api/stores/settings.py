"""Stores are added and their settings changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pymongo.errors import DuplicateKeyError

from pos_api.common.currencies import LONGEST_CODE
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.database.sealing import seal
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.staff import audit
from pos_api.stores import api_keys
from pos_api.stores.model import DEFAULT, site_of
from pos_api.stores.secrets import generate_secret, refuse_secret_of_settings, refuse_unusable_secret

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Credentials(NamedTuple):
    """What a new store sends with, shown this once; blank where it has none."""

    api_key: str
    secret: str


def add_store(
    db: Db,
    config: Config,
    name: str,
    *,
    kind: str = "",
    url: str = "",
    timezone: str = "UTC",
    currency: str = "",
    secret: str = "",
    has_secret: bool = True,
    of_kind: Mapping[str, Any] | None = None,
) -> Credentials:
    """Add a store of this kind (blank: of the default store's, a shop) under the slug `name`, with the settings that
    its kind has besides (`of_kind`). Without a `secret` one is made, unless it is not to have one; a shop gets an API
    key too. Raises Invalid for a name that is no slug and for settings that can't be used, Conflict when it exists, or
    where another store of its kind has this secret."""
    if not _SLUG.fullmatch(name) or name == DEFAULT:
        raise Invalid(f"{name!r} is no name for a store: small letters, digits and hyphens, not {DEFAULT!r}.")
    kind = kind or config.store_kind
    key = api_keys.generate() if kind == config.store_kind else ""
    if secret:
        refuse_unusable_secret(db, config, kind, secret)
    elif has_secret:
        secret = generate_secret()
    details = {"kind": kind, **_checked({"url": url, "timezone": timezone, "currency": currency})}
    details["settings"] = dict(of_kind or {})
    document: Document = details | {"_id": name, "name": name, "keys": [], "created_at": now()}
    if key:
        document["keys"], details["prefix"] = [api_keys.new_document(key, config)], api_keys.prefix(key)
    if secret:
        document["webhook_secret"] = seal(secret, config)
    with audit.act(db, "store.created", target=name, details=details):
        try:
            db.stores.insert_one(document)
        except DuplicateKeyError:
            raise Conflict(f"There is a store {name!r} already.") from None
    return Credentials(key, secret)


def update_store(
    db: Db,
    config: Config,
    name: str,
    *,
    webhook_secret: str | None = None,
    of_kind: Mapping[str, Any] | None = None,
    **settings: Any,
) -> None:
    """Change settings of a store (`url`, `timezone`, `currency`, `live_since`, `webhook_secret`, and with `of_kind`
    those that its kind has besides); None leaves one as it is. Deliveries are taken from the site of the `url` from
    then on, with a blank one from any. Another webhook secret counts alone from then on, see `secrets.rotate_secret`.

    Raises Invalid, NotFound, and Conflict where another store of its kind has this secret."""
    changes = _checked({field: value for field, value in settings.items() if value is not None})
    if "url" in changes:
        changes["site"] = site_of(changes["url"])
    known = db.stores.find_one({"_id": name}) or {}
    if of_kind:
        changes["settings"] = {**known.get("settings", {}), **of_kind}
    update: Document = {"$set": changes}
    if webhook_secret is not None:
        refuse_secret_of_settings(name)
        refuse_unusable_secret(db, config, known.get("kind", config.store_kind), webhook_secret, name)
        changes["webhook_secret"] = seal(webhook_secret, config)
        update["$unset"] = {"former_webhook_secret": ""}
    with audit.act(db, "store.changed", target=name, details=_audited(known, changes)):
        changes["name"] = name
        if not db.stores.update_one({"_id": name}, update, upsert=name == DEFAULT).matched_count and name != DEFAULT:
            raise NotFound(f"There is no store {name!r}.")


def _checked(settings: Mapping[str, Any]) -> Document:
    """The settings as they are stored. Raises Invalid for one that can't be used; a blank one is none."""
    checks = {"url": checked_url, "timezone": _checked_timezone, "currency": _checked_currency}
    return {name: checks[name](value) if value and name in checks else value for name, value in settings.items()}


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
