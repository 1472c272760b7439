"""What claims and answers come to: plain values, no database."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128

from pos_api.errors import Invalid
from pos_api.outbound.client import Reply
from pos_api.payments.model import PaymentUpdate
from pos_api.senders.kasperopay import claims, status
from pos_api.senders.kasperopay.payment import ANSWER, CLAIM, NO_ANSWER, put_together
from pos_api.senders.kasperopay.sender import KasperoPay
from pos_api.senders.kasperopay.status import NotYet, answer_of, read_url
from pos_api.senders.lookup_queue import pause
from pos_api.senders.reports import KnownReport, LookUp, Report, Reported, State
from tests.senders.kasperopay.kaspa import TXID, a_store, completed, paid

AT = datetime(2026, 1, 30, 15, 30, tzinfo=UTC)


def claim(minutes: int = 0, **changes: Any) -> KnownReport:
    """The report of a webhook that came so many minutes after AT."""
    webhook = claims.read(claims.kept_body(json.dumps(paid(**changes)).encode()))
    return known(CLAIM, claims.claim_of(webhook), AT + timedelta(minutes=minutes))


def known(name: str, content: Any, received_at: datetime = AT) -> KnownReport:
    report = Report("kaspa-1", "payment:pay_1", name, content, None, received_at, "cause", lambda _: State())
    return KnownReport(report.id, name, content, None, received_at, "cause")


def answer(**changes: Any) -> KnownReport:
    """The report of an answer."""
    body = json.dumps(completed(**changes)).encode()
    return known(ANSWER, answer_of(Reply(200, {"content-type": "application/json"}, body), "pay_1"))


def no_answer(minutes: int = 0) -> KnownReport:
    return known(NO_ANSWER, {"claimed_until": AT + timedelta(minutes=minutes), "reason": "HTTP 404."})


def come_to(
    *reports: KnownReport, retried: bool = False, **settings: Any
) -> tuple[PaymentUpdate, bool, dict[str, str]]:
    """The payment that these reports come to, whether it is looked up, and what is parked; the same in any order."""
    ends = []
    for some in itertools.permutations(reports):
        state = put_together(a_store(**settings), Reported(some, len(some), "cause", AT, retried))
        payment, *rest = state.commands
        assert isinstance(payment, PaymentUpdate)
        assert rest in ([], [LookUp("kaspa-1", "payment:pay_1")])
        ends.append((payment, bool(rest), dict(state.unusable)))
    assert all(end == ends[0] for end in ends)
    return ends[0]


def test_a_claim_counts_for_nothing_before_it_was_looked_up() -> None:
    payment, looked_up, parked = come_to(claim())
    assert (payment.status, payment.paid_at, looked_up, parked) == ("unverified", None, True, {})
    assert (str(payment.amount), payment.currency, payment.method) == ("15.05", "USD", "kaspa")
    assert payment.wanted == ("default:order:ord_456",)
    assert payment.details == {"amount_kas": "150.5", "usd_per_kas": "0.1", "transaction_id": TXID}


def test_an_answer_that_fits_completes_the_payment() -> None:
    payment, looked_up, parked = come_to(claim(), answer())
    assert (payment.status, payment.reason, looked_up, parked) == ("completed", "", False, {})
    assert payment.paid_at == AT - timedelta(seconds=2)


@pytest.mark.parametrize(
    ("claimed", "answered"),
    [
        ({"amount_usd": "15.0500", "amount_kas": "150.50000000"}, {}),
        ({"amount_usd": 15.05, "amount_kas": 150.5}, {"amount_usd": "15.05", "amount_kas": "150.5"}),
        ({"amount_usd": "15", "amount_kas": "150"}, {"amount_usd": 15.0, "amount_kas": 15e1}),
        ({"amount_kas": "123456789012.12345678"}, {"amount_kas": "123456789012.12345678"}),
        ({"transaction_id": f" {TXID} "}, {}),
    ],
)
def test_amounts_are_compared_as_decimals_in_whatever_form_they_come(
    claimed: dict[str, Any], answered: dict[str, Any]
) -> None:
    assert come_to(claim(**claimed), answer(**answered))[0].status == "completed"


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        ({"amount_usd": 15.06}, "amount_usd is 15.06, and not 15.05"),
        ({"amount_kas": 150.50000001}, "amount_kas is 150.50000001, and not 150.5"),
        ({"txid": "another"}, f"transaction is another, and not {TXID}"),
        ({"store_name": "Their Shop"}, "store name is Their Shop, and not My Shop"),
    ],
)
def test_a_claim_that_the_answer_contradicts_is_parked_with_what_differs(answered: dict[str, Any], reason: str) -> None:
    payment, looked_up, parked = come_to(claim(), answer(**answered))
    assert (payment.status, looked_up, payment.wanted) == ("failed", False, ())
    assert list(parked.values()) == [payment.reason] == [f"KasperoPay has it otherwise: {reason}."]


def test_a_false_claim_changes_nothing_about_the_true_one() -> None:
    false = [claim(amount_usd="99.00"), claim(transaction_id="made up"), claim(amount_kas="1", order_id="theirs")]
    alone = come_to(claim(), answer())[0]
    payment, looked_up, parked = come_to(claim(), *false, answer())
    assert replace(payment, sequence=0) == replace(alone, sequence=0)
    assert set(parked) == {each.id for each in false}
    assert not looked_up


def test_of_many_false_claims_some_are_kept_and_the_others_change_nothing() -> None:
    false = [claim(amount_usd=f"{number}.99") for number in range(100, 160)]
    for true in ([claim()], []):
        reports = [*false, *true, answer()]
        state = put_together(a_store(), Reported(reports, len(reports), "cause", AT))
        rest = [each for each in reports if each.id not in state.dropped]
        assert len(rest) == 20 + len(true) + 1
        again = put_together(a_store(), Reported(rest, len(reports), "cause", AT))
        assert (again.commands, again.dropped) == (state.commands, [])
        assert set(state.unusable) == {each.id for each in false}


def test_a_payment_whose_claims_name_different_orders_is_for_neither() -> None:
    """KasperoPay does not say for which order it was; who claims the other one may be anybody."""
    payment = come_to(claim(), claim(order_id="theirs"), claim(order_id=...), answer())[0]
    assert (payment.status, payment.wanted) == ("completed", ())
    assert payment.reason == "Its webhooks name different orders: ord_456, theirs."
    assert come_to(claim(), claim(order_id=None), answer())[0].wanted == ("default:order:ord_456",)
    assert come_to(claim(order_id=1024), answer(), orders_of="north")[0].wanted == ("north:order:1024",)


def test_what_was_not_answered_in_time_is_parked_and_a_later_claim_is_looked_up() -> None:
    payment, looked_up, parked = come_to(claim(), no_answer())
    assert (payment.status, looked_up) == ("unverified", False)
    assert list(parked.values()) == [payment.reason] == ["It could not be verified. HTTP 404."]
    payment, looked_up, parked = come_to(claim(), no_answer(), claim(5, amount_usd="15.06"))
    assert (payment.status, looked_up, set(parked)) == ("unverified", True, {claim().id})
    payment, looked_up, parked = come_to(claim(), no_answer(), answer())
    assert (payment.status, looked_up, parked) == ("completed", False, {})


def test_a_replay_looks_up_again_what_is_not_verified() -> None:
    for reports in ([claim(), no_answer()], [claim(), answer(txid="other")]):
        assert come_to(*reports, retried=True)[1]
    assert not come_to(claim(), answer(), retried=True)[1]
    assert come_to(claim(), answer(store_name="Renamed"), store_name="Renamed", retried=True)[0].status == "completed"


def test_an_answer_to_nothing_is_nothing() -> None:
    assert put_together(a_store(), Reported([answer()], 1, "", AT)) == State()


# --- reading a webhook --------------------------------------------------------------------------------------------


def test_neither_the_buyer_nor_the_wallet_is_kept() -> None:
    kept = claims.kept_body(json.dumps(paid(items=[{"name": "x" * 10**6}])).encode())
    assert len(kept) < 500
    for word in (b"anna", b"qrwallet", b"Shirt", b"metadata", b"items"):
        assert word not in kept
    assert claims.kept_body(kept) == kept, "a replay reads the same"


@pytest.mark.parametrize("odd", [None, [], {}, True, "", 10**300, "\ud800", "x" * 500], ids=repr)
def test_an_odd_order_id_costs_no_payment(odd: Any) -> None:
    assert come_to(claim(order_id=odd), answer())[0].status == "completed"


@pytest.mark.parametrize(
    ("field", "odd"),
    [
        *itertools.product(["payment_id", "transaction_id"], [..., None, "", [], {"a": 1}, True, 7, "x" * 2_000]),
        *itertools.product(
            ["amount_kas", "amount_usd"], [..., None, "", [], {"a": 1}, True, "0", "-1", "NaN", "1e400"]
        ),
        *itertools.product(["amount_kas", "amount_usd"], ["1,5", "\0", "x" * 2_000, 10**400]),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_without_an_amount_a_transaction_or_an_id_it_is_parked(field: str, odd: Any) -> None:
    with pytest.raises(Invalid) as caught:
        claim(**{field: odd})
    assert list(caught.value.details) == [field]


@pytest.mark.parametrize("odd", ["../admin", "a/b", "a?b", "a#b", "a b", "..", "%2e", "ä", "x" * 101, "a\r\nb", "{}"])
def test_a_payment_id_can_not_lead_elsewhere(odd: str) -> None:
    with pytest.raises(Invalid, match="The payment is not valid"):
        claim(payment_id=odd)


def test_an_event_of_another_name_is_ignored() -> None:
    sender = KasperoPay()
    webhook = sender.read({}, json.dumps(paid(event="payment.refunded")).encode())
    assert (webhook.topic, webhook.resource_id) == ("payment.refunded", "pay_1")
    assert sender.translate(webhook, a_store(), AT, "cause") == ()


# --- reading an answer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "pending"}, "is 'pending'"),
        ({"status": "confirming"}, "is 'confirming'"),
        ({"status": "expired"}, "is 'expired'"),
        ({"status": ["completed"]}, "in no known status"),
        ({"status": ...}, "in no known status"),
        ({"txid": ...}, "it has no txid"),
        ({"txid": " "}, "it has no txid"),
        ({"store_name": None}, "it has no store_name"),
        ({"amount_usd": None}, "must be an amount"),
        ({"amount_kas": 0}, "must be more than 0"),
        ({"payment_id": "pay_2"}, "about another payment"),
    ],
)
def test_what_is_not_a_whole_completed_payment_verifies_nothing(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotYet, match=reason):
        answer(**changes)


@pytest.mark.parametrize(
    ("code", "content_type", "body"),
    [
        (404, "application/json", b"{}"),
        (500, "application/json", b"{}"),
        (302, "application/json", b""),
        (204, "application/json", b""),
        (200, "text/html", json.dumps(completed()).encode()),
        (200, "application/json", b"<html>"),
        (200, "application/json", b"[]"),
        (200, "application/json", b"null"),
        (200, "application/json", b'{"status": "completed", "status": "completed"}'),
        (200, "application/json", b'{"amount_usd": 1e999999999, "status": "completed", "amount_kas": 1}'),
    ],
)
def test_what_is_no_answer_verifies_nothing(code: int, content_type: str, body: bytes) -> None:
    with pytest.raises(NotYet):
        answer_of(Reply(code, {"content-type": content_type}, body), "pay_1")


def test_a_time_that_can_not_be_read_costs_no_payment() -> None:
    payment = come_to(claim(), answer(confirmed_at="yesterday"))[0]
    assert (payment.status, payment.paid_at) == ("completed", None)


# --- settings and pauses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        *("", "kaspa-store.com/{payment_id}", "ftp://a/{payment_id}", "https://a/pay", "https://{payment_id}.a/pay"),
        *(
            "https://user:x@a/{payment_id}",
            "https://a/{payment_id}#b",
            "https://a/ {payment_id}",
            "https://[/{payment_id}",
        ),
        "https://a/{payment_id}/{payment_id}",
    ],
)
def test_the_address_of_the_look_up_has_the_payment_in_its_path(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        read_url(url)


def test_the_address_may_be_any_other() -> None:
    for url in (
        status.DEFAULT_URL,
        "https://kaspa-store.com/pay/status/{payment_id}",
        "http://10.0.0.5/?id={payment_id}",
    ):
        assert read_url(f" {url} ") == url


def test_it_is_looked_up_often_for_ten_minutes_and_hourly_then() -> None:
    age, at = timedelta(), []
    for attempts in range(1, 100):
        age += pause(attempts, age)
        at.append(age)
        if age >= timedelta(days=3):
            break
    seconds = [each.total_seconds() for each in at]
    assert seconds[:5] == [5, 20, 50, 110, 170]
    often = [0, *(each for each in seconds if each <= 600)]
    assert max(later - earlier for earlier, later in itertools.pairwise(often)) == 60
    assert len(at) < 90


def test_amounts_are_kept_in_one_form() -> None:
    for text in ("15", "15.0", "15.00", "15.000", "1.5e1"):
        assert claims.usd(text) == Decimal128("15.00")
        assert str(claims.kas(text)) == "15"
    assert claims.usd("15.055") == Decimal128("15.055")
