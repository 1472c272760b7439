"""Where stores send their deliveries: the routes of `web.api.webhooks`, below PUBLIC_URL."""

from __future__ import annotations

from pos_api.config import Config


def shop_url(config: Config) -> str:
    """Where all WooCommerce shops send; their API key or signature shows which of them it is."""
    return f"{_service_url(config)}/api/webhooks/orders"


def store_url(config: Config, kind: str, store: str) -> str:
    """Where this store of this kind sends."""
    return f"{_service_url(config)}/api/webhooks/{kind}/{store}"


def _service_url(config: Config) -> str:
    """PUBLIC_URL; where it is unset, on this machine."""
    return config.public_url or f"http://localhost:{config.port}"
