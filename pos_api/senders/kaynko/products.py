"""`product.created` and `product.updated`: a product's name and code. The till says neither its price nor its stock."""

from __future__ import annotations

from datetime import datetime

from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.model import ProductUpdate
from pos_api.senders.fields import Field, FieldPath
from pos_api.senders.kaynko.messages import Message, id_field, read_object
from pos_api.senders.values import sku, text
from pos_api.stores.model import Store

_PRODUCT = {
    **id_field("productId"),
    "productName": Field("name", text),
    "productCode": Field("sku", sku),
}


def read_product(message: Message, store: Store, received_at: datetime, cause: str) -> ProductUpdate:
    """The update that links the till's product with the one of this SKU. It makes none: the till does not say how many
    there are, and a stock that starts with an invented number explains nothing. Staff or a shop make it, with what
    was counted. Raises Invalid."""
    fields = read_object(message.data, _PRODUCT, FieldPath(message.report))
    sent_at = message.sent_at(received_at) or received_at
    message.report.check("The product is not valid.")
    return ProductUpdate(
        store=store.id,
        external_id=external_id(store.id, fields["id"]),
        parent_external_id="",
        sku=fields.get("sku", ""),
        name=fields.get("name") or None,
        price=None,
        stock=None,
        shares_parent_stock=False,
        modified_at=sent_at,
        stock_read_at=sent_at,
        seen_at=sent_at,
        cause=cause,
        warnings=message.report.warnings,
    )
