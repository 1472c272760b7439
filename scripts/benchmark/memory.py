"""Memory of the service's processes as webhooks go by, and the disk space that these take."""

from __future__ import annotations

import argparse

from scripts.benchmark.disk import report_disk
from scripts.benchmark.load import Load, missing
from scripts.benchmark.processes import Memory, memory_of, roles
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import mongod, service

_STEP_SECONDS = 10


def bench_memory(args: argparse.Namespace, report: Report) -> None:
    """What each process has in memory at the start, after a tenth of the webhooks, halfway and at the end."""
    if lacks := missing():
        report.note(f"memory: left out, {lacks}")
        return
    load, sent, found = Load(), 0, {}
    with mongod("memory") as server, service(uri := server.database("memory")) as (url, pid):
        processes = roles(pid)
        for part in (0, 0.1, 0.5, 1):
            while sent < part * args.webhooks:
                sent += load.run(url, 32, _STEP_SECONDS).orders
            found[part] = {role: memory_of(each) for role, each in processes.items()}
        report_disk(report, uri)
    heads: list[Head] = [
        "process",
        *(Column(f"MB after {part * args.webhooks:,.0f}", "MB", "less") for part in found),
        Column("its share", "MB", "less"),
        Column("it alone", "MB", "less"),
        "aim",
    ]
    last: dict[str, Memory] = found[1]
    rows: list[list[Cell]] = [
        [role, *(each[role].resident for each in found.values()), last[role].share, last[role].alone, "120, flat"]
        for role in processes
    ]
    report.table("Memory resident in each process of the service", heads, rows)
