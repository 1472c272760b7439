"""`pos-api audit`: who did what."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from pos_api.cli.common import json_value, moment_text, say, with_db
from pos_api.common.time import first_moment, last_moment
from pos_api.database.client import Db, Document
from pos_api.staff import audit
from pos_api.staff.presentation import audit_entry


def _audit_moment(find: Callable[[str | None], datetime | None]) -> Callable[..., datetime | None]:
    def parse(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
        try:
            return find(text)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} {error}") from None

    return parse


@click.command("audit")
@click.option("--action", help="An action, such as product.price, or all of a kind: product.")
@click.option("--who", help="The name of who did it.")
@click.option("--target", help="What it was done to: a SKU, a user, a store.")
@click.option("--since", callback=_audit_moment(first_moment), help="From this day (UTC) or time on.")
@click.option("--until", callback=_audit_moment(last_moment), help="Up to this day (UTC, whole) or time.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print each entry as a line of JSON.")
@with_db
def show_audit(db: Db, /, limit: int, as_json: bool, **wanted: Any) -> None:
    """Who did what, the newest first: log-ins and failed ones, changes by staff and at the command line, exports."""
    found = audit.find(db, audit.Filter(**wanted), limit=limit + 1)
    for entry in map(audit_entry, found[:limit]):
        say(json.dumps(entry, default=json_value, ensure_ascii=False) if as_json else _audit_line(entry))
    if len(found) > limit:
        say(
            f"There are older entries than these {limit}; see --limit and --until.",
            err=True,
        )


def _audit_line(entry: Document) -> str:
    who = [entry["who"].get(name) for name in ("kind", "name", "sudo", "store", "address")]
    parts = [moment_text(entry["time"]), " ".join(dict.fromkeys(filter(None, who))), entry["action"], entry["target"]]
    if entry["outcome"] != "done":
        parts.append(f"[{entry['outcome']}]")
    if entry["details"]:
        parts.append(json.dumps(entry["details"], default=json_value, ensure_ascii=False))
    return "  ".join(part for part in parts if part is not None)
