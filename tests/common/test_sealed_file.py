"""A sealed file can't be altered, and an encrypted one can't be read either, without the key."""

from __future__ import annotations

import io
import os

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from pos_api.common import sealed_file
from pos_api.common.sealed_file import SEAL_BYTES, DecryptingReader, EncryptingWriter, Key, NotAuthentic, check_seal

KEY, OTHER = Key(Fernet.generate_key().decode()), Key(Fernet.generate_key().decode())
BLOCK = sealed_file._BLOCK
SIZES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 17]


def encrypted(plain: bytes, key: Key = KEY) -> bytes:
    out = io.BytesIO()
    with EncryptingWriter(out, key) as writer:
        for start in range(0, len(plain), 100_003):
            writer.write(plain[start : start + 100_003])
    return out.getvalue()


def decrypted(data: bytes, *keys: Key) -> bytes:
    reader = DecryptingReader(io.BytesIO(data), keys or [KEY])
    reader.check()
    return io.BufferedReader(reader).read()


@pytest.mark.parametrize("size", SIZES)
def test_what_was_encrypted_is_read_again(size: int) -> None:
    plain = os.urandom(size)
    assert decrypted(encrypted(plain), OTHER, KEY) == plain


def test_any_place_can_be_read() -> None:
    plain = os.urandom(2 * BLOCK + 5)
    reader = io.BufferedReader(DecryptingReader(io.BytesIO(encrypted(plain)), [KEY]))
    for start in (2 * BLOCK - 3, 0, BLOCK - 1, 2 * BLOCK + 5, 7):
        reader.seek(start)
        assert reader.read(9) == plain[start : start + 9]
    assert reader.seek(-4, os.SEEK_END) == 2 * BLOCK + 1
    assert reader.read() == plain[-4:]


def test_nothing_of_the_text_or_the_key_can_be_seen() -> None:
    data = encrypted(b"anna@example.com" * 1000)
    assert b"anna" not in data
    assert encrypted(b"x" * 100) != encrypted(b"x" * 100), "each file has a key of its own"


def test_without_its_key_it_is_not_read() -> None:
    with pytest.raises(NotAuthentic, match="none of SECRETS_KEYS"):
        decrypted(encrypted(b"text"), OTHER)
    with pytest.raises(NotAuthentic, match="none of SECRETS_KEYS"):
        DecryptingReader(io.BytesIO(encrypted(b"text")), [])


THREE_BLOCKS = encrypted(b"x" * (2 * BLOCK + 10))


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(THREE_BLOCKS) - 1), by=st.integers(1, 255))
def test_no_byte_of_it_can_be_altered(at: int, by: int) -> None:
    altered = bytearray(THREE_BLOCKS)
    altered[at] ^= by
    with pytest.raises(NotAuthentic):
        decrypted(bytes(altered))


def test_blocks_cant_be_left_out_moved_or_added() -> None:
    head = sealed_file._HEADER_BYTES
    size = BLOCK + sealed_file._TAG_BYTES
    first, second, last = (
        THREE_BLOCKS[head : head + size],
        THREE_BLOCKS[head + size :][:size],
        THREE_BLOCKS[head + 2 * size :],
    )
    start = THREE_BLOCKS[:head]
    for order in ([first, second], [second, first, last], [first, last], [first, second, last, last], [first], []):
        with pytest.raises(NotAuthentic):
            decrypted(start + b"".join(order))
    for cut in range(head + 20):
        with pytest.raises(NotAuthentic):
            decrypted(THREE_BLOCKS[:cut])


def sealed(text: bytes, key: Key = KEY) -> bytes:
    return text + key.seal(io.BytesIO(text), len(text))


@settings(deadline=None)
@given(data=st.data(), text=st.binary(max_size=200))
def test_a_sealed_file_cant_be_altered_or_cut(data: st.DataObject, text: bytes) -> None:
    whole = sealed(text)
    check_seal(io.BytesIO(whole), [OTHER, KEY])
    altered = bytearray(whole)
    altered[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    for wrong in (bytes(altered), whole[: data.draw(st.integers(0, len(whole) - 1))], whole + b"x", b"x" + whole):
        with pytest.raises(NotAuthentic):
            check_seal(io.BytesIO(wrong), [OTHER, KEY])


def test_a_seal_of_somebody_else_is_none() -> None:
    with pytest.raises(NotAuthentic, match="none of SECRETS_KEYS"):
        check_seal(io.BytesIO(sealed(b"text", OTHER)), [KEY])
    forged = b"text" + KEY.id.hex().encode() + sealed(b"text", OTHER)[-64:]
    assert len(forged) == 4 + SEAL_BYTES
    with pytest.raises(NotAuthentic, match="cut or altered"):
        check_seal(io.BytesIO(forged), [KEY])


@pytest.mark.parametrize("secret", ["", "short", "x" * 44, "ö" * 44, "A" * 42])
def test_what_is_no_fernet_key_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Key(secret)
