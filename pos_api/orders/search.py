"""What an order is found by: its customer, its SKUs and the words of a text search. Pure: no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pos_api.common.text_search import contact_words
from pos_api.customers.model import customer_key
from pos_api.orders.lines import skus_of
from pos_api.orders.model import Order

if TYPE_CHECKING:
    from pos_api.customers.model import Erasure


def set_search_fields(order: Order, erased: Erasure | None) -> None:
    """Set `customer`, `skus` and `search`; the customer of an erased order is the erasure's pseudonym."""
    billing = order.get("billing", {})
    if erased:
        order["customer"] = erased.customer
    else:
        order["customer"] = customer_key(order["store"], billing.get("email", ""), order.get("customer_id", 0))
    order["skus"] = skus_of(order["line_items"])
    order["search"] = contact_words(
        str(order["order_id"]),
        order.get("number", ""),
        billing.get("email", ""),
        billing.get("last_name", ""),
        billing.get("first_name", ""),
        billing.get("company", ""),
        telephone=billing.get("phone", ""),
    )
