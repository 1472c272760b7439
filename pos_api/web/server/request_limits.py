"""How long a request may take to arrive, and how large it may be."""

from __future__ import annotations

from dataclasses import dataclass

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of a body. What is larger is refused (413), and where its sender is known, noted in the inbox."""

HEAD_SECONDS = 10.0
"""A request line with its headers has arrived by then, counted from its first byte, or from the connection's start."""
BODY_SECONDS = 30.0
"""A body has arrived by then, counted from the end of its head."""
RATE_FROM = 5.0
"""From so many seconds on the least rates hold, over the time since the start."""
HEAD_RATE, BODY_RATE = 20, 500
"""Bytes per second."""
UNREAD_SECONDS = 30.0
"""An answer that nobody reads for so long is dropped with its connection."""
LINGER_SECONDS = 2.0
"""How long a refused sender may go on sending; closing at once would take back the answer (RFC 9112, section 9.6)."""
LAST_REQUEST_SECONDS = 1.0
"""How long a process that ends waits for a request on a connection that has none under way."""

MAX_LINE = 8190
MAX_FIELDS = 100
MAX_HEAD = 65_536
MAX_UNFINISHED_BYTES = 64 * 2**20
"""Of all bodies of this process that are not answered yet."""
MAX_PIPELINED = 16
"""Requests that a connection may send ahead, before the answer to an earlier one; whoever sends more is cut off."""
MAX_CONNECTIONS = 10_000


@dataclass(slots=True)
class Arrival:
    """How much has arrived of a head or a body, and since when."""

    since: float
    in_body: bool = False
    received: int = 0

    def late(self, moment: float) -> bool:
        """Whether its deadline has passed, or it arrives more slowly than the least rate."""
        seconds = moment - self.since
        limit, rate = (BODY_SECONDS, BODY_RATE) if self.in_body else (HEAD_SECONDS, HEAD_RATE)
        return seconds > limit or (seconds > RATE_FROM and self.received < rate * seconds)
