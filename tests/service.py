"""The service as its users run it: in a process of its own, reached over HTTP."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from pos_api.config import Config
from tests.waiting import wait_until

POS_API = [sys.executable, "-m", "pos_api"]
_ROOT = Path(__file__).parent.parent


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without its settings, and with these."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR", "MONGOD")}
    return {**kept, "PYTHONPATH": str(_ROOT), **settings}


def settings_of(config: Config) -> dict[str, str]:
    """The database and the secrets of a test's settings, as they stand in the environment."""
    return {
        "MONGODB_URI": str(config.mongodb_uri),
        "WEBHOOK_API_KEY": config.webhook_api_key,
        "JWT_SECRET": config.jwt_secret,
        "SECRETS_KEYS": ",".join(config.secrets_keys),
    }


def pos_api(*arguments: str, cwd: Path, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a `pos-api` command to its end."""
    return subprocess.run(
        [*POS_API, *arguments],
        cwd=cwd,
        env=environment(**settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def free_port() -> int:
    """A port that nobody listens on, below those from which the system takes one for each connection: such a port may
    be taken before the service listens on it."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("0.0.0.0", port))  # noqa: S104 - for a moment, to see whether it is free
                return port
    raise AssertionError("no port is free")


_PORTS = range(15_000, 32_000)


class Service:
    """A running `serve`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, output: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.output = output

    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text()

    def processes(self) -> set[int]:
        """The ids of the processes that it has started."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return {int(pid) for pid in found.stdout.split()}

    def workers(self) -> set[int]:
        """Of those the web workers: all that have the socket on which it listens."""
        listening = self._sockets(self.process.pid) & _listening()
        return {pid for pid in self.processes() if self._sockets(pid) & listening}

    def deliverers(self) -> set[int]:
        """And those that deliver events."""
        return self.processes() - self.workers()

    def _sockets(self, pid: int) -> set[str]:
        found = set()
        with suppress(FileNotFoundError):  # it has just ended
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):
                    found.add(str(file.readlink()))
        return found

    def health(self, *, seconds: float = 10) -> int:
        """The status of its health check; 0 where nobody answers in time."""
        try:
            return requests.get(f"{self.url}/api/webhooks/health", timeout=seconds).status_code
        except (requests.ConnectionError, requests.Timeout):
            return 0

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """End it, and return its exit status."""
        self.process.send_signal(signum)
        return self.process.wait(40)


def _listening() -> set[str]:
    """The TCP sockets that wait for connections, as they are named among a process's open files."""
    tables = (Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}


@contextmanager
def running(command: list[str], cwd: Path, env: Mapping[str, str], *, seconds: float = 30) -> Iterator[Service]:
    """Start `command`, which serves on a free port, and wait until it says so."""
    port = free_port()
    output = cwd / "output"
    with output.open("wb") as out:
        process = subprocess.Popen(command, cwd=cwd, env={**env, "PORT": str(port)}, stdout=out, stderr=out)
    service = Service(process, port, output)
    try:
        wait_until(lambda: "Server running" in service.said() or process.poll() is not None, seconds)
        if command[-1] == "serve" and process.poll() is None:
            wait_until(lambda: len(service.deliverers()) == 1 or process.poll() is not None, seconds)
        assert process.poll() is None, service.said()
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(40)
        print(service.said())  # pytest shows it where the test failed


def mongod_of(home: Path) -> str:
    """The process id that the store's mongod keeps in its lock file, until it ends in order."""
    return (home / "var" / "mongodb" / "mongod.lock").read_text().strip()
