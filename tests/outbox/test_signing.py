"""Each form of a delivery is what its receivers expect: the envelope, and a signature of exactly these bytes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from pos_api.errors import Invalid
from pos_api.outbox.envelopes import Message, envelope, webhook_id
from pos_api.outbox.model import SignatureForm
from pos_api.outbox.signing import RESERVED_HEADERS, check_secret, new_secret, signed_request

FORMS: tuple[SignatureForm, ...] = get_args(SignatureForm)
AT = datetime(2026, 11, 28, 20, 15, 30, 123_000, tzinfo=UTC)
DATA = '{"id": "124",  "name":"Å\\u00e5 \U0001f373","total":"1.10","n":1.10}'.encode()
NEW, FORMER = "a secret of 20 chars", "another of 20 chars!"
MESSAGE = Message("order:default:124:7", "order.created", AT, "default", "default:124", DATA)


def hexadecimal(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


# --- envelopes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "standard",
            {
                "id": "order:default:124:7",
                "type": "order.created",
                "timestamp": "2026-11-28T20:15:30.123Z",
                "store": "default",
                "data": json.loads(DATA),
            },
        ),
        (
            "karma",
            {
                "id": "order:default:124:7",
                "event": "order.created",
                "resource": "order",
                "resourceId": "default:124",
                "timestamp": "2026-11-28T20:15:30.123Z",
                "apiVersion": "v1",
                "data": json.loads(DATA),
            },
        ),
        (
            "kaynko",
            {"event": "order.created", "data": json.loads(DATA), "timestamp": "2026-11-28T20:15:30.123Z"},
        ),
        (
            "stripe",
            {
                "id": "order:default:124:7",
                "object": "event",
                "created": 1795896930,
                "data": {"object": json.loads(DATA)},
                "livemode": True,
                "type": "order.created",
            },
        ),
    ],
)
def test_an_event_is_in_the_envelope_of_its_form(form: SignatureForm, expected: dict[str, Any]) -> None:
    body = envelope(form, MESSAGE)
    assert json.loads(body) == expected
    assert list(json.loads(body)) == list(expected)


@pytest.mark.parametrize("form", FORMS)
def test_the_data_is_sent_as_the_bytes_that_are_stored(form: SignatureForm) -> None:
    assert DATA in envelope(form, MESSAGE)


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    for at, text in (
        (datetime(2026, 11, 28, 21, 15, 30, tzinfo=timezone(timedelta(hours=1))), "2026-11-28T20:15:30.000Z"),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "1969-12-31T23:59:59.999Z"),
    ):
        message = Message("a", "b.c", at, None, "a", b"{}")
        assert json.loads(envelope("standard", message))["timestamp"] == text
    assert json.loads(envelope("standard", message))["store"] is None


@pytest.mark.parametrize(
    ("event_id", "sent"),
    [
        ("order:default:124:7:completed", "order:default:124:7:completed"),
        ("payment:till-1:pay_a~B:2", "payment:till-1:pay_a~B:2"),
        ("stock:SKU 1.5:3", "stock:SKU%201%2E5:3"),
        ("stock:Å/ä%2E\r\nX: y:3", "stock:%C3%85%2F%C3%A4%252E%0D%0AX:%20y:3"),
    ],
)
def test_the_id_of_any_event_is_a_valid_webhook_id(event_id: str, sent: str) -> None:
    """It goes in a header, and a full stop separates it from the time in what is signed."""
    assert webhook_id(event_id) == sent
    assert re.fullmatch(r"[!-~]+", sent)
    assert "." not in sent


# --- signatures ---------------------------------------------------------------------------------------------------


def standard_headers(secrets: list[str], at: datetime) -> tuple[dict[str, str], bytes]:
    request = signed_request("standard", MESSAGE, secrets, at)
    return dict(request.headers), request.body


def test_standard_webhooks_own_library_verifies_either_secret() -> None:
    new, former = new_secret(), new_secret()
    headers, body = standard_headers([new, former], datetime.now(UTC))
    for secret in (new, former):
        assert Webhook(secret).verify(body, headers)["type"] == "order.created"
        for changed in (body[:-1] + b" }", body.replace(b"124", b"125", 1)):
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(changed, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body, standard_headers([new], datetime.now(UTC) - timedelta(minutes=6))[0])


def test_a_signature_is_of_the_moment_of_the_attempt_in_any_time_zone() -> None:
    secret = "whsec_" + base64.b64encode(bytes(range(24))).decode()
    there = AT.astimezone(timezone(timedelta(hours=-5)))
    headers, body = standard_headers([secret], there)
    key = hmac.new(bytes(range(24)), b"order:default:124:7.1795896930.%s" % body, hashlib.sha256)
    assert headers == {
        "Content-Type": "application/json",
        "webhook-id": "order:default:124:7",
        "webhook-timestamp": "1795896930",
        "webhook-signature": "v1," + base64.b64encode(key.digest()).decode(),
    }
    assert signed_request("stripe", MESSAGE, [NEW], there).headers["Stripe-Signature"].startswith("t=1795896930,v1=")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("karma", lambda body: {"x-webhook-signature": hexadecimal(NEW, body)}),
        (
            "kaynko",
            lambda body: {
                "X-Kaynko-Event": "order.created",
                "X-Kaynko-Signature": f"sha256={hexadecimal(NEW, body)}",
            },
        ),
        ("stripe", lambda body: {"Stripe-Signature": f"t=1795896930,v1={hexadecimal(NEW, b'1795896930.' + body)}"}),
    ],
)
def test_the_other_forms_are_signed_with_the_text_of_the_secret(form: SignatureForm, expected: Any) -> None:
    request = signed_request(form, MESSAGE, [NEW], AT)
    always = {"Content-Type": "application/json", "webhook-id": "order:default:124:7"}
    assert request.headers == {**always, **expected(request.body)}


def test_while_a_secret_is_replaced_both_sign() -> None:
    """The newest signs where it always does; Karma's and Kaynko's header has no room for two."""
    requests = {form: signed_request(form, MESSAGE, [NEW, FORMER], AT) for form in FORMS if form != "standard"}
    karma, kaynko, stripe = requests["karma"], requests["kaynko"], requests["stripe"]
    assert karma.headers["x-webhook-signature"] == hexadecimal(NEW, karma.body)
    assert karma.headers["x-webhook-signature-former"] == hexadecimal(FORMER, karma.body)
    assert kaynko.headers["X-Kaynko-Signature"] == f"sha256={hexadecimal(NEW, kaynko.body)}"
    assert kaynko.headers["X-Kaynko-Signature-Former"] == f"sha256={hexadecimal(FORMER, kaynko.body)}"
    signed = b"1795896930." + stripe.body
    signatures = f"v1={hexadecimal(NEW, signed)},v1={hexadecimal(FORMER, signed)}"
    assert stripe.headers["Stripe-Signature"] == f"t=1795896930,{signatures}"


@pytest.mark.parametrize("form", FORMS)
def test_the_headers_of_a_delivery_can_not_be_set_by_a_subscription(form: SignatureForm) -> None:
    request = signed_request(form, MESSAGE, [new_secret(), new_secret()], AT)
    assert {name.lower() for name in request.headers} <= RESERVED_HEADERS
    assert all(re.fullmatch(r"[ -~]+", value) for value in request.headers.values())


# --- secrets ------------------------------------------------------------------------------------------------------


def whsec(size: int) -> str:
    return "whsec_" + base64.b64encode(b"\xfb" * size).decode()


@pytest.mark.parametrize("form", FORMS)
def test_a_new_secret_fits_every_form_and_is_new(form: SignatureForm) -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    for secret in made:
        check_secret(secret, form)
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{40}", secret)


@pytest.mark.parametrize("secret", [whsec(24), whsec(25), whsec(32), whsec(64)])
def test_a_secret_of_24_to_64_bytes_fits_standard_webhooks(secret: str) -> None:
    check_secret(secret, "standard")


@pytest.mark.parametrize(
    "secret",
    [
        *("", "whsec_", whsec(23), whsec(65), whsec(32).removeprefix("whsec_"), "WHSEC_" + whsec(32)[6:]),
        *(whsec(25).rstrip("="), whsec(25) + "=", whsec(32).replace("+", "-"), whsec(30) + "\n", " " + whsec(30)),
        *(whsec(30)[:10] + " " + whsec(30)[10:], "whsec_" + "å" * 40, whsec(25)[:-3] + "9==", "whsec_" + "=" * 40),
    ],
)
def test_any_other_secret_does_not_fit_standard_webhooks(secret: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_secret(secret, "standard")
    assert refused.value.details == {"secret": [refused.value.message]}
    assert len(secret) < 16 or secret.strip() not in refused.value.message


@pytest.mark.parametrize("form", ["karma", "kaynko", "stripe"])
def test_the_other_forms_take_a_text_of_16_to_128_characters(form: SignatureForm) -> None:
    for secret in ("a" * 16, "a" * 128, "with blanks within it", "nyckel för smörgåsar", whsec(24)):
        check_secret(secret, form)
    for secret in ("", "a" * 15, "a" * 129, " " + "a" * 16, "a" * 16 + "\n", "a" * 16 + "\x00" + "a", "\ud800" * 16):
        with pytest.raises(Invalid):
            check_secret(secret, form)
