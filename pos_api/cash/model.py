"""What a cash session is, and the commands that set it. Pure: no database.

Amounts are `Decimal128` in major units, times are aware and UTC. Commands have the whole state of what they are about;
the one with the greater `sequence` wins (see `payments.model`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from bson import Decimal128

from pos_api.common.warning_messages import EventWarning
from pos_api.events import CashSessionChanged
from pos_api.outbox.model import Unpublished

Outcome: TypeAlias = Literal["created", "updated", "unchanged", "stale"]
CashKind: TypeAlias = Literal["sale", "void", "debt"]


class CashSession(TypedDict):
    """A stored cash session of a till. `_id` is `store:external id`; the other fields are those of
    `CashSessionUpdate`. What it should have in the drawer is worked out when somebody looks (`cash.queries`)."""

    _id: str
    store: str
    external_id: str
    sequence: int
    opened_at: datetime | None
    closed_at: datetime | None
    opening_cash: Decimal128 | None
    counted_cash: Decimal128 | None
    currency: str
    listed_at: datetime
    unpublished: NotRequired[list[Unpublished]]


@dataclass(frozen=True, slots=True)
class CashSessionUpdate:
    """A cash session as its till's reports say that it is. A field is None where it was not reported: a session can
    be known by its closing alone. `currency` is the store's, blank where that has none. `at` is when its first report
    came."""

    store: str
    external_id: str
    sequence: int
    opened_at: datetime | None
    closed_at: datetime | None
    opening_cash: Decimal128 | None
    counted_cash: Decimal128 | None
    currency: str
    at: datetime
    warnings: tuple[EventWarning, ...] = ()

    @property
    def key(self) -> str:
        """The session's `_id`."""
        return f"{self.store}:{self.external_id}"


class CashMovement(TypedDict):
    """A stored movement of cash: `amount` is above zero where it came into the drawer. `is_assumed` (true) says that it
    was cash is the till's setting, not its report."""

    _id: str
    store: str
    sequence: int
    kind: CashKind
    at: datetime
    amount: Decimal128
    currency: str
    is_assumed: bool


@dataclass(frozen=True, slots=True)
class CashMovementUpdate:
    """Cash that came into a till's drawer or left it, as all reports so far say. `external_id` names what moved it
    (`sale-42`, `void-42`, `debt-7-…`). An amount of 0 says that it moved none after all."""

    store: str
    external_id: str
    sequence: int
    kind: CashKind
    at: datetime
    amount: Decimal128
    currency: str
    is_assumed: bool = False

    @property
    def key(self) -> str:
        """The movement's `_id`."""
        return f"{self.store}:{self.external_id}"


@dataclass(frozen=True, slots=True)
class CashResult:
    """What became of a command, the events that it caused, and the session as it is stored now (None of a
    movement)."""

    outcome: Outcome
    warnings: tuple[EventWarning, ...] = ()
    events: tuple[CashSessionChanged, ...] = ()
    session: CashSession | None = None
