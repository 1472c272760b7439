"""What went wrong: whether the database is away, and how an unexpected error is described without any data."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass

from pymongo.errors import ConnectionFailure, ExecutionTimeout, OperationFailure, PyMongoError, WTimeoutError

from pos_api.inbox.leases import LEASE

RETRY_AFTER = 5
"""Seconds after which a sender that could not be served may try again."""


def is_outage(error: BaseException) -> bool:
    """Whether the database is away, rather than the entry at fault."""
    if isinstance(error, ConnectionFailure | WTimeoutError | ExecutionTimeout):
        return True
    return isinstance(error, PyMongoError) and error.has_error_label("RetryableWriteError")


def describe(error: Exception) -> str:
    """What went wrong and where, without the values at hand: an error's own text may hold a whole order."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    ours = [each for each in traceback.extract_tb(error.__traceback__) if "pos_api" in each.filename] or [frame]
    code = f" {error.code}" if isinstance(error, OperationFailure) else ""
    return f"{type(error).__name__}{code} in {ours[-1].name}, line {ours[-1].lineno}"


@dataclass(slots=True)
class Outage:
    """When this process was last without the database. Others may have been, too, and have let leases run out without
    any fault of the entries; so for a while nothing is parked for that."""

    _at: float = float("-inf")

    def note(self, error: Exception) -> None:
        """Remember that there is an outage, where this error shows one."""
        if is_outage(error):
            self._at = time.monotonic()

    def is_recent(self) -> bool:
        """Whether those who were interrupted by it may not be back yet."""
        return time.monotonic() - self._at < 2 * LEASE.total_seconds()
