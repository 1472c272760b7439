"""The words by which people find orders, customers and products: case-folded, and of very many only the first ones. So
callers give the text that matters most first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice
from typing import Any

_NOT_WORDS = re.compile(r"[^\w@.+-]+")
_TELEPHONE = re.compile(r"[\d\s()+./-]+")
_TELEPHONE_DIGITS = 6
_MOST_TELEPHONE_DIGITS = 15
"""Of the longest numbers that there are (ITU-T E.164): more digits are several numbers."""
_DASHES = (*range(0x2010, 0x2016), 0x2212)
_INVISIBLE = (0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF)
"""Among them what contacts in telephones put around a number to say in which direction it is written."""
_PLAIN = dict.fromkeys(_DASHES, "-") | dict.fromkeys(_INVISIBLE)
"""For `str.translate`: dashes are hyphens, and what can't be seen is left out."""
_MOST_OF_TELEPHONE = 10
"""Words: others must not be left out for what is in a field for a telephone number."""
_MOST_WORDS = 100
"""Words of a document that are indexed."""
_LONGEST_WORD = 320
"""Characters of a word that are indexed: an e-mail address is one word."""
NO_WORDS = {"search": {"$in": list[str]()}}
"""The condition for a text without words: nothing is found."""
MOST_KEPT = 3 * _MOST_WORDS
"""Words that are indexed where those of an earlier name are kept beside those of a new one."""


def contact_words(*texts: str, telephone: str = "") -> list[str]:
    """The words of an order or a customer: names, addresses, e-mail addresses, order numbers. Punctuation separates
    words, except within e-mail addresses and numbers. A `telephone` number is one word, its digits; where there is more
    in that field, its words are kept, too. Six digits or more within a word are a word of their own, but for those of
    an e-mail address."""
    words = dict.fromkeys(islice(_telephone_words(telephone), _MOST_OF_TELEPHONE))
    for text in texts:
        words |= _words_of(text)
    return _first_words(words)


def _telephone_words(text: str) -> dict[str, None]:
    text = text.translate(_PLAIN)
    digits = _digits(text)[:_LONGEST_WORD]
    if len(digits) < _TELEPHONE_DIGITS:
        return _words_of(text)
    is_one = len(digits) <= _MOST_TELEPHONE_DIGITS and _TELEPHONE.fullmatch(text)
    return {digits: None} if is_one else {digits: None} | _words_of(text)


def _words_of(text: str) -> dict[str, None]:
    words = dict.fromkeys(_split(text))
    if len(_digits(text)) >= _TELEPHONE_DIGITS:
        words |= dict.fromkeys(digits for part in _parts(text) if (digits := _telephone_digits(part)))
        within = (_digits(word) for word in words if "@" not in word)
        words |= dict.fromkeys([digits for digits in within if len(digits) >= _TELEPHONE_DIGITS])
    return words


def wanted_contact_words(text: str) -> list[str]:
    """The words of a search text, as `contact_words` has them: the longest, which is the rarest, first; a telephone
    number by its digits."""
    words: dict[str, None] = {}
    for part in _parts(text):
        words |= {digits: None} if (digits := _telephone_digits(part)) else _words_of(part)
    return sorted(_first_words(words), key=len, reverse=True)


def typed_words(text: str) -> tuple[list[str], str | None]:
    """The words of a text that is still being written, and the last one apart, which may be the beginning of one; None
    where a blank has ended it."""
    *parts, last = [*_parts(text)] or [""]
    whole = [*chain.from_iterable(wanted_contact_words(part) for part in parts)]
    if digits := _telephone_digits(last, is_beginning=True):  # of which a blank may be a part
        return whole[:_MOST_WORDS], digits
    words = _split(last)
    is_written = not text[-1:].strip()  # a blank ends a word
    beginning = words.pop() if words and not is_written else None
    return [*whole, *words][:_MOST_WORDS], beginning


def _split(text: str) -> list[str]:
    return [word[:_LONGEST_WORD] for word in _NOT_WORDS.split(text.casefold()) if word]


def _parts(text: str) -> Iterator[str]:
    """The parts of a text: numbers that stand beside each other, which may be one telephone number, and what is between
    them."""
    for _, words in groupby(text.split(), lambda word: bool(_TELEPHONE.fullmatch(word.translate(_PLAIN)))):
        yield " ".join(words)


def _telephone_digits(part: str, *, is_beginning: bool = False) -> str:
    """The digits of a telephone number; blank where it is none. The beginning of one may be short after a plus sign."""
    part = part.translate(_PLAIN)
    digits = _digits(part)[:_LONGEST_WORD]
    is_long_enough = len(digits) >= _TELEPHONE_DIGITS or (is_beginning and part.startswith("+"))
    return digits if is_long_enough and _TELEPHONE.fullmatch(part) else ""


def beginning_with(word: str) -> dict[str, str]:
    """A condition on the words of a document: one of them begins so. It reads only that part of an index, and no
    document."""
    return {"$regex": f"^{re.escape(word)}"}


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
