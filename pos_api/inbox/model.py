"""The inbox: every authenticated delivery, stored once before anything is done about it.

`InboxEntry` is what passes between modules, `StoredEntry` the document in the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Required, TypeAlias, TypedDict

from pos_api.common.warning_messages import EventWarning
from pos_api.outbox.model import Unpublished

STATES = ("waiting", "done", "parked", "failed")
IGNORED = "ignored"
"""The outcome of an entry in which there was nothing to keep."""
STALE = "stale"
"""The outcome of an entry that is older than what is stored."""

Noun: TypeAlias = Literal["order", "product", "customer", "payment", "cash", "subscription", ""]
"""What a delivery is about; blank for anything else, and where it is not known."""


class StoredEntry(TypedDict, total=False):
    """An entry as it is stored. `_id` is the event key."""

    _id: Required[str]
    store: Required[str]
    kind: Required[str]
    """Which sender can read it."""
    topic: Required[str]
    noun: Required[Noun]
    resource_id: Required[str]
    headers: Required[Mapping[str, str]]
    body: Required[bytes]
    about: Required[list[str]]
    """What it is found by when a person is looked for: `store:resource_id`, and the e-mail addresses in its body."""
    received_at: Required[datetime]
    state: Required[str]
    attempts: Required[int]
    due_at: datetime
    """While it waits: when somebody may take it: at once, after a pause, or when the lease of whoever has it runs
    out."""
    lease: str
    """While it waits: whose it is."""
    alone: str
    """See `leases.begin_alone`."""
    interrupted_alone: int
    """How often the lease ran out while `alone` was there."""
    refused: str
    """Why its body was not kept."""
    unusable: str
    """While it waits: why it is parked when it ends, as later reports show (see `finishing.park`)."""
    done_at: datetime
    attention_at: datetime
    """When it was parked or failed: those with it are for people to look at."""
    ignored_at: datetime
    """When it was ignored: those with it are listed, so that people see what is not used."""
    replay: str
    """The latest replay of several entries that it was part of (see `replay.replay_matching`)."""
    erased_at: datetime
    """When its body was erased; what is left then is what it was about, when it came and what became of it."""
    outcome: str
    warnings: list[dict[str, Any]]
    reason: str
    details: Any
    unpublished: list[Unpublished]


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """An authenticated delivery: which store and which kind of sender it is from, what it is about, and its exact
    bytes. Where these could not be kept, `refused` says why; `erased` says that they were, and have been erased since.
    `interrupted` says that whoever worked on it let its lease run out."""

    store: str
    kind: str
    topic: str
    resource_id: str
    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    attempts: int = 0
    key: str = field(default="")
    refused: str = ""
    interrupted: bool = False
    erased: bool = False
    noun: Noun = ""

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", event_key(self.store, self.topic, self.resource_id, self.body))


def event_key(store: str, topic: str, resource_id: str, body: bytes) -> str:
    """SHA-256 of who, what and the exact bytes: the same delivery again has the same key, whoever sends it. A sender's
    delivery id is no part of it: it may be the same for two deliveries, or another one for the same delivery."""
    digest = hashlib.sha256("\0".join((store, topic, resource_id, "")).encode())
    digest.update(body)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an entry ended: `outcome` is created, updated, unchanged, stale, ignored or parked. `erased` says that it is
    about a person whose data was erased: its body is not kept."""

    outcome: str
    warnings: tuple[EventWarning, ...] = ()
    reason: str | None = None
    details: Any = None
    erased: bool = False

    @property
    def full_reason(self) -> str | None:
        """The reason, with the field that it is about."""
        return full_reason(self.reason, self.details)


def full_reason(reason: str | None, details: Any) -> str | None:
    """A stored reason, with the first field that `details` names; None without a reason."""
    if not reason or not isinstance(details, dict) or not details:
        return reason
    name, problem = next(iter(details.items()))
    return f"{reason} {name}: {problem}"
