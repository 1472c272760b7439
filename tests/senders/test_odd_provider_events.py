"""Whatever the fields of a payment provider's event hold, it is used, ignored or parked: never a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pos_api.errors import BadRequest, Invalid
from pos_api.senders.base import Sender
from pos_api.senders.payment_provider.events import moment
from pos_api.senders.paymentkit.sender import PaymentKit
from pos_api.senders.reports import KnownReport, Report, Reported
from pos_api.senders.stripe.sender import Stripe
from pos_api.stores.model import Store
from tests.senders.paymentkit import events as kit
from tests.senders.stripe import events as stripe

_AT = datetime(2026, 11, 28, tzinfo=UTC)
_EVENTS: dict[str, tuple[Sender[Any], list[dict[str, Any]]]] = {
    "stripe": (
        Stripe(),
        [
            stripe.event("payment_intent.succeeded", stripe.intent(amount_details={"tip": {"amount": 1}})),
            stripe.event("payment_intent.payment_failed", stripe.intent(last_payment_error={"code": "x"})),
            stripe.event("payment_intent.succeeded", stripe.intent(charges={"data": [stripe.charge(0)]})),
            stripe.event("checkout.session.completed", stripe.session()),
            stripe.event("invoice.paid", stripe.invoice(payments={"data": [{"status": "paid", "payment": {}}]})),
            stripe.event("charge.refunded", stripe.charge(5000)),
            stripe.event("refund.updated", stripe.refund(1, 5000)),
            stripe.event("customer.subscription.updated", stripe.subscription()),
        ],
    ),
    "paymentkit": (
        PaymentKit(),
        [
            kit.event("payment_intent.succeeded", kit.intent()),
            kit.event("checkout.session.completed", kit.session()),
            kit.event("invoice.paid", kit.invoice()),
            kit.event("refund.succeeded", kit.refund(1, "500")),
            kit.event("customer.subscription.renewed", kit.subscription()),
        ],
    ),
}
_ODD: list[Any] = [
    *(None, True, False, 0, -1, 0.1, 1e308, -0.0, 2**63, 2**64, 10**40, -(10**40), 253402300800, 1e20),
    *("", " ", "\0", "a\0b", "\ud800", "²", "١٢٣", "1e400", "9" * 400, "x" * 5000, "$where", "{{7*7}}", "NaN"),
    *("9998-12-31T23:59:59Z", "0000-00-00T00:00:00", "2026-11-22T06:51:40+99:99", "0001-01-01T00:00:00+14:00"),
    *([], {}, [[]], [{}], {"id": "x"}, {"id": None}, {"data": [None, 7, {"id": 1}]}, {"$gt": ""}, {"a.b": {"": 1}}),
]


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of `node` with each of its keys."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield node, key
        yield from _places(value)


@pytest.mark.parametrize("kind", _EVENTS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_event_of_odd_fields_is_used_or_parked_with_a_reason(kind: str, data: st.DataObject) -> None:
    sender, events = _EVENTS[kind]
    odd = json.loads(json.dumps(data.draw(st.sampled_from(events))))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(_places(odd)) or [(odd, "id")]))
        container[key] = json.loads(json.dumps(data.draw(st.sampled_from(_ODD))))
    try:
        message = sender.read({}, sender.kept_body(json.dumps(odd).encode()))
        commands = sender.translate(message, Store(kind, kind, kind), _AT, "cause")
    except (Invalid, BadRequest):
        return
    for report in commands:
        assert isinstance(report, Report)
        kept: Any = bson.decode(bson.encode({"content": report.content, "at": report.at, "thing": report.thing}))
        known = KnownReport(report.id, report.name, kept["content"], report.at, _AT, "cause")
        for command in report.put_together(Reported([known], 1, "cause", _AT)).commands:
            assert command.store == kind


@pytest.mark.parametrize("value", ["9999-12-31T23:30:00Z", "0001-01-01T00:30:00Z", "1969-12-31T23:59:59Z", 0, 10**12])
def test_a_time_that_no_payment_can_have_is_none(value: Any) -> None:
    assert moment(value) is None
    assert moment("2026-11-22T12:00:00Z") == datetime(2026, 11, 22, 12, tzinfo=UTC)
