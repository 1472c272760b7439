"""What the service costs, measured on real mongods of its own, and printed as tables.

Parts (all of them, if none is named):

  webhooks   orders per second and latency at 1, 8 and 32 connections, beside the peer of `../shared/bench`
  cost       processor time for an order at 1, 8 and 32 connections: compares on a busy machine too
  limit      journaled inserts by bare pymongo, the most that any durable receiver could do
  trips      round trips to MongoDB per new order, changed order, duplicate and batch of 50
  backlog    how fast `pos-api worker` catches up on a full inbox
  memory     memory of each process of the service over 200,000 webhooks, and the disk space of these
  growing    what more web processes and workers add, on two hosts and a replica set of three
  outbox     deliveries to subscribers: how many a second, how soon, and what they cost
  dashboard  what 200 open pages cost, how soon a sale is on them, and what each page takes
  import     a whole shop over REST, and from its database where MariaDB is installed
  reads      lists, searches, pages, files and stats at 10 thousand and 1 million orders

The load and the peer need wrk, Node and a folder with `orders.lua`, `order-template.json` and `server.js` ($BENCH_DIR,
else ../shared/bench); without them those parts are left out, and say so.

Figures of one run compare; machines differ. `--json` keeps a run, `--against` compares with one: what got worse by more
than its noise is marked, and the exit status is 1. Noise is how far apart the values of the rounds are, of either run,
and 5 % at least; 10 % for what is measured once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pos_api import logs
from scripts.benchmark import machine
from scripts.benchmark.backlog import bench_backlog
from scripts.benchmark.cost import bench_cost
from scripts.benchmark.dashboard import bench_dashboard
from scripts.benchmark.database_limit import bench_limit
from scripts.benchmark.growing import bench_growing
from scripts.benchmark.imports import bench_import
from scripts.benchmark.kept_runs import KeptRun, print_changes
from scripts.benchmark.memory import bench_memory
from scripts.benchmark.outbox import bench_outbox
from scripts.benchmark.reads import bench_reads
from scripts.benchmark.report import Report
from scripts.benchmark.round_trips import bench_trips
from scripts.benchmark.servers import CONFIG
from scripts.benchmark.webhooks import bench_webhooks

PARTS: dict[str, Callable[[argparse.Namespace, Report], None]] = {
    "webhooks": bench_webhooks,
    "cost": bench_cost,
    "limit": bench_limit,
    "trips": bench_trips,
    "backlog": bench_backlog,
    "memory": bench_memory,
    "growing": bench_growing,
    "outbox": bench_outbox,
    "dashboard": bench_dashboard,
    "import": bench_import,
    "reads": bench_reads,
}


def main() -> None:
    """Run the parts that are named, or all."""
    args = _arguments()
    logs.configure(CONFIG)  # of what parts do in this process only errors
    before = KeptRun.read(args.against) if args.against else None
    facts = {**machine.facts(), "load_average": {}}
    report = Report()
    options = {name: value for name, value in vars(args).items() if name not in ("parts", "json", "against", "data")}
    for part in args.parts or PARTS:
        PARTS[part](args, report)
        facts["load_average"][part] = machine.load_average()
        run = KeptRun(facts, options, tuple(report.figures))
        if args.json:
            run.write(args.json)
    if before and print_changes(before, run):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="part")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the run in this file")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with a run that was kept")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per figure, of which the median counts")
    parser.add_argument("--seconds", type=int, default=10, help="length of a measurement")
    parser.add_argument("--warm-up", type=int, default=5, help="seconds before it")
    parser.add_argument("--backlog", type=int, default=20_000, help="events in the full inbox")
    parser.add_argument("--webhooks", type=int, default=200_000, help="webhooks to watch the memory over")
    parser.add_argument("--orders", type=int, nargs="+", default=[10_000, 1_000_000], help="orders to read among")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="keep what reads fills here, and use it again")
    parser.add_argument("--rest-orders", type=int, default=10_000, help="orders to import over REST")
    parser.add_argument("--database-orders", type=int, default=100_000, help="orders to import from a database")
    args = parser.parse_args()
    if args.against and not args.against.is_file():
        parser.error(f"there is no run kept in {args.against}")
    return args


if __name__ == "__main__":
    main()
