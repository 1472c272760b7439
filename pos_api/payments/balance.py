"""What of an order is paid and owed, and where its payments contradict what its shop says. Pure: no database.

Only payments that were made (`PAID`) in the order's currency count. A payment pays its amount without the tip and
without what was paid back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from pos_api.common.money import decimal, with_decimals_of
from pos_api.orders.model import Order
from pos_api.payments.model import PAID, Payment, order_key_by_transaction

_ZERO = Decimal(0)
PAYMENT_DUE_WITHIN = timedelta(hours=1)
"""So long after the shop called an order paid its payment may still be on its way; and so long after an order changed
what was paid too much may still be paid back."""

SENTENCES: Mapping[str, str] = {
    "payment_missing": "The shop calls the order paid by {method}, and no payment of it has come.",
    "paid_twice": "{count} payments of {paid} in all have come, and the order is of {total}.",
    "payment_amount": "{paid} was paid, and the order is of {total}.",
    "payment_currency": "The payment {payment} is in {currency}, and the order in {expected}; it does not count.",
    "overpaid": "{paid} is paid, and {due} is due.",
    "refund_at_provider_only": "{refunded} was paid back at {stores}, of which the shop knows {known}.",
}
"""The English sentence of each code, with its values' names in braces."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A store that takes payments for orders of another one: its kind, and since when it is known, None for always."""

    kind: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Where payments contradict what a shop says; `message` is the sentence of `code`, with these values."""

    code: str
    message: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Balance:
    """What of an order is paid, what is owed (never below 0), with the decimals of its total, and what does not fit."""

    paid: Decimal
    owed: Decimal
    discrepancies: tuple[Discrepancy, ...]


def balance(order: Order, payments: Sequence[Payment], providers: Mapping[str, Provider], moment: datetime) -> Balance:
    """What is paid and owed of an order that has these payments at this moment. `providers` are the stores that take
    payments for its store, by their ids."""
    due = due_of(order)
    paid = paid_of(order, payments, providers, due)
    found = discrepancies(order, payments, providers, moment)
    total = decimal(order.get("total"))
    owed = max(due - paid, _ZERO)
    return Balance(with_decimals_of(paid, total), with_decimals_of(owed, total), tuple(found))


def due_of(order: Order) -> Decimal:
    """What an order costs, without what was refunded. An order that was cancelled, deleted or failed costs nothing; nor
    does one on a tab that is no sale itself, as its tab is paid."""
    open_without_tab = order["stage"] == "open" and not order.get("tab")
    is_to_pay = order["counts_as_sale"] or open_without_tab
    if not is_to_pay or "deleted_at" in order or order["stage"] in ("cancelled", "deleted"):
        return _ZERO
    refunded = sum((decimal(refund["amount"]) for refund in order.get("refunds", ())), _ZERO)
    return max(decimal(order.get("total")) - refunded, _ZERO)


def paid_of(order: Order, payments: Sequence[Payment], providers: Mapping[str, Provider], due: Decimal) -> Decimal:
    """What was paid of an order by its payments. Where none was made and the shop calls the order paid, it is paid in
    full, unless it was paid at a provider that has not verified the payment."""
    made = made_of(order, payments)
    if made or is_unverified_there(order, payments, providers):
        return _sum_paid(order, made)
    return due if called_paid(order) else _ZERO


def is_unverified_there(order: Order, payments: Sequence[Payment], providers: Mapping[str, Provider]) -> bool:
    """Whether a payment is unverified at the provider that the shop names for the order. Anyone can claim a payment, so
    one at another provider says nothing against the shop."""
    unverified = {payment["store"] for payment in payments if payment["status"] == "unverified"}
    kinds = [provider.kind for store, provider in providers.items() if store in unverified]
    return any(names_kind(order.get("payment_method", ""), kind) for kind in kinds)


def called_paid(order: Order) -> bool:
    """Whether the shop calls an order paid: it says when it was paid, or of a completed sale when it was completed. A
    till's sale on credit has neither time."""
    completed = order["stage"] == "completed" and order["counts_as_sale"]
    return bool(order.get("paid_at") or (completed and order.get("completed_at")))


def made_of(order: Order, payments: Sequence[Payment]) -> list[Payment]:
    """The payments that count. One that the order's own store reports with the provider's id of it, and the provider
    too, is one: as its own store has it, which knows the tip."""
    made = [each for each in payments if each["status"] in PAID and _has_currency_of(order, each)]
    own = {each.get("reference", "") for each in made if each["store"] == order["store"]}
    return [each for each in made if each["store"] == order["store"] or each.get("external_id") not in own]


def _has_currency_of(order: Order, payment: Payment) -> bool:
    currencies = {order.get("currency", "").upper(), payment["currency"].upper()} - {""}
    return len(currencies) <= 1


def _without_tip(payment: Payment) -> Decimal:
    return decimal(payment["amount"]) - decimal(payment["tip"])


def _sum_paid(order: Order, made: Sequence[Payment]) -> Decimal:
    """What these payments pay of an order. Where its own store reports both, the order's tip is what is left of it
    after refunds; of other payments it is not known whether a tip was paid back, and so it counts as not."""
    own = [each for each in made if "tip" in order and each["store"] == order["store"]]
    kept = sum((decimal(each["amount"]) - decimal(each["refunded"]) for each in own), _ZERO)
    of_others = sum((_net(each) for each in made if each not in own), _ZERO)
    return (max(kept - decimal(order["tip"]), _ZERO) if own else _ZERO) + of_others


def _net(payment: Payment) -> Decimal:
    return max(_without_tip(payment) - decimal(payment["refunded"]), _ZERO)


# --- discrepancies ----------------------------------------------------------------------------------------------


def discrepancies(
    order: Order, payments: Sequence[Payment], providers: Mapping[str, Provider], moment: datetime
) -> list[Discrepancy]:
    """Where the payments of an order contradict what its shop says of it; see `balance`."""
    made = made_of(order, payments)
    others = [each for each in payments if each["status"] in PAID and not _has_currency_of(order, each)]
    found = [_foreign(order, each) for each in others]
    if is_missing(order, payments, providers, moment):
        method = order.get("payment_method_title") or order.get("payment_method", "")
        return [*found, _discrepancy("payment_missing", method=method)]
    kept = [each for each in made if _net(each) > 0] or made
    sums = sum(map(_without_tip, kept), _ZERO)
    tips = sum((decimal(each["tip"]) for each in kept), _ZERO)
    total = decimal(order.get("total"))
    due, paid = due_of(order), _sum_paid(order, made)
    if len(kept) > 1 and sums > total and paid > due:
        found.append(_discrepancy("paid_twice", count=len(kept), paid=sums, total=total))
    elif _is_paid_there(order, made, providers) and total not in (sums, sums + tips) and paid != due:
        found.append(_discrepancy("payment_amount", paid=sums, total=total))
    elif paid > due and moment - order.get("received_at", moment) >= PAYMENT_DUE_WITHIN:
        found.append(_discrepancy("overpaid", paid=with_decimals_of(paid, total), due=with_decimals_of(due, total)))
    return [*found, *_refunds_at_providers_only(order, made)] if paid < due else found


def _refunds_at_providers_only(order: Order, made: Sequence[Payment]) -> list[Discrepancy]:
    """What was paid back at providers and is more than the shop's refunds, as one or no discrepancy. A shop whose order
    is refunded knows it, and a tip is no part of what it sold."""
    back = [each for each in made if each["store"] != order["store"] and decimal(each["refunded"]) > 0]
    refunded = sum((min(decimal(each["refunded"]), _without_tip(each)) for each in back), _ZERO)
    known = sum((decimal(refund["amount"]) for refund in order.get("refunds", ())), _ZERO)
    if order["stage"] == "refunded" or refunded <= known:
        return []
    amount = f"{refunded:f} {back[0]['currency'].upper()}".strip()
    stores = ", ".join(sorted({each["store"] for each in back}))
    known = with_decimals_of(known, refunded)
    return [_discrepancy("refund_at_provider_only", refunded=amount, stores=stores, known=known)]


def is_missing(order: Order, payments: Sequence[Payment], providers: Mapping[str, Provider], moment: datetime) -> bool:
    """Whether the shop called an order paid at a provider, an hour ago or more, and no payment of it was made. Not
    looked at are orders that were paid before the provider was known here, or in its test mode, and sub-orders."""
    paid_at = order.get("paid_at")
    if not paid_at or "test_mode" in order or "parent" in order or decimal(order.get("total")) <= 0:
        return False
    if any(payment["status"] in PAID for payment in payments) or moment - paid_at < PAYMENT_DUE_WITHIN:
        return False
    if _carries_transaction_of(order, payments):
        return True
    return is_paid_at_provider(order, providers, paid_at)


def is_paid_at_provider(order: Order, providers: Mapping[str, Provider], paid_at: datetime) -> bool:
    """Whether the shop names one of these providers, known here when the order was paid, as where that was done."""
    used = [each for each in providers.values() if names_kind(order.get("payment_method", ""), each.kind)]
    return any(each.since is None or each.since <= paid_at for each in used)


def _carries_transaction_of(order: Order, payments: Sequence[Payment]) -> bool:
    """Whether the order names one of these payments by its transaction id."""
    transaction = order.get("transaction_id", "")
    key = order_key_by_transaction(order["store"], transaction)
    return bool(transaction) and any(key in payment["wanted"] for payment in payments)


def names_kind(payment_method: str, kind: str) -> bool:
    """Whether a shop's payment method is one of a kind of provider: `stripe_cc` of `stripe`. Only letters count."""
    return bool(kind) and re.sub("[^a-z]", "", payment_method.lower()).startswith(re.sub("[^a-z]", "", kind.lower()))


def _is_paid_there(order: Order, made: Sequence[Payment], providers: Mapping[str, Provider]) -> bool:
    """Whether the shop calls an order paid, and it was paid at a provider."""
    return called_paid(order) and any(payment["store"] in providers for payment in made)


def _foreign(order: Order, payment: Payment) -> Discrepancy:
    expected = order.get("currency", "")
    return _discrepancy("payment_currency", payment=payment["_id"], currency=payment["currency"], expected=expected)


def _discrepancy(code: str, **values: str | int | Decimal) -> Discrepancy:
    texts = {name: f"{value:f}" if isinstance(value, Decimal) else str(value) for name, value in values.items()}
    return Discrepancy(code, SENTENCES[code].format(**texts), texts)
