"""The web server: gunicorn with threads, each worker process with a service of its own."""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import TConn, ThreadWorker

from . import create_app, db, metrics
from .config import Config, ConfigError
from .logs import get_logger

_RETRY_SECONDS = 1.0
_MORE_SOON_MS = 20
_UNREADABLE: dict[type[Exception], tuple[int, str]] = {
    errors.LimitRequestLine: (414, "uri_too_long"),
    errors.ExpectationFailed: (417, "expectation_failed"),
    errors.LimitRequestHeaders: (431, "headers_too_large"),
    errors.UnsupportedTransferCoding: (501, "not_implemented"),
}

log = get_logger(__name__)


def run(config: Config, announce: Callable[[], None]) -> None:
    """Serve until SIGTERM (what is on its way is finished) or SIGINT; `announce` is called once it can be used.

    Raises ConfigError when the address is taken, or the database can't be reached at the start.
    """
    _check_address(config)
    # Here once, before any worker: a mistake in the settings is told in one line. The store that we bring ourselves
    # stays up while this process does, whatever becomes of the workers.
    db.connect(config).client.close()
    if config.web_processes > 1:
        metrics.share()
    _Application(config, announce).run()


def _check_address(config: Config) -> None:
    with socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            raise ConfigError(f"Can't listen on {config.host}, PORT {config.port}: {error.strerror}.") from None


class Logger(GunicornLogger):
    """Gunicorn's log, in the service's."""

    def setup(self, cfg: Any) -> None:
        """Let the root logger do it."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class AttentiveWorker(ThreadWorker):
    """Gunicorn's worker with threads, whose thread listens a moment longer to a connection that it has answered.

    A sender that has more to say says it at once, and handing a connection to the poller and back to a thread costs as
    much as reading the request. It is done while there is a thread for every connection, so nobody waits for it.
    """

    def load_wsgi(self) -> None:
        """Make the service of this process. A database that is away just now is waited for, until SIGTERM."""
        while True:
            try:
                return super().load_wsgi()
            except ConfigError as error:
                if not self.alive:
                    sys.exit()
                log.warning("a web worker waits for the database", error=str(error))
                time.sleep(_RETRY_SECONDS)

    def handle(self, conn: TConn) -> Any:
        """Answer requests; returns what gunicorn's own does: what becomes of the connection."""
        fate = super().handle(conn)
        while fate is True and self.alive and self.nr_conns <= self.cfg.threads and _more_soon(conn):
            fate = super().handle(conn)
        return fate

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer what is no request as the API answers errors, where gunicorn would in HTML."""
        if req is None and isinstance(exc, errors.ParseException):
            with suppress(OSError):
                write_nonblock(client, _refusal(exc))
        else:
            super().handle_error(req, client, addr, exc)


def _refusal(error: errors.ParseException) -> bytes:
    status, code = _UNREADABLE.get(type(error), (400, "bad_request"))
    reason, request_id = HTTPStatus(status).phrase, uuid.uuid4().hex
    log.warning("not a request", error=type(error).__name__, request_id=request_id)
    problem = {"code": code, "message": f"The request can't be read: {reason}.", "details": None}
    body = json.dumps({"success": False, "error": problem, "request_id": request_id})
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nX-Request-Id: {request_id}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def _more_soon(conn: TConn) -> bool:
    poll = select.poll()
    poll.register(conn.sock, select.POLLIN)
    return bool(poll.poll(_MORE_SOON_MS))


def _leave(arbiter: Arbiter) -> None:
    for pid in arbiter.WORKERS:  # killed just now, as they did not end in time: the store that they use is stopped last
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
    metrics.stop_sharing()


class _Application(BaseApplication):
    def __init__(self, config: Config, announce: Callable[[], None]) -> None:
        self._config = config
        self._announce = announce
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings; its own environment and files are not read."""
        config = self._config
        settings = {
            "bind": f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}",
            "workers": config.web_processes,
            "worker_class": AttentiveWorker,
            "threads": config.web_threads,
            "reuse_port": config.web_processes > 1,  # the kernel then spreads connections evenly over the processes
            "preload_app": False,  # a MongoClient does not survive a fork
            "control_socket_disable": True,
            "timeout": 60,
            "graceful_timeout": 30,
            "keepalive": 75,  # longer than a reverse proxy keeps its side open
            "limit_request_line": 8190,  # filters are long
            "accesslog": None,
            "loglevel": "warning",
            "logger_class": Logger,
            "post_worker_init": self._started,
            "on_exit": _leave,
        }
        if os.path.isdir("/dev/shm"):  # noqa: S108 - the heartbeat must not wait for a disk
            settings["worker_tmp_dir"] = "/dev/shm"  # noqa: S108
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """The service of one worker process."""
        return create_app(self._config)

    def _started(self, worker: Worker) -> None:
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        if worker.age == 1:
            self._announce()
