"""How the POS reaches a shop's REST API: the key pair, kept encrypted with the store, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from . import stores
from .config import Config
from .db import Db
from .errors import Invalid, NotFound
from .sources.woocommerce_rest import CLOCK_LEEWAY, Credentials, Shop, ShopError, answers_without_permalinks
from .values import now

_PERMALINKS_OFF = (
    "Permalinks are off in the shop, and WooCommerce takes no API key then: choose anything but Plain in "
    "Settings > Permalinks."
)


def connect(db: Db, config: Config, name: str, url: str, consumer_key: str, consumer_secret: str) -> list[str]:
    """Test a key pair against the shop at `url` and keep it with the store `name`; returns what else should be known.

    Raises Invalid for an unusable address, NotFound for an unknown store, and ShopError, which says what is wrong, when
    the shop's orders can't be read; nothing is kept then.
    """
    if name != stores.DEFAULT and db.stores.find_one({"_id": name}, {"_id": 1}) is None:
        raise NotFound(f"There is no store {name!r}; `pos-api store add {name}` makes it.")
    credentials, hints = diagnose(_checked(url), consumer_key.strip(), consumer_secret.strip())
    rest = {
        "url": credentials.url,
        "consumer_key": stores.seal(credentials.consumer_key, config),
        "consumer_secret": stores.seal(credentials.consumer_secret, config),
        "auth": credentials.auth,
        "connected_at": now(),
    }
    db.stores.update_one({"_id": name}, {"$set": {"rest": rest}, "$setOnInsert": {"name": name}}, upsert=True)
    return hints


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Invalid(f"{url!r} is no address of a shop; it looks like https://shop.example.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/").removesuffix("/wp-json")


def diagnose(url: str, consumer_key: str, consumer_secret: str) -> tuple[Credentials, list[str]]:
    """The way to read the shop's orders, and what else should be known. Raises ShopError with the cause."""
    usual = Credentials(url, consumer_key, consumer_secret, "basic" if url.startswith("https:") else "oauth")
    try:
        return _tried(usual)
    except ShopError as problem:
        if problem.cause in ("no_rest_api", "not_json", "redirect") and answers_without_permalinks(url):
            raise ShopError("permalinks_off", _PERMALINKS_OFF) from None
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
        raise ShopError("not_woocommerce", "The shop answered something that is no list of orders.")
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
    """The REST API of a store's shop; `options` are Shop's. Raises NotFound when it is not connected."""
    document = db.stores.find_one({"_id": name}, {"rest": 1}) or {}
    rest = document.get("rest")
    if rest is None:
        raise NotFound(f"The shop of {name!r} is not connected; see `pos-api store connect --help`.")
    return Shop(
        Credentials(
            rest["url"],
            stores.unseal(rest["consumer_key"], config),
            stores.unseal(rest["consumer_secret"], config),
            rest["auth"],
        ),
        **options,
    )


def connected(db: Db) -> list[str]:
    """The stores whose shop is connected."""
    return [document["_id"] for document in db.stores.find({"rest": {"$exists": True}}, {"_id": 1})]
