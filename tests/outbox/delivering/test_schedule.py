"""When a delivery is attempted again: by the schedule, later by chance or where the receiver asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pos_api.outbox.delivering.schedule import next_attempt, retry_after

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)


@pytest.mark.parametrize(("failed", "seconds"), list(enumerate(SECONDS, start=1)))
def test_pauses_by_the_schedule_and_jitter_only_adds(failed: int, seconds: int) -> None:
    assert next_attempt(failed, AT, 0.0) == AT + timedelta(seconds=seconds)
    latest = next_attempt(failed, AT, 1.0)
    assert latest is not None
    assert AT + timedelta(seconds=seconds) < latest <= AT + timedelta(seconds=seconds * 1.1)


def test_after_the_tenth_there_is_none() -> None:
    assert next_attempt(10, AT, 0.0) is None
    assert next_attempt(10, AT, 0.0, timedelta(seconds=3)) is None


def test_retry_after_is_the_least_pause_up_to_a_day() -> None:
    assert next_attempt(1, AT, 0.0, timedelta(seconds=90)) == AT + timedelta(seconds=90)
    assert next_attempt(2, AT, 0.0, timedelta(seconds=90)) == AT + timedelta(minutes=5)
    assert next_attempt(1, AT, 0.0, timedelta(days=9)) == AT + timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("99999999999999999999", 86_400),
        ("Sat, 28 Nov 2026 12:01:00 GMT", 60),
        ("Sat, 28 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 30 Nov 2026 12:00:00 GMT", 86_400),
        ("", None),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(text: str | None, seconds: int | None) -> None:
    assert retry_after(text, AT) == (None if seconds is None else timedelta(seconds=seconds))
