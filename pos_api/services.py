"""What a process that serves requests holds: settings, database, stores and the worker thread."""

from __future__ import annotations

from dataclasses import dataclass

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

    @classmethod
    def start(cls, config: Config, db: Db) -> Services:
        """Wire them up and start the worker thread."""
        stores = Stores(db, config)
        worker = Worker(db, stores, queued=config.webhook_processing == "queued")
        worker.start()
        return cls(config, db, stores, worker)

    def close(self) -> None:
        """Stop the worker thread; what waits is in the inbox."""
        self.worker.stop()
