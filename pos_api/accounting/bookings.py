"""What an order with its payments, a payment of no order, and a cash session mean in the books. Pure: no database.

A sale is booked on the store's local day on which it was paid, or else made; a refund and a payment on their own days.
The bookings of each day add up to 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pos_api.accounting.given_back import GivenBack, given_back
from pos_api.accounting.model import ZERO, Booking, Purpose, Refused, Rules, added_up, cents
from pos_api.accounting.settled import alone, of_other_currency, owed_on, settled
from pos_api.accounting.sold import Sold, sold
from pos_api.cash.expected_cash import ExpectedCash
from pos_api.cash.model import CashSession
from pos_api.orders.model import Order
from pos_api.payments.model import PAID, Payment

_CASH = Purpose("payment", method="cash")


def is_sale(order: Order) -> bool:
    """Whether an order is one that figures count (`figures.measures.COUNTED`)."""
    return order["counts_as_sale"] and not any(order.get(name) for name in ("deleted_at", "parent", "test_mode"))


def bookings_of(order: Order, payments: Sequence[Payment], rules: Rules) -> list[Booking]:
    """The bookings of an order with its payments. Raises Refused where it can't be booked."""
    if order.get("test_mode"):
        return []
    currency = _currency_of(order, payments, rules)
    if not is_sale(order):
        of_order = settled(order, ZERO, (), payments, rules, currency)
        return added_up((*of_order, *of_other_currency(order, payments, rules)))
    if not currency:
        raise Refused("Nobody says its currency, nor has its store one.")
    of = sold(order, rules, currency)
    refunds = given_back(order, of, rules, currency)
    return added_up(
        (
            *_sale(order, of, rules, currency),
            *_refunds(order, refunds, rules, currency),
            *settled(order, of.total, refunds, payments, rules, currency),
            *of_other_currency(order, payments, rules),
        )
    )


def _currency_of(order: Order, payments: Sequence[Payment], rules: Rules) -> str:
    """An order's currency; of one that came without, its payments', or else its store's."""
    named = (order.get("currency"), *(each["currency"] for each in payments if each["status"] in PAID), rules.currency)
    return next((each.upper() for each in named if each), "")


def _sale(order: Order, of: Sold, rules: Rules, currency: str) -> Iterator[Booking]:
    paid_at = order.get("paid_at")
    day = rules.local_day(paid_at) if paid_at else order["day"]
    yield Booking(day, owed_on(order), of.total, currency, "sale")
    for purpose, amount in of.amounts.items():
        yield Booking(day, purpose, -amount, currency, "sale")


def _refunds(order: Order, refunds: Sequence[GivenBack], rules: Rules, currency: str) -> Iterator[Booking]:
    owed = owed_on(order)
    for refund in refunds:
        day, event = rules.local_day(refund.at) if refund.at else None, f"refund:{refund.name}"
        yield Booking(day, owed, -refund.amount, currency, event)
        for purpose, amount in refund.amounts.items():
            yield Booking(day, purpose, amount, currency, event)


def bookings_of_payment(payment: Payment, rules: Rules) -> list[Booking]:
    """The bookings of a payment of no order that is known. Raises Refused where nobody says its currency."""
    if payment["status"] not in PAID:
        return []
    if not (payment["currency"] or rules.currency):
        raise Refused("Nobody says its currency, nor has its store one.")
    return added_up(alone(payment, rules))


def bookings_of_session(session: CashSession, expected: ExpectedCash, rules: Rules) -> list[Booking]:
    """The bookings of what was missing in a till's drawer, or too much, when a session was closed. Raises Refused where
    nobody says its currency."""
    closed_at, difference = session["closed_at"], expected.difference
    currency = (expected.currency or rules.currency).upper()
    if not closed_at or not difference:
        return []
    if not currency:
        raise Refused("Nobody says its currency, nor has its store one.")
    day, amount = rules.local_day(closed_at), cents(difference, currency)
    return added_up(
        (
            Booking(day, _CASH, amount, currency, "counted"),
            Booking(day, Purpose("cash_difference"), -amount, currency, "counted"),
        )
    )
