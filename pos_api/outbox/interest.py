"""Which events anybody wants, known without a query (`database.recently_read`): what nobody wants is neither marked nor
written. From the answer to whoever adds or changes a subscription no event is missed, in whatever process it arises."""

from __future__ import annotations

from dataclasses import dataclass

from pos_api.database.client import Db
from pos_api.database.recently_read import RecentlyRead
from pos_api.outbox.collections import subscriptions
from pos_api.outbox.model import matches, noun_of


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a subscription wants."""

    subscription: str
    patterns: tuple[str, ...]
    stores: frozenset[str]

    def includes(self, type: str, store: str | None) -> bool:
        return (not self.stores or store in self.stores) and any(matches(each, type) for each in self.patterns)


@dataclass(frozen=True, slots=True)
class _Subscriptions:
    """The subscriptions, as far as it takes to say who wants an event. A subscription that is switched off wants events
    too: they wait for it."""

    wanted: tuple[_Wanted, ...]
    nouns: frozenset[str]


class Interest(RecentlyRead[_Subscriptions]):
    """Who wants which events."""

    def __init__(self, db: Db) -> None:
        super().__init__(db, _read)

    def wants_any(self, noun: str) -> bool:
        """Whether a subscription may want an event about such a thing (`order`)."""
        nouns = self.value().nouns
        return noun in nouns or "*" in nouns

    def of(self, type: str, store: str | None) -> list[str]:
        """The subscriptions that want an event of this type and store."""
        return [each.subscription for each in self.value().wanted if each.includes(type, store)]


def _read(db: Db) -> _Subscriptions:
    found = subscriptions(db).find({}, {"events": 1, "stores": 1})
    wanted = tuple(_Wanted(each["_id"], tuple(each["events"]), frozenset(each["stores"])) for each in found)
    return _Subscriptions(wanted, frozenset(noun_of(pattern) for each in wanted for pattern in each.patterns))


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
