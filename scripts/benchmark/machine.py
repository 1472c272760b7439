"""The machine that a run of the bench was made on, as far as figures depend on it."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo

from pos_api.database.embedded import find_mongod
from scripts.benchmark.servers import ROOT


def facts() -> dict[str, Any]:
    """Its processors, the versions of what runs on it, the commit and the time."""
    changed = bool(_output("git", "status", "--porcelain"))
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _output("git", "rev-parse", "--short=12", "HEAD") + (" and changes" if changed else ""),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": platform.platform(),
        "python": platform.python_version(),
        "pymongo": pymongo.version,
        "mongod": _output(str(find_mongod()), "--version").partition("\n")[0],
        "node": _output("node", "--version"),
        "wrk": _output("wrk", "--version").partition(" Copyright")[0],
    }


def load_average() -> float:
    """How many processes wanted a processor, in the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _output(*command: str) -> str:
    """What a command prints; nothing where there is no such command."""
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return found.stdout.strip()
