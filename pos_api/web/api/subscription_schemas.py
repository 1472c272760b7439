"""What the routes of subscriptions take and give."""

from __future__ import annotations

from typing import Any, get_args

from marshmallow import Schema, ValidationError, fields, validate

from pos_api.common.time import day_or_moment
from pos_api.outbox import subscription_rules as rules
from pos_api.outbox.event_types import EVENT_TYPES, PATTERNS
from pos_api.outbox.model import DeliveryState, Payload, SignatureForm
from pos_api.outbox.queries import MOST_BACKLOG
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.schemas import Time, Trimmed

_ID = "sub_3f0a5b9c1d2e4f60718293a4"
_EVENT = "order:default:4711:3"
_EXAMPLE = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def is_day_or_moment(text: str) -> None:
    """Raises ValidationError for what is neither a day nor a time."""
    try:
        day_or_moment(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def time_bound(description: str, **options: Any) -> fields.String:
    """The first or last day (UTC) or time of a filter."""
    metadata = {"example": "2026-11-28", "description": description}
    return fields.String(validate=[validate.Length(max=40), is_day_or_moment], metadata=metadata, **options)


def _texts(most: int, example: list[str], description: str, longest: int = 100) -> fields.List[Any]:
    return fields.List(
        fields.String(validate=validate.Length(1, longest)),
        validate=validate.Length(max=most),
        metadata={"description": description, "example": example},
    )


def _pairs(example: dict[str, str], description: str) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"description": description, "example": example}
    )


def _url(**options: Any) -> Trimmed:
    return Trimmed(
        validate=validate.Length(1, rules.MOST_URL),
        metadata={
            "description": "Where events are sent: https, a public address, port 443, 8443 or one over 1023, no user"
            " name; see OUTBOUND_ALLOW for one in your own network.",
            "example": "https://erp.example/hooks/pos",
        },
        **options,
    )


def _events(**options: Any) -> fields.List[Any]:
    return fields.List(
        fields.String(metadata={"example": "order.completed"}),
        validate=validate.Length(1, rules.MOST_EVENTS),
        metadata={
            "description": f"Types (`GET /api/v1/event-types`), or {', '.join(f'`{each}`' for each in PATTERNS)}.",
            "example": ["order.*", "stock.low"],
        },
        **options,
    )


class SubscriptionChange(Schema):
    """Settings of a subscription; what is left out stays as it is."""

    url = _url()
    events = _events()
    active = fields.Boolean(
        truthy={True},
        falsy={False},
        metadata={"description": "While false, events are kept for it and not sent.", "example": True},
    )
    description = fields.String(
        validate=validate.Length(max=rules.MOST_DESCRIPTION), metadata={"example": "Bookkeeping"}
    )
    stores = _texts(rules.MOST_STORES, [], "Only events of these stores; none: of all, and those of no store.", 40)
    signature = fields.String(
        validate=validate.OneOf(get_args(SignatureForm)),
        metadata={
            "description": "The form of signature and body: Standard Webhooks, or what receivers that were made for"
            " another sender know."
        },
    )
    payload = fields.String(
        validate=validate.OneOf(get_args(Payload)),
        metadata={"description": "`full`: `data` is all that the API shows of the thing; `thin`: what identifies it."},
    )
    headers = _pairs(
        {"Authorization": "Bearer 3c7a"},
        f"Sent with each delivery, at most {rules.MOST_HEADERS}. Answers show `{rules.MASK}` for each value; sent back"
        " so, a value stays as it is.",
    )
    rate_limit = fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(1, rules.MOST_RATE),
        metadata={"description": "Deliveries in a second at most; null: no limit.", "example": None},
    )
    metadata = _pairs(
        {"team": "books"},
        f"Notes of your own, which are only kept: at most {rules.MOST_METADATA}, with names of"
        f" {rules.MOST_METADATA_NAME} and values of {rules.MOST_METADATA_VALUE} characters.",
    )


class NewSubscription(SubscriptionChange):
    """A new subscription."""

    url = _url(required=True)
    events = _events(required=True)
    secret = fields.String(
        load_default="",
        metadata={
            "description": "What deliveries are signed with; without it one is made. `whsec_` and the base64 of 24"
            " to 64 bytes; for the signatures other than `standard` also any text of 16 to 128 characters.",
            "example": _EXAMPLE,
            "format": "password",
        },
    )


class SubscriptionHealth(Schema):
    """How a subscription's deliveries fare."""

    state = fields.String(
        required=True,
        validate=validate.OneOf(["ok", "paused", "failing", "off", "disabled"]),
        metadata={
            "description": "`paused`: after failures in a row nothing is sent for a while. `failing`: it only failed"
            " for a day or longer. `off`: somebody switched it off. `disabled`: the POS did."
        },
    )
    backlog = fields.Integer(
        required=True,
        metadata={"description": f"Deliveries that wait; {MOST_BACKLOG:,} may be more.", "example": 0},
    )
    last_success_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-28T06:51:08Z"})
    last_failure_at = Time(required=True, allow_none=True, metadata={"example": None})
    last_failure = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it failed.", "example": "It answered 500."}
    )
    failing_since = Time(
        required=True,
        allow_none=True,
        metadata={"description": "The first failure since the last success.", "example": None},
    )
    failures_in_row = fields.Integer(
        required=True, metadata={"description": "Failed attempts since the last success.", "example": 0}
    )
    is_failing = fields.Boolean(
        required=True, metadata={"description": "Whether it only failed for a day or longer.", "example": False}
    )
    paused_until = Time(
        required=True, allow_none=True, metadata={"description": "Nothing is sent before.", "example": None}
    )
    disabled_at = Time(required=True, allow_none=True, metadata={"example": None})
    disabled_reason = fields.String(required=True, allow_none=True, metadata={"example": None})


class Subscription(Schema):
    """A subscription, without its secret."""

    id = fields.String(required=True, metadata={"example": _ID})
    url = fields.String(required=True, metadata={"example": "https://erp.example/hooks/pos"})
    events = fields.List(fields.String(), required=True, metadata={"example": ["order.*", "stock.low"]})
    active = fields.Boolean(required=True, metadata={"example": True})
    description = fields.String(required=True, metadata={"example": "Bookkeeping"})
    stores = fields.List(fields.String(), required=True, metadata={"example": []})
    signature = fields.String(required=True, validate=validate.OneOf(get_args(SignatureForm)))
    payload = fields.String(required=True, validate=validate.OneOf(get_args(Payload)))
    headers = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True, metadata={"example": {"Authorization": rules.MASK}}
    )
    rate_limit = fields.Integer(required=True, allow_none=True, metadata={"example": None})
    metadata = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True, metadata={"example": {"team": "books"}}
    )
    former_secret_until = Time(
        required=True,
        allow_none=True,
        metadata={"description": "Until then the secret before the latest signs as well.", "example": None},
    )
    created_at = Time(required=True, metadata={"example": "2026-11-28T06:51:08Z"})
    created_by = fields.String(required=True, metadata={"example": "anna"})
    updated_at = Time(required=True, metadata={"example": "2026-11-28T06:51:08Z"})
    health = fields.Nested(SubscriptionHealth, required=True)


class SubscriptionWithSecret(Subscription):
    """A subscription with its secret."""

    secret = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Shown this once; null where a request is repeated by its Idempotency-Key after 24 hours, or"
            " after the secret was changed.",
            "example": _EXAMPLE,
        },
    )


class SecretRotation(Schema):
    """Another secret."""

    needs_no_body = True
    secret = fields.String(
        load_default="",
        metadata={"description": "Without it one is made.", "example": _EXAMPLE, "format": "password"},
    )


class IdempotencyHeader(Schema):
    """The key of a request that may be repeated."""

    key = fields.String(
        data_key="Idempotency-Key",
        load_default="",
        validate=validate.Length(max=255),
        metadata={
            "description": "Any text of your own, such as a UUID: a request that is repeated with it does nothing more,"
            " and is answered as the first one was.",
            "example": "0b6ff3c6-3f3d-4a3f-9a0e-0a4f4f6d3f11",
        },
    )


class DeliveryQuery(PageQuery):
    """Which deliveries to list; filters add up."""

    state = fields.String(validate=validate.OneOf(get_args(DeliveryState)), load_default=None)
    type = fields.String(
        validate=validate.OneOf([*EVENT_TYPES, *PATTERNS]),
        load_default=None,
        metadata={"description": "A type, or all of a kind: `order.*`.", "example": "order.created"},
    )
    event = fields.String(
        validate=validate.Length(1, 1000),
        load_default=None,
        metadata={"description": "Of this event.", "example": _EVENT},
    )
    since = time_bound("Begun on this day (UTC) or time, or later.", load_default=None)
    until = time_bound("Begun up to this day (UTC, whole) or time.", load_default=None)


class SubscriptionDelivery(Schema):
    """An event for a subscription."""

    id = fields.String(required=True, metadata={"example": f"{_ID}:{_EVENT}"})
    event = fields.String(required=True, metadata={"example": _EVENT})
    type = fields.String(required=True, metadata={"example": "order.updated"})
    store = fields.String(required=True, allow_none=True, metadata={"example": "default"})
    resource = fields.String(required=True, metadata={"example": "order:default:4711"})
    state = fields.String(
        required=True,
        validate=validate.OneOf(get_args(DeliveryState)),
        metadata={"description": "`failed`: after its last attempt."},
    )
    created_at = Time(required=True, metadata={"example": "2026-11-28T06:51:08Z"})
    due_at = Time(
        required=True, allow_none=True, metadata={"description": "When it is tried next; null behind another."}
    )
    ended_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-28T06:51:09Z"})
    attempt_count = fields.Integer(required=True, metadata={"example": 1})
    last_status = fields.Integer(
        required=True, allow_none=True, metadata={"description": "What was answered last.", "example": 204}
    )
    last_error = fields.String(
        required=True, allow_none=True, metadata={"description": "Why there was no answer.", "example": None}
    )


class SentRequest(Schema):
    """What was sent."""

    url = fields.String(required=True, metadata={"example": "https://erp.example/hooks/pos"})
    headers = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={
            "description": f"`{rules.MASK}` stands for the values of the subscription's own headers.",
            "example": {"webhook-id": _EVENT, "Authorization": rules.MASK},
        },
    )
    body = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Null where the event is no longer kept; after an erasure without the personal data.",
            "example": '{"type":"order.updated"}',
        },
    )


class Attempt(Schema):
    """An attempt to deliver, and what came of it."""

    at = Time(required=True, metadata={"example": "2026-11-28T06:51:09Z"})
    seconds = fields.Float(required=True, metadata={"description": "How long it took.", "example": 0.041})
    request = fields.Nested(SentRequest, required=True)
    status = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The status of the answer.", "example": 204}
    )
    answer = fields.String(required=True, allow_none=True, metadata={"description": "Its first 16 KiB.", "example": ""})
    error = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why there was no answer.", "example": "erp.example did not answer in time."},
    )
    cause = fields.String(
        required=True, allow_none=True, metadata={"description": "The same for programs.", "example": "timeout"}
    )


class WholeDelivery(SubscriptionDelivery):
    """A delivery with its attempts. The bodies hold personal data."""

    attempts = fields.List(fields.Nested(Attempt), required=True, metadata={"description": "The oldest first."})
