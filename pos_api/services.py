"""What a process that serves requests holds: settings, database, stores, the worker and the count of failures."""

from __future__ import annotations

from dataclasses import dataclass

from .auth import Failures
from .config import Config
from .db import Db
from .stores import Stores
from .worker import Worker


@dataclass(frozen=True, slots=True)
class Services:
    """One per application; views reach it through `api.services()`."""

    config: Config
    db: Db
    stores: Stores
    worker: Worker
    failures: Failures

    @classmethod
    def start(cls, config: Config, db: Db) -> Services:
        """Wire them up and start the worker thread."""
        stores = Stores(db, config)
        worker = Worker(db, stores, queued=config.webhook_processing == "queued")
        worker.start()
        return cls(config, db, stores, worker, Failures())

    def close(self) -> None:
        """Stop the worker thread; what waits is in the inbox."""
        self.worker.stop()
