"""Events of payment providers, translated to reports about payments and subscriptions. Pure.

Stripe's objects, and those of providers that follow it: an id of another object stands under its name
(`payment_intent`) or with `_id` behind it, and amounts are whole numbers, or their text, in minor units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import Decimal128

from pos_api.common.minor_units import major
from pos_api.common.money import ZERO, decimal, decimal128
from pos_api.common.value_limits import INT64_MAX
from pos_api.errors import Invalid
from pos_api.senders import values
from pos_api.senders.base import ORDERS_OF
from pos_api.senders.payment_provider import objects, payments
from pos_api.senders.payment_provider.events import ProviderEvent, moment, object_id
from pos_api.senders.payment_provider.payments import EXACT, PaidContent, PaymentThing, RefundContent
from pos_api.senders.payment_provider.subscriptions import SubscriptionContent, SubscriptionThing
from pos_api.senders.reports import Report
from pos_api.stores.model import Store


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency by its code, and how many decimals the provider's amounts in it have."""

    code: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Provider:
    """In what providers differ: `currency_of` an object, which raises ValueError where it names none that is known, and
    the statuses of refunds whose money was sent back, or is on its way."""

    currency_of: Callable[[Mapping[str, Any]], Currency]
    refunds_counting: frozenset[str]


@dataclass(frozen=True, slots=True)
class Translation:
    """One event on its way to its report: what is needed besides the object that it shows."""

    provider: Provider
    event: ProviderEvent
    store: Store
    received_at: datetime
    cause: str

    def report(self) -> Report | None:
        """The report that the event gives; None where there is nothing to keep. Raises Invalid where it can't be
        used."""
        read = _READERS.get(self.event.topic)
        return read(self) if read else None

    @property
    def shown(self) -> Mapping[str, Any]:
        """The object that the event shows."""
        return self.event.shown

    def about_payment(self, external_id: str, name: str, content: PaidContent | RefundContent) -> Report:
        """The report about a payment."""
        orders_of = self.store.settings.get(ORDERS_OF.name, ORDERS_OF.default)
        thing = PaymentThing(self.store.id, external_id, orders_of)
        return self._about(f"payment:{external_id}", name, content, thing.put_together)

    def about_subscription(self, external_id: str, content: SubscriptionContent) -> Report:
        """The report about a subscription."""
        thing = SubscriptionThing(self.store.id, external_id)
        return self._about(f"subscription:{external_id}", "state", content, thing.put_together)

    def _about(self, thing: str, name: str, content: Mapping[str, Any], put_together: Callable[..., Any]) -> Report:
        at = self.event.at
        return Report(self.store.id, thing, name, content, at, self.received_at, self.cause, put_together)

    def paid(self, amount: str, *more: str, transactions: tuple[str, ...] = (), **content: Any) -> PaidContent:
        """The content of a report about what was paid: the first of these amounts that there is."""
        fields = Amounts(self.provider, self.shown)
        paid: PaidContent = {
            **objects.names(self.shown, *transactions),
            "amount": fields.first(amount, *more),
            "tip": content.get("tip", ZERO),
            "refunded": content.get("refunded", ZERO),
            "released": content.get("released", ZERO),
            "currency": fields.currency.code,
            "method": content.get("method", objects.only_method(self.shown)),
            "reason": content.get("reason", ""),
            "paid_at": content.get("paid_at"),
            "at": self.event.at,
        }
        return paid


class Amounts:
    """The amounts of an object, in major units of its currency. Raises Invalid where it has none that is known."""

    def __init__(self, provider: Provider, shown: Mapping[str, Any]) -> None:
        self._shown = shown
        try:
            self.currency = provider.currency_of(shown)
        except ValueError as error:
            raise _invalid("currency", str(error)) from None

    def first(self, *names: str) -> Decimal128:
        """The first of these amounts that there is. Raises Invalid where there is none, or it can't be read."""
        for name in names:
            if not values.is_blank(self._shown.get(name)):
                try:
                    return self.read(self._shown[name])
                except ValueError as error:
                    raise _invalid(name, str(error)) from None
        raise _invalid(names[0], "is required")

    def read(self, value: Any) -> Decimal128:
        """An amount. Raises ValueError for what is none."""
        if isinstance(value, float) and value.is_integer() and abs(value) <= INT64_MAX:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("must be a whole number of the smallest unit of its currency")
        read = major(value, self.currency.code, decimals=self.currency.decimals)
        if read.to_decimal() < 0:
            raise ValueError("must not be below 0")
        return read

    def is_zero(self, name: str) -> bool:
        """Whether an amount is there, and is 0. Raises Invalid for one that can't be read."""
        return not values.is_blank(self._shown.get(name)) and not decimal(self.first(name))

    def released(self, captured: str) -> Decimal128:
        """What of its `amount` was authorized, but not taken; 0 where the amount that was taken is not said."""
        if values.is_blank(self._shown.get(captured)):
            return ZERO
        amount, taken = self.or_nothing(self._shown.get("amount")), self.or_nothing(self._shown[captured])
        left = EXACT.subtract(decimal(amount), decimal(taken))
        return decimal128(left) if left > 0 else ZERO

    def or_nothing(self, value: Any) -> Decimal128:
        """An amount that is not essential; 0 for what can't be read."""
        try:
            return ZERO if values.is_blank(value) else self.read(value)
        except ValueError:
            return ZERO


def _invalid(name: str, problem: str) -> Invalid:
    return Invalid("The event can't be used.", details={f"data.object.{name}": problem})


def _intent(translation: Translation, name: str) -> Report:
    shown = translation.shown
    tip = objects.inside(shown, "amount_details").get("tip")
    tip = tip.get("amount") if isinstance(tip, Mapping) else tip
    charge = objects.charge_of(shown)
    read = Amounts(translation.provider, shown)
    received = ("amount_received",) if name == payments.SUCCEEDED and not read.is_zero("amount_received") else ()
    content = translation.paid(
        *received,  # a provider may leave it at 0, though all was paid
        "amount",
        released=read.released("amount_received") if received else ZERO,
        transactions=(object_id(shown.get("latest_charge")), object_id(shown.get("last_charge")), object_id(charge)),
        tip=read.or_nothing(tip),
        method=objects.method_of_charge(charge) or objects.only_method(shown),
        reason=objects.failure(shown),
    )
    return translation.about_payment(_required_id(translation), name, content)


def _succeeded(translation: Translation) -> Report:
    return _intent(translation, payments.SUCCEEDED)


def _failed(translation: Translation) -> Report:
    return _intent(translation, payments.FAILED)


def _canceled(translation: Translation) -> Report:
    return _intent(translation, payments.CANCELED)


def _session(translation: Translation) -> Report | None:
    """A checkout session. Without a payment of its own it pays nothing (it sets something up), or an invoice does."""
    intent = objects.id_of(translation.shown, "payment_intent")
    if not intent:
        return None
    is_paid = translation.shown.get("payment_status") == "paid"
    content = translation.paid("amount_total")
    return translation.about_payment(intent, payments.SESSION if is_paid else payments.SESSION_UNPAID, content)


def _invoice(translation: Translation) -> Report | None:
    """A paid invoice. Without a payment of its own it was paid by others, that are reported themselves, or from a
    balance; only one that was paid elsewhere ("out of band") is a payment that nothing else reports."""
    shown = translation.shown
    intent = objects.id_of(shown, "payment_intent") or objects.intent_of_payments(shown)
    if not intent and shown.get("paid_out_of_band") is not True:
        return None
    content = translation.paid("amount_paid", "total", paid_at=objects.paid_at(shown))
    if content["amount"].to_decimal() == 0:
        return None
    if intent:
        return translation.about_payment(intent, payments.INVOICE, content)
    return translation.about_payment(_required_id(translation), payments.INVOICE, {**content, "method": "other"})


def _charge(translation: Translation) -> Report | None:
    """A charge of which something was paid back. Without an intent (an older integration) it is a payment itself.

    An authorization that is released is reported like a refund, too: in whole, of a charge that was never captured, and
    in part, where less was captured. That was never paid.
    """
    shown = translation.shown
    if shown.get("captured") is False:
        return None
    charge, read = _required_id(translation), Amounts(translation.provider, shown)
    released = read.released("amount_captured")
    refunded = EXACT.subtract(decimal(read.first("amount_refunded")), decimal(released))
    content = translation.paid(
        "amount_captured",
        "amount",
        transactions=(charge,),
        refunded=decimal128(max(refunded, Decimal(0))),
        released=released,
        method=objects.method_of_charge(shown),
        paid_at=moment(shown.get("created", shown.get("created_at"))),
    )
    return translation.about_payment(objects.id_of(shown, "payment_intent") or charge, payments.CHARGE, content)


def _refund(translation: Translation) -> Report | None:
    """A refund of a payment. A stake that is given back is none: it was no payment."""
    shown = translation.shown
    if shown.get("type") == "stake_return":
        return None
    charge = objects.id_of(shown, "charge")
    payment = objects.id_of(shown, "payment_intent") or charge
    if not payment:
        raise _invalid("payment_intent", "is required, or the charge that was refunded")
    content: RefundContent = {
        **objects.names(shown, charge),
        "refund": _required_id(translation),
        "amount": Amounts(translation.provider, shown).first("amount"),
        "counts": objects.short(shown.get("status")) in translation.provider.refunds_counting,
        "made_at": moment(shown.get("created", shown.get("created_at"))),
        "at": translation.event.at,
    }
    return translation.about_payment(payment, payments.REFUND, content)


def _subscription(translation: Translation) -> Report:
    shown = translation.shown
    is_deleted = translation.event.topic.endswith(".deleted")
    status = "canceled" if is_deleted else objects.short(shown.get("status"))
    if not status:
        raise _invalid("status", "is required")
    content: SubscriptionContent = {
        "customer": objects.id_of(shown, "customer"),
        "status": status,
        "current_period_end": objects.period_end(shown),
        "began_at": moment(shown.get("start_date")) or moment(shown.get("created", shown.get("created_at"))),
        "event": translation.event.topic,
        "at": translation.event.at,
    }
    return translation.about_subscription(_required_id(translation), content)


def _required_id(translation: Translation) -> str:
    if not translation.event.resource_id:
        raise _invalid("id", "is required")
    return translation.event.resource_id


_READERS: dict[str, Callable[[Translation], Report | None]] = {
    "payment_intent.succeeded": _succeeded,
    "payment_intent.payment_failed": _failed,
    "payment_intent.canceled": _canceled,
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "invoice.paid": _invoice,
    "charge.refunded": _charge,
    **dict.fromkeys(
        (
            "charge.refund.updated",
            *(f"refund.{change}" for change in ("created", "updated", "failed", "succeeded", "canceled")),
        ),
        _refund,
    ),
    **dict.fromkeys(
        (
            f"customer.subscription.{change}"
            for change in (
                *("created", "updated", "deleted", "paused", "resumed", "trial_will_end"),
                *("pending_update_applied", "pending_update_expired"),
                *(
                    "started",
                    "renewed",
                    "renew_failed",
                    "upgraded",
                    "recovered",
                    "past_due",
                    "trial_start",
                    "trial_end",
                ),
            )
        ),
        _subscription,
    ),
}
TOPICS = frozenset(_READERS)
"""The types of events that are translated."""
