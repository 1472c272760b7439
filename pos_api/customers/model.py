"""What is kept of customers, what the domain is asked to apply, and what became of that. No database is needed here.

A customer has one record per e-mail address; without an address, one per external id, which is a store's own id of a
customer, written `store:id`. The record's names and addresses are those of one store, its owning store: the first one
that had this customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Required, TypeAlias, TypedDict

from pos_api.common.warning_messages import EventWarning
from pos_api.events import Event
from pos_api.outbox.model import Unpublished

Outcome: TypeAlias = Literal["created", "updated", "unchanged", "stale"]


class Profile(TypedDict, total=False):
    """What is known of a person, as it is stored, and the words by which the record is found."""

    email: str
    first_name: str
    last_name: str
    company: str
    phone: str
    username: str
    billing: Mapping[str, Any]
    shipping: Mapping[str, Any]
    owning_store: str
    """Absent after that store was disconnected: the next to report the customer owns the record."""
    as_of: datetime
    """How recent the profile is."""
    search: list[str]


class CustomerMark(Unpublished):
    """The mark of a customer's event, with the store whose order or report it was."""

    store: str


class CustomerDocument(Profile, total=False):
    """A customer's record as it is stored."""

    _id: Required[str]
    """The e-mail address, lower-cased; else `store:#id`."""
    external_ids: list[str]
    first_order_at: datetime
    last_order_at: datetime | None
    accounts: dict[str, datetime]
    """Stores' own customers that were reported under this address, by external id: how recent each report is."""
    orders_seen: int
    """Raised whenever an order is recorded here."""
    pseudonym: str
    """The key under which this person's erased orders are counted (see `pseudonyms`)."""
    version: int
    """Raised by every event of the record."""
    unpublished: list[CustomerMark]


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure: of what was before `until`. `customer` is the pseudonym that the orders have now; None where
    nobody can be counted. `orders` is false where only the account was erased."""

    until: datetime
    customer: str | None
    orders: bool = True


@dataclass(frozen=True, slots=True)
class Buyer:
    """What one version of an order says about its customer. `key` is the record's `_id`; `external_id` is blank where
    the buyer has no account."""

    key: str
    store: str
    external_id: str
    ordered_at: datetime
    as_of: datetime
    billing: Mapping[str, Any]
    shipping: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Purchases:
    """What orders of one store say together about one customer: the newest profile, when the first and the last were
    made, the external ids of the customer, and how many orders these are."""

    key: str
    profile: Profile
    first_order_at: datetime
    last_order_at: datetime
    external_ids: tuple[str, ...]
    orders: int


@dataclass(frozen=True, slots=True)
class CustomerUpdate:
    """What a store reports about one of its customers. `reported_at` is when, None where it does not say; `erasures`
    are those of this customer."""

    store: str
    external_id: str
    email: str
    as_of: datetime
    fields: Profile
    warnings: tuple[EventWarning, ...] = ()
    reported_at: datetime | None = None
    erasures: tuple[Erasure, ...] = ()

    @property
    def key(self) -> str:
        """The record's `_id`."""
        return customer_key(self.store, self.email, self.external_id.partition(":")[2]) or ""

    @property
    def is_erased(self) -> bool:
        """Whether all that it says is from before the customer was erased."""
        return any(self.reported_at is None or self.reported_at <= erasure.until for erasure in self.erasures)


@dataclass(frozen=True, slots=True)
class CustomerErasure:
    """A store has erased a person: `until` when, and whether from their orders too."""

    store: str
    email: str
    until: datetime
    orders: bool


@dataclass(frozen=True, slots=True)
class CustomerResult:
    """What became of an update, and the events that it caused."""

    outcome: Outcome
    events: tuple[Event, ...] = ()


def customer_key(store: str, email: str, customer_id: int | str) -> str | None:
    """The key (`_id`) of a customer; None for a guest without an e-mail address, who makes no customer.

    What has no @ is no address. It could else be the key of another store's customer, or of somebody erased.
    """
    email = email.strip().lower()
    if "@" in email:
        return email
    return f"{store}:#{customer_id}" if customer_id else None


def external_ids_of(customer: str, record: CustomerDocument | None) -> list[str]:
    """The stores' own customers (`store:id`) that a customer is, by the key and the record, if there is one."""
    by_key = [] if "@" in customer else [customer.replace("#", "")]  # `store:#id`
    return [*(record.get("accounts", ()) if record else ()), *by_key]
