"""`pos-api store`: the stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pos_api.cli.common import moment_text, parse_moment, read_secret, say, with_config, with_db
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Invalid, NotFound
from pos_api.senders.delivery_url import shop_url, store_url
from pos_api.senders.registry import SENDERS
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.kind import KIND as WOOCOMMERCE
from pos_api.senders.woocommerce.setup_line import setup_line
from pos_api.staff import audit
from pos_api.stores import removal, settings
from pos_api.stores.model import DEFAULT
from pos_api.stores.registry import Stores


@click.group()
def store() -> None:
    """Stores that send here, besides the shop of the settings, which is called `default`."""


_store_settings = (
    click.option("--url", help="The shop's address."),
    click.option("--timezone", help="Where its days begin and end, for example Europe/Stockholm."),
    click.option(
        "--currency", help="For example SEK. One that the store has made up is taken in its orders from then on."
    ),
)


def _with_store_settings(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_store_settings):
        command = option(command)
    return command


@store.command("add")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(sorted(SENDERS)),
    default=WOOCOMMERCE,
    show_default=True,
    help="What sends for it.",
)
@_with_store_settings
@with_db
@with_config
def add_store(config: Config, db: Db, /, name: str, kind: str, **given: str | None) -> None:
    """Add the store NAME and print what to enter in it: of a shop the line for its plugin and its webhook secret, of
    another kind of store the address and the secret. They are shown this once."""
    chosen = {setting: value for setting, value in given.items() if value}
    key, secret = settings.add_store(db, config, name, kind=kind, **chosen)
    say(f"Added {name}. Keep these, they are shown this once:")
    if kind != WOOCOMMERCE:
        say(f"  URL for its webhooks:  {store_url(config, kind, name)}")
        say(f"  secret:                {secret}")
        return
    say(f"  API key:                                 {key}")
    say(f"  secret, for WooCommerce's own webhooks:  {secret}")
    say("Paste this line into the plugin (WooCommerce > POS Sync), it holds address and API key:")
    print_setup_line(config, key)


@store.command("show")
@click.argument("name")
@click.option("--connect", is_flag=True, help="Print the line to paste into its plugin; it holds the API key.")
@with_db
@with_config
def show_store(config: Config, db: Db, /, name: str, connect: bool) -> None:
    """Show the store NAME; no secrets, unless with --connect."""
    found = next((each for each in Stores(db, config).all() if each.id == name), None)
    if found is None:
        raise NotFound(f"There is no store {name!r}; `pos-api store add {name}` makes it.")
    if connect:
        if name != DEFAULT:
            raise Invalid(f"No API key of {name} is kept; `pos-api key add {name} --connect` makes another.")
        audit.record(db, "key.shown", target=name)
        print_setup_line(config, config.webhook_api_key)
        return
    for label, value in [
        ("name", found.name),
        ("kind", found.kind),
        ("shop", found.url or "-"),
        ("time zone", found.timezone),
        ("currency", found.currency or "-"),
        ("live since", moment_text(found.live_since)),
        ("sends to", shop_url(config) if found.kind == WOOCOMMERCE else store_url(config, found.kind, name)),
    ]:
        say(f"{label:<12}{value}")


def print_setup_line(config: Config, key: str) -> None:
    """The line on stdout, what is to be known about it on stderr."""
    say(setup_line(config, key))
    if not config.public_url:
        say(
            f"PUBLIC_URL is not set, so the line says {shop_url(config)}. For a shop on another machine, set"
            " PUBLIC_URL and print the line again, or replace http://localhost… by the address of this service in the"
            " field Webhook URL after pasting.",
            err=True,
        )


@store.command("set")
@click.argument("name")
@_with_store_settings
@click.option(
    "--live-since",
    callback=lambda _, __, text: parse_moment(text),
    help="Orders from before it are in the stock already: 2026-11-22T08:00:00Z, or now.",
)
@click.option("--webhook-secret", is_flag=True, help="Read a new secret for its native webhooks.")
@with_db
@with_config
def set_store(config: Config, db: Db, /, name: str, webhook_secret: bool, **given: Any) -> None:
    """Change settings of the store NAME."""
    if not webhook_secret and all(value is None for value in given.values()):
        raise click.UsageError("Nothing to change; `pos-api store set --help` shows what can be.")
    settings.update_store(db, config, name, webhook_secret=read_secret("Secret") if webhook_secret else None, **given)
    say("Changed; every process knows within five seconds.")


@store.command("list")
@with_db
@with_config
def list_stores(config: Config, db: Db) -> None:
    """Every store."""
    for each in Stores(db, config).all():
        live = f", live since {moment_text(each.live_since)}" if each.live_since else ""
        say(f"{each.id:<24} {each.url or '-'}  {each.timezone}{live}")


@store.command("disconnect")
@click.argument("name")
@with_db
def disconnect_store(db: Db, name: str) -> None:
    """End the exchange with the store NAME: delete its keys and secrets. All that came from it stays."""
    removal.disconnect_store(db, name)
    say("Disconnected; every process knows within five seconds. Its orders, products and customers stay.")
    if name == DEFAULT:
        say("WEBHOOK_API_KEY and WEBHOOK_SECRET of the settings still work: change them and start the service again.")


@store.command("remove")
@click.argument("name")
@with_db
def remove_store(db: Db, name: str) -> None:
    """Remove the store NAME, from which nothing ever came; one that sent something can only be disconnected."""
    removal.remove_store(db, name)
    say("Removed; every process knows within five seconds.")


@store.command("connect")
@click.argument("name")
@click.option("--url", required=True, help="The shop's address: https://shop.example.")
@click.option("--consumer-key", required=True, help="ck_…")
@click.option(
    "--consumer-secret",
    callback=lambda _, __, given: given or read_secret("Consumer secret", twice=False),
    help="cs_…; where it is not given it is asked for, or read from standard input.",
)
@with_db
@with_config
def connect_store(config: Config, db: Db, /, name: str, url: str, consumer_key: str, consumer_secret: str) -> None:
    """Connect to the REST API of the shop NAME, with a key from WooCommerce > Settings > Advanced > REST API."""
    hints = connection.connect(db, config, name, url, consumer_key, consumer_secret)
    say(f"Connected. `pos-api import {name} --since …` takes over what the shop has.")
    for hint in hints:
        say(f"Note: {hint}")
