"""A shop's REST API on a real socket, for tests: WooCommerce's answers as recorded, its filters and its way of checking
signatures, and every fault that a shop can have."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeAlias
from urllib.parse import quote

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.processing import ingest, recurring_jobs
from pos_api.processing.comparison_threads import ComparisonThreads
from pos_api.processing.recurring_jobs import Schedule
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.reconcile.comparison import Options
from pos_api.senders.woocommerce.reconcile.model import ReportShown
from pos_api.senders.woocommerce.reconcile.report import Report
from pos_api.senders.woocommerce.reconcile.run import last_report, reconcile
from pos_api.senders.woocommerce.rest.reader import RestReader

Fault: TypeAlias = Callable[[Request], Response | None]
Tampering: TypeAlias = Callable[[str, Any], Any]
"""What becomes of an answer's data, from its path below `wc/v3` and the data."""

KEY, SECRET = "ck_test", "cs_test"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HTML = "<!DOCTYPE html><title>Just a moment…</title>"


def product(number: int, sku: str, stock: float | None, **more: Any) -> dict[str, Any]:
    """A product as REST v3 tells it; no `stock` is none that the shop manages."""
    return {
        "id": number,
        "name": f"Product {number}",
        "type": "simple",
        "sku": sku,
        "price": "10.00",
        "manage_stock": stock is not None,
        "stock_quantity": stock,
        "date_created_gmt": "2024-01-01T00:00:00",
        "date_modified_gmt": "2024-01-01T00:00:00",
        **more,
    }


def order(number: int, sku: str = "A", quantity: int = 1, **more: Any) -> dict[str, Any]:
    """A paid order of some units, which the shop has taken from its stock."""
    meta = [{"id": 1, "key": "_reduced_stock", "value": str(quantity)}]
    line = {"id": number * 10, "product_id": 1, "variation_id": 0, "name": "A", "sku": sku, "quantity": quantity}
    return {
        "id": number,
        "number": str(number),
        "status": "processing",
        "currency": "SEK",
        "total": "10.00",
        "date_created_gmt": "2026-10-01T10:00:00",
        "date_modified_gmt": "2026-10-01T10:00:00",
        "billing": {"email": f"buyer{number % 7}@shop.example", "first_name": "Åsa"},
        "line_items": [{**line, "total": "10.00", "meta_data": meta}],
        "refunds": [],
        **more,
    }


class FakeShop:
    """What the shop has, by id, and how it fails. `requests` are the paths asked for; `received` the movements of stock
    that its plugin was sent, by id; `stock_outcomes` are what becomes of them, by SKU, where it is not `applied`."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        self.refunds: dict[int, list[dict[str, Any]]] = {}
        self.products: dict[int, dict[str, Any]] = {}
        self.variations: dict[int, list[dict[str, Any]]] = {}
        self.customers: dict[int, dict[str, Any]] = {}
        self.webhooks: dict[int, dict[str, Any]] = {}
        self.plugins: list[dict[str, Any]] = [{"plugin": "woocommerce-pos-sync/woocommerce-pos-sync.php"}]
        self.faults: list[Fault] = []
        self.tampering: list[Tampering] = []
        self.requests: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.url = ""
        self.clock = timedelta()
        self.most_at_a_time = 1000
        self.ignored: tuple[str, ...] = ()
        self.headers: list[Any] = []
        self.plugin = "1.1.0"
        self.received: dict[str, dict[str, Any]] = {}
        self.stock_outcomes: dict[str, str] = {}
        self._lock = threading.Lock()

    # --- what tests do with it --------------------------------------------------------------------------------

    def put_order(self, order: dict[str, Any], refunds: list[dict[str, Any]] | None = None) -> None:
        """The order as it is now."""
        self.orders[order["id"]] = copy.deepcopy(order)
        self.refunds[order["id"]] = copy.deepcopy(refunds or [])

    def fail(self, times: int, answer: Response, path: str = "") -> None:
        """Answer so the next `times` requests whose path holds `path`."""
        left = [times]

        def fault(request: Request) -> Response | None:
            if left[0] and path in request.path:
                left[0] -= 1
                return answer
            return None

        self.faults.append(fault)

    # --- the server -------------------------------------------------------------------------------------------

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        with self._lock:
            self.headers.append(request.headers)
            self.requests.append(request.path)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            response = self._respond(request)
        finally:
            with self._lock:
                self.at_once -= 1
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        for fault in self.faults:
            if (failure := fault(request)) is not None:
                return failure
        if request.args.get("rest_route") == "/":
            return answer({"name": "Shop", "namespaces": ["wp/v2", "wc/v3"]})
        route = request.path.removeprefix("/wp-json")
        if route.startswith("/pos-sync/v1/stock") and self.plugin:
            with self._lock:
                return self._stock(request, route.removeprefix("/pos-sync/v1/stock"))
        if route.startswith("/pos-sync/"):
            return error(404, "rest_no_route", "No route was found matching the URL and request method.")
        if not route.startswith("/wc/v3/"):
            return Response(HTML, 404, content_type="text/html")
        if (refused := _refusal(request, self.url)) is not None:
            return refused
        path = route.removeprefix("/wc/v3/")
        with self._lock:
            response = self._route(request, path.split("/"))
        if "total" in self.ignored:
            response.headers.pop("X-WP-Total", None)
        if self.tampering and response.status_code == 200:
            data = response.get_json()
            for tamper in self.tampering:
                data = tamper(path, data)
            response.set_data(json.dumps(data))
        return response

    def _stock(self, request: Request, path: str) -> Response:
        """As the plugin takes stock, but for the signature; each movement once."""
        body = request.get_json()
        if path == "/movements":
            known = [self.received[each] for each in body["movements"] if each in self.received]
            return answer({"plugin": self.plugin, "items": known})
        return answer({"plugin": self.plugin, "items": [self._received(item) for item in body["items"]]})

    def _received(self, item: dict[str, Any]) -> dict[str, Any]:
        number, units = item["variation_id"] or item["product_id"], item["delta"]
        row = ({each["id"]: each for rows in self.variations.values() for each in rows} | self.products).get(number)
        if before := self.received.get(item["movement"]):
            again = "already" if before["outcome"] == "applied" else before["outcome"]
            return {**before, "outcome": again, "quantity": row["stock_quantity"] if row else None}
        outcome = self.stock_outcomes.get(item["sku"], "applied") if row else "unknown"
        if outcome == "applied" and row:
            row["stock_quantity"] += units
        if outcome == "retry":
            return {"movement": item["movement"], "outcome": outcome}
        noted = {"movement": item["movement"], "outcome": outcome, "delta": units}
        noted |= {"quantity": row["stock_quantity"] if row else None, "at": datetime.now(UTC).isoformat()}
        self.received[item["movement"]] = noted
        return noted

    def _route(self, request: Request, path: list[str]) -> Response:
        match path:
            case ["orders"]:
                orders = [o for o in self.orders.values() if o["status"] != "trash"]
                return _list(request, orders, self.most_at_a_time, self.ignored)
            case ["orders", order_id]:
                return _one(self.orders.get(int(order_id)), "shop_order")
            case ["orders", order_id, "refunds"]:
                if int(order_id) not in self.orders:
                    return _one(None, "shop_order")
                return _list(request, self.refunds.get(int(order_id), []))
            case ["products"]:
                return _list(request, [p for p in self.products.values() if p.get("status") != "trash"])
            case ["products", product_id]:
                each = {row["id"]: row for rows in self.variations.values() for row in rows} | self.products
                return _one(each.get(int(product_id)), "product")
            case ["products", product_id, "variations"]:
                return _list(request, self.variations.get(int(product_id), []))
            case ["customers"]:
                return _list(request, list(self.customers.values()))
            case ["webhooks"]:
                return _list(request, list(self.webhooks.values()), ignored=("offset",))
            case ["webhooks", webhook_id]:
                self.webhooks[int(webhook_id)] |= request.get_json()
                return _one(self.webhooks[int(webhook_id)], "webhook")
            case ["system_status"]:
                return answer({"active_plugins": self.plugins, "inactive_plugins": []})
        return error(404, "rest_no_route", "No route was found matching the URL and request method.")


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(json.dumps(data), status, headers, content_type="application/json; charset=UTF-8")


def error(status: int, code: str, message: str = "") -> Response:
    """An error as WordPress puts it."""
    return answer({"code": code, "message": message, "data": {"status": status}}, status)


def html(status: int = 200) -> Response:
    """A page of a firewall, of maintenance, of PHP."""
    return Response(HTML, status, content_type="text/html")


def _one(row: dict[str, Any] | None, kind: str) -> Response:
    return answer(row) if row is not None else error(404, f"woocommerce_rest_{kind}_invalid_id", "Invalid ID.")


def _list(request: Request, rows: list[dict[str, Any]], most: int = 1000, ignored: tuple[str, ...] = ()) -> Response:
    """As `WC_REST_CRUD_Controller::get_items`: `after` and `before` are exclusive, `offset` wins over `page`; at most
    `most` rows at once, whatever is asked for, without these parameters."""
    asked = request.args
    for name, field, keep in (
        ("after", "date_created_gmt", lambda value, limit: value > limit),
        ("before", "date_created_gmt", lambda value, limit: value < limit),
        ("modified_after", "date_modified_gmt", lambda value, limit: value > limit),
        ("include", "id", lambda value, ids: str(value) in ids.split(",")),
    ):
        if name in asked:
            rows = [row for row in rows if keep(row[field], asked[name])]
    rows = sorted(rows, key=lambda row: row["id"], reverse=asked.get("order") != "asc")
    size = min(int(asked.get("per_page", 10)), most)
    offset = int(asked["offset"]) if "offset" in asked and "offset" not in ignored else 0
    offset = offset or (int(asked.get("page", 1)) - 1) * size
    total = {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(-(-len(rows) // size))}
    return answer(rows[offset : offset + size], headers=total)


def _refusal(request: Request, url: str) -> Response | None:
    """As `WC_REST_Authentication`: Basic over https, else OAuth 1.0a with HMAC-SHA256 in the query."""
    if request.is_secure and (given := request.authorization) is not None:
        right = (given.username, given.password) == (KEY, SECRET)
        return None if right else error(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
    asked = request.args.to_dict()
    signature = asked.pop("oauth_signature", None)
    if signature is None:
        return error(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
    if asked["oauth_consumer_key"] != KEY:
        return error(401, "woocommerce_rest_authentication_error", "Consumer key is invalid.")
    if abs(int(asked["oauth_timestamp"]) - datetime.now(UTC).timestamp()) > 900:
        return error(401, "woocommerce_rest_authentication_error", "Invalid timestamp.")
    pairs = sorted((quote(name, ""), quote(value, "")) for name, value in asked.items())
    query = quote("&".join(f"{name}={value}" for name, value in pairs), "")
    base = f"{request.method}&{quote(url + request.path, '')}&{query}"
    expected = base64.b64encode(hmac.digest(f"{SECRET}&".encode(), base.encode(), hashlib.sha256)).decode()
    if not hmac.compare_digest(expected, signature):
        return error(
            401, "woocommerce_rest_authentication_error", "Invalid signature - provided signature does not match."
        )
    return None


class _Handler(WSGIRequestHandler):
    def date_time_string(self, timestamp: float | None = None) -> str:
        shop = self.server.app
        assert isinstance(shop, FakeShop)
        return format_datetime(datetime.now(UTC) + shop.clock, usegmt=True)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def serving(shop: FakeShop, ssl_context: Any = None) -> Iterator[FakeShop]:
    """The shop, answering at `shop.url` until the end of the block."""
    server = make_server("127.0.0.1", 0, shop, threaded=True, request_handler=_Handler, ssl_context=ssl_context)
    scheme = "https" if ssl_context else "http"
    shop.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def connected(fake: FakeShop, db: Db, config: Config, **options: Any) -> Iterator[RestReader]:
    """The shop of the default store, connected and open to be read without pauses; `options` are RestClient's."""
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    with connection.open_shop(db, config, "default", sleep=lambda _: None, **options) as shop:
        yield shop


@pytest.fixture
def connected_shop(fake: FakeShop, db: Db, config: Config) -> Iterator[RestReader]:
    """The same as a fixture: a request that fails is not made again."""
    with connected(fake, db, config, attempts=1) as shop:
        yield shop


def compare(db: Db, config: Config, shop: RestReader, since: datetime = LONG_AGO, **options: Any) -> Report:
    """Compare the default store with its shop; `options` are those of a comparison."""
    return reconcile(db, config, shop, "default", ingest.ingest, Options(since, **options))


@contextmanager
def comparison_that_hangs(fake: FakeShop, db: Db, config: Config) -> Iterator[Schedule]:
    """A schedule that compares the connected shops, of which this one does not answer before the end of the block."""
    asked, released = threading.Event(), threading.Event()

    def hang(_: Request) -> None:
        asked.set()
        released.wait(30)

    fake.faults.append(hang)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recurring_jobs, "_LOOK_EVERY", 0.01)
        running = Schedule(db, config)
        running.start()
        try:
            assert asked.wait(30)
            yield running
        finally:
            running.stop()
            released.set()
            running.join(30)


def compare_due(db: Db, config: Config) -> list[Report]:
    """Compare the shops that are due and that nobody else is comparing; returns the reports that are kept of them."""
    comparing = ComparisonThreads(db, config)
    started = comparing.start_due()
    comparing.join(60)
    return [_report(last_report(db, name)) for name in started]


def _report(shown: ReportShown | None) -> Report:
    """The report that is shown so."""
    assert shown is not None
    names = {"senders": "webhooks", "silence": "outage"}
    return Report(**{names.get(name, name): value for name, value in shown.items() if name != "in_step"})  # type: ignore[arg-type]
