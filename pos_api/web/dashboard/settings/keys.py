"""API keys of stores and tokens of scripts: added, shown this once, and revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import flash, redirect, request, url_for

from pos_api.common.time import now
from pos_api.errors import Invalid
from pos_api.staff import tokens as script_tokens
from pos_api.staff.users import ROLES
from pos_api.stores import key_management
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render, role_name
from pos_api.web.dashboard.settings.blueprint import blp
from pos_api.web.dashboard.settings.shared import PROBLEMS, status_of, store_named
from pos_api.web.dashboard.settings.store import NewKey, store_page
from pos_api.web.services import services

_LONGEST_DAYS = 366
_LONGEST_TYPED = 20


@blp.post("/store/<name>/keys")
@page("admin")
def add_key(name: str) -> Any:
    """Make another API key of a store and show it this once."""
    found, form = store_named(name), request.form
    try:
        days = _days(form.get("days", ""))
        key = key_management.add_key(
            services().db,
            services().config,
            name,
            expires_at=now() + timedelta(days=days) if days else None,
            scopes=form.getlist("scopes"),
            networks=form.get("networks", "").replace(",", " ").split(),
        )
    except PROBLEMS as problem:
        return store_page(found, str(problem), new_key=_typed_key()), status_of(problem)
    services().stores.read_again()
    return render(
        "settings/key_shown.html",
        title=_("API key of %(name)s", name=name),
        secret=key,
        sent_as="X-API-Key",
        back=url_for("dashboard.settings.store", name=name),
    )


@blp.post("/store/<name>/keys/revoke")
@page("admin")
def revoke_key(name: str) -> Any:
    """Revoke an API key of a store, by its first letters."""
    try:
        key_management.revoke_key(services().db, name, request.form.get("prefix", ""))
    except PROBLEMS as problem:
        return store_page(store_named(name), str(problem)), status_of(problem)
    flash(_("Revoked. Every process refuses it within five seconds."))
    return redirect(url_for("dashboard.settings.store", name=name), 303)


@blp.get("/tokens")
@page("admin")
def tokens() -> Any:
    """The tokens of scripts."""
    return _tokens_page()


@blp.post("/tokens")
@page("admin")
def add_token() -> Any:
    """Make a token for a script and show it this once."""
    name, role = request.form.get("name", ""), request.form.get("role", "")
    try:
        days = _days(request.form.get("days", "")) or 1
        if role not in ROLES:
            raise Invalid(_("Choose a role."))
        made, _id = script_tokens.create(services().db, services().config.jwt_secret, name, role, timedelta(days=days))
    except PROBLEMS as problem:
        return _tokens_page(str(problem)), status_of(problem)
    return render(
        "settings/key_shown.html",
        title=_("Token of %(name)s", name=name.strip()),
        secret=made,
        sent_as="Authorization: Bearer …",
        back=url_for("dashboard.settings.tokens"),
    )


@blp.post("/tokens/revoke")
@page("admin")
def revoke_token() -> Any:
    """End a script's token."""
    try:
        script_tokens.revoke(services().db, request.form.get("id", ""))
    except PROBLEMS as problem:
        return _tokens_page(str(problem)), status_of(problem)
    flash(_("Revoked. Every process refuses it within five seconds."))
    return redirect(url_for("dashboard.settings.tokens"), 303)


def _tokens_page(problem: str = "") -> str:
    return render(
        "settings/tokens.html",
        tokens=script_tokens.scripts(services().db),
        roles=[(each, role_name(each)) for each in ROLES],
        name=request.form.get("name", "")[:200],
        role=request.form.get("role", "viewer"),
        days=request.form.get("days", "30")[:_LONGEST_TYPED],
        problem=problem,
    )


def _typed_key() -> NewKey:
    """What was typed for a key, as its form shows it again."""
    form = request.form
    return NewKey(form.getlist("scopes"), form.get("days", "")[:_LONGEST_TYPED], form.get("networks", "")[:500])


def _days(text: str) -> int:
    """A number of days, 0 where none is entered. Raises Invalid."""
    text = text.strip()
    if not text:
        return 0
    if len(text) > _LONGEST_TYPED or not text.isdecimal() or not 1 <= int(text) <= _LONGEST_DAYS:
        raise Invalid(_("Days are a whole number from 1 to %(most)s.", most=_LONGEST_DAYS))
    return int(text)
