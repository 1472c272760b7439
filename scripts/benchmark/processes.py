"""What processes use of a machine: processor time and memory, as Linux counts them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LOOK_SECONDS = 0.004
_SAVED_SECONDS = 0.1
"""For so long a process that is limited may save up what it does not use."""


def family(pid: int) -> list[int]:
    """A process and all that it and its children have started, the oldest first."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def processor_seconds(processes: Iterable[int]) -> float:
    """Seconds of processor time that these have used until now, all their threads together. On a machine that does
    other things too it says more than orders a second."""
    return sum(time.clock_gettime(_clock_of(pid)) for pid in processes)


def _clock_of(pid: int) -> int:
    """The clock of a process's processor time, numbered as Linux does (MAKE_PROCESS_CPUCLOCK, scheduler's time)."""
    return (~pid << 3) | 2


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in MB: what is resident; its share of that, where a page of n processes counts for one nth in
    each; and what it has alone."""

    resident: float
    share: float
    alone: float


def memory_of(pid: int) -> Memory:
    """What a process has in memory now."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kb = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return Memory(kb["Rss"] / 1024, kb["Pss"] / 1024, (kb["Private_Clean"] + kb["Private_Dirty"]) / 1024)


def roles(main: int) -> dict[str, int]:
    """The processes of `pos-api serve` by what they do: `main`, `web 1` …, and `delivery`, which is nicer than they."""
    named, web = {"main": main}, 0
    for pid in family(main)[1:]:
        if os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, main):
            named["delivery"] = pid
        else:
            web += 1
            named[f"web {web}"] = pid
    return named


@contextmanager
def limited(processes: Sequence[int], share: float) -> Iterator[None]:
    """Let each of these have so large a share of a core: who has had more is stopped until it is due some again. So
    processes are slow enough for one machine to show what more of them add."""
    done = threading.Event()
    thread = threading.Thread(target=_hold_back, args=(processes, share, done))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _hold_back(processes: Sequence[int], share: float, done: threading.Event) -> None:
    due = dict.fromkeys(processes, 0.0)  # seconds of processor time
    used = {pid: processor_seconds([pid]) for pid in processes}
    stopped: set[int] = set()
    looked_at = time.monotonic()
    while not done.wait(_LOOK_SECONDS):
        looked_at, passed = time.monotonic(), time.monotonic() - looked_at
        for pid in processes:
            used[pid], more = processor_seconds([pid]), processor_seconds([pid]) - used[pid]
            due[pid] = min(due[pid] + share * passed - more, share * _SAVED_SECONDS)
            if due[pid] < 0 and pid not in stopped:
                os.kill(pid, signal.SIGSTOP)
                stopped.add(pid)
            elif due[pid] > 0 and pid in stopped:
                os.kill(pid, signal.SIGCONT)
                stopped.remove(pid)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
