"""HTTP requests to a server that may be broken or hostile.

A request is timed as a whole, its answer is limited in bytes (as sent and unpacked), redirects are not followed,
cookies are not kept, certificates are always checked, and no connection is made to an address that `refuses` names
(`addresses`). Whatever goes wrong is a RequestError in plain words, without the request's address, which may hold a
signature.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from pos_api.config import Network
from pos_api.outbound import addresses
from pos_api.outbound.addresses import Refusal
from pos_api.outbound.errors import RequestError
from pos_api.outbound.limited_connections import LimitedAdapter, Limits, request_limits, too_large

_CHUNK = 64 * 1024
_GUARDED_SECONDS = 4.0
_GUARDED_BYTES = 64 * 1024

for _name in ("urllib3", "oauthlib", "requests_oauthlib"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # they log the whole address, signature included


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, its body unpacked; `headers` are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Requests to one server, from any number of threads, each with a connection of its own that is kept open.

    `timeout` is the seconds to connect, and those of a request as a whole, `most_bytes` the size of the largest answer.
    Without `environment` no proxy and no password is used that the environment or a `.netrc` names.
    """

    def __init__(
        self,
        auth: AuthBase | None,
        timeout: tuple[float, float],
        most_bytes: int,
        refuses: Refusal,
        *,
        environment: bool = True,
    ) -> None:
        self._auth = auth
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._refuses = refuses
        self._environment = environment
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None = None,
        body: dict[str, Any] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request, `body` as JSON or, where it is bytes, as it stands, and read the whole answer. Raises
        RequestError."""
        try:
            host = urlsplit(url).hostname or "the address"
        except ValueError:
            raise RequestError("address", "The address is not one of a server.") from None
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        limits = request_limits.set(Limits(*self._timeout, self._most_bytes, self._refuses))
        try:
            with self._session().request(
                method,
                url,
                params=params,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
                **sent,
            ) as response:
                return Reply(response.status_code, response.headers, self._body(response))
        except RequestError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            from pos_api.outbound.unreachable import unreachable  # here, as it loads aiohttp, which most need not

            raise unreachable(error, host) from None
        finally:
            request_limits.reset(limits)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _Session()
            session.auth = self._auth
            session.trust_env = self._environment
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            for scheme in ("http://", "https://"):
                session.mount(scheme, LimitedAdapter())
            session.headers["User-Agent"] = "WooCommerce-POS-Sync"
            session.headers["Accept"] = "application/json"
            session.headers["Accept-Encoding"] = "gzip, deflate"
            session.headers["Cache-Control"] = "no-cache"  # a cache in between may not answer with what was before
            self._sessions.append(session)
        return session

    def _body(self, response: requests.Response) -> bytes:
        """The unpacked body; reading stops where it gets too large."""
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._most_bytes:
                raise too_large(self._most_bytes)
        return bytes(body)


def guarded_client(allowed: Sequence[Network]) -> HttpClient:
    """Requests to an address that somebody has entered: to public addresses and over https only, except within the
    networks `allowed` (OUTBOUND_ALLOW); in 4 seconds as a whole, with at most 64 KiB of an answer, and past any
    proxy, which would look the name up again."""
    refuses = addresses.guarded_refusal(allowed)
    return HttpClient(None, (_GUARDED_SECONDS, _GUARDED_SECONDS), _GUARDED_BYTES, refuses, environment=False)


class _Session(requests.Session):
    """`requests` works out where a redirect leads, and reads its body for that, also where none is followed."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None
