"""The one line that sets up the plugin in a shop: where this service takes orders, and the shop's API key."""

from __future__ import annotations

import base64
import json

from pos_api.config import Config

PREFIX = "pos-sync:"
_PATH = "/api/webhooks/orders"


def webhook_url(config: Config) -> str:
    """Where shops send their orders: below PUBLIC_URL; where that is unset, on this machine."""
    return (config.public_url or f"http://localhost:{config.port}") + _PATH


def kind_url(config: Config, kind: str, store: str) -> str:
    """Where a store of another kind sends its deliveries."""
    return webhook_url(config).removesuffix(_PATH) + f"/api/webhooks/{kind}/{store}"


def setup_line(config: Config, key: str) -> str:
    """`pos-sync:` and, as base64url without padding, the JSON object `{"url", "key"}`. Whoever has it has the key."""
    data = json.dumps({"url": webhook_url(config), "key": key}, separators=(",", ":"))
    return PREFIX + base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")
