"""The collections of staff."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from pos_api.database.collections import Collection

_NEWEST_FIRST = [("time", DESCENDING), ("_id", DESCENDING)]

COLLECTIONS = (
    Collection("users", "names, roles and password hashes"),
    Collection("script_tokens", "tokens of scripts, by their ids", (IndexModel("expires_at", expireAfterSeconds=0),)),
    Collection(
        "ended_tokens", "tokens that were ended before their time", (IndexModel("expires_at", expireAfterSeconds=0),)
    ),
    Collection(
        "staff_sessions",
        "sessions of staff in the dashboard, by the hashes of their ids",
        (IndexModel("expires_at", expireAfterSeconds=0), IndexModel([("user", ASCENDING)])),
        in_backup=False,  # so a restore signs everybody out
    ),
    Collection(
        "first_admin",
        "the hash of the key that makes the first user",
        (IndexModel("expires_at", expireAfterSeconds=0),),
        in_backup=False,
    ),
    Collection(
        "audit",
        "who did what, and when",
        (
            IndexModel(_NEWEST_FIRST),
            IndexModel([("action", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("who.name", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("target", ASCENDING), *_NEWEST_FIRST]),
        ),
        kept_by_restore=True,
    ),
)
