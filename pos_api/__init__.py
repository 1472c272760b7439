"""WooCommerce POS Sync: a point-of-sale store that WooCommerce shops send their orders to."""

from __future__ import annotations

import atexit
from importlib.metadata import version

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from . import api, db, logs, metrics
from .api.rest import Api
from .config import Config
from .services import Services

__version__ = version("pos-api")


def create_app(config: Config, database: db.Db | None = None) -> Flask:
    """The service as a WSGI application, its worker thread running; the only place where the parts are wired.

    Call it in the process that serves (a MongoClient and a thread do not survive a fork). Raises ConfigError when the
    database can't be reached. `app.extensions["pos"].close()` stops the thread.
    """
    logs.configure(config)
    metrics.prepare()
    services = Services.start(config, database if database is not None else db.connect(config))
    atexit.register(services.close)
    app = Flask(__name__)
    if config.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=config.proxies, x_proto=config.proxies, x_host=config.proxies
        )
    app.extensions["pos"] = services
    app.config.update(api.settings(__version__))
    app.json = api.Json(app)
    api.register(Api(app), app)
    return app
