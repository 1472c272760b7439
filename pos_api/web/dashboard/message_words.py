"""What the domains say in English (errors, reasons, causes) in the reader's language.

`translations/LANGUAGE/messages.po` has their sentences, with `{0}`, `{1}` … or `{name}` in place of the values in them.
A sentence is found by its text, so that those which are stored are found too. What is not there stays in English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

from pos_api.web.dashboard.languages import MESSAGES, catalog_of, language

_Patterns: TypeAlias = tuple[tuple[re.Pattern[str], str], ...]
_VALUE = re.compile(r"\{(\w+)\}")


def translated(message: str) -> str:
    """A message of the domains in the reader's language, and the values in it that are messages themselves."""
    whole, with_values = _sentences(language())
    return _translated(message, whole, with_values, _DEPTH) if whole and len(message) <= _LONGEST else message


_DEPTH = 3
_LONGEST = 800
"""Values may be what a sender wrote: however they are, it takes milliseconds to find the sentence."""


def _translated(message: str, whole: Mapping[str, str], with_values: _Patterns, depth: int) -> str:
    if message in whole or not depth:
        return whole.get(message, message)
    for pattern, text in with_values:
        if found := pattern.fullmatch(message):
            parts = _VALUE.split(text)  # text, name, text, name, … text
            parts[1::2] = [_translated(found[f"_{name}"], whole, with_values, depth - 1) for name in parts[1::2]]
            return "".join(parts)
    return message


@cache
def _sentences(of: str) -> tuple[Mapping[str, str], _Patterns]:
    """Sentences without values, and patterns of those with values, the ones that say most first."""
    if of == "en":
        return {}, ()
    texts = {str(message.id): str(message.string) for message in catalog_of(of, MESSAGES) if message.id}
    with_values = sorted((each for each in texts if _VALUE.search(each)), key=_length, reverse=True)
    whole = {each: text for each, text in texts.items() if not _VALUE.search(each)}
    return whole, tuple((_pattern(each), texts[each]) for each in with_values)


def _length(sentence: str) -> int:
    return len(_VALUE.sub("", sentence))


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = _VALUE.split(sentence)
    pieces, seen = [], set[str]()
    for at, part in enumerate(parts):
        name = f"_{part}"
        pieces.append(re.escape(part) if at % 2 == 0 else f"(?P={name})" if part in seen else f"(?P<{name}>.+?)")
        seen |= {part} if at % 2 else set()
    return re.compile("".join(pieces), re.DOTALL)
