"""Runs of the bench that were kept (`--json FILE`), and what changed since one of them (`--against FILE`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.benchmark.report import Figure, print_table

LEAST_NOISE = 0.05
"""Share by which two runs of the same code may differ, however alike each run's own values are."""
NOISE_OF_ONE = 0.10
"""The same for a figure that was measured once, so that its spread is not known."""


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run: on which machine, with which options, and its figures."""

    machine: dict[str, Any]
    options: dict[str, Any]
    figures: tuple[Figure, ...]

    def write(self, file: Path) -> None:
        """Keep it in a file."""
        figures = [{**asdict(each), "value": each.value} for each in self.figures]
        content = {"machine": self.machine, "options": self.options, "figures": figures}
        file.write_text(json.dumps(content, indent=1, default=str) + "\n")

    @classmethod
    def read(cls, file: Path) -> KeptRun:
        """One that was kept. Raises OSError, and ValueError or KeyError where the file is none."""
        content = json.loads(file.read_text())
        figures = (
            Figure(each["name"], each["unit"], each["better"], tuple(each["runs"]), each["counted"])
            for each in content["figures"]
        )
        return cls(content["machine"], content["options"], tuple(figures))


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in two runs. `noise` is the share by which it may differ for no reason."""

    before: Figure
    now: Figure
    noise: float

    @property
    def ratio(self) -> float | None:
        """How many times what it was; None where it was nothing."""
        return self.now.value / self.before.value if self.before.value else None

    @property
    def worse(self) -> bool:
        """Whether it got worse by more than its noise."""
        return self._is_past({"more": -1, "less": 1})

    @property
    def better(self) -> bool:
        """Whether it got better by more than its noise."""
        return self._is_past({"more": 1, "less": -1})

    def _is_past(self, directions: dict[str, int]) -> bool:
        difference = (self.now.value - self.before.value) * directions.get(self.now.better, 0)
        return difference > self.noise * abs(self.before.value)


def changes(before: Sequence[Figure], now: Sequence[Figure]) -> list[Change]:
    """The figures that both runs have, in the order of the later one."""
    known = {each.name: each for each in before}
    pairs = [(known[each.name], each) for each in now if each.name in known]
    return [Change(earlier, later, _noise(earlier, later)) for earlier, later in pairs]


def _noise(before: Figure, now: Figure) -> float:
    if now.counted:
        return 0.0
    return max(LEAST_NOISE, _spread(before), _spread(now))


def _spread(figure: Figure) -> float:
    """The distance of the greatest and the least value, as a share of their median."""
    if len(figure.runs) == 1:
        return NOISE_OF_ONE
    return (max(figure.runs) - min(figure.runs)) / abs(figure.value) if figure.value else 0.0


def print_changes(before: KeptRun, now: KeptRun) -> bool:
    """Print what changed, and return whether anything got worse by more than its noise."""
    found = changes(before.figures, now.figures)
    heads = ["figure", "unit", "before", "now", "ratio", "noise", ""]
    print_table(f"Against the run of {before.machine.get('time')}", heads, [_row(each) for each in found])
    for name in sorted((before.machine.keys() | now.machine.keys()) - {"time", "load_average"}):
        if before.machine.get(name) != now.machine.get(name):
            print(f"  {name}: {before.machine.get(name)} before, {now.machine.get(name)} now")
    if before.options != now.options:
        print(f"  options: {before.options} before, {now.options} now")
    worse = sum(each.worse for each in found)
    print(f"\n  {len(found)} figures compared, {worse} worse by more than their noise")
    return worse > 0


def _row(change: Change) -> list[str]:
    ratio = "" if change.ratio is None else f"{change.ratio:.2f}"
    values = f"{change.before.value:,.4g}", f"{change.now.value:,.4g}"
    verdict = "WORSE" if change.worse else "better" if change.better else ""
    return [change.now.name, change.now.unit, *values, ratio, f"{change.noise:.0%}", verdict]
