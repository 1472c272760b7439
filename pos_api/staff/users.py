"""Staff: who may log in, with which password and role.

A user: `_id` (the name, lower-cased), `password_hash` (argon2id), `role`, `version` (a random text, another one after
every change of password or role: a token made before counts no longer), `created_at`, `last_login_at`. Whoever is
removed, or has another password or role, has no session any more (`sessions`).
"""

from __future__ import annotations

import re
import secrets
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, Invalid, NotFound, Unauthorized
from pos_api.staff import audit

ROLES = ("viewer", "manager", "admin")
"""From least to most: a viewer reads, but not who customers are; a manager reads that too, changes the catalogue and
replays events; an admin does all."""

MIN_PASSWORD = 10
MAX_PASSWORD = 1024
_NAME = re.compile(r"[\w.@+-]{1,64}")

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in."""

    name: str
    role: str
    version: str = ""
    """Blank of a user from before there were versions, until password or role change."""


def add(db: Db, name: str, password: str, role: str = "viewer") -> User:
    """Add a user. Raises Invalid for an unusable name, password or role, Conflict when the name is taken."""
    user = User(_checked_name(name), _checked_role(role), _new_version())
    document: Document = {
        "_id": user.name,
        "password_hash": _hash(password),
        "role": role,
        "version": user.version,
        "created_at": now(),
    }
    with audit.act(db, "user.created", target=user.name, details={"role": role}):
        try:
            db.users.insert_one(document)
        except DuplicateKeyError:
            raise Conflict(f"There is a user {user.name!r} already.") from None
        db.first_admin.delete_many({})
    return user


def remove(db: Db, name: str, *, keep_an_admin: bool = False) -> None:
    """Remove a user. Their tokens and sessions count no longer. Raises NotFound, and with `keep_an_admin` Conflict for
    the only admin."""
    with audit.act(db, "user.removed", target=key(name)):
        removed = db.users.find_one_and_delete({"_id": key(name)})
        if removed is None:
            raise NotFound(f"There is no user {name!r}.")
        if keep_an_admin and removed["role"] == ROLES[-1] and not _has_admin(db):
            db.users.insert_one(removed)
            raise _only_admin(name)
        _end_sessions(db, name)


def set_password(db: Db, name: str, password: str) -> User:
    """Give a user a new password. Tokens and sessions made before count no longer. Returns the user as it is now.
    Raises Invalid when the password is unusable, NotFound."""
    hashed = _hash(password)
    with audit.act(db, "user.password", target=key(name)):
        changed = _change(db, name, {"password_hash": hashed}, ReturnDocument.AFTER)
        _end_sessions(db, name)
    return User(changed["_id"], changed["role"], changed["version"])


def set_role(db: Db, name: str, role: str, *, keep_an_admin: bool = False) -> None:
    """Give a user another role. Tokens and sessions made before count no longer. Raises Invalid for an unknown role,
    NotFound, and with `keep_an_admin` Conflict where nobody would be admin then."""
    checked = _checked_role(role)
    with audit.act(db, "user.role", target=key(name), details={"after": checked}) as details:
        before = _change(db, name, {"role": checked})["role"]
        if keep_an_admin and before == ROLES[-1] and not _has_admin(db):
            _change(db, name, {"role": before})
            raise _only_admin(name)
        details["before"] = before
        _end_sessions(db, name)


def has_any(db: Db) -> bool:
    """Whether there is a user at all."""
    return db.users.find_one({}, {"_id": 1}) is not None


def check(name: str, password: str) -> None:
    """Raises Invalid for a name or a password that no user can have."""
    _checked_name(name)
    _check_password(password)


def _has_admin(db: Db) -> bool:
    """Asked after a change: of two admins who take the role from each other at once, at least one finds nobody left."""
    return db.users.find_one({"role": ROLES[-1]}, {"_id": 1}) is not None


def _only_admin(name: str) -> Conflict:
    return Conflict(f"{key(name)} is the only admin; make somebody else admin first.")


def _change(db: Db, name: str, changes: Document, returned: bool = ReturnDocument.BEFORE) -> Document:
    """Change a user, and return it as it was before, or after. Raises NotFound."""
    changed = {"$set": {**changes, "version": _new_version()}}
    found = db.users.find_one_and_update({"_id": key(name)}, changed, return_document=returned)
    if found is None:
        raise NotFound(f"There is no user {name!r}.")
    return found


def _end_sessions(db: Db, name: str) -> None:
    db.staff_sessions.delete_many({"user": key(name)})


def version(db: Db, name: str) -> str | None:
    """The version of the user of exactly this name; None where there is no such user."""
    document = db.users.find_one({"_id": name}, {"version": 1})
    return None if document is None else str(document.get("version", ""))


def everyone(db: Db) -> list[Document]:
    """Every user by name, as `{"name", "role", "created_at", "last_login_at"}`."""
    fields = {"_id": 0, "name": "$_id", "role": 1, "created_at": 1, "last_login_at": 1}
    return list(db.users.find({}, fields).sort("_id", 1))


def log_in(db: Db, name: str, password: str, attempt: AbstractContextManager[None] | None = None) -> User:
    """The user of this name and password, which is checked inside `attempt`. Takes as long whether or not there is such
    a user.

    A hash made with older parameters is renewed. Raises Unauthorized.
    """
    document = db.users.find_one({"_id": key(name)})
    with attempt or nullcontext():
        stored = document["password_hash"] if document else _hash_of_nobody()  # the first time, this takes memory too
        try:
            _hasher.verify(stored, password)
            right = document is not None
        except VerifyMismatchError:
            right = False
        if document is None or not right:
            account = document["_id"] if document else None
            raise Unauthorized("The name or the password is wrong.", reason="wrong password", account=account)
    changes: Document = {"last_login_at": now()}
    if _hasher.check_needs_rehash(stored):
        changes["password_hash"] = _hasher.hash(password)
    db.users.update_one({"_id": document["_id"], "password_hash": stored}, {"$set": changes})
    return User(document["_id"], document["role"], document.get("version", ""))


@cache
def _hash_of_nobody() -> str:
    return _hasher.hash("nobody has this password")


def _new_version() -> str:
    """Random, so that a user who was removed and added again has another one too."""
    return secrets.token_urlsafe(8)


def _check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise Invalid(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")


def _hash(password: str) -> str:
    _check_password(password)
    return _hasher.hash(password)


def key(name: str) -> str:
    """The `_id` of the user of this name, whether or not there is one."""
    return name.strip().casefold()


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(key(name)):
        raise Invalid(f"{name!r} is no name for a user: up to 64 letters, digits and . _ @ + -")
    return key(name)


def _checked_role(role: str) -> str:
    if role not in ROLES:
        raise Invalid(f"{role!r} is no role; there are {', '.join(ROLES)}.")
    return role
