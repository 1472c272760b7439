"""Imports of a whole shop: over REST from the tests' fake shop, and from a shop's database."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pos_api.collections import COLLECTIONS
from pos_api.database import client as database
from pos_api.database.collections import ensure_indexes
from pos_api.figures import queries as figures
from pos_api.senders.woocommerce import connection
from scripts.benchmark.fake_shop import fake_shop
from scripts.benchmark.processes import family, memory_of, processor_seconds
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import CONFIG, KEY, SEALING_KEY, Mongod, mongod
from scripts.benchmark.shop_database import shop_database
from tests.fake_shop import KEY as SHOP_KEY
from tests.fake_shop import SECRET as SHOP_SECRET
from tests.service import environment

_LOOK_SECONDS = 0.25
_HEADS: tuple[Head, ...] = (
    "from",
    "orders",
    Column("orders/s", "orders/s", "more"),
    Column("with comparison and figures", "orders/s", "more"),
    Column("import, µs/order", "µs/order", "less"),
    Column("mongod, µs/order", "µs/order", "less"),
    Column("shop, µs/order", "µs/order", "less"),
    Column("MB at 10 %", "MB", "less"),
    Column("MB at 50 %", "MB", "less"),
    Column("MB at the last order", "MB", "less"),
    Column("first look after, ms", "ms", "less"),
    "aim",
)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Seconds since the start, orders here, and MB of all processes of the import."""

    seconds: float
    orders: int
    memory: float


@dataclass(slots=True)
class _Run:
    """An import that was watched: how long it took, seconds of processor time of each side, and how long the first
    look at the figures took right after it."""

    samples: list[_Sample] = field(default_factory=list)
    took: float = 0.0
    ours: float = 0.0
    mongod: float = 0.0
    shop: float = 0.0
    first_look: float = 0.0


def bench_import(args: argparse.Namespace, report: Report) -> None:
    """One import each way."""
    rest, stored, since = args.rest_orders, args.database_orders, ("default", "--since", "2024-01-01")
    with mongod("import") as server:
        with fake_shop(rest) as (url, pid):
            rows = [_row("REST", rest, _watched(server, ("import", *since), pid, shop_url=url), "300/s")]
        if lacking := [each for each in ("mariadbd", "mariadb-install-db") if not shutil.which(each)]:
            report.note(f"import from a database: left out, {' and '.join(lacking)} not found (mariadb-server)")
        else:
            with shop_database(stored) as shop:
                reached = ("--socket", shop.socket, "--user", "root", "--password", "", "--database", "shop")
                run = _watched(server, ("import-database", *since, *reached), shop.pid)
            rows.append(_row("its database", stored, run, "3,000/s"))
    report.table("Importing a shop", _HEADS, rows)


def _row(source: str, orders: int, run: _Run, aim: str) -> list[Cell]:
    rising = [sample for sample in run.samples if 0 < sample.orders < orders] or run.samples
    rate = (rising[-1].orders - rising[0].orders) / max(rising[-1].seconds - rising[0].seconds, _LOOK_SECONDS)
    cpu = [1e6 * seconds / orders for seconds in (run.ours, run.mongod, run.shop)]
    memory = [next(each.memory for each in run.samples if each.orders >= part * orders) for part in (0.1, 0.5, 1)]
    return [source, f"{orders:,}", rate, orders / run.took, *cpu, *memory, 1e3 * run.first_look, aim]


def _watched(server: Mongod, command: Sequence[str], shop_pid: int, *, shop_url: str = "") -> _Run:
    """Run a command of pos-api on an empty database, and look at it now and then."""
    config = replace(CONFIG, mongodb_uri=server.database("bench"))
    db = database.connect(config, COLLECTIONS)
    ensure_indexes(db, COLLECTIONS)
    if shop_url:
        connection.connect(db, config, "default", shop_url, SHOP_KEY, SHOP_SECRET)
    secrets = {"WEBHOOK_API_KEY": KEY, "JWT_SECRET": CONFIG.jwt_secret, "SECRETS_KEYS": SEALING_KEY}
    settings = environment(**secrets, MONGODB_URI=config.mongodb_uri or "", LOG_LEVEL="ERROR")
    before, run = (processor_seconds(server.pids), processor_seconds([shop_pid])), _Run()
    with db.client, tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "pos_api", *command], env=settings, stdout=output, stderr=output
        )
        while process.poll() is None:
            _look(run, process.pid, time.monotonic() - started, db.orders.estimated_document_count())
            time.sleep(_LOOK_SECONDS)
        run.took = time.monotonic() - started
        output.seek(0)
        if process.returncode:
            raise RuntimeError(output.read().decode()[-2000:])
        run.mongod, run.shop = processor_seconds(server.pids) - before[0], processor_seconds([shop_pid]) - before[1]
        ended = time.monotonic()
        figures.figures(db, patience=float("inf"))
        run.first_look = time.monotonic() - ended
    return run


def _look(run: _Run, pid: int, seconds: float, orders: int) -> None:
    """Take a sample; none while processes begin or end."""
    try:
        processes = family(pid)
        run.ours = max(run.ours, processor_seconds(processes))
        run.samples.append(_Sample(seconds, orders, sum(memory_of(each).resident for each in processes)))
    except OSError:
        return
