"""WooCommerce as a sender: our plugin, and WooCommerce's own webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pos_api.database.client import Document
from pos_api.inbox.model import Noun
from pos_api.senders.base import Authenticated, Command, Setting, StoreCandidates, StreamedAuthentication
from pos_api.senders.woocommerce import headers as webhook_headers
from pos_api.senders.woocommerce import messages
from pos_api.senders.woocommerce.authentication import LargeBodyAuthentication, authenticate
from pos_api.senders.woocommerce.blanked_fields import blank_private_fields
from pos_api.senders.woocommerce.guide import GUIDE
from pos_api.senders.woocommerce.kind import KIND
from pos_api.senders.woocommerce.messages import Message
from pos_api.senders.woocommerce.order_meta import kept_meta
from pos_api.senders.woocommerce.topics import TOPICS, noun_of
from pos_api.senders.woocommerce.translate import translate
from pos_api.stores.model import Store


class WooCommerce:
    """What a sender has to be able to do (`base.Sender`), and where WooCommerce does it."""

    kind = KIND
    settings: tuple[Setting, ...] = ()
    has_secret = True
    paths: tuple[str, ...] = ()
    documentation = None
    guide = GUIDE
    topics = TOPICS

    def noun(self, topic: str) -> Noun:
        return noun_of(topic)

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        return webhook_headers.is_ping(headers.get("content-type", "").lower(), body)

    def signs_requests(self, headers: Mapping[str, str]) -> bool:
        return False

    def authenticate(self, headers: Mapping[str, str], body: bytes, candidates: StoreCandidates) -> Authenticated:
        return authenticate(headers, body, candidates)

    def authenticate_parts(self, headers: Mapping[str, str], candidates: StoreCandidates) -> StreamedAuthentication:
        return LargeBodyAuthentication(headers, candidates)

    def kept_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return webhook_headers.kept_headers(headers)

    def kept_body(self, body: bytes) -> bytes:
        return blank_private_fields(body)

    def kept_meta(self, meta: list[Document], more: tuple[str, ...]) -> list[Document]:
        return kept_meta(meta, more)

    def delivery_id(self, headers: Mapping[str, str]) -> str:
        return headers.get(webhook_headers.DELIVERY_HEADER, "")

    def read(self, headers: Mapping[str, str], body: bytes) -> Message:
        return messages.read(headers, body)

    def topic_and_id(self, headers: Mapping[str, str], beginning: bytes) -> tuple[str, str]:
        return messages.topic_and_id(headers, beginning)

    def translate(self, message: Message, store: Store, received_at: datetime, cause: str) -> Sequence[Command]:
        command = translate(message, store, received_at, cause)
        return () if command is None else (command,)
