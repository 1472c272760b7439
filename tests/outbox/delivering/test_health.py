"""The circuit breaker, and when a subscription is switched off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pos_api.outbox.delivering.health import Health, changes, failed, is_to_be_switched_off, succeeded

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def failing(count: int, *, unreachable: bool = False, one_resource: bool = False) -> Health:
    health = Health()
    for number in range(count):
        resource = "order:1" if one_resource else f"order:{number}"
        health = failed(health, AT, resource, "500", unreachable=unreachable)
    return health


def test_five_failures_of_different_resources_open_the_breaker() -> None:
    assert failing(4).paused_until is None
    assert failing(5).paused_until == AT + 5 * SECOND


def test_one_resource_alone_does_not_open_it_unless_the_receiver_is_not_reached() -> None:
    assert failing(50, one_resource=True).paused_until is None
    assert failing(5, one_resource=True, unreachable=True).paused_until == AT + 5 * SECOND


def test_a_probe_that_fails_doubles_the_pause_up_to_a_minute_and_a_success_closes_it() -> None:
    health = failing(5)
    for seconds in (10, 20, 40, 60, 60):
        at = health.paused_until
        assert at is not None
        health = failed(health, at, "order:9", "500", unreachable=False)
        assert health.paused_until == at + seconds * SECOND
    assert not succeeded(health, AT).probes


def test_what_was_sent_before_it_opened_makes_the_pause_no_longer() -> None:
    health = failing(5)
    late = failed(health, AT + SECOND, "order:9", "500", unreachable=False, began_at=AT)
    assert late.paused_until == health.paused_until


def test_a_receiver_that_asks_for_a_pause_gets_one_of_a_minute_at_most() -> None:
    def asked(seconds: int) -> datetime | None:
        return failed(Health(), AT, "order:1", "429", unreachable=False, retry_after=seconds * SECOND).paused_until

    assert asked(0) is None
    assert asked(20) == AT + 20 * SECOND
    assert asked(3600) == AT + 60 * SECOND


@pytest.mark.parametrize(
    ("failures", "off"),
    [
        ([0 * HOUR], False),
        ([0 * HOUR, 6 * DAY], False),
        ([0 * HOUR, 6 * DAY, 6 * DAY + 11 * HOUR], False),
        ([0 * HOUR, 6 * DAY, 6 * DAY + 12 * HOUR], True),
        ([0 * HOUR, 11 * HOUR, 4 * DAY], False),
        ([0 * HOUR, 12 * HOUR, 5 * DAY], True),
        ([0 * HOUR, 12 * HOUR, 5 * DAY - SECOND], False),
    ],
)
def test_it_is_switched_off_after_five_days_of_failures_only(failures: list[timedelta], off: bool) -> None:
    health = Health()
    for after in failures:
        health = failed(health, AT + after, "order:1", "500", unreachable=False)
    assert is_to_be_switched_off(health, AT + failures[-1]) is off


def test_one_success_starts_the_days_anew() -> None:
    health = failed(Health(), AT, "order:1", "500", unreachable=False)
    health = failed(health, AT + DAY, "order:1", "500", unreachable=False)
    health = succeeded(health, AT + 4 * DAY)
    health = failed(health, AT + 6 * DAY, "order:1", "500", unreachable=False)
    assert not is_to_be_switched_off(health, AT + 6 * DAY)


def test_only_what_changed_is_written_and_a_series_of_successes_now_and_then() -> None:
    first = succeeded(Health(), AT)
    assert changes(Health(), first) == {"$set": {"last_success_at": AT}}
    second = succeeded(first, AT + SECOND)
    assert changes(first, second) == {}
    assert changes(first, second, all=True) == {"$set": {"last_success_at": AT + SECOND}}
    assert changes(first, succeeded(first, AT + 5 * SECOND)) != {}
    assert changes(failing(1), succeeded(failing(1), AT))["$unset"] == {"failing_since": "", "failures_in_row": ""}
