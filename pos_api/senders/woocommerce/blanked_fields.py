"""What a shop sends about a visitor's browser and the keys to an order's pages, which is stored nowhere.

IP address, user agent, order key (who has it can open the order's page, without a log-in), the payment page's address,
which contains that key, and the hash of the cart. Their values are blanked in the body before it is read and stored;
the rest of it stays byte for byte.
"""

from __future__ import annotations

import json
import re

_NAMES = "customer_ip_address|customer_user_agent|order_key|cart_hash|payment_url"
_FIELD = re.compile(
    rf'"_?(?:{_NAMES})"\s*:\s*'
    rf'|"key"\s*:\s*"(?:_?(?:{_NAMES})|[^"\\]{{0,80}}(?:ip_address|user_agent))"\s*,\s*"value"\s*:\s*'
)
"""What comes before such a value: its name, or the key of an entry of meta data. Inside a text a quote is written
`\\"`, so no text is taken for a name."""
_BLANK = '""'
_decoder = json.JSONDecoder()


def blank_private_fields(body: bytes) -> bytes:
    """The body with these values blanked. Where a value can't be read, neither can the whole: what follows it stays."""
    text = body.decode("utf-8", "surrogateescape")
    parts, done = [], 0
    while name := _FIELD.search(text, done):
        try:
            _, end = _decoder.raw_decode(text, name.end())
        except (ValueError, RecursionError):
            break
        parts += [text[done : name.end()], _BLANK]
        done = end
    if not parts:
        return body
    return "".join([*parts, text[done:]]).encode("utf-8", "surrogateescape")
