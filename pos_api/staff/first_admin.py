"""The first user, an admin, is made with a key that is printed when the service starts and there is no user.

`first_admin` has one document at most: `_id`, `key_hash` (the SHA-256 of the key, which is kept nowhere) and
`expires_at`. It is used once, replaced at each start, and deleted as soon as there is a user, whoever adds it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from pos_api.common.time import now
from pos_api.database.client import DURABLE, Db, Document
from pos_api.errors import NotFound
from pos_api.staff import users
from pos_api.staff.users import ROLES, User

LIFETIME = timedelta(hours=24)
_ONLY = "key"


def new_key(db: Db) -> str | None:
    """A key that makes the first admin, in place of any earlier one; None where there is a user already."""
    if users.has_any(db):
        db.first_admin.delete_many({})
        return None
    made = secrets.token_urlsafe(32)
    document = {"key_hash": _hash(made), "expires_at": now() + LIFETIME}
    db.first_admin.with_options(write_concern=DURABLE).replace_one({"_id": _ONLY}, document, upsert=True)
    return made


def check_key(db: Db, key: str) -> None:
    """Raises NotFound where this key makes nobody: it is wrong, expired or used, or there is a user."""
    if users.has_any(db) or db.first_admin.find_one(_wanted(key), {"_id": 1}) is None:
        raise _refused()


def add(db: Db, key: str, name: str, password: str) -> User:
    """Make the first admin. Raises NotFound as `check_key` does, and Invalid for an unusable name or password, after
    which the key can still be used."""
    users.check(name, password)
    if users.has_any(db) or db.first_admin.find_one_and_delete(_wanted(key)) is None:
        raise _refused()
    return users.add(db, name, password, ROLES[-1])


def _wanted(key: str) -> Document:
    return {"_id": _ONLY, "key_hash": _hash(key), "expires_at": {"$gt": now()}}


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _refused() -> NotFound:
    return NotFound("This link can't be used any more. As long as there is no user, each start prints a new one.")
