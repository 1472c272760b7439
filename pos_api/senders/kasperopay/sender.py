"""KasperoPay as a sender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from pos_api.errors import Unauthorized
from pos_api.inbox.model import Noun
from pos_api.senders import values
from pos_api.senders.base import ORDERS_OF, Authenticated, Command, SenderDefaults, Setting, StoreCandidates
from pos_api.senders.kasperopay import claims, status
from pos_api.senders.kasperopay.claims import COMPLETED, Webhook
from pos_api.senders.kasperopay.documentation import DOCUMENTATION
from pos_api.senders.kasperopay.guide import GUIDE
from pos_api.senders.kasperopay.payment import CLAIM, MOST_CLAIMS, put_together, thing_of
from pos_api.senders.reports import Report
from pos_api.stores.model import Store

_BEGINNING = 65_536


def _read_text(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text.strip()


def _store_of(merchant: str, candidates: StoreCandidates) -> Authenticated:
    """The first store with this merchant id. Raises Unauthorized."""
    for store in candidates.stores:
        if merchant and store.settings.get("merchant_id") == merchant:
            return Authenticated(store, always_200=True)
    raise Unauthorized("The webhook is of no merchant that is known here.", reason="unknown merchant_id")


class _Parts:
    """Of a body that is too large, the beginning names the merchant."""

    is_known = False

    def __init__(self, candidates: StoreCandidates) -> None:
        self._candidates = candidates
        self._beginning = b""

    def add(self, part: bytes) -> None:
        self._beginning += part[: _BEGINNING - len(self._beginning)]

    def result(self) -> Authenticated:
        return _store_of(claims.named("merchant_id", self._beginning), self._candidates)


class KasperoPay(SenderDefaults):
    """See `base.Sender`. Its webhooks are not signed: `merchant_id` names the store, and what they claim counts only
    when it was looked up. Parked ones are answered 200, as they would only be sent again."""

    kind = "kasperopay"
    settings = (
        Setting("merchant_id", "The merchant's id at KasperoPay (kpm_…).", _read_text, required=True, unique=True),
        Setting("store_name", "The store's name, as KasperoPay shows it.", _read_text, required=True),
        Setting(
            "status_url",
            f"Where payments are looked up, with {status.PLACE} for the payment's id.",
            status.read_url,
            default=status.DEFAULT_URL,
        ),
        ORDERS_OF,
    )
    has_secret = False
    paths = ("/api/webhooks/kasperopay", "/api/kaspa-webhook")
    documentation = DOCUMENTATION
    guide = GUIDE
    topics = frozenset({COMPLETED})

    def noun(self, topic: str) -> Noun:
        return "payment" if topic in self.topics else ""

    def authenticate(self, headers: Mapping[str, str], body: bytes, candidates: StoreCandidates) -> Authenticated:
        return _store_of(claims.merchant_of(body), candidates)

    def authenticate_parts(self, headers: Mapping[str, str], candidates: StoreCandidates) -> _Parts:
        if not candidates.stores:
            raise Unauthorized("There is no such store.", reason="unknown merchant_id")
        return _Parts(candidates)

    def kept_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: values.visible(headers[name]) for name in ("content-type", "user-agent") if name in headers}

    def kept_body(self, body: bytes) -> bytes:
        return claims.kept_body(body)

    def read(self, headers: Mapping[str, str], body: bytes) -> Webhook:
        # It is read as it is kept, so that a replay reads the same.
        return claims.read(claims.kept_body(body))

    def topic_and_id(self, headers: Mapping[str, str], beginning: bytes) -> tuple[str, str]:
        return claims.topic_and_id(beginning)

    def translate(self, message: Webhook, store: Store, received_at: datetime, cause: str) -> Sequence[Command]:
        if message.topic != COMPLETED:
            return ()
        claim = claims.claim_of(message)
        thing = thing_of(claim["payment_id"])
        come_to = partial(put_together, store)
        return (Report(store.id, thing, CLAIM, claim, None, received_at, cause, come_to, most=MOST_CLAIMS),)
