"""The service as a WSGI application: the only place where its parts are wired together."""

from __future__ import annotations

import atexit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from pos_api import __version__, logs, metrics
from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as db
from pos_api.web.api.register import check_access, register
from pos_api.web.dashboard.register import register_dashboard
from pos_api.web.services import Services


def create_app(config: Config, database: db.Db | None = None) -> Flask:
    """The service as a WSGI application, its worker thread running.

    Call it in the process that serves (a MongoClient and a thread do not survive a fork). Raises ConfigError when the
    database can't be reached. `app.extensions["pos"].close()` stops the thread.
    """
    logs.configure(config)
    metrics.prepare()
    services = Services.start(config, database if database is not None else db.connect(config, COLLECTIONS))
    atexit.register(services.close)
    app = Flask("pos_api.web")
    if config.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=config.proxies, x_proto=config.proxies, x_host=config.proxies
        )
    app.extensions["pos"] = services
    register(app, __version__)
    register_dashboard(app)
    check_access(app)
    return app
