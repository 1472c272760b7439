"""Who sent a delivery: the till one of whose secrets made `X-Kaynko-Signature`, which is `sha256=` and the HMAC-SHA256
of the body in hexadecimal. The app signs only where a secret is set in it; what is not signed is refused."""

from __future__ import annotations

import hmac

from pos_api.errors import Unauthorized
from pos_api.senders.base import Authenticated, BodyHmacs, StoreCandidates

SIGNATURE_HEADER = "x-kaynko-signature"


class KaynkoAuthentication:
    """Authenticates a delivery while it is read part by part (`base.StreamedAuthentication`). Raises Unauthorized at
    once where there is no signature."""

    is_known = False

    def __init__(self, candidates: StoreCandidates, signature: str) -> None:
        if not signature.strip():
            raise Unauthorized(_UNSIGNED, reason="not signed")
        self._signature = signature.strip().lower().encode()
        self._hmacs = BodyHmacs(candidates)

    def add(self, part: bytes) -> None:
        self._hmacs.add(part)

    def result(self) -> Authenticated:
        store = self._hmacs.signer(self._is_signature)
        if store is None:
            raise Unauthorized("X-Kaynko-Signature is wrong.", reason="wrong signature")
        return Authenticated(store)

    def _is_signature(self, digest: bytes) -> bool:
        return hmac.compare_digest(b"sha256=" + digest.hex().encode(), self._signature)


_UNSIGNED = (
    "The delivery is not signed. In the Kaynko app, under Settings, Integrations, enter the store's secret as the"
    " webhook's Secret Key."
)
