"""Cursors: what `page` makes `after` reads, and nothing else is taken."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_api.common.value_limits import INT64_MAX
from pos_api.errors import BadRequest
from pos_api.senders.values import EMAIL_LIMIT, SKU_LIMIT
from pos_api.web.api import pages

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


@given(MOMENTS | st.none(), st.text(st.characters(exclude_categories=["Cs"])), st.integers(-INT64_MAX, INT64_MAX))
def test_a_cursor_brings_back_the_position_it_was_made_of(moment: datetime | None, name: str, number: int) -> None:
    rows, page = pages.page([(moment, name, number)] * 2, 1, lambda row: row)

    assert rows == [(moment, name, number)]
    assert pages.after(page["next"], datetime | None, str, int) == (moment, name, number)


@given(
    st.sampled_from(["a", '"', "\\", "\x01", "ä", "İ", "\u2028", "👕"]), st.sampled_from([1, SKU_LIMIT, EMAIL_LIMIT])
)
def test_the_cursor_of_the_longest_email_address_and_sku_is_taken(letter: str, length: int) -> None:
    name = (letter * length).lower()
    _, page = pages.page([(NOON, name)] * 2, 1, lambda row: row)
    assert len(page["next"]) <= pages.MAX_CURSOR
    assert pages.after(page["next"], datetime, str) == (NOON, name)


def test_the_last_page_has_no_next() -> None:
    assert pages.page(["a", "b"], 2, lambda row: [row]) == (["a", "b"], {"limit": 2, "next": None})
    assert pages.after(None, str) is None


def made_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!",
        "ä",
        "\ud800",
        "'; drop",
        made_of("[]"),
        made_of("{}"),
        made_of("not json"),
        made_of('["2026-01-01T00:00:00Z"]'),
        made_of('["yesterday","a"]'),
        made_of("[null,null]"),
        made_of('[null,"a"]'),
        made_of('["2026-01-01T00:00:00Z",null]'),
        made_of('["2026-01-01T00:00:00Z",7]'),
        made_of('["2026-01-01T00:00:00Z",{"$gt":""}]'),
        made_of('["2026-01-01T00:00:00Z","\\ud800"]'),
        made_of('["2026-01-01T00:00:00Z", "a"]'),
        made_of("[" * 700),
        made_of(json.dumps(["2026-01-01T00:00:00Z", "a" * 5_000], separators=(",", ":"))),
        made_of(json.dumps(["2026-01-01T00:00:00Z", "a"], separators=(",", ":"))) + "=",
    ],
)
def test_what_is_no_cursor_of_the_list_is_a_bad_request(cursor: str) -> None:
    with pytest.raises(BadRequest, match="cursor"):
        pages.after(cursor, datetime, str)
