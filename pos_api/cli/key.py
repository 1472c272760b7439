"""`pos-api key`: API keys of stores."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from pos_api.cli.common import moment_text, parse_moment, say, with_config, with_db
from pos_api.cli.store import print_setup_line
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.woocommerce.kind import check_is_shop
from pos_api.stores import api_keys, key_management
from pos_api.stores.model import DEFAULT
from pos_api.stores.registry import Stores


@click.group()
def key() -> None:
    """API keys of stores. Two with the same scopes can be active, so that a key is changed without a gap."""


@key.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(api_keys.SCOPES),
    default=[api_keys.ORDERS],
    show_default=True,
    help="What it may do: send deliveries (orders), read what a viewer may, of all stores (read), subscribe to"
    " events and read them (subscriptions), or all of these. Can be given several times.",
)
@click.option(
    "--ip",
    "networks",
    multiple=True,
    metavar="NETWORK",
    help="Accept it only from this address or network, such as 192.0.2.0/24. Can be given several times.",
)
@click.option("--expires", callback=lambda _, __, text: parse_moment(text), help="When it stops to work: 2027-01-01.")
@click.option("--connect", is_flag=True, help="Print it in the line to paste into the plugin.")
@with_db
@with_config
def add_key(
    config: Config,
    db: Db,
    /,
    name: str,
    scopes: tuple[str, ...],
    networks: tuple[str, ...],
    expires: datetime | None,
    connect: bool,
) -> None:
    """Give the store NAME another key and print it, this once."""
    if expires and expires <= now():
        raise click.BadParameter("that day or time is past already", param_hint="'--expires'")
    if connect and not {api_keys.ORDERS, api_keys.ALL} & set(scopes):
        raise click.BadParameter("the plugin needs the scope orders", param_hint="'--scope'")
    if connect:
        check_is_shop(Stores(db, config).get(name))
    key = key_management.add_key(db, config, name, expires_at=expires, scopes=scopes, networks=networks)
    if connect:
        print_setup_line(config, key)
    else:
        say(key)


@key.command("list")
@click.argument("name", required=False)
@with_db
@with_config
def list_keys(config: Config, db: Db, /, name: str | None) -> None:
    """The keys of the store NAME, or of all stores, by their first letters; used: to the minute."""
    for store in [name] if name else [each.id for each in Stores(db, config).all()]:
        if store == DEFAULT and key_management.SETTINGS_KEY not in {
            each["prefix"] for each in key_management.list_keys(db, store)
        }:
            say(f"{store}  {key_management.SETTINGS_KEY}  of the settings; no service has run with it yet")
        for each in key_management.list_keys(db, store):
            say(f"{store}  {_key_line(each)}")


def _key_line(each: dict[str, Any]) -> str:
    of_settings = each["prefix"] == key_management.SETTINGS_KEY
    days = (now() - each["created_at"]).days
    parts = [
        f"{each['prefix']}{'' if of_settings else '…'}  {', '.join(each['scopes'])}",
        f"{'known since' if of_settings else 'made'} {moment_text(each['created_at'])}",
        f"{days} {'day' if days == 1 else 'days'} old",
        f"used {moment_text(each['last_used_at'])}",
    ]
    parts += [f"expires {moment_text(each['expires_at'])}"] if each["expires_at"] else []
    parts += [f"only from {', '.join(each['networks'])}"] if each["networks"] else []
    return ", ".join(parts)


@key.command("revoke")
@click.argument("name")
@click.argument("prefix")
@with_db
def revoke_key(db: Db, name: str, prefix: str) -> None:
    """Take back the key of the store NAME that starts with PREFIX, as `pos-api key list` shows it."""
    key_management.revoke_key(db, name, prefix)
    say("Revoked; every process knows within five seconds.")
