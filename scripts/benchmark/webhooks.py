"""Orders per second and latency, of the service and of the peer beside it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeAlias

from scripts.benchmark.load import CONNECTIONS, Load, Run, missing
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import Mongod, mongod, peer, peer_folder, service

Contenders: TypeAlias = Mapping[str, Callable[[str], AbstractContextManager[tuple[str, int]]]]
"""Servers by name: each is started on a URI, and yields its URL and process id."""

_HEADS: tuple[Head, ...] = (
    "connections",
    "server",
    Column("orders/s", "orders/s", "more"),
    Column("p50 ms", "ms", "less", 1),
    Column("p99 ms", "ms", "less", 1),
    Column("failed", "orders", "less", counted=True),
)


def bench_webhooks(args: argparse.Namespace, report: Report) -> None:
    """Ours and the peer's, alternating; the median of the rounds."""
    if lacks := missing():
        report.note(f"webhooks: left out, {lacks}")
        return
    with contenders(report, queued=True) as side_by_side:
        load = Load()
        for members, name in ((0, "standalone mongod"), (1, "one-node replica set")):
            with mongod(name, members=members) as server:
                for hot in (False, True):
                    _measure(args, report, server, side_by_side, load, hot=hot)


@contextmanager
def contenders(report: Report, *, queued: bool) -> Iterator[Contenders]:
    """What runs side by side: ours, where asked for also with queued processing, and the peer where Node is there."""
    with ExitStack() as stack:
        folder: Path | None = stack.enter_context(peer_folder())
        found: dict[str, Callable[[str], AbstractContextManager[tuple[str, int]]]] = {"inline": service}
        if queued:
            found["queued"] = lambda uri: service(uri, processing="queued")
        if folder is None:
            report.note("without the peer, Node or npm is not found")
        else:
            found["peer, 2 workers"] = lambda uri: peer(uri, folder)
        yield found


def _measure(
    args: argparse.Namespace, report: Report, server: Mongod, side_by_side: Contenders, load: Load, *, hot: bool
) -> None:
    """One table: what runs side by side on this mongod."""
    rows: list[list[Cell]] = []
    for connections in CONNECTIONS:
        results: dict[str, list[Run]] = {name: [] for name in side_by_side}
        for _ in range(args.rounds):
            for name, start in side_by_side.items():
                with start(server.database("bench")) as (url, _pid):
                    load.run(url, connections, args.warm_up, hot=hot)
                    results[name].append(load.run(url, connections, args.seconds, hot=hot))
        for name, runs in results.items():
            values = [run.rate for run in runs], [run.p50 for run in runs], [run.p99 for run in runs]
            rows.append([str(connections), name, *values, sum(run.failed for run in runs)])
    report.table(f"Webhooks on a {server.name}{', one SKU on every order' if hot else ''}", _HEADS, rows)
