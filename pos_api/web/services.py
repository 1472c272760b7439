"""What a process that serves requests holds: settings, database, stores, worker, schedule, tokens and limits."""

from __future__ import annotations

import atexit
from dataclasses import dataclass, field
from typing import Any, cast

from flask import current_app

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.processing.recurring_jobs import Schedule
from pos_api.processing.worker import Worker
from pos_api.staff.attempt_limits import AttemptLimits
from pos_api.staff.audit import FailedAttempts
from pos_api.staff.tokens import Tokens
from pos_api.stores.key_management import note_settings_key
from pos_api.stores.registry import Stores


@dataclass(frozen=True, slots=True)
class Services:
    """One per application; views get it from `services()`."""

    config: Config
    db: Db
    stores: Stores
    worker: Worker
    tokens: Tokens
    attempt_limits: AttemptLimits
    failed_attempts: FailedAttempts
    schedule: Schedule
    of_pages: dict[str, Any] = field(default_factory=dict)
    """What pages work out and share, by their room's name."""

    @classmethod
    def start(cls, config: Config, db: Db) -> Services:
        """Wire them up and start their threads, which end with the process at the latest."""
        note_settings_key(db, config)
        stores = Stores(db, config)
        worker = Worker(db, stores, queued=config.webhook_processing == "queued")
        worker.start()
        schedule = Schedule(db, config)
        schedule.start()
        tokens, limits = Tokens(db, config.jwt_secret), AttemptLimits(config.web_processes, config.web_threads)
        services = cls(config, db, stores, worker, tokens, limits, FailedAttempts(), schedule)
        atexit.register(services.close)
        return services

    def close(self) -> None:
        """Stop the threads; what waits is in the inbox."""
        atexit.unregister(self.close)
        self.schedule.stop()
        self.worker.stop()


def services() -> Services:
    """The current application's services."""
    return cast(Services, current_app.extensions["pos"])
