"""The signature of one component of an ArcBlock application for another: Ed25519 over the SHA3-256 of a JSON text of
the body, the method, the path and the query of the request, and the time.

The text is made as its sender makes it, in JavaScript: keys sorted, no blanks, numbers as JavaScript writes them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pos_api.common.time import now
from pos_api.errors import PayloadTooLarge, Unauthorized

SIGNATURE, _IAT, _EXP = "x-component-sig", "x-component-sig-iat", "x-component-sig-exp"
_VERSION, _PREFIX = "x-component-sig-version", "x-path-prefix"
AHEAD = 300
"""So many seconds its time may be ahead of this clock."""
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
_HEX_SIGNATURE = re.compile(r"(?:0x)?([0-9a-fA-F]{128})", re.ASCII)
_HEX_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)
_PATH = re.compile(r"/[A-Za-z0-9._~/-]{0,200}", re.ASCII)
_LARGEST_EXACT = 2**53
_LARGEST_BODY = 256 * 1024
"""Bytes: the text is made before it is known who sent the body, and takes far longer than a hash of it."""


def read_public_key(text: str) -> str:
    """A public key as it is kept: 64 hexadecimal digits. Raises ValueError for what is none."""
    found = _HEX_KEY.fullmatch(text.strip())
    if not found:
        raise ValueError("must be the application's public key: 64 hexadecimal digits, with or without 0x")
    return found[1].lower()


def signed_texts(
    headers: Mapping[str, str], body: bytes, method: str, path: str, query: str
) -> tuple[bytes, list[bytes]]:
    """The signature in the headers, and the digests that it may be of: with the path of the request, and, where the
    header `x-path-prefix` names one, with this prefix ahead of it. The method is in small letters; a request without a
    body is signed as one with `{}`. Raises Unauthorized."""
    found = _HEX_SIGNATURE.fullmatch(headers.get(SIGNATURE, "").strip())
    issued, expires = headers.get(_IAT, "").strip(), headers.get(_EXP, "").strip()
    if not found or headers.get(_VERSION, "1").strip() != "1":
        raise _wrong("The component signature can't be read.")
    if not _SECONDS.fullmatch(issued) or not _SECONDS.fullmatch(expires):
        raise _wrong("The times of the component signature can't be read.")
    present = now().timestamp()
    if int(expires) < present or int(issued) > present + AHEAD:
        problem = "The component signature is past its time, or more than five minutes ahead."
        raise Unauthorized(problem, reason="signature out of time")
    if len(body) > _LARGEST_BODY:
        raise PayloadTooLarge(f"At most {_LARGEST_BODY:,} bytes are taken with a component signature.")
    paths = [path]
    prefix = headers.get(_PREFIX, "").strip().rstrip("/")
    if prefix and _PATH.fullmatch(prefix):
        paths.append(prefix + path)
    try:
        signed = {"exp": int(expires), "iat": int(issued), "method": method, "query": _query(query)}
        signed["body"] = json.loads(body) if body or method == "post" else {}
        ahead_of_url = stable_json(signed).removesuffix("}")  # once: the body may be large, and `url` is the last name
        texts = [f'{ahead_of_url},"url":{_quoted(each)}}}'.encode() for each in paths]
    except (ValueError, RecursionError):  # no JSON, or text that is no Unicode
        raise _wrong("The body is not JSON, so its component signature can't be checked.") from None
    return bytes.fromhex(found[1]), [hashlib.sha3_256(text).digest() for text in texts]


def is_signed_by(public_key: str, signature: bytes, digests: list[bytes]) -> bool:
    """Whether the owner of this key has signed one of these digests."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    return any(_verifies(key, signature, each) for each in digests)


def _verifies(key: Ed25519PublicKey, signature: bytes, digest: bytes) -> bool:
    try:
        key.verify(signature, digest)
    except InvalidSignature:
        return False
    return True


def _wrong(message: str) -> Unauthorized:
    return Unauthorized(message, reason="wrong webhook signature")


def _query(query: str) -> dict[str, Any]:
    """The query as the sender's server reads it: a name that stands there twice has a list."""
    read: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=100):
        if name in read:
            read[name] = [*(read[name] if isinstance(read[name], list) else [read[name]]), value]
        else:
            read[name] = value
    return read


def stable_json(value: Any) -> str:
    """A JSON text that is the same for equal values, as JavaScript writes it."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be", "surrogatepass"))
        return f"{{{','.join(f'{_quoted(name)}:{stable_json(each)}' for name, each in members)}}}"
    if isinstance(value, list):
        return f"[{','.join(stable_json(each) for each in value)}]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return _number(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(value: int | float) -> str:
    """A number as JavaScript writes it, which has none but 64-bit floats."""
    if isinstance(value, int) and abs(value) <= _LARGEST_EXACT:
        return str(value)
    try:
        exact = float(value)
    except OverflowError:
        return "null"
    if exact != exact or exact in (float("inf"), float("-inf")):
        return "null"
    digits = repr(exact)
    mantissa, _, exponent = digits.partition("e")
    if 1e-6 <= abs(exact) < 1e21 or exact == 0:
        return _plain(digits)
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def _plain(digits: str) -> str:
    """The shortest digits of a float, without an exponent."""
    text = f"{Decimal(digits):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
