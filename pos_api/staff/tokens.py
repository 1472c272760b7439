"""Tokens of staff and of scripts that can be ended before they expire.

`script_tokens` has one document for each script's token that counts: `_id` (the token's `jti`), `name`, `role`,
`created_at`, `expires_at`, `last_used_at`. `ended_tokens` has the ids of tokens that were logged out, until they
expire. The database deletes from both what has expired.

A token that was made elsewhere with JWT_SECRET, without `ver` and `script`, counts until it expires or is logged out.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from datetime import datetime, timedelta

from pymongo.errors import PyMongoError

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import Invalid, NotFound, Unauthorized
from pos_api.staff import audit, token_claims, users
from pos_api.staff.token_claims import Token
from pos_api.staff.users import User

MAX_AGE = 5.0
"""Seconds for which a process uses what it has read about a token."""
_MOST_KEPT = 10_000
_LAST_USED_EVERY = timedelta(hours=1)


class Tokens:
    """Makes and checks the tokens of one service. What was read about a token is used for `max_age` seconds, so a token
    that is ended in another process, or whose user changed, counts so long at most."""

    def __init__(self, db: Db, secret: str, max_age: float = MAX_AGE) -> None:
        self._db = db
        self._secret = secret
        self.max_age = max_age
        self._checked: dict[Token, tuple[float, bool]] = {}

    def of_log_in(self, user: User) -> tuple[str, datetime]:
        """A token for a user who has just logged in, and when it expires."""
        return token_claims.token(self._secret, user.name, user.role, jti=secrets.token_hex(16), ver=user.version)

    def check(self, authorization: str) -> Token:
        """The token of an `Authorization: Bearer …` header. Raises Unauthorized where it does not count, and
        PyMongoError where that can't be known."""
        token = token_claims.read_token(self._secret, authorization)
        started = time.monotonic()
        read_at, counts = self._checked.get(token, (float("-inf"), False))
        if started - read_at >= self.max_age:
            counts = self._read(token)
            if len(self._checked) >= _MOST_KEPT:
                self._checked.clear()
            self._checked[token] = (started, counts)
        if not counts:
            raise Unauthorized("The token does not count any more; log in again.", reason="ended token")
        return token

    def end(self, token: Token) -> None:
        """End a token; a script's is no longer listed."""
        with audit.act(self._db, "login.ended", target=token.name):
            if token.script:
                self._db.script_tokens.delete_one({"_id": token.id})
            ended = {"$set": {"expires_at": token.counts_until}}
            self._db.ended_tokens.update_one({"_id": token.id}, ended, upsert=True)
        self._checked[token] = (time.monotonic(), False)

    def _read(self, token: Token) -> bool:
        if self._db.ended_tokens.find_one({"_id": token.id}, {"_id": 1}):
            return False
        if token.script:
            return self._read_script(token.id)
        return token.version is None or token.version == users.version(self._db, token.name)

    def _read_script(self, token_id: str) -> bool:
        document = self._db.script_tokens.find_one({"_id": token_id}, {"last_used_at": 1})
        if document is None:
            return False
        moment, last = now(), document.get("last_used_at")
        if last is None or moment - last >= _LAST_USED_EVERY:
            with suppress(PyMongoError):  # it is for people to see; no request fails for it
                self._db.script_tokens.update_one({"_id": token_id}, {"$set": {"last_used_at": moment}})
        return True


def create(db: Db, secret: str, name: str, role: str, lifetime: timedelta) -> tuple[str, str]:
    """A listed token for a script called `name`, and its id. Raises Invalid for a name that no token can have."""
    name = name.strip()
    if not name or len(name) > token_claims.MAX_NAME or "\0" in name:
        raise Invalid(f"A script's name has 1 to {token_claims.MAX_NAME} characters.")
    token_id = secrets.token_hex(8)
    encoded, expires_at = token_claims.token(secret, name, role, lifetime, jti=token_id, script=True)
    document = {"name": name, "role": role, "created_at": now(), "expires_at": expires_at, "last_used_at": None}
    audited = {"id": token_id, "role": role, "expires_at": expires_at}
    with audit.act(db, "token.created", target=name, details=audited):
        db.script_tokens.insert_one({"_id": token_id, **document})
    return encoded, token_id


def scripts(db: Db) -> list[Document]:
    """The tokens of scripts that count, oldest first, as `{"id", "name", "role", "created_at", "expires_at",
    "last_used_at"}`."""
    fields = {"_id": 0, "id": "$_id", "name": 1, "role": 1, "created_at": 1, "expires_at": 1, "last_used_at": 1}
    return list(db.script_tokens.find({"expires_at": {"$gt": now()}}, fields).sort("created_at", 1))


def revoke(db: Db, token_id: str) -> None:
    """End a script's token. Raises NotFound."""
    known = db.script_tokens.find_one({"_id": token_id}, {"name": 1}) or {}
    with audit.act(db, "token.revoked", target=known.get("name"), details={"id": token_id}) as details:
        found = db.script_tokens.find_one_and_delete({"_id": token_id})
        if found is None:
            raise NotFound(f"There is no script token {token_id!r}; `pos-api token list` shows those that count.")
        details |= {"name": found["name"], "role": found["role"]}
