"""One look at the database: which subscriptions there are, whose lease this process can take, and what is due for those
whose lease it has."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.fernet import InvalidToken

from pos_api.common.time import now
from pos_api.config import Config, ConfigError
from pos_api.database.client import Db, make_durable
from pos_api.database.primary_term import one_primary
from pos_api.logs import get_logger
from pos_api.outbox import redelivery
from pos_api.outbox.delivering import leases, loading
from pos_api.outbox.delivering.queue import Due, Held
from pos_api.outbox.model import StoredEvent, Subscription
from pos_api.outbox.subscriptions import secrets_of

SUBSCRIPTIONS_EVERY = 1.0
"""Seconds."""
_SECRETS_EVERY = 60.0
"""Seconds after which it is looked whether a former secret still signs."""
_SET_BACK = 2.0
"""Seconds by which a clock must be set back for it to matter."""
_MOST_TAKEN = 16
"""Leases taken at a look, so that several processes that start together share them."""

log = get_logger(__name__)
_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the deliverer has and lacks: the subscriptions it has the lease of, or that it must not take; those for
    which more deliveries are wanted, and those of which one is, as their breaker has opened; the deliveries of these
    that are known, and the events at hand."""

    held: frozenset[str]
    to_fill: Collection[str]
    probing: Collection[str]
    known: Collection[str]
    events: Collection[str]


@dataclass(slots=True)
class Looked:
    """What was found. `subscriptions` is None where they were not read again. `events` are those that were lacking,
    and those at hand that were erased meanwhile; `gone` those at hand that are there no more."""

    subscriptions: Mapping[str, Subscription] | None = None
    secrets: Mapping[str, list[str]] = field(default_factory=dict)
    taken: list[Held] = field(default_factory=list)
    found: dict[str, list[Due]] = field(default_factory=dict)
    events: dict[str, StoredEvent] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    more: bool = False


class Reader:
    """Looks; in one thread at a time."""

    def __init__(self, db: Db, config: Config, holder: str) -> None:
        self._db = db
        self._config = config
        self._holder = holder
        self._subscriptions: dict[str, Subscription] = {}
        self._read_at = float("-inf")
        self._secrets: dict[str, tuple[tuple[datetime, float], list[str]]] = {}
        self._clock_ahead = float("-inf")
        """How many seconds the clock is ahead of the one that nobody sets."""

    def look(self, wanted: Wanted) -> Looked:
        """Look once. What was found survives a crash of the database: what a subscriber was sent must have happened.
        Raises PyMongoError."""
        with one_primary(self._db):
            looked = self._look(wanted)
            if looked.found:
                make_durable(self._db)
            return looked

    def _look(self, wanted: Wanted) -> Looked:
        looked = Looked()
        if time.monotonic() - self._read_at >= SUBSCRIPTIONS_EVERY:
            began = time.monotonic()
            self._subscriptions = loading.read_subscriptions(self._db)
            self._read_at = began
            if self._clock_was_set_back():
                log.warning("the clock was set back; what waits is sent now")
                for each in self._subscriptions:  # or it would wait for so much longer
                    redelivery.due_now(self._db, each)
            looked.subscriptions = self._subscriptions
            looked.events, looked.gone = loading.read_erased(self._db, wanted.events)
        looked.taken = self._take(wanted.held)
        looked.secrets = self._read_secrets(wanted.held.union(held.subscription["_id"] for held in looked.taken))
        ready = [held.subscription["_id"] for held in looked.taken if "paused_until" not in held.subscription]
        self._load(looked, [*wanted.to_fill, *ready], wanted.known, loading.MOST)
        self._load(looked, wanted.probing, wanted.known, 2 * len(wanted.probing))
        needed = {due.event for found in looked.found.values() for due in found}.difference(wanted.events)
        looked.events.update(loading.read_events(self._db, needed))
        return looked

    def _clock_was_set_back(self) -> bool:
        """Whether it was since the last time that this was asked."""
        before, self._clock_ahead = self._clock_ahead, now().timestamp() - time.monotonic()
        return self._clock_ahead < before - _SET_BACK

    def _load(self, looked: Looked, subscriptions: Collection[str], known: Collection[str], limit: int) -> None:
        if not subscriptions:
            return
        found, more = loading.load(self._db, _some(subscriptions), known, limit)
        looked.found.update(found)
        looked.more = looked.more or more

    def _take(self, held: Collection[str]) -> list[Held]:
        """Take leases that are free, of subscriptions that have something due."""
        moment = now()
        free = [each for each in self._subscriptions if each not in held and self._may_take(each, moment)]
        if not free:
            return []
        due = loading.with_due(self._db, _some(free))
        if not due:
            return []
        taken = leases.take(self._db, self._holder, _some(due, _MOST_TAKEN))
        for each in taken:
            self._subscriptions[each.subscription["_id"]] = each.subscription
        if not taken:  # others were first
            self._read_at = float("-inf")
        return taken

    def _may_take(self, identifier: str, moment: datetime) -> bool:
        subscription = self._subscriptions[identifier]
        lease = subscription.get("lease")
        is_free = lease is None or lease["holder"] in ("", self._holder) or lease["until"] <= moment
        is_paused = "paused_until" in subscription and subscription["paused_until"] > moment
        return subscription["active"] and is_free and not is_paused

    def _read_secrets(self, held: Iterable[str]) -> dict[str, list[str]]:
        """The secrets that sign for these; none where SECRETS_KEYS does not open them."""
        return {each: self._secrets_of(self._subscriptions[each]) for each in held if each in self._subscriptions}

    def _secrets_of(self, subscription: Subscription) -> list[str]:
        version = (subscription["updated_at"], time.monotonic() // _SECRETS_EVERY)
        known = self._secrets.get(subscription["_id"])
        if known and known[0] == version:
            return known[1]
        try:
            found = secrets_of(subscription, self._config)
        except (InvalidToken, ConfigError) as error:
            log.error("secrets can't be read", subscription=subscription["_id"], error=type(error).__name__)
            found = []
        self._secrets[subscription["_id"]] = version, found
        return found


def _some(subscriptions: Collection[str], most: int = loading.MOST_SUBSCRIPTIONS) -> list[str]:
    """These, or where there are more than `most`, so many at random."""
    return _random.sample(list(subscriptions), min(most, len(subscriptions)))
