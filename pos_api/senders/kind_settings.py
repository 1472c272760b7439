"""What a sender has to know of each store of its kind (`base.Setting`): read from what people enter, for the command
line and the dashboard alike; and how a store of any kind is added."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Invalid
from pos_api.senders.base import ORDERS_OF, Sender, Setting
from pos_api.senders.registry import SENDERS, sender_of
from pos_api.stores import settings
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from pos_api.stores.settings import Credentials

Called = Callable[[str], str]
"""What a setting is called where it was entered: `--merchant-id`, or the label of its field."""


def add_store(
    db: Db, config: Config, name: str, kind: str, secret: str, given: Mapping[str, str], called: Called, **known: str
) -> Credentials:
    """Add the store `name` of this kind. `given` are the texts of its kind's settings, `known` those that every store
    has (`url`, `timezone`, `currency`), blank `secret`: one is made where the kind has secrets. Returns what it sends
    with, which is shown this once.

    Raises NotFound for an unknown kind, Invalid and Conflict (`read_settings`, `stores.settings.add_store`)."""
    sender = sender_of(kind)
    of_kind = read_settings(sender, given, Stores(db, config).all(), called)
    replaced = any(each.replaces_secret and of_kind[each.name] for each in sender.settings)
    has_secret = sender.has_secret and not replaced
    known = {setting: value for setting, value in known.items() if value}
    return settings.add_store(
        db, config, name, kind=kind, secret=secret, has_secret=has_secret, of_kind=of_kind, **known
    )


def read_settings(
    sender: Sender[Any], given: Mapping[str, str], others: Iterable[Store], called: Called, *, only_given: bool = False
) -> dict[str, Any]:
    """The settings of a store of this sender's kind, by name, of the texts that are given; with `only_given` no others,
    as the store has them already. `others` are the other stores there are. Raises Invalid for one that is of another
    kind, missing, unusable, or the same as another store's."""
    _refuse_those_of_other_kinds(sender, given, called)
    wanted = [each for each in sender.settings if each.name in given or not only_given]
    if missing := [each for each in wanted if each.required and not given.get(each.name, "").strip()]:
        needed = " and ".join(f"{called(each.name)} ({each.help.rstrip('.')})" for each in missing)
        raise Invalid(f"A store of the kind {sender.kind} needs {needed}.")
    return {each.name: _read(sender, each, given.get(each.name, ""), list(others), called) for each in wanted}


def proofs(kind: str) -> list[str]:
    """The settings of this kind by which a store's deliveries are known to be its own, besides its secret."""
    return [each.name for each in sender_of(kind).settings if each.unique or each.replaces_secret]


def kinds_by_setting() -> dict[str, list[str]]:
    """The name of each setting, with the kinds that have it."""
    kinds: dict[str, list[str]] = {}
    for sender in SENDERS.values():
        for setting in sender.settings:
            kinds.setdefault(setting.name, []).append(sender.kind)
    return kinds


def _refuse_those_of_other_kinds(sender: Sender[Any], given: Mapping[str, str], called: Called) -> None:
    known = {each.name for each in sender.settings}
    if foreign := [name for name in given if name not in known]:
        kinds = kinds_by_setting()[foreign[0]]
        raise Invalid(f"{called(foreign[0])} is for the kind {' or '.join(kinds)}; this store is of {sender.kind}.")


def _read(sender: Sender[Any], setting: Setting, text: str, others: list[Store], called: Called) -> Any:
    if not text.strip():
        return setting.default
    try:
        value = setting.read(text)
    except ValueError as error:
        raise Invalid(f"{called(setting.name)} {error}.") from None
    if setting.name == ORDERS_OF.name and value not in {each.id for each in others}:
        raise Invalid(f"{called(setting.name)}: there is no other store {value!r}.")
    if setting.unique:
        for each in others:
            if each.kind == sender.kind and each.settings.get(setting.name) == value:
                raise Invalid(f"{called(setting.name)}: the store {each.id!r} has this already.")
    return value
