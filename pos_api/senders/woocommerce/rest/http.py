"""HTTP requests to a shop that may be broken or hostile.

A request is timed as a whole, its answer is limited in bytes (as sent and unpacked), redirects are not followed,
cookies are not kept, certificates are always checked, and no connection is made to an address where no shop can be
(`addresses`). Whatever goes wrong is a ShopError in plain words, without the request's address, which may hold a
signature.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from pos_api.database.client import Document
from pos_api.senders.woocommerce.rest import limited_connections
from pos_api.senders.woocommerce.rest.limited_connections import LimitedAdapter, Limits, request_limits, too_large
from pos_api.senders.woocommerce.rest.unreachable import unreachable
from pos_api.senders.woocommerce.shop_error import ShopError

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and for a request as a whole, from looking up the name to the last byte of the answer."""

_CHUNK = 64 * 1024

for _name in ("urllib3", "oauthlib", "requests_oauthlib"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # they log the whole address, signature included


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, its body unpacked; `headers` are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Requests to one shop, from any number of threads, each with a connection of its own that is kept open."""

    def __init__(self, auth: AuthBase, timeout: tuple[float, float] = TIMEOUT) -> None:
        self._auth = auth
        self._timeout = timeout
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()

    def request(self, method: str, url: str, params: Mapping[str, str], body: Document | None = None) -> Reply:
        """Send a request, `body` as JSON, and read the whole answer. Raises ShopError."""
        host = urlsplit(url).hostname or "the address"
        limits = request_limits.set(Limits(*self._timeout))
        try:
            with self._session().request(
                method, url, params=params, json=body, timeout=self._timeout, allow_redirects=False, stream=True
            ) as response:
                return Reply(response.status_code, response.headers, _body(response))
        except ShopError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise unreachable(error, host) from None
        finally:
            request_limits.reset(limits)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _Session()
            session.auth = self._auth
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            for scheme in ("http://", "https://"):
                session.mount(scheme, LimitedAdapter())
            session.headers["User-Agent"] = "WooCommerce-POS-Sync"
            session.headers["Accept"] = "application/json"
            session.headers["Accept-Encoding"] = "gzip, deflate"
            session.headers["Cache-Control"] = "no-cache"  # a cache in between may not answer with what was before
            self._sessions.append(session)
        return session


class _Session(requests.Session):
    """`requests` works out where a redirect leads, and reads its body for that, also where none is followed."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _body(response: requests.Response) -> bytes:
    """The unpacked body; reading stops where it gets too large."""
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > limited_connections.MOST_BYTES:
            raise too_large()
    return bytes(body)
