"""Secrets as the database has them: encrypted with SECRETS_KEYS."""

from __future__ import annotations

from cryptography.fernet import Fernet, MultiFernet

from pos_api.config import Config, ConfigError


def _cipher(config: Config) -> MultiFernet:
    if not config.secrets_keys:
        raise ConfigError("SECRETS_KEYS is not set; stored secrets need it. `pos-api init` makes one.")
    try:
        return MultiFernet([Fernet(key) for key in config.secrets_keys])
    except ValueError:
        raise ConfigError("SECRETS_KEYS holds something that is not a Fernet key; `pos-api init` makes one.") from None


def seal(secret: str, config: Config) -> bytes:
    """A secret as it may be stored: encrypted with the first of SECRETS_KEYS (Fernet)."""
    return _cipher(config).encrypt(secret.encode())


def unseal(sealed: bytes, config: Config) -> str:
    """The secret again; any of SECRETS_KEYS may have sealed it, so that keys can be rotated."""
    return _cipher(config).decrypt(sealed).decode()
