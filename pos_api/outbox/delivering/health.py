"""How a subscription fares, and what follows: its circuit breaker, the warning, and that it is switched off. No
database is needed here.

The breaker opens after FAILURES failed attempts in a row, of different resources or where the receiver could not be
reached at all: nothing is sent for a pause; then one delivery, by which it is decided anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pos_api.outbox.model import Subscription

FAILURES = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(seconds=60)
WARN_AFTER = timedelta(days=1)
CONFIRM_AFTER = timedelta(hours=12)
OFF_AFTER = timedelta(days=5)
OFF_REASON = "Every attempt failed for five days."
GONE_REASON = "The receiver answered 410 Gone."
_SUCCESS_WRITTEN_EVERY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Health:
    """Of a subscription. The first fields are as in `model.Subscription`; the others are known to the process that
    delivers: the length of the last pause, and since the last success the resources that failed, and how often in a row
    the receiver could not be reached."""

    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure: str | None = None
    failing_since: datetime | None = None
    failing_confirmed_at: datetime | None = None
    failures_in_row: int = 0
    paused_until: datetime | None = None
    pause: timedelta = timedelta()
    resources: frozenset[str] = frozenset()
    unreachable: int = 0

    @property
    def probes(self) -> bool:
        """Whether the breaker has opened: after the pause one delivery at a time is sent."""
        return self.paused_until is not None

    @property
    def troubled(self) -> bool:
        """Whether requests are likely to take long for nothing."""
        return self.probes or self.unreachable > 0


_STORED = (
    *("last_success_at", "last_failure_at", "last_failure"),
    *("failing_since", "failing_confirmed_at", "failures_in_row", "paused_until"),
)


def health_of(subscription: Subscription) -> Health:
    """Its health as stored."""
    return Health(**{name: subscription[name] for name in _STORED if name in subscription})  # type: ignore[literal-required]


def succeeded(health: Health, at: datetime) -> Health:
    """After a success: the breaker closes at once."""
    return Health(last_success_at=at, last_failure_at=health.last_failure_at, last_failure=health.last_failure)


def failed(
    health: Health,
    at: datetime,
    resource: str,
    text: str,
    *,
    unreachable: bool,
    began_at: datetime | None = None,
    retry_after: timedelta | None = None,
) -> Health:
    """After a failed attempt, which began at `began_at`. `unreachable`: no answer came. With `retry_after` the receiver
    asks to be left alone for so long."""
    confirmed = health.failing_confirmed_at
    if confirmed is None and health.failing_since is not None and at - health.failing_since >= CONFIRM_AFTER:
        confirmed = at
    counted = replace(
        health,
        last_failure_at=at,
        last_failure=text,
        failing_since=health.failing_since or at,
        failing_confirmed_at=confirmed,
        failures_in_row=health.failures_in_row + 1,
        resources=health.resources if len(health.resources) >= FAILURES else health.resources | {resource},
        unreachable=health.unreachable + 1 if unreachable else 0,
    )
    return _paused(counted, at, began_at or at, retry_after)


def not_charged(health: Health, at: datetime, text: str) -> Health:
    """After an attempt that failed for a reason of our own, or for one that can't be distinguished from it: it is
    shown, and nothing follows from it."""
    return replace(health, last_failure_at=at, last_failure=text)


def _paused(health: Health, at: datetime, began_at: datetime, retry_after: timedelta | None) -> Health:
    """With a pause, where there is to be one. What was sent before the breaker opened does not count."""
    if health.paused_until is not None:
        if began_at < health.paused_until:
            return health
        pause = min(max(health.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
    elif len(health.resources) >= FAILURES or health.unreachable >= FAILURES:
        pause = FIRST_PAUSE
    elif retry_after:
        pause = timedelta()
    else:
        return health
    asked = min(retry_after or timedelta(), LONGEST_PAUSE)
    return replace(health, paused_until=at + max(pause, asked), pause=pause)


def is_failing(subscription: Subscription, at: datetime) -> bool:
    """Whether its owner is to be warned: it failed only, for a day."""
    since = subscription.get("failing_since")
    return since is not None and at - since >= WARN_AFTER


def is_to_be_switched_off(health: Health, at: datetime) -> bool:
    """Whether it failed only, for five days from a first failure that another one, at least 12 hours later, has
    confirmed; and not before 12 hours have passed since that one: where nothing was sent for days, as this service was
    off, a receiver that starts a little later than it has failed once."""
    since, confirmed = health.failing_since, health.failing_confirmed_at
    return since is not None and confirmed is not None and at >= max(since + OFF_AFTER, confirmed + CONFIRM_AFTER)


def changes(stored: Health, health: Health, *, all: bool = False) -> dict[str, Any]:
    """The update (`$set`, `$unset`) that makes the stored health this one; empty where nothing is to be written. Unless
    `all` is wanted, that it goes on well is left out where that was written a few seconds ago."""
    to_set: dict[str, Any] = {}
    to_unset: dict[str, str] = {}
    for name in _STORED:
        before, after = getattr(stored, name), getattr(health, name)
        if before == after:
            continue
        if after is None or after == 0:
            to_unset[name] = ""
        else:
            to_set[name] = after
    goes_on_well = set(to_set) == {"last_success_at"} and not to_unset and stored.last_success_at is not None
    if goes_on_well and not all and to_set["last_success_at"] - stored.last_success_at < _SUCCESS_WRITTEN_EVERY:
        return {}
    return {operator: fields for operator, fields in (("$set", to_set), ("$unset", to_unset)) if fields}
