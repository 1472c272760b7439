"""The headers of a delivery that count here, and WooCommerce's ping."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pos_api.common.email_addresses import without_addresses

TOPIC_HEADER = "x-wc-webhook-topic"
SIGNATURE_HEADER = "x-wc-webhook-signature"
SOURCE_HEADER = "x-wc-webhook-source"
DELIVERY_HEADER = "x-wc-webhook-delivery-id"
KEPT_HEADERS = (
    "content-type",
    "user-agent",
    TOPIC_HEADER,
    SOURCE_HEADER,
    "x-wc-webhook-id",
    DELIVERY_HEADER,
    "webhook-id",
    "webhook-timestamp",
)
"""What is kept with an event for tracing and for reading it again; never a key or a signature."""

_USER = re.compile("//[^/?#]*@")


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of KEPT_HEADERS that there are, without e-mail addresses, which no erasure of a person would find there."""
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    if SOURCE_HEADER in kept:  # its host counts, a user name before it does not
        kept[SOURCE_HEADER] = _USER.sub("//", kept[SOURCE_HEADER])
    return {name: without_addresses(value) for name, value in kept.items()}


def is_ping(content_type: str, body: bytes) -> bool:
    """Whether this is the form `webhook_id=N` that WooCommerce sends, unsigned, when a webhook is switched on
    (`WC_Webhook::deliver_ping`, which expects exactly 200)."""
    return content_type.startswith("application/x-www-form-urlencoded") and body.startswith(b"webhook_id=")
