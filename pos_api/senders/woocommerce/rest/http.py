"""HTTP requests to a shop that may be broken or hostile (`outbound.client`)."""

from __future__ import annotations

from collections.abc import Mapping

from requests import PreparedRequest
from requests.auth import AuthBase

from pos_api.database.client import Document
from pos_api.outbound import addresses, client
from pos_api.outbound.errors import RequestError
from pos_api.senders.woocommerce.shop_error import ShopError

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and for a request as a whole, from looking up the name to the last byte of the answer."""
MOST_BYTES = 20 * 1024 * 1024
"""The largest answer, as it is sent and as it is unpacked."""


class HttpClient(client.HttpClient):
    """Requests to one shop, which may be on this machine or in the same network."""

    def __init__(self, auth: AuthBase, timeout: tuple[float, float] = TIMEOUT, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(auth, timeout, most_bytes, addresses.shop_refusal)

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None = None,
        body: Document | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> client.Reply:
        """Send a request, `body` as JSON or, where it is bytes, as it stands, and read the whole answer. Raises
        ShopError."""
        try:
            return super().request(method, url, params, body, headers)
        except RequestError as error:
            raise ShopError(error.cause, error.message) from None


class NoAuth(AuthBase):
    """Nothing is sent, no password of a `.netrc` either."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request
