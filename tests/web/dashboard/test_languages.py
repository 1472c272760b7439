"""How numbers, amounts and times are written: every one that can be stored, in each language."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask

from pos_api.web.dashboard import languages
from pos_api.web.dashboard.figures import presentation

LAST = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)
FIRST = datetime(1, 1, 1, 0, 30, tzinfo=UTC)
LONG = Decimal("123456789012345.123456789012345678")


@pytest.mark.parametrize(
    ("value", "zone", "written", "time"),
    [
        (LAST, "Europe/Stockholm", "31 Dec 9999, 23:30:00", "23:30"),
        (FIRST, "America/New_York", "1 Jan 1, 00:30:00", "00:30"),
        (datetime(2026, 11, 29, 22, 30, tzinfo=UTC), "Asia/Kathmandu", "30 Nov 2026, 04:15:00", "04:15"),
    ],
)
def test_every_time_that_there_is_can_be_shown(app: Flask, value: datetime, zone: str, written: str, time: str) -> None:
    with app.test_request_context(headers={"Accept-Language": "en-GB"}):
        assert languages.moment(value, zone) == written
        assert languages.clock(value, zone) == time
        assert languages.ago(value)


def test_every_amount_that_can_be_stored_is_shown_to_its_last_digit(app: Flask) -> None:
    digits = "123,456,789,012,345.123456789012345678"
    with app.test_request_context(headers={"Accept-Language": "en-GB"}):
        assert languages.money(LONG) == languages.number(LONG) == digits
        assert languages.money(LONG.copy_negate(), "SEK") == f"-SEK{digits}"
        assert languages.percent(LONG) == "12,345,678,901,234,512%"
        assert presentation._amount(LONG, "SEK") == digits


def test_what_browsers_send_as_their_languages_fills_no_memory(app: Flask) -> None:
    languages._locale.cache_clear()
    for number in range(300):
        with app.test_request_context(headers={"Accept-Language": f"en-GB@x{number},en-GB-u-{number}"}):
            assert str(languages.locale()) == "en_GB"
    assert languages._locale.cache_info().currsize <= 200
