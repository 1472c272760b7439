"""Readers of single values, which senders write in any shape: text, numbers, amounts, times.

A reader returns the value as it is stored. It raises ValueError for what it can't read, and PartlyRead for what it can
keep in part only. PHP writes nothing as `null`, `false`, `""`, `[]` or `{}`: that is read as nothing everywhere.
"""

from __future__ import annotations

import html
import html.entities
import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bson import Decimal128

from pos_api.common.money import money, with_cents
from pos_api.common.quantity import Quantity, quantity
from pos_api.common.time import utc
from pos_api.common.value_limits import INT64_MAX

TEXT_LIMIT = 1_000
NOTE_LIMIT = 20_000
"""So many characters of a name, and of a note or a reason, are kept."""
NUMBER_LIMIT = 100
"""A number that is written as text has at most so many characters: the longest amount has 35."""
STATUS_LIMIT = 40
"""Of a status. WooCommerce's own table has room for 20."""
SKU_LIMIT = 200
EMAIL_LIMIT = 320
"""A longer one is left out: a part of it could be another product's SKU, or another person's address. 320 characters
are what WooCommerce's own table has room for."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DECIMALS = 18
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG = re.compile(r"<(?:/?([A-Za-z][A-Za-z0-9]*+)|!--)[^<>]*+>")  # possessive: else `<aaaa…` takes quadratic time
_NEW_LINE = ("br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6")
_BLANKS = re.compile(r"[ \t\r\n]+")
_MAY_BE_EMPTY = (str, list, dict)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_ZERO_DATES = ("0000-00-00", "-0001-11-30")
"""MySQL's zero date as it is stored, and what PHP makes of it."""


class PartlyRead(ValueError):
    """Raised by a reader that can keep a value in part only: `kept` is that part, `code` the warning about it."""

    def __init__(self, kept: Any, code: str, **values: int | str) -> None:
        super().__init__(code)
        self.kept = kept
        self.code = code
        self.values = values


def is_nothing(value: Any) -> bool:
    """Whether PHP means nothing by it."""
    return not value and (value is None or value is False or isinstance(value, _MAY_BE_EMPTY))


def is_blank(value: Any) -> bool:
    """Whether it is nothing, or text of blanks alone."""
    return is_nothing(value) or (isinstance(value, str) and not value.strip())


def visible(text: str) -> str:
    """Text as a database and a reply can hold it: a NUL is shown as ␀, a lone surrogate as �."""
    return _UNSTORABLE.sub(lambda found: "␀" if found[0] == "\0" else "�", text)


def text(value: Any) -> str:
    """Text; a number is text too. Raises PartlyRead where it had to be shortened or had characters replaced."""
    if isinstance(value, str) and len(value) <= TEXT_LIMIT and value.isprintable():  # nearly always: no more calls
        return value
    return limited(_text(value), TEXT_LIMIT)


def plain_text(value: Any) -> str:
    """Text of any length, with unstorable characters replaced."""
    return visible(_text(value))


def sku(value: Any) -> str:
    """A SKU. One that is too long is left out, so its product has no stock here and its line moves none; the order goes
    through."""
    text = _text(value).strip()
    if len(text) > SKU_LIMIT:
        raise PartlyRead("", "field_left_out", problem=f"is longer than {SKU_LIMIT} characters")
    return limited(text, SKU_LIMIT)


def email_address(value: Any) -> str:
    """An e-mail address, by which a customer is known. Raises ValueError for one that is too long."""
    text = _text(value).strip()
    if len(text) > EMAIL_LIMIT:
        raise ValueError(f"is longer than {EMAIL_LIMIT} characters")
    return limited(text, EMAIL_LIMIT)


def limited(text: str, limit: int) -> str:
    """The text, if it is short enough and can be stored. Raises PartlyRead where it had to be shortened, or characters
    in it replaced."""
    if len(text) > limit:
        raise PartlyRead(visible(text[:limit]), "field_shortened", limit=limit)
    if not text.isprintable() and _UNSTORABLE.search(text):
        raise PartlyRead(visible(text), "characters_replaced")
    return text


def title(value: Any) -> str:
    """The name or title of a thing as people read it: WordPress prints them as HTML, and stores some with entities and
    tags (`Salt &amp; <b>Pepper</b>`)."""
    if _is_plain(value) and "<" not in value:
        return str(value)
    return limited(_decoded(_without_tags(_text(value))), TEXT_LIMIT)


def person_or_place(value: Any) -> str:
    """A part of a person's name or address: as `title`, but WordPress lets no tags in, so `<` is a character."""
    if _is_plain(value):
        return str(value)
    return limited(_decoded(_text(value)), TEXT_LIMIT)


def note(value: Any) -> str:
    """A longer text for people, as `title`."""
    return limited(_decoded(_text(value)), NOTE_LIMIT)


def _is_plain(value: Any) -> bool:
    """Whether it is text that stays as it is: nearly always."""
    return isinstance(value, str) and len(value) <= TEXT_LIMIT and "&" not in value and value.isprintable()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if is_nothing(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be text")
    return str(value)


def _without_tags(text: str) -> str:
    """The text without HTML tags; one that begins a new line leaves a blank. `<` is a tag's only before a letter."""
    if "<" not in text:
        return text
    plain = _TAG.sub(lambda tag: " " if (tag[1] or "").lower() in _NEW_LINE else "", text)
    return text if plain == text else _BLANKS.sub(" ", plain).strip()


def _decoded(text: str) -> str:
    """Each HTML entity decoded once; without its semicolon it is none."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    known = entity[1].startswith("#") or f"{entity[1]};" in html.entities.html5  # unescape() takes beginnings of names
    return html.unescape(entity[0]) if known else entity[0]


def whole_number(value: Any) -> int:
    """An id or a count from 0 on; nothing is 0."""
    if type(value) is int and 0 <= value <= INT64_MAX:
        return value
    if is_nothing(value):
        return 0
    if isinstance(value, str) and len(value) < 30 and _NUMBER.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if isinstance(value, float | Decimal) and 0 <= value <= INT64_MAX and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INT64_MAX:
        raise ValueError("must be a whole number from 0 to 2^63-1")
    return value


def number_or_text(value: Any) -> int | str:
    """An id of a sender whose ids may be text: a whole number where it is one."""
    try:
        return whole_number(value)
    except ValueError:
        if isinstance(value, str):
            return text(value.strip())
        raise


def yes_or_no(value: Any) -> bool:
    """A boolean, also as PHP and WooCommerce write it (`1`, `"yes"`, `"no"`, `""`; wc_string_to_bool)."""
    if isinstance(value, bool):
        return value
    if is_nothing(value) or str(value).strip().lower() in ("0", "no", "false"):
        return False
    if isinstance(value, str | int) and str(value).strip().lower() in ("1", "yes", "true"):
        return True
    raise ValueError("must be true or false")


def amount(value: Any) -> Decimal128:
    """An amount of money, in every form that WooCommerce's wc_format_decimal leaves (`.5`, `5.`); blank is 0."""
    if not isinstance(value, str):
        return money(value)
    return _amount(value if len(value) <= NUMBER_LIMIT else _short_number(value))


def amount_with_cents(value: Any) -> Decimal128:
    """An amount of money of a sender that writes amounts as numbers: with at least two decimals."""
    return with_cents(amount(value))


def _short_number(text: str) -> str:
    """The text, where it is short enough for a number. Raises ValueError else: to read it, and to keep what was read,
    must not cost more than a number is worth."""
    if len(text) > NUMBER_LIMIT:
        raise ValueError(f"is longer than {NUMBER_LIMIT} characters")
    return text


@lru_cache(maxsize=8192)
def _amount(text: str) -> Decimal128:
    try:
        return money(text)
    except ValueError:
        return money(_plain(text))


def units(value: Any) -> Quantity:
    """A number of units, in the same forms."""
    if not isinstance(value, str):
        return quantity(value)
    _short_number(value)
    try:
        return quantity(value)
    except ValueError:
        return quantity(_plain(value))


def _plain(text: str) -> str:
    """A number written as a plain decimal, to the 18 decimals that are kept."""
    if not _NUMBER.fullmatch(text.strip()):
        return text
    exact = Decimal(text.strip())
    exponent = exact.as_tuple().exponent
    return f"{exact:.{_DECIMALS}f}" if isinstance(exponent, int) and -exponent > _DECIMALS else f"{exact:f}"


def percent(value: Any) -> str:
    """A tax rate in percent as text; nothing is "0"."""
    return "0" if is_nothing(value) else str(units(value))


def moment(value: Any) -> datetime | None:
    """A time in UTC; None for nothing, and for MySQL's zero date."""
    if is_nothing(value) or (isinstance(value, str) and value.strip().startswith(_ZERO_DATES)):
        return None
    return utc(value.strip() if isinstance(value, str) else value)
