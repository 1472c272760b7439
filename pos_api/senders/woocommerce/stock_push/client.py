"""Signed requests to the plugin of a shop: stock is sent, and it is asked what became of movements."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from standardwebhooks import Webhook

from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import NotFound
from pos_api.outbound.client import Reply
from pos_api.senders.woocommerce.rest.http import HttpClient, NoAuth
from pos_api.senders.woocommerce.shop_error import ShopError, unexpected_as_shop_error
from pos_api.senders.woocommerce.stock_push.answers import (
    ROUTE,
    item_answers,
    movements_at_shop,
    plugin_answer,
    plugin_info,
    version_of,
)
from pos_api.senders.woocommerce.stock_push.model import (
    MOST_ITEMS,
    MOST_MOVEMENTS,
    Item,
    ItemAnswer,
    MovementAtShop,
    PluginInfo,
)
from pos_api.stores.signing_keys import signing_keys

TIMEOUT = (10.0, 45.0)
"""Seconds to connect, and for a request as a whole: the plugin may wait 8 for another request, then works for 20, and
ends what it has begun."""
_MOST_BYTES = 2 * 1024 * 1024
"""The largest answer: a thousand movements with a message each fit in."""


class StockClient:
    """The plugin of a store's shop. Use it as a context manager. Each request is made once; a failure is a ShopError,
    whose message has no secret in it."""

    def __init__(self, store: str, url: str, keys: Sequence[bytes], timeout: tuple[float, float] = TIMEOUT) -> None:
        self._store = store
        self._url = f"{url.rstrip('/')}/wp-json/{ROUTE}"
        self._keys = keys
        self._http = HttpClient(NoAuth(), timeout, _MOST_BYTES)
        self.version = ""
        """The plugin's, as it has answered last."""

    def __enter__(self) -> StockClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def check(self) -> PluginInfo:
        """Whether the plugin is there, takes the signature, and can change stock in one step. Raises ShopError."""
        with unexpected_as_shop_error():
            return plugin_info(self._post("", {"store": self._store, "items": []}))

    def send(self, items: Sequence[Item]) -> list[ItemAnswer]:
        """Send at most MOST_ITEMS items; returns what became of each, in their order. Raises ShopError where that is
        not known of any: then they may have been applied or not, and have to be sent again."""
        assert len(items) <= MOST_ITEMS
        with unexpected_as_shop_error():
            body = {"store": self._store, "items": [item.as_sent() for item in items]}
            data = plugin_answer(self._post("", body))
            self.version = version_of(data)
            return item_answers(data, items)

    def movements(self, movements: Sequence[str]) -> list[MovementAtShop]:
        """What the shop has noted of these movements (`Item.movement`), of those that it has. Raises ShopError."""
        found = []
        for start in range(0, len(movements), MOST_MOVEMENTS):
            asked = movements[start : start + MOST_MOVEMENTS]
            with unexpected_as_shop_error():
                found += movements_at_shop(plugin_answer(self._post("/movements", {"movements": list(asked)})), asked)
        return found

    def _post(self, path: str, body: Any) -> Reply:
        content = json_bytes(body)
        return self._http.request(
            "POST", self._url + path, body=content, headers=signed(content, self._keys, f"stock_{uuid.uuid4().hex}")
        )


def signed(body: bytes, keys: Sequence[bytes], request: str) -> dict[str, str]:
    """The headers of a request under this id (Standard Webhooks), with a signature by each of the keys."""
    moment = now()
    return {
        "Content-Type": "application/json",
        "webhook-id": request,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(request, moment, body.decode()) for key in keys),
    }


def open_plugin(db: Db, config: Config, store: str, *, timeout: tuple[float, float] = TIMEOUT) -> StockClient:
    """The plugin of a store's shop, at the address that it was connected with. Raises NotFound when it is not
    connected, and ShopError when no API key can sign."""
    document = db.stores.find_one({"_id": store}, {"rest.url": 1}) or {}
    rest = document.get("rest")
    if rest is None:
        raise NotFound(f"The shop of {store!r} is not connected; see `pos-api store connect --help`.")
    keys = signing_keys(db, config, store)
    if not keys:
        raise ShopError(
            "no_key",
            f"No API key of {store!r} can sign what is sent to the shop: those that were made while SECRETS_KEYS was"
            " not set, or before stock was sent to shops, can't. Make a new one (`pos-api key add`) and enter it in the"
            " plugin.",
        )
    return StockClient(store, rest["url"], keys, timeout)
