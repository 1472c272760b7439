"""How a running service compares stores by itself: one line for each kind of store that can be asked what it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.events import Event
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.reconcile import scheduled
from pos_api.senders.woocommerce.reconcile.report import is_open

__all__ = ["COMPARERS", "Comparer", "is_open"]


@dataclass(frozen=True, slots=True)
class Comparer:
    """`stores` gives the stores of this kind that can be compared. `compare` compares one that is due and that this
    process has claimed (`comparisons`), keeps the report, finishes the claim, and returns what it found out."""

    stores: Callable[[Db], list[str]]
    compare: Callable[[Db, Config, str, Ingest], Sequence[Event]]


COMPARERS = (Comparer(connection.connected, scheduled.compare_due),)
