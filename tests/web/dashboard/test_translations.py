"""Every text of the pages is there in every language, and what the domains say to staff."""

from __future__ import annotations

import ast
import io
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask
from marshmallow import fields, validate

import pos_api.web
from pos_api.errors import PosError
from pos_api.web.dashboard import message_words
from pos_api.web.dashboard.languages import LANGUAGES, MESSAGES

_WEB = Path(pos_api.web.__file__).parent
_TRANSLATIONS = _WEB / "dashboard" / "translations"


@cache
def _used() -> frozenset[str]:
    """The texts that the pages and their modules have."""
    options = {"**.html": {"extensions": "jinja2.ext.i18n", "newstyle_gettext": "true", "silent": "false"}}
    ways = [("**.py", "python"), ("**.html", "jinja2")]
    found: set[str] = set()
    guides = [("**/guide.py", "python")]
    folders = ((_WEB / "dashboard", ways), (_WEB / "templates" / "dashboard", ways), (_WEB.parent / "senders", guides))
    for folder, of_folder in folders:
        for _file, _line, text, _comments, _context in extract_from_dir(folder, of_folder, options):
            found.add(text if isinstance(text, str) else text[0])
    return frozenset(found)


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_every_text_is_translated_once(language: str) -> None:
    translated: Counter[str] = Counter()
    for file in sorted((_TRANSLATIONS / language).glob("*.po")):
        if file.name == MESSAGES:
            continue
        for message in read_po(io.BytesIO(file.read_bytes()), locale=language, abort_invalid=True):
            name = message.id if isinstance(message.id, str) else message.id[0]
            if name:
                texts = message.string if isinstance(message.string, tuple) else (message.string,)
                assert all(texts), f"{file.name}: {name}"
                assert not list(message.check()), f"{file.name}: {name}"
                translated[name] += 1
    assert sorted(_used() - set(translated)) == [], "these have no translation"
    assert sorted(set(translated) - _used()) == [], "these are used nowhere"
    assert [name for name, count in translated.items() if count > 1] == []


# --- what the domains say -------------------------------------------------------------------------------------------

_POS_API = _WEB.parent
_SHOWN_BY_FORMS = (
    *("accounting", "cash", "catalogue", "customers", "figures", "inbox", "orders", "outbox", "payments", "privacy"),
    *("staff/users.py", "stock", "stores", "senders/items.py", "senders/kind_settings.py"),
    *("senders/woocommerce/connection.py", "senders/woocommerce/diagnosis.py", "senders/woocommerce/rest"),
    *("senders/woocommerce/stock_push", "senders/woocommerce/stock_sync", "web/dashboard"),
)
"""Whose errors a page of the dashboard can show; its own are `_(…)`, or written in English alone."""
_ERRORS = {*(each.__name__ for each in PosError.__subclasses__()), "Refused", "ShopError", "invalid"} - {"Unauthorized"}
_OF_THE_API_ALONE = {
    "The API key {0} may not be used from the address {1}.",
    "This takes an API key with the scope {0}; {1} has {2}.",
}


def _sentence(node: ast.AST) -> str | None:
    """A text of the code, with `{0}`, `{1}` … in place of the values in it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        numbers = count()
        return "".join(
            str(each.value) if isinstance(each, ast.Constant) else f"{{{next(numbers)}}}" for each in node.values
        )
    return None


def _code(*folders: Path) -> Iterator[ast.AST]:
    for folder in folders:
        for file in [folder] if folder.is_file() else sorted(folder.rglob("*.py")):
            yield from ast.walk(ast.parse(file.read_text()))


@cache
def _messages(language: str) -> dict[str, str]:
    file = _TRANSLATIONS / language / MESSAGES
    found = list(read_po(io.BytesIO(file.read_bytes()), locale=language, abort_invalid=True))
    return {str(each.id): str(each.string) for each in found if each.id}


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_what_a_domain_tells_whoever_sent_a_form_is_translated(language: str) -> None:
    said = {
        text
        for node in _code(*(_POS_API / each for each in _SHOWN_BY_FORMS))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").removeprefix("_") in _ERRORS
        for each in node.args[:2]
        if (text := _sentence(each)) and " " in text
    }
    assert len(said) > 100
    assert sorted(said - _messages(language).keys() - _OF_THE_API_ALONE) == [], "these have no translation"


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_every_translated_message_is_one_that_is_said(language: str) -> None:
    of_range = validate.Range
    least, most = f"Must be {of_range.message_gte} {{min}}", f"{of_range.message_lte} {{max}}."
    said = {f"{least}.", f"Must be {most}", f"{least} and {most}"}
    said |= {
        text
        for node in _code(_POS_API, *(Path(str(each.__file__)) for each in (fields, validate)))
        if (text := _sentence(node))
    }
    assert sorted(_messages(language).keys() - said) == [], "nothing says this any more"
    for message, text in _messages(language).items():
        names = set(message_words._VALUE.findall(message))
        assert set(message_words._VALUE.findall(text)) <= names, message


def test_a_message_is_shown_in_the_readers_language_with_its_values(app: Flask) -> None:
    messages = {
        "There is no product with SKU '{0}'.": "Det finns ingen produkt med artikelnumret '{0}'.",
        "price: must not be negative": "price: får inte vara negativt",
        "HTTP 400 bad: must be text": "HTTP 400 bad: måste vara text",
        "Written by a shop: " + "a: " * 5: "Written by a shop: " + "a: " * 5,
        "a: " * 5_000: "a: " * 5_000,
        "": "",
    }
    with app.test_request_context(headers={"Accept-Language": "sv"}):
        assert {each: message_words.translated(each) for each in messages} == messages
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert [message_words.translated(each) for each in messages] == list(messages)
