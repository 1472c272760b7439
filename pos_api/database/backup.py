"""Backup and restore: every collection of a database in one file, checked before it is trusted; but for what follows
from the orders, such as the figures' sums.

The file is a zip of `<collection>.bson` (as mongodump writes them, so MongoDB's own tools read them too) and a
`manifest.json` with counts and checksums. Its comment is a seal that only the holder of SECRETS_KEYS can make
(`sealed_file`), so a file that somebody else made, cut or altered is known before a document is written. Encrypted, the
zip is inside.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import struct
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import bson
from bson.codec_options import CodecOptions
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, OperationFailure

from pos_api.common.sealed_file import (
    SEAL_BYTES,
    DecryptingReader,
    EncryptingWriter,
    Key,
    NotAuthentic,
    check_seal,
    is_encrypted,
)
from pos_api.config import Config, ConfigError
from pos_api.database.client import DURABLE, INDEXES, Db, Document, ensure_indexes, only_collisions
from pos_api.errors import Conflict, Invalid
from pos_api.staff import audit

_FORMAT = "pos-api backup 2"
_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1 << 20
_DOCUMENT_BYTES = (16 << 20) + (16 << 10)
"""The largest document that MongoDB itself keeps, with what it adds."""
_BATCH_BYTES = 8 << 20
_TRIAL = "restore-trial "
"""Before the name of a collection: a restore that replaces a database loads everything under such names first."""
_COLLECTION = re.compile(r"(?!\.)[^$\0]{1,100}(?<!\.)")
_FIRST = ["inbox", "woocommerceorders", "products"]
"""Read in this order while the service works, orders and products are at most behind the ledger, never ahead: what is
behind, the next event or `pos-api verify --repair` brings up."""
_KEPT = ("audit", "erasures", "erasure_keys", "erased_orders")
"""What a restore adds to and does not replace: nothing removes an entry of the audit, and who was erased since the
backup stays so (see `erase.after_restore`)."""
_LEFT_OUT = ["stats_firsts", "stats_blocks", "stats_days", "stats_sums", "stats_turns", "upkeep"]
"""What follows from the orders, and is made anew after a restore: the figures of `tally`, and how far `order_upkeep`
is. Read while the service works, it would not fit the orders in the same file."""


@dataclass(frozen=True)
class Content:
    """What a backup holds of one collection."""

    documents: int
    bytes: int
    sha256: str


Manifest = dict[str, Content]


def keys(config: Config) -> list[Key]:
    """The keys that seal backups: those of SECRETS_KEYS, of which the first makes them. Raises ConfigError."""
    if not config.secrets_keys:
        raise ConfigError("SECRETS_KEYS is not set; backups are sealed with it. `pos-api init` makes one.")
    try:
        return [Key(secret) for secret in config.secrets_keys]
    except ValueError:
        raise ConfigError("SECRETS_KEYS holds something that is not a Fernet key; `pos-api init` makes one.") from None


def write(db: Db, file: Path, key: Key, *, encrypt: bool = False) -> Manifest:
    """Back up `db` to `file`, readable by its owner only; the service may go on meanwhile.

    The file is there whole or not at all; a former one of that name is replaced at the end.
    """
    with _whole(file) as out:
        manifest = _encrypted(db, out, key) if encrypt else _sealed(db, out, key)
        documents = sum(content.documents for content in manifest.values())
        audit.record(db, "backup.written", target=file.name, details={"encrypted": encrypt, "documents": documents})
    return manifest


def _encrypted(db: Db, out: IO[bytes], key: Key) -> Manifest:
    with EncryptingWriter(out, key) as encrypting:
        return _write_archive(db, cast("IO[bytes]", encrypting), b"")


def _sealed(db: Db, out: IO[bytes], key: Key) -> Manifest:
    manifest = _write_archive(db, out, b"0" * SEAL_BYTES)
    seal = key.seal(out, out.seek(-SEAL_BYTES, os.SEEK_END))
    out.seek(-SEAL_BYTES, os.SEEK_END)
    out.write(seal)
    return manifest


def _write_archive(db: Db, out: IO[bytes], comment: bytes) -> Manifest:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.comment = comment
        names = [name for name in _collections(db) if name not in _LEFT_OUT]
        manifest = {name: _dump(db, name, archive) for name in names}
        about = {
            "format": _FORMAT,
            "database": db.name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "collections": {name: asdict(content) for name, content in manifest.items()},
        }
        archive.writestr(_MANIFEST, json.dumps(about, indent=2))
    return manifest


def restore(db: Db, file: Path, keys: Sequence[Key], *, force: bool = False, unsealed: bool = False) -> Manifest:
    """Bring what `file` holds into `db`, and make the indexes. Stop the service first.

    `keys` are those of this installation; with `unsealed`, a file need not be sealed by one of them. With `force` it
    replaces everything in `db`, once all of the file was loaded beside it, which shows that it can be; but the audit
    stays, and the backup's is added to it. Raises Invalid for a file that is no backup, or was made, cut or altered by
    somebody else, and Conflict for a database that is not empty, audit aside; in all these cases what is in `db` stays
    as it was.
    """
    with _opened(file, keys, unsealed=unsealed) as archive:
        with _refusing(file):
            manifest = _read_manifest(archive)
            for name, content in manifest.items():
                _check(archive, name, content)
        present = [name for name in _collections(db) if name not in _KEPT]
        if force:
            _try_to_load(db, archive, manifest)
        elif full := [name for name in present if db[name].find_one(projection=["_id"])]:
            raise Conflict(f"The database {db.name} is not empty ({', '.join(full)}); --force replaces what is there.")
        with audit.act(db, "backup.restored", target=file.name, details={"force": force, "unsealed": unsealed}):
            for name in present:
                db.drop_collection(name)
            ensure_indexes(db)
            _load_into_empty(db, archive, manifest)
    return manifest


def _collections(db: Db) -> list[str]:
    found = [name for name in _all_collections(db) if not name.startswith(_TRIAL)]
    place = {name: number for number, name in enumerate(_FIRST)}
    return sorted(found, key=lambda name: (place.get(name, len(place)), name))


def _all_collections(db: Db) -> list[str]:
    return [
        each["name"]
        for each in db.list_collections()
        if each["type"] == "collection" and not each["name"].startswith("system.")
    ]


def _dump(db: Db, name: str, archive: zipfile.ZipFile) -> Content:
    raw = cast("Collection[RawBSONDocument]", db.get_collection(name, CodecOptions(RawBSONDocument)))
    digest, documents, size = hashlib.sha256(), 0, 0
    with archive.open(f"{name}.bson", "w", force_zip64=True) as out, raw.find() as cursor:
        for document in cursor:
            out.write(document.raw)
            digest.update(document.raw)
            documents += 1
            size += len(document.raw)
    return Content(documents, size, digest.hexdigest())


# --- loading ----------------------------------------------------------------------------------------------------


def _try_to_load(db: Db, archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Load everything beside what is there, with the same indexes, and remove it again. Raises Invalid."""
    _drop_trial(db)  # a restore that was killed may have left it
    try:
        for name in manifest:
            if indexes := INDEXES.get(name):
                db[_TRIAL + name].create_indexes(indexes)
        _load_all(db, archive, manifest, prefix=_TRIAL)
    finally:
        _drop_trial(db)


def _drop_trial(db: Db) -> None:
    for name in _all_collections(db):
        if name.startswith(_TRIAL):
            db.drop_collection(name)


def _load_all(db: Db, archive: zipfile.ZipFile, manifest: Manifest, *, prefix: str = "") -> None:
    """Raises Invalid for what MongoDB does not take."""
    for name, content in manifest.items():
        kept = name in _KEPT and not prefix
        collection = db[prefix + name].with_options(write_concern=DURABLE)
        if name == "erasures" and kept:
            _add_erasures(archive, collection)
            continue
        try:
            _load(archive, name, collection, add=kept)
        except (OperationFailure, InvalidDocument) as error:
            problem = error.details["writeErrors"][0]["errmsg"] if isinstance(error, BulkWriteError) else error
            raise Invalid(f"The backup's {name} can't be loaded, nothing was restored: {str(problem)[:200]}") from None
        if (found := collection.count_documents({})) != content.documents and not kept:
            raise Conflict(f"{name} has {found} documents instead of {content.documents}: something else writes.")


def _load_into_empty(db: Db, archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Load everything; nothing of it stays when MongoDB does not take all."""
    try:
        _load_all(db, archive, manifest)
    except Invalid:
        for name in manifest:
            if name not in _KEPT:
                db.drop_collection(name)
        raise


def _add_erasures(archive: zipfile.ZipFile, collection: Collection[Document]) -> None:
    """Add the erasures that are not remembered here yet, and the times of those that are."""
    for raw in _documents(archive, "erasures"):
        new: Document = bson.decode(raw, CodecOptions(tz_aware=True))
        times = {"$addToSet": {"times": {"$each": new.pop("times")}}} if "times" in new else {}
        key = {"_id": new.pop("_id")}
        collection.update_one(key, {"$setOnInsert": new, **times}, upsert=True)


def _load(archive: zipfile.ZipFile, name: str, collection: Collection[Document], *, add: bool) -> None:
    """Insert the documents; with `add` those that are there already stay as they are."""
    batch: list[RawBSONDocument] = []
    size = 0
    for raw in _documents(archive, name):
        batch.append(RawBSONDocument(raw))
        size += len(raw)
        if size >= _BATCH_BYTES:
            _insert(batch, collection, add=add)
            batch, size = [], 0
    if batch:
        _insert(batch, collection, add=add)


def _insert(batch: list[RawBSONDocument], collection: Collection[Document], *, add: bool) -> None:
    try:
        collection.insert_many(batch, ordered=False)
    except BulkWriteError as error:
        if not add:
            raise
        only_collisions(error)


# --- checking ---------------------------------------------------------------------------------------------------


def _check(archive: zipfile.ZipFile, name: str, content: Content) -> None:
    digest, documents, size = hashlib.sha256(), 0, 0
    for raw in _documents(archive, name):
        if "_id" not in bson.decode(raw):
            raise Invalid(f"The backup's {name} holds a document without an id; nothing was restored.")
        digest.update(raw)
        documents += 1
        size += len(raw)
    if Content(documents, size, digest.hexdigest()) != content:
        raise Invalid(f"The backup's {name} is not what its manifest says; nothing was restored.")


def _documents(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The documents of a collection as bytes, one at a time, each of a size that MongoDB allows."""
    with archive.open(f"{name}.bson") as source:
        while head := source.read(4):
            size = struct.unpack("<i", head)[0]
            raw = head + (source.read(size - 4) if 5 <= size <= _DOCUMENT_BYTES else b"")
            if len(raw) != size:
                raise Invalid(f"The backup's {name} holds what is no document; nothing was restored.")
            yield raw


def _read_manifest(archive: zipfile.ZipFile) -> Manifest:
    if archive.getinfo(_MANIFEST).file_size > _MANIFEST_BYTES:
        raise Invalid("The backup's manifest is too long; nothing was restored.")
    about = json.loads(archive.read(_MANIFEST))
    if about["format"] != _FORMAT:
        raise Invalid(f"The backup is of another format, {str(about['format'])[:40]!r}; nothing was restored.")
    manifest = {name: Content(**content) for name, content in about["collections"].items()}
    if sorted(archive.namelist()) != sorted([_MANIFEST, *(f"{name}.bson" for name in manifest)]):
        raise Invalid("The backup holds something else than its manifest says; nothing was restored.")
    for name in manifest:
        if not _COLLECTION.fullmatch(name) or name.startswith(("system.", _TRIAL)):
            raise Invalid(f"The backup holds a collection {name[:40]!r}; nothing was restored.")
    return manifest


@contextmanager
def _opened(file: Path, keys: Sequence[Key], *, unsealed: bool) -> Iterator[zipfile.ZipFile]:
    """The archive in `file`, once all of it was found authentic."""
    try:
        with file.open("rb") as source, _archive(file, source, keys, unsealed=unsealed) as archive:
            yield archive
    except OSError as error:
        raise Invalid(f"{file} can't be read: {error.strerror or error}.") from None


def _archive(file: Path, source: IO[bytes], keys: Sequence[Key], *, unsealed: bool) -> zipfile.ZipFile:
    with _refusing(file):
        if is_encrypted(source):
            reader = DecryptingReader(source, keys)
            reader.check()
            return zipfile.ZipFile(io.BufferedReader(reader))
        if not unsealed:
            check_seal(source, keys)
        return zipfile.ZipFile(source)


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    """Whatever goes wrong in here, the file is at fault: its bytes may be anybody's."""
    try:
        yield
    except NotAuthentic as error:
        raise Invalid(f"{file} can't be trusted: {error.message}; nothing was restored.") from None
    except (OSError, Invalid):
        raise
    except Exception as error:
        raise Invalid(f"{file} is not a backup ({type(error).__name__}); nothing was restored.") from None


@contextmanager
def _whole(file: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name only when it is complete and on the disk."""
    if file.exists() and not file.is_file():  # root could replace /dev/null by a backup
        raise Invalid(f"{file} can't be written: it is no file.")
    try:
        with tempfile.NamedTemporaryFile("w+b", dir=file.parent, prefix=f".{file.name}.", delete=False) as out:
            try:
                yield out
                out.flush()
                os.fsync(out.fileno())
                os.replace(out.name, file)
            except BaseException:
                os.unlink(out.name)
                raise
    except OSError as error:
        raise Invalid(f"{file} can't be written: {error.strerror}.") from None
