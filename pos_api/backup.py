"""Backup and restore: every collection of a database in one file, checked before it is trusted; but for the sums of
figures, which follow from the orders.

The file is a zip of `<collection>.bson` (as mongodump writes them, so MongoDB's own tools read them too) and a
`manifest.json` with counts and checksums. Its comment is the SHA-256 of everything before it, so a file that was cut
or altered anywhere is known before a document is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from bson import decode_file_iter
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection

from .db import DURABLE, Db, Document, ensure_indexes
from .errors import Conflict, Invalid

_FORMAT = "pos-api backup 1"
_MANIFEST = "manifest.json"
_DIGEST_BYTES = 64
_BLOCK = 1 << 20
_BATCH_BYTES = 8 << 20
_FIRST = ["inbox", "woocommerceorders", "products"]
"""Read in this order while the service works, orders and products are at most behind the ledger, never ahead: what is
behind, the next event or `pos-api verify --repair` brings up."""
_COUNTED_ANEW = ["stats_firsts", "stats_blocks", "stats_days", "stats_sums", "stats_turns"]
"""What `tally` makes from the orders: read while the service works, its parts would not fit together."""


@dataclass(frozen=True)
class Content:
    """What a backup holds of one collection."""

    documents: int
    bytes: int
    sha256: str


Manifest = dict[str, Content]


def write(db: Db, file: Path) -> Manifest:
    """Back up `db` to `file`, readable by its owner only; the service may go on meanwhile.

    The file is there whole or not at all; a former one of that name is replaced at the end.
    """
    with _whole(file) as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            archive.comment = b"0" * _DIGEST_BYTES
            names = [name for name in _collections(db) if name not in _COUNTED_ANEW]
            manifest = {name: _dump(db, name, archive) for name in names}
            about = {
                "format": _FORMAT,
                "database": db.name,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "collections": {name: asdict(content) for name, content in manifest.items()},
            }
            archive.writestr(_MANIFEST, json.dumps(about, indent=2))
        _seal(out)
    return manifest


def restore(db: Db, file: Path, *, force: bool = False) -> Manifest:
    """Bring what `file` holds into `db`, and make the indexes. Stop the service first.

    With `force` it replaces everything in `db`. Raises Invalid for a file that is no backup, or was cut or altered,
    and Conflict for a database that is not empty; in both cases nothing was written.
    """
    with _opened(file) as archive:
        manifest = _read_manifest(archive)
        for name, content in manifest.items():
            _check(archive, name, content)
        if force:
            for name in _collections(db):
                db.drop_collection(name)
        elif full := [name for name in _collections(db) if db[name].find_one(projection=["_id"])]:
            raise Conflict(f"The database {db.name} is not empty ({', '.join(full)}); --force replaces what is there.")
        ensure_indexes(db)
        for name, content in manifest.items():
            _load(archive, db[name].with_options(write_concern=DURABLE))
            if (found := db[name].count_documents({})) != content.documents:
                raise Conflict(f"{name} has {found} documents instead of {content.documents}: something else writes.")
    return manifest


def _collections(db: Db) -> list[str]:
    found = [
        each["name"]
        for each in db.list_collections()
        if each["type"] == "collection" and not each["name"].startswith("system.")
    ]
    place = {name: number for number, name in enumerate(_FIRST)}
    return sorted(found, key=lambda name: (place.get(name, len(place)), name))


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


def _load(archive: zipfile.ZipFile, collection: Collection[Document]) -> None:
    with archive.open(f"{collection.name}.bson") as source:
        batch: list[RawBSONDocument] = []
        size = 0
        for document in decode_file_iter(source, CodecOptions(RawBSONDocument)):
            batch.append(document)
            size += len(document.raw)
            if size >= _BATCH_BYTES:
                collection.insert_many(batch, ordered=False)
                batch, size = [], 0
        if batch:
            collection.insert_many(batch, ordered=False)


def _check(archive: zipfile.ZipFile, name: str, content: Content) -> None:
    digest, documents, size = hashlib.sha256(), 0, 0
    with archive.open(f"{name}.bson") as source:
        for document in decode_file_iter(source, CodecOptions(RawBSONDocument)):
            digest.update(document.raw)
            documents += 1
            size += len(document.raw)
    if Content(documents, size, digest.hexdigest()) != content:
        raise Invalid(f"The backup's {name} is not what its manifest says; nothing was restored.")


def _read_manifest(archive: zipfile.ZipFile) -> Manifest:
    about = json.loads(archive.read(_MANIFEST))
    if about["format"] != _FORMAT:
        raise Invalid(f"The backup is of another format, {about['format']!r}; nothing was restored.")
    return {name: Content(**content) for name, content in about["collections"].items()}


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, once its seal was found whole."""
    try:
        with file.open("rb") as source:
            if not zipfile.is_zipfile(source):
                raise Invalid(f"{file} is not a backup, or it was cut; nothing was restored.")
            digest, seal = _digest(source)
            if digest != seal:
                raise Invalid(f"{file} was cut or altered; nothing was restored.")
            with zipfile.ZipFile(source) as archive:
                yield archive
    except OSError as error:
        raise Invalid(f"{file} can't be read: {error.strerror}.") from None


def _seal(out: IO[bytes]) -> None:
    digest, _ = _digest(out)
    out.seek(-_DIGEST_BYTES, os.SEEK_END)
    out.write(digest)


def _digest(file: IO[bytes]) -> tuple[bytes, bytes]:
    """The SHA-256 (in hex) of all but the file's last 64 bytes, and those."""
    digest, rest = hashlib.sha256(), file.seek(-_DIGEST_BYTES, os.SEEK_END)
    file.seek(0)
    while rest and (block := file.read(min(rest, _BLOCK))):
        digest.update(block)
        rest -= len(block)
    return digest.hexdigest().encode(), file.read()


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
