"""The signature of a raw body: a header with its HMAC-SHA256 in hexadecimal, made with a secret of the store."""

from __future__ import annotations

import hmac

from pos_api.errors import Unauthorized
from pos_api.senders.base import Authenticated, BodyHmacs, StoreCandidates


class SignedBody:
    """Authenticates a delivery part by part (`base.StreamedAuthentication`). The header has `prefix`, then the digits,
    in small letters. Raises Unauthorized at once, with `unsigned` as its message, where there is no signature."""

    is_known = False

    def __init__(
        self, candidates: StoreCandidates, signature: str, *, prefix: str = "", unsigned: str, always_200: bool
    ) -> None:
        if not signature.strip():
            raise Unauthorized(unsigned, reason="no credentials")
        self._signature = signature.strip().encode("utf-8", "replace")
        self._prefix = prefix.encode()
        self._always_200 = always_200
        self._hmacs = BodyHmacs(candidates)

    def add(self, part: bytes) -> None:
        """Take the next part of the body."""
        self._hmacs.add(part)

    def result(self) -> Authenticated:
        """Who sent it, once all parts were taken. Raises Unauthorized."""
        if store := self._hmacs.signer(self._is_signature):
            return Authenticated(store, self._always_200)
        raise Unauthorized("The signature does not match any store's secret.", reason="wrong webhook signature")

    def _is_signature(self, digest: bytes) -> bool:
        return hmac.compare_digest(self._prefix + digest.hex().encode(), self._signature)
