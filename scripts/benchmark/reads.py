"""What lists and figures cost as orders add up: the same reads over HTTP at several numbers of orders.

Each number gets a database of its own, which `--data` keeps for the next run, filled straight with orders of two years,
300 products and a customer for every three orders. Times are medians of whole requests (token, query, JSON), in one
process, without a network. The first look at the figures counts all orders, once.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from bson import Decimal128, Timestamp
from flask import Flask

from pos_api.app import create_app
from pos_api.collections import COLLECTIONS
from pos_api.common.text_search import contact_words
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.collections import ensure_indexes
from pos_api.figures import rollup
from pos_api.figures.collections import COLLECTIONS as FIGURES
from pos_api.orders.buckets import bucket_of
from pos_api.staff.token_claims import token
from pos_api.web.api import pages
from scripts.benchmark import lists
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import CONFIG, Mongod, mongod

DAYS = 730
PRODUCTS = 300
LAST = datetime(2026, 11, 22, 20, tzinfo=UTC)
REPEATS = 40
_WHOLE = "bench_filled"
"""The collection that a database has once all is in it."""
_DAYS_KEPT = 36_500
_STATUSES = {"completed": 86, "processing": 5, "cancelled": 4, "refunded": 2, "on-hold": 1, "failed": 1, "pending": 1}
_STOCK_RULES = {"pending": "reserved", "on-hold": "taken", "processing": "taken", "completed": "taken"}
_FIRST = ["Anna", "Erik", "Maria", "Lars", "Karin", "Anders", "Sara", "Johan", "Lena", "Per", "Eva", "Nils"]
_LAST = ["Andersson", "Johansson", "Karlsson", "Nilsson", "Eriksson", "Larsson", "Olsson", "Persson", "Öberg", "Ek"]


# --- orders -----------------------------------------------------------------------------------------------------------


def made_up_orders(number: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """So many orders as the service stores them, spread over two years, oldest first."""
    chance = random.Random(seed)  # noqa: S311 - the same orders every time
    popularity = [1 / (rank + 1) for rank in range(PRODUCTS)]
    statuses, weights = list(_STATUSES), list(_STATUSES.values())
    start, step = LAST - timedelta(days=DAYS), timedelta(days=DAYS) / number
    for n in range(1, number + 1):
        created_at = start + n * step
        products = chance.choices(range(PRODUCTS), popularity, k=chance.choice((1, 1, 2, 3, 5)))
        lines = [_line(position, product, chance.choice((1, 1, 1, 2, 4))) for position, product in enumerate(products)]
        status = chance.choices(statuses, weights)[0]
        buyer = chance.randrange(max(number // 3, 1))
        is_till = n % 10 == 0  # which has one customer for whoever walks in
        if is_till:
            status, buyer = "completed" if status != "cancelled" else status, 0 if n % 20 == 0 else buyer
        yield _order(n, "till" if is_till else "default", created_at.replace(microsecond=0), status, lines, buyer)


@lru_cache(maxsize=100_000)
def _money(cents: int) -> Decimal128:
    return Decimal128(f"{cents // 100}.{cents % 100:02d}")


def _line(position: int, product: int, quantity: int) -> dict[str, Any]:
    cents = (990 + 370 * product) * quantity
    return {
        "id": position + 1,
        "product_id": 100 + product,
        "variation_id": 0,
        "name": f"Product number {product}",
        "tax_class": "",
        "sku": f"SKU-{product}",
        "product": f"SKU-{product}",
        "quantity": quantity,
        "price": _money(990 + 370 * product),
        "subtotal": _money(cents),
        "subtotal_tax": _money(cents // 4),
        "total": _money(cents),
        "total_tax": _money(cents // 4),
        "reduced_stock": quantity,
        "cents": cents,
    }


def _order(
    n: int, store: str, created_at: datetime, status: str, lines: list[dict[str, Any]], buyer: int
) -> dict[str, Any]:
    cents = sum(line.pop("cents") for line in lines)
    tax, shipping, day = cents // 4, 4900, created_at.date().isoformat()
    first, last = _FIRST[buyer % len(_FIRST)], _LAST[buyer // len(_FIRST) % len(_LAST)]
    billing = {
        "first_name": first,
        "last_name": last,
        "company": "",
        "address_1": f"Storgatan {buyer % 90}",
        "address_2": "",
        "city": "Malmö",
        "state": "",
        "postcode": "21134",
        "country": "SE",
        "email": f"buyer{buyer}@example.se",
        "phone": f"070{buyer:07d}",
    }
    total = cents + tax + shipping
    refunds = [{"id": 10_000_000 + n, "amount": _money(total), "reason": ""}] if status == "refunded" else []
    return {
        "_id": f"{store}:{n}",
        "store": store,
        "order_id": n,
        "rev": 1,
        "stock_rule": _STOCK_RULES.get(status, "none"),
        "number": str(n),
        "status": status,
        "counts_as_sale": status not in ("pending", "failed", "cancelled"),
        "stage": status if status in ("completed", "cancelled", "refunded") else "open",
        "currency": "EUR" if n % 20 == 0 else "SEK",
        "created_at": created_at,
        "modified_at": created_at,
        "day": day,
        "hour": created_at.hour,
        "payment_method": "stripe",
        "payment_method_title": "Card",
        "customer_id": buyer + 1,
        "customer": billing["email"],
        "customer_note": "",
        "billing": billing,
        "shipping": {name: value for name, value in billing.items() if name not in ("email", "phone")},
        "total": _money(total),
        "total_tax": _money(tax),
        "cart_tax": _money(tax),
        "shipping_total": _money(shipping),
        "shipping_tax": _money(0),
        "discount_total": _money(0),
        "discount_tax": _money(0),
        "line_items": lines,
        "tax_lines": [{"rate_id": 1, "label": "Moms", "rate_percent": "25", "tax_total": _money(tax)}],
        "shipping_lines": [{"id": 90, "method_id": "flat_rate", "method_title": "Post", "total": _money(shipping)}],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": refunds,
        "rollup_bucket": bucket_of(store, str(n), created_at),
        "held": [{"sku": line["sku"], "quantity": line["quantity"]} for line in lines],
        "opening": [],
        "unmatched": [],
        "warnings": [],
        "skus": sorted({line["sku"] for line in lines}),
        "search": contact_words(str(n), first, last, str(billing["email"]), str(billing["phone"])),
        "status_history": [{"status": status, "deleted": False, "at": created_at, "cause": "0" * 64}],
        "changed_at": Timestamp(0, 0),
    }


def _customer(order: dict[str, Any]) -> dict[str, Any]:
    named = {name: order["billing"][name] for name in ("email", "phone", "last_name", "first_name")}
    return {
        "_id": order["customer"],
        **named,
        "external_ids": [f"{order['store']}:{order['customer_id']}"],
        "last_order_at": order["created_at"],
        "search": contact_words(*named.values()),
    }


def fill(db: database.Db, number: int) -> None:
    """Put so many orders and their customers into an empty database, one batch while the next is made up, then make
    the indexes."""
    buyers: dict[str, dict[str, Any]] = {}
    made_up = made_up_orders(number)
    with ThreadPoolExecutor(1) as pool:
        inserted: Future[Any] | None = None
        while batch := list(islice(made_up, 2_000)):
            buyers.update((order["customer"], _customer(order)) for order in batch)
            if inserted:
                inserted.result()
            inserted = pool.submit(db.orders.insert_many, batch, ordered=False)
    db.customers.insert_many(buyers.values(), ordered=False)
    ensure_indexes(db, COLLECTIONS)


# --- requests ---------------------------------------------------------------------------------------------------------


def measure(app: Flask, db: database.Db) -> dict[str, float]:
    """Median milliseconds of each read."""
    client = app.test_client()
    headers = {"Authorization": f"Bearer {token(CONFIG.jwt_secret, 'bench', 'manager')[0]}"}
    newest = [("created_at", -1), ("_id", -1)]
    deep = db.orders.find({}, {"created_at": 1}).sort(newest).skip(9_989).limit(2)
    _, page = pages.page(list(deep), 1, lambda order: (order["created_at"], order["_id"]))
    month = "from=2026-09-01&to=2026-09-30"
    reads = {
        "list, first page of 50": "",
        "list, page 1,000 (of 10)": f"?limit=10&cursor={page['next']}",
        "filtered: status": "?status=on-hold",
        "filtered: month": f"?{month}",
        "filtered: status, month (10)": f"?limit=10&status=processing&{month}",
        "filtered: SKU, status": "?sku=SKU-40&status=completed",
        "filtered: customer": "?customer=buyer7%40example.se",
        "filtered: words": "?q=Anna%20Karlsson",
        "one order": "/5000",
        "stats, a month": f"/stats?{month}",
        "stats, two years": "/stats",
        "stats, two years from within a month to within one": "/stats?from=2024-11-26&to=2026-11-19",
    }

    def ask(path: str) -> None:
        answer = client.get(f"/api/webhooks/orders{path}", headers=headers)
        assert answer.status_code == 200, answer.text

    figures = {name: _median(lambda path=path: ask(path)) for name, path in reads.items()}  # type: ignore[misc]
    for number, what in ((1, "an order"), (1_000, "1,000 orders")):
        ids = [order["_id"] for order in db.orders.find({}, {"_id": 1}).sort(newest).limit(number)]
        change = partial(
            db.orders.update_many, {"_id": {"$in": ids}}, {"$currentDate": {"changed_at": {"$type": "timestamp"}}}
        )
        figures[f"stats, two years, {what} just changed"] = _median(lambda: ask("/stats"), change)
    return figures


def _median(act: Callable[[], None], before: Callable[[], object] = lambda: None) -> float:
    times = []
    for turn in range(REPEATS + 5):
        before()
        started = time.perf_counter()
        act()
        if turn >= 5:
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def bench_reads(args: argparse.Namespace, report: Report) -> None:
    """The reads at each number of orders, and how many times the first one's the last one's took."""
    with mongod("reads", cache_gb=2, files=args.data) as server:
        found = {number: _measured(server, number) for number in args.orders}
    results = {number: figures for number, (figures, _, _) in found.items()}
    fewest, most = results[args.orders[0]], results[args.orders[-1]]
    rows: list[list[Cell]] = [
        [name, *(each[name] for each in results.values()), f"{most[name] / fewest[name]:.2f}"] for name in fewest
    ]
    heads: list[Head] = ["read", *(Column(f"ms of {number:,} orders", "ms", "less", 1) for number in results), "ratio"]
    report.table("Reads over HTTP, median", heads, rows)
    lists.print_costs(report, {number: costs for number, (_, costs, _) in found.items()})
    lists.print_files(report, {number: files for number, (_, _, files) in found.items()})


def _measured(server: Mongod, number: int) -> tuple[dict[str, float], dict[str, lists.Cost], list[lists.File]]:
    """Milliseconds of each read at so many orders, what lists cost and how fast files are, in a database of its own,
    which is filled where it is not yet."""
    config = replace(
        CONFIG,
        inbox_days=_DAYS_KEPT,
        inbox_parked_days=_DAYS_KEPT,
        event_days=_DAYS_KEPT,
        audit_days=_DAYS_KEPT,
    )
    uri = server.uri_of(f"reads_{number}")
    db = _filled(uri, config, number)
    for collection in FIGURES:
        db[collection.name].delete_many({})
    filled = time.perf_counter()
    rollup.refresh(db)
    first_look = time.perf_counter() - filled
    time.sleep(12)  # the last change is settled
    app = create_app(config, db)
    rollup.refresh(db)
    per_thousand = first_look * 1000 / (number / 1000)
    results = {"first look at the figures, for 1,000 orders": per_thousand, **measure(app, db)}
    costs, files = lists.measure(app, db, CONFIG.jwt_secret, server.uri), list(lists.files(app, db, server.uri))
    app.extensions["pos"].close()
    db.client.close()
    return results, costs, files


def _filled(uri: str, config: Config, number: int) -> database.Db:
    """The database with so many orders; one that was not filled to its end is filled anew."""
    db = database.open_database(uri, COLLECTIONS)
    if not db[_WHOLE].find_one():
        db.client.drop_database(db.name)
        fill(db, number)
        lists.fill(db, config)
        db[_WHOLE].insert_one({})
    return db
