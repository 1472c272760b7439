"""A shop's REST API (WooCommerce `wc/v3`), read politely: two requests at a time, patient with a shop that is slow,
busy or half broken, and clear about what is wrong with it.

Over https the key pair goes as Basic authentication; over http, and where a server drops that header, as OAuth 1.0a in
the query (WooCommerce's one-legged variant, `WC_REST_Authentication`), which never sends the secret.
"""

from __future__ import annotations

import base64
import json
import os
import random
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from pymongo.errors import PyMongoError
from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth
from requests_oauthlib import OAuth1

from pos_api.common import json_body
from pos_api.common.limits import INT64_MAX
from pos_api.common.time import now
from pos_api.config import ConfigError
from pos_api.database.client import Document
from pos_api.errors import BadRequest, PosError
from pos_api.logs import get_logger
from pos_api.senders.fields import visible
from pos_api.senders.woocommerce.shop_http import TIMEOUT, Client, Reply, ShopError

__all__ = [
    "CLOCK_LEEWAY",
    "CONCURRENCY",
    "Answer",
    "Credentials",
    "Page",
    "Place",
    "Row",
    "Shop",
    "ShopError",
    "Unread",
    "envelope",
    "from_trash",
    "has_id",
    "namespaces",
    "refunds_of",
    "shown_text",
    "unexpected_as_shop_error",
]

log = get_logger(__name__)

Row: TypeAlias = dict[str, Any]
T = TypeVar("T")

CONCURRENCY = 2
CLOCK_LEEWAY = 300.0
"""Seconds by which the shop's clock may be off before it is said. OAuth's own limit is 15 minutes."""
GONE = "woocommerce_rest_shop_order_invalid_id"
"""What WooCommerce answers for an order that was deleted for good, with status 404."""
PRODUCT_GONE = frozenset({"woocommerce_rest_product_invalid_id", "woocommerce_rest_product_variation_invalid_id"})
"""The same for a product or variation."""

_CLOCKS_AGREE = 2.0
"""The shop's clock is known to a second, so less than this is no difference."""
_PAGE = 100
_SMALLEST_PAGE = 2
_OVERLAP = 5
_ATTEMPTS = 5
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 120.0
_PATIENCE = 180.0
"""Seconds after which a request that keeps failing is not made again."""
_CREDIBLE_CLOCK = 86_400.0
"""A shop's clock that is off by more seconds than these is not reckoned with."""
_MOST_VALUES = 1_000_000
"""In one answer: a small one that is nothing but `[],[],[]` would need a hundred times its size."""
_MOST_ROWS = 10_000_000
"""Of one collection. A shop that lists more is making them up."""
_FRUITLESS, _EMPTY = 20, 3
"""So many pages in a row without a row not seen before end the reading, and so many where the last one has no usable
row at all, however many rows the shop says there are."""
_MOST_HIDDEN = 200
"""So many variations of one product that the shop names and does not list are asked for one by one."""
_LONGEST_TEXT = 200
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_SIZE_DEPENDENT = frozenset({"timeout", "server_error", "not_json", "cut_off", "too_large"})
"""What asking for less at once may cure: a shop that runs out of time or memory over a hundred orders."""
_SHOP_FAILS = _SIZE_DEPENDENT | {"refused", "dns", "tls", "too_many_requests"}
_FAILURES_IN_A_ROW = 4
"""So many rows in a row that each fail: it is the shop that fails, rather than some of its rows."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach a shop. `auth` is `basic` or `oauth`."""

    url: str
    consumer_key: str
    consumer_secret: str
    auth: str

    def __repr__(self) -> str:
        return f"Credentials({self.url!r}, auth={self.auth!r})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the shop answered: the JSON, the rows there are in all (None: it did not say), and by how many seconds its
    clock is ahead."""

    data: Any
    total: int | None
    clock: float | None


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
    """Rows not seen before, the place after them, and what could not be read of them or between them."""

    rows: list[Row]
    after: Place
    unread: tuple[Unread, ...] = ()


class Shop:
    """A shop's REST API. Use it as a context manager; `attempts` is how often a failing request is made, `timeout` how
    many seconds it may take to connect and as a whole, `within` how many seconds may pass until the last request."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        attempts: int = _ATTEMPTS,
        timeout: tuple[float, float] = TIMEOUT,
        within: float = float("inf"),
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.credentials = credentials
        self._attempts = attempts
        self._ends_at = time.monotonic() + within
        self._sleep = sleep
        self._client = Client(_auth(credentials), timeout)
        self._clock = 0.0
        self._failures = 0
        self._pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="pos-shop")

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def time(self) -> datetime:
        """The shop's present time, as far as its latest answer tells: its orders are older or newer by that clock."""
        return now() + (timedelta(seconds=self._clock) if abs(self._clock) > _CLOCKS_AGREE else timedelta())

    # --- what a shop has --------------------------------------------------------------------------------------

    def orders(self, start: Place | None = None, **filters: Any) -> Iterator[Page]:
        """Orders by ascending id, drafts and trash excepted, with their refunds' lines; `filters` are the API's."""
        for page in self.rows("orders", start, **filters):
            rows, unread = self.with_refund_lines(page.rows)
            yield replace(page, rows=rows, unread=(*page.unread, *unread))

    def with_refund_lines(self, orders: list[Row]) -> tuple[list[Row], list[Unread]]:
        """These orders with `refunds` as `/orders/<id>/refunds` gives them: with lines, which the order itself does not
        show; and the orders whose refunds could not be read, which stay as they are."""
        read = list(self._pool.map(self._with_refund_lines, orders))
        return [row for row, _ in read], [unread for _, unread in read if unread]

    def _with_refund_lines(self, order: Row) -> tuple[Row, Unread | None]:
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
        return {**order, "refunds": [found.get(_id_of(refund), refund) for refund in order["refunds"]]}, unread

    def _refunds(self, order_id: int) -> dict[int, Row]:
        """An order's refunds by id."""
        refunds: dict[int, Row] = {}
        for page in self.rows(f"orders/{order_id}/refunds"):
            refunds |= {row["id"]: row for row in page.rows if has_id(row)}
        return refunds

    def order(self, order_id: int) -> tuple[Row | None, Unread | None]:
        """One order with its refunds' lines, None when WooCommerce says that there is none (deleted for good); and what
        could not be read of it."""
        order, unread = self._or_unread(
            f"order {order_id}", lambda: self._one("orders", order_id, frozenset({GONE})), None
        )
        return self._with_refund_lines(order) if order else (None, unread)

    def products(self, start: Place | None = None, **filters: Any) -> Iterator[Page]:
        """Products by ascending id, each followed by its variations."""
        for page in self.rows("products", start, **filters):
            rows: list[Row] = []
            unread = list(page.unread)
            for product, (variations, missed) in zip(
                page.rows, self._pool.map(self._variations, page.rows), strict=True
            ):
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
        listed = {_id_of(variation) for variation in found}
        named = product["variations"] if isinstance(product["variations"], list) else []
        hidden = [each for each in dict.fromkeys(filter(is_id, named)) if each not in listed]
        if len(hidden) > _MOST_HIDDEN:
            return found, [Unread(what, f"The shop names {len(hidden):,} more than it lists.", len(hidden))]
        looked_up = [self.product(each) for each in hidden] if hidden else []
        more = [row for row, _ in looked_up if row is not None and row.get("status") != "trash"]
        return [*found, *more], [missed for _, missed in looked_up if missed]

    def _listed_variations(self, product: Row) -> list[Row]:
        try:
            pages = list(self.rows(f"products/{product['id']}/variations"))
        except ShopError as error:
            if error.http_status == 404 and error.wc_code in PRODUCT_GONE:
                return []  # the product was deleted meanwhile
            raise
        if unread := [each for page in pages for each in page.unread]:
            raise ShopError("incomplete", f"{unread[0].what}: {unread[0].cause}")
        return [_named_after(product, variation) for page in pages for variation in page.rows if has_id(variation)]

    def product(self, product_id: int) -> tuple[Row | None, Unread | None]:
        """One product or variation, None when WooCommerce says that there is none (deleted for good); or why it could
        not be read."""
        return self._or_unread(f"product {product_id}", lambda: self._one("products", product_id, PRODUCT_GONE), None)

    def each_product(self, product_ids: list[int]) -> list[tuple[Row | None, Unread | None]]:
        """These products or variations, in order, as `product` gives them."""
        return list(self._pool.map(self.product, product_ids))

    def _one(self, path: str, number: int, gone: frozenset[str]) -> Row | None:
        try:
            row = self.get(f"{path}/{number}").data
        except ShopError as error:
            if error.http_status == 404 and error.wc_code in gone:
                return None
            raise
        if not has_id(row) or row["id"] != number:
            raise ShopError("not_woocommerce", f"Asked for {path}/{number}, the shop answered something else.")
        return dict(row)

    def _or_unread(self, what: str, read: Callable[[], T], otherwise: T) -> tuple[T, Unread | None]:
        """What `read` gives; where the shop can't tell it, `otherwise` and why: one row that fails does not hide the
        others. Raises ShopError when row after row fails, for then the shop does."""
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

    # --- reading ----------------------------------------------------------------------------------------------

    def last_order_id(self) -> int:
        """The highest id of its orders: it counts them up. 0 where there is none. Raises ShopError."""
        rows = self._page("orders", 0, 1, {"orderby": "id", "order": "desc"}).data
        return _id_of(rows[0]) if rows else 0

    def count(self, path: str, **filters: Any) -> int:
        """How many rows there are."""
        return self.get(path, per_page=1, **filters).total or 0

    def rows(self, path: str, start: Place | None = None, **filters: Any) -> Iterator[Page]:
        """Every row of a collection by ascending id, a page at a time.

        Rows that are deleted while it is being read move those after them up: each page therefore begins with a few
        rows of the one before, and where it does not, something has moved, and it is read from further up. Where a
        page can't be had, a smaller one is asked for, and what the shop can't even tell alone is passed over and named.
        A shop that gives fewer rows at once than it is asked for is read in steps of what it gives. Reading ends where
        the shop gives nothing new any more; what it says it has besides is named. Raises ShopError, also where it gives
        the same rows over again, or rows without end.
        """
        place, size, step, most, first_id = start or Place(), _PAGE, 0, _PAGE, 0
        given = fruitless = 0
        passed: tuple[Unread, ...] = ()
        while True:
            try:
                answer = self._page(path, place.offset, size, filters)
            except ShopError as error:
                if error.cause not in _SIZE_DEPENDENT:
                    raise
                if size > _SMALLEST_PAGE:
                    size = max(size // 4, _SMALLEST_PAGE)
                    continue
                if passed or not place.last_id:  # twice in a row, or at once: it is not one row's fault
                    raise
                passed = (Unread(f"up to {size} rows of {path} after id {place.last_id}", error.message, size),)
                place = Place(place.offset + size, place.last_id)
                continue
            ids = _ids_in_order(path, answer.data)
            if ids and place.offset and ids[0] > place.last_id and not passed:
                step = step * 2 or _OVERLAP
                place = Place(max(place.offset - step, 0), place.last_id)
                continue
            if ids and ids[0] == first_id and ids[-1] <= place.last_id:
                raise ShopError("repeats", f"Whatever page of {path} is asked for, the shop answers with the same one.")
            fresh = [row for row in answer.data if not has_id(row) or row["id"] > place.last_id]
            if (given := given + len(fresh)) > _MOST_ROWS:
                raise ShopError("endless", f"The shop lists more than {_MOST_ROWS:,} rows of {path}.")
            fruitless = 0 if ids and ids[-1] > place.last_id else fruitless + 1
            if (covered := self._covered(path, place, size, answer, filters)) < size:
                size, most = covered, _PAGE if answer.total is None else covered
            done = place.offset + size >= answer.total if answer.total is not None else fruitless > 0
            after = Place(place.offset + size - min(_OVERLAP, size - 1), max([place.last_id, *ids]))
            ended = fruitless >= (_FRUITLESS if ids else _EMPTY)
            yield Page(fresh, after, passed + _withheld(path, place, None if ended else size, answer))
            if done or ended:
                return
            place, size, step, passed = after, min(size * 2, most), 0, ()
            first_id = ids[0] if ids else 0

    def _covered(self, path: str, place: Place, size: int, answer: Answer, filters: Document) -> int:
        """How many rows an answer covers: as many as were asked for, also where the shop withholds some of them; or,
        where it gives fewer at once than it is asked for, as many as it gave. The row after those shows which it is."""
        given = len(answer.data)
        if answer.total is None or not given:
            return given or size
        if given >= min(size, answer.total - place.offset):
            return size
        try:
            following = self._page(path, place.offset + given, 1, filters).data
        except ShopError as error:
            if error.cause not in _SIZE_DEPENDENT:
                raise
            return size
        is_new = any(has_id(row) and row["id"] > max(map(_id_of, answer.data)) for row in following)
        return given if is_new else size

    def _page(self, path: str, offset: int, size: int, filters: Document) -> Answer:
        answer = self.get(path, **{"per_page": size, "offset": offset, "orderby": "id", "order": "asc", **filters})
        if not isinstance(answer.data, list):
            raise ShopError("not_woocommerce", f"The shop answered no list of {path}.")
        if answer.total is not None and answer.total < offset + sum(map(has_id, answer.data)):
            return replace(answer, total=None)  # it gives more than it says it has
        return answer

    def get(self, path: str, **params: Any) -> Answer:
        """GET `wc/v3/<path>`. Raises ShopError."""
        return self._request("GET", path, params)

    def put(self, path: str, body: Document) -> Answer:
        """PUT `wc/v3/<path>`. Raises ShopError."""
        return self._request("PUT", path, {}, body)

    def _request(self, method: str, path: str, params: Document, body: Document | None = None) -> Answer:
        started_at = time.monotonic()
        for attempt in range(1, self._attempts + 1):
            wait = 0.0
            try:
                reply = self._send(method, path, params, body)
                if reply.status not in _BUSY:
                    answer = _answer(reply)
                    clock = answer.clock or 0.0
                    self._clock = clock if abs(clock) <= _CREDIBLE_CLOCK else 0.0
                    return answer
                problem = _busy(reply)
                wait = _retry_after(reply)
            except ShopError as error:
                problem = self._without_secrets(error)
                if error.cause not in ("timeout", "cut_off", "not_json", "refused"):
                    raise problem from None
            if wait > _LONGEST_PAUSE or attempt == self._attempts or time.monotonic() - started_at > _PATIENCE:
                break
            self._sleep(max(wait, _FIRST_PAUSE * 2 ** (attempt - 1)) * random.uniform(1, 1.5))  # noqa: S311 - jitter
        raise problem

    def _send(self, method: str, path: str, params: Document, body: Document | None) -> Reply:
        if time.monotonic() > self._ends_at:
            raise ShopError("too_slow", "The shop answers too slowly to be read in the time there is.")
        url = f"{self.credentials.url.rstrip('/')}/wp-json/wc/v3/{path}"
        return self._client.request(method, url, {name: _text(value) for name, value in params.items()}, body)

    def _without_secrets(self, error: ShopError) -> ShopError:
        """The error without the key pair: a shop may repeat in its message what it was sent."""
        pair = (self.credentials.consumer_key, self.credentials.consumer_secret)
        message = error.message
        for secret in (base64.b64encode(":".join(pair).encode()).decode(), *reversed(pair)):
            message = message.replace(secret, "…") if secret else message
        return ShopError(error.cause, message, http_status=error.http_status, wc_code=error.wc_code)


@contextmanager
def unexpected_as_shop_error() -> Iterator[None]:
    """An error that nobody expected while a shop was read becomes a ShopError: the shop can't be read, and the log says
    where. Our own errors and those of the database stay what they are."""
    try:
        yield
    except (PosError, ConfigError, PyMongoError):
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        log.error(
            "a shop's answer was not understood",
            error=type(error).__name__,
            where=f"{os.path.basename(where.filename)}:{where.lineno}",
        )
        message = (
            "Something in the shop's answers was not understood, so it was not read to the end; the log says where."
        )
        raise ShopError("not_understood", message) from None


def namespaces(url: str) -> frozenset[str]:
    """The APIs that a WordPress has, asked for by `?rest_route=`, which works without permalinks; none where it is no
    WordPress. WooCommerce takes no key there (`WC_REST_Authentication::is_request_to_rest_api` looks for `wp-json/wc/`
    in the address)."""
    client = Client(_NoAuth())
    try:
        index = _json(client.request("GET", f"{url}/", {"rest_route": "/"}))
    except ShopError:
        return frozenset()
    finally:
        client.close()
    found = index.get("namespaces") if isinstance(index, dict) else None
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


class _NoAuth(AuthBase):
    """Nothing is sent, no password of a `.netrc` either."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


def _auth(credentials: Credentials) -> AuthBase:
    if credentials.auth == "basic":
        return HTTPBasicAuth(credentials.consumer_key, credentials.consumer_secret)
    return OAuth1(
        credentials.consumer_key,
        client_secret=credentials.consumer_secret,
        signature_method="HMAC-SHA256",
        signature_type="query",
    )


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def has_id(row: Any) -> bool:
    """Whether it is an object of the shop, rather than an error among them: its id is a whole number from 1 on that a
    database can hold."""
    return isinstance(row, dict) and is_id(row.get("id"))


def is_id(value: Any) -> bool:
    """Whether it is a number that WordPress could give to a post."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= INT64_MAX


def shown_text(value: Any, most: int = _LONGEST_TEXT) -> str:
    """Text or a number of the shop as it may be shown and stored, at most `most` characters; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return visible(str(value))[:most]


def _id_of(row: Any) -> int:
    return int(row["id"]) if has_id(row) else 0


def _ids_in_order(path: str, rows: list[Any]) -> list[int]:
    """The ids of these rows. Raises ShopError where they do not ascend."""
    ids = [row["id"] for row in rows if has_id(row)]
    if ids != sorted(ids):
        raise ShopError("not_sorted", f"The shop does not list {path} by id as asked; a plugin changes the order.")
    return ids


def refunds_of(order: Row) -> list[Row]:
    """The refunds that an order names, as far as they have ids."""
    refunds = order.get("refunds") if isinstance(order, dict) else None
    return [refund for refund in refunds if has_id(refund)] if isinstance(refunds, list) else []


def _withheld(path: str, place: Place, size: int | None, answer: Answer) -> tuple[Unread, ...]:
    """Rows that the shop counts and does not list, of `size` or of all that follow: it can't load them, or the key's
    user may not see them."""
    there = max((answer.total or 0) - place.offset, 0)
    there = there if size is None else min(size, there)
    if (lacking := there - len(answer.data)) <= 0:
        return ()
    what = f"{lacking:,} rows of {path} after id {place.last_id}"
    return (Unread(what, "The shop counts them and does not list them; the key's user may not see them.", lacking),)


def _named_after(product: Row, variation: Row) -> Row:
    """A variation as `/products/<variation>` gives it: named after its product, and knowing it. WooCommerce leaves out
    the attributes where there are three, or several of which one has a name of two words
    (`WC_Product_Variation_Data_Store_CPT::generate_product_title`)."""
    given = variation.get("attributes")
    attributes = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    options = ", ".join(str(each.get("option", "")) for each in attributes)
    of_two_words = any(set(" -") & set(str(each.get("name", ""))) for each in attributes)
    if len(attributes) > 2 or (len(attributes) > 1 and of_two_words):
        options = ""
    name = f"{product.get('name', '')} - {options}" if options else str(product.get("name", ""))
    return {**variation, "name": name, "parent_id": product["id"]}


_HERE = "at this address; is it the shop's address, with its folder if it has one?"


# --- what is wrong ------------------------------------------------------------------------------------------------


def _answer(reply: Reply) -> Answer:
    if 300 <= reply.status < 400:
        raise ShopError("redirect", _redirect(reply), http_status=reply.status)
    data = _json(reply)
    if reply.status >= 400:
        raise _refusal(reply.status, data)
    return Answer(data, _number_in_header(reply.headers.get("X-WP-Total", "")), clock_ahead(reply))


def _json(reply: Reply) -> Any:
    """The JSON of an answer, or which answer it is instead: ShopError."""
    status, body = reply.status, reply.body.removeprefix(b"\xef\xbb\xbf").strip()
    if sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ShopError("too_large", f"The shop's answer holds more than {_MOST_VALUES:,} values.", http_status=status)
    problem = ""
    try:
        return json_body.parse(body, any_text=True)
    except BadRequest as error:
        problem = error.message
    if status == 404:
        raise ShopError("no_rest_api", f"There is no WordPress with a REST API {_HERE}", http_status=status)
    if status in (401, 403):
        raise ShopError("firewall", f"Something before WordPress refuses (HTTP {status}, no JSON).", http_status=status)
    if body[:1] in (b"{", b"["):
        if body[-1:] not in (b"}", b"]"):
            raise ShopError("cut_off", "The shop's answer broke off in the middle.", http_status=status)
        raise ShopError("not_json", f"The shop's answer can't be used. {problem}", http_status=status)
    raise ShopError(
        "not_json",
        f"The shop answered a page instead of JSON (HTTP {status}): a firewall, maintenance mode, PHP errors shown, or "
        "no WordPress at all.",
        http_status=status,
    )


def _redirect(reply: Reply) -> str:
    try:
        target = urlsplit(reply.headers.get("Location", ""))
    except ValueError:
        return "The shop redirects to what is no address; the key is not sent there."
    address = f"{target.scheme}://{target.netloc}{target.path.split('/wp-json')[0]}" if target.netloc else target.path
    shown = shown_text(address) or "nowhere"
    return f"The shop redirects to {shown}; the key is not sent there. Connect with that address."


def _refusal(status: int, data: Any) -> ShopError:
    code = shown_text(data.get("code")) if isinstance(data, dict) else ""
    text = shown_text(data.get("message")) if isinstance(data, dict) else ""
    if not code:  # WordPress always says which error it is
        if status in (401, 403):
            message = (
                f"Something refuses (HTTP {status}) that is no WordPress: a firewall before it, or another address."
            )
            return ShopError("firewall", message, http_status=status)
        message = f"Something answers HTTP {status}, but it is no WordPress {_HERE}"
        return ShopError("no_wordpress", message, http_status=status)
    if status in (401, 403):
        cause, message = "unauthorized", f"The shop does not take the key: {text or status}"
        if "timestamp" in text.lower():
            cause, message = "clock", "The shop does not take the time of the request: a clock is wrong."
        elif code == "woocommerce_rest_cannot_view":
            message = "The key is wrong, or its user may not read orders (woocommerce_rest_cannot_view)."
        elif code == "woocommerce_rest_cannot_edit" or "write permissions" in text:
            cause, message = "read_only", "The key may read, but not write."
        return ShopError(cause, message, http_status=status, wc_code=code)
    if code == "rest_no_route":
        return ShopError(
            "no_woocommerce",
            "WordPress answers, but WooCommerce's API is not there: WooCommerce is not active, or a plugin blocks "
            "wc/v3.",
            http_status=404,
            wc_code=code,
        )
    return ShopError("refused_request", f"HTTP {status} {code}: {text}", http_status=status, wc_code=code)


def _busy(reply: Reply) -> ShopError:
    if reply.status == 429:
        return ShopError("too_many_requests", "The shop asks for fewer requests (429).", http_status=429)
    return ShopError(
        "server_error",
        f"The shop answers HTTP {reply.status}: PHP ran out of time or memory, or a plugin fails; see its log.",
        http_status=reply.status,
    )


def _number_in_header(text: str) -> int | None:
    """The number that a header gives in plain digits; None for anything else, also for other scripts' digits and `²`,
    which `str.isdigit` takes."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _retry_after(reply: Reply) -> float:
    value = reply.headers.get("Retry-After", "")
    if (seconds := _number_in_header(value)) is not None:
        return float(seconds)
    moment = _http_date(value)
    return max((moment - now()).total_seconds(), 0.0) if moment else 0.0


def clock_ahead(reply: Reply) -> float | None:
    """By how many seconds the shop's clock is ahead of ours; None where it does not give the time."""
    moment = _http_date(reply.headers.get("Date", ""))
    return (moment - now()).total_seconds() if moment else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text[:64])
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


# --- events -------------------------------------------------------------------------------------------------------


def envelope(
    event: str, data: Any, *, opening: bool | None = None, replaces: int | None = None, last_order_id: int | None = None
) -> bytes:
    """What was read, as the body of an event: the same reading gives the same bytes.

    `opening` says whether an order is from before, None where that is not known; `replaces` the rev of the stored order
    that it was compared with, or a product's time; `last_order_id` the shop's last order when a product's stock was
    read.
    """
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if name != "_links"}
    body: Document = {"event": event, "data": data}
    for name, value in (("opening", opening), ("replaces", replaces), ("last_order_id", last_order_id)):
        if value is not None:
            body[name] = value
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def from_trash(order: Row) -> Row:
    """What an order in the trash still tells: its lines and refunds, and the status it had before."""
    told: Row = {name: order[name] for name in ("id", "line_items", "refunds") if name in order}
    meta = order.get("meta_data")
    for each in meta if isinstance(meta, list) else ():
        if isinstance(each, dict) and each.get("key") == "_wp_trash_meta_status":
            told["status"] = each.get("value")
    return told
