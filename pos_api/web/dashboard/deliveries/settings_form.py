"""Subscriptions are added and changed by a form, which is checked as the API checks it."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any, get_args

from flask import flash, redirect, request, url_for
from marshmallow import Schema, ValidationError

from pos_api.common.time import now
from pos_api.config import ConfigError
from pos_api.database.client import Document
from pos_api.errors import Invalid, PosError
from pos_api.outbox import presentation, subscriptions
from pos_api.outbox.model import SignatureForm
from pos_api.web.api.subscription_schemas import NewSubscription, SubscriptionChange
from pos_api.web.api.subscriptions import changed, made
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.deliveries import words
from pos_api.web.dashboard.deliveries.blueprint import blp
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.lists import store_names
from pos_api.web.dashboard.pages import render
from pos_api.web.services import services

PROBLEMS = (PosError, ConfigError)
"""What the form is shown again for: a refused input, and secrets that can't be kept as SECRETS_KEYS is missing."""
_NEW: Document = {
    "url": "",
    "description": "",
    "events": [],
    "stores": [],
    "signature": "standard",
    "payload": "full",
    "headers": "",
    "metadata": "",
    "rate_limit": "",
    "secret": "",
}


@dataclass(frozen=True, slots=True)
class _Form:
    """What stands in the form, and the messages by field; `form` has those of the entire form."""

    values: Document
    errors: dict[str, list[str]] = field(default_factory=dict)
    status: int = 200


@blp.get("/new")
@page("manager")
def new() -> Any:
    """The form of a new subscription."""
    return _new(_Form(_NEW))


@blp.post("/new")
@page("manager")
def create() -> Any:
    """Add a subscription, and show its secret this once, in the answer itself."""
    try:
        added = made(_read(NewSubscription()), request.form.get("key", "")[:255])
    except PROBLEMS as error:
        return _new(_refused(error))
    return render("deliveries/secret.html", subscription=added.subscription, secret=added.secret, is_new=True)


@blp.get("/subscriptions/<subscription>/change")
@page("manager")
def change(subscription: str) -> Any:
    """The form of a subscription's settings."""
    stored = presentation.subscription(subscriptions.get(services().db, subscription), 0, now())
    values = {name: sorted(of) if isinstance(of := stored[name], list) else of for name in _NEW if name in stored}
    pairs = {name: _lines(stored[name]) for name in ("headers", "metadata")}
    return _change(subscription, _Form({**_NEW, **values, **pairs, "rate_limit": str(stored["rate_limit"] or "")}))


@blp.post("/subscriptions/<subscription>/change")
@page("manager")
def save(subscription: str) -> Any:
    """Change of a subscription's settings those that were typed otherwise than the form showed them: what somebody else
    has changed since stays."""
    shown = _shown()
    try:
        read, typed = _read(SubscriptionChange()), _typed()
        differing = {name: value for name, value in read.items() if name not in shown or typed[name] != shown[name]}
        if differing:
            changed(differing, subscription)
    except PROBLEMS as error:
        return _change(subscription, _refused(error))
    flash(_("The subscription is changed.") if differing else _("Nothing was changed."))
    return redirect(url_for("dashboard.deliveries.subscription", subscription=subscription), 303)


def _new(form: _Form) -> Any:
    key = request.form.get("key") or secrets.token_hex(16)
    return _page(form, url_for("dashboard.deliveries.create"), None, key)


def _change(subscription: str, form: _Form) -> Any:
    return _page(form, url_for("dashboard.deliveries.save", subscription=subscription), subscription, "")


def _page(form: _Form, action: str, subscription: str | None, key: str) -> Any:
    return render(
        "deliveries/form.html",
        values=form.values,
        seen=json.dumps(_shown() or form.values),
        errors=form.errors,
        action=action,
        subscription=subscription,
        key=key,
        groups=words.event_groups(),
        stores={**store_names(), **_removed_stores(form.values["stores"])},
        signatures=[each for each in get_args(SignatureForm) if each != "standard"],
    ), form.status


def _shown() -> Document:
    """What the form showed at first, which it carries; nothing where it carries none."""
    try:
        found = json.loads(request.form.get("seen", ""))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _removed_stores(chosen: list[str]) -> dict[str, str]:
    """Those that are no more, by their ids: without any store a subscription would be for all."""
    known = store_names()
    return {each: each for each in chosen if each not in known}


def _typed() -> Document:
    given = {name: "\n".join(request.form[name].strip().splitlines()) for name in _NEW if name in request.form}
    return {**_NEW, **given, **{name: sorted(request.form.getlist(name)) for name in ("events", "stores")}}


def _read(schema: Schema) -> Document:
    """What the form says. Raises Invalid, whose details are messages by field."""
    said = _typed()
    errors: dict[str, Any] = {}
    for name in ("headers", "metadata"):
        try:
            said[name] = _pairs(said[name])
        except ValueError as error:
            errors[name] = [str(error)]
            said.pop(name)
    rate = said["rate_limit"]
    said["rate_limit"] = int(rate) if rate.isascii() and rate.isdigit() and len(rate) < 10 else rate or None
    if "secret" not in schema.fields:
        said.pop("secret")
    if not said["events"]:
        errors["events"] = [_("Choose at least one.")]
    try:
        loaded: Document = schema.load(said)
    except ValidationError as error:
        errors = {**_by_field(error), **errors}
    if errors:
        raise Invalid(_("Please correct what is marked."), details=errors)
    return loaded


def _by_field(error: ValidationError) -> Document:
    return error.messages if isinstance(error.messages, dict) else {"form": error.messages}


def _refused(error: Exception) -> _Form:
    """The form as it was typed, but for a secret, with why it was refused."""
    values = {**_typed(), "secret": ""}
    if not isinstance(error, PosError):
        return _Form(values, {"form": [str(error)]}, 409)
    found = error.details if isinstance(error.details, dict) else {}
    errors = {str(name): _texts(each) for name, each in found.items()} or {"form": [error.message]}
    if not set(errors) <= set(_NEW):
        errors["form"] = [error.message]
    return _Form(values, errors, error.status)


def _texts(messages: Any) -> list[str]:
    if isinstance(messages, dict):
        return [text for each in messages.values() for text in _texts(each)]
    return [str(each) for each in messages] if isinstance(messages, list) else [str(messages)]


def _pairs(text: str) -> dict[str, str]:
    """`Name: value` in each line. Raises ValueError."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = (each.strip() for each in line.partition(":"))
        if not line.strip():
            continue
        if not colon or not name or name in found:
            raise ValueError(_("Write each one as a line of its own, once: a name, a colon and the value."))
        found[name] = value
    return found


def _lines(pairs: Document) -> str:
    return "\n".join(f"{name}: {value}" for name, value in pairs.items())
