"""What the claims about a payment, and what KasperoPay answers, come to. Pure: no database.

Anyone can claim a payment, so it counts only when KasperoPay's own answer fits a claim. A claim that does not fit is
false, and changes nothing about one that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import Decimal128

from pos_api.common.money import decimal
from pos_api.payments.model import PaymentStatus, PaymentUpdate, order_key_by_id
from pos_api.senders.reports import KnownReport, LookUp, Reported, State
from pos_api.stores.model import DEFAULT, Store

CLAIM = "claim"
ANSWER = "answer"
NO_ANSWER = "no_answer"

MOST_CLAIMS = 500
"""So many claims about one payment are kept at a time: fewer than reports, so that an answer always has room."""
_FALSE_CLAIMS = 20
"""Of those that an answer contradicts so many are kept."""
_NOT_YET = "KasperoPay has not confirmed it yet."
_RATE = Decimal("0.00000001")


def thing_of(payment_id: str) -> str:
    """What reports about this payment are about."""
    return f"payment:{payment_id}"


def put_together(store: Store, reported: Reported) -> State:
    """The payment that all reports come to, and whether it has to be looked up: once something is claimed that no
    answer has been tried for, and again where a delivery is replayed and still nothing is verified."""
    claims = sorted(reported.named(CLAIM), key=lambda each: each.id)
    if not claims:
        return State()
    answers = sorted(reported.named(ANSWER), key=lambda each: each.id)
    unusable = {each.id: why for each in claims if (why := _contradiction(store, each, answers))}
    fitting = [each for each in claims if each.id not in unusable]
    dropped = list(unusable)[_FALSE_CLAIMS:]
    if answers and fitting:
        return State((_verified(store, reported, fitting, answers),), unusable, dropped)
    again = (LookUp(store.id, thing_of(claims[0].content["payment_id"])),)
    if answers:
        failed = _payment(store, reported, claims[:1], "failed", unusable[claims[0].id])
        return State((failed, *(again if reported.retried else ())), unusable, dropped)
    unusable = _without_answer(claims, reported.named(NO_ANSWER))
    open_claims = [each for each in claims if each.id not in unusable]
    shown = open_claims or claims
    reason = _NOT_YET if open_claims else unusable[claims[0].id]
    unverified = _payment(store, reported, shown, "unverified", reason)
    return State((unverified, *(again if open_claims or reported.retried else ())), unusable)


def _contradiction(store: Store, claim: KnownReport, answers: Sequence[KnownReport]) -> str:
    """What differs between a claim and the answers; blank where one of them fits, or there is none."""
    problems = [_differences(store, claim.content, answer.content) for answer in answers]
    if not problems or not all(problems):
        return ""
    return f"KasperoPay has it otherwise: {'; '.join(problems[-1])}."


def _differences(store: Store, claim: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    expected = (
        *((name, _number(claim[name]), _number(answer[name])) for name in ("amount_usd", "amount_kas")),
        ("transaction", claim["transaction_id"], answer["txid"]),
        ("store name", str(store.settings.get("store_name", "")).strip(), answer["store_name"]),
    )
    return [f"{name} is {has!s}, and not {wanted!s}" for name, wanted, has in expected if wanted != has]


def _number(amount: Decimal128) -> Decimal:
    return decimal(amount)


def _without_answer(claims: Sequence[KnownReport], unanswered: Sequence[KnownReport]) -> dict[str, str]:
    """The claims for which there was no answer in time, each with the reason."""
    if not unanswered:
        return {}
    last = max(unanswered, key=lambda each: (each.content["claimed_until"], each.id)).content
    reason = f"It could not be verified. {last['reason']}"
    return {each.id: reason for each in claims if each.received_at <= last["claimed_until"]}


def _verified(
    store: Store, reported: Reported, fitting: Sequence[KnownReport], answers: Sequence[KnownReport]
) -> PaymentUpdate:
    fits = next(each for each in answers if not _differences(store, fitting[0].content, each.content))
    return _payment(store, reported, fitting, "completed", "", fits.content["confirmed_at"])


def _payment(
    store: Store,
    reported: Reported,
    claims: Sequence[KnownReport],
    status: PaymentStatus,
    reason: str,
    paid_at: datetime | None = None,
) -> PaymentUpdate:
    """The payment of the first of these claims. It is for no order where they name different ones: which of them is
    meant, KasperoPay does not say."""
    claim = claims[0].content
    orders = sorted({each.content["order_id"] for each in claims} - {""})
    if status == "completed" and len(orders) > 1:
        reason = f"Its webhooks name different orders: {', '.join(orders[:5])}."
    wanted = [order_key_by_id(store.settings.get("orders_of", DEFAULT), order) for order in orders]
    return PaymentUpdate(
        store=store.id,
        external_id=claim["payment_id"],
        sequence=reported.sequence,
        cause=reported.cause,
        received_at=reported.received_at,
        status=status,
        amount=claim["amount_usd"],
        currency="USD",
        method="kaspa",
        reference=claim["transaction_id"],
        paid_at=paid_at,
        wanted=tuple(wanted) if len(wanted) == 1 and status != "failed" else (),
        reason=reason,
        details=_details(claim),
    )


def _details(claim: Mapping[str, Any]) -> dict[str, str]:
    rate = (decimal(claim["amount_usd"]) / decimal(claim["amount_kas"])).quantize(_RATE)
    return {
        "amount_kas": str(claim["amount_kas"]),
        "usd_per_kas": f"{rate.normalize():f}",
        "transaction_id": claim["transaction_id"],
    }
