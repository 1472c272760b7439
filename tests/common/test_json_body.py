"""Strict JSON: what RFC 8259 allows, bounded, and nothing that a database or a reply can't hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_api.common.json_body import parse
from pos_api.errors import BadRequest, Invalid

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
    for body in (b"NaN", b"[-Infinity]"):
        with pytest.raises(BadRequest):
            parse(body, exact=True)
    with pytest.raises(Invalid):
        parse(b'[1.5, "\\ud800"]', exact=True)
