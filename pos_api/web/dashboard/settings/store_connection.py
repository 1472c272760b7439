"""The connection to the REST API of a store's shop: made, tested and ended."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from pos_api.senders import shops
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.settings.blueprint import blp
from pos_api.web.dashboard.settings.shared import PROBLEMS, status_of, store_named
from pos_api.web.dashboard.settings.store import store_page
from pos_api.web.services import services

_LONGEST = 500


@blp.post("/store/<name>/connect")
@page("admin")
def connect(name: str) -> Any:
    """Test a key pair against the shop and keep it, encrypted, with the store."""
    given = {each: request.form.get(each, "").strip()[:_LONGEST] for each in ("rest_url", "consumer_key")}
    secret = request.form.get("consumer_secret", "").strip()[:_LONGEST]
    try:
        hints = shops.connect(services().db, services().config, name, given["rest_url"], given["consumer_key"], secret)
    except PROBLEMS as problem:
        return store_page(store_named(name), str(problem), given), status_of(problem)
    flash(_("Connected: the shop's orders can be read."))
    for hint in hints:
        flash(hint)
    return _to(name)


@blp.post("/store/<name>/test")
@page("admin")
def test_connection(name: str) -> Any:
    """Ask the shop once, and say what came of it."""
    try:
        hints = shops.test(services().db, services().config, name)
    except PROBLEMS as problem:
        return store_page(store_named(name), str(problem)), status_of(problem)
    flash(_("The shop answers, and its orders can be read."))
    for hint in hints:
        flash(hint)
    return _to(name)


@blp.post("/store/<name>/disconnect-shop")
@page("admin")
def disconnect_shop(name: str) -> Any:
    """Delete the key pair of the shop's REST API."""
    try:
        shops.disconnect(services().db, name)
    except PROBLEMS as problem:
        return store_page(store_named(name), str(problem)), status_of(problem)
    flash(_("The shop is read no more, and no stock is sent to it. What it sends by itself is taken as before."))
    return _to(name)


def _to(name: str) -> Any:
    return redirect(url_for("dashboard.settings.store", name=name), 303)
