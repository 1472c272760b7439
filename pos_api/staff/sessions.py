"""Sessions of staff in the dashboard. They are kept here, so that one can be ended at once.

`staff_sessions` has one document for each: `_id` (the SHA-256 of its id, which only the browser has), `user`,
`user_version` (see `users`: another password or role ends the session), `created_at`, `used_at`, `expires_at` (the
database deletes it then), `address` and `agent` (the browser, as it names itself).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from pos_api.common.time import now
from pos_api.database.client import DURABLE, Db, Document
from pos_api.staff import audit
from pos_api.staff.users import User

IDLE_LIMIT = timedelta(hours=8)
"""A session that is not used so long has ended."""
ABSOLUTE_LIMIT = timedelta(days=7)
"""A session ends so long after it began, however much it is used."""
_USED_EVERY = timedelta(minutes=1)
_MAX_AGENT = 300


@dataclass(frozen=True, slots=True)
class Session:
    """A session that counts. `key` names it among those of its user; it opens nothing."""

    key: str
    user: User
    created_at: datetime


def begin(db: Db, user: User, address: str, agent: str) -> str:
    """Begin a session of somebody who has just logged in, and return its id: a secret for the browser alone."""
    identifier, moment = secrets.token_urlsafe(32), now()
    db.staff_sessions.with_options(write_concern=DURABLE).insert_one(
        {
            "_id": _key(identifier),
            "user": user.name,
            "user_version": user.version,
            "created_at": moment,
            "used_at": moment,
            "expires_at": moment + IDLE_LIMIT,
            "address": address,
            "agent": agent[:_MAX_AGENT],
        }
    )
    return identifier


def find(db: Db, identifier: str, *, is_use: bool = True) -> Session | None:
    """The session of this id, which is used now, unless it is only looked at; None where there is none any more, or its
    user was removed or has another password or role since."""
    moment = now()
    stored = db.staff_sessions.find_one({"_id": _key(identifier), "expires_at": {"$gt": moment}})
    if stored is None:
        return None
    found = db.users.find_one({"_id": stored["user"]}, {"role": 1, "version": 1})
    if found is None or str(found.get("version", "")) != stored["user_version"]:
        db.staff_sessions.delete_one({"_id": stored["_id"]})
        return None
    if is_use and moment - stored["used_at"] >= _USED_EVERY:
        expires_at = min(moment + IDLE_LIMIT, stored["created_at"] + ABSOLUTE_LIMIT)
        used = {"used_at": moment, "expires_at": expires_at}
        db.staff_sessions.update_one({"_id": stored["_id"]}, {"$set": used})
    user = User(stored["user"], found["role"], stored["user_version"])
    return Session(stored["_id"], user, stored["created_at"])


def counting(db: Db, keys: list[str]) -> set[str]:
    """Those of these sessions that are there still, and whose users have the password and role they had."""
    stored = db.staff_sessions.find(
        {"_id": {"$in": keys}, "expires_at": {"$gt": now()}}, {"user": 1, "user_version": 1}
    )
    sessions = list(stored)
    users = db.users.find({"_id": {"$in": list({each["user"] for each in sessions})}}, {"version": 1})
    versions = {each["_id"]: str(each.get("version", "")) for each in users}
    return {each["_id"] for each in sessions if versions.get(each["user"]) == each["user_version"]}


def of_user(db: Db, name: str) -> list[Document]:
    """A user's sessions, the one used last first, as `{"key", "created_at", "used_at", "address", "agent"}`."""
    fields = {"_id": 0, "key": "$_id", "created_at": 1, "used_at": 1, "address": 1, "agent": 1}
    return list(db.staff_sessions.find({"user": name, "expires_at": {"$gt": now()}}, fields).sort("used_at", -1))


def end(db: Db, name: str, key: str) -> None:
    """End a session of this user; without effect where there is no such session any more."""
    with audit.act(db, "session.ended", target=name) as details:
        details["count"] = db.staff_sessions.delete_one({"_id": key, "user": name}).deleted_count


def replace(db: Db, identifier: str) -> None:
    """End the session that a browser had before it signed in anew; signing in is what is recorded."""
    db.staff_sessions.delete_one({"_id": _key(identifier)})


def end_others(db: Db, name: str, key: str) -> int:
    """End all sessions of this user but one, and return how many there were."""
    with audit.act(db, "session.ended", target=name, details={"others": True}) as details:
        details["count"] = db.staff_sessions.delete_many({"user": name, "_id": {"$ne": key}}).deleted_count
    return int(details["count"])


def _key(identifier: str) -> str:
    return hashlib.sha256(identifier.encode()).hexdigest()
