"""`pos-api subscription`: who is sent events, and how their deliveries fare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import click
from cryptography.fernet import InvalidToken

from pos_api.cli.common import moment_text, read_secret, say, with_config, with_db
from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.errors import Conflict, Invalid
from pos_api.outbox import presentation, queries, subscriptions
from pos_api.outbox.model import Payload, SignatureForm
from pos_api.outbox.ping import ping
from pos_api.outbox.subscription_rules import refuse_unknown_stores
from pos_api.staff import audit
from pos_api.stores.registry import Stores

_MOST = 10_000


def _read(option: str) -> str:
    """The secret of an option; `-` asks for it, as everybody on the machine sees the arguments of a command."""
    return read_secret("Secret") if option == "-" else option


@contextmanager
def _naming_fields() -> Iterator[None]:
    """Say of what is refused inside which field it is."""
    try:
        yield
    except Invalid as error:
        details = error.details if isinstance(error.details, dict) else {}
        problems = [f"{field}: {' '.join(map(str, texts))}" for field, texts in details.items()]
        raise Invalid("; ".join(problems) or error.message) from None


@click.group()
def subscription() -> None:
    """Who is sent events, and how their deliveries fare. docs/subscribers.md has the details."""


@subscription.command("add")
@click.argument("url")
@click.option(
    "--event",
    "events",
    multiple=True,
    default=["*"],
    show_default=True,
    help="A type of events, or all of a kind (order.*). Can be given several times.",
)
@click.option("--store", "stores", multiple=True, help="Only events of this store. Can be given several times.")
@click.option("--description", default="", help="What it is for.")
@click.option("--signature", type=click.Choice(get_args(SignatureForm)), default="standard", show_default=True)
@click.option("--payload", type=click.Choice(get_args(Payload)), default="full", show_default=True)
@click.option("--secret", default="", help="What deliveries are signed with, - to read it; else one is made.")
@with_db
@with_config
def add_subscription(config: Config, db: Db, /, secret: str, **settings: Any) -> None:
    """Send events to URL, and print the secret that they are signed with, this once."""
    lists = {name: list(settings[name]) for name in ("events", "stores")}
    with _naming_fields():
        refuse_unknown_stores(lists["stores"], {store.id for store in Stores(db, config).all()})
        made = subscriptions.create(db, config, {**settings, **lists}, secret=_read(secret))
    recently_read.wait_until_known()
    say(f"{made.subscription['_id']}  {made.secret}")


@subscription.command("list")
@with_db
def list_subscriptions(db: Db, /) -> None:
    """All of them: id, state, attempts that failed since the last success, how many deliveries wait, URL and events."""
    for each in queries.find_subscriptions(db, _MOST):
        health = presentation.health(each, queries.backlog(db, each["_id"]), now())
        state = health["state"] + (f", {failed} failed" if (failed := health["failures_in_row"]) else "")
        say(f"{each['_id']}  {state}  {health['backlog']} waiting  {each['url']}  {' '.join(each['events'])}")


@subscription.command("show")
@click.argument("identifier", metavar="ID")
@with_db
def show_subscription(db: Db, /, identifier: str) -> None:
    """One of them as JSON, with how its deliveries fare."""
    found = subscriptions.get(db, identifier)
    shown = presentation.subscription(found, queries.backlog(db, identifier), now())
    for line in json.dumps(json.loads(json_bytes(shown)), indent=2, ensure_ascii=False).split("\n"):
        say(line)


@subscription.command("test")
@click.argument("identifier", metavar="ID")
@with_db
@with_config
def test_subscription(config: Config, db: Db, /, identifier: str) -> None:
    """Send a ping now, and print what came back; status 1 unless that is a success."""
    found = subscriptions.get(db, identifier)
    audit.record(db, "webhook.tested", target=identifier)
    try:
        made = ping(config, found)
    except InvalidToken:
        raise Conflict(subscriptions.CANT_BE_READ) from None
    answer = made.get("answer", b"").decode("utf-8", "replace")
    say(f"{made.get('status', '')} {made.get('error', answer)}".strip() + f"  after {made['seconds']:.3f} s")
    if not 200 <= made.get("status", 0) < 300:
        raise SystemExit(1)


@subscription.command("resume")
@click.argument("identifier", metavar="ID")
@with_db
def resume_subscription(db: Db, /, identifier: str) -> None:
    """Switch it on, whatever switched it off; what waits is sent from where it stopped."""
    resumed = subscriptions.resume(db, identifier)
    say(f"Resumed; {queries.backlog(db, identifier)} waiting for {resumed['url']}")


@subscription.command("rotate")
@click.argument("identifier", metavar="ID")
@click.option("--secret", default="", help="The new one, - to read it from standard input; else one is made.")
@with_db
@with_config
def rotate_secret(config: Config, db: Db, /, identifier: str, secret: str) -> None:
    """Give it another secret and print it, this once. The one before signs as well for 24 hours."""
    with _naming_fields():
        made = subscriptions.rotate_secret(db, config, identifier, _read(secret))
    say(f"{made.secret}  the former one counts until {moment_text(made.subscription['former_secret_until'])}")


@subscription.command("remove")
@click.argument("identifier", metavar="ID")
@with_db
def remove_subscription(db: Db, /, identifier: str) -> None:
    """Remove it with its deliveries; a second later nothing of what waits is sent any more."""
    subscriptions.delete(db, identifier)
    say(f"Removed {identifier}")
