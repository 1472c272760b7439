"""What the body of a native WooCommerce webhook must look like, by its topic.

WooCommerce signs the body alone (`WC_Webhook::generate_signature`): the topic stands in an unsigned header. So whoever
has a signed body could send it again under another topic. A body therefore counts only under a topic that WooCommerce
sends such a body with.
"""

from __future__ import annotations

from pos_api.database.client import Document
from pos_api.errors import Invalid

_ALONE = {"id"}
_MARKS = {
    "order": ("line_items", "order_key"),
    "product": ("manage_stock", "stock_quantity", "sku"),
    "customer": ("is_paying_customer", "username", "email"),
}
"""Fields that objects of one kind have in every version of WooCommerce's REST API, and those of the others have not."""


def check_topic(topic: str, data: Document) -> None:
    """Raise Invalid where WooCommerce does not send this body under this topic: a deletion is `{"id": 37}` and nothing
    else, everything else has more, and an order is no product and no customer."""
    kind, _, action = topic.partition(".")
    if action == "erased":
        raise Invalid(_NOT_NATIVE.format(topic=topic))
    if action == "deleted" and data.keys() != _ALONE:
        raise Invalid(_MORE_THAN_AN_ID.format(topic=topic))
    if action != "deleted" and data.keys() == _ALONE:
        raise Invalid(_ONLY_AN_ID.format(topic=topic))
    kinds = [each for each, marks in _MARKS.items() if any(mark in data for mark in marks)]
    if kinds and kind not in kinds:
        raise Invalid(_OTHER_KIND.format(topic=topic, kind=kinds[0]))


_REASON = (
    "WooCommerce sends no such body. It may be an older delivery that somebody else sent again under another topic."
)
_NOT_NATIVE = "WooCommerce's own webhooks have no topic {topic}; only the plugin says that a person was erased."
_MORE_THAN_AN_ID = "The topic is {topic}, but the body has more than an id. " + _REASON
_ONLY_AN_ID = "The topic is {topic}, but the body has only an id. " + _REASON
_OTHER_KIND = "The topic is {topic}, but the body is of this kind: {kind}. " + _REASON
