"""`pos-api verify`: whether stock is right."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from itertools import chain

import click

from pos_api.accounting import verify as books
from pos_api.cli.common import say, with_config, with_db
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.orders import verify_stock as verify
from pos_api.senders.woocommerce.stock_sync import verify as stock_sync
from pos_api.staff import audit


@click.command("verify")
@click.option("--repair", is_flag=True, help="Bring products to their ledger, and orders into it.")
@with_db
@with_config
def verify_stock(config: Config, db: Db, /, repair: bool) -> None:
    """Prove that stock is right (ledgers, products and orders), that shops with stock sync were sent each movement
    once, which they are asked, and that no entry of the books was changed. Exit status 1 when something is (still)
    wrong."""
    found = left = 0
    recorded: AbstractContextManager[Document] = audit.act(db, "stock.repaired") if repair else nullcontext({})
    with recorded as details:
        for problem in chain(verify.run(db, repair=repair), stock_sync.run(db, config)):
            found += 1
            left += not problem.repaired
            say(f"{'repaired' if problem.repaired else 'WRONG':<8} {problem.what}: {problem.message}")
        for wrong in books.problems(db):
            found, left = found + 1, left + 1
            say(f"{'WRONG':<8} books: {wrong}")
        details |= {"found": found, "left": left}
    say(f"{found:,} problems, {left:,} left." if found else "Stock is right, and so are the books.")
    sys.exit(1 if left else 0)
