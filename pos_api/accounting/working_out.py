"""What orders, payments and cash sessions mean in the books as they are now: worked out from what is stored of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from bson import Timestamp

from pos_api.accounting import chain, set_accounts
from pos_api.accounting.accounts import Accounts
from pos_api.accounting.bookings import bookings_of, bookings_of_payment, bookings_of_session
from pos_api.accounting.groups import Groups
from pos_api.accounting.model import Booking, Refused, Rules
from pos_api.cash import queries as cash
from pos_api.cash.model import CashSession
from pos_api.database.client import Db
from pos_api.logs import get_logger
from pos_api.orders.model import Order
from pos_api.payments import queries as payment_queries
from pos_api.payments.balance import Provider
from pos_api.payments.model import Payment
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores

log = get_logger(__name__)

_READ = dict.fromkeys(
    (
        *("store", "order_id", "number", "currency", "day", "paid_at", "completed_at", "counts_as_sale", "stage"),
        *("status", "status_history", "deleted_at", "parent", "test_mode", "total", "total_tax", "shipping_total"),
        *("shipping_tax", "tip", "tab", "payment_method", "transaction_id", "tax_lines", "shipping_lines", "fee_lines"),
        *("refunds", "changed_at", "received_at"),
        *(f"line_items.{name}" for name in ("id", "sku", "product", "quantity", "total", "total_tax", "tax_class")),
    ),
    1,
)
"""What of an order its bookings are worked out from: nothing that says who bought it."""


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """What a source means: in whose books it is, how people call it, its bookings or why it can't be booked, the
    payments that are part of it, when it last changed, and the product group of each of its products."""

    store: str
    reference: str
    bookings: Sequence[Booking]
    refused: str | None
    payments: Sequence[str]
    changed_at: datetime
    groups: Mapping[str, str]


class BookingContext:
    """The stores, accounts and product groups by which sources are worked out, as they are when this is made."""

    def __init__(self, db: Db, stores: Stores) -> None:
        self._db = db
        self.stores = stores
        self.accounts: Accounts
        self.groups: Groups
        self.accounts, self.groups = set_accounts.read(db)
        self._kinds = {store.id: store.kind for store in stores.all()}

    def rules(self, store: Store, group_of: Callable[[Mapping[str, Any]], str] | None = None) -> Rules:
        """The rules of a store's books."""
        takers = [self.stores.get(name) for name in store.paid_by]
        return Rules(
            store.local_day,
            {each.id: Provider(each.kind, each.added_at) for each in takers},
            self._kinds,
            group_of or (lambda _: self.groups.group_of("", (), store.id)),
            self.accounts.rates(),
            store.currency,
        )

    def digest(self) -> str:
        """A digest of all settings of stores and accounts that count: it is another one where any of them is."""
        stores = [(each.id, each.kind, each.currency, each.timezone, each.paid_by) for each in self.stores.all()]
        return chain.digest([stores, self.accounts.document(), self.groups.rows()])

    # --- orders -----------------------------------------------------------------------------------------------

    def orders(self, keys: list[str], groups: Mapping[str, Mapping[str, str]]) -> dict[str, WorkedOut]:
        """What these orders with their payments mean, by their `_id`s. `groups` has the product groups with which each
        was booked before: they stay."""
        orders = cast("list[Order]", list(self._db.orders.find({"_id": {"$in": keys}}, _READ)))
        payments = payment_queries.of_orders(self._db, [order["_id"] for order in orders])
        categories = self._categories(orders)
        return {
            order["_id"]: self._order(order, payments.get(order["_id"], []), categories, groups.get(order["_id"], {}))
            for order in orders
        }

    def _categories(self, orders: Iterable[Order]) -> dict[str, list[str]]:
        if not self.groups.by.get("category"):
            return {}
        products = {line["product"] for order in orders for line in order["line_items"] if "product" in line}
        found = self._db.products.find({"_id": {"$in": sorted(products)}}, {"categories": 1})
        return {each["_id"]: each.get("categories", []) for each in found}

    def _order(
        self,
        order: Order,
        payments: Sequence[Payment],
        categories: Mapping[str, Sequence[str]],
        known_groups: Mapping[str, str],
    ) -> WorkedOut:
        store = self.stores.get(order["store"])
        groups = dict(known_groups)

        def group_of(line: Mapping[str, Any]) -> str:
            product = line.get("product") or line.get("sku") or ""
            if product not in groups:
                groups[product] = self.groups.group_of(product, categories.get(product, ()), store.id)
            return groups[product]

        bookings, refused = _tried(lambda: bookings_of(order, payments, self.rules(store, group_of)))
        reference = f"{store.kind.upper()}-{order.get('number') or order['order_id']}"
        changed_at = max(_changed_at(order), *(_changed_at(each) for each in payments), _LONG_AGO)
        named = {product: group for product, group in groups.items() if group}
        return WorkedOut(store.id, reference, bookings, refused, [each["_id"] for each in payments], changed_at, named)

    # --- payments and cash ------------------------------------------------------------------------------------

    def payments(self, keys: list[str]) -> dict[str, WorkedOut]:
        """What these payments mean on their own, by their `_id`s: nothing where they are part of an order."""
        payments = cast("list[Payment]", list(self._db.payments.find({"_id": {"$in": keys}})))
        named = sorted({payment["order"] for payment in payments if payment["order"]})
        there = {each["_id"] for each in self._db.orders.find({"_id": {"$in": named}}, {"_id": 1})} if named else set()
        return {payment["_id"]: self._payment(payment, payment["order"] in there) for payment in payments}

    def _payment(self, payment: Payment, is_of_order: bool) -> WorkedOut:
        store = self.stores.get(payment["store"])
        bookings, refused = (
            ([], None) if is_of_order else _tried(lambda: bookings_of_payment(payment, self.rules(store)))
        )
        reference = f"{store.kind.upper()}-{payment['external_id']}"
        return WorkedOut(store.id, reference, bookings, refused, [payment["_id"]], _changed_at(payment), {})

    def sessions(self, keys: list[str]) -> dict[str, WorkedOut]:
        """What these cash sessions mean, by their `_id`s."""
        sessions = cast("list[CashSession]", list(self._db.cash_sessions.find({"_id": {"$in": keys}})))
        return {session["_id"]: self._session(session) for session in sessions}

    def _session(self, session: CashSession) -> WorkedOut:
        store = self.stores.get(session["store"])
        expected = cash.expected_of(self._db, lambda name: self.stores.get(name).currency, session)
        bookings, refused = _tried(lambda: bookings_of_session(session, expected, self.rules(store)))
        return WorkedOut(store.id, f"CASH-{session['external_id']}", bookings, refused, (), _changed_at(session), {})


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _changed_at(document: Mapping[str, Any]) -> datetime:
    """When a document was last changed, by the server's clock; long ago for one from before that was noted."""
    stamp = document.get("changed_at")
    return stamp.as_datetime() if isinstance(stamp, Timestamp) else _LONG_AGO


def _tried(work_out: Callable[[], list[Booking]]) -> tuple[list[Booking], str | None]:
    """The bookings, or why there are none. What nobody has thought of costs only the one source."""
    try:
        return work_out(), None
    except Refused as reason:
        return [], str(reason)
    except Exception as error:
        log.error("what something means in the books could not be worked out", error=type(error).__name__)
        return [], f"It could not be worked out: {type(error).__name__}."
