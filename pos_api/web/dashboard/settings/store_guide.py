"""The set-up guide of a store: what to do on its side, step by step, and whether anything has arrived of it yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, flash, request

from pos_api.errors import NotFound
from pos_api.senders import shops
from pos_api.senders.delivery_url import endpoint_url
from pos_api.senders.guide import Step
from pos_api.senders.registry import sender_of
from pos_api.staff import audit
from pos_api.stores import key_management, secrets
from pos_api.stores.model import DEFAULT, Store
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.settings.arrivals import arrivals_of
from pos_api.web.dashboard.settings.blueprint import blp
from pos_api.web.dashboard.settings.shared import PROBLEMS, status_of, store_named
from pos_api.web.services import services


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is shown of a store this once; blank where it is not shown. `secret` signs its deliveries, `api_key` is that
    of its plugin."""

    secret: str = ""
    api_key: str = ""


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step of a guide in the reader's language, and what is copied or pressed there. Of `secret` and `line` True says
    that there is one, which is not shown now."""

    text: str
    url: str = ""
    secret: str | bool = ""
    line: str | bool = ""
    plugin: bool = False
    items: bool = False
    command: str = ""


@blp.get("/store/<name>/guide")
@page("admin")
def guide(name: str) -> Any:
    """How a store is set up."""
    return guide_page(store_named(name), Secrets())


@blp.get("/store/<name>/arrived")
@page("admin", by_itself=True)
def arrived(name: str) -> Any:
    """What has arrived of a store: a part of its guide, which a script asks for again and again."""
    store = store_named(name)
    return render("settings/store_arrived.html", store=store, arrivals=arrivals_of(store))


@blp.post("/store/<name>/line")
@page("admin")
def show_line(name: str) -> Any:
    """Show the line for a shop's plugin: of the shop of the settings with their key, of another one with a new key."""
    store, db, config = store_named(name), services().db, services().config
    try:
        shops.check_is_shop(store)
        if name == DEFAULT:
            audit.record(db, "key.shown", target=name, details={"webhook_secret": True})
            return guide_page(store, Secrets(config.webhook_secret, config.webhook_api_key))
        return guide_page(store, Secrets(api_key=key_management.add_key(db, config, name)))
    except PROBLEMS as problem:
        return guide_page(store, Secrets(), problem=str(problem)), status_of(problem)


@blp.post("/store/<name>/secret")
@page("admin")
def rotate_secret(name: str) -> Any:
    """Make another secret, or take the one that was entered, and show it this once. The one before counts as well."""
    store, db, config = store_named(name), services().db, services().config
    sender, given = sender_of(store.kind), request.form.get("secret", "").strip()
    try:
        if sender.guide.gives_secret and not given:
            return guide_page(store, Secrets(), problem=_("Enter the secret that the other side has made.")), 422
        made = secrets.rotate_secret(db, config, name, given, has_secret=sender.has_secret)
    except PROBLEMS as problem:
        return guide_page(store, Secrets(), problem=str(problem)), status_of(problem)
    if store.webhook_secrets:
        flash(_("Both secrets count now. Enter the new one on the other side, then end the older one."))
    return guide_page(store_named(name), Secrets("" if given else made))


@blp.get("/plugin.zip")
@page("admin")
def plugin() -> Any:
    """The plugin to install in WordPress, made from its folder. Raises NotFound where the service is without it."""
    if not shops.is_here():
        raise NotFound(_("This service was installed without the plugin; its source code has it."))
    packed = shops.package()
    answer = Response(packed.content, mimetype="application/zip")
    answer.headers.set("Content-Disposition", "attachment", filename=packed.file_name)
    return answer


def guide_page(store: Store, shown: Secrets, *, is_new: bool = False, problem: str = "") -> str:
    """The guide of a store, with these secrets."""
    texts = sender_of(store.kind).guide
    both = bool(shown.api_key and shown.secret)
    by_hand = bool(texts.without_plugin) and request.args.get("way") == "webhooks" and not both
    return render(
        "settings/store_guide.html",
        store=store,
        guide=texts,
        steps=all_steps(texts.without_plugin if by_hand else texts.steps, store, shown),
        other_steps=all_steps(texts.without_plugin, store, shown) if both else [],
        has_plugin=bool(texts.without_plugin),
        by_hand=by_hand,
        is_plugin_here=shops.is_here(),
        reports=[_(each) for each in texts.reports],
        unknown=[_(each) for each in texts.unknown],
        is_new=is_new,
        problem=problem,
        is_local=not services().config.public_url,
        arrivals=arrivals_of(store),
        makes_secret=sender_of(store.kind).has_secret and store.id != DEFAULT,
    )


def all_steps(steps: Iterable[Step], store: Store, shown: Secrets) -> list[ShownStep]:
    """The steps of a guide, with what is shown of this store."""
    config = services().config
    url = endpoint_url(config, sender_of(store.kind))
    line: str | bool = shops.setup_line(config, shown.api_key) if shown.api_key else True
    secret: str | bool = shown.secret or bool(store.webhook_secrets)
    return [
        ShownStep(
            _(each.text),
            url if "url" in each.shows else "",
            secret if "secret" in each.shows else "",
            line if "line" in each.shows else "",
            "plugin" in each.shows,
            "items" in each.shows,
            each.command.replace("{url}", url).replace("{secret}", shown.secret or "…"),
        )
        for each in steps
    ]
