"""Staff: who may log in, with which password and role.

A user: `_id` (the name, lower-cased), `password_hash` (argon2id), `role`, `version` (a random text, another one after
every change of password or role: a token made before counts no longer), `created_at`, `last_login_at`.
"""

from __future__ import annotations

import re
import secrets
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
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
    document = {
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
    return user


def remove(db: Db, name: str) -> None:
    """Remove a user. Their tokens count no longer. Raises NotFound."""
    with audit.act(db, "user.removed", target=key(name)):
        if not db.users.delete_one({"_id": key(name)}).deleted_count:
            raise NotFound(f"There is no user {name!r}.")


def set_password(db: Db, name: str, password: str) -> None:
    """Give a user a new password. Tokens made before count no longer. Raises Invalid when it is unusable, NotFound."""
    hashed = _hash(password)
    with audit.act(db, "user.password", target=key(name)):
        _change(db, name, {"password_hash": hashed})


def set_role(db: Db, name: str, role: str) -> None:
    """Give a user another role. Tokens made before count no longer. Raises Invalid for an unknown role, NotFound."""
    checked = _checked_role(role)
    with audit.act(db, "user.role", target=key(name), details={"after": checked}) as details:
        details["before"] = _change(db, name, {"role": checked})["role"]


def _change(db: Db, name: str, changes: Document) -> Document:
    """The user as it was before. Raises NotFound."""
    found = db.users.find_one_and_update({"_id": key(name)}, {"$set": {**changes, "version": _new_version()}})
    if found is None:
        raise NotFound(f"There is no user {name!r}.")
    return found


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


def _hash(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise Invalid(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
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
