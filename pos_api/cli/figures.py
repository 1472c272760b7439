"""`pos-api figures`: the kept sums of orders."""

from __future__ import annotations

import click

from pos_api.cli.common import Commands, say, with_db
from pos_api.database.client import Db
from pos_api.errors import NotFound
from pos_api.figures import rollup
from pos_api.staff import audit
from pos_api.stores.model import DEFAULT


@click.group("figures", cls=Commands)
def figures() -> None:
    """Figures: what sold, by day."""


@figures.command("rebuild")
@click.option("--store", help="The orders of this store only.")
@with_db
def rebuild(db: Db, store: str | None) -> None:
    """Count all orders anew. The service may go on; figures are answered with 503 until it is done."""
    if store is not None and store != DEFAULT and db.stores.find_one({"_id": store}, {"_id": 1}) is None:
        raise NotFound(f"There is no store {store[:80]!r}.")
    with audit.act(db, "figures.rebuilt", target=store):
        for left in rollup.rebuild(db, store):
            say(f"Up to {left:,} orders are left to count." if left else "All orders are counted.")
