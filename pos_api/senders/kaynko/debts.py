"""`debt.settled`: an instalment of a debt. It says neither the currency, nor how it was paid, nor for which sale."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import partial
from typing import TypedDict

from bson import Decimal128

from pos_api.cash.model import CashMovementUpdate
from pos_api.common.money import ZERO, decimal
from pos_api.errors import Invalid
from pos_api.payments.model import PaymentUpdate
from pos_api.senders.fields import Field, FieldPath
from pos_api.senders.kaynko.messages import Message, essential_amount, id_field, read_object
from pos_api.senders.reports import Report, Reported, State, canonical
from pos_api.stores.model import Store

IN_CASH = "debts_in_cash"
"""The setting that says whether debts are paid in cash."""

_DEBT = {**id_field("debtId"), "paymentAmount": Field("amount", essential_amount, essential=True)}


class Settlement(TypedDict):
    """What is kept of a payment of a debt."""

    amount: Decimal128
    sent_at: datetime | None


def read_settlement(message: Message, store: Store, received_at: datetime, cause: str) -> Report:
    """The report of an instalment; the same content again is the same one. Two of the same amount differ in when they
    were sent: as it is written, where it is no time that can be. Raises Invalid, also where the store has no currency:
    then nobody can say what was paid."""
    fields = read_object(message.data, _DEBT, FieldPath(message.report))
    sent_at = message.sent_at(received_at)
    if "amount" in fields and not decimal(fields["amount"]):
        FieldPath(message.report).problem("paymentAmount", "must be above 0")
    message.report.check("The payment of the debt is not valid.")
    if not store.currency:
        raise Invalid(_NO_CURRENCY.format(store=store.id))
    content = Settlement(amount=fields["amount"], sent_at=sent_at)
    distinguished_by = {**content, "sent_at": sent_at or message.timestamp, "by": message.data.get("cashierId")}
    digest = hashlib.sha256(canonical(distinguished_by).encode()).hexdigest()[:12]
    put = partial(put_together, store, f"debt-{fields['id']}-{digest}")
    thing = f"debt:{fields['id']}:{digest}"
    return Report(store.id, thing, "settled", content, sent_at, received_at, cause, put)


def put_together(store: Store, name: str, reported: Reported) -> State:
    """The payment that an instalment is, and its cash where debts are paid in cash here. Pure."""
    settled, in_cash = reported.reports[0], bool(store.settings.get(IN_CASH, True))
    amount = settled.content["amount"]
    payment = PaymentUpdate(
        store.id,
        name,
        reported.sequence,
        reported.cause,
        reported.received_at,
        "completed",
        amount,
        store.currency,
        method="cash" if in_cash else "",
        method_is_assumed=in_cash,
        settles_debt=True,
        reference=name.rpartition("-")[0],
        paid_at=settled.moment,
    )
    cash = CashMovementUpdate(
        store.id,
        name,
        reported.sequence,
        "debt",
        settled.moment,
        amount if in_cash else ZERO,
        store.currency,
        is_assumed=True,
    )
    return State((payment, cash))


_NO_CURRENCY = (
    "A debt was paid, and the till does not say in which currency. Run: pos-api store set {store} --currency CODE "
    "and then: pos-api replay --all"
)
