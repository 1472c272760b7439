"""A run of the bench can be kept and compared with: what got worse by more than its noise is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmark.kept_runs import KeptRun, changes, print_changes
from scripts.benchmark.report import Column, Figure, Head, Report


def run(*figures: Figure) -> KeptRun:
    return KeptRun({"cores": 2}, {"rounds": 3}, figures)


def rate(*runs: float) -> Figure:
    return Figure("orders/s", "orders/s", "more", runs)


def latency(*runs: float) -> Figure:
    return Figure("p99", "ms", "less", runs)


def trips(count: float) -> Figure:
    return Figure("round trips", "commands", "less", (count,), counted=True)


@pytest.mark.parametrize(
    ("before", "now", "worse", "better"),
    [
        (rate(100, 101, 102), rate(97, 98, 99), False, False),  # 3 % less, and 5 % is noise
        (rate(100, 101, 102), rate(89, 90, 91), True, False),
        (rate(80, 100, 101), rate(89, 90, 91), False, False),  # its own rounds were 21 % apart
        (rate(100, 101, 102), rate(70, 90, 91), False, False),
        (rate(100, 101, 102), rate(110, 111, 112), False, True),
        (rate(100), rate(91), False, False),  # once: 10 % is noise
        (rate(100), rate(89), True, False),
        (latency(20, 20, 20), latency(22, 22, 22), True, False),
        (latency(20, 20, 20), latency(18, 18, 18), False, True),
        (trips(8), trips(8), False, False),
        (trips(8), trips(9), True, False),
        (trips(8), trips(6), False, True),
        (trips(0), trips(1), True, False),
        (Figure("open", "pages", "neither", (1,)), Figure("open", "pages", "neither", (9,)), False, False),
    ],
)
def test_worse_is_what_differs_by_more_than_its_noise(before: Figure, now: Figure, worse: bool, better: bool) -> None:
    [change] = changes([before], [now])
    assert (change.worse, change.better) == (worse, better)


def test_a_run_that_was_kept_compares_with_a_later_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    run(rate(100, 101, 102), trips(8)).write(file)
    before = KeptRun.read(file)
    assert before == run(rate(100, 101, 102), trips(8))
    assert not print_changes(before, run(rate(101, 101, 101)))
    assert print_changes(before, run(rate(50, 51, 52), trips(8)))
    worse = [line.split() for line in capsys.readouterr().out.splitlines() if "WORSE" in line]
    assert worse == [["orders/s", "orders/s", "101", "51", "0.50", "5%", "WORSE"]]


def test_each_figure_of_a_table_has_a_name_of_its_own() -> None:
    report = Report()
    heads: list[Head] = [
        "connections",
        "server",
        Column("orders/s", "orders/s", "more"),
        Column("p99 ms", "ms", "less"),
        "aim",
    ]
    report.table("Webhooks", heads, [["1", "ours", [3, 1, 2], 7, "5"], ["8", "ours", 9, "", "5"]])
    assert [(each.name, each.runs, each.value) for each in report.figures] == [
        ("Webhooks, connections 1, server ours, orders/s", (3, 1, 2), 2),
        ("Webhooks, connections 1, server ours, p99 ms", (7,), 7),
        ("Webhooks, connections 8, server ours, orders/s", (9,), 9),
    ]
