"""A message of WooCommerce is translated into a command of a domain; the names of its fields stay in this package.

Shapes: WooCommerce REST API v3, `wc/v3/orders`, `wc/v3/products`, `wc/v3/customers`.
"""

from __future__ import annotations

from datetime import datetime

from pos_api.errors import Invalid
from pos_api.senders.base import Command
from pos_api.senders.values import visible
from pos_api.senders.woocommerce.customers import read_customer, read_customer_erasure
from pos_api.senders.woocommerce.messages import Message
from pos_api.senders.woocommerce.native_webhooks import check_topic
from pos_api.senders.woocommerce.orders import read_order
from pos_api.senders.woocommerce.products import read_product, read_product_deletion
from pos_api.senders.woocommerce.times import with_gmt_times, without_impossible_times
from pos_api.senders.woocommerce.topics import CUSTOMER_ERASED, CUSTOMER_TOPICS, PRODUCT_TOPICS, TOPICS
from pos_api.stores.model import Store, site_of


def translate(message: Message, store: Store, received_at: datetime, cause: str) -> Command | None:
    """The command that a message gives; None where there is nothing to keep (drafts, topics of another kind).

    `cause` is the event key that goes into history and ledger. Raises Invalid, with a message per field, when the
    content can't be used.
    """
    if message.topic not in TOPICS:
        return None
    if store.is_from_another_site(message.site):
        raise Invalid(_ELSEWHERE.format(site=visible(site_of(message.site)[:200]), known=store.site, store=store.id))
    message = without_impossible_times(with_gmt_times(message, store), received_at)
    data = message.data
    if "code" in data and "message" in data and "id" not in data:
        raise Invalid(_ERROR.format(code=visible(str(data["code"])[:100]), store=store.id))
    if message.native:
        check_topic(message.topic, data)
    if message.topic == "product.deleted" or (message.topic in PRODUCT_TOPICS and data.get("status") == "trash"):
        return read_product_deletion(message, store, received_at)
    if message.topic in PRODUCT_TOPICS:
        return read_product(message, store, received_at, cause)
    if message.topic in CUSTOMER_TOPICS:
        return read_customer(message, store, received_at)
    if message.topic == CUSTOMER_ERASED:
        return read_customer_erasure(message, store, received_at)
    return read_order(message, store, received_at, cause)


_ERROR = (
    "WooCommerce sent an error instead of the object: {code}. The webhook's user was deleted, or has lost rights. Make "
    "the webhook anew as an administrator, and then run: pos-api reconcile {store} --repair"
)
_ELSEWHERE = (
    "It comes from {site}, and {store} is {known}: a copy of the shop, for tests perhaps. If it is a copy, remove its "
    "webhooks or deactivate its plugin. If the shop has moved, run: pos-api store set {store} --url https://{site} "
    "and then: pos-api replay --all"
)
