"""The web server: gunicorn starts and watches processes, uvicorn reads requests in each, threads answer them.

Both are used as they come: `BaseApplication` and `UvicornWorker` are made to be derived from.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.workers.base import Worker
from uvicorn_worker import UvicornWorker

from pos_api import metrics
from pos_api.config import Config, ConfigError
from pos_api.inbox.lease_renewal import renewal
from pos_api.logs import get_logger
from pos_api.web.server.http_protocol import RequestProtocol
from pos_api.web.server.wsgi_gateway import Gateway

_RETRY_SECONDS = 1.0
GRACEFUL_SECONDS = 30
BACKLOG = 2048
"""Connections that may wait to be accepted; the kernel may allow fewer (net.core.somaxconn)."""

log = get_logger(__name__)


def check_address(config: Config) -> None:
    """Raises ConfigError when the address is taken."""
    with socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            raise ConfigError(f"Can't listen on {config.host}, PORT {config.port}: {error.strerror}.") from None


def run(config: Config, create_app: Callable[[Config], Flask], announce: Callable[[], None]) -> None:
    """Serve what `create_app` makes in each web process, until SIGTERM (what is on its way is finished) or SIGINT;
    `announce` is called once it can be used."""
    if config.web_processes > 1:
        metrics.share()
    _Application(config, create_app, announce).run()


class Logger(GunicornLogger):
    """Gunicorn's log, in the service's."""

    def setup(self, cfg: Any) -> None:
        """Let the root logger do it."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class WebWorker(UvicornWorker):  # type: ignore[misc] # it has no types
    """A process that reads requests on uvicorn's event loop, with our limits."""

    CONFIG_KWARGS = {  # noqa: RUF012 - as in its base
        "http": RequestProtocol,
        "ws": "none",
        "loop": "asyncio",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "backlog": 1,  # asyncio accepts so many at a time: one, so that connections spread over the processes
        "proxy_headers": False,  # how many proxies are believed is a setting of ours
        "timeout_graceful_shutdown": GRACEFUL_SECONDS - 2,
        "timeout_notify": 2,
    }

    async def callback_notify(self) -> None:
        """As soon as it serves, and then every two seconds: a sign of life, and the queue as long as it should be.

        Where the main process was killed, nobody would ever stop or replace this one: it stops by itself.
        """
        if os.getppid() != self.ppid:
            os.kill(os.getpid(), signal.SIGTERM)
        for listener in self.sockets:
            listener.listen(BACKLOG)
        await super().callback_notify()

    def handle_exit(self, _signum: int, _frame: Any) -> None:
        """SIGQUIT, which the main process sends at SIGINT: stop, as at Ctrl-C, which reaches every process. The base
        only notes it, and would be killed as one that hangs."""
        os.kill(os.getpid(), signal.SIGINT)


def _leave(arbiter: Arbiter) -> None:
    for pid in arbiter.WORKERS:  # killed just now, as they did not end in time: the store that they use is stopped last
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
    metrics.stop_sharing()


class _Application(BaseApplication):
    def __init__(self, config: Config, create_app: Callable[[Config], Flask], announce: Callable[[], None]) -> None:
        self._config = config
        self._create_app = create_app
        self._announce = announce
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings; its own environment and files are not read."""
        config = self._config
        settings = {
            "bind": f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}",
            "workers": config.web_processes,
            "worker_class": WebWorker,
            "preload_app": False,  # a MongoClient does not survive a fork
            "control_socket_disable": True,
            "timeout": 60,
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": 75,  # longer than a reverse proxy keeps its side open
            "accesslog": None,
            "loglevel": "warning",
            "logger_class": Logger,
            "post_fork": self._forked,
            "post_worker_init": self._started,
            "on_exit": _leave,
        }
        if os.path.isdir("/dev/shm"):  # noqa: S108 - the heartbeat must not wait for a disk
            settings["worker_tmp_dir"] = "/dev/shm"  # noqa: S108
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The service of one worker process. A database that is away just now is waited for."""
        while True:
            try:
                app = self._create_app(self._config)
            except ConfigError as error:
                log.warning("a web worker waits for the database", error=str(error))
                time.sleep(_RETRY_SECONDS)
                self._worker.notify()
            else:
                renewal.ends_process = True  # gunicorn starts another one
                return Gateway(app, self._config.web_threads, app.extensions["pos"].close)

    def _forked(self, _arbiter: Arbiter, worker: Worker) -> None:
        self._worker = worker

    def _started(self, worker: Worker) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        logging.getLogger("uvicorn.error").propagate = True  # to the service's log
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        if worker.age == 1:
            self._announce()
