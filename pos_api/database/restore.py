"""Restore: what a backup holds, into an empty database or in place of what is there; checked before it is trusted."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bson
from bson.codec_options import CodecOptions
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection as Stored
from pymongo.errors import BulkWriteError, OperationFailure

from pos_api.common.sealed_file import Key
from pos_api.database import backup_file
from pos_api.database.backup import all_names, names_in_order
from pos_api.database.backup_file import TRIAL, Manifest
from pos_api.database.client import DURABLE, Db, Document
from pos_api.database.collections import Collection, ensure_indexes
from pos_api.database.write_errors import only_collisions
from pos_api.errors import Conflict, Invalid

_BATCH_BYTES = 8 << 20


@contextmanager
def checked(
    db: Db,
    collections: Sequence[Collection],
    file: Path,
    keys: Sequence[Key],
    *,
    force: bool = False,
    unsealed: bool = False,
) -> Iterator[Restore]:
    """A restore of `file` into `db` that can be done; until then `db` stays as it was.

    `keys` are those of this installation; with `unsealed`, a file need not be sealed by one of them. With `force` it
    will replace everything in `db` but what `collections` keep; all of the file was then loaded beside it, which shows
    that it can be. Raises Invalid for a file that is no backup, is of another layout, or was made, cut or altered by
    somebody else, and Conflict for a database that is not empty, what is kept aside.
    """
    with backup_file.opened(file, keys, unsealed=unsealed) as archive:
        with backup_file.refusing(file):
            manifest = backup_file.read_manifest(archive)
        restore = Restore(db, tuple(collections), archive, manifest)
        if force:
            restore.try_to_load()
        elif full := [name for name in restore.replaced() if db[name].find_one(projection=["_id"])]:
            raise Conflict(f"The database {db.name} is not empty ({', '.join(full)}); --force replaces what is there.")
        yield restore


@dataclass(frozen=True, slots=True)
class Restore:
    """What a checked file holds, and where it goes."""

    db: Db
    collections: tuple[Collection, ...]
    archive: zipfile.ZipFile
    manifest: Manifest

    def run(self) -> Manifest:
        """Replace what is there by what the file holds, and make the indexes. Stop the service first. Nothing of it
        stays when MongoDB does not take all. Raises Conflict where something else writes meanwhile."""
        for name in self.replaced():
            self.db.drop_collection(name)
        ensure_indexes(self.db, self.collections)
        try:
            self._load_all()
        except Invalid:
            for name in self.manifest.keys() - self._kept().keys():
                self.db.drop_collection(name)
            raise
        return self.manifest

    def replaced(self) -> list[str]:
        """The names of the collections that are there and will be replaced."""
        stays = {*self._kept(), "layout"}  # which is the file's, as was checked
        return [name for name in names_in_order(self.db, self.collections) if name not in stays]

    def try_to_load(self) -> None:
        """Load everything beside what is there, with the same indexes, and remove it again. Raises Invalid."""
        self._drop_trial()  # a restore that was killed may have left it
        indexes = {each.name: list(each.indexes) for each in self.collections}
        try:
            for name in self.manifest:
                if indexes.get(name):
                    self.db[TRIAL + name].create_indexes(indexes[name])
            self._load_all(prefix=TRIAL)
        finally:
            self._drop_trial()

    def _kept(self) -> dict[str, Collection]:
        return {each.name: each for each in self.collections if each.kept_by_restore}

    def _drop_trial(self) -> None:
        for name in all_names(self.db):
            if name.startswith(TRIAL):
                self.db.drop_collection(name)

    def _load_all(self, *, prefix: str = "") -> None:
        """Raises Invalid for what MongoDB does not take."""
        kept = {} if prefix else self._kept()
        for name, content in self.manifest.items():
            stored = self.db[prefix + name].with_options(write_concern=DURABLE)
            if name in kept and kept[name].lists_added_to:
                _add_lists(self.archive, kept[name], stored)
                continue
            try:
                _load(self.archive, name, stored, add=name in kept)
            except (OperationFailure, InvalidDocument) as error:
                problem = str(error.details["writeErrors"][0]["errmsg"] if isinstance(error, BulkWriteError) else error)
                raise Invalid(f"The backup's {name} can't be loaded, nothing was restored: {problem[:200]}") from None
            if (found := stored.count_documents({})) != content.documents and name not in kept:
                raise Conflict(f"{name} has {found} documents instead of {content.documents}: something else writes.")


def _add_lists(archive: zipfile.ZipFile, collection: Collection, stored: Stored[Document]) -> None:
    """Add the documents that are not there yet, and the entries of the lists of those that are."""
    for raw in backup_file.documents(archive, collection.name):
        new: Document = bson.decode(raw, CodecOptions(tz_aware=True))
        lists = {name: {"$each": new.pop(name)} for name in collection.lists_added_to if name in new}
        key = {"_id": new.pop("_id")}
        stored.update_one(key, {"$setOnInsert": new} | ({"$addToSet": lists} if lists else {}), upsert=True)


def _load(archive: zipfile.ZipFile, name: str, stored: Stored[Document], *, add: bool) -> None:
    """Insert the documents; with `add` those that are there already stay as they are."""
    batch: list[RawBSONDocument] = []
    size = 0
    for raw in backup_file.documents(archive, name):
        batch.append(RawBSONDocument(raw))
        size += len(raw)
        if size >= _BATCH_BYTES:
            _insert(batch, stored, add=add)
            batch, size = [], 0
    if batch:
        _insert(batch, stored, add=add)


def _insert(batch: list[RawBSONDocument], stored: Stored[Document], *, add: bool) -> None:
    try:
        stored.insert_many(batch, ordered=False)
    except BulkWriteError as error:
        if not add:
            raise
        only_collisions(error)
