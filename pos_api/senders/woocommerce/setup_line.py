"""The one line that sets up the plugin in a shop: where this service takes orders, and the shop's API key."""

from __future__ import annotations

import base64
import json

from pos_api.config import Config
from pos_api.senders.delivery_url import shop_url

PREFIX = "pos-sync:"


def setup_line(config: Config, key: str) -> str:
    """`pos-sync:` and, as base64url without padding, the JSON object `{"url", "key"}`. Whoever has it has the key."""
    data = json.dumps({"url": shop_url(config), "key": key}, separators=(",", ":"))
    return PREFIX + base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")
