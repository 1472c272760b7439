"""What an order is: the stored document, the command that changes it, and what applying the command returns.

Pure: no database. Amounts are `Decimal128`, times are aware and UTC, quantities are whole numbers or have six decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypeAlias, TypedDict

from bson import Decimal128

from pos_api.common.quantity import Quantity
from pos_api.orders.parts import Address, CouponLine, FeeLine, Line, Meta, Refund, ShippingLine, TaxLine
from pos_api.outbox.model import Unpublished

if TYPE_CHECKING:
    from bson import Timestamp

    from pos_api.common.warning_messages import EventWarning
    from pos_api.customers.model import Erasure
    from pos_api.events import Event

Kind: TypeAlias = Literal["created", "updated", "deleted", "restored"]
Outcome: TypeAlias = Literal["created", "updated", "unchanged", "stale"]
StockRule: TypeAlias = Literal["none", "reserved", "taken", "kept"]
Stage: TypeAlias = Literal["open", "completed", "cancelled", "refunded", "closed", "deleted"]


@dataclass(frozen=True, slots=True)
class Status:
    """An order's status by its sender's `name`, and what it means; the sender works that out.

    `stock_rule` says what an order in this status holds where its lines do not say what the shop took:
    * `none`: nothing;
    * `reserved`: its units are kept back for the buyer, and the shop has not taken them yet;
    * `taken`: the shop takes its units in this status;
    * `kept`: the status changes nothing: what was held before stays held.
    `counts_as_sale` says whether figures count the order. `stage` is `open` while there is something left to do, else
    how it ended: `deleted` in the sender's trash, `closed` where it is none of the others.
    """

    name: str
    stock_rule: StockRule
    counts_as_sale: bool
    stage: Stage


class Held(TypedDict):
    """Units of a product; `sku` is its `_id`."""

    sku: str
    quantity: Quantity


class StatusEntry(TypedDict):
    """An entry of an order's history: the status it came into, when, and by which inbox entry."""

    status: str
    deleted: bool
    at: datetime
    cause: str


class StoredWarning(TypedDict):
    """A warning as it is kept (see `common.warning_messages`)."""

    code: str
    message: str
    values: Mapping[str, Any]


class _Reported(TypedDict, total=False):
    """Fields that are stored as a sender names them, where it does. `tip` is apart: no part of `total`, and never
    revenue. `tab` is the sender's id of the open bill that the order is on."""

    number: str
    currency: str
    created_via: str
    paid_at: datetime | None
    completed_at: datetime | None
    customer_id: int
    customer_note: str
    parent_id: int
    payment_method: str
    payment_method_title: str
    transaction_id: str
    prices_include_tax: bool
    total: Decimal128
    total_tax: Decimal128
    tip: Decimal128
    tab: str
    cart_tax: Decimal128
    discount_total: Decimal128
    discount_tax: Decimal128
    shipping_total: Decimal128
    shipping_tax: Decimal128
    billing: Address
    shipping: Address
    tax_lines: list[TaxLine]
    shipping_lines: list[ShippingLine]
    fee_lines: list[FeeLine]
    coupon_lines: list[CouponLine]
    refunds: list[Refund]
    meta: list[Meta]


class OrderFields(_Reported, total=False):
    """The fields of an order that a sender names, as they are stored, without its status. One that is absent says
    nothing."""

    created_at: datetime
    day: str
    hour: int
    line_items: list[Line]


class Order(_Reported):
    """A stored order: the fields that its sender named, and what follows from them.
    * `rev`, raised by every save; `changed_at`, the server's time of the last;
    * `unpublished`, the events of this and earlier revisions that are not in the outbox yet;
    * `day` and `hour` (0 to 23) in which it was made, on the store's clock;
    * `stock_rule`, `counts_as_sale` and `stage`: what its status means (see `Status`);
    * `modified_at` and `sequence`, the sender's version, and `received_at`, when that arrived here;
    * `unlinked`, items of its lines that no product was linked to when the order first named them;
    * `held`, what this version holds of each product; `opening`, products whose units were gone before the POS started
      to count; `unmatched`, SKUs no product was known for when the order first named them; `without_stock`, SKUs of
      goods that the shop keeps no stock of; `unmanaged`, products whose stock the shop did not manage when it looked at
      the order; `carried`, units that were taken from another product's stock (see `stock.ledger.Holding`);
    * `parent`, the `_id` of the order that this is a sub-order of; `suborders_hold` (true), where this is a parent and
      the shop has taken stock for its sub-orders;
    * `test_mode` (true), where it was paid in a payment provider's test mode;
    * `deleted_at`, while it is deleted, and with it `deleted_version`, the `modified_at` of the version deleted;
    * `closed_at`, since when it is closed, while its personal data is there; `erased_at`, where that was erased;
    * `former_customers`, whose order it was, until their records are seen to;
    * `customer`, `skus` and `search`, by which it is found; `rollup_bucket`, the orders that figures sum up together.
    """

    _id: str
    store: str
    order_id: int | str
    rev: int
    created_at: datetime
    day: str
    rollup_bucket: str
    status: str
    stock_rule: StockRule
    counts_as_sale: bool
    stage: Stage
    line_items: list[Line]
    unmatched: list[str]
    opening: list[str]
    held: list[Held]
    status_history: list[StatusEntry]
    warnings: list[StoredWarning]
    customer: str | None
    skus: list[str]
    search: list[str]

    hour: NotRequired[int]
    changed_at: NotRequired[Timestamp]
    unpublished: NotRequired[list[Unpublished]]
    received_at: NotRequired[datetime]
    modified_at: NotRequired[datetime]
    sequence: NotRequired[int]
    without_stock: NotRequired[list[str]]
    unlinked: NotRequired[list[int]]
    unmanaged: NotRequired[list[str]]
    carried: NotRequired[list[Held]]
    parent: NotRequired[str]
    suborders_hold: NotRequired[bool]
    test_mode: NotRequired[bool]
    deleted_at: NotRequired[datetime]
    deleted_version: NotRequired[datetime | None]
    closed_at: NotRequired[datetime]
    erased_at: NotRequired[datetime]
    former_customers: NotRequired[list[str]]


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """What a sender says about an order at one moment.

    `kind` says what it is: the first report of a new order, a change, that the order was deleted, or that it came back.
    `fields` holds only what was there, in stored form; an absent field leaves what is stored. So does a `status` of
    None; an order that was not known yet then has the `initial_status`. `modified_at` is None and `sequence` 0 where
    the sender gave none. `retried` says that the update was begun before: a crash may have left its order saved and
    not settled.

    `replaces` marks what was read from the shop after it had been compared with the stored order of that rev (0: none
    was stored), and so is newer, whatever its version says: a refund that was deleted changes no time and no sequence.
    It is applied while the order still has that rev. `opening` says that the order is from before the POS started to
    count, `live_since` when the store went live; `stock_taken_at` is when the shop took its stock, where it noted that,
    and `likely_taken_at` what its dates say of that.

    `test_mode` says whether it was paid in a payment provider's test mode, None where that is not said. `anonymized`
    says that the sender has erased the order's personal data. `erasures` are those of the customer whom it names, the
    oldest first; `erased` is the one that it is subject to, which shows when it is applied: personal data in it is not
    kept. `named_fields` has the sender's names of the fields that were there, and `warnings` what was odd about them.
    `cause` is the key of the inbox entry.
    """

    store: str
    order_id: int | str
    kind: Kind
    cause: str
    received_at: datetime
    modified_at: datetime | None
    sequence: int
    opening: bool
    fields: OrderFields
    status: Status | None
    initial_status: Status
    retried: bool = False
    replaces: int | None = None
    test_mode: bool | None = None
    anonymized: bool = False
    erasures: tuple[Erasure, ...] = ()
    erased: Erasure | None = None
    named_fields: frozenset[str] = frozenset()
    warnings: tuple[EventWarning, ...] = ()
    live_since: datetime | None = None
    stock_taken_at: datetime | None = None
    likely_taken_at: datetime | None = None

    @property
    def key(self) -> str:
        """The order's `_id`."""
        return f"{self.store}:{self.order_id}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an update: its outcome and the events that it caused; what people should know about the order
    (`warnings`); the erasure that the update was subject to, after which nothing of what it said may stay; the order as
    it is now; the versions of it, the oldest first, that are marked with events to publish; and the current SKUs of the
    batch's products, by their `_id`."""

    outcome: Outcome
    warnings: tuple[EventWarning, ...] = ()
    erased: Erasure | None = None
    events: tuple[Event, ...] = ()
    order: Order | None = None
    marked: tuple[Order, ...] = ()
    skus: Mapping[str, str] = field(default_factory=dict)
