"""Where stores send their deliveries: the routes of `web.api.webhooks` and `sender_routes`, below PUBLIC_URL."""

from __future__ import annotations

from typing import Any

from pos_api.config import Config
from pos_api.senders.base import Sender

_SHOPS = "/api/webhooks/orders"


def shop_url(config: Config) -> str:
    """Where all WooCommerce shops send; their API key or signature shows which of them it is."""
    return _service_url(config) + _SHOPS


def endpoint(sender: Sender[Any]) -> str:
    """The path that stores of this kind send to."""
    return sender.paths[0] if sender.paths else _SHOPS


def endpoint_url(config: Config, sender: Sender[Any]) -> str:
    """The address that stores of this kind send to."""
    return _service_url(config) + endpoint(sender)


def _service_url(config: Config) -> str:
    """PUBLIC_URL; where it is unset, on this machine."""
    return config.public_url or f"http://localhost:{config.port}"
