"""How an order was paid: by its payments, or as its shop says. Pure: no database.

What was sold is owed until it is paid: on the account of payments under way where the shop calls the order paid, and of
receivables where it does not. A payment is booked on its own day, with what of it is a tip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pos_api.accounting.given_back import GivenBack
from pos_api.accounting.model import RECEIVABLE, UNDER_WAY, ZERO, Booking, Purpose, Rules, cents
from pos_api.common.money import decimal
from pos_api.orders.model import Order
from pos_api.payments.balance import called_paid, is_paid_at_provider, is_unverified_there, made_of
from pos_api.payments.model import PAID, Payment

UNMATCHED, TIP = Purpose("unmatched"), Purpose("tip")


@dataclass(frozen=True, slots=True)
class _Paid:
    """What was paid or, below zero, paid back; `tip` is the part of it that is a tip."""

    event: str
    day: str | None
    amount: Decimal
    by: Purpose
    tip: Decimal = ZERO

    def bookings(self, owed: Purpose, currency: str) -> Iterator[Booking]:
        yield Booking(self.day, self.by, self.amount, currency, self.event)
        yield Booking(self.day, TIP, -self.tip, currency, self.event)
        yield Booking(self.day, owed, self.tip - self.amount, currency, self.event)


def owed_on(order: Order) -> Purpose:
    """Where what an order owes stands until it is paid. Payments of what is no sale, or not yet, are under way."""
    waits = order["counts_as_sale"] and not called_paid(order)
    return RECEIVABLE if waits else UNDER_WAY


def settled(
    order: Order,
    total: Decimal,
    refunds: Sequence[GivenBack],
    payments: Sequence[Payment],
    rules: Rules,
    currency: str,
) -> Iterator[Booking]:
    """How an order of this total (0 where it is no sale) with these refunds was paid."""
    made = made_of(order, payments)
    owed = owed_on(order)
    if made:
        found = [*(_paid(each, rules, currency) for each in made), *_paid_back(order, made, refunds, rules, currency)]
    elif total and _is_paid_as_shop_says(order, payments, rules):
        found = list(_as_shop_says(order, total, refunds, rules, currency))
    else:
        found = []
    for each in found:
        yield from each.bookings(owed, currency)


def of_other_currency(order: Order, payments: Sequence[Payment], rules: Rules) -> Iterator[Booking]:
    """The payments of an order in another currency: nobody can say what they pay of it."""
    known = {each["_id"] for each in made_of(order, payments)}
    expected = order.get("currency", "").upper()
    for each in payments:
        currency = each["currency"].upper()
        if each["status"] in PAID and each["_id"] not in known and expected and currency != expected:
            yield from alone(each, rules)


def alone(payment: Payment, rules: Rules) -> Iterator[Booking]:
    """The bookings of a payment of no order that is known: of a debt it pays what was sold on credit before."""
    currency = payment["currency"].upper() or rules.currency
    owed = RECEIVABLE if payment.get("settles_debt") else UNMATCHED
    paid = _paid(payment, rules, currency)
    yield from paid.bookings(owed, currency)
    if back := cents(decimal(payment["refunded"]), currency):
        tip = _tip_back_in_full(payment, currency)
        yield from _Paid(f"paid_back:{payment['_id']}", None, -back, paid.by, -tip).bookings(owed, currency)


def _paid(payment: Payment, rules: Rules, currency: str) -> _Paid:
    day = rules.local_day(payment["paid_at"] or payment["listed_at"])
    amount, tip = cents(decimal(payment["amount"]), currency), cents(decimal(payment["tip"]), currency)
    return _Paid(f"payment:{payment['_id']}", day, amount, paid_by(payment, rules), tip)


def paid_by(payment: Payment, rules: Rules) -> Purpose:
    """How a payment was made, for its account."""
    return Purpose("payment", method=payment["method"].lower(), provider=rules.kinds.get(payment["store"], ""))


# --- paid back --------------------------------------------------------------------------------------------------


def _paid_back(
    order: Order, made: Sequence[Payment], refunds: Sequence[GivenBack], rules: Rules, currency: str
) -> Iterator[_Paid]:
    """What these payments were paid back. They do not say when: so far as the order's refunds come to as much it was on
    the days of these, the first ones first; the rest when it became known. What was paid back of a tip goes with the
    last refund: what the order's own store says, and of other payments what was paid back in full."""
    parts = [_Part(_day(each.at, rules), each.amount) for each in refunds]
    last = parts[-1].day if parts else _day_of_void(order, rules)
    tips = _tips_back(order, made, currency)
    for payment in made:
        left = cents(decimal(payment["refunded"]), currency)
        by, event = paid_by(payment, rules), f"paid_back:{payment['_id']}"
        is_own = payment["store"] == order["store"]
        if tip := min(tips, left) if is_own else _tip_back_in_full(payment, currency):
            tips, left = tips - tip if is_own else tips, left - tip
            yield _Paid(f"{event}:tip", last, -tip, by, -tip)
        for number, each in enumerate(parts, 1):
            if taken := min(left, each.left):
                left, each.left = left - taken, each.left - taken
                yield _Paid(f"{event}:{number}", each.day, -taken, by)
        if left:
            yield _Paid(event, _day_of_void(order, rules) if is_own else None, -left, by)


@dataclass(slots=True)
class _Part:
    """A refund of an order: its day, and what of it no payment is known to have been paid back for yet."""

    day: str | None
    left: Decimal


def _tips_back(order: Order, made: Sequence[Payment], currency: str) -> Decimal:
    """What of the tips was paid back, as the order's own store reports it: its order has what is left of them."""
    if "tip" not in order:
        return ZERO
    paid = sum((decimal(each["tip"]) for each in made if each["store"] == order["store"]), ZERO)
    return max(cents(paid - decimal(order["tip"]), currency), ZERO)


def _tip_back_in_full(payment: Payment, currency: str) -> Decimal:
    """The tip of a payment that was paid back in full; of one that was in part nobody says whether its tip was."""
    is_in_full = decimal(payment["refunded"]) >= decimal(payment["amount"])
    tip = min(decimal(payment["tip"]), decimal(payment["refunded"]))
    return cents(tip, currency) if is_in_full else ZERO


def _day(moment: datetime | None, rules: Rules) -> str | None:
    return rules.local_day(moment) if moment else None


def _day_of_void(order: Order, rules: Rules) -> str | None:
    """The day since which an order is no sale, None where it is one."""
    if order["counts_as_sale"] or not order["status_history"]:
        return None
    return rules.local_day(order["status_history"][-1]["at"])


# --- as the shop says -------------------------------------------------------------------------------------------


def _is_paid_as_shop_says(order: Order, payments: Sequence[Payment], rules: Rules) -> bool:
    """Whether an order without payments is paid because its shop says so; one that was paid at a provider whose
    payments come here is not, until they do."""
    moment = order.get("paid_at") or order.get("completed_at")
    if not moment or not called_paid(order) or is_unverified_there(order, payments, rules.providers):
        return False
    return not is_paid_at_provider(order, rules.providers, moment)


def _as_shop_says(
    order: Order, total: Decimal, refunds: Sequence[GivenBack], rules: Rules, currency: str
) -> Iterator[_Paid]:
    moment = order.get("paid_at") or order.get("completed_at")
    by = Purpose("payment", method=order.get("payment_method", "").lower())
    tip = cents(decimal(order.get("tip")), currency)
    yield _Paid("paid", _day(moment, rules), total + tip, by, tip)
    for each in refunds:
        yield _Paid(f"paid_back:{each.name}", _day(each.at, rules), -each.amount, by)
