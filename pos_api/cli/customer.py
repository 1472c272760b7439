"""`pos-api customer`: what is held about a person."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from pos_api.cli.common import json_value, say, say_lines, with_config, with_db
from pos_api.common.escaping import escaped
from pos_api.config import Config
from pos_api.customers.erasures import Erasures
from pos_api.database.client import Db
from pos_api.errors import Invalid
from pos_api.privacy import erase
from pos_api.privacy import export as person_export
from pos_api.stores.registry import Stores


@click.group()
def customer() -> None:
    """What is held about a person: take it out, or erase it."""


@customer.command("export")
@click.argument("email", metavar="E-MAIL")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, which is new.")
@with_db
@with_config
def export_customer(config: Config, db: Db, /, email: str, output: Path | None) -> None:
    """Print everything held about the person with this E-MAIL, as JSON; `store:#id` is one without an address."""
    if output is not None and output.exists():
        raise Invalid(f"{output} exists already; name another file.")  # before the audit says that it was exported
    found = person_export.export(db, Stores(db, config), _person(email))
    text = json.dumps(found, default=json_value, indent=2, ensure_ascii=False)
    if output is None:
        say_lines(text)
    else:
        _write_private(output, text + "\n")
    if others := found["other_addresses"]:
        say(f"The same account has ordered with other addresses, which are not in it: {', '.join(others)}.", err=True)


def _person(text: str) -> str:
    """A customer's key, as it was typed. Raises Invalid."""
    key = text.strip().lower()
    if "@" not in key and ":#" not in key:
        raise Invalid(f"{text!r} is no e-mail address, and no store:#id.")
    return key


def _write_private(file: Path, text: str) -> None:
    """Write a new file that only its owner can read."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Invalid(f"{file} can't be written: {error.strerror}.") from None
    with open(descriptor, "w", encoding="utf-8") as out:
        out.write(text)


@customer.command("erase")
@click.argument("email", metavar="E-MAIL")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_db
@with_config
def erase_customer(config: Config, db: Db, /, email: str, yes: bool) -> None:
    """Erase the person with this E-MAIL everywhere. Orders, stock and figures stay, without who it was."""
    key = _person(email)
    if not yes:
        click.confirm(f"Erase all personal data of {escaped(key)}? It can't be undone.", abort=True)
    erased = erase.person(db, Erasures(db, config), key)
    if not erased.found_anything():
        say("Nothing was held about this person. It is remembered: what comes from before now is not kept.")
        return
    record = ", and the record" if erased.record else ""
    found = f"{_counted(erased.orders, 'order')} and {_counted(erased.deliveries, 'delivery', 'deliveries')}"
    say(f"Erased: personal data in {found}{record}.")
    if erased.orders:
        owner = "The order is" if erased.orders == 1 else "The orders are"
        say(f"{owner} of {erased.customer} now, one customer in the figures as before.")
    if erased.other_addresses:
        say(f"The same account has ordered with other addresses, not erased: {', '.join(erased.other_addresses)}.")
    say("Backups made until now still have it: what is restored from them is erased again.")


def _counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: `1 order`, `2 orders`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
