"""How a store of a kind is set up, step by step, for the people who do it; its sender gives the guide.

The texts are English and marked with `N_`; the dashboard shows them in the reader's language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Shown: TypeAlias = Literal["url", "secret", "line", "plugin", "items"]
"""What can be shown with a step: the address that its deliveries go to, its secret, the line for its plugin, the plugin
to download, and where its items are linked to products."""


def N_(text: str) -> str:
    """Marks a text that is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `command` is a text to copy, in which `{url}` and `{secret}` stand for those of the store."""

    text: str
    shows: tuple[Shown, ...] = ()
    command: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """`name` is what people call the kind, `sends` one sentence about what comes from it. `before` is what is done
    before the store is added, as the form asks for it; `steps` is done afterwards, `without_plugin` in their place
    where there is a plugin and it can't be had. `reports` and `unknown` say what its stores report, and what can't be
    known from them. `gives_secret`: the secret is made on the other side, so it has to be entered here."""

    name: str
    sends: str = N_("Sales and payments.")
    example: str = "till-1"
    before: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = (Step(N_("On the other side enter this address, and the secret."), ("url", "secret")),)
    without_plugin: tuple[Step, ...] = ()
    reports: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    gives_secret: bool = False
