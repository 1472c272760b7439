"""What movements of stock are called, in the reader's language."""

from __future__ import annotations

from pos_api.catalogue.model import ProductDocument, owning_store
from pos_api.common.money import with_cents
from pos_api.database.client import Document
from pos_api.stores.model import DEFAULT
from pos_api.web.dashboard import lists
from pos_api.web.dashboard.languages import _
from pos_api.web.services import services


def reason_in_words(movement: Document) -> str:
    """Why a product's stock moved; of an adjustment what the person wrote."""
    known = {
        "order": _("Sold"),
        "return": _("Given back by an order"),
        "opening": _("In the first stock already") if movement["order"] else _("First stock"),
        "transfer": _("Moved between a variation and its parent"),
        "count": _("Counted"),
        "reconcile": _("Set to the shop's stock"),
        "shop_aligned": _("The shop was set to the stock here"),
        "managed_again": _("The shop manages the stock again"),
    }
    return known.get(movement["reason"]) or str(movement["reason"])


def state_in_words(state: str) -> str:
    """What became of a movement at a store."""
    known = {
        "waiting": _("still to be sent"),
        "applied": _("changed there too"),
        "not_managed": _("the shop keeps no stock of it"),
        "unknown": _("the shop does not know the product"),
        "refused": _("the shop refused it"),
        "not_sold": _("not sold there"),
        "switched_off": _("not sent, stock sync was switched off"),
    }
    return known.get(state, state)


def what_to_do(outcome: str) -> str:
    """What helps where a store did not take a movement."""
    known = {
        "not_managed": _("Let the shop manage the stock of the product, then compare both sides."),
        "unknown": _("The product was deleted in the shop or has another SKU there. Put that right, then compare."),
    }
    return known.get(outcome, _("Correct what the message says in the shop, then compare both sides."))


def order_url(order: str | None) -> str | None:
    """The address of an order's page."""
    return None if order is None else lists.order_url(order)


def with_price(product: ProductDocument, shown: Document) -> Document:
    """What is shown of a product, with its price as prices are written and the currency of that."""
    price = shown["price"]
    return {**shown, "price": None if price is None else with_cents(price), "currency": currency_of(product)}


def currency_of(product: ProductDocument) -> str:
    """The currency of a product's price: that of the store which the price comes from; blank where it has none."""
    return services().stores.get(owning_store(product) or DEFAULT).currency
