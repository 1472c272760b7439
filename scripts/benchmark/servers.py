"""The processes that the bench measures: mongods, the service, and the peer beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import requests
from pymongo import MongoClient

from pos_api.catalogue.creation import create, new_product
from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db, Document
from pos_api.database.embedded import find_mongod
from tests.service import environment, free_port

ROOT = Path(__file__).parent.parent.parent
BENCH = Path(os.environ.get("BENCH_DIR", ROOT.parent / "shared" / "bench"))
"""The folder of the load and the peer."""
KEY = "bench-key-of-more-than-thirty-two-characters"
SEALING_KEY = "aG9sZCBvbiB0byB5b3VyIGtleXMsIDMyIGJ5dGVzIS4="
CONFIG = Config(
    webhook_api_key=KEY, jwt_secret="j" * 32, webhook_secret=KEY, log_level="ERROR", secrets_keys=(SEALING_KEY,)
)
PRODUCTS = 50


@dataclass(frozen=True)
class Mongod:
    """A mongod of the bench, or several that are a replica set."""

    name: str
    uri: str
    pids: tuple[int, ...]

    def database(self, name: str) -> str:
        """The URI of an empty database in it, and nothing of an earlier one left."""
        client: MongoClient[Document] = MongoClient(self.uri)
        client.drop_database(name)
        client.close()
        return self.uri_of(name)

    def uri_of(self, name: str) -> str:
        """The URI of a database in it, as it is."""
        return self.uri.replace("/?", f"/{name}?")


@contextmanager
def mongod(name: str, *, members: int = 0, cache_gb: int = 1, files: Path | None = None) -> Iterator[Mongod]:
    """A mongod in a temporary directory: standalone, or a replica set of so many members, each with such a cache. A
    standalone one may have its `files` in a folder that stays."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(max(members, 1))]
        options = ["--wiredTigerCacheSizeGB", str(cache_gb), *(["--replSet", "bench"] if members else [])]
        pids = tuple(stack.enter_context(_one_mongod(port, files, *options)) for port in ports)
        first, *others = (MongoClient[Document](f"mongodb://127.0.0.1:{port}/?directConnection=true") for port in ports)
        for each in others:  # waits until it answers
            each.admin.command("ping")
            each.close()
        if members:
            hosts = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(ports)]
            first.admin.command("replSetInitiate", {"_id": "bench", "members": hosts})
        until(lambda: bool(first.admin.command("hello")["isWritablePrimary"]))
        first.close()
        how = "replicaSet=bench" if members > 1 else "directConnection=true"
        yield Mongod(name, f"mongodb://{','.join(f'127.0.0.1:{port}' for port in ports)}/?{how}", pids)


@contextmanager
def _one_mongod(port: int, kept: Path | None, *options: str) -> Iterator[int]:
    files = kept or Path(tempfile.mkdtemp(prefix="pos-bench-"))
    files.mkdir(exist_ok=True)
    command = [str(find_mongod()), "--dbpath", str(files), "--port", str(port), "--bind_ip", "127.0.0.1", "--quiet"]
    command += ["--logpath", f"{files}/mongod.log", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()
        if kept is None:
            shutil.rmtree(files, ignore_errors=True)


def until(ready: Callable[[], bool], seconds: float = 300) -> None:
    """Wait for it, or raise TimeoutError."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not get ready")
        time.sleep(0.05)


@contextmanager
def service(
    uri: str, *, processing: str = "inline", processes: int = 2, more: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """The real service on `uri`, its products made, with `more` settings; yields its URL and process id."""
    make_products(database.connect(replace(CONFIG, mongodb_uri=uri), COLLECTIONS))
    port = free_port()
    settings = {
        **settings_of(uri),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEBHOOK_PROCESSING": processing,
        "WEB_PROCESSES": str(processes),
        **(more or {}),
    }
    with running([sys.executable, "-m", "pos_api", "serve"], environment(**settings)) as pid:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/readyz"))
        yield url, pid


def settings_of(uri: str) -> dict[str, str]:
    """What every process of the service needs."""
    return {"WEBHOOK_API_KEY": KEY, "JWT_SECRET": "j" * 32, "MONGODB_URI": uri}


@contextmanager
def worker(uri: str, more: Mapping[str, str] | None = None) -> Iterator[int]:
    """A `pos-api worker` on `uri`; yields its process id."""
    settings = environment(**settings_of(uri), LOG_LEVEL="ERROR", **(more or {}))
    with running([sys.executable, "-m", "pos_api", "worker"], settings) as pid:
        yield pid


@contextmanager
def peer(uri: str, folder: Path) -> Iterator[tuple[str, int]]:
    """The peer with two workers on `uri`."""
    port = free_port()
    settings = {"MONGODB_URI": uri, "PORT": str(port), "WEBHOOK_API_KEY": KEY, "NODE_ENV": "production", "WORKERS": "2"}
    with running(["node", str(folder / "server.js")], environment(**settings)) as pid:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/api/webhooks/health"))
        make_products(database.open_database(uri, COLLECTIONS), for_peer=True)
        yield url, pid


@contextmanager
def peer_folder() -> Iterator[Path | None]:
    """A copy of the peer with its packages installed; None where Node is not there."""
    if not (shutil.which("node") and shutil.which("npm")):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pos-bench-peer-") as folder:
        shutil.copytree(BENCH, folder, dirs_exist_ok=True)
        subprocess.run(["npm", "install", "--silent"], cwd=folder, check=True)
        yield Path(folder)


@contextmanager
def running(command: list[str], settings: dict[str, str]) -> Iterator[int]:
    """A process with these settings alone, in a directory of its own; yields its id. It has ended afterwards, and all
    that it has started: one of them may write to the database a moment longer."""
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            command,
            env=settings,
            cwd=home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait()
            until(lambda: not _has_processes(process.pid))


def _has_processes(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def answers(url: str) -> bool:
    """Whether it says 200."""
    try:
        return requests.get(url, timeout=5).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False


def make_products(db: Db, *, for_peer: bool = False) -> None:
    """The products that the load orders, where they are not there yet."""
    for number in range(1, PRODUCTS + 1):
        sku = f"SKU-{number:04d}"
        if for_peer:
            db.products.insert_one({"sku": sku, "name": sku, "stock": 0})
        elif not db.products.find_one({"skus": sku}, {"_id": 1}):
            create(db, new_product(sku, name=sku, price=None, stock=0), cause="bench")
