"""Payments in words: their statuses, how they are matched with orders, and what contradicts a shop and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from pos_api.database.client import Document
from pos_api.web.dashboard.languages import _, money


@dataclass(frozen=True, slots=True)
class Status:
    """A status in words, and the class of its badge."""

    text: str
    badge: str = ""


def statuses() -> dict[str, Status]:
    """The statuses of payments, in the reader's language."""
    return {
        "completed": Status(_("Paid"), "good"),
        "partially_refunded": Status(_("Partly paid back"), "warn"),
        "refunded": Status(_("Paid back"), "warn"),
        "failed": Status(_("Failed"), "bad"),
        "canceled": Status(_("Cancelled")),
        "unverified": Status(_("Not verified"), "warn"),
    }


def matched(payment: Document) -> str:
    """How a payment is matched with its order."""
    return {
        "store": _("The store that reports the payment says that it is for this order."),
        "transaction": _("The payment and the order have the same transaction id."),
        "order_id": _("The payment names the order by its id."),
        "number": _("The payment names the order by its number."),
        "earlier": _("An earlier report of the payment named this order; it stays with it."),
    }.get(payment["matched_by"] or "", "")


def changes() -> dict[str, str]:
    """What deliveries change of payments."""
    return {"completed": _("Paid"), "refunded": _("Paid back, in part or all")}


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Where payments contradict a shop, in words, and what to do about it."""

    text: str
    to_do: str


def contradiction(found: Document, currency: str) -> Contradiction:
    """A discrepancy of an order (as `payments.account` gives it) in the reader's language."""
    values = dict(found["values"])
    for name in ("paid", "total", "due", "known"):
        if name in values:
            values[name] = money(values[name], currency)
    if "refunded" in values:  # with the currency of the payments
        amount, _blank, of_payments = values["refunded"].partition(" ")
        values["refunded"] = money(amount, of_payments or currency)
    texts = _texts()
    if found["code"] not in texts:
        return Contradiction(found["message"], "")
    text, to_do = texts[found["code"]]
    return Contradiction(text % values, to_do)


def _texts() -> dict[str, tuple[str, str]]:
    return {
        "payment_missing": (
            _("The shop says that the order is paid by %(method)s, but no payment of it has come."),
            _(
                "Look up the payment at the provider. If it is there, look in the inbox for its delivery; if it is not,"
                " the order is not paid: correct it in the shop."
            ),
        ),
        "paid_twice": (
            _("%(count)s payments have come, %(paid)s in all, but the order is of %(total)s."),
            _("If the customer paid twice, pay one payment back at the provider."),
        ),
        "payment_amount": (
            _("%(paid)s was paid, but the order is of %(total)s."),
            _(
                "Compare the order with the payment. Ask the customer for what is missing, or pay back what is too"
                " much."
            ),
        ),
        "payment_currency": (
            _("The payment %(payment)s is in %(currency)s, but the order is in %(expected)s; it does not count."),
            _("Check at the provider and in the shop which currency is right, and correct the other."),
        ),
        "overpaid": (
            _("%(paid)s is paid, but only %(due)s is due."),
            _("Pay back the difference at the provider, or correct the order in the shop."),
        ),
        "refund_at_provider_only": (
            _("%(refunded)s was paid back at %(stores)s, but in the shop only %(known)s is entered as paid back."),
            _("Enter the refund in the shop as well, so that the order and the figures have it."),
        ),
    }
