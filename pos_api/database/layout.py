"""The layout of the database: a version of what the service stores and under which names.

A service that does not know a layout must not work on it: what it does not find it would take for missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from pos_api.config import ConfigError
from pos_api.database.collections import Collection

VERSION = 1
"""To be raised with every change of collections or fields that this version can't read the former ones of."""
COLLECTIONS = (Collection("layout", "the version of what is stored in this database", in_backup=False),)

_ID = "layout"


def check(db: Database[dict[str, Any]], collections: Iterable[Collection]) -> None:
    """Raises ConfigError, in one line, where the database holds data of another layout; one that holds none of
    `collections` gets this one."""
    version = _version(db)
    if version is None:
        names = [each.name for each in collections if each.name != _ID]
        filled = any(db[name].find_one({}, {"_id": 1}) for name in names)
        version = _version(db) if filled else _set(db)  # another process may have started on it meanwhile
    if version != VERSION:
        found = "data without a layout" if version is None else f"layout {version!r}"
        raise ConfigError(
            f"The database {db.name} has {found}, and this version of pos-api reads layout {VERSION}: "
            "name an empty database in MONGODB_URI, or start the version that made it."
        )


def _version(db: Database[dict[str, Any]]) -> Any:
    """The version that the database says it has; None where it says none."""
    return (db[_ID].find_one({"_id": _ID}) or {}).get("version")


def _set(db: Database[dict[str, Any]]) -> Any:
    try:
        db[_ID].insert_one({"_id": _ID, "version": VERSION})
    except DuplicateKeyError:  # another process was faster
        return _version(db)
    return VERSION
