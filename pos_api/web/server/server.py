"""The web server: gunicorn starts and watches processes, uvicorn reads requests in each, threads answer them. One more
process delivers events.

Both are used as they come: `BaseApplication` and `UvicornWorker` are made to be derived from.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from pos_api.outbox import wakeup
from pos_api.web.server.delivery_process import Delivers, DeliveryProcess
from pos_api.web.server.http_protocol import RequestProtocol
from pos_api.web.server.wsgi_gateway import Gateway

_RETRY_SECONDS = 1.0
GRACEFUL_SECONDS = 30

log = get_logger(__name__)


def check_address(config: Config) -> None:
    """Raises ConfigError when the address is taken."""
    with socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            raise ConfigError(f"Can't listen on {config.host}, PORT {config.port}: {error.strerror}.") from None


@dataclass(frozen=True, slots=True)
class Parts:
    """What is served: each web process makes an application, and one other process what delivers. Both raise
    ConfigError where the database can't be reached."""

    create_app: Callable[[Config], Flask]
    create_delivering: Callable[[Config], Sequence[Delivers]]


def run(config: Config, parts: Parts, announce: Callable[[], None]) -> None:
    """Serve and deliver until SIGTERM (what is on its way is finished) or SIGINT; `announce` is called once it can be
    used."""
    metrics.share()
    _Application(config, parts, announce).run()


class Logger(GunicornLogger):
    """Gunicorn's log, in the service's."""

    def setup(self, cfg: Any) -> None:
        """Let the root logger do it."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class ServiceWorker(UvicornWorker):  # type: ignore[misc] # it has no types
    """A process that reads requests on uvicorn's event loop, with our limits; or the one that delivers events."""

    delivers = False

    CONFIG_KWARGS = {  # noqa: RUF012 - as in its base
        "http": RequestProtocol,
        "ws": "none",
        "loop": "uvloop",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # how many proxies are believed is a setting of ours
        "timeout_graceful_shutdown": GRACEFUL_SECONDS - 2,
        "timeout_notify": 2,
    }

    def run(self) -> None:
        """Serve, or deliver, until it is to stop."""
        if self.delivers:
            self.wsgi.run()
        else:
            super().run()

    async def callback_notify(self) -> None:
        """As soon as it serves, and then every two seconds: a sign of life.

        Where the main process was killed, nobody would ever stop or replace this one: it stops by itself.
        """
        if os.getppid() != self.ppid:
            os.kill(os.getpid(), signal.SIGTERM)
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
    def __init__(self, config: Config, parts: Parts, announce: Callable[[], None]) -> None:
        self._config = config
        self._parts = parts
        self._announce = announce
        self._published = wakeup.Pipe()
        self._delivering: Worker | None = None
        """The process that delivers, as the main process knows it."""
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings; its own environment and files are not read."""
        config = self._config
        settings = {
            "bind": f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}",
            "workers": config.web_processes + 1,
            "worker_class": ServiceWorker,
            "preload_app": False,  # a MongoClient does not survive a fork
            "control_socket_disable": True,
            "timeout": 60,
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": 75,  # longer than a reverse proxy keeps its side open
            "accesslog": None,
            "loglevel": "warning",
            "logger_class": Logger,
            "on_reload": self._replace_all,
            "pre_fork": self._choose,
            "post_fork": self._forked,
            "post_worker_init": self._started,
            "on_exit": _leave,
        }
        if os.path.isdir("/dev/shm"):  # noqa: S108 - the heartbeat must not wait for a disk
            settings["worker_tmp_dir"] = "/dev/shm"  # noqa: S108
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """What one process does. A database that is away just now is waited for."""
        while True:
            try:
                return self._delivery_process() if self._worker.delivers else self._gateway()
            except ConfigError as error:
                name = "the process that delivers" if self._worker.delivers else "a web worker"
                log.warning(f"{name} waits for the database", error=str(error))
                time.sleep(_RETRY_SECONDS)
                self._worker.notify()

    def _gateway(self) -> Gateway:
        app = self._parts.create_app(self._config)
        renewal.ends_process = True  # gunicorn starts another one
        wakeup.add(self._published.wake)
        return Gateway(app, self._config.web_threads, app.extensions["pos"].close)

    def _delivery_process(self) -> DeliveryProcess:
        delivering = self._parts.create_delivering(self._config)
        return DeliveryProcess(delivering, self._published, self._worker.ppid, self._worker.notify)

    def _replace_all(self, _arbiter: Arbiter) -> None:
        """SIGHUP: new processes are started, the one that delivers among them, and then all others are stopped."""
        self._delivering = None

    def _choose(self, arbiter: Arbiter, worker: ServiceWorker) -> None:
        """In the main process: the second process delivers, and whichever takes its place."""
        if worker.age > 1 and self._delivering not in arbiter.WORKERS.values():
            worker.delivers = True
            self._delivering = worker

    def _forked(self, _arbiter: Arbiter, worker: ServiceWorker) -> None:
        self._worker = worker
        if worker.delivers:
            for listener in worker.sockets:  # or connections would wait in it for nobody, where all others are gone
                listener.close()
            worker.sockets = []

    def _started(self, worker: ServiceWorker) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        logging.getLogger("uvicorn.error").propagate = True  # to the service's log
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        if worker.age == 1:
            self._announce()
