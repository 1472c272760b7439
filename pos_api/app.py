"""The service as a WSGI application: the only place where its parts are wired together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from pos_api import __version__, logs, metrics
from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as db
from pos_api.web.api.register import check_access, register
from pos_api.web.dashboard.cookies import use_cookies
from pos_api.web.dashboard.register import register_dashboard
from pos_api.web.services import Services


class _Service(Flask):
    """Flask, which need not look at each call whether a view is asynchronous: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func


def create_app(config: Config, database: db.Db | None = None) -> Flask:
    """The service as a WSGI application, its worker thread running.

    Call it in the process that serves (a MongoClient and a thread do not survive a fork). Raises ConfigError when the
    database can't be reached. `app.extensions["pos"].close()` stops the thread.
    """
    app = application()
    start(app, config, database)
    return app


def application() -> Flask:
    """All routes of the service; `start` lets them answer."""
    app = _Service("pos_api.web")
    register(app, __version__)
    register_dashboard(app)
    check_access(app)
    return app


def start(app: Flask, config: Config, database: db.Db | None = None) -> None:
    """Let an application work with these settings, on this database, and start its threads; see `create_app`. One whose
    services were closed can be started anew, with others."""
    logs.configure(config)
    metrics.prepare()
    services = Services.start(config, database if database is not None else db.connect(config, COLLECTIONS))
    app.extensions["pos"] = services
    use_cookies(app, config.jwt_secret)
    answer: Any = partial(Flask.wsgi_app, app)
    trusted = config.proxies
    behind_proxies = ProxyFix(answer, x_for=trusted, x_proto=trusted, x_host=trusted)
    app.wsgi_app = behind_proxies if trusted else answer  # type: ignore[method-assign]
