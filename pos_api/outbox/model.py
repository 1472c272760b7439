"""What the outbox keeps: events, subscriptions to them, and deliveries of an event to a subscription.

`OutboxEvent` is what passes between modules, the TypedDicts are the documents in the database. No database is needed
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NotRequired, Required, TypeAlias, TypedDict

SignatureForm: TypeAlias = Literal["standard", "karma", "kaynko", "stripe"]
"""How a delivery is signed, and in which envelope the event is."""
Payload: TypeAlias = Literal["full", "thin"]
"""Whether `data` is the resource as the API shows it, or only what identifies it."""
DeliveryState: TypeAlias = Literal["waiting", "succeeded", "failed"]
"""`failed`: after its last attempt. While a subscription is off, its deliveries wait."""


LOG_LENGTH = 50
"""Attempts that are kept of a delivery."""


class Unpublished(TypedDict):
    """The mark of an event on the document that it is about, until the event is in the outbox. `position` is that of
    the event, where the document does not show it."""

    id: str
    type: str
    at: datetime
    position: NotRequired[int]


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event as subscribers are sent it.

    `resource` is what it is about (`order:default:124`); of one resource, events are delivered by their `position`.
    `data` is the resource as the API shows it, as JSON, `reference` what identifies it there (`{"id": …}`). `about` are
    the keys of the persons whose data is in it, and `store:id` of the order, by which it is erased.
    """

    id: str
    type: str
    at: datetime
    store: str | None
    resource: str
    position: int
    data: bytes
    reference: bytes
    about: tuple[str, ...] = ()


class StoredEvent(TypedDict):
    """An event in `outbox`; `_id` is its id. `written_at` is when it came into the outbox. Where a person whose data it
    had was erased, `data` is what `reference` is, and `erased_at` says when."""

    _id: str
    type: str
    at: datetime
    store: str | None
    resource: str
    position: int
    data: bytes
    reference: bytes
    about: list[str]
    written_at: datetime
    erased_at: NotRequired[datetime]
    answers_due_at: NotRequired[datetime]
    """When answers to an erased event are erased once more, those of attempts that were on their way."""


class Lease(TypedDict):
    """Which process delivers for a subscription, until when. `token` grows with each process that takes it."""

    holder: str
    token: int
    until: datetime


class Subscription(TypedDict, total=False):
    """A subscription in `webhook_subscriptions`. Fields that are not required are absent where there is nothing to
    say."""

    _id: Required[str]
    """`sub_` and random letters."""
    url: Required[str]
    events: Required[list[str]]
    """Types (`order.created`), all of a noun (`order.*`), or all (`*`)."""
    active: Required[bool]
    """False where a person has switched it off, or it was disabled (`disabled_at`)."""
    description: Required[str]
    stores: Required[list[str]]
    """Only events of these stores; none: of all, and those of no store."""
    signature: Required[SignatureForm]
    payload: Required[Payload]
    headers: Required[Mapping[str, str]]
    """Sent with each delivery."""
    rate_limit: Required[int | None]
    """Deliveries in a second at most."""
    metadata: Required[Mapping[str, str]]
    secret: Required[bytes]
    """Sealed (see `database.sealing`)."""
    former_secret: bytes
    former_secret_until: datetime
    """Until then both sign."""
    rotation: str
    """What shows whether the request that made the latest secret is repeated; blank where it can't be."""
    created_at: Required[datetime]
    created_by: Required[str]
    application: str
    """The store whose application made it, by the signature of its kind. It reaches no other subscription."""
    request: str
    """A fingerprint of the request that made it, by which a repeated one is recognized."""
    updated_at: Required[datetime]
    last_success_at: datetime
    last_failure_at: datetime
    last_failure: str
    """In plain words, what the last failed attempt failed of."""
    failing_since: datetime
    """The first failure since the last success."""
    failing_confirmed_at: datetime
    """A failure at least 12 hours after that."""
    failures_in_row: int
    """Failed attempts since the last success."""
    paused_until: datetime
    """The circuit breaker: before then nothing is sent; then one delivery, and by that it is decided anew."""
    disabled_at: datetime
    disabled_reason: str
    lease: Lease


class DeletedSubscription(TypedDict):
    """A subscription in `webhook_subscriptions_deleted`, until nothing is left of its deliveries."""

    _id: str
    deleted_at: datetime


class Attempt(TypedDict):
    """One attempt to deliver. The body can be written again from the event, in this form. `status` and `answer` (at
    most 16 KiB) are there where an answer came, else `error` and its stable `cause`."""

    at: datetime
    url: str
    headers: Mapping[str, str]
    signature: SignatureForm
    payload: Payload
    seconds: float
    status: NotRequired[int]
    answer: NotRequired[bytes]
    error: NotRequired[str]
    cause: NotRequired[str]


class StoredDelivery(TypedDict):
    """A delivery in `webhook_deliveries`: one event for one subscription; `_id` is `subscription:event`.

    While it waits, `due_at` is when it may be sent, and `lane` is `subscription:resource`: of a lane, deliveries are
    sent by their `position`. Where the first of a lane waits for its next attempt, those behind it are `held` and it
    `holds` them: they are due long after it, and are made due as it ends. `attempts` counts those by the schedule since
    it was begun or replayed; `log` has the last LOG_LENGTH."""

    _id: str
    subscription: str
    event: str
    type: str
    store: str | None
    resource: str
    position: int
    created_at: datetime
    state: DeliveryState
    due_at: NotRequired[datetime]
    lane: NotRequired[str]
    holds: NotRequired[bool]
    held: NotRequired[bool]
    attempts: int
    log: list[Attempt]
    ended_at: NotRequired[datetime]


def delivery_id(subscription: str, event: str) -> str:
    """The `_id` of the delivery of an event to a subscription."""
    return f"{subscription}:{event}"


def made_due(moment: datetime) -> dict[str, dict[str, Any]]:
    """The update that makes a delivery that waits due at `moment`, whatever held it back."""
    return {"$set": {"due_at": moment}, "$unset": {"held": ""}}


def lane_of(subscription: str, resource: str) -> str:
    """The lane of a subscription's deliveries about a resource."""
    return f"{subscription}:{resource}"


def noun_of(type: str) -> str:
    """`order` of `order.created`."""
    return type.partition(".")[0]


def matches(pattern: str, type: str) -> bool:
    """Whether a subscription's pattern (`order.created`, `order.*`, `*`) means this type of event."""
    return pattern in ("*", type, f"{noun_of(type)}.*")
