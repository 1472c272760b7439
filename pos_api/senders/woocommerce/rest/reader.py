"""What a shop has, read over its REST API two requests at a time; one row that fails does not hide the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pos_api.senders.woocommerce.rest.answers import ORDER_GONE, PRODUCT_GONE, none_if_gone
from pos_api.senders.woocommerce.rest.client import RestClient
from pos_api.senders.woocommerce.rest.pages import SIZE_DEPENDENT, read_page, read_pages
from pos_api.senders.woocommerce.rows import Row, has_id, id_of, is_id, named_after, refunds_of, shown_text
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.shop_reader import ALWAYS, Collection, Found, Page, Period, Place, Unread

T = TypeVar("T")

CONCURRENCY = 2
"""Requests at a time."""

_SECOND = timedelta(seconds=1)
_MOST_HIDDEN = 200
"""So many variations of one product that the shop names and does not list are asked for one by one."""
_MOST_WEBHOOK_PAGES = 100
_SHOP_FAILS = SIZE_DEPENDENT | {"refused", "dns", "tls", "network", "too_many_requests"}
_FAILURES_IN_A_ROW = 4
"""So many rows in a row that each fail: it is the shop that fails, rather than some of its rows."""


class RestReader:
    """A ShopReader over REST. Use it as a context manager: it closes its client too."""

    def __init__(self, client: RestClient) -> None:
        self.client = client
        self._failures = 0
        self._threads = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="pos-shop")

    def __enter__(self) -> RestReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._threads.shutdown(cancel_futures=True)

    def time(self) -> datetime:
        return self.client.time()

    def count(self, collection: Collection, made: Period = ALWAYS) -> int:
        return self.client.get(collection, per_page=1, **_filters(made)).total or 0

    # --- orders -----------------------------------------------------------------------------------------------

    def last_order_id(self) -> int:
        rows = read_page(self.client, "orders", 0, 1, {"orderby": "id", "order": "desc"}).data
        return id_of(rows[0]) if rows else 0

    def orders(self, start: Place | None = None, made: Period = ALWAYS) -> Iterator[Page]:
        for page in read_pages(self.client, "orders", start, **_filters(made)):
            rows, unread = self.with_refund_lines(page.rows)
            yield replace(page, rows=rows, unread=(*page.unread, *unread))

    def orders_changed_since(self, moment: datetime) -> Iterator[Page]:
        return read_pages(self.client, "orders", modified_after=moment, dates_are_gmt=True)

    def any_order_changed_since(self, moment: datetime) -> bool:
        return bool(self.client.get("orders", per_page=1, modified_after=moment, dates_are_gmt=True).data)

    def listed_orders(self, ids: Sequence[int]) -> dict[int, Row]:
        pages = read_pages(self.client, "orders", include=",".join(map(str, ids)))
        wanted = set(ids)
        return {row["id"]: row for page in pages for row in page.rows if has_id(row) and row["id"] in wanted}

    def order_heads(self, ids: Sequence[int]) -> dict[int, Row]:
        fields = "id,status,date_modified_gmt,refunds"
        pages = read_pages(self.client, "orders", include=",".join(map(str, ids)), _fields=fields)
        return {row["id"]: row for page in pages for row in page.rows if has_id(row)}

    def with_refund_lines(self, orders: list[Row]) -> tuple[list[Row], list[Unread]]:
        read = list(self._threads.map(self._with_refund_lines, orders))
        return [row for row, _ in read], [unread for _, unread in read if unread]

    def _with_refund_lines(self, order: Row) -> tuple[Row, Unread | None]:
        """An order with `refunds` as `/orders/<id>/refunds` gives them: the order itself does not show their lines."""
        wanted = refunds_of(order)
        if not has_id(order) or not wanted:
            return order, None
        what = f"the refunds of order {order['id']}"
        nothing: dict[int, Row] = {}
        found, unread = self._or_unread(what, lambda: self._refunds(order["id"]), nothing)
        lacking = [each["id"] for each in wanted if not isinstance(found.get(each["id"], {}).get("line_items"), list)]
        if unread is None and lacking:
            names = ", ".join(map(str, lacking))
            unread = Unread(what, f"The shop lists refund {names} with the order, and does not give its lines.")
        return {**order, "refunds": [found.get(id_of(refund), refund) for refund in order["refunds"]]}, unread

    def _refunds(self, order_id: int) -> dict[int, Row]:
        """An order's refunds by id."""
        refunds: dict[int, Row] = {}
        for page in read_pages(self.client, f"orders/{order_id}/refunds"):
            refunds |= {row["id"]: row for row in page.rows if has_id(row)}
        return refunds

    def order(self, order_id: int) -> Found:
        what = f"order {order_id}"
        order, unread = self._or_unread(what, lambda: self._one("orders", order_id, ORDER_GONE), None)
        return self._with_refund_lines(order) if order else (None, unread)

    # --- products ---------------------------------------------------------------------------------------------

    def products(self, start: Place | None = None) -> Iterator[Page]:
        for page in read_pages(self.client, "products", start):
            rows: list[Row] = []
            unread = list(page.unread)
            variations_of = self._threads.map(self._variations, page.rows)
            for product, (variations, missed) in zip(page.rows, variations_of, strict=True):
                rows += [product, *variations]
                unread += missed
            yield replace(page, rows=rows, unread=tuple(unread))

    def _variations(self, product: Row) -> tuple[list[Row], list[Unread]]:
        if not has_id(product) or not product.get("variations"):
            return [], []
        what = f"the variations of product {product['id']} ({shown_text(product.get('name')) or 'no name'})"
        nothing: list[Row] = []
        found, unread = self._or_unread(what, lambda: self._listed_variations(product), nothing)
        if unread is not None:
            return [], [unread]
        listed = {id_of(variation) for variation in found}
        named = product["variations"] if isinstance(product["variations"], list) else []
        hidden = [each for each in dict.fromkeys(filter(is_id, named)) if each not in listed]
        if len(hidden) > _MOST_HIDDEN:
            return found, [Unread(what, f"The shop names {len(hidden):,} more than it lists.", len(hidden))]
        looked_up = [self.product(each) for each in hidden]
        more = [row for row, _ in looked_up if row is not None and row.get("status") != "trash"]
        return [*found, *more], [missed for _, missed in looked_up if missed]

    def _listed_variations(self, product: Row) -> list[Row]:
        try:
            pages = list(read_pages(self.client, f"products/{product['id']}/variations"))
        except ShopError as error:
            if error.http_status == 404 and error.wc_code in PRODUCT_GONE:
                return []  # the product was deleted meanwhile
            raise
        if unread := [each for page in pages for each in page.unread]:
            raise ShopError("incomplete", f"{unread[0].what}: {unread[0].cause}")
        return [named_after(product, variation) for page in pages for variation in page.rows if has_id(variation)]

    def product(self, product_id: int) -> Found:
        return self._or_unread(f"product {product_id}", lambda: self._one("products", product_id, PRODUCT_GONE), None)

    def each_product(self, product_ids: list[int]) -> list[Found]:
        return list(self._threads.map(self.product, product_ids))

    # --- everything else --------------------------------------------------------------------------------------

    def customers(self, start: Place | None = None) -> Iterator[Page]:
        return read_pages(self.client, "customers", start)

    def webhooks(self) -> list[Row]:
        """Every webhook, by pages: WooCommerce ignores `offset` here (`WC_REST_Webhooks_V1_Controller::get_items`)."""
        found: dict[int, Row] = {}
        for number in range(1, _MOST_WEBHOOK_PAGES + 1):
            answer = self.client.get("webhooks", per_page=100, page=number, status="all", orderby="id", order="asc")
            if not isinstance(answer.data, list):
                raise ShopError("not_woocommerce", "The shop answered no list of webhooks.")
            new = {row["id"]: row for row in answer.data if has_id(row) and row["id"] not in found}
            found |= new
            if not new or len(found) == answer.total:
                break
        return list(found.values())

    def switch_on_webhook(self, webhook_id: int) -> None:
        self.client.put(f"webhooks/{webhook_id}", {"status": "active"})

    def active_plugins(self) -> list[str]:
        status = self.client.get("system_status", _fields="active_plugins").data
        active = status.get("active_plugins") if isinstance(status, dict) else None
        if isinstance(active, dict):  # PHP writes a list with a gap so
            active = list(active.values())
        plugins = [each for each in active if isinstance(each, dict)] if isinstance(active, list) else []
        return [shown_text(each.get("plugin")) for each in plugins]

    # --- one row ----------------------------------------------------------------------------------------------

    def _one(self, path: str, number: int, gone: frozenset[str]) -> Row | None:
        answer = none_if_gone(lambda: self.client.get(f"{path}/{number}"), gone)
        if answer is None:
            return None
        if not has_id(answer.data) or answer.data["id"] != number:
            raise ShopError("not_woocommerce", f"Asked for {path}/{number}, the shop answered something else.")
        return dict(answer.data)

    def _or_unread(self, what: str, read: Callable[[], T], otherwise: T) -> tuple[T, Unread | None]:
        """What `read` gives; where the shop fails at it, `otherwise` and why. Raises ShopError when row after row
        fails, for then the shop does."""
        try:
            found = read()
        except ShopError as error:
            if error.cause in _SHOP_FAILS:
                self._failures += 1
            if self._failures >= _FAILURES_IN_A_ROW:
                raise
            return otherwise, Unread(what, error.message)
        self._failures = 0
        return found, None


def _filters(made: Period) -> dict[str, Any]:
    """The API's filters for a period; its own limits are exclusive."""
    filters: dict[str, Any] = {}
    if made.start:
        filters["after"] = made.start - _SECOND
    if made.end:
        filters["before"] = made.end
    return {**filters, "dates_are_gmt": True} if filters else {}
