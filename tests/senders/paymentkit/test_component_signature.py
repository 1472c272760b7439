"""The component signature is checked over the very text that its sender signs in JavaScript."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pos_api.errors import PayloadTooLarge, Unauthorized
from pos_api.senders.paymentkit import component_signature
from pos_api.senders.paymentkit.component_signature import (
    is_signed_by,
    read_public_key,
    signed_texts,
    stable_json,
)

# Made with the provider's own SDK.
PUBLIC_KEY = "3aadb566d994760d01c50fe06a2d3025c42204cb4f489bd615ea4e3f9224b193"
SIGNATURE = (
    "66bf81eb87c3909a6dfa3d193acc02d8bf775e3b36bf85a46dd87651b3919374"
    "e044b546f85c0a5162b3ae70d214386f54ceea45b477e0e250f67488ddfc3203"
)
TEXT = (
    '{"body":{"amount":1,"b":"å","id":"evt_1","type":"payment_intent.succeeded"},"exp":1795836649,"iat":1795836349,'
    '"method":"post","query":{"x":"1"},"url":"/webhooks/paymentkit"}'
)
BODY = b'{"type": "payment_intent.succeeded", "id": "evt_1", "amount": 1, "b": "\\u00e5"}'
HEADERS = {
    "x-component-sig": f"0x{SIGNATURE}",
    "x-component-sig-iat": "1795836349",
    "x-component-sig-exp": "1795836649",
    "x-component-sig-version": "1",
}


def _at(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    monkeypatch.setattr(component_signature, "now", lambda: datetime.fromtimestamp(seconds, UTC))


def _verifies(body: bytes = BODY, path: str = "/webhooks/paymentkit", query: str = "x=1", **headers: str) -> bool:
    given = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return is_signed_by(PUBLIC_KEY, *signed_texts(given, body, "post", path, query))


def test_the_vector_of_the_providers_own_code_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    _at(monkeypatch, 1795836400)
    assert _verifies()
    assert _verifies(x_component_sig=SIGNATURE), "also without 0x"
    text = json.loads(TEXT)
    assert stable_json(dict(reversed(text.items()))) == TEXT


def test_anything_altered_does_not_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    _at(monkeypatch, 1795836400)
    assert not _verifies(BODY.replace(b"1,", b"2,"))
    assert not _verifies(path="/webhooks/stripe")
    assert not _verifies(query="x=2")
    assert not _verifies(query="")
    assert not _verifies(x_component_sig_iat="1795836350")
    assert not _verifies(x_component_sig_exp="1795836650")
    assert not _verifies(x_component_sig="0" * 128)


def test_the_path_may_be_signed_with_a_prefix_that_a_proxy_took_off(monkeypatch: pytest.MonkeyPatch) -> None:
    _at(monkeypatch, 1795836400)
    assert not _verifies(path="/paymentkit")
    assert _verifies(path="/paymentkit", x_path_prefix="/webhooks")
    assert _verifies(path="/paymentkit", x_path_prefix="/webhooks/")
    assert not _verifies(path="/paymentkit", x_path_prefix="/webhooks?x=")


@pytest.mark.parametrize(("present", "counts"), [(1795836049, True), (1795836048, False), (1795836649, True)])
def test_it_counts_from_five_minutes_ahead_until_it_expires(
    monkeypatch: pytest.MonkeyPatch, present: int, counts: bool
) -> None:
    _at(monkeypatch, present)
    if counts:
        assert _verifies()
    else:
        with pytest.raises(Unauthorized, match="time"):
            _verifies()


def test_an_expired_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _at(monkeypatch, 1795836650)
    with pytest.raises(Unauthorized, match="past its time"):
        _verifies()


@pytest.mark.parametrize(
    "odd",
    [
        {"x_component_sig": ""},
        {"x_component_sig": "0x12"},
        {"x_component_sig": "\u00e4" * 128},
        {"x_component_sig_iat": "soon"},
        {"x_component_sig_iat": "\u00b2"},
        {"x_component_sig_exp": "9" * 400},
        {"x_component_sig_version": "2"},
        {"body": b"no JSON"},
        {"body": b"\xff"},
        {"body": b'"\\ud800"'},
        {"body": b"[" * 100_000},
        {"query": "&".join(["a=1"] * 500)},
    ],
)
def test_what_can_not_be_read_is_refused(monkeypatch: pytest.MonkeyPatch, odd: dict[str, Any]) -> None:
    _at(monkeypatch, 1795836400)
    with pytest.raises(Unauthorized):
        _verifies(**odd)


def test_of_a_large_body_no_text_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    _at(monkeypatch, 1795836400)
    with pytest.raises(PayloadTooLarge):
        _verifies(b" " * 300_000)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[1.0, -0.0, 1.50, 100, 1e2, -7]", "[1,0,1.5,100,100,-7]"),
        ("[1e21, 1e20, 123456789012345678901234567890]", "[1e+21,100000000000000000000,1.2345678901234568e+29]"),
        ("[0.000001, 1e-7, 1.5e-10, 0.1]", "[0.000001,1e-7,1.5e-10,0.1]"),
        ("[9007199254740993, 1152921504606846976]", "[9007199254740992,1152921504606847000]"),
        ("[1e400]", "[null]"),
        ('{"b": null, "a": true, "\\ud83d\\ude00": 1, "\\uff01": 2}', '{"a":true,"b":null,"😀":1,"！":2}'),
        ('["\\u0000\\u001f\\n\\"\\\\\\u007f/<å"]', '["\\u0000\\u001f\\n\\"\\\\\x7f/<å"]'),
        ("{}", "{}"),
    ],
)
def test_the_text_is_as_javascript_writes_it(value: str, expected: str) -> None:
    assert stable_json(json.loads(value)) == expected


def test_a_public_key_is_kept_in_one_form() -> None:
    assert read_public_key(f" 0x{PUBLIC_KEY.upper()} ") == PUBLIC_KEY
    for wrong in ("", "0x12", PUBLIC_KEY + "00", "g" * 64):
        with pytest.raises(ValueError, match="64 hexadecimal digits"):
            read_public_key(wrong)
