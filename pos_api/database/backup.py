"""Backup: every collection of a database in one file (`backup_file`), but for those that follow from others."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection as Stored

from pos_api.common.sealed_file import SEAL_BYTES, EncryptingWriter, Key
from pos_api.config import Config, ConfigError
from pos_api.database.backup_file import TRIAL, Content, Manifest, write_manifest, written_whole
from pos_api.database.client import Db
from pos_api.database.collections import Collection


def keys(config: Config) -> list[Key]:
    """The keys that seal backups: those of SECRETS_KEYS, of which the first makes them. Raises ConfigError."""
    if not config.secrets_keys:
        raise ConfigError("SECRETS_KEYS is not set; backups are sealed with it. `pos-api init` makes one.")
    try:
        return [Key(secret) for secret in config.secrets_keys]
    except ValueError:
        raise ConfigError("SECRETS_KEYS holds something that is not a Fernet key; `pos-api init` makes one.") from None


def write(db: Db, collections: Sequence[Collection], file: Path, key: Key, *, encrypt: bool = False) -> Manifest:
    """Back up `db` to `file`, readable by its owner only; the service may go on meanwhile. `collections` are read
    first, in their order, then any others that are there.

    The file is there whole or not at all; a former one of that name is replaced at the end. Raises Invalid where it
    can't be written.
    """
    left_out = {each.name for each in collections if not each.in_backup}
    names = [name for name in names_in_order(db, collections) if name not in left_out]
    with written_whole(file) as out:
        return _encrypted(db, names, out, key) if encrypt else _sealed(db, names, out, key)


def names_in_order(db: Db, collections: Sequence[Collection]) -> list[str]:
    """The names of the collections that the database has: the declared ones in their order, then others."""
    place = {each.name: number for number, each in enumerate(collections)}
    found = [name for name in all_names(db) if not name.startswith(TRIAL)]
    return sorted(found, key=lambda name: (place.get(name, len(place)), name))


def all_names(db: Db) -> list[str]:
    """The names of all collections that the database has, MongoDB's own aside."""
    return [
        each["name"]
        for each in db.list_collections()
        if each["type"] == "collection" and not each["name"].startswith("system.")
    ]


def _encrypted(db: Db, names: Sequence[str], out: IO[bytes], key: Key) -> Manifest:
    with EncryptingWriter(out, key) as encrypting:
        return _write_archive(db, names, cast("IO[bytes]", encrypting), b"")


def _sealed(db: Db, names: Sequence[str], out: IO[bytes], key: Key) -> Manifest:
    manifest = _write_archive(db, names, out, b"0" * SEAL_BYTES)
    seal = key.seal(out, out.seek(-SEAL_BYTES, os.SEEK_END))
    out.seek(-SEAL_BYTES, os.SEEK_END)
    out.write(seal)
    return manifest


def _write_archive(db: Db, names: Sequence[str], out: IO[bytes], comment: bytes) -> Manifest:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.comment = comment
        manifest = {name: _dump(db, name, archive) for name in names}
        write_manifest(archive, db.name, manifest)
    return manifest


def _dump(db: Db, name: str, archive: zipfile.ZipFile) -> Content:
    raw = cast("Stored[RawBSONDocument]", db.get_collection(name, CodecOptions(RawBSONDocument)))
    digest, documents, size = hashlib.sha256(), 0, 0
    with archive.open(f"{name}.bson", "w", force_zip64=True) as out, raw.find() as cursor:
        for document in cursor:
            out.write(document.raw)
            digest.update(document.raw)
            documents += 1
            size += len(document.raw)
    return Content(documents, size, digest.hexdigest())
