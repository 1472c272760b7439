"""A store's connection to the REST API of its shop: tested (`diagnosis`), kept with the store, and opened."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import NotFound
from pos_api.senders.woocommerce.credentials import decrypted, encrypted
from pos_api.senders.woocommerce.diagnosis import diagnose
from pos_api.senders.woocommerce.kind import check_is_shop
from pos_api.senders.woocommerce.rest.client import RestClient
from pos_api.senders.woocommerce.rest.reader import RestReader
from pos_api.senders.woocommerce.shop_error import unexpected_as_shop_error
from pos_api.staff import audit
from pos_api.stock import sync_switch
from pos_api.stores import settings
from pos_api.stores.model import DEFAULT, site_of
from pos_api.stores.registry import Stores


def connect(db: Db, config: Config, name: str, url: str, consumer_key: str, consumer_secret: str) -> list[str]:
    """Test a key pair against the shop at `url` and keep it with the store `name`; returns what else should be known.

    Raises Invalid for an unusable address and a store of another kind, NotFound for an unknown one, and ShopError,
    which says what is wrong, when the shop's orders can't be read; nothing is kept then.
    """
    if name != DEFAULT and db.stores.find_one({"_id": name}, {"_id": 1}) is None:
        raise NotFound(f"There is no store {name!r}; `pos-api store add {name}` makes it.")
    check_is_shop(Stores(db, config).get(name))
    address = settings.checked_url(url).removesuffix("/wp-json")
    with unexpected_as_shop_error():
        credentials, hints = diagnose(address, consumer_key.strip(), consumer_secret.strip())
    rest = encrypted(credentials, config)
    if _is_elsewhere(db, name, credentials.url) and sync_switch.switch_off_if_on(
        db, name, sync_switch.CONNECTED_ELSEWHERE
    ):
        again = f"`pos-api store set {name} --stock-sync on`"
        hints = [*hints, f"It is another address, so no stock is sent there: {again} switches that on again."]
    with audit.act(db, "store.connected", target=name, details={"url": credentials.url}):
        db.stores.update_one({"_id": name}, {"$set": {"rest": rest}, "$setOnInsert": {"name": name}}, upsert=True)
    return hints


def test(db: Db, config: Config, name: str) -> list[str]:
    """Ask a connected shop once, as `connect` does; returns what should be known. Raises NotFound when it is not
    connected, ConfigError when its key pair can't be opened, and ShopError, which says what is wrong."""
    stored = (db.stores.find_one({"_id": name}, {"rest": 1}) or {}).get("rest")
    if stored is None:
        raise NotFound(f"The shop of {name!r} is not connected.")
    known = decrypted(stored, config, name)
    with unexpected_as_shop_error():
        return diagnose(known.url, known.consumer_key, known.consumer_secret)[1]


def disconnect(db: Db, name: str) -> None:
    """Delete a shop's key pair: it is neither read nor compared nor sent stock any more. What it sends by itself is
    taken as before. Raises NotFound when it is not connected."""
    with audit.act(db, "store.disconnected", target=name, details={"api_only": True}):
        if not db.stores.find_one({"_id": name, "rest": {"$exists": True}}, {"_id": 1}):
            raise NotFound(f"The shop of {name!r} is not connected.")
        sync_switch.switch_off_if_on(db, name, sync_switch.DISCONNECTED)
        db.stores.update_one({"_id": name}, {"$unset": {"rest": ""}})


def address_of(db: Db, name: str) -> str | None:
    """The address at which a store's shop is asked; None where it is not connected."""
    rest: dict[str, str] | None = (db.stores.find_one({"_id": name}, {"rest.url": 1}) or {}).get("rest")
    return None if rest is None else rest["url"]


def _is_elsewhere(db: Db, name: str, url: str) -> bool:
    """Whether the store was connected to another address. One that differs in `https` or `www.` alone is the same."""
    before = address_of(db, name)
    return before is not None and _place(before) != _place(url)


def _place(url: str) -> tuple[str, int | None, str]:
    parts = urlsplit(url)
    return site_of(url), parts.port, parts.path.rstrip("/")


def open_shop(db: Db, config: Config, name: str, **options: Any) -> RestReader:
    """A reader of a store's shop; `options` are those of RestClient. Raises NotFound when it is not connected, and
    ConfigError when its key pair can't be opened with SECRETS_KEYS."""
    document = db.stores.find_one({"_id": name}, {"rest": 1}) or {}
    rest = document.get("rest")
    if rest is None:
        raise NotFound(f"The shop of {name!r} is not connected; see `pos-api store connect --help`.")
    return RestReader(RestClient(decrypted(rest, config, name), **options))


def connected(db: Db) -> list[str]:
    """The stores whose shop is connected."""
    return [document["_id"] for document in db.stores.find({"rest": {"$exists": True}}, {"_id": 1})]
