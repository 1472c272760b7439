"""What a shop sends about a visitor's browser and the keys to an order's pages, which is stored nowhere.

IP address, user agent, order key (who has it can open the order's page, without a log-in), the payment page's address,
which contains that key, and the hash of the cart. Their values are blanked in the body before it is read and stored;
the rest of it stays byte for byte.
"""

from __future__ import annotations

import re

from pos_api.senders.blanking import blanked

_NAMES = "customer_ip_address|customer_user_agent|order_key|cart_hash|payment_url"
_FIELD = re.compile(
    rf'"_?(?:{_NAMES})"\s*:\s*'
    rf'|"key"\s*:\s*"(?:_?(?:{_NAMES})|[^"\\]{{0,80}}(?:ip_address|user_agent))"\s*,\s*"value"\s*:\s*'
)
"""What comes before such a value: its name, or the key of an entry of meta data."""


def blank_private_fields(body: bytes) -> bytes:
    """The body with these values blanked."""
    return blanked(body, _FIELD)
