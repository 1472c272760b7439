"""Strict JSON: what RFC 8259 allows, bounded, and nothing that a database or a reply can't hold."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pos_api.common.json_body import parse
from pos_api.errors import BadRequest, Invalid

_SPACE = st.sampled_from(["", "", " ", "\n\t", "\r", "\x0b"])
_KEY = st.sampled_from(['"a"', '"b"', r'"\u0061"', r'"\""', r'"\u0022"', '""', '"\\ud800"'])
_PARTS_OF_TEXT = ["a", "b", r"\"", r"\u0022", r"\u0061", r"\\", r"\/", r"\n", r"\x", r"\u00e9", "é", "👕", "\x7f", "\t"]
_PARTS_OF_TEXT += [r"\ud83d\udc55", r"\ud800", r"\udc00", r"\u0000", "u0022", ":", "{", "]"]
_ODD = ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "-", "{", "", "-0", "-0.0", "0e5", "1E400", "5e-324"]
_ODD += [
    "true",
    "false",
    "null",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1000000000000000055511151231257827",
]
_written_text = st.lists(st.sampled_from(_PARTS_OF_TEXT), max_size=3).map(lambda parts: f'"{"".join(parts)}"')
_written = st.recursive(
    st.floats(allow_nan=False, allow_infinity=False).map(repr) | _written_text | st.sampled_from(_ODD),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda values: f"[{','.join(values)}]")
        | st.lists(st.tuples(_SPACE, _KEY, _SPACE, inner), max_size=4).map(
            lambda members: "{" + ",".join(f"{space}{key}{after}:{value}" for space, key, after, value in members) + "}"
        )
    ),
    max_leaves=8,
)
"""What looks like JSON, and mostly is: with the same key twice, odd numbers, lone surrogates and wrong blanks."""

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), inner)
    ),
)


@given(_values)
def test_any_value_is_read_as_it_was_written(value: Any) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


@settings(max_examples=100)
@given(_written, st.booleans())
def test_it_reads_and_refuses_what_the_standard_library_does_when_it_is_told_to_be_strict(
    text: str, exact: bool
) -> None:
    strict = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=Decimal if exact else None)
    try:
        expected: Any = repr(strict.decode(text))
    except ValueError:
        expected = BadRequest
    try:
        read: Any = repr(parse(text.encode(), any_text=True, exact=exact))
    except BadRequest:
        read = BadRequest
    assert read == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,]",
        b"{} {}",
        b"nul",
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"'x'",
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":1}',
        b'{"a":"\\u0022\\u0022","a":1}',
        b'[{"b":{"a":1,"a":2}}]',
        b"1" * 5000,
        b"[" * 201 + b"]" * 201,
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'"a\tb"',
        b'"a\0b"',
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(body)


@pytest.mark.parametrize(
    "body", [rb'"\u0000"', rb'{"a\u0000": 1}', rb'"\ud800"', rb'"\uDC00"', rb'[{"a": ["\udfff x"]}]', rb'{"\uD83D": 1}']
)
def test_text_that_can_not_be_stored_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        parse(body)


def test_a_pair_of_surrogates_and_an_escaped_backslash_are_text() -> None:
    assert parse(rb'"\ud83d\udc55"') == "👕"
    assert parse(rb'"\\u0000 \\ud800"') == r"\u0000 \ud800"


def test_200_levels_are_read() -> None:
    parse(b"[" * 200 + b"]" * 200)


def test_exact_numbers_have_the_digits_that_were_written() -> None:
    body = b'{"a": 15.50, "b": 0.1, "c": 1e2, "d": 123456789012345.123456789012345678, "e": 7, "f": 1e999999999}'
    exact = parse(body, exact=True)
    assert [str(each) for each in exact.values()] == [
        *("15.50", "0.1", "1E+2", "123456789012345.123456789012345678", "7", "1E+999999999"),
    ]
    for body in (b"NaN", b"[-Infinity]", b"1e99999999999999999999"):
        with pytest.raises(BadRequest):
            parse(body, exact=True)
    with pytest.raises(Invalid):
        parse(b'[1.5, "\\ud800"]', exact=True)
