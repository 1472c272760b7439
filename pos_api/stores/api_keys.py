"""API keys of stores: what is kept of one, what it may be used for and from where. The key itself is kept nowhere.

A key's document, in its store's `keys`: `prefix` (its first letters), `hash` (SHA-256), `scopes`, `networks` (those it
may be sent from; none: from anywhere), `created_at`, `expires_at`, `last_used_at`, and where a shop may use it and
SECRETS_KEYS is set, `signing_key` (encrypted): what signs the service's own requests to the shop (`signing_keys`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network

from pos_api.common import ip_addresses as addresses
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Document
from pos_api.database.sealing import seal
from pos_api.errors import Invalid

ORDERS, READ, SUBSCRIPTIONS, ALL = "orders", "read", "subscriptions", "all"
SCOPES = (ORDERS, READ, SUBSCRIPTIONS, ALL)
"""`orders`: send deliveries. `read`: read what a viewer may. `subscriptions`: subscribe to events and read them, with
the personal data in them. `all`: all of these."""

PREFIX = "pos_"
"""What every key begins with that is made here."""
_SHOWN = 12
_SIGNING = b"pos-sync stock"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key that was sent and is known."""

    store: str
    name: str
    """Its first letters; of the key of the settings, the setting's name."""
    hash: str
    scopes: tuple[str, ...] = (ORDERS,)
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    created_at: datetime | None = None
    expires_at: datetime | None = None

    def may(self, scope: str) -> bool:
        """Whether it has this scope."""
        return scope in self.scopes or ALL in self.scopes

    def is_allowed_from(self, address: str | None) -> bool:
        """Whether it may be sent from this address."""
        return not self.networks or addresses.is_in(address, self.networks)

    def is_expired(self, moment: datetime) -> bool:
        """Whether it no longer counts at this moment."""
        return self.expires_at is not None and self.expires_at <= moment


def generate() -> str:
    """A new key: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def prefix(key: str) -> str:
    """The first letters of a key, by which people know it."""
    return key[:_SHOWN]


def key_hash(key: str) -> str:
    """What is kept of an API key: its SHA-256. A random key of 256 bits needs no slow hash."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def signing_key(key: str) -> bytes:
    """What requests to a shop that has this API key are signed with: 32 bytes, from which the API key can't be worked
    out. The plugin derives the same (tests/contract/signatures.json)."""
    return hmac.new(key.encode("utf-8", "surrogateescape"), _SIGNING, hashlib.sha256).digest()


def new_document(
    key: str,
    config: Config,
    expires_at: datetime | None = None,
    scopes: Sequence[str] = (ORDERS,),
    networks: Sequence[str] = (),
) -> Document:
    """What is stored of a new key. Raises Invalid for an unknown scope, and for a network that is none."""
    document: Document = {
        "prefix": prefix(key),
        "hash": key_hash(key),
        "scopes": checked_scopes(scopes),
        "networks": [addresses.plain_network(each) for each in networks],
        "created_at": now(),
        "expires_at": expires_at,
        "last_used_at": None,
    }
    if {ORDERS, ALL} & set(document["scopes"]) and config.secrets_keys:
        document["signing_key"] = seal(base64.b64encode(signing_key(key)).decode(), config)
    return document


def of_document(store: str, document: Document) -> ApiKey:
    """A stored key. One from before there were scopes may send deliveries, as it always could."""
    return ApiKey(
        store,
        document["prefix"],
        document["hash"],
        tuple(document.get("scopes") or (ORDERS,)),
        addresses.parsed_networks(document.get("networks") or ()),
        document["created_at"],
        document.get("expires_at"),
    )


def checked_scopes(scopes: Sequence[str]) -> list[str]:
    """The scopes in their usual order, each once; `all` stands for the others too. Raises Invalid."""
    if not scopes or (unknown := set(scopes) - set(SCOPES)):
        raise Invalid(
            f"{', '.join(sorted(unknown)) if scopes else 'Nothing'} is no scope; there are {', '.join(SCOPES)}."
        )
    return [ALL] if ALL in scopes else [each for each in SCOPES if each in scopes]
