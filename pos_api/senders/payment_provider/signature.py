"""The signature `t=…,v1=…`: HMAC-SHA256 of the time, a point and the raw body, with a secret of the store."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

from pos_api.common.time import now
from pos_api.errors import Unauthorized
from pos_api.senders.base import Authenticated, BodyHmacs, StoreCandidates

TOLERANCE = 300
"""So many seconds a signature may be old, or ahead of this clock."""
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
_MOST_SIGNATURES = 20
"""While a secret is rotated there are two."""


class SignedParts:
    """Authenticates a body by the signature in one of these headers, taking it part by part. The parts of the header
    with other names (`v0`) count nothing. Raises Unauthorized at once for a header that can't be right."""

    is_known = False

    def __init__(self, headers: Mapping[str, str], names: tuple[str, ...], candidates: StoreCandidates) -> None:
        header = next((headers[name] for name in names if name in headers), None)
        if header is None:
            raise Unauthorized(f"Sign the delivery, as {names[0]}.", reason="no credentials")
        time, self._signatures = _read(header)
        if abs(int(time) - now().timestamp()) > TOLERANCE:
            raise Unauthorized("The signature is more than five minutes old or ahead.", reason="signature out of time")
        self._hmacs = BodyHmacs(candidates)
        self._hmacs.add(f"{time}.".encode())

    def add(self, part: bytes) -> None:
        """Take the next part of the body."""
        self._hmacs.add(part)

    def result(self) -> Authenticated:
        """Who sent it, once all parts were taken. Raises Unauthorized."""
        if store := self._hmacs.signer(self._is_signature):
            return Authenticated(store, always_200=True)
        raise Unauthorized("The signature does not match any store's secret.", reason="wrong webhook signature")

    def _is_signature(self, digest: bytes) -> bool:
        right = digest.hex().encode()
        return any(hmac.compare_digest(right, each) for each in self._signatures)


def _read(header: str) -> tuple[str, list[bytes]]:
    """The time and the signatures of version 1 in a header. Raises Unauthorized."""
    pairs = [pair.strip().partition("=")[::2] for pair in header.split(",")]
    times = [value for name, value in pairs if name == "t"]
    signatures = [value.encode("utf-8", "replace") for name, value in pairs if name == "v1"]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]) or not 0 < len(signatures) <= _MOST_SIGNATURES:
        raise Unauthorized("The signature can't be read: it must be t=…,v1=….", reason="wrong webhook signature")
    return times[0], signatures
