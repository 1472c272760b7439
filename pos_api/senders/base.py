"""What senders are given by those who use them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from pos_api.database.client import Db
from pos_api.inbox.model import Outcome
from pos_api.stores.model import Store


class Ingest(Protocol):
    """Brings events in that were read from a store, rather than sent by it: through the inbox, like a delivery.

    What reads shops is given this function, as it belongs to `processing`, which is above all senders.
    """

    def __call__(
        self, db: Db, store: Store, bodies: Iterable[bytes], read_at: datetime, /, *, again: bool = False
    ) -> list[Outcome]:
        """Store and apply these events, read at `read_at`; the outcome of each, in order. With `again` also events that
        were applied before are applied. Raises PyMongoError when the database can't be reached."""
        ...
