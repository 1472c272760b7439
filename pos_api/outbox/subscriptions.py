"""Subscriptions are made, changed, removed, and switched on again; each act is in the audit. Whoever changes what a
subscription is for waits (`recently_read.wait_until_known`) before it answers."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.database.sealing import seal, unseal
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.outbound.receiver_url import check_url
from pos_api.outbox import redelivery, removal, signing
from pos_api.outbox.collections import subscriptions
from pos_api.outbox.model import SignatureForm, Subscription
from pos_api.outbox.subscription_rules import checked_events, checked_headers, checked_metadata, invalid, masked
from pos_api.staff import audit

FORMER_COUNTS = timedelta(hours=24)
"""So long the secret before the latest signs as well."""
_SECRET_SHOWN_AGAIN = timedelta(hours=24)
"""So long a request that is repeated with its Idempotency-Key is answered with the secret again."""
CANT_BE_READ = "SECRETS_KEYS no longer has the key that its secret was sealed with; give it another (rotate-secret)."
_DEFAULTS: Document = {
    "active": True,
    "description": "",
    "stores": [],
    "signature": "standard",
    "payload": "full",
    "headers": {},
    "rate_limit": None,
    "metadata": {},
}
_SETTINGS = ("url", "events", *_DEFAULTS)
_DECISIVE = ("active", "headers", "signature", "secret")
"""By these is decided what a change does, so they must still be as they were read."""


@dataclass(frozen=True, slots=True)
class WithSecret:
    """A subscription with its secret, which is shown this once; None where it was shown before."""

    subscription: Subscription
    secret: str | None


def create(
    db: Db,
    config: Config,
    settings: Mapping[str, Any],
    *,
    secret: str = "",
    idempotency_key: str = "",
    application: str | None = None,
) -> WithSecret:
    """Add a subscription. `settings` are `url`, `events` and any other settings of a `Subscription`; without a `secret`
    one is made. Done again with the same `idempotency_key`, it returns what it made the first time. What the
    `application` of a store makes is limited to events of that store.

    Raises Invalid for what can't be used, and Conflict where the key was used with other settings.
    """
    limited = {"stores": [application]} if application else {}
    given = _checked({**_DEFAULTS, **settings, **limited}, config)
    if secret:
        signing.check_secret(secret, given["signature"])
    request = _fingerprint(given, secret, config)
    identifier = _id_of(idempotency_key)
    if idempotency_key and (made := _made_with_key(db, identifier)):
        return _made_before(made, request, config)
    secret = secret or signing.new_secret()
    moment = now()
    document = given | {
        "_id": identifier,
        "secret": seal(secret, config),
        "created_at": moment,
        "created_by": audit.actor()["name"],
        "updated_at": moment,
        "request": request,
        **({"application": application} if application else {}),
    }
    with audit.act(db, "webhook.created", target=identifier, details=_audited(given)):
        try:
            subscriptions(db).insert_one(cast(Subscription, document))
        except DuplicateKeyError:
            raise Conflict("The same request is being made at this moment; send it again.") from None
    return WithSecret(cast(Subscription, document), secret)


def get(db: Db, identifier: str, application: str | None = None) -> Subscription:
    """One subscription; with `application` only one that the application of this store made. Raises NotFound."""
    found = subscriptions(db).find_one({"_id": identifier, **({"application": application} if application else {})})
    if found is None:
        raise NotFound("There is no such subscription.")
    return found


def change(db: Db, config: Config, identifier: str, settings: Mapping[str, Any]) -> Subscription:
    """Change those of a subscription's settings that are given, and return it as it is then. One that was disabled and
    is made active goes on as with `resume`.

    Raises NotFound, Invalid, and Conflict where it was changed meanwhile.
    """
    before = get(db, identifier)
    changes = _checked(settings, config, before)
    update: Document = {"$set": {**changes, "updated_at": now()}}
    if changes.get("signature", before["signature"]) != before["signature"]:
        update["$unset"] = _unfit_secrets(before, changes["signature"], config)
    if changes.get("active") and not before["active"]:
        update["$unset"] = {**update.get("$unset", {}), **_TROUBLES}
    changed = {name: value for name, value in changes.items() if value != before[name]}  # type: ignore[literal-required]
    details = {
        name: {"before": _audited(cast(Document, before))[name], "after": value}
        for name, value in _audited(changed).items()
    }
    with audit.act(db, "webhook.changed", target=identifier, details=details):
        unchanged = {"_id": identifier, **{name: before[name] for name in _DECISIVE}}  # type: ignore[literal-required]
        after = subscriptions(db).find_one_and_update(unchanged, update, return_document=ReturnDocument.AFTER)
        if after is None:
            raise Conflict("The subscription was changed by somebody else meanwhile; read it again.")
        if after["active"] and not before["active"]:
            redelivery.due_now(db, identifier)
    return after


def delete(db: Db, identifier: str) -> None:
    """Remove a subscription; its deliveries are no longer shown or sent, and are deleted later (`removal.delete_left`).
    Raises NotFound."""
    get(db, identifier)
    with audit.act(db, "webhook.deleted", target=identifier):
        removal.note(db, identifier)
        if not subscriptions(db).delete_one({"_id": identifier}).deleted_count:
            raise NotFound("There is no such subscription.")


def rotate_secret(
    db: Db, config: Config, identifier: str, secret: str = "", *, idempotency_key: str = ""
) -> WithSecret:
    """Give a subscription another secret, one that is made where none is given. The one before signs as well for 24
    hours; one from before that no longer. So done again, with the same `idempotency_key` or the latest secret itself,
    it changes nothing: a receiver may still have the former one. Raises NotFound, Invalid, Conflict."""
    before = get(db, identifier)
    if secret:
        signing.check_secret(secret, before["signature"])
    rotation = _digest(idempotency_key) if idempotency_key else ""
    if done := _rotated_before(before, secret, rotation, config):
        return done
    secret = secret or signing.new_secret()
    moment = now()
    update: Document = {
        "$set": {
            "secret": seal(secret, config),
            "former_secret": before["secret"],
            "former_secret_until": moment + FORMER_COUNTS,
            "rotation": rotation,
            "updated_at": moment,
        }
    }
    with audit.act(db, "webhook.rotated", target=identifier):
        unchanged = {"_id": identifier, "secret": before["secret"]}
        after = subscriptions(db).find_one_and_update(unchanged, update, return_document=ReturnDocument.AFTER)
        if after is None:
            raise Conflict("The secret was changed by somebody else meanwhile.")
    return WithSecret(after, secret)


_TROUBLES: Document = dict.fromkeys(
    (
        *("disabled_at", "disabled_reason", "paused_until"),
        *("failing_since", "failing_confirmed_at", "failures_in_row"),
    ),
    "",
)
"""What says that a subscription fails, or was switched off for it; the last failure stays for people to see."""


def resume(db: Db, identifier: str) -> Subscription:
    """Switch a subscription on, whatever switched it off; what waits for it is delivered, from where it stopped. Raises
    NotFound."""
    update: Document = {"$set": {"active": True, "updated_at": now()}, "$unset": _TROUBLES}
    with audit.act(db, "webhook.resumed", target=identifier):
        after = subscriptions(db).find_one_and_update({"_id": identifier}, update, return_document=ReturnDocument.AFTER)
        if after is None:
            raise NotFound("There is no such subscription.")
        redelivery.due_now(db, identifier)
    return after


def secrets_of(subscription: Subscription, config: Config) -> list[str]:
    """The secrets that sign, the newest first: during 24 hours after a rotation two. Raises InvalidToken where
    SECRETS_KEYS no longer has the key that the latest was sealed with; a former one is left out then."""
    found = [unseal(subscription["secret"], config)]
    if "former_secret" in subscription and now() < subscription["former_secret_until"]:
        with suppress(InvalidToken):
            found.append(unseal(subscription["former_secret"], config))
    return found


def _checked(settings: Mapping[str, Any], config: Config, before: Subscription | None = None) -> Document:
    """The settings that are known, checked."""
    given: Document = {name: settings[name] for name in _SETTINGS if name in settings}
    if "url" in given:
        check_url(given["url"], config.outbound_allow)
    if "events" in given:
        given["events"] = checked_events(given["events"])
    if "headers" in given:
        given["headers"] = checked_headers(given["headers"], before and before["headers"])
    if "metadata" in given:
        given["metadata"] = checked_metadata(given["metadata"])
    if "stores" in given:
        given["stores"] = list(dict.fromkeys(given["stores"]))
    return given


def _audited(settings: Mapping[str, Any]) -> Document:
    """Settings as the audit has them: no path of the URL, which may be a secret as a whole, and no header's value."""
    shown = {name: settings[name] for name in _SETTINGS if name in settings}
    if "url" in shown:
        shown["url"] = _origin(shown["url"])
    if "headers" in shown:
        shown["headers"] = masked(shown["headers"])
    return shown


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _unfit_secrets(subscription: Subscription, form: SignatureForm, config: Config) -> Document:
    """What to unset so that the subscription can be signed in another form: the former secret, where that form can't
    sign with it. Raises Invalid where it can't with the latest."""
    try:
        latest, *former = secrets_of(subscription, config)
    except InvalidToken:
        raise Conflict(CANT_BE_READ) from None
    try:
        signing.check_secret(latest, form)
    except Invalid as error:
        problem = f"{error.message} That is what this signature takes; give it such a secret first (rotate-secret)."
        raise invalid("signature", problem) from None
    try:
        for each in former:
            signing.check_secret(each, form)
    except Invalid:
        return {"former_secret": "", "former_secret_until": ""}
    return {}


def _id_of(idempotency_key: str) -> str:
    """An id for a new subscription: random, or by who acts and the key that was sent."""
    return f"sub_{_digest(idempotency_key) if idempotency_key else secrets.token_hex(12)}"


def _digest(idempotency_key: str) -> str:
    """Of a key that was sent, and of who sent it."""
    who = audit.actor()
    return hashlib.sha256(json_bytes([who["kind"], who["name"], idempotency_key])).hexdigest()[:24]


def _fingerprint(settings: Document, secret: str, config: Config) -> str:
    """What shows whether another request is the same; keyed, as headers and the secret are in it."""
    return hmac.digest(config.jwt_secret.encode(), json_bytes([settings, secret]), hashlib.sha256).hex()


def _made_with_key(db: Db, identifier: str) -> Subscription | None:
    """What was made with an Idempotency-Key before. Raises Conflict where that was deleted a short time ago."""
    made = subscriptions(db).find_one({"_id": identifier})
    if made is None and removal.is_noted(db, identifier):
        raise Conflict("The subscription that was made with this Idempotency-Key was deleted; use another one.")
    return made


def _made_before(made: Subscription, request: str, config: Config) -> WithSecret:
    """The answer to a request that is repeated."""
    if made.get("request") != request:
        raise Conflict("This Idempotency-Key was used for a subscription with other settings; use another one.")
    if now() >= made["created_at"] + _SECRET_SHOWN_AGAIN or "former_secret" in made:
        return WithSecret(made, None)
    return WithSecret(made, unseal(made["secret"], config))


def _rotated_before(stored: Subscription, secret: str, rotation: str, config: Config) -> WithSecret | None:
    """The answer to a rotation that is repeated; None for another one. Raises Conflict where its Idempotency-Key was
    used for another secret."""
    try:
        latest = unseal(stored["secret"], config)
    except InvalidToken:  # whatever it is, it needs another one
        return None
    if secret == latest:
        return WithSecret(stored, latest)
    if not rotation or stored.get("rotation") != rotation:
        return None
    if secret:
        raise Conflict("This Idempotency-Key was used for another secret; use another one.")
    until = stored.get("former_secret_until")
    return WithSecret(stored, latest if until is not None and now() < until else None)
