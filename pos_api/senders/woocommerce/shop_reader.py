"""What can be read of a shop, whatever it is read from: its REST API (`rest`) or its database (`database`).

The importer and the comparison depend on this interface only. Rows are objects as REST v3 gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from pos_api.senders.woocommerce.rows import Row

Collection: TypeAlias = Literal["products", "customers", "orders"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading of rows in the order of their ids stands: rows passed, and the highest id seen."""

    offset: int = 0
    last_id: int = 0


@dataclass(frozen=True, slots=True)
class Unread:
    """Something in the shop that could not be read: what, in words, and why; `count` where it is several rows."""

    what: str
    cause: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Rows not seen before, the place after them, the moment before they were asked for (what they say is no older),
    and what could not be read of them or between them."""

    rows: list[Row]
    after: Place
    asked_at: datetime
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """Orders made from `start` on and before `end`; None is no limit."""

    start: datetime | None = None
    end: datetime | None = None


ALWAYS = Period()

Found: TypeAlias = tuple[Row | None, Unread | None]
"""A row, None where the shop has none of this id; and why it could not be read, where it could not."""


class ShopReader(Protocol):
    """Reads one shop. Every method raises ShopError when the shop can't be read.

    Pages are by ascending id, from `start` on. Drafts and what is in the trash are not listed, and are found by id.
    """

    def time(self) -> datetime:
        """The shop's present time, as far as it is known: its orders are older or newer by that clock."""
        ...

    def count(self, collection: Collection, made: Period = ALWAYS) -> int:
        """How many rows there are; of orders, those that were made in this period."""
        ...

    def last_order_id(self) -> int:
        """The highest id of its orders: it counts them up. 0 where there is none."""
        ...

    def orders(self, start: Place | None = None, made: Period = ALWAYS) -> Iterator[Page]:
        """The orders made in a period, with the lines of their refunds."""
        ...

    def orders_changed_since(self, moment: datetime) -> Iterator[Page]:
        """The orders changed after `moment`, as they are listed: perhaps without the lines of their refunds."""
        ...

    def listed_orders(self, ids: Sequence[int]) -> dict[int, Row]:
        """Those of these orders that the shop lists, by id; perhaps without the lines of their refunds."""
        ...

    def order_heads(self, ids: Sequence[int]) -> dict[int, Row]:
        """Those of these orders that the shop lists, by id, with `status`, `date_modified_gmt` and the ids of `refunds`
        at least."""
        ...

    def with_refund_lines(self, orders: list[Row]) -> tuple[list[Row], list[Unread]]:
        """These orders with the lines of their refunds; and the refunds that could not be read, whose orders stay as
        they are."""
        ...

    def order(self, order_id: int) -> Found:
        """One order with the lines of its refunds, also one that is in the trash."""
        ...

    def products(self, start: Place | None = None) -> Iterator[Page]:
        """Products, each followed by its variations."""
        ...

    def product(self, product_id: int) -> Found:
        """One product or variation, also one that is in the trash."""
        ...

    def each_product(self, product_ids: list[int]) -> list[Found]:
        """These products or variations, in order, as `product` gives them."""
        ...

    def customers(self, start: Place | None = None) -> Iterator[Page]:
        """Customers that have an account."""
        ...

    def any_order_changed_since(self, moment: datetime) -> bool:
        """Whether an order was made or changed after `moment`."""
        ...

    def webhooks(self) -> list[Row]:
        """Every webhook, whatever its status. Raises ShopError with the cause `unauthorized` where they can't be
        seen."""
        ...

    def switch_on_webhook(self, webhook_id: int) -> None:
        """Make a webhook active. Raises ShopError with the cause `read_only` where that is not allowed."""
        ...

    def active_plugins(self) -> list[str]:
        """The files of the plugins that are active, such as `woocommerce/woocommerce.php`. Raises ShopError with the
        cause `unauthorized` where they can't be seen."""
        ...
