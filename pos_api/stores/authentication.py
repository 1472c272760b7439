"""Requests of stores, authenticated by their API keys."""

from __future__ import annotations

from pos_api.common.ip_addresses import plain
from pos_api.errors import Forbidden, Unauthorized
from pos_api.logs import get_logger
from pos_api.stores.api_keys import ApiKey
from pos_api.stores.registry import Stores

log = get_logger(__name__)


def api_key(stores: Stores, key: str, address: str | None, scope: str | None) -> ApiKey:
    """The API key that was sent from `address`, which must have `scope` where one is named.

    Raises Unauthorized when it is wrong, revoked or expired, Forbidden when it may not be used from there or not for
    this.
    """
    found = stores.of_key(key)
    if found is None:
        raise Unauthorized("The API key is not valid.", reason="wrong API key")
    if not found.is_allowed_from(address):
        log.warning("API key from an address that is not allowed", store=found.store, client=plain(address))
        raise Forbidden(f"The API key {found.name} may not be used from the address {plain(address)}.")
    if scope is not None and not found.may(scope):
        raise Forbidden(f"This takes an API key with the scope {scope}; {found.name} has {', '.join(found.scopes)}.")
    stores.note_key_used(found)
    return found
