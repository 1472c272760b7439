"""Which events anybody wants, known without a query: what nobody wants is neither marked nor written.

Each process reads the subscriptions again after MAX_AGE seconds. Whoever adds or changes a subscription waits that long
before it answers (`wait_until_known`): from the answer on no event is missed, in whatever process it arises.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from pos_api.database.client import Db
from pos_api.outbox.collections import subscriptions
from pos_api.outbox.model import matches, noun_of

MAX_AGE = 2.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a subscription wants."""

    subscription: str
    patterns: tuple[str, ...]
    stores: frozenset[str]

    def includes(self, type: str, store: str | None) -> bool:
        return (not self.stores or store in self.stores) and any(matches(each, type) for each in self.patterns)


class Interest:
    """The subscriptions, as far as it takes to say who wants an event. A subscription that is switched off wants events
    too: they wait for it."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._read_at = float("-inf")
        self._wanted: tuple[_Wanted, ...] = ()
        self._nouns: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def wants_any(self, noun: str) -> bool:
        """Whether a subscription may want an event about such a thing (`order`)."""
        self._refresh()
        return noun in self._nouns or "*" in self._nouns

    def of(self, type: str, store: str | None) -> list[str]:
        """The subscriptions that want an event of this type and store."""
        self._refresh()
        return [each.subscription for each in self._wanted if each.includes(type, store)]

    def refresh(self) -> None:
        """Read the subscriptions now."""
        began = time.monotonic()  # what is written while they are read may not be among them
        found = subscriptions(self._db).find({}, {"events": 1, "stores": 1})
        self._wanted = tuple(_Wanted(each["_id"], tuple(each["events"]), frozenset(each["stores"])) for each in found)
        self._nouns = frozenset(noun_of(pattern) for each in self._wanted for pattern in each.patterns)
        self._read_at = began

    def _refresh(self) -> None:
        """Read them if they are too old. While that fails it is an outage, which whoever applies something finds, too:
        nothing is taken for unwanted then."""
        if time.monotonic() - self._read_at >= MAX_AGE:
            with self._lock:
                if time.monotonic() - self._read_at >= MAX_AGE:
                    self.refresh()


_ATTRIBUTE = "_pos_interest"


def interest_of(db: Db) -> Interest:
    """What is wanted of a database's events; one for each database handle, on which it is kept."""
    found: Interest = vars(db).get(_ATTRIBUTE) or vars(db).setdefault(_ATTRIBUTE, Interest(db))
    return found


def wants(db: Db, *nouns: str) -> bool:
    """Whether any subscription may want events about one of these (`order`, `stock`)."""
    interest = interest_of(db)
    return any(interest.wants_any(noun) for noun in nouns)


def is_wanted(db: Db, type: str, store: str | None) -> bool:
    """Whether any subscription wants events of this type and store."""
    return bool(interest_of(db).of(type, store))


def wait_until_known() -> None:
    """Wait until every process knows of a subscription that was just written."""
    time.sleep(MAX_AGE)
