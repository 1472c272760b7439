"""What all reports about a payment come to. Pure.

A payment is reported by its intent, its charge, the checkout session or the invoice that it pays, and its refunds, in
any order. What was paid is what the intent says, else the session, the invoice, or the charge; it is never the sum of
them. Between two reports of one name the newest counts, by the provider's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Any, TypedDict

from bson import Decimal128

from pos_api.common.money import ZERO, decimal, decimal128
from pos_api.payments.model import PaymentStatus, PaymentUpdate, order_key_by_id, order_key_by_transaction
from pos_api.senders.reports import KnownReport, Reported, State

SUCCEEDED, FAILED, CANCELED = "intent.succeeded", "intent.failed", "intent.canceled"
SESSION, INVOICE, CHARGE, REFUND = "session", "invoice", "charge", "refund"
SESSION_UNPAID = "session.unpaid"
"""Of a way to pay that takes days: it only says which order is to be paid."""
EXACT = Context(prec=60)
"""A token's amounts have up to 33 digits."""
_PAID_BY = (SUCCEEDED, SESSION, INVOICE, CHARGE)
"""The reports that say that it was paid, the most exact one first."""


class OrderNames(TypedDict):
    """How a report names the order that is paid: ids or numbers of orders, and the provider's ids that an order may
    carry as its transaction."""

    orders: list[str]
    transactions: list[str]


class PaidContent(OrderNames):
    """The content of every report but that of a refund. `amount` is what was, or was to be, paid, `refunded` what a
    charge says that was paid back so far, `released` what was authorized and not taken. `at` is when it was reported,
    `paid_at` when it was paid."""

    amount: Decimal128
    tip: Decimal128
    refunded: Decimal128
    released: Decimal128
    currency: str
    method: str
    reason: str
    paid_at: datetime | None
    at: datetime | None


class RefundContent(OrderNames):
    """The content of a refund's report. `counts` says that it was paid back, or is on its way; a failed or canceled
    refund does not count."""

    refund: str
    amount: Decimal128
    counts: bool
    made_at: datetime | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class PaymentThing:
    """The payment that reports are about: its store and id there, and the store whose orders are paid."""

    store: str
    external_id: str
    orders_of: str

    def put_together(self, reported: Reported) -> State:
        """The payment, as its reports say that it is. Refunds alone do not say what was paid: they wait for it."""
        paid = next((newest for name in _PAID_BY if (newest := _newest(reported, name))), None)
        known = paid or _newest(reported, CANCELED) or _newest(reported, FAILED)
        if known is None:
            return State()
        refunded = _refunded(reported) if paid else Decimal(0)
        content = known.content
        update = PaymentUpdate(
            store=self.store,
            external_id=self.external_id,
            sequence=reported.sequence,
            cause=reported.cause,
            received_at=reported.received_at,
            status=_status(known, decimal(content["amount"]), refunded),
            amount=content["amount"],
            currency=content["currency"],
            refunded=decimal128(refunded),
            tip=_tip(reported) if paid else ZERO,
            method=_method(reported),
            reference=self.external_id,
            paid_at=_paid_at(reported, paid) if paid else None,
            wanted=self._wanted(reported),
            reason="" if paid else content["reason"],
        )
        return State((update,))

    def _wanted(self, reported: Reported) -> tuple[str, ...]:
        """How the reports name the order, in an order of their own."""
        orders = {name for each in reported.reports for name in each.content["orders"]}
        transactions = {name for each in reported.reports for name in each.content["transactions"]}
        return (
            *(order_key_by_id(self.orders_of, name) for name in sorted(orders)),
            *(order_key_by_transaction(self.orders_of, name) for name in sorted(transactions | {self.external_id})),
        )


def _newest(reported: Reported, name: str) -> KnownReport | None:
    """The newest report of a name; of a charge's reports of one moment the one that says that more was paid back."""
    return max(reported.named(name), key=_age, default=None)


def _age(report: KnownReport) -> tuple[datetime, Decimal, str]:
    return report.moment, decimal(report.content["refunded"]), report.id


def _status(known: KnownReport, amount: Decimal, refunded: Decimal) -> PaymentStatus:
    if known.name == CANCELED:
        return "canceled"
    if known.name == FAILED:
        return "failed"
    if refunded <= 0:
        return "completed"
    return "refunded" if refunded >= amount else "partially_refunded"


def _refunded(reported: Reported) -> Decimal:
    """What was paid back: what the charge's newest report says, with the refunds made after it, and without those that
    have failed since. Never less than the refunds that are known to count."""
    refunds = _refunds_of_what_was_paid(reported)
    counting = Decimal(0)
    for each in refunds:
        if each.content["counts"]:
            counting = EXACT.add(counting, decimal(each.content["amount"]))
    charge = _newest(reported, CHARGE)
    if charge is None:
        return counting
    total = decimal(charge.content["refunded"])
    for each in refunds:
        was_counted = (each.content["made_at"] or each.moment) <= charge.moment
        if each.content["counts"] and not was_counted:
            total = EXACT.add(total, decimal(each.content["amount"]))
        elif not each.content["counts"] and was_counted and each.moment >= charge.moment:
            total = EXACT.subtract(total, decimal(each.content["amount"]))
    return max(total, EXACT.subtract(counting, decimal(charge.content["released"])))


def _refunds_of_what_was_paid(reported: Reported) -> list[KnownReport]:
    """The newest report of each refund. Where less was taken than was authorized, the rest is released as a refund that
    is made when the payment is: that one is none."""
    refunds, succeeded = _newest_refunds(reported.named(REFUND)), _newest(reported, SUCCEEDED)
    if succeeded is None or not decimal(succeeded.content["released"]):
        return refunds
    return [each for each in refunds if (each.content["made_at"] or each.moment) > succeeded.moment]


def _newest_refunds(reports: Sequence[KnownReport]) -> list[KnownReport]:
    """The newest report of each refund. Of two of one moment the one counts that says that it failed: a refund can fail
    after it succeeded, and never the other way round."""
    newest: dict[str, KnownReport] = {}
    for each in sorted(reports, key=lambda each: (each.moment, not each.content["counts"], each.id)):
        newest[each.content["refund"]] = each
    return list(newest.values())


def _paid_at(reported: Reported, paid: KnownReport) -> datetime:
    """When it was paid: the earliest time in the reports of that name, as the same may be reported again later."""
    return min(each.content["paid_at"] or each.moment for each in reported.named(paid.name))


def _tip(reported: Reported) -> Decimal128:
    newest = _newest(reported, SUCCEEDED)
    tip: Any = newest.content["tip"] if newest else ZERO
    return tip if isinstance(tip, Decimal128) else ZERO


def _method(reported: Reported) -> str:
    """How it was paid: as the charge says it, else as the newest other report does."""
    paid = [each for each in reported.reports if each.name != REFUND and each.content["method"]]
    newest = max(paid, key=lambda each: (each.name == CHARGE, *_age(each)), default=None)
    return newest.content["method"] if newest else ""
