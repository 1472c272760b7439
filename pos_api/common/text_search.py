"""The words by which people find orders and customers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

_NOT_WORDS = re.compile(r"[^\w@.+-]+")
_TELEPHONE = re.compile(r"[\d\s()+./-]+")
_TELEPHONE_DIGITS = 6
_MOST_WORDS = 100
_LONGEST_WORD = 320
"""So many words of a thing are indexed, each with so many characters: an e-mail address is one word."""
MOST_KEPT = 3 * _MOST_WORDS
"""So many there may be where those of an earlier name are kept beside those of a new one."""


def search_words(*texts: str) -> list[str]:
    """The words of these texts, folded for comparison; a telephone number also as its digits. Of very many the first
    ones, so the text that matters most comes first."""
    words: dict[str, None] = {}
    for text in texts:
        digits = _digits(text)
        if len(digits) >= _TELEPHONE_DIGITS:
            words[digits[:_LONGEST_WORD]] = None
        words |= dict.fromkeys(word[:_LONGEST_WORD] for word in _NOT_WORDS.split(text.casefold()) if word)
    return indexed_words(words)


def indexed_words(words: Iterable[str]) -> list[str]:
    """The first of these words, each once, as many as are indexed; sorted."""
    return sorted(islice(dict.fromkeys(words), _MOST_WORDS))


def wanted_words(text: str) -> list[str]:
    """What to look for, the longest, which is the rarest, first; a telephone number by its digits."""
    digits = _digits(text)[:_LONGEST_WORD]
    if len(digits) >= _TELEPHONE_DIGITS and _TELEPHONE.fullmatch(text):
        return [digits]
    return sorted(search_words(text), key=len, reverse=True)


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))
