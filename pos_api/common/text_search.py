"""The words by which people find orders, customers and products: case-folded, and of very many only the first ones. So
callers give the text that matters most first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

_NOT_WORDS = re.compile(r"[^\w@.+-]+")
_TELEPHONE = re.compile(r"[\d\s()+./-]+")
_TELEPHONE_DIGITS = 6
_MOST_WORDS = 100
"""Words of a document that are indexed."""
_LONGEST_WORD = 320
"""Characters of a word that are indexed: an e-mail address is one word."""
MOST_KEPT = 3 * _MOST_WORDS
"""Words that are indexed where those of an earlier name are kept beside those of a new one."""


def contact_words(*texts: str) -> list[str]:
    """The words of an order or a customer: names, addresses, e-mail addresses, order numbers; a telephone number also
    as its digits. Punctuation separates words, except within e-mail addresses and numbers."""
    words: dict[str, None] = {}
    for text in texts:
        digits = _digits(text)
        if len(digits) >= _TELEPHONE_DIGITS:
            words[digits[:_LONGEST_WORD]] = None
        words |= dict.fromkeys(word[:_LONGEST_WORD] for word in _NOT_WORDS.split(text.casefold()) if word)
    return _first_words(words)


def wanted_contact_words(text: str) -> list[str]:
    """The words of a search text, as `contact_words` has them: the longest, which is the rarest, first; a telephone
    number by its digits."""
    digits = _digits(text)[:_LONGEST_WORD]
    if len(digits) >= _TELEPHONE_DIGITS and _TELEPHONE.fullmatch(text):
        return [digits]
    return sorted(contact_words(text), key=len, reverse=True)


def starting_with(text: str) -> list[dict[str, Any]]:
    """Conditions on `search` for a text that is still being written: its words, the last of which may be the beginning
    of one. Nothing is found of a text without words."""
    digits = _digits(text)[:_LONGEST_WORD]
    if len(digits) >= _TELEPHONE_DIGITS and _TELEPHONE.fullmatch(text):
        return [_beginning(digits)]
    words = [word[:_LONGEST_WORD] for word in _NOT_WORDS.split(text.casefold()) if word]
    if not words:
        return [{"search": {"$in": []}}]
    is_written = not text[-1:].strip()  # a blank ends a word
    whole = words if is_written else words[:-1]
    return [{"search": word} for word in whole[:_MOST_WORDS]] + ([] if is_written else [_beginning(words[-1])])


def _beginning(word: str) -> dict[str, Any]:
    """As a range, which reads only that part of an index."""
    return {"search": {"$elemMatch": {"$gte": word, "$lt": word + "\U0010ffff"}}}


def product_words(*texts: str) -> list[str]:
    """The words of a product: SKUs and a name. Only blanks separate words, so a SKU such as `A/1-2` stays whole."""
    return _first_words(word[:_LONGEST_WORD] for text in texts for word in text.casefold().split())


def newer_words_first(words: list[str], *, kept: Any) -> dict[str, Any]:
    """An aggregation expression: these words, and then as many of those kept (a field or an expression) as are
    indexed."""
    newer = {"$literal": words}
    return {"$slice": [{"$concatArrays": [newer, {"$setDifference": [kept, newer]}]}, MOST_KEPT]}


def _first_words(words: Iterable[str]) -> list[str]:
    """The first of these words, each once, as many as are indexed; sorted."""
    return sorted(islice(dict.fromkeys(words), _MOST_WORDS))


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))
