"""`pos-api inbox` and `replay`: deliveries that need a look."""

from __future__ import annotations

from typing import Any

import click

from pos_api.cli.common import moment_text, say, with_config, with_db
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.inbox import queries
from pos_api.inbox.model import IGNORED, STALE
from pos_api.inbox.replay import replay_entries
from pos_api.privacy import retention

_NOTHING = {"waiting": "Nothing waits.", IGNORED: "Nothing was ignored.", STALE: "Nothing was outdated."}


@click.command("inbox")
@click.option("--state", type=click.Choice(["parked", "failed", "waiting"]), help="Only these.")
@click.option("--outcome", type=click.Choice([IGNORED, STALE]), help="In place of a state.")
@click.option("--kind", help="Only those of stores of this kind.")
@click.option("--store", help="Only this store's.")
@click.option("--topic", help="Only those of this topic, such as order.created.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@with_db
@with_config
def list_inbox(config: Config, db: Db, /, limit: int, **given: Any) -> None:
    """Deliveries that need a look, with the reason, the newest first; or those that wait, were ignored, or stale."""
    if given["state"] and given["outcome"]:
        raise click.UsageError("Give --state or --outcome, not both.")
    entries, _ = queries.find(db, queries.Filter(**given), limit=limit)
    for each in entries:
        what = f"{each['store']} {each['topic'] or 'unreadable'} {each['resource_id']}"
        state = each["outcome"] if given["outcome"] else each["state"]
        say(f"{moment_text(each['received_at'])}  {state:<8} {what}  {each.get('reason', '')}")
        for field, problem in (each.get("details") or {}).items():
            say(f"  {field}: {problem}")
        say(f"  {each['_id']}")
        if until := retention.kept_until(each, config):
            say(f"  is deleted on {until.date()}, unless it is replayed")
    if not entries:
        say(_NOTHING.get(given["outcome"] or given["state"] or "", "Nothing needs a look."), err=True)


@click.command()
@click.argument("keys", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every parked and failed one.")
@with_db
def replay(db: Db, keys: tuple[str, ...], everything: bool) -> None:
    """Make the deliveries of these KEYS due again, or all that need a look."""
    if bool(keys) == everything:
        raise click.UsageError("Give the keys that `pos-api inbox` shows, or --all.")
    count = replay_entries(db, queries.Filter() if everything else keys)
    say(f"{count} due again; a running service takes them up within a second or so.")
