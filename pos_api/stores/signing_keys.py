"""What the service signs its own requests to a store with. The store's side has an API key, of which only a hash is
kept here; so a key is derived from each API key while it is at hand, and kept encrypted with it. The API key can't be
worked out from it, and it opens nothing here."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime

from cryptography.fernet import InvalidToken

from pos_api.common.time import now
from pos_api.config import Config, ConfigError
from pos_api.database.client import Db, Document
from pos_api.database.sealing import unseal
from pos_api.logs import get_logger
from pos_api.stores import api_keys
from pos_api.stores.key_management import key_of_settings
from pos_api.stores.model import DEFAULT

log = get_logger(__name__)


def signing_keys(db: Db, config: Config, store: str) -> list[bytes]:
    """The keys that sign requests to this store: one for each of its active API keys that a shop may use, the newest
    first. None where there is no such key, or only such as were made while SECRETS_KEYS was not set."""
    document = db.stores.find_one({"_id": store}, {"keys": 1, "settings_key": 1}) or {}
    found = [*_of_keys(document, config, store), *_of_settings(document, config, store)]
    return [key for _, key in sorted(found, key=lambda each: each[0], reverse=True)]


def _of_keys(document: Document, config: Config, store: str) -> Iterator[tuple[datetime, bytes]]:
    moment = now()
    for each in document.get("keys", []):
        key = api_keys.of_document(store, each)
        if "signing_key" in each and key.may(api_keys.ORDERS) and not key.is_expired(moment):
            try:
                yield each["created_at"], base64.b64decode(unseal(each["signing_key"], config))
            except (ConfigError, InvalidToken):
                log.error("what an API key signs with can't be opened with SECRETS_KEYS", store=store, key=key.name)


def _of_settings(document: Document, config: Config, store: str) -> Iterator[tuple[datetime, bytes]]:
    if store == DEFAULT and config.webhook_api_key:
        since = key_of_settings(config, document).created_at
        yield since or now(), api_keys.signing_key(config.webhook_api_key)
