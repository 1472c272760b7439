"""Restoring a backup, without what `pos-api restore` does about people who were erased."""

from __future__ import annotations

from pathlib import Path

from pos_api.collections import COLLECTIONS
from pos_api.common.sealed_file import Key
from pos_api.database import restore as backups
from pos_api.database.backup_file import Manifest
from pos_api.database.client import Db


def restore(db: Db, file: Path, keys: list[Key], **options: bool) -> Manifest:
    """Bring what the file holds into `db`; `options` as of `checked`."""
    with backups.checked(db, COLLECTIONS, file, keys, **options) as checked:
        return checked.run()
