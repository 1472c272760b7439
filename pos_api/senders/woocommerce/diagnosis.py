"""What is wrong with the way to a shop's REST API, and what else should be known of it: no database here."""

from __future__ import annotations

from dataclasses import replace

from pos_api.senders.woocommerce.credentials import Credentials
from pos_api.senders.woocommerce.rest.answers import Answer
from pos_api.senders.woocommerce.rest.client import RestClient, namespaces
from pos_api.senders.woocommerce.shop_error import ShopError

CLOCK_LEEWAY = 300.0
"""Seconds by which the shop's clock may be off before it is said. OAuth's own limit is 15 minutes."""

_PERMALINKS_OFF = (
    "Permalinks are off in the shop, and WooCommerce takes no API key then: choose anything but Plain in "
    "Settings > Permalinks."
)
_NO_WOOCOMMERCE = "WordPress answers, but WooCommerce's API is not there: WooCommerce is not active."
_HEADER_DROPPED = "The server drops the Authorization header, so requests are signed instead (OAuth 1.0a)."
_NO_WEBHOOKS = "The key may not read webhooks, so those that are switched off can't be found."


def diagnose(url: str, consumer_key: str, consumer_secret: str) -> tuple[Credentials, list[str]]:
    """The way to read the shop's orders, and what else should be known. Raises ShopError with the cause."""
    usual = Credentials(url, consumer_key, consumer_secret, "basic" if url.startswith("https:") else "oauth")
    try:
        return usual, _try(usual)
    except ShopError as problem:
        if problem.cause in ("no_rest_api", "not_json", "redirect") and (better := better_cause(namespaces(url))):
            raise better from None
        if problem.cause != "unauthorized" or usual.auth == "oauth":
            raise
        signed = replace(usual, auth="oauth")
        try:
            return signed, _try(signed)
        except ShopError:
            raise problem from None


def better_cause(apis: frozenset[str]) -> ShopError | None:
    """What is wrong with a shop that does not answer where its REST API should be, from the APIs that its WordPress has
    elsewhere; None where it has none."""
    if "wc/v3" in apis:
        return ShopError("permalinks_off", _PERMALINKS_OFF)
    if "wp/v2" in apis:
        return ShopError("no_woocommerce", _NO_WOOCOMMERCE)
    return None


def _try(credentials: Credentials) -> list[str]:
    with RestClient(credentials, attempts=1) as client:
        orders = client.get("orders", per_page=1)
        try:
            client.get("webhooks", per_page=1)
            sees_webhooks = True
        except ShopError:
            sees_webhooks = False
    return hints(credentials, orders, sees_webhooks=sees_webhooks)


def hints(credentials: Credentials, orders: Answer, *, sees_webhooks: bool) -> list[str]:
    """What should be known of a shop that gave this answer to a list of its orders. Raises ShopError where it is no
    list."""
    if not isinstance(orders.data, list):
        raise ShopError("not_woocommerce", "Something answers at this address, but no WooCommerce: no list of orders.")
    found = []
    if credentials.auth == "oauth" and credentials.url.startswith("https:"):
        found.append(_HEADER_DROPPED)
    if orders.clock is not None and abs(orders.clock) > CLOCK_LEEWAY:
        ahead = "ahead of" if orders.clock > 0 else "behind"
        found.append(f"The shop's clock is {abs(orders.clock) / 60:.0f} minutes {ahead} this machine's.")
    if not sees_webhooks:
        found.append(_NO_WEBHOOKS)
    return found
