"""How a shop's REST API is reached: its address and key pair, kept encrypted with the store."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

from cryptography.fernet import InvalidToken

from pos_api.config import Config, ConfigError
from pos_api.database.sealing import seal, unseal

Authentication: TypeAlias = Literal["basic", "oauth"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach a shop. `auth` is how requests show the key pair (`rest.client.authentication`)."""

    url: str
    consumer_key: str
    consumer_secret: str
    auth: Authentication

    def __repr__(self) -> str:
        return f"Credentials({self.url!r}, auth={self.auth!r})"


class StoredCredentials(TypedDict):
    """Credentials as they are kept with a store (`rest`), the key pair encrypted with SECRETS_KEYS."""

    url: str
    consumer_key: bytes
    consumer_secret: bytes
    auth: Authentication


def encrypted(credentials: Credentials, config: Config) -> StoredCredentials:
    """Credentials as they are stored."""
    return {
        "url": credentials.url,
        "consumer_key": seal(credentials.consumer_key, config),
        "consumer_secret": seal(credentials.consumer_secret, config),
        "auth": credentials.auth,
    }


def decrypted(stored: StoredCredentials, config: Config, store: str) -> Credentials:
    """Credentials from what is stored with `store`. Raises ConfigError when SECRETS_KEYS does not open them."""
    try:
        key = unseal(stored["consumer_key"], config)
        secret = unseal(stored["consumer_secret"], config)
    except InvalidToken:
        raise ConfigError(
            f"The key pair of {store!r} can't be opened with SECRETS_KEYS; `pos-api store connect {store}` stores one."
        ) from None
    return Credentials(stored["url"], key, secret, stored["auth"])


def without_secrets(text: str, credentials: Credentials) -> str:
    """A text without the key pair, in which a shop may repeat what it was sent."""
    pair = (credentials.consumer_key, credentials.consumer_secret)
    for secret in (base64.b64encode(":".join(pair).encode()).decode(), *reversed(pair)):
        text = text.replace(secret, "…") if secret else text
    return text
