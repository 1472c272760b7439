"""The words by which people find orders and customers."""

from __future__ import annotations

import re

_NOT_WORDS = re.compile(r"[^\w@.+-]+")
_TELEPHONE = re.compile(r"[\d\s()+./-]+")
_TELEPHONE_DIGITS = 6


def search_words(*texts: str) -> list[str]:
    """The words of these texts, folded for comparison; a telephone number also as its digits."""
    words: set[str] = set()
    for text in texts:
        words.update(word for word in _NOT_WORDS.split(text.casefold()) if word)
        digits = _digits(text)
        if len(digits) >= _TELEPHONE_DIGITS:
            words.add(digits)
    return sorted(words)


def wanted_words(text: str) -> list[str]:
    """What to look for, the longest, which is the rarest, first; a telephone number by its digits."""
    digits = _digits(text)
    if len(digits) >= _TELEPHONE_DIGITS and _TELEPHONE.fullmatch(text):
        return [digits]
    return sorted(search_words(text), key=len, reverse=True)


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))
