"""Tokens as they are written and read (JWT, RFC 7519; HS256)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from pos_api.common.time import now
from pos_api.errors import Unauthorized
from pos_api.staff.users import ROLES

TOKEN_LIFETIME = timedelta(hours=12)
_ALGORITHM = "HS256"
_CLOCK_LEEWAY = timedelta(seconds=30)
_MAX_TOKEN = 4096
MAX_NAME = 200


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
