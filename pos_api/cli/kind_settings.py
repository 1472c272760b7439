"""What a sender has to know of each store of its kind (`senders.base.Setting`), as options of `store add` and `set`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from pos_api.errors import Invalid
from pos_api.senders.base import ORDERS_OF, Sender, Setting
from pos_api.senders.registry import SENDERS
from pos_api.stores.model import Store


def option(name: str) -> str:
    """The option for the setting of this name."""
    return f"--{name.replace('_', '-')}"


def with_kind_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting of any kind of store."""
    for name, kinds in reversed(_kinds_by_setting().items()):
        [first, *_] = [each for each in SENDERS[kinds[0]].settings if each.name == name]
        command = click.option(option(name), name, help=f"{first.help} [{', '.join(kinds)}]")(command)
    return command


def kind_settings_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Of the options given to a command those that are settings of a kind."""
    return {name: text for name, text in given.items() if name in _kinds_by_setting() and text is not None}


def read_settings(
    sender: Sender[Any], given: Mapping[str, str], others: Iterable[Store], *, only_given: bool = False
) -> dict[str, Any]:
    """The settings of a store of this sender's kind, by name, of the texts that are given; with `only_given` no others,
    as the store has them already. `others` are the other stores there are. Raises Invalid for one that is of another
    kind, missing, unusable, or the same as another store's."""
    _refuse_those_of_other_kinds(sender, given)
    settings = [each for each in sender.settings if each.name in given or not only_given]
    if missing := [each for each in settings if each.required and not given.get(each.name, "").strip()]:
        needed = " and ".join(f"{option(each.name)} ({each.help.rstrip('.')})" for each in missing)
        raise Invalid(f"A store of the kind {sender.kind} needs {needed}.")
    return {each.name: _read(sender, each, given.get(each.name, ""), list(others)) for each in settings}


def _refuse_those_of_other_kinds(sender: Sender[Any], given: Mapping[str, str]) -> None:
    known = {each.name for each in sender.settings}
    if foreign := [name for name in given if name not in known]:
        kinds = _kinds_by_setting()[foreign[0]]
        raise Invalid(f"{option(foreign[0])} is for the kind {' or '.join(kinds)}; this store is of {sender.kind}.")


def _read(sender: Sender[Any], setting: Setting, text: str, others: list[Store]) -> Any:
    if not text.strip():
        return setting.default
    try:
        value = setting.read(text)
    except ValueError as error:
        raise Invalid(f"{option(setting.name)} {error}.") from None
    if setting.name == ORDERS_OF.name and value not in {each.id for each in others}:
        raise Invalid(f"{option(setting.name)}: there is no other store {value!r}.")
    if setting.unique:
        for each in others:
            if each.kind == sender.kind and each.settings.get(setting.name) == value:
                raise Invalid(f"{option(setting.name)}: the store {each.id!r} has this already.")
    return value


def _kinds_by_setting() -> dict[str, list[str]]:
    """The name of each setting, with the kinds that have it."""
    kinds: dict[str, list[str]] = {}
    for sender in SENDERS.values():
        for setting in sender.settings:
            kinds.setdefault(setting.name, []).append(sender.kind)
    return kinds
