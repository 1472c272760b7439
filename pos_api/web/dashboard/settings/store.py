"""One store: its settings and secrets are changed, the exchange with it is ended, it is removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from flask import flash, redirect, url_for

from pos_api.common.time import now
from pos_api.inbox import queries
from pos_api.senders import kind_settings, shops
from pos_api.senders.delivery_url import endpoint_url
from pos_api.senders.registry import sender_of
from pos_api.stock.store_sync import is_on
from pos_api.stores import api_keys, key_management, removal, secrets, settings
from pos_api.stores.model import DEFAULT, Store
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.settings import store_fields
from pos_api.web.dashboard.settings.blueprint import blp
from pos_api.web.dashboard.settings.shared import PROBLEMS, all_stores, status_of, store_named
from pos_api.web.services import services

_SEEN = "seen-"


@dataclass(frozen=True, slots=True)
class NewKey:
    """What the form of another API key shows: the scopes that are checked, and what is typed for the rest."""

    scopes: Sequence[str]
    days: str = ""
    networks: str = ""
    is_refused: bool = True


@blp.get("/store/<name>")
@page("admin")
def store(name: str) -> Any:
    """One store."""
    return store_page(store_named(name))


@blp.post("/store/<name>")
@page("admin")
def change_store(name: str) -> Any:
    """Change the settings of a store that were typed otherwise than they are."""
    found, typed = store_named(name), store_fields.typed()
    try:
        changed = _changed(found, typed)
        if not changed:
            flash(_("Nothing was changed."))
            return _to(name)
        settings.update_store(services().db, services().config, name, **changed)
    except PROBLEMS as problem:
        return store_page(found, str(problem), typed), status_of(problem)
    flash(_("Changed. Every process knows it within five seconds."))
    return _to(name)


@blp.post("/store/<name>/secret/end")
@page("admin")
def end_rotation(name: str) -> Any:
    """Let only the latest secret of a store count."""
    try:
        secrets.end_rotation(services().db, name)
    except PROBLEMS as problem:
        return store_page(store_named(name), str(problem)), status_of(problem)
    flash(_("Only the latest secret counts now."))
    return _to(name)


@blp.post("/store/<name>/disconnect")
@page("admin")
def disconnect_store(name: str) -> Any:
    """End the exchange with a store; all that came from it stays."""
    found = store_named(name)
    removal.disconnect_store(services().db, name, kind_settings.proofs(found.kind))
    flash(_("Disconnected: nothing more is taken from %(name)s. All that came from it stays.", name=name))
    return _to(name)


@blp.post("/store/<name>/remove")
@page("admin")
def remove_store(name: str) -> Any:
    """Remove a store from which nothing ever came."""
    try:
        removal.remove_store(services().db, name)
    except PROBLEMS as problem:
        return store_page(store_named(name), str(problem)), status_of(problem)
    flash(_("%(name)s was removed.", name=name))
    return redirect(url_for("dashboard.settings.stores"), 303)


def store_page(
    found: Store, problem: str = "", typed: dict[str, str] | None = None, new_key: NewKey | None = None
) -> str:
    """The page of a store; `typed` is what its forms show, `new_key` what that of another API key does."""
    db, config, sender, typed = services().db, services().config, sender_of(found.kind), typed or {}
    came = queries.latest_of(db, found.id, 1)
    return render(
        "settings/store.html",
        store=found,
        guide=sender.guide,
        url=endpoint_url(config, sender),
        last=came[0] if came else None,
        is_shop=shops.is_shop(found),
        connected_at=shops.address_of(db, found.id) if shops.is_shop(found) else None,
        stock_sync=shops.is_shop(found) and is_on(db, found.id),
        fields=_fields(found, typed),
        seen={each.name: typed.get(f"{_SEEN}{each.name}", each.value) for each in _fields(found, {})},
        typed=typed,
        timezones=sorted(available_timezones()),
        has_secret=found.id != DEFAULT and (sender.has_secret or bool(found.webhook_secrets)),
        keys=key_management.list_keys(db, found.id),
        settings_key=key_management.SETTINGS_KEY,
        new_key=new_key or NewKey(["orders" if shops.is_shop(found) else "read"], is_refused=False),
        scopes=api_keys.SCOPES,
        now=now(),
        problem=problem,
    )


def _fields(found: Store, typed: dict[str, str]) -> list[store_fields.FormField]:
    of_kind = store_fields.of_kind(found, all_stores(), typed)
    return [*store_fields.of_all(found, typed), store_fields.live_since(found, typed), *of_kind]


def _to(name: str) -> Any:
    return redirect(url_for("dashboard.settings.store", name=name), 303)


def _changed(found: Store, typed: dict[str, str]) -> dict[str, Any]:
    """What of a store's settings was typed otherwise than the form showed it (`seen-…`), and than it is: what somebody
    else has changed since stays. Raises Invalid."""
    typed = {name: text for name, text in typed.items() if text.strip() != typed.get(f"{_SEEN}{name}")}
    has = {"url": found.url, "timezone": found.timezone, "currency": found.currency}
    changed: dict[str, Any] = {
        name: typed[name].strip() for name in has if name in typed and typed[name].strip() != has[name]
    }
    since = typed.get("live_since", "").strip()
    if since and since != store_fields.local_minute(found):
        changed["live_since"] = store_fields.read_live_since(found, since)
    others = [each for each in all_stores() if each.id != found.id]
    of_kind = store_fields.read_of_kind(sender_of(found.kind), typed, others)
    if others_now := {name: value for name, value in of_kind.items() if value != found.settings.get(name)}:
        changed["of_kind"] = others_now
    return changed
