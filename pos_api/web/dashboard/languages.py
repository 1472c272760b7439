"""The languages of the dashboard: English, in which the pages are written, and those of `translations/`.

`translations/LANGUAGE/*.po` are read when the first page is shown; a page's texts are in the file of its name. Numbers,
amounts and times are written as the reader's language and country write them (Babel), times on the clock of the store.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Context, Decimal, localcontext
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.support import NullTranslations, Translations
from bson import Decimal128
from flask import g, request
from markupsafe import Markup

from pos_api.common.time import now
from pos_api.web.dashboard import cookies

LANGUAGES = {"en": "English", "sv": "Svenska"}
_COUNTRIES = {"en": "en_GB", "sv": "sv_SE"}
"""How numbers and times are written where the browser names no country."""
MESSAGES = "messages.po"
"""The file with what the domains say (`message_words`)."""
EXACT = Context(prec=60)
"""Babel calculates with the digits of the context; an amount may have 33, and as many decimals as its currency."""


def language() -> str:
    """The reader's language: the chosen one, else the browser's, else English."""
    found: str | None = g.get("language")
    if found is None:  # a page asks a thousand times
        chosen, _theme = cookies.display()
        found = chosen if chosen in LANGUAGES else str(request.accept_languages.best_match(LANGUAGES, "en"))
        g.language = found
    return found


def locale() -> Locale:
    """The reader's language and country."""
    found: Locale | None = g.get("locale")
    if found is None:
        found = g.locale = _locale(language(), tuple(request.accept_languages.values())[:10])
    return found


@cache
def translations(of: str) -> NullTranslations:
    """All texts of the pages in a language."""
    if of == "en":
        return NullTranslations()
    merged = Catalog(locale=of)
    for file in sorted(_folder(of).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".po") and file.name != MESSAGES:
            for message in catalog_of(of, file.name):
                if message.id:
                    merged[message.id] = message
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return Translations(compiled)


def catalog_of(of: str, file: str) -> Catalog:
    """The texts of one file in a language."""
    return read_po(io.BytesIO(_folder(of).joinpath(file).read_bytes()), locale=of)


def _folder(of: str) -> Traversable:
    return files("pos_api.web.dashboard").joinpath("translations", of)


def _(text: str, **values: Any) -> str:
    """A text in the reader's language, with `%(name)s` replaced by its values."""
    found = translations(language()).gettext(text)
    return found % values if values else found


def ngettext(one: str, many: str, number: int, **values: Any) -> str:
    """The text for one, or for so many (`%(num)s`)."""
    return translations(language()).ngettext(one, many, number) % {"num": number, **values}


def in_template(text: str, **values: Any) -> Markup:
    """What `_` is in templates: the text is HTML, and its values are escaped. (Jinja's own takes three calls through
    its contexts, several hundred times a page.)"""
    return _template_text(language(), text) % values if values else _without_values(language(), text)


@lru_cache(maxsize=10_000)
def _template_text(of: str, text: str) -> Markup:
    return Markup(translations(of).gettext(text))  # noqa: S704 - the texts of templates


@lru_cache(maxsize=10_000)
def _without_values(of: str, text: str) -> Markup:
    return _template_text(of, text) % {}


def money(amount: Any, currency: str | None = None) -> str:
    """An amount (text, Decimal or as stored) with its currency, as many decimals as it has; blank for none."""
    if amount is None or amount == "":
        return ""
    exact = amount.to_decimal() if isinstance(amount, Decimal128) else Decimal(amount)
    with localcontext(EXACT):
        return _money(exact, currency)


def _money(exact: Decimal, currency: str | None) -> str:
    if not currency:
        places = len(f"{exact:f}".partition(".")[2])
        whole = locale().decimal_formats[None].pattern.partition(".")[0]
        pattern = f"{whole}.{'0' * places}" if places else whole
        return format_decimal(exact, format=pattern, locale=locale(), decimal_quantization=False)
    return format_currency(exact, currency, locale=locale(), decimal_quantization=False)


def number(value: float | Decimal | str | None) -> str:
    """A number of things; blank where there is none."""
    if value is None:
        return ""
    with localcontext(EXACT):
        return format_decimal(value, locale=locale(), decimal_quantization=False)


def signed(value: float) -> str:
    """A change of a number: +3 or -2, with a minus sign."""
    text = number(abs(value))
    return f"+{text}" if value > 0 else f"\N{MINUS SIGN}{text}" if value < 0 else text


def percent(part: float | Decimal) -> str:
    """A share: 0.12 is 12 %."""
    with localcontext(EXACT):
        return format_percent(part, locale=locale())


def day(value: date | str) -> str:
    """A day: 29 Nov 2026. From a date, or `2026-11-29`."""
    return format_date(date.fromisoformat(value) if isinstance(value, str) else value, locale=locale())


def moment(value: datetime | None, timezone: str = "UTC") -> str:
    """Day and time on the clock of a store's `timezone`; blank where there is none."""
    return "" if value is None else format_datetime(_local(value, timezone), "medium", locale=locale())


def clock(value: datetime, timezone: str = "UTC") -> str:
    """The time of day alone."""
    return format_time(_local(value, timezone), "short", locale=locale())


def _local(value: datetime, timezone: str) -> datetime:
    """A time on a clock; the first and the last day there are, which have no such time everywhere, in UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return aware.astimezone(ZoneInfo(timezone))
    except OverflowError:
        return aware


def ago(value: datetime) -> str:
    """How long ago: 3 minutes ago."""
    return format_timedelta(value - now(), add_direction=True, locale=locale())


FILTERS = {each.__name__: each for each in (money, number, signed, percent, day, moment, clock, ago)}


@lru_cache(maxsize=200)  # what a browser sends can be anything
def _locale(of: str, wanted: tuple[str, ...]) -> Locale:
    """The first of the browser's that is of this language and names a country, else our own choice. Language and
    country alone, so that there are as many as there are countries."""
    for each in wanted:
        try:
            found = Locale.parse(each, sep="-")
            if found.language == of and found.territory:
                return Locale(found.language, found.territory)
        except (ValueError, UnknownLocaleError):
            continue
    return Locale.parse(_COUNTRIES[of])
