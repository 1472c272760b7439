"""The service's application, for a test. To make all its routes takes a tenth of a second, so that of a test which has
ended is used again, with other settings and another database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from pos_api.app import application, start
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.registry import SENDERS

_unused: defaultdict[tuple[object, ...], list[Flask]] = defaultdict(list)
"""By the senders there are, whose routes it has."""


@contextmanager
def started(config: Config, db: Db) -> Iterator[Flask]:
    """The service on this database, with its worker thread."""
    unused = _unused[tuple(SENDERS.values())]
    app = unused.pop() if unused else application()
    start(app, config, db)
    try:
        yield app
    finally:
        app.extensions["pos"].close()
    unused.append(app)
