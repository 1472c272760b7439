"""What a process that serves requests holds: settings, database, stores, the worker and the count of failures."""

from __future__ import annotations

from dataclasses import dataclass

from .audit import FailedAttempts
from .auth import Failures
from .config import Config
from .db import Db
from .schedule import Schedule
from .stores import Stores, note_settings_key
from .tokens import Tokens
from .worker import Worker


@dataclass(frozen=True, slots=True)
class Services:
    """One per application; views reach it through `api.services()`."""

    config: Config
    db: Db
    stores: Stores
    worker: Worker
    tokens: Tokens
    failures: Failures
    failed_attempts: FailedAttempts
    schedule: Schedule

    @classmethod
    def start(cls, config: Config, db: Db) -> Services:
        """Wire them up and start their threads."""
        note_settings_key(db, config)
        stores = Stores(db, config)
        worker = Worker(db, stores, queued=config.webhook_processing == "queued")
        worker.start()
        schedule = Schedule(db, config)
        schedule.start()
        tokens, failures = Tokens(db, config.jwt_secret), Failures(config.web_processes, config.web_threads)
        return cls(config, db, stores, worker, tokens, failures, FailedAttempts(), schedule)

    def close(self) -> None:
        """Stop the threads; what waits is in the inbox."""
        self.schedule.stop()
        self.worker.stop()
