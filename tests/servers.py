"""MongoDB servers of a test's own: to kill, stop and start again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from pos_api.database.embedded import find_mongod
from tests.service import free_port
from tests.waiting import wait_until


class Mongod:
    """One mongod with its own directory, on a port that stays its own."""

    def __init__(self, directory: Path, *options: str) -> None:
        directory.mkdir()
        self._arguments = [
            *("--dbpath", str(directory), "--logpath", str(directory / "mongod.log"), "--logappend", "--quiet"),
            *("--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false", *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        for _ in range(10):
            self.port = free_port()
            self.start()
            if self._answers():  # else another process may have taken the port meanwhile
                return
        raise AssertionError(f"mongod does not start; see {directory / 'mongod.log'}")

    def start(self) -> None:
        """Start it, as it was when it ended."""
        command = [str(find_mongod()), *self._arguments, "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _answers(self) -> bool:
        """Wait until it answers; false when its process has ended instead."""
        process = self._process
        assert process is not None

        def answers() -> bool:
            with suppress(PyMongoError), self.direct(0.2) as client:
                return bool(client.admin.command("serverStatus")["pid"] == process.pid)
            return False

        wait_until(lambda: process.poll() is not None or answers(), 120)
        return process.poll() is None

    @property
    def is_running(self) -> bool:
        """Whether it was started, and neither killed since nor ended by itself."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def direct(self, seconds: float = 20) -> MongoClient[dict[str, Any]]:
        """A client of this server alone, which is waited for so long; close it."""
        patience = int(seconds * 1000)
        return MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=patience)


@contextmanager
def standalone(directory: Path, *options: str) -> Iterator[Mongod]:
    """A standalone mongod, journaled as ever."""
    server = Mongod(directory, *options)
    try:
        with server.direct() as client:
            client.admin.command("ping")
        yield server
    finally:
        server.kill()


class ReplicaSet:
    """Three mongods that elect a primary, quickly."""

    def __init__(self, directory: Path) -> None:
        options = ("--replSet", "pos", "--oplogSize", "64", "--setParameter", "enableTestCommands=1")
        self.servers = [Mongod(directory / str(number), *options) for number in range(3)]
        self.uri = f"mongodb://{','.join(f'127.0.0.1:{each.port}' for each in self.servers)}/?replicaSet=pos"
        members = [{"_id": number, "host": f"127.0.0.1:{each.port}"} for number, each in enumerate(self.servers)]
        settings = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 250}
        with self.servers[0].direct() as client:
            client.admin.command("replSetInitiate", {"_id": "pos", "members": members, "settings": settings})
        self.healthy()

    def primary(self) -> Mongod | None:
        """The primary, when there is one."""
        for server in self.servers:
            with (
                suppress(PyMongoError),
                MongoClient[dict[str, Any]](
                    "127.0.0.1", server.port, directConnection=True, serverSelectionTimeoutMS=200
                ) as client,
            ):
                if client.admin.command("hello")["isWritablePrimary"]:
                    return server
        return None

    def healthy(self) -> Mongod:
        """Wait until all three are up and one is the primary, and return that."""

        def states() -> list[int]:
            primary = self.primary()
            if primary is None:
                return []
            with primary.direct() as client:
                return sorted(each["state"] for each in client.admin.command("replSetGetStatus")["members"])

        wait_until(lambda: states() == [1, 2, 2], 40)
        primary = self.primary()
        assert primary is not None
        return primary

    def hold_back(self, held: bool) -> None:
        """Keep the secondaries from taking over what the primary writes."""
        mode = "alwaysOn" if held else "off"
        for server in self.servers:
            if server.is_running:  # on a busy machine it may take a while to answer
                with server.direct() as client:
                    client.admin.command("configureFailPoint", "stopReplProducer", mode=mode)


@contextmanager
def replica_set(directory: Path) -> Iterator[ReplicaSet]:
    """A replica set of three, for as long as it lasts."""
    directory.mkdir(exist_ok=True)
    servers = ReplicaSet(directory)
    try:
        yield servers
    finally:
        for server in servers.servers:
            server.kill()


def let_pass(seconds: float) -> None:
    """Let the load go on for a while: how long is of no matter to the result."""
    time.sleep(seconds)
