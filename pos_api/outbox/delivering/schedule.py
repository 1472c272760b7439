"""When a delivery that failed is attempted again. The pauses are those that Standard Webhooks recommends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

PAUSES = (
    timedelta(),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""Before each attempt, from the end of the one before."""
LONGEST_RETRY_AFTER = timedelta(hours=24)
_JITTER = 0.1


def next_attempt(failed: int, moment: datetime, chance: float, retry_after: timedelta | None = None) -> datetime | None:
    """When to attempt a delivery again of which so many attempts have failed, the last one at `moment`; None after the
    last. `chance`, in 0..1, makes the pause up to a tenth longer, so that not all come back at once; it is never
    shorter than the receiver asks for (`retry_after`)."""
    if failed >= len(PAUSES):
        return None
    pause = max(PAUSES[failed], min(retry_after or timedelta(), LONGEST_RETRY_AFTER))
    return moment + pause * (1 + _JITTER * chance)


def retry_after(text: str | None, moment: datetime) -> timedelta | None:
    """What a `Retry-After` header asks for, in seconds or as a date (RFC 9110, section 10.2.3), at most 24 hours; None
    where there is none, or it is neither."""
    text = (text or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), LONGEST_RETRY_AFTER.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        pause = at - moment
    except (ValueError, OverflowError, TypeError):
        return None
    return min(max(pause, timedelta()), LONGEST_RETRY_AFTER)
