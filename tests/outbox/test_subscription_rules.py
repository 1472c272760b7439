"""What a subscription may be, and what is refused with its reason."""

from __future__ import annotations

import typing

import pytest

from pos_api import events
from pos_api.errors import Invalid
from pos_api.outbox import subscription_rules as rules
from pos_api.outbox.event_types import EVENT_TYPES, PATTERNS, types_of
from pos_api.outbox.model import matches
from pos_api.outbox.subscription_rules import checked_events, checked_headers, checked_metadata, masked


def _problem(error: pytest.ExceptionInfo[Invalid], field: str) -> str:
    [problem] = error.value.details[field]
    return str(problem)


def test_the_catalogue_has_every_type_that_domains_have() -> None:
    changes = {
        noun: typing.get_args(of_noun)
        for noun, of_noun in {
            "order": events.OrderChange,
            "product": events.ProductChange,
            "customer": events.CustomerChange,
            "payment": events.PaymentChange,
            "session": events.CashSessionChange,
            "subscription": events.SubscriptionChange,
        }.items()
    }
    of_domains = {f"{noun}.{change}" for noun, of_noun in changes.items() for change in of_noun}
    others = {"stock.changed", "stock.low", "delivery.parked", "store.silent", "store.drift", "ping"}
    assert set(EVENT_TYPES) == of_domains | others


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_stands_for_the_types_that_a_delivery_is_written_for(pattern: str) -> None:
    assert types_of(pattern) == [type for type in EVENT_TYPES if matches(pattern, type)]


def test_events_are_kept_once_each_and_in_their_order() -> None:
    assert checked_events(["stock.low", "order.*", "stock.low"]) == ["stock.low", "order.*"]
    assert checked_events(["*"]) == ["*"]


@pytest.mark.parametrize(
    "unknown", ["order.shipped", "order", "Order.created", "order.created ", "orders.*", "*.*", ""]
)
def test_an_unknown_event_is_refused_with_all_there_are(unknown: str) -> None:
    with pytest.raises(Invalid) as error:
        checked_events(["order.created", unknown])
    problem = _problem(error, "events")
    assert problem.startswith(f"{unknown}: no such events")
    assert all(type in problem for type in (*EVENT_TYPES, *PATTERNS))


def test_headers_of_a_subscriptions_own_are_kept_as_they_are() -> None:
    headers = {"Authorization": "Bearer a b", "X-Tenant": "7"}
    assert checked_headers(headers) == headers
    assert masked(headers) == {"Authorization": "***", "X-Tenant": "***"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("Host", "x"), ("content-length", "1"), ("Transfer-Encoding", "chunked"), ("Proxy-Authorization", "x")),
        *(("webhook-id", "x"), ("Webhook-Signature", "x"), ("X-Webhook-Signature", "x"), ("Stripe-Signature", "x")),
        *(("", "x"), ("X Y", "x"), ("X:Y", "x"), ("Ä", "x"), ("X\nY", "x"), ("$X", "x"), ("X" * 101, "x")),
        *(("X", ""), ("X", " "), ("X", "a\r\nHost: b"), ("X", "a\0"), ("X", "å"), ("X", " a"), ("X", "a ")),
    ],
)
def test_a_header_that_can_not_be_sent_is_refused_without_its_value(name: str, value: str) -> None:
    with pytest.raises(Invalid) as error:
        checked_headers({name: value})
    problem = _problem(error, "headers")
    assert len(value) < 3 or value not in problem


@pytest.mark.parametrize(
    "headers",
    [
        {f"X-{number}": "a" for number in range(21)},
        {f"X-{number}": "a" * 1000 for number in range(5)},
        {"X-A": "1", "x-a": "2"},
    ],
)
def test_headers_have_limits(headers: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="not valid"):
        checked_headers(headers)


def test_a_masked_value_that_is_sent_back_stays_what_it_was() -> None:
    assert checked_headers({"x-key": "***", "X-New": "1"}, {"X-Key": "secret"}) == {"x-key": "secret", "X-New": "1"}
    with pytest.raises(Invalid, match="not valid"):
        checked_headers({"X-Other": "***"}, {"X-Key": "secret"})


@pytest.mark.parametrize(
    "metadata",
    [{str(number): "" for number in range(51)}, {"": "x"}, {"$a": "x"}, {"n" * 41: "x"}, {"n": "x" * 501}],
)
def test_metadata_has_limits(metadata: dict[str, str]) -> None:
    assert checked_metadata({str(number): "x" * 500 for number in range(50)})
    with pytest.raises(Invalid) as error:
        checked_metadata(metadata)
    assert _problem(error, "metadata")


def test_what_signs_a_delivery_is_no_header_of_a_subscriptions_own() -> None:
    assert rules.is_ours("Webhook-Signature")
    assert rules.is_ours("PROXY-Connection")
    assert not rules.is_ours("Authorization")
