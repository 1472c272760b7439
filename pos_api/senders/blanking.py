"""Values that are stored nowhere are blanked in a body before it is read and stored; the rest of it stays byte for
byte."""

from __future__ import annotations

import json
import re

_BLANK = '""'
_decoder = json.JSONDecoder()


def blanked(body: bytes, before_value: re.Pattern[str]) -> bytes:
    """The body with `""` for each value that `before_value` (its name, the colon and blanks) stands before. Inside a
    text a quote is written `\\"`, so no text is taken for a name. Where a value can't be read, neither can the whole:
    what follows it stays."""
    text = body.decode("utf-8", "surrogateescape")
    parts, done = [], 0
    while name := before_value.search(text, done):
        try:
            _, end = _decoder.raw_decode(text, name.end())
        except (ValueError, RecursionError):
            break
        parts += [text[done : name.end()], _BLANK]
        done = end
    if not parts:
        return body
    return "".join([*parts, text[done:]]).encode("utf-8", "surrogateescape")
