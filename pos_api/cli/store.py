"""`pos-api store`: the stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import click

from pos_api.cli.common import moment_text, parse_moment, read_secret, say, with_config, with_db
from pos_api.cli.kind_settings import kind_settings_of, option, with_kind_settings
from pos_api.cli.store_stock import StockSyncAsked, set_stock_sync, stock_sync_lines, with_stock_sync
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Invalid, NotFound
from pos_api.senders import kind_settings
from pos_api.senders.base import Sender
from pos_api.senders.delivery_url import endpoint, endpoint_url, shop_url
from pos_api.senders.registry import SENDERS, sender_of
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.kind import KIND as WOOCOMMERCE
from pos_api.senders.woocommerce.setup_line import setup_line
from pos_api.staff import audit
from pos_api.stock.store_sync import is_on
from pos_api.stores import removal, secrets, settings
from pos_api.stores.model import DEFAULT, Store
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
    for each in reversed(_store_settings):
        command = each(command)
    return command


_json_option = click.option("--json", "as_json", is_flag=True, help="As a JSON object, for programs.")
_secret_option = click.option(
    "--secret",
    help="The secret that it signs with; `-` reads it from standard input, as everybody on this machine sees the"
    " arguments of commands. Without it one is made.",
)


@store.command("add")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(sorted(SENDERS)),
    default=WOOCOMMERCE,
    show_default=True,
    help="What sends for it.",
)
@_secret_option
@_with_store_settings
@with_kind_settings
@_json_option
@with_db
@with_config
def add_store(config: Config, db: Db, /, name: str, kind: str, secret: str | None, as_json: bool, **given: Any) -> None:
    """Add the store NAME and print what to enter in it: of a shop the line for its plugin and its webhook secret, of
    another kind of store the address and the secret. They are shown this once."""
    sender = sender_of(kind)
    known_of_all = {setting: given[setting] or "" for setting in ("url", "timezone", "currency")}
    of_kind = kind_settings_of(given)
    made = kind_settings.add_store(db, config, name, kind, _secret(secret), of_kind, option, **known_of_all)
    if as_json:
        _print_json(sender, name, made.secret, {"api_key": made.api_key} if made.api_key else {})
        return
    once = " Keep these, they are shown this once:" if made.secret else " It has no secret."
    say(f"Added {name}.{once}")
    if kind != WOOCOMMERCE:
        _print_endpoint(config, sender, made.secret)
        return
    say(f"  API key:                                 {made.api_key}")
    say(f"  secret, for WooCommerce's own webhooks:  {made.secret}")
    say("Paste this line into the plugin (WooCommerce > POS Sync), it holds address and API key:")
    print_setup_line(config, made.api_key)


def _secret(given: str | None) -> str:
    """The secret that `--secret` gives; blank where it is left out. Raises Invalid for one that is empty."""
    secret = read_secret("Secret") if given == "-" else given
    if secret is not None and not secret.strip():
        raise Invalid("A webhook secret can't be empty.")
    return secret or ""


def _print_json(sender: Sender[Any], name: str, secret: str, more: dict[str, str]) -> None:
    shown = {"name": name, "kind": sender.kind, "endpoint": endpoint(sender), "secret": secret or None, **more}
    say(json.dumps(shown))


def _print_endpoint(config: Config, sender: Sender[Any], secret: str) -> None:
    say(f"  URL for its webhooks:  {endpoint_url(config, sender)}")
    if secret:
        say(f"  secret:                {secret}")
    if not config.public_url:
        say(
            "PUBLIC_URL is not set, so the URL is one of this machine: set it to the address at which the provider"
            " reaches this service.",
            err=True,
        )


_HOW_MANY = ("none", "one", "two, while it is rotated: both count")


@store.command("rotate")
@click.argument("name")
@_secret_option
@click.option("--end", is_flag=True, help="Let only the latest secret count.")
@_json_option
@with_db
@with_config
def rotate(config: Config, db: Db, /, name: str, secret: str | None, end: bool, as_json: bool) -> None:
    """Give the store NAME another secret, which is shown this once. The one before counts as well until it is ended
    with --end, so that nothing is refused while the new one is entered there."""
    if end:
        if secret is not None or as_json:
            raise click.UsageError("--end takes no other option.")
        secrets.end_rotation(db, name)
        say("Only the latest secret counts; every process knows within five seconds.")
        return
    before = _found(config, db, name)
    sender = sender_of(before.kind)
    made = secrets.rotate_secret(db, config, name, _secret(secret), has_secret=sender.has_secret)
    if as_json:
        _print_json(sender, name, made, {})
        return
    if before.webhook_secrets:
        say(f"Both secrets of {name} count now, within five seconds. Enter this one there, it is shown this once:")
    else:
        say(f"{name} had no secret. Within five seconds what is signed with this one is taken, too.")
        say("Enter it there, it is shown this once:")
    _print_endpoint(config, sender, made)
    if before.webhook_secrets:
        say(f"Then end the older one: pos-api store rotate {name} --end")


def _found(config: Config, db: Db, name: str) -> Store:
    """The store of this name. Raises NotFound."""
    found = next((each for each in Stores(db, config).all() if each.id == name), None)
    if found is None:
        raise NotFound(f"There is no store {name!r}; `pos-api store add {name}` makes it.")
    return found


@store.command("show")
@click.argument("name")
@click.option("--connect", is_flag=True, help="Print the line to paste into its plugin; it holds the API key.")
@with_db
@with_config
def show_store(config: Config, db: Db, /, name: str, connect: bool) -> None:
    """Show the store NAME; no secrets, unless with --connect."""
    found = _found(config, db, name)
    if connect:
        if found.kind != WOOCOMMERCE:
            raise Invalid(f"{name} has no plugin: its kind is {found.kind}.")
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
        *((setting.replace("_", " "), _shown(value)) for setting, value in found.settings.items()),
        ("secrets", _HOW_MANY[len(found.webhook_secrets)]),
        ("sends to", endpoint_url(config, sender_of(found.kind))),
        *((("connected", connection.address_of(db, name) or "-"),) if found.kind == WOOCOMMERCE else ()),
    ]:
        say(f"{label:<16}{value}")
    if found.kind == WOOCOMMERCE:
        for label, line in zip_longest(["stock sync"], stock_sync_lines(db, name), fillvalue=""):
            say(f"{label:<16}{line}")


def _shown(value: Any) -> str:
    """A setting of a kind as it is printed."""
    return "-" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)


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
@with_kind_settings
@click.option(
    "--live-since",
    callback=lambda _, __, text: parse_moment(text),
    help="Orders from before it are in the stock already: 2026-11-22T08:00:00Z, or now.",
)
@click.option("--webhook-secret", is_flag=True, help="Read a new secret, which counts alone at once; see `rotate`.")
@with_stock_sync
@with_db
@with_config
def set_store(config: Config, db: Db, /, name: str, webhook_secret: bool, stock: StockSyncAsked, **given: Any) -> None:
    """Change settings of the store NAME."""
    is_given = webhook_secret or any(value is not None for value in given.values())
    if not (is_given or stock.on is not None):
        raise click.UsageError("Nothing to change; `pos-api store set --help` shows what can be.")
    if is_given:
        _change_settings(config, db, name, webhook_secret=webhook_secret, **given)
    if stock.on is not None:
        set_stock_sync(config, db, _found(config, db, name).id, stock)


def _change_settings(config: Config, db: Db, name: str, *, webhook_secret: bool, **given: Any) -> None:
    if of_kind := kind_settings_of(given):
        stores = {each.id: each for each in Stores(db, config).all()}
        sender = sender_of(_found(config, db, name).kind)
        others = [each for each in stores.values() if each.id != name]
        of_kind = kind_settings.read_settings(sender, of_kind, others, option, only_given=True)
    settings.update_store(
        db,
        config,
        name,
        webhook_secret=read_secret("Secret") if webhook_secret else None,
        of_kind=of_kind,
        **{setting: given[setting] for setting in ("url", "timezone", "currency", "live_since")},
    )
    say("Changed; every process knows within five seconds.")


@store.command("list")
@with_db
@with_config
def list_stores(config: Config, db: Db) -> None:
    """Every store."""
    for each in Stores(db, config).all():
        live = f", live since {moment_text(each.live_since)}" if each.live_since else ""
        of_kind = "".join(f", {name.replace('_', ' ')} {_shown(value)}" for name, value in each.settings.items())
        where = each.url or endpoint(sender_of(each.kind))
        stock = ", stock sync on" if is_on(db, each.id) else ""
        say(f"{each.id:<24} {each.kind:<12} {where}  {each.timezone}{live}{of_kind}{stock}")


@store.command("disconnect")
@click.argument("name")
@with_db
@with_config
def disconnect_store(config: Config, db: Db, /, name: str) -> None:
    """End the exchange with the store NAME: delete its keys and secrets, or the settings that are in place of one, such
    as its merchant id. All that came from it stays."""
    removal.disconnect_store(db, name, kind_settings.proofs(_found(config, db, name).kind))
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
