"""The e-mail addresses in texts and in bodies of any shape."""

from __future__ import annotations

import re

_ADDRESS = re.compile(rb"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")
NO_ADDRESS = "(e-mail address)"
_BEFORE, _AFTER = 64, 256
_MOST_ADDRESSES = 20
_MOST_SIGNS = 1000


def without_addresses(text: str) -> str:
    """The text with NO_ADDRESS for each e-mail address in it."""
    if "@" not in text:
        return text
    return _ADDRESS.sub(NO_ADDRESS.encode(), text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def addresses(body: bytes) -> list[str]:
    """The e-mail addresses in a body, whatever its shape, in small letters; the first 20 of them, as far as they stand
    among the first 1,000 at signs. WordPress takes addresses of ASCII letters only (`is_email`)."""
    found: dict[str, None] = {}
    place = body.find(b"@")
    for _ in range(_MOST_SIGNS):
        if place < 0 or len(found) == _MOST_ADDRESSES:
            break
        around = body[max(place - _BEFORE, 0) : place + _AFTER]
        for match in _ADDRESS.finditer(around):
            if match.start() <= place - max(place - _BEFORE, 0) < match.end():
                found[match[0].decode().lower().rstrip(".")] = None
        place = body.find(b"@", place + 1)
    return list(found)
