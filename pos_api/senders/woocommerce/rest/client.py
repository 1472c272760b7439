"""Requests to a shop's REST API, made again when the shop is slow, busy or half broken.

Over https the key pair goes as Basic authentication; over http, and where a server drops that header, as OAuth 1.0a in
the query (WooCommerce's one-legged variant, `WC_REST_Authentication`), which never sends the secret.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from requests.auth import AuthBase, HTTPBasicAuth
from requests_oauthlib import OAuth1

from pos_api.common.time import now
from pos_api.database.client import Document
from pos_api.outbound.client import Reply
from pos_api.senders.woocommerce.credentials import Credentials, without_secrets
from pos_api.senders.woocommerce.rest.answers import BUSY, Answer, answer_of, busy, json_of, retry_after
from pos_api.senders.woocommerce.rest.http import TIMEOUT, HttpClient, NoAuth
from pos_api.senders.woocommerce.shop_error import ShopError

_ATTEMPTS = 5
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 120.0
_PATIENCE = 180.0
"""Seconds after which a request that keeps failing is not made again."""
_TRIED_AGAIN = frozenset({"timeout", "cut_off", "not_json", "refused", "network"})
"""Causes that may be gone a moment later."""
_CLOCKS_AGREE = 2.0
"""The shop's clock is known to a second, so less than this is no difference."""
_CREDIBLE_CLOCK = 86_400.0
"""A shop's clock that is off by more seconds than these is ignored."""
_random = random.SystemRandom()


class RestClient:
    """A shop's REST API. Use it as a context manager, from any number of threads; `attempts` is how often a failing
    request is made, `timeout` how many seconds it may take to connect and as a whole, `within` how many seconds may
    pass until the last request."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        attempts: int = _ATTEMPTS,
        timeout: tuple[float, float] = TIMEOUT,
        within: float = float("inf"),
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.credentials = credentials
        self._attempts = attempts
        self._ends_at = time.monotonic() + within
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._http = HttpClient(authentication(credentials), timeout)
        self._clock = 0.0

    def __enter__(self) -> RestClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; a request that another thread is making is not made again."""
        self._ends_at = 0.0
        self._closed.set()
        self._http.close()

    def time(self) -> datetime:
        """The shop's present time by its latest answer; ours where its clock agrees, or is not credible."""
        return now() + (timedelta(seconds=self._clock) if abs(self._clock) > _CLOCKS_AGREE else timedelta())

    def get(self, path: str, **params: Any) -> Answer:
        """GET `wc/v3/<path>`. Raises ShopError."""
        return self._request("GET", path, params)

    def put(self, path: str, body: Document) -> Answer:
        """PUT `wc/v3/<path>`. Raises ShopError."""
        return self._request("PUT", path, {}, body)

    def _request(self, method: str, path: str, params: Document, body: Document | None = None) -> Answer:
        started_at = time.monotonic()
        for attempt in range(1, self._attempts + 1):
            wait = 0.0
            try:
                reply = self._send(method, path, params, body)
                if reply.status not in BUSY:
                    return self._answer(reply)
                problem = busy(reply)
                wait = retry_after(reply)
            except ShopError as error:
                problem = self._without_secrets(error)
                if error.cause not in _TRIED_AGAIN:
                    raise problem from None
            if wait > _LONGEST_PAUSE or attempt == self._attempts or time.monotonic() - started_at > _PATIENCE:
                break
            self._sleep(max(wait, _FIRST_PAUSE * 2 ** (attempt - 1)) * _random.uniform(1, 1.5))
        raise problem

    def _send(self, method: str, path: str, params: Document, body: Document | None) -> Reply:
        if time.monotonic() > self._ends_at:
            raise ShopError("too_slow", "The shop answers too slowly to be read in the time there is.")
        url = f"{self.credentials.url.rstrip('/')}/wp-json/wc/v3/{path}"
        return self._http.request(method, url, {name: _text(value) for name, value in params.items()}, body)

    def _answer(self, reply: Reply) -> Answer:
        answer = answer_of(reply)
        clock = answer.clock or 0.0
        self._clock = clock if abs(clock) <= _CREDIBLE_CLOCK else 0.0
        return answer

    def _without_secrets(self, error: ShopError) -> ShopError:
        message = without_secrets(error.message, self.credentials)
        return ShopError(error.cause, message, http_status=error.http_status, wc_code=error.wc_code)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def authentication(credentials: Credentials) -> AuthBase:
    """How each request shows the key pair."""
    if credentials.auth == "basic":
        return HTTPBasicAuth(credentials.consumer_key, credentials.consumer_secret)
    return OAuth1(
        credentials.consumer_key,
        client_secret=credentials.consumer_secret,
        signature_method="HMAC-SHA256",
        signature_type="query",
    )


def namespaces(url: str) -> frozenset[str]:
    """The APIs that a WordPress has, asked for by `?rest_route=`, which works without permalinks; none where it is no
    WordPress. WooCommerce takes no key there (`WC_REST_Authentication::is_request_to_rest_api` looks for `wp-json/wc/`
    in the address)."""
    client = HttpClient(NoAuth())
    try:
        index = json_of(client.request("GET", f"{url}/", {"rest_route": "/"}))
    except ShopError:
        return frozenset()
    finally:
        client.close()
    found = index.get("namespaces") if isinstance(index, dict) else None
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()
