"""How the POS reaches a shop's REST API: the key pair, kept encrypted with the store, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography.fernet import InvalidToken

from pos_api.common.time import now
from pos_api.config import Config, ConfigError
from pos_api.database.client import Db
from pos_api.errors import NotFound
from pos_api.senders.woocommerce.rest_client import (
    CLOCK_LEEWAY,
    Credentials,
    Shop,
    ShopError,
    namespaces,
    unexpected_as_shop_error,
)
from pos_api.staff import audit
from pos_api.stores import settings
from pos_api.stores.model import DEFAULT
from pos_api.stores.sealing import seal, unseal

_PERMALINKS_OFF = (
    "Permalinks are off in the shop, and WooCommerce takes no API key then: choose anything but Plain in "
    "Settings > Permalinks."
)
_NO_WOOCOMMERCE = "WordPress answers, but WooCommerce's API is not there: WooCommerce is not active."


def connect(db: Db, config: Config, name: str, url: str, consumer_key: str, consumer_secret: str) -> list[str]:
    """Test a key pair against the shop at `url` and keep it with the store `name`; returns what else should be known.

    Raises Invalid for an unusable address, NotFound for an unknown store, and ShopError, which says what is wrong, when
    the shop's orders can't be read; nothing is kept then.
    """
    if name != DEFAULT and db.stores.find_one({"_id": name}, {"_id": 1}) is None:
        raise NotFound(f"There is no store {name!r}; `pos-api store add {name}` makes it.")
    address = settings.checked_url(url).removesuffix("/wp-json")
    with unexpected_as_shop_error():
        credentials, hints = diagnose(address, consumer_key.strip(), consumer_secret.strip())
    rest = {
        "url": credentials.url,
        "consumer_key": seal(credentials.consumer_key, config),
        "consumer_secret": seal(credentials.consumer_secret, config),
        "auth": credentials.auth,
        "connected_at": now(),
    }
    with audit.act(db, "store.connected", target=name, details={"url": credentials.url}):
        db.stores.update_one({"_id": name}, {"$set": {"rest": rest}, "$setOnInsert": {"name": name}}, upsert=True)
    return hints


def diagnose(url: str, consumer_key: str, consumer_secret: str) -> tuple[Credentials, list[str]]:
    """The way to read the shop's orders, and what else should be known. Raises ShopError with the cause."""
    usual = Credentials(url, consumer_key, consumer_secret, "basic" if url.startswith("https:") else "oauth")
    try:
        return _tried(usual)
    except ShopError as problem:
        if problem.cause in ("no_rest_api", "not_json", "redirect"):
            found = namespaces(url)
            if "wc/v3" in found:
                raise ShopError("permalinks_off", _PERMALINKS_OFF) from None
            if "wp/v2" in found:
                raise ShopError("no_woocommerce", _NO_WOOCOMMERCE) from None
        if problem.cause != "unauthorized" or usual.auth == "oauth":
            raise
        try:
            return _tried(replace(usual, auth="oauth"))
        except ShopError:
            raise problem from None


def _tried(credentials: Credentials) -> tuple[Credentials, list[str]]:
    with Shop(credentials, attempts=1) as shop:
        return credentials, _hints(shop)


def _hints(shop: Shop) -> list[str]:
    answer = shop.get("orders", per_page=1)
    if not isinstance(answer.data, list):
        raise ShopError("not_woocommerce", "Something answers at this address, but no WooCommerce: no list of orders.")
    hints = []
    if shop.credentials.auth == "oauth" and shop.credentials.url.startswith("https:"):
        hints.append("The server drops the Authorization header, so requests are signed instead (OAuth 1.0a).")
    if answer.clock is not None and abs(answer.clock) > CLOCK_LEEWAY:
        ahead = "ahead of" if answer.clock > 0 else "behind"
        hints.append(f"The shop's clock is {abs(answer.clock) / 60:.0f} minutes {ahead} this machine's.")
    try:
        shop.get("webhooks", per_page=1)
    except ShopError:
        hints.append("The key may not read webhooks, so those that are switched off can't be found.")
    return hints


def open_shop(db: Db, config: Config, name: str, **options: Any) -> Shop:
    """The REST API of a store's shop; `options` are Shop's. Raises NotFound when it is not connected, and ConfigError
    when its key pair can't be opened with SECRETS_KEYS."""
    document = db.stores.find_one({"_id": name}, {"rest": 1}) or {}
    rest = document.get("rest")
    if rest is None:
        raise NotFound(f"The shop of {name!r} is not connected; see `pos-api store connect --help`.")
    try:
        key, secret = (unseal(rest[half], config) for half in ("consumer_key", "consumer_secret"))
    except InvalidToken:
        raise ConfigError(
            f"The key pair of {name!r} can't be opened with SECRETS_KEYS; `pos-api store connect {name}` stores one."
        ) from None
    return Shop(Credentials(rest["url"], key, secret, rest["auth"]), **options)


def connected(db: Db) -> list[str]:
    """The stores whose shop is connected."""
    return [document["_id"] for document in db.stores.find({"rest": {"$exists": True}}, {"_id": 1})]
