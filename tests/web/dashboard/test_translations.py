"""Every text of the pages is there in every language."""

from __future__ import annotations

import io
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import pos_api.web
from pos_api.web.dashboard.languages import LANGUAGES

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
