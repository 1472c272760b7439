"""A shop's REST API (WooCommerce `wc/v3`), read politely: two requests at a time, patient with a shop that is slow,
busy or half broken, and clear about what is wrong with it.

Over https the key pair goes as Basic authentication; over http, and where a server drops that header, as OAuth 1.0a in
the query (WooCommerce's one-legged variant, `WC_REST_Authentication`), which never sends the secret.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests_oauthlib import OAuth1

from ..db import Document
from ..errors import PosError
from ..values import now

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
_TIMEOUT = (10, 60)
_ATTEMPTS = 5
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 120.0
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_SIZE_DEPENDENT = frozenset({"timeout", "server_error", "not_json", "cut_off"})
"""What asking for less at once may cure: a shop that runs out of time or memory over a hundred orders."""
_SHOP_FAILS = _SIZE_DEPENDENT | {"refused", "dns", "tls", "too_many_requests"}
_FAILURES_IN_A_ROW = 4
"""So many rows in a row that each fail: it is the shop that fails, rather than some of its rows."""


class ShopError(PosError):
    """The shop can't be read; `cause` is stable, the message says what it means and what to do."""

    status = 502
    code = "shop_unreadable"

    def __init__(self, cause: str, message: str, *, http_status: int = 0, wc_code: str = "") -> None:
        super().__init__(message, details={"cause": cause})
        self.cause = cause
        self.http_status = http_status
        self.wc_code = wc_code


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
    """A shop's REST API. Use it as a context manager; `attempts` is how often a failing request is made."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        attempts: int = _ATTEMPTS,
        timeout: tuple[float, float] = _TIMEOUT,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.credentials = credentials
        self._attempts = attempts
        self._timeout = timeout
        self._sleep = sleep
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._clock = 0.0
        self._failures = 0
        self._pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="pos-shop")

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        for session in self._sessions:
            session.close()

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
        what = f"the variations of product {product['id']} ({product.get('name') or 'no name'})"
        nothing: list[Row] = []
        found, unread = self._or_unread(what, lambda: self._listed_variations(product), nothing)
        if unread is not None:
            return [], [unread]
        listed = {_id_of(variation) for variation in found}
        named = product["variations"] if isinstance(product["variations"], list) else []
        hidden = [each for each in named if isinstance(each, int) and each and each not in listed]
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
        A shop that gives fewer rows at once than it is asked for is read in steps of what it gives. Raises ShopError,
        also where it gives the same rows over again.
        """
        place, size, step, most, first_id = start or Place(), _PAGE, 0, _PAGE, 0
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
            if (covered := self._covered(path, place, size, answer, filters)) < size:
                size, most = covered, _PAGE if answer.total is None else covered
            done = place.offset + size >= answer.total if answer.total is not None else not fresh
            after = Place(place.offset + size - min(_OVERLAP, size - 1), max([place.last_id, *ids]))
            yield Page(fresh, after, passed + _withheld(path, place, size, answer))
            if done:
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
        return answer

    def get(self, path: str, **params: Any) -> Answer:
        """GET `wc/v3/<path>`. Raises ShopError."""
        return self._request("GET", path, params)

    def put(self, path: str, body: Document) -> Answer:
        """PUT `wc/v3/<path>`. Raises ShopError."""
        return self._request("PUT", path, {}, body)

    def _request(self, method: str, path: str, params: Document, body: Document | None = None) -> Answer:
        for attempt in range(1, self._attempts + 1):
            wait = 0.0
            try:
                response = self._send(method, path, params, body)
                if response.status_code not in _BUSY:
                    answer = _answer(response)
                    self._clock = answer.clock or 0.0
                    return answer
                problem = _busy(response)
                wait = _retry_after(response)
            except ShopError as error:
                if error.cause not in ("timeout", "cut_off", "not_json", "refused"):
                    raise
                problem = error
            if wait > _LONGEST_PAUSE or attempt == self._attempts:
                break
            self._sleep(max(wait, _FIRST_PAUSE * 2 ** (attempt - 1)) * random.uniform(1, 1.5))  # noqa: S311 - jitter
        raise problem

    def _send(self, method: str, path: str, params: Document, body: Document | None) -> requests.Response:
        base = self.credentials.url.rstrip("/")
        query = {name: _text(value) for name, value in params.items()}
        try:
            return self._session().request(
                method,
                f"{base}/wp-json/wc/v3/{path}",
                params=query,
                json=body,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _unreachable(error, urlsplit(base).hostname or base) from None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.auth = _auth(self.credentials)
            session.headers["User-Agent"] = "WooCommerce-POS-Sync"
            session.headers["Accept"] = "application/json"
            session.headers["Cache-Control"] = "no-cache"  # a cache in between may not answer with what was before
            self._sessions.append(session)
        return session


def namespaces(url: str) -> frozenset[str]:
    """The APIs that a WordPress has, asked for by `?rest_route=`, which works without permalinks; none where it is no
    WordPress. WooCommerce takes no key there (`WC_REST_Authentication::is_request_to_rest_api` looks for `wp-json/wc/`
    in the address)."""
    try:
        response = requests.get(f"{url}/", params={"rest_route": "/"}, timeout=_TIMEOUT, allow_redirects=False)
        index = response.json()
    except (requests.RequestException, ValueError):
        return frozenset()
    found = index.get("namespaces") if isinstance(index, dict) else None
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


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
    """Whether it is an object of the shop, rather than an error among them."""
    return isinstance(row, dict) and isinstance(row.get("id"), int)


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


def _withheld(path: str, place: Place, size: int, answer: Answer) -> tuple[Unread, ...]:
    """Rows that the shop counts and does not list: it can't load them, or the key's user may not see them."""
    there = 0 if answer.total is None else min(size, max(answer.total - place.offset, 0))
    if (lacking := there - len(answer.data)) <= 0:
        return ()
    what = f"{lacking} rows of {path} after id {place.last_id}"
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


def _answer(response: requests.Response) -> Answer:
    status = response.status_code
    if 300 <= status < 400:
        raise ShopError("redirect", _redirect(response), http_status=status)
    data = _json(response)
    if status >= 400:
        raise _refusal(status, data)
    total = response.headers.get("X-WP-Total", "")
    return Answer(data, int(total) if total.isdigit() else None, clock_ahead(response))


def _json(response: requests.Response) -> Any:
    status = response.status_code
    try:
        return json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        pass
    start = response.content.lstrip()[:1]
    if status == 404:
        raise ShopError("no_rest_api", f"There is no WordPress with a REST API {_HERE}", http_status=status)
    if status in (401, 403):
        raise ShopError("firewall", f"Something before WordPress refuses (HTTP {status}, no JSON).", http_status=status)
    if start in (b"{", b"["):
        raise ShopError("cut_off", "The shop's answer broke off in the middle.", http_status=status)
    raise ShopError(
        "not_json",
        f"The shop answered a page instead of JSON (HTTP {status}): a firewall, maintenance mode, PHP errors shown, or "
        "no WordPress at all.",
        http_status=status,
    )


def _redirect(response: requests.Response) -> str:
    target = urlsplit(response.headers.get("Location", ""))
    address = f"{target.scheme}://{target.netloc}{target.path.split('/wp-json')[0]}" if target.netloc else target.path
    return f"The shop redirects to {address or 'nowhere'}; the key is not sent there. Connect with that address."


def _refusal(status: int, data: Any) -> ShopError:
    code = str(data.get("code", "")) if isinstance(data, dict) else ""
    said = str(data.get("message", ""))[:200] if isinstance(data, dict) else ""
    if not code:  # WordPress always says which error it is
        if status in (401, 403):
            message = (
                f"Something refuses (HTTP {status}) that is no WordPress: a firewall before it, or another address."
            )
            return ShopError("firewall", message, http_status=status)
        message = f"Something answers HTTP {status}, but it is no WordPress {_HERE}"
        return ShopError("no_wordpress", message, http_status=status)
    if status in (401, 403):
        cause, message = "unauthorized", f"The shop does not take the key: {said or status}"
        if "timestamp" in said.lower():
            cause, message = "clock", "The shop does not take the time of the request: a clock is wrong."
        elif code == "woocommerce_rest_cannot_view":
            message = "The key is wrong, or its user may not read orders (woocommerce_rest_cannot_view)."
        elif code == "woocommerce_rest_cannot_edit" or "write permissions" in said:
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
    return ShopError("refused_request", f"HTTP {status} {code}: {said}", http_status=status, wc_code=code)


def _busy(response: requests.Response) -> ShopError:
    if response.status_code == 429:
        return ShopError("too_many_requests", "The shop asks for fewer requests (429).", http_status=429)
    return ShopError(
        "server_error",
        f"The shop answers HTTP {response.status_code}: PHP ran out of time or memory, or a plugin fails; see its log.",
        http_status=response.status_code,
    )


def _retry_after(response: requests.Response) -> float:
    value = response.headers.get("Retry-After", "")
    if value.isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - now()).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def clock_ahead(response: requests.Response) -> float | None:
    """By how many seconds the shop's clock is ahead of ours; None where it does not tell the time."""
    try:
        return (parsedate_to_datetime(response.headers["Date"]) - now()).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None


def _unreachable(error: requests.RequestException, host: str) -> ShopError:
    """What failed, without the request's address: it may hold a signature."""
    reasons = list(_chain(error))
    for reason in reasons:
        if isinstance(reason, ssl.SSLError):
            return ShopError("tls", f"No safe connection to {host}: {_tls_problem(reason)}.")
        if isinstance(reason, socket.gaierror):
            return ShopError("dns", f"There is no host {host}.")
        if isinstance(reason, ConnectionRefusedError):
            return ShopError("refused", f"{host} refuses the connection: nothing listens there.")
    if isinstance(error, requests.Timeout) or any(isinstance(each, TimeoutError) for each in reasons):
        return ShopError("timeout", f"{host} did not answer in time.")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return ShopError("address", f"{host} is no address of a shop.")
    return ShopError("cut_off", f"The connection to {host} broke off.")


def _tls_problem(error: ssl.SSLError) -> str:
    """A certificate that nobody vouches for, in OpenSSL's words; a server that speaks no TLS, in ours."""
    if detail := getattr(error, "verify_message", ""):
        return f"its certificate is not accepted ({detail})"
    reason = str(getattr(error, "reason", "") or "")
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        return "it speaks no TLS there; is the address http://?"
    return reason.replace("_", " ").lower() or "it speaks no TLS there"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception with all that it is made of; urllib3 hides the cause in `reason` and in the arguments."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]


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
