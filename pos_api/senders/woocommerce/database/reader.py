"""What a shop has, read from its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from pos_api.common.time import now
from pos_api.senders.woocommerce.database.connection import Database, Rows
from pos_api.senders.woocommerce.database.customers import read_customers
from pos_api.senders.woocommerce.database.lists import (
    CUSTOMERS,
    HPOS_ORDERS,
    LEGACY_ORDERS,
    PRODUCTS,
    Filter,
    Table,
    count_rows,
    highest_id,
    list_heads,
    list_ids,
)
from pos_api.senders.woocommerce.database.orders import read_orders
from pos_api.senders.woocommerce.database.products import read_products, read_variations
from pos_api.senders.woocommerce.database.settings import read_settings
from pos_api.senders.woocommerce.rows import Row
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.shop_reader import ALWAYS, Collection, Found, Page, Period, Place, Unread

_PAGE = 100


class DatabaseReader:
    """A ShopReader of a database. Raises ShopError where there is no WooCommerce in it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settings = read_settings(database)
        orders = HPOS_ORDERS if self._settings.order_tables else LEGACY_ORDERS
        self._tables: dict[Collection, Table] = {"products": PRODUCTS, "customers": CUSTOMERS, "orders": orders}

    def time(self) -> datetime:
        return now()

    def count(self, collection: Collection, made: Period = ALWAYS) -> int:
        return count_rows(self._database, self._tables[collection], Filter(made.start, made.end))

    # --- orders -----------------------------------------------------------------------------------------------

    def last_order_id(self) -> int:
        return highest_id(self._database, self._tables["orders"])

    def orders(self, start: Place | None = None, made: Period = ALWAYS) -> Iterator[Page]:
        return self._pages("orders", self._orders, start, Filter(made.start, made.end))

    def orders_changed_since(self, moment: datetime) -> Iterator[Page]:
        return self._pages("orders", self._orders, None, Filter(changed_after=moment))

    def any_order_changed_since(self, moment: datetime) -> bool:
        return bool(list_ids(self._database, self._tables["orders"], Filter(changed_after=moment), 1))

    def listed_orders(self, ids: Sequence[int]) -> dict[int, Row]:
        listed = list_ids(self._database, self._tables["orders"], Filter(ids=tuple(ids)), len(ids))
        return {row["id"]: row for row in self._orders(listed)}

    def order_heads(self, ids: Sequence[int]) -> dict[int, Row]:
        return {row["id"]: row for row in list_heads(self._database, self._tables["orders"], tuple(ids))}

    def with_refund_lines(self, orders: list[Row]) -> tuple[list[Row], list[Unread]]:
        return orders, []  # they have them already

    def order(self, order_id: int) -> Found:
        return next(iter(self._orders([order_id])), None), None

    def _orders(self, ids: list[int]) -> Rows:
        return read_orders(self._database, self._settings, ids)

    # --- products and customers -------------------------------------------------------------------------------

    def products(self, start: Place | None = None) -> Iterator[Page]:
        return self._pages("products", self._with_variations, start)

    def _with_variations(self, ids: list[int]) -> Rows:
        variations = read_variations(self._database, self._settings, ids)
        products = read_products(self._database, self._settings, ids)
        return [row for product in products for row in (product, *variations[product["id"]])]

    def product(self, product_id: int) -> Found:
        return self.each_product([product_id])[0]

    def each_product(self, product_ids: list[int]) -> list[Found]:
        found = {row["id"]: row for row in read_products(self._database, self._settings, product_ids)}
        return [(found.get(product_id), None) for product_id in product_ids]

    def customers(self, start: Place | None = None) -> Iterator[Page]:
        return self._pages("customers", lambda ids: read_customers(self._database, ids), start)

    # --- what only REST gives ---------------------------------------------------------------------------------

    def webhooks(self) -> list[Row]:
        raise ShopError("unauthorized", "A shop's webhooks are not read from its database.")

    def switch_on_webhook(self, webhook_id: int) -> None:
        raise ShopError("read_only", "A shop's database is only read.")

    def active_plugins(self) -> list[str]:
        raise ShopError("unauthorized", "A shop's plugins are not read from its database.")

    # --- pages ------------------------------------------------------------------------------------------------

    def _pages(
        self,
        collection: Collection,
        read: Callable[[list[int]], Rows],
        start: Place | None,
        wanted: Filter | None = None,
    ) -> Iterator[Page]:
        place, wanted = start or Place(), wanted or Filter()
        while True:
            asked_at = now()
            ids = list_ids(self._database, self._tables[collection], replace(wanted, after_id=place.last_id), _PAGE)
            if not ids:
                return
            place = Place(place.offset + len(ids), ids[-1])
            yield Page(read(ids), place, asked_at)
