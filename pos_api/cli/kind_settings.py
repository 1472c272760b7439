"""What a sender has to know of each store of its kind (`senders.base.Setting`), as options of `store add` and `set`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from pos_api.senders.kind_settings import kinds_by_setting
from pos_api.senders.registry import SENDERS


def option(name: str) -> str:
    """The option for the setting of this name."""
    return f"--{name.replace('_', '-')}"


def with_kind_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting of any kind of store."""
    for name, kinds in reversed(kinds_by_setting().items()):
        [first, *_] = [each for each in SENDERS[kinds[0]].settings if each.name == name]
        command = click.option(option(name), name, help=f"{first.help} [{', '.join(kinds)}]")(command)
    return command


def kind_settings_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Of the options given to a command those that are settings of a kind."""
    return {name: text for name, text in given.items() if name in kinds_by_setting() and text is not None}
