"""Processor time for an order: it compares also where the machine does other things, which orders a second do not."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from scripts.benchmark.load import CONNECTIONS, Load, missing
from scripts.benchmark.processes import family, processor_seconds
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import Mongod, mongod
from scripts.benchmark.webhooks import contenders

_HEADS: tuple[Head, ...] = (
    "connections",
    "server",
    Column("its processes, µs/order", "µs/order", "less"),
    Column("mongod, µs/order", "µs/order", "less"),
    Column("orders/s meanwhile", "orders/s", "neither"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of processor time for an order, of the server's processes and of its mongod, and orders a second."""

    server: float
    mongod: float
    rate: float


def bench_cost(args: argparse.Namespace, report: Report) -> None:
    """Ours and the peer's, alternating; the median of the rounds."""
    if lacks := missing():
        report.note(f"cost: left out, {lacks}")
        return
    load, rows = Load(), list[list[Cell]]()
    with contenders(report, queued=False) as side_by_side, mongod("standalone mongod") as server:
        for connections in CONNECTIONS:
            results: dict[str, list[Cost]] = {name: [] for name in side_by_side}
            for _ in range(args.rounds):
                for name, start in side_by_side.items():
                    with start(server.database("bench")) as (url, pid):
                        load.run(url, connections, args.warm_up)
                        results[name].append(_cost(args, server, load, url, pid, connections))
            for name, runs in results.items():
                values = [run.server for run in runs], [run.mongod for run in runs], [run.rate for run in runs]
                rows.append([str(connections), name, *values])
    report.table("Processor time for an order, on a standalone mongod", _HEADS, rows)


def _cost(args: argparse.Namespace, server: Mongod, load: Load, url: str, pid: int, connections: int) -> Cost:
    processes = family(pid)
    ours, theirs = processor_seconds(processes), processor_seconds(server.pids)
    run = load.run(url, connections, args.seconds)
    ours, theirs = processor_seconds(processes) - ours, processor_seconds(server.pids) - theirs
    return Cost(1e6 * ours / run.orders, 1e6 * theirs / run.orders, run.rate)
