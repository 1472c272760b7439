"""What more processes add: two hosts of web processes, and workers, on a replica set of three mongods.

Two hosts are two `pos-api serve` with ports of their own behind which nothing is shared but the database. On one
machine its few cores are soon the limit, whoever uses them. So each process gets a small share of a core, as if it had
a small machine to itself, and the number of processes is doubled while mongod still has room. Microseconds of processor
time for an order show what doubling itself costs: as long as they stay, twice the processes do twice the orders.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pos_api.inbox import storing
from scripts.benchmark.backlog import fill_inbox
from scripts.benchmark.load import Load, missing, spread_order
from scripts.benchmark.processes import limited, processor_seconds, roles
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import Mongod, mongod, service, until, worker

HOSTS = 2
SHARE = 0.05
"""Of a core, for each process."""
_PROCESSES = (2, 4, 8, 16)
_WORKERS = (1, 2, 4, 8)
_CONNECTIONS = 8
"""For each web process, so that there is always something to do."""

_HEADS: tuple[Head, ...] = (
    "processes",
    Column("orders/s", "orders/s", "more"),
    "of half as many",
    Column("each, µs/order", "µs/order", "less"),
    Column("mongods, µs/order", "µs/order", "less"),
    Column("cores that mongods use", "cores", "neither", 2),
    Column("failed", "orders", "less", counted=True),
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Orders a second; processor time of our processes and of the mongods for an order (µs), and how many cores these
    used; and how many orders failed."""

    rate: float
    ours: float
    mongods: float
    cores: float
    failed: int = 0


def bench_growing(args: argparse.Namespace, report: Report) -> None:
    """Print the tables: web processes that process what they take, that only store it, and workers."""
    if lacks := missing():
        report.note(f"growing: left out, {lacks}")
        return
    load = Load()
    with mongod("growing", members=3) as server:
        for processing in ("inline", "queued"):
            runs = {
                count: [_web(args, server, load, count, processing) for _ in range(args.rounds)] for count in _PROCESSES
            }
            title = f"Web processes on {HOSTS} hosts, {processing}, each with {SHARE:.0%} of a core"
            report.table(title, _HEADS, _rows(runs))
        workers = {count: [_workers(args, server, count) for _ in range(args.rounds)] for count in _WORKERS}
        report.table(f"Workers, each with {SHARE:.0%} of a core", _HEADS, _rows(workers))


def _rows(runs: dict[int, list[_Run]]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for count, found in runs.items():
        rates = [run.rate for run in found]
        times = f"{_median(found) / _median(runs[count // 2]):.2f}" if count // 2 in runs else ""
        ours, mongods, cores = ([getattr(run, name) for run in found] for name in ("ours", "mongods", "cores"))
        rows.append([str(count), rates, times, ours, mongods, cores, sum(run.failed for run in found)])
    return rows


def _median(runs: list[_Run]) -> float:
    return statistics.median(run.rate for run in runs)


def _web(args: argparse.Namespace, server: Mongod, load: Load, count: int, processing: str) -> _Run:
    """Orders through so many web processes, as many on each host."""
    with _hosts(server.database("bench"), count // HOSTS, processing) as (urls, processes):
        connections = _CONNECTIONS * count // HOSTS
        load.run_at_once(urls, connections, args.warm_up)
        ours, theirs = processor_seconds(processes), processor_seconds(server.pids)
        runs = load.run_at_once(urls, connections, args.seconds)
        ours, theirs = processor_seconds(processes) - ours, processor_seconds(server.pids) - theirs
    orders, seconds = sum(run.orders for run in runs), args.seconds
    rate, failed = sum(run.rate for run in runs), sum(run.failed for run in runs)
    return _Run(rate, 1e6 * ours / orders, 1e6 * theirs / orders, theirs / seconds, failed)


@contextmanager
def _hosts(uri: str, processes: int, processing: str) -> Iterator[tuple[list[str], list[int]]]:
    """The hosts' URLs and web processes, which are limited."""
    with ExitStack() as stack:
        hosts = [stack.enter_context(service(uri, processing=processing, processes=processes)) for _ in range(HOSTS)]
        web = [pid for _, main in hosts for role, pid in roles(main).items() if role.startswith("web")]
        stack.enter_context(limited(web, SHARE))
        yield [url for url, _ in hosts], web


def _workers(args: argparse.Namespace, server: Mongod, count: int) -> _Run:
    """A full inbox, and so many workers for a while."""
    uri = server.database("bench")
    db = fill_inbox(uri, args.backlog, spread_order)
    with db.client, ExitStack() as stack:
        processes = [stack.enter_context(worker(uri)) for _ in range(count)]
        until(lambda: storing.waiting(db) < args.backlog)
        stack.enter_context(limited(processes, SHARE))
        time.sleep(args.warm_up)
        ours, theirs = processor_seconds(processes), processor_seconds(server.pids)
        waited, began = storing.waiting(db), time.monotonic()
        until(lambda: storing.waiting(db) == 0 or time.monotonic() > began + args.seconds, 10 * args.seconds)
        orders, seconds = waited - storing.waiting(db), time.monotonic() - began
        ours, theirs = processor_seconds(processes) - ours, processor_seconds(server.pids) - theirs
    return _Run(orders / seconds, 1e6 * ours / orders, 1e6 * theirs / orders, theirs / seconds)
