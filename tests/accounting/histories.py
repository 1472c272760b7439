"""Orders and payments as senders report them, and what they mean in the books: without a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from pos_api.accounting.bookings import bookings_of
from pos_api.accounting.model import Booking, Purpose, Rules
from pos_api.cash.model import CashMovementUpdate, CashSessionUpdate
from pos_api.orders.merge import decide
from pos_api.orders.model import Order, OrderUpdate
from pos_api.payments import apply
from pos_api.payments.balance import Provider
from pos_api.payments.model import Payment, PaymentUpdate
from pos_api.senders.base import Command
from pos_api.senders.karma.messages import read as read_karma
from pos_api.senders.karma.translate import translate as translate_karma
from pos_api.senders.kaynko.sender import Kaynko
from pos_api.senders.reports import KnownReport, Report, Reported, State
from pos_api.senders.woocommerce import messages
from pos_api.senders.woocommerce.translate import translate as translate_shop
from pos_api.stores.model import Store
from tests.orders.plain import known
from tests.paths import TESTS

ARRIVED = datetime(2026, 11, 22, 20, tzinfo=UTC)
SHOP = Store("default", "default", "woocommerce", currency="SEK", timezone="Europe/Stockholm")
APP = Store("app", "app", "karma", currency="SEK", timezone="Europe/Stockholm")
TILL = Store("till-1", "till-1", "kaynko", timezone="Africa/Lusaka", currency="USD")

RECORDINGS: list[dict[str, Any]] = [
    json.loads(file.read_text()) for file in sorted((TESTS / "recordings").glob("*.json"))
]


def rules(store: Store = SHOP, **more: Any) -> Rules:
    """The rules of a store that no provider takes payments for."""
    return Rules(store.local_day, currency=store.currency, **more)


PAID_AT_STRIPE = rules(providers={"pay": Provider("stripe")}, kinds={"pay": "stripe"})


def shop_order(row: Mapping[str, Any], before: Order | None = None, arrived: datetime = ARRIVED) -> Order:
    """The stored order after a shop's event with this row of REST v3."""
    body = json.dumps({"event": "order.updated", "data": row}).encode()
    update = translate_shop(messages.read({}, body), SHOP, arrived, "cause")
    assert isinstance(update, OrderUpdate)
    return decide(update, before, known()).after


def recorded(recording: Mapping[str, Any], native: bool = False) -> list[Order]:
    """The stored order after each step of a recording; `native` as WooCommerce's own webhooks have it, whose refunds
    have no lines."""
    orders: list[Order] = []
    for step in recording["steps"]:
        if step["rest_order"] is None:
            continue
        row = step["rest_order"] if native else {**step["rest_order"], "refunds": step["rest_refunds"] or []}
        orders.append(shop_order(row, orders[-1] if orders else None))
    return orders


def _put_together(commands: Iterable[tuple[Sequence[Command], datetime]]) -> State:
    known_reports: dict[str, KnownReport] = {}
    state = State()
    for some, at in commands:
        [report] = [each for each in some if isinstance(each, Report)]
        known_reports.setdefault(
            report.id, KnownReport(report.id, report.name, report.content, report.at, at, "cause", report.personal)
        )
        reports = sorted(known_reports.values(), key=lambda each: (each.moment, each.id))
        state = report.put_together(Reported(reports, len(known_reports), "cause", at))
    return state


def karma(*sent: Mapping[str, Any]) -> State:
    """What messages of Karma about one purchase come to."""
    times = [ARRIVED + timedelta(minutes=number) for number, _ in enumerate(sent)]
    return _put_together(
        (translate_karma(read_karma(json.dumps(each).encode()), APP, at, "cause"), at)
        for each, at in zip(sent, times, strict=True)
    )


def kaynko(*sent: Mapping[str, Any]) -> State:
    """What messages of a till about one sale, session or debt come to."""
    sender = Kaynko()
    times = [ARRIVED + timedelta(minutes=number) for number, _ in enumerate(sent)]
    return _put_together(
        (sender.translate(sender.read({}, json.dumps(each).encode()), TILL, at, "cause"), at)
        for each, at in zip(sent, times, strict=True)
    )


def order_of(state: State) -> Order:
    """The stored order that a state sets."""
    [update] = [each for each in state.commands if isinstance(each, OrderUpdate)]
    return decide(update, None, known()).after


def payments_of(state: State) -> list[Payment]:
    """The stored payments that a state sets."""
    updates = [each for each in state.commands if isinstance(each, PaymentUpdate)]
    return [stored(each) for each in updates]


def stored(update: PaymentUpdate) -> Payment:
    """The payment as it is stored."""
    return cast("Payment", {**apply._document(update), "rev": 1})


def cash_of(state: State) -> tuple[list[CashSessionUpdate], list[CashMovementUpdate]]:
    """The cash sessions and movements that a state sets."""
    return (
        [each for each in state.commands if isinstance(each, CashSessionUpdate)],
        [each for each in state.commands if isinstance(each, CashMovementUpdate)],
    )


def booked(state: State, store: Store) -> list[Booking]:
    """The bookings of the order and the payments that a state sets."""
    return bookings_of(order_of(state), payments_of(state), rules(store))


def sums(bookings: Iterable[Booking]) -> dict[str, Decimal]:
    """Amounts by purpose, as short text (`revenue 25`)."""
    found: dict[str, Decimal] = {}
    for each in bookings:
        found[short(each.purpose)] = found.get(short(each.purpose), Decimal(0)) + each.amount
    return {name: amount for name, amount in found.items() if amount}


def by_day(bookings: Sequence[Booking]) -> dict[str | None, dict[str, str]]:
    """Amounts as text, by day and purpose."""
    days = dict.fromkeys(each.day for each in bookings)
    return {
        day: {name: f"{amount:f}" for name, amount in sums(each for each in bookings if each.day == day).items()}
        for day in days
    }


def short(purpose: Purpose) -> str:
    """A purpose as short text."""
    return " ".join(filter(None, (purpose.role, purpose.rate, purpose.group, purpose.method, purpose.provider)))
