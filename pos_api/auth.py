"""Who is speaking: API keys and webhook signatures of shops, tokens and passwords of staff."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address
from math import ceil
from typing import Any

import jwt
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from standardwebhooks import Webhook, WebhookVerificationError

from . import users
from .addresses import plain
from .api_keys import ORDERS, ApiKey
from .db import Db
from .errors import Forbidden, TooManyRequests, Unauthorized, Unavailable
from .logs import get_logger
from .sources import woocommerce
from .stores import Store, Stores
from .users import ROLES, User
from .values import now

log = get_logger(__name__)

KEY_HEADER = "x-api-key"
_SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

TOKEN_LIFETIME = timedelta(hours=12)
_ALGORITHM = "HS256"
_CLOCK_LEEWAY = timedelta(seconds=30)
_MAX_TOKEN = 4096
MAX_NAME = 200

_HASHES_AT_ONCE = threading.BoundedSemaphore(2)
"""A password check takes 64 MiB and a core: a flood of them must leave both to the shops' orders."""
_LOG_INS_AT_ONCE = 8
"""Log-ins that are checked or wait for it, each in a web thread: a flood of them must leave threads to the orders."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The shop that a delivery comes from, and whether it is WooCommerce's own webhook (which must hear 200)."""

    store: Store
    native: bool


def sender(stores: Stores, headers: Mapping[str, str], body: bytes, address: str | None) -> Sender:
    """Authenticate a delivery by its raw bytes; `headers` are lower-cased, `address` is where it came from.

    With `X-API-Key` the key decides, and Standard Webhooks headers are verified where there are any. Without, a
    WooCommerce signature made with a store's webhook secret does. Raises Unauthorized, and Forbidden for a key that may
    not send deliveries.
    """
    if key := headers.get(KEY_HEADER):
        store = stores.get(api_key(stores, key, address, ORDERS).store)
        if any(name in headers for name in _SIGNED_HEADERS):
            _verify_standard_signature(key, headers, body)
        return Sender(store, native=woocommerce.TOPIC_HEADER in headers)
    if signature := headers.get(woocommerce.SIGNATURE_HEADER):
        for store in stores.all():
            if any(woocommerce.signature_matches(body, signature, secret) for secret in store.webhook_secrets):
                return Sender(store, native=True)
        raise Unauthorized(_WRONG_SIGNATURE, reason="wrong webhook signature")
    raise Unauthorized(_NO_CREDENTIALS, reason="no credentials")


class LargeSender:
    """Authenticates a delivery whose body is too large to be kept, while it is read part by part.

    With `X-API-Key` the key alone decides. Raises Unauthorized or Forbidden at once when there can be no right sender.
    """

    def __init__(self, stores: Stores, headers: Mapping[str, str], address: str | None) -> None:
        self.by_key: Sender | None = None
        self._signature = headers.get(woocommerce.SIGNATURE_HEADER, "")
        self._macs: list[tuple[Store, hmac.HMAC]] = []
        if key := headers.get(KEY_HEADER):
            store = stores.get(api_key(stores, key, address, ORDERS).store)
            self.by_key = Sender(store, native=woocommerce.TOPIC_HEADER in headers)
        elif self._signature:
            self._macs = [
                (store, hmac.new(secret.encode(), digestmod="sha256"))
                for store in stores.all()
                for secret in store.webhook_secrets
            ]
        else:
            raise Unauthorized(_NO_CREDENTIALS, reason="no credentials")

    def read(self, part: bytes) -> None:
        """Take the next part of the body."""
        for _, mac in self._macs:
            mac.update(part)

    def sender(self) -> Sender:
        """Who sent it, once all is read. Raises Unauthorized."""
        if self.by_key:
            return self.by_key
        for store, mac in self._macs:
            if woocommerce.is_signature(mac.digest(), self._signature):
                return Sender(store, native=True)
        raise Unauthorized(_WRONG_SIGNATURE, reason="wrong webhook signature")


_NO_CREDENTIALS = "Send the API key as X-API-Key, or sign the webhook with the store's secret."
_WRONG_SIGNATURE = "The webhook signature does not match any store's secret."


def api_key(stores: Stores, key: str, address: str | None, scope: str | None) -> ApiKey:
    """The API key that was sent from `address`, which must have `scope` where one is named.

    Raises Unauthorized when it is wrong, revoked or expired, Forbidden when it may not be used from there or not for
    this.
    """
    found = stores.of_key(key)
    if found is None:
        raise Unauthorized("The API key is not valid.", reason="wrong API key")
    if not found.is_allowed_from(address):
        log.warning("API key from an address that is not allowed", store=found.store, client=plain(address))
        raise Forbidden(f"The API key {found.name} may not be used from the address {plain(address)}.")
    if scope is not None and not found.may(scope):
        raise Forbidden(f"This takes an API key with the scope {scope}; {found.name} has {', '.join(found.scopes)}.")
    stores.mark_used(found)
    return found


def _verify_standard_signature(key: str, headers: Mapping[str, str], body: bytes) -> None:
    """Standard Webhooks (standardwebhooks.com, 1.0.0): HMAC-SHA256 over `id.timestamp.body`, not older or newer than
    five minutes. The API key is the signing secret."""
    try:
        Webhook(key.encode("utf-8", "surrogateescape")).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError) as error:  # ValueError: not base64, not UTF-8, no comma
        detail = str(error) if isinstance(error, WebhookVerificationError) else "malformed"
        problem = f"The webhook signature is not valid: {detail}."
        raise Unauthorized(problem, reason="wrong webhook signature") from None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request: a member of staff or a script by its token, or a shop by its API key."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        """Whether this role includes `role`: an admin may do what a manager may, a manager what a viewer may."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says, once its signature and its time are known to be right."""

    name: str
    role: str
    id: str
    """Its `jti`; of one that has none the hash of its signature."""
    counts_until: datetime
    version: str | None = None
    """The version of the user it was made for; None where it was made elsewhere, or for a script."""
    script: bool = False
    """Whether it counts only while it is listed."""


def token(secret: str, name: str, role: str, lifetime: timedelta = TOKEN_LIFETIME, **more: Any) -> tuple[str, datetime]:
    """A signed token for a principal, and when it expires (JWT, RFC 7519; HS256); `more` are further claims."""
    issued_at = now().replace(microsecond=0)
    expires_at = issued_at + lifetime
    claims = {"sub": name, "role": role, "iat": issued_at, "exp": expires_at, **more}
    return jwt.encode(claims, secret, _ALGORITHM), expires_at


def read_token(secret: str, authorization: str) -> Token:
    """The token of an `Authorization: Bearer …` header.

    Any HS256 token made with `secret` can be read, also one made elsewhere: it needs `sub` and `exp`; without one of
    our roles it is a viewer's. Raises Unauthorized.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(encoded) <= _MAX_TOKEN:
        raise Unauthorized("Log in, and send the token as Authorization: Bearer ….", reason="no credentials")
    try:
        claims = jwt.decode(
            encoded.strip(),
            secret,
            algorithms=[_ALGORITHM],
            leeway=_CLOCK_LEEWAY,
            options={"require": ["exp", "sub"], "verify_aud": False},
        )
        name = claims["sub"]
        name.encode("utf-8")
    except jwt.ExpiredSignatureError:
        raise Unauthorized("The token has expired; log in again.", reason="expired token") from None
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):  # the latter three: absurd JSON inside
        raise Unauthorized("The token is not valid.", reason="wrong token") from None
    if not name or len(name) > MAX_NAME or "\0" in name:
        raise Unauthorized("The token names nobody.", reason="wrong token")
    role, version = claims.get("role"), claims.get("ver")
    return Token(
        name,
        role if role in ROLES else ROLES[0],
        _token_id(claims, encoded.strip()),
        datetime.fromtimestamp(min(int(claims["exp"]), _LAST_SECOND), UTC) + _CLOCK_LEEWAY,
        None if version is None else str(version),
        claims.get("script") is True,
    )


_LAST_SECOND = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def _token_id(claims: Mapping[str, Any], encoded: str) -> str:
    own = claims.get("jti")
    if isinstance(own, str) and 0 < len(own) <= MAX_NAME and own.isprintable():
        return own
    signature = encoded.rpartition(".")[2]
    return hashlib.sha256(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))).hexdigest()


class Failures:
    """Failed attempts to authenticate, by address, and failed log-ins by account too. Only failures count, and who has
    the right key or token never waits for the failures of others.

    They are counted in this process's memory, so each of an installation's web processes allows its part: together they
    never allow more than 10 log-ins in 5 minutes and 60 authentications in a minute from an address, and 30 log-ins in
    5 minutes to an account. An address from which somebody has logged in to it since this process started is spared the
    latter: a stranger who knows a name can't lock its owner out.
    """

    def __init__(self, web_processes: int = 1, web_threads: int = 32) -> None:
        self._log_ins = RateLimitItemPerMinute(max(10 // web_processes, 1), 5)
        self._of_account = RateLimitItemPerMinute(max(30 // web_processes, 1), 5)
        self._authentications = RateLimitItemPerMinute(max(60 // web_processes, 1))
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._places = threading.BoundedSemaphore(max(min(_LOG_INS_AT_ONCE, web_threads // 4), 1))

    def note(self, address: str) -> None:
        """Count a failed authentication. Raises TooManyRequests when there were too many."""
        if not self._limiter.hit(self._authentications, "auth", _network(address)):
            raise self._refusal(self._authentications, "auth", _network(address))

    def check_log_in(self, address: str) -> None:
        """Raises TooManyRequests when too many log-ins from there failed."""
        if not self._limiter.test(self._log_ins, "login", _network(address)):
            raise self._refusal(self._log_ins, "login", _network(address))

    def note_log_in(self, address: str) -> None:
        """Count a failed log-in."""
        self._limiter.hit(self._log_ins, "login", _network(address))

    def log_in(self, db: Db, address: str, name: str, password: str) -> User:
        """Who this name and password belong to; a failure counts, and after too many none is even looked at.

        Raises Unauthorized, TooManyRequests, and Unavailable where too many log in at once.
        """
        account = users.key(name)
        user = users.log_in(db, name, password, self._attempt(address, account))
        self._remember(account, _network(address))
        return user

    @contextmanager
    def _attempt(self, address: str, account: str) -> Iterator[None]:
        """A password check, two at a time: nobody waits in here for the database."""
        known = (account, _network(address)) in self._known
        with self._place(known), _HASHES_AT_ONCE:
            self.check_log_in(address)
            if not (known or self._limiter.test(self._of_account, "account", account)):
                raise self._refusal(self._of_account, "account", account)
            try:
                yield
            except Unauthorized:
                self.note_log_in(address)
                if not known:
                    self._limiter.hit(self._of_account, "account", account)
                raise

    @contextmanager
    def _place(self, known: bool) -> Iterator[None]:
        """A place among those that are checked or wait for it. Raises Unavailable where all are taken, but not for who
        has logged in from there before."""
        if known:
            yield
        elif self._places.acquire(blocking=False):
            try:
                yield
            finally:
                self._places.release()
        else:
            raise Unavailable("Too many log-ins at once; try again.", retry_after=5)

    def _remember(self, account: str, network: str) -> None:
        self._known[account, network] = None
        self._known.move_to_end((account, network))
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _refusal(self, limit: RateLimitItem, what: str, whose: str) -> TooManyRequests:
        reset = self._limiter.get_window_stats(limit, what, whose).reset_time
        source = "to this account" if what == "account" else "from this address"
        return TooManyRequests(f"Too many failed attempts {source}.", retry_after=max(ceil(reset - time.time()), 1))


_KNOWN = 1000


def _network(address: str) -> str:
    """What counts as one address: an IPv6 subscriber has a /64 to choose from. Whatever is no address (see `plain`)
    counts as one, so that nothing that a proxy passes on can be varied to get past the limits."""
    text = plain(address)
    return str(int(IPv6Address(text)) >> 64) if ":" in text else text
