"""What the senders of payment providers have alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pos_api.inbox.model import Noun
from pos_api.senders import values
from pos_api.senders.base import (
    ORDERS_OF,
    Authenticated,
    Command,
    SenderDefaults,
    Setting,
    StoreCandidates,
    StreamedAuthentication,
    read_yes_or_no,
)
from pos_api.senders.documentation import Documentation
from pos_api.senders.payment_provider import events
from pos_api.senders.payment_provider.events import ProviderEvent
from pos_api.senders.payment_provider.signature import SignedParts
from pos_api.senders.payment_provider.translate import TOPICS, Provider, Translation
from pos_api.stores.model import Store

LIVEMODE = Setting(
    "livemode",
    "yes: only live events count; no: only those of test mode. Without it both do: an endpoint is of one mode.",
    read_yes_or_no,
)


class PaymentProviderSender(SenderDefaults):
    """See `base.Sender`. Parked deliveries are answered 200, as a provider repeats for days what is answered anything
    else, and then switches the endpoint off."""

    kind: str
    settings: tuple[Setting, ...] = (ORDERS_OF, LIVEMODE)
    has_secret = True
    paths: tuple[str, ...]
    documentation: Documentation
    topics = TOPICS
    provider: Provider
    signature_headers: tuple[str, ...]

    def noun(self, topic: str) -> Noun:
        return "subscription" if topic.startswith("customer.subscription.") else "payment"

    def authenticate(self, headers: Mapping[str, str], body: bytes, candidates: StoreCandidates) -> Authenticated:
        parts = SignedParts(headers, self.signature_headers, candidates)
        parts.add(body)
        return parts.result()

    def authenticate_parts(self, headers: Mapping[str, str], candidates: StoreCandidates) -> StreamedAuthentication:
        return SignedParts(headers, self.signature_headers, candidates)

    def kept_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: values.visible(headers[name]) for name in ("content-type", "user-agent") if name in headers}

    def kept_body(self, body: bytes) -> bytes:
        return events.kept_body(body)

    def read(self, headers: Mapping[str, str], body: bytes) -> ProviderEvent:
        return events.read(body)

    def topic_and_id(self, headers: Mapping[str, str], beginning: bytes) -> tuple[str, str]:
        return events.topic_and_id(beginning)

    def translate(self, message: ProviderEvent, store: Store, received_at: datetime, cause: str) -> Sequence[Command]:
        wanted = store.settings.get(LIVEMODE.name)
        if wanted is not None and message.livemode is not None and message.livemode != wanted:
            return ()
        report = Translation(self.provider, message, store, received_at, cause).report()
        return () if report is None else (report,)
