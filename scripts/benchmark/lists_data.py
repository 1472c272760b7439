"""What a shop has besides orders and customers, made up for the orders of `bench_reads`: products, movements, payments,
inbox entries, cash sessions, events with their deliveries, the audit. As many of each as orders, or a fixed part of
them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice

from bson import Decimal128

from pos_api.common.text_search import contact_words, product_words
from pos_api.database.client import Db, Document

PRODUCTS = 20_000
SUBSCRIPTION = "sub_bench"
_READ = dict.fromkeys(("store", "order_id", "created_at", "status", "total", "currency", "customer", "skus"), 1)
_TOPICS = ["order.updated"] * 95 + ["product.updated"] * 4 + ["customer.updated"]
_ACTIONS = ("product.price", "stock.counted", "orders.exported", "user.logged_in", "item.linked")
_MADE_AT = datetime(2024, 11, 1, tzinfo=UTC)
_ENDS = {"cancelled": "failed", "refunded": "refunded"}


def fill_besides_orders(db: Db) -> None:
    """Put all of it into a database that has orders, one batch while the next is made up."""
    db.products.insert_many(map(_product, range(PRODUCTS)), ordered=False)
    db.webhook_subscriptions.insert_one(_subscription())
    moved: Counter[str] = Counter()
    orders = db.orders.find({}, _READ).sort("created_at", 1)
    day = None
    with ThreadPoolExecutor(1) as pool:
        inserted: Future[None] | None = None
        for n, batch in enumerate(iter(lambda: list(islice(orders, 2_000)), [])):
            made = {name: list(each) for name, each in _made(batch, n * 2_000, moved).items()}
            made["cash_sessions"], day = _sessions(batch, day)
            if inserted:
                inserted.result()
            inserted = pool.submit(_insert, db, made)


def _insert(db: Db, made: dict[str, list[Document]]) -> None:
    for name, documents in made.items():
        if documents:
            db[name].insert_many(documents, ordered=False)


def _made(orders: list[Document], first: int, moved: Counter[str]) -> dict[str, Iterable[Document]]:
    numbered = list(enumerate(orders, first))
    return {
        "stock_movements": (_movement(order, moved) for order in orders),
        "payments": (_payment(n, order) for n, order in numbered),
        "inbox": (_entry(n, order) for n, order in numbered),
        "cash_movements": (_cash_movement(order) for order in orders if order["store"] == "till"),
        "outbox": (_event(order) for _, order in numbered[::10]),
        "webhook_deliveries": (_delivery(n, order) for n, order in numbered[::10]),
        "audit": (_audit(n, order) for n, order in numbered[::20]),
        "customer_subscriptions": (_customer_subscription(n, order) for n, order in numbered[::50]),
    }


def _product(n: int) -> Document:
    """Every second has a threshold, one in 200 of these is low; one in 1,000 of all is below zero."""
    sku, name = f"SKU-{n}", f"Product number {n}"
    stock = -2 if n % 1000 == 7 else 3 if n % 400 == 0 else 50
    threshold = {"low_stock_threshold": 5} if n % 2 == 0 else {}
    return {
        "_id": sku,
        "sku": sku,
        "skus": [sku],
        "name": name,
        "price": Decimal128(f"{9 + n % 90}.90"),
        "stock": stock,
        "seq": 0,
        "search": product_words(sku, name),
        "external_ids": [f"default:{100 + n}"],
        "created_at": _MADE_AT,
        "owning_store": "default",
        **threshold,
    }


def _movement(order: Document, moved: Counter[str]) -> Document:
    sku = order["skus"][0]
    moved[sku] += 1
    return {
        "sku": sku,
        "seq": moved[sku],
        "quantity": -1,
        "balance": 1_000_000 - moved[sku],
        "reason": "order",
        "cause": _cause(order),
        "at": order["created_at"],
        "order": order["_id"],
        "n": 1,
        "held": 1,
    }


def _cause(order: Document) -> str:
    return f"{order['order_id']:064x}"


def _payment(n: int, order: Document) -> Document:
    reference = f"ch_{n:x}"
    method = "cash" if order["store"] == "till" else "card" if n % 5 else "swish"
    zero = Decimal128("0.00")
    return {
        "_id": f"pay:pi_{n:x}",
        "store": "pay",
        "external_id": f"pi_{n:x}",
        "sequence": 1,
        "rev": 1,
        "status": _ENDS.get(order["status"], "completed"),
        "amount": order["total"],
        "refunded": zero,
        "tip": zero,
        "currency": order["currency"],
        "method": method,
        "reference": reference,
        "paid_at": order["created_at"],
        "listed_at": order["created_at"],
        "order": order["_id"] if n % 100 else None,
        "wanted": [],
        "search": contact_words(f"pi_{n:x}", reference, str(order["order_id"])),
        "changes": [{"change": "completed", "cause": _cause(order), "rev": 1}],
    }


def _entry(n: int, order: Document) -> Document:
    """One in 50 came too late, one in 100 was ignored, and one in 2,000 is parked."""
    at, topic = order["created_at"], _TOPICS[n % 100]
    entry: Document = {
        "_id": _cause(order),
        "store": order["store"],
        "kind": "woocommerce",
        "topic": topic,
        "noun": topic.partition(".")[0],
        "resource_id": str(order["order_id"]),
        "headers": {},
        "body": b"{}" * 50,
        "about": [order["_id"], order["customer"]],
        "received_at": at,
        "attempts": 1,
    }
    if n % 2_000 == 11:
        return {**entry, "state": "parked", "outcome": "parked", "attention_at": at, "reason": "The order is odd."}
    if n % 100 == 17:
        return {**entry, "state": "done", "outcome": "ignored", "done_at": at, "ignored_at": at}
    return {**entry, "state": "done", "outcome": "stale" if n % 50 == 21 else "created", "done_at": at}


def _sessions(orders: list[Document], day: datetime | None) -> tuple[list[Document], datetime | None]:
    """A session of the till for each day that begins among these orders; the last day that there is one of."""
    sessions = []
    for order in orders:
        start = order["created_at"].replace(hour=0, minute=0, second=0)
        if start != day:
            day = start
            closed, cash = start + timedelta(hours=23), Decimal128("500.00")
            sessions.append(
                {
                    "_id": f"till:{start:%Y%m%d}",
                    "store": "till",
                    "external_id": f"{start:%Y%m%d}",
                    "sequence": 2,
                    "opened_at": start,
                    "closed_at": closed,
                    "opening_cash": cash,
                    "counted_cash": cash,
                    "currency": "SEK",
                    "listed_at": start,
                }
            )
    return sessions, day


def _cash_movement(order: Document) -> Document:
    return {
        "_id": f"till:sale-{order['order_id']}",
        "store": "till",
        "external_id": f"sale-{order['order_id']}",
        "sequence": 1,
        "kind": "sale",
        "at": order["created_at"],
        "amount": order["total"],
        "currency": "SEK",
        "is_assumed": False,
    }


def _event(order: Document) -> Document:
    return {
        "_id": f"order.created:{order['_id']}",
        "type": "order.created",
        "at": order["created_at"],
        "store": order["store"],
        "resource": f"order:{order['_id']}",
        "position": 1,
        "data": b'{"id": "1"}',
        "reference": b'{"id": "1"}',
        "about": [order["customer"]],
        "written_at": order["created_at"],
    }


def _delivery(n: int, order: Document) -> Document:
    event = f"order.created:{order['_id']}"
    return {
        "_id": f"{SUBSCRIPTION}:{event}",
        "subscription": SUBSCRIPTION,
        "event": event,
        "type": "order.created",
        "store": order["store"],
        "resource": f"order:{order['_id']}",
        "position": 1,
        "attempts": 1,
        "log": [],
        "created_at": order["created_at"],
        "state": "succeeded" if n % 1_000 else "failed",
        "ended_at": order["created_at"],
    }


def _audit(n: int, order: Document) -> Document:
    return {
        "_id": f"{n:032x}",
        "time": order["created_at"],
        "action": _ACTIONS[n // 20 % len(_ACTIONS)],
        "who": {"kind": "user", "name": f"user-{n // 20 % 30}"},
        "target": order["skus"][0],
        "details": {},
        "outcome": "done",
    }


def _customer_subscription(n: int, order: Document) -> Document:
    at = order["created_at"]
    return {
        "_id": f"pay:sub_{n}",
        "store": "pay",
        "external_id": f"sub_{n}",
        "sequence": 1,
        "rev": 1,
        "customer": f"cus_{n % 1_000}",
        "status": "active" if n % 150 else "past_due",
        "current_period_end": at,
        "history": [{"status": "active", "at": at, "event": "evt"}],
        "listed_at": at,
        "changes": [],
    }


def _subscription() -> Document:
    return {
        "_id": SUBSCRIPTION,
        "url": "https://example.com/hook",
        "events": ["*"],
        "active": False,
        "description": "",
        "stores": [],
        "signature": "standard",
        "payload": "full",
        "headers": {},
        "rate_limit": None,
        "metadata": {},
        "secret": b"",
        "created_at": _MADE_AT,
        "created_by": "bench",
        "updated_at": _MADE_AT,
    }
