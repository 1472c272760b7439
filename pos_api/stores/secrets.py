"""The secrets of stores, with which their deliveries are signed: made, checked, and changed without a gap."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator
from contextlib import suppress

from cryptography.fernet import InvalidToken

from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.database.sealing import seal, unseal
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.staff import audit
from pos_api.stores.model import DEFAULT

_LONGEST = 500


def generate_secret() -> str:
    """A new secret: 256 random bits."""
    return secrets.token_urlsafe(32)


def rotate_secret(db: Db, config: Config, name: str, secret: str = "", *, has_secret: bool = True) -> str:
    """Give a store another secret, one that is made where none is given, and return it. The one before counts as well
    until `end_rotation`. A store without a secret gets a first one where its kind has secrets (`has_secret`)
    or one is given.

    Raises NotFound, Invalid where the secret can't be used, and Conflict while another rotation has not ended, or where
    a store of this kind has this secret already.
    """
    refuse_secret_of_settings(name)
    store = _store(db, name)
    if store.get("former_webhook_secret"):
        raise Conflict(
            f"Two secrets of {name!r} count already; `pos-api store rotate {name} --end` ends the older one."
        )
    if not (secret or has_secret or store.get("webhook_secret")):
        raise Invalid(f"Stores of the kind {store['kind']} have no secret, so there is nothing to rotate.")
    if secret:
        refuse_unusable_secret(db, config, store.get("kind", config.store_kind), secret)
    secret = secret or generate_secret()
    changes = {"webhook_secret": seal(secret, config)}
    if former := store.get("webhook_secret"):
        changes["former_webhook_secret"] = former
    unchanged = {"_id": name, "webhook_secret": former, "former_webhook_secret": None}
    with audit.act(db, "secret.rotated", target=name):
        if not db.stores.update_one(unchanged, {"$set": changes}).matched_count:
            raise Conflict(f"The secret of {name!r} was changed by somebody else meanwhile.")
    return secret


def end_rotation(db: Db, name: str) -> None:
    """Let only a store's latest secret count. Raises NotFound, and Conflict where there is no other one."""
    refuse_secret_of_settings(name)
    store = _store(db, name)
    if not store.get("webhook_secret"):
        raise Conflict(f"{name!r} has no secret.")
    if not store.get("former_webhook_secret"):
        raise Conflict(f"Only one secret of {name!r} counts already.")
    with audit.act(db, "secret.ended", target=name):
        db.stores.update_one({"_id": name}, {"$unset": {"former_webhook_secret": ""}})


def refuse_secret_of_settings(name: str) -> None:
    """Raises Invalid for the default store."""
    if name == DEFAULT:
        raise Invalid(f"The webhook secret of {DEFAULT!r} is the setting WEBHOOK_SECRET.")


def refuse_unusable_secret(db: Db, config: Config, kind: str, secret: str, name: str | None = None) -> None:
    """Raises Invalid for what can be no secret, and Conflict where a store of this kind has it: a signature shows which
    store a delivery comes from. The store `name` may have it already."""
    if not secret.strip():
        raise Invalid("A webhook secret can't be empty.")
    if secret != secret.strip() or not secret.isprintable() or len(secret) > _LONGEST:
        raise Invalid(f"A webhook secret has at most {_LONGEST} characters, no line breaks, and no blanks at its ends.")
    for store, known in _secrets(db, config, kind):
        if store != name and hmac.compare_digest(known.encode(), secret.encode()):
            raise Conflict(f"The store {store!r} has this secret, and a signature has to show which store it is.")


def _secrets(db: Db, config: Config, kind: str) -> Iterator[tuple[str, str]]:
    """Every store of this kind with each of its secrets that opens."""
    if kind == config.store_kind:
        yield DEFAULT, config.webhook_secret
    for store in db.stores.find({"_id": {"$ne": DEFAULT}}):
        if store.get("kind", config.store_kind) == kind:
            for sealed in (store.get("webhook_secret"), store.get("former_webhook_secret")):
                if sealed:
                    with suppress(InvalidToken):
                        yield store["_id"], unseal(sealed, config)


def _store(db: Db, name: str) -> Document:
    store = db.stores.find_one({"_id": name})
    if store is None:
        raise NotFound(f"There is no store {name!r}.")
    return store
