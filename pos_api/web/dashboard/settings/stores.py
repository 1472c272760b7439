"""All stores; which one is set up first; and a store of any kind is added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from flask import request

from pos_api.inbox import queries
from pos_api.senders import comparisons, kind_settings, shops
from pos_api.senders.guide import Guide
from pos_api.senders.registry import SENDERS, sender_of
from pos_api.stock.store_sync import is_on
from pos_api.stores.model import DEFAULT, Store
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.settings import store_fields
from pos_api.web.dashboard.settings.blueprint import blp
from pos_api.web.dashboard.settings.shared import PROBLEMS, all_stores, status_of, store_named
from pos_api.web.dashboard.settings.store_fields import label
from pos_api.web.dashboard.settings.store_guide import Secrets, all_steps, guide_page
from pos_api.web.services import services


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A store in the list: what it is, when something last came, and its state in words, each with its tone."""

    store: Store
    kind: str
    last: datetime | None
    states: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of store to choose: its name, and what comes from it, in the reader's language."""

    kind: str
    name: str
    sends: str


@blp.get("/stores")
@page("admin")
def stores() -> Any:
    """All stores."""
    return render("settings/stores.html", rows=store_rows())


@blp.get("/stores/start")
@page("admin")
def start() -> Any:
    """Which kind of store is set up first, on a new installation."""
    db = services().db
    default = store_named(DEFAULT)
    others = [each for each in all_stores() if each.id != DEFAULT]
    begun = queries.last_received(db)
    return render("settings/start.html", default=default, others=others, kinds=_kinds(), begun=begun)


@blp.get("/stores/add")
@page("admin")
def choose_kind() -> Any:
    """Of which kind a store to be added is."""
    return render("settings/store_kinds.html", kinds=_kinds())


@blp.get("/stores/add/<kind>")
@page("admin")
def add_form(kind: str) -> Any:
    """The form for a store of this kind."""
    return _form(kind)


@blp.post("/stores/add/<kind>")
@page("admin")
def add(kind: str) -> Any:
    """Add a store; the answer is its guide, with its secrets, which are shown this once."""
    sender, typed = sender_of(kind), store_fields.typed()
    name, secret = typed.get("name", "").strip(), request.form.get("secret", "").strip()
    if sender.guide.gives_secret and not secret:
        return _form(kind, _("Enter the secret that the other side has made.")), 422
    given = {each.name: typed.get(each.name, "") for each in sender.settings}
    known = {each: typed.get(each, "").strip() for each in store_fields.OF_ALL}
    try:
        made = kind_settings.add_store(services().db, services().config, name, kind, secret, given, label, **known)
    except PROBLEMS as problem:
        return _form(kind, str(problem)), status_of(problem)
    added = store_named(name)
    entered = made.secret if not sender.guide.gives_secret else ""
    return guide_page(added, Secrets(entered, made.api_key), is_new=True)


def store_rows() -> list[StoreRow]:
    """Every store with its state."""
    db = services().db
    last, connected, compared = queries.last_received(db), set(shops.connected(db)), comparisons.verdicts(db)
    rows = []
    for each in all_stores():
        states = _states(each, last, each.id in connected, *compared.get(each.id, (True, False)))
        rows.append(StoreRow(each, sender_of(each.kind).guide.name, last.get(each.id), states))
    return rows


def _states(
    store: Store, last: dict[str, datetime], connected: bool, in_sync: bool, silent: bool
) -> list[tuple[str, str]]:
    found = [(_("Events arrive"), "good") if store.id in last else (_nothing(store), "warn")]
    found += [(_("Connected"), "good")] if connected else []
    found += [(_("Silent for longer than usual"), "bad")] if silent and connected else []
    found += [(_("Differs from the shop"), "warn")] if connected and not in_sync else []
    if shops.is_shop(store) and is_on(services().db, store.id):
        found.append((_("Stock sync on"), "good"))
    return found


def _nothing(store: Store) -> str:
    """What is said of a store of which no delivery is kept: it may have sent some that were deleted since."""
    if services().db.orders.find_one({"store": store.id}, {"_id": 1}):
        return _("Nothing in %(num)s days", num=services().config.inbox_days)
    return _("Nothing has come yet")


def _kinds() -> list[Kind]:
    """The kinds there are, those with a plugin first."""

    def kind_of(kind: str, guide: Guide) -> Kind:
        return Kind(kind, guide.name, _(guide.sends))

    ordered = sorted(SENDERS.items(), key=lambda each: (not each[1].guide.without_plugin, each[1].guide.name))
    return [kind_of(kind, sender.guide) for kind, sender in ordered]


def _form(kind: str, problem: str = "") -> str:
    """The form for a store of this kind, with what was typed."""
    sender, typed = sender_of(kind), store_fields.typed()
    default = store_named(DEFAULT)
    store = store_fields.new_store(kind, default.timezone)
    return render(
        "settings/store_add.html",
        kind=kind,
        guide=sender.guide,
        sends=_(sender.guide.sends),
        before=all_steps(sender.guide.before, store, Secrets()),
        name=typed.get("name", ""),
        fields=[*store_fields.of_all(store, typed), *store_fields.of_kind(store, all_stores(), typed)],
        takes_secret=sender.has_secret and not sender.guide.without_plugin,
        timezones=sorted(available_timezones()),
        problem=problem,
    )
