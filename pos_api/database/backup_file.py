"""The file of a backup: a zip of `<collection>.bson` (as mongodump writes them, so MongoDB's own tools read them too)
and a `manifest.json` with the layout of the database, counts and checksums.

Its comment is a seal that only the holder of SECRETS_KEYS can make (`sealed_file`), so a file that somebody else made,
cut or altered is known before a document is written. Encrypted, the zip is inside.
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
from typing import IO

import bson

from pos_api.common.sealed_file import DecryptingReader, Key, NotAuthentic, check_seal, is_encrypted
from pos_api.database import layout
from pos_api.errors import Invalid

TRIAL = "restore-trial "
"""Before the name of a collection: a restore that replaces a database loads everything under such names first."""
_FORMAT = "pos-api backup 2"
_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1 << 20
_DOCUMENT_BYTES = (16 << 20) + (16 << 10)
"""The largest document that MongoDB itself keeps, with what it adds."""
_COLLECTION = re.compile(r"(?!\.)[^$\0]{1,100}(?<!\.)")


@dataclass(frozen=True)
class Content:
    """What a backup holds of one collection."""

    documents: int
    bytes: int
    sha256: str


Manifest = dict[str, Content]


def write_manifest(archive: zipfile.ZipFile, database: str, manifest: Manifest) -> None:
    """Add what the archive holds, as of now."""
    about = {
        "format": _FORMAT,
        "layout": layout.VERSION,
        "database": database,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "collections": {name: asdict(content) for name, content in manifest.items()},
    }
    archive.writestr(_MANIFEST, json.dumps(about, indent=2))


@contextmanager
def opened(file: Path, keys: Sequence[Key], *, unsealed: bool) -> Iterator[zipfile.ZipFile]:
    """The archive in `file`, once all of it was found authentic. Raises Invalid."""
    try:
        with file.open("rb") as source, _archive(file, source, keys, unsealed=unsealed) as archive:
            yield archive
    except OSError as error:
        raise Invalid(f"{file} can't be read: {error.strerror or error}.") from None


def _archive(file: Path, source: IO[bytes], keys: Sequence[Key], *, unsealed: bool) -> zipfile.ZipFile:
    with refusing(file):
        if is_encrypted(source):
            reader = DecryptingReader(source, keys)
            reader.check()
            return zipfile.ZipFile(io.BufferedReader(reader))
        if not unsealed:
            check_seal(source, keys)
        return zipfile.ZipFile(source)


@contextmanager
def refusing(file: Path) -> Iterator[None]:
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
def written_whole(file: Path) -> Iterator[IO[bytes]]:
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


def _check_documents(archive: zipfile.ZipFile, name: str, content: Content) -> None:
    digest, count, size = hashlib.sha256(), 0, 0
    for raw in documents(archive, name):
        if "_id" not in bson.decode(raw):
            raise Invalid(f"The backup's {name} holds a document without an id; nothing was restored.")
        digest.update(raw)
        count += 1
        size += len(raw)
    if Content(count, size, digest.hexdigest()) != content:
        raise Invalid(f"The backup's {name} is not what its manifest says; nothing was restored.")


def documents(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The documents of a collection as bytes, one at a time, each of a size that MongoDB allows."""
    with archive.open(f"{name}.bson") as source:
        while head := source.read(4):
            size = struct.unpack("<i", head)[0]
            raw = head + (source.read(size - 4) if 5 <= size <= _DOCUMENT_BYTES else b"")
            if len(raw) != size:
                raise Invalid(f"The backup's {name} holds what is no document; nothing was restored.")
            yield raw


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """What the archive holds, once every document of it was checked. Raises Invalid, and whatever its bytes lead to."""
    manifest = _read_manifest(archive)
    for name, content in manifest.items():
        _check_documents(archive, name, content)
    return manifest


def _read_manifest(archive: zipfile.ZipFile) -> Manifest:
    if archive.getinfo(_MANIFEST).file_size > _MANIFEST_BYTES:
        raise Invalid("The backup's manifest is too long; nothing was restored.")
    about = json.loads(archive.read(_MANIFEST))
    if about["format"] != _FORMAT:
        raise Invalid(f"The backup is of another format, {str(about['format'])[:40]!r}; nothing was restored.")
    if about.get("layout") != layout.VERSION:
        found = str(about.get("layout"))[:40]
        raise Invalid(f"The backup is of layout {found!r}, not of {layout.VERSION}; nothing was restored.")
    manifest = {name: Content(**content) for name, content in about["collections"].items()}
    if sorted(archive.namelist()) != sorted([_MANIFEST, *(f"{name}.bson" for name in manifest)]):
        raise Invalid("The backup holds something else than its manifest says; nothing was restored.")
    for name in manifest:
        if not _COLLECTION.fullmatch(name) or name.startswith(("system.", TRIAL)):
            raise Invalid(f"The backup holds a collection {name[:40]!r}; nothing was restored.")
    return manifest
