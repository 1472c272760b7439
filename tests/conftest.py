"""One real mongod for the whole run, an empty database for each test, and no network beyond this machine.

TEST_MONGODB_URI names a server to use instead; TEST_MONGODB=standalone starts one without a replica set.
"""

from __future__ import annotations

import gc
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mongomock
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient

from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database import layout
from pos_api.database.embedded import find_mongod
from tests.applications import started
from tests.factories import Shop
from tests.fake_shop import FakeShop, serving
from tests.paths import TESTS
from tests.service import free_port
from tests.steps import Process, clear, processes
from tests.waiting import wait_until

_REPLICA_SET = "pos-test"
_server: subprocess.Popen[bytes] | None = None
_server_files: Path | None = None


_SLOW = (
    *("journeys", "project", "cli", "web/server", "database/test_embedded.py"),
    *("senders/woocommerce/test_limits.py", "senders/woocommerce/test_rest_http.py", "outbound"),
)
"""Tests that start processes, or take long for other reasons."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the journeys by the folder that they are in, and as `quick` what needs neither a mongod nor long."""
    for item in items:
        path = item.path.relative_to(TESTS)
        is_plain = item.get_closest_marker("plain_db") and not item.get_closest_marker("mongod")
        needs_mongod = "mongodb_uri" in getattr(item, "fixturenames", ()) and not is_plain
        if not needs_mongod and not path.as_posix().startswith(_SLOW):
            item.add_marker(pytest.mark.quick)
        folders = path.parts
        if folders[0] == "journeys":
            item.add_marker(pytest.mark.journey)
            if folders[1] == "woocommerce":
                item.add_marker(pytest.mark.woocommerce)


def pytest_configure(config: pytest.Config) -> None:
    """Start the run's mongod, in the process that the test workers come from; they inherit its address."""
    _refuse_network()
    gc.set_threshold(20_000, 20, 20)  # collecting garbage as often as by default is a tenth of a run's time
    is_worker = hasattr(config, "workerinput")
    without_database = config.option.collectonly or config.option.markexpr == "quick"
    if not (is_worker or "TEST_MONGODB_URI" in os.environ or without_database):
        os.environ["TEST_MONGODB_URI"] = _start_mongod()


def pytest_unconfigure() -> None:
    """Stop it, and leave nothing behind."""
    global _server
    if _server is None or _server_files is None or _server.stdin is None:
        return
    _server.stdin.close()
    _server.wait(30)
    _server = None
    shutil.rmtree(_server_files, ignore_errors=True)


def _start_mongod() -> str:
    global _server, _server_files
    _server_files = Path(tempfile.mkdtemp(prefix="pos-test-"))
    port = free_port()
    command = [
        str(find_mongod()),
        *("--dbpath", str(_server_files), "--logpath", str(_server_files / "mongod.log"), "--quiet"),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
        *("--wiredTigerCacheSizeGB", "0.5", "--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    # The files of dropped databases are kept for five minutes of history, and open: at hundreds of tests a minute that
    # is more than a process may have open.
    for parameter in ("minSnapshotHistoryWindowInSeconds=0", "wiredTigerFileHandleCloseIdleTime=10"):
        command += ["--setParameter", parameter]
    command += ["--syncdelay", "10"]
    replicated = os.environ.get("TEST_MONGODB", "replica-set") != "standalone"
    if replicated:
        command += ["--replSet", _REPLICA_SET, "--oplogSize", "256"]
    # The shell ends mongod when its own input ends, so even a killed test run leaves none behind.
    watch = 'ulimit -n "$(ulimit -Hn)"; "$@" & read _; kill -9 $!; wait'
    _server = subprocess.Popen(["sh", "-c", watch, "sh", *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    if replicated:
        _initiate(port)
    return f"mongodb://127.0.0.1:{port}/" + (f"?replicaSet={_REPLICA_SET}" if replicated else "")


def _initiate(port: int) -> None:
    """Make it a replica set of one, and wait until it takes writes."""
    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    with MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True) as client:
        client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": members})
        wait_until(lambda: client.admin.command("hello")["isWritablePrimary"], 30)


def _refuse_network() -> None:
    """Let a test connect to this machine only."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "::1", "localhost")):
            raise ConnectionRefusedError(f"a test tried to reach {address[0]}")
        connect(self, address)

    socket.socket.connect = connect_here  # type: ignore[method-assign, assignment]


@pytest.fixture(scope="session")
def mongodb_uri() -> str:
    """The run's MongoDB server, no database named; blank in a quick run, which has none."""
    return os.environ.get("TEST_MONGODB_URI", "")


def fresh_database(mongodb_uri: str) -> str:
    """`mongodb_uri` with the name of a database that no other test has."""
    return urlsplit(mongodb_uri)._replace(path=f"/pos-test-{uuid.uuid4().hex}").geturl()


_used: list[str] = []
"""Databases of tests that have ended. To empty one takes a tenth of the time that making all indexes anew takes."""
_indexed: dict[str, dict[str, Any]] = {}
"""Their collections (UUIDs by name), once all indexes were made: they are still there while these are the same."""


@pytest.fixture(scope="session")
def emptying(mongodb_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """The client that empties databases, one for the run: to connect takes longer than to empty."""
    with MongoClient[dict[str, Any]](mongodb_uri or None, connect=False) as client:
        yield client


@pytest.fixture
def empty_database(mongodb_uri: str, emptying: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The URI of an empty database that no other test has meanwhile."""
    if not mongodb_uri:
        yield ""
        return
    uri = _used.pop() if _used else fresh_database(mongodb_uri)
    emptied = emptying.get_database(urlsplit(uri).path.strip("/"))
    emptied.command("profile", 0)
    emptied.drop_collection("system.profile")
    declared = {each.name for each in COLLECTIONS}
    for name in emptied.list_collection_names(filter={"name": {"$not": {"$regex": "^system"}}}):
        if name not in declared:
            emptied.drop_collection(name)
    clear(emptied, layout=True)
    yield uri
    _used.append(uri)


@pytest.fixture(scope="session", autouse=True)
def no_database_left() -> Iterator[None]:
    """Drop the tests' databases, for a server that outlives the run."""
    yield
    for uri in _used:
        with MongoClient[dict[str, Any]](uri) as client:
            client.drop_database(client.get_default_database())


@pytest.fixture
def config(empty_database: str, tmp_path: Path) -> Config:
    """Settings with secrets for tests, and an empty database that no other test has meanwhile."""
    return Config(
        webhook_api_key="test-api-key-of-more-than-32-characters",
        webhook_secret="test-webhook-secret",
        jwt_secret="test-jwt-secret-of-more-than-32-bytes",
        secrets_keys=("aG9sZCBvbiB0byB5b3VyIGtleXMsIDMyIGJ5dGVzIS4=",),
        mongodb_uri=empty_database,
        data_dir=tmp_path / "var",
        store_url="https://shop.example",
        web_processes=1,
    )


@pytest.fixture
def db(config: Config) -> Iterator[database.Db]:
    """The test's database, with its indexes. Whatever a test does, only declared collections are written (a name with a
    blank is one that a test itself made). In a quick run it is mongomock's, in memory."""
    if not config.mongodb_uri:
        yield mongomock.MongoClient(tz_aware=True)["test"]
        return
    uri = config.mongodb_uri
    if uri in _indexed:
        opened = database.open_database(uri, COLLECTIONS)
        opened.layout.insert_one({"_id": "layout", "version": layout.VERSION})
    else:
        opened = database.connect(config, COLLECTIONS)
        _indexed[uri] = _collections(opened)
    yield opened
    written = _collections(opened)
    opened.client.close()
    if not _indexed[uri].items() <= written.items():
        del _indexed[uri]
    assert written.keys() <= {each.name for each in COLLECTIONS}, "a collection that no package declares"


def _collections(db: database.Db) -> dict[str, Any]:
    """The UUIDs of a database's collections by their names, without the server's and what a test itself made."""
    found = {each["name"]: each["info"].get("uuid") for each in db.list_collections()}
    return {name: uuid for name, uuid in found.items() if " " not in name and not name.startswith("system.")}


@pytest.fixture
def app(config: Config, db: database.Db) -> Iterator[Flask]:
    """The service on the test's database, with its worker thread."""
    with started(config, db) as service:
        yield service


@pytest.fixture
def fake() -> Iterator[FakeShop]:
    """A shop without orders and products, whose REST API answers."""
    with serving(FakeShop()) as shop:
        yield shop


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the service, without a network."""
    return app.test_client()


@pytest.fixture
def shop(client: FlaskClient) -> Shop:
    """A shop that sends to the service."""
    return Shop(client)


@pytest.fixture
def process(config: Config, db: database.Db) -> Iterator[Process]:
    """A process on the test's database."""
    with processes(config, 1) as [process]:
        yield process
