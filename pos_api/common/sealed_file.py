"""Files that nobody can alter without the installation's key, and that nobody can read without it where they are
encrypted. The key is in no file: it is derived from the secret keys that the caller passes, of which the first makes
files and any reads them.

A sealed file ends with 80 bytes of text: the id of the key, and the HMAC-SHA-256 of all before it.
An encrypted one is a header (magic, id of the key, 16 random bytes) and blocks of AES-256-GCM, with a key of their own
from HKDF. The nonce of a block is its number and whether it is the last one, as in the STREAM construction (Hoang et
al., 2015): so blocks can't be left out, moved or added, and any block can be read on its own.
"""

from __future__ import annotations

import base64
import hmac
import io
import os
from collections.abc import Sequence
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pos_api.errors import Invalid

SEAL_BYTES = 16 + 64
MAGIC = b"pos-api encrypted backup 1\n"
_ID_BYTES = 8
_SALT_BYTES = 16
_HEADER_BYTES = len(MAGIC) + _ID_BYTES + _SALT_BYTES
_BLOCK = 1 << 20
_TAG_BYTES = 16
_MAX_BLOCKS = 1 << 40


class NotAuthentic(Invalid):
    """It was not made with one of the keys, or was cut or altered since."""


class Key:
    """One secret key of the installation (a Fernet key). Raises ValueError for what is none."""

    def __init__(self, secret: str) -> None:
        self._secret = base64.urlsafe_b64decode(secret)
        if len(self._secret) != 32:
            raise ValueError("not a Fernet key")
        self.id = self._derived(b"id", _ID_BYTES)

    def seal(self, file: IO[bytes], size: int) -> bytes:
        """The seal of the first `size` bytes of `file`, its id included."""
        mac = hmac.new(self._derived(b"authentication", 32), digestmod="sha256")
        file.seek(0)
        while size and (block := file.read(min(size, _BLOCK))):
            mac.update(block)
            size -= len(block)
        named = self.id.hex().encode()
        mac.update(named)
        return named + mac.hexdigest().encode()

    def cipher(self, salt: bytes) -> AESGCM:
        """The cipher of one encrypted file."""
        return AESGCM(self._derived(b"encryption", 32, salt))

    def _derived(self, purpose: bytes, size: int, salt: bytes | None = None) -> bytes:
        return HKDF(SHA256(), size, salt, b"pos-api backup: " + purpose).derive(self._secret)


def check_seal(file: IO[bytes], keys: Sequence[Key]) -> None:
    """Raise NotAuthentic unless one of `keys` sealed this file and nothing in it was altered."""
    size = file.seek(0, os.SEEK_END) - SEAL_BYTES
    if size < 0:
        raise NotAuthentic("it is too short")
    file.seek(size)
    seal = file.read(SEAL_BYTES)
    key = _key_of(seal[: 2 * _ID_BYTES], keys)
    if not hmac.compare_digest(key.seal(file, size), seal):
        raise NotAuthentic("it was cut or altered")


def _key_of(key_id: bytes, keys: Sequence[Key]) -> Key:
    for key in keys:
        if key_id in (key.id, key.id.hex().encode()):
            return key
    raise NotAuthentic("none of SECRETS_KEYS made it, or it was cut or altered")


def is_encrypted(file: IO[bytes]) -> bool:
    """Whether it begins as an encrypted file does."""
    file.seek(0)
    return file.read(len(MAGIC)) == MAGIC


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class EncryptingWriter(io.RawIOBase):
    """Encrypts what is written to it into `file`, by blocks; `close` writes the last one and leaves `file` open."""

    def __init__(self, file: IO[bytes], key: Key) -> None:
        salt = os.urandom(_SALT_BYTES)
        self._header = MAGIC + key.id + salt
        self._cipher, self._file = key.cipher(salt), file
        self._waiting, self._number = bytearray(), 0
        file.write(self._header)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Take `data`; a block is written when it is known not to be the last."""
        self._waiting += data
        while len(self._waiting) > _BLOCK:
            self._write_block(bytes(self._waiting[:_BLOCK]), last=False)
            del self._waiting[:_BLOCK]
        return len(data)

    def close(self) -> None:
        """Write the last block."""
        if not self.closed:
            self._write_block(bytes(self._waiting), last=True)
        super().close()

    def _write_block(self, plain: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), plain, self._header))
        self._number += 1


class DecryptingReader(io.RawIOBase):
    """Reads an encrypted file at any place, one block at a time. Raises NotAuthentic for a block that was altered, or
    when none of `keys` made the file."""

    def __init__(self, file: IO[bytes], keys: Sequence[Key]) -> None:
        size = file.seek(0, os.SEEK_END) - _HEADER_BYTES
        file.seek(0)
        self._header = file.read(_HEADER_BYTES)
        key_id, salt = self._header[len(MAGIC) : -_SALT_BYTES], self._header[-_SALT_BYTES:]
        self._file, self._cipher = file, _key_of(key_id, keys).cipher(salt)
        self._blocks = -(-size // (_BLOCK + _TAG_BYTES))
        self._size = size - self._blocks * _TAG_BYTES
        if self._size < 0 or not 0 < self._blocks < _MAX_BLOCKS:
            raise NotAuthentic("it was cut")
        self._at, self._number, self._block = 0, -1, b""

    def check(self) -> None:
        """Read all of it once; raises NotAuthentic."""
        for number in range(self._blocks):
            self._decrypted(number)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place; returns it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError("before the start")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Read up to the end of the block at most."""
        if self._at >= self._size:
            return 0
        number, start = divmod(self._at, _BLOCK)
        found = self._decrypted(number)[start : start + len(buffer)]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def _decrypted(self, number: int) -> bytes:
        if number != self._number:
            self._file.seek(_HEADER_BYTES + number * (_BLOCK + _TAG_BYTES))
            sealed = self._file.read(_BLOCK + _TAG_BYTES)
            try:
                self._block = self._cipher.decrypt(
                    _nonce(number, last=number == self._blocks - 1), sealed, self._header
                )
            except InvalidTag:
                raise NotAuthentic("it was cut or altered") from None
            self._number = number
        return self._block
