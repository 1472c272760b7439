"""The senders that there are: one line for each kind of store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pos_api.errors import NotFound
from pos_api.senders.base import Sender
from pos_api.senders.karma.sender import Karma
from pos_api.senders.kasperopay.sender import KasperoPay
from pos_api.senders.kaynko.sender import Kaynko
from pos_api.senders.paymentkit.sender import PaymentKit
from pos_api.senders.stripe.sender import Stripe
from pos_api.senders.woocommerce.sender import WooCommerce

SENDERS: dict[str, Sender[Any]] = {
    "kasperopay": KasperoPay(),
    "paymentkit": PaymentKit(),
    "stripe": Stripe(),
    "karma": Karma(),
    "woocommerce": WooCommerce(),
    "kaynko": Kaynko(),
}


def sender_of(kind: str) -> Sender[Any]:
    """The sender of stores of this kind. Raises NotFound."""
    try:
        return SENDERS[kind]
    except KeyError:
        raise NotFound(f"There is no sender for stores of the kind {kind[:40]!r}.") from None


def sender_signing(headers: Mapping[str, str]) -> Sender[Any] | None:
    """The sender that has signed a request of any route with these lower-cased headers; None where none has."""
    return next((sender for sender in SENDERS.values() if sender.signs_requests(headers)), None)
