"""Kaynko as a sender: a till's app, which reports each sale, void, session and debt once, and never again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from pos_api.inbox.model import Noun
from pos_api.senders.base import (
    Authenticated,
    Command,
    SenderDefaults,
    Setting,
    StoreCandidates,
    StreamedAuthentication,
    read_yes_or_no,
)
from pos_api.senders.body_signature import SignedBody
from pos_api.senders.kaynko import debts, messages, products, sales, sessions
from pos_api.senders.kaynko.documentation import DOCUMENTATION
from pos_api.senders.kaynko.guide import GUIDE
from pos_api.senders.kaynko.messages import Message
from pos_api.stores.model import Store

_SIGNATURE = "x-kaynko-signature"
_UNSIGNED = (
    "The delivery is not signed. In the Kaynko app, under Settings, Integrations, enter the store's secret as the"
    " webhook's Secret Key."
)

_TRANSLATE: Mapping[str, Callable[[Message, Store, datetime, str], Command]] = {
    messages.SALE_COMPLETED: sales.read_sale,
    messages.SALE_VOIDED: sales.read_void,
    messages.SESSION_OPENED: sessions.read_opening,
    messages.SESSION_CLOSED: sessions.read_closing,
    messages.DEBT_SETTLED: debts.read_settlement,
    messages.PRODUCT_CREATED: products.read_product,
    messages.PRODUCT_UPDATED: products.read_product,
}


class Kaynko(SenderDefaults):
    """See `base.Sender`. The app does not send again what was refused, so it is answered 422, which it shows."""

    kind = "kaynko"
    settings = (
        Setting(
            debts.IN_CASH,
            "Whether debts are paid in cash, yes or no: the till does not say. Without it yes.",
            read_yes_or_no,
            default=True,
        ),
    )
    has_secret = True
    paths = ("/api/webhooks/kaynko",)
    documentation = DOCUMENTATION
    guide = GUIDE
    topics = frozenset(_TRANSLATE)

    def noun(self, topic: str) -> Noun:
        return messages.ABOUT[topic][1] if topic in messages.ABOUT else ""

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        return messages.is_test(headers, body)

    def authenticate(self, headers: Mapping[str, str], body: bytes, candidates: StoreCandidates) -> Authenticated:
        parts = _signed(headers, candidates)
        parts.add(body)
        return parts.result()

    def authenticate_parts(self, headers: Mapping[str, str], candidates: StoreCandidates) -> StreamedAuthentication:
        return _signed(headers, candidates)

    def read(self, headers: Mapping[str, str], body: bytes) -> Message:
        return messages.read(body)

    def topic_and_id(self, headers: Mapping[str, str], beginning: bytes) -> tuple[str, str]:
        return messages.topic_and_id(beginning)

    def translate(self, message: Message, store: Store, received_at: datetime, cause: str) -> Sequence[Command]:
        translate = _TRANSLATE.get(message.topic)
        return () if translate is None else (translate(message, store, received_at, cause),)


def _signed(headers: Mapping[str, str], candidates: StoreCandidates) -> SignedBody:
    """The app signs only where a secret is set in it; what is not signed is refused."""
    signature = headers.get(_SIGNATURE, "")
    return SignedBody(candidates, signature, prefix="sha256=", unsigned=_UNSIGNED, always_200=False)
