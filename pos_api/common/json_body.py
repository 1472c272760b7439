"""Strict JSON, for bodies that come from outside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from pos_api.errors import BadRequest, Invalid

_NUL = "\\u0000"
_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
"""What an emoji looks like where a sender writes ASCII only, as PHP does (RFC 8259, section 7)."""
_SUSPECT = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
_DEPTH = 200
_SENDERS_DEPTH = 520
"""PHP writes 512 levels and no more (json_encode)."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadRequest("The JSON has a key twice in one object.")
    return members


def _no_constant(name: str) -> Any:
    raise BadRequest(f"The JSON holds {name}, which RFC 8259 does not allow.")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
_exact_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=Decimal)
_fast_decoder = msgspec.json.Decoder()
_fast_exact_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def parse(body: bytes, *, any_text: bool = False, exact: bool = False) -> Any:
    """The value of a JSON body: UTF-8, no key twice, no NaN or Infinity, nesting and integer length bounded (RFC 8259).

    Raises BadRequest for what is not such JSON, and Invalid for text that no database and no reply can hold (a lone
    surrogate, a NUL). With `any_text`, which is for shops, such text is there, to be looked at field by field, and
    nesting is bounded by what PHP writes. With `exact`, a number with a point or an exponent is a Decimal, digit by
    digit as it was written.
    """
    read, value = _read_fast(body, exact)
    if not read:
        value = _read(body, exact)
    deepest = _SENDERS_DEPTH if any_text else _DEPTH
    if body.count(b"[") + body.count(b"{") > deepest:
        _refuse_depth(value, deepest)
    if not any_text and _SUSPECT.search(_PAIR.sub(b"", body)):
        _refuse_unstorable(value)
    return value


def _read_fast(body: bytes, exact: bool) -> tuple[bool, Any]:
    """Whether msgspec could read it, and what it read: the same as `_read` where no key is twice in one object, in a
    sixth of the time."""
    try:
        value = (_fast_exact_decoder if exact else _fast_decoder).decode(body)
        return not _may_have_lost_a_key(body, value), value
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        return False, None


def _may_have_lost_a_key(body: bytes, value: Any) -> bool:
    """Whether less than all of it may have been read, as msgspec takes the last of equal keys and says nothing.

    Each text has two quotes around it, and as many within as are in the text. So what was read, written again, has as
    many quotes as the body, unless a key, with what belongs to it, is gone (or a quote is written as a number).
    """
    return body.count(b'"') != _encoder.encode(value).count(b'"') or b"\\u0022" in body


def _read(body: bytes, exact: bool) -> Any:
    """The value, or why there is none."""
    try:
        return (_exact_decoder if exact else _decoder).decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except RecursionError:
        raise BadRequest("The JSON is nested too deeply.") from None
    except (ValueError, ArithmeticError):  # JSONDecodeError, and a number of more digits than Python converts
        raise BadRequest("The body is not valid JSON.") from None


def _refuse_depth(value: Any, deepest: int) -> None:
    """Well below what Python's own recursion bears, so that what was read once can be walked through again anywhere."""
    level = [value]
    for _ in range(deepest):
        level = [
            member
            for each in level
            if isinstance(each, dict | list)
            for member in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise BadRequest("The JSON is nested too deeply.")


def _refuse_unstorable(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, default=str)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Invalid("The JSON holds a lone surrogate.") from None
    if _NUL in text and any("\0" in each for each in _strings(value)):
        raise Invalid("The JSON holds a NUL character.")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _strings(member)
