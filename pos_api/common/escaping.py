"""Text from outside, made safe to look at: it may hold anything, also what commands a terminal."""

from __future__ import annotations

import re

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends, those that change the direction of writing, and what is no character."""


def escaped(text: str) -> str:
    """`text` on one line, with `\\u001b` and the like in place of what a terminal would obey. A line of JSON keeps its
    meaning, as such characters occur only within its texts."""
    if text.isprintable():  # which nothing of that is; it takes a fraction of the time
        return text
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
