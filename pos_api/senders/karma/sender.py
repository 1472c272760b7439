"""Karma as a sender: its webhook subscriptions, which sign the raw body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pos_api.inbox.model import Noun
from pos_api.senders.base import (
    Authenticated,
    Command,
    SenderDefaults,
    Setting,
    StoreCandidates,
    StreamedAuthentication,
)
from pos_api.senders.body_signature import SignedBody
from pos_api.senders.karma import messages
from pos_api.senders.karma.documentation import DOCUMENTATION
from pos_api.senders.karma.guide import GUIDE
from pos_api.senders.karma.kind import KIND, TOPICS, noun_of
from pos_api.senders.karma.messages import Message
from pos_api.senders.karma.translate import translate
from pos_api.stores.model import Store

_SIGNATURE = "x-webhook-signature"


class Karma(SenderDefaults):
    """What a sender has to be able to do (`base.Sender`)."""

    kind = KIND
    settings: tuple[Setting, ...] = ()
    has_secret = True
    paths = ("/api/webhooks/karma", "/webhooks/karma")
    documentation = DOCUMENTATION
    guide = GUIDE
    topics = TOPICS

    def noun(self, topic: str) -> Noun:
        return noun_of(topic)

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
        return translate(message, store, received_at, cause)


def _signed(headers: Mapping[str, str], candidates: StoreCandidates) -> SignedBody:
    """Karma sends again what is not answered 2xx, so what can't be used is answered 200, too."""
    unsigned = "The header X-Webhook-Signature is missing."
    return SignedBody(candidates, headers.get(_SIGNATURE, ""), unsigned=unsigned, always_200=True)
