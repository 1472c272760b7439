"""`sale.completed` and `sale.voided`: what they say is read into reports.

The events have no id, and the app may send a sale again with other content: all that was sent about a sale is kept, and
`sale_state` works out what the sale is.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, TypedDict

from bson import Decimal128

from pos_api.common.currencies import CURRENCIES
from pos_api.common.money import ZERO
from pos_api.common.quantity import Quantity
from pos_api.database.client import Document
from pos_api.senders.fields import Field, FieldPath, Table, list_of
from pos_api.senders.kaynko import sale_state
from pos_api.senders.kaynko.messages import (
    Message,
    code,
    essential_amount,
    id_field,
    number,
    possible_time,
    read_object,
    required,
)
from pos_api.senders.reports import Report
from pos_api.senders.values import amount_with_cents, moment, plain_text, sku, text, units
from pos_api.stores.model import Store


class SoldLine(TypedDict):
    """A line of a sale; `sku` is the product's code, blank where it has none."""

    sku: str
    name: str
    quantity: Quantity
    price: Decimal128 | None
    total: Decimal128 | None


class Void(TypedDict):
    """What is kept of a void: also of what it says of its sale, which may come later. `happened_at` is None where the
    till did not say when; `warnings` are in stored form."""

    number: str
    total: Decimal128
    method: str
    currency: str
    happened_at: datetime | None
    sent_at: datetime | None
    warnings: list[Document]


class Sale(Void):
    """What is kept of a completed sale, as it was sent."""

    discount: Decimal128
    vat: Decimal128
    customer_type: str
    lines: list[SoldLine]


def _units(value: Any) -> Quantity:
    quantity = units(number(value))
    if quantity < 0:
        raise ValueError("must not be below 0")
    return quantity


_LINE = {
    "productName": Field("name", text),
    "productCode": Field("sku", sku),
    "quantity": Field("quantity", required(_units), essential=True),
    "unitPrice": Field("price", amount_with_cents),
    "lineTotal": Field("total", amount_with_cents),
}


def _line(value: Any, path: FieldPath) -> SoldLine:
    fields = read_object(value, _LINE, path)
    return SoldLine(
        sku=fields.get("sku", ""),
        name=fields.get("name", ""),
        quantity=fields.get("quantity", 0),
        price=fields.get("price"),
        total=fields.get("total"),
    )


def _items(values: Any, path: FieldPath) -> list[Any]:
    if values is None or values == {}:
        raise ValueError("is required")
    return list_of(_line, essential=True)(values, path)


_VOID = {
    **id_field("saleId"),
    "receiptNumber": Field("number", text),
    "total": Field("total", amount_with_cents),
    "paymentMethod": Field("method", code),
    "currency": Field("currency", lambda value: plain_text(value).strip().upper()),
    "voidedAt": Field("happened_at", moment),
}
_SALE = {
    **{name: field for name, field in _VOID.items() if name != "voidedAt"},
    "total": Field("total", essential_amount, essential=True),
    "discountAmount": Field("discount", amount_with_cents),
    "vatAmount": Field("vat", amount_with_cents),
    "customerType": Field("customer_type", code),
    "createdAt": Field("happened_at", moment),
    "items": Field("lines", _items, essential=True, nested=True),
}
_CUSTOMER = {"customerName": Field("name", text)}
NAMED_FIELDS = frozenset((*_SALE, *_VOID, *_CUSTOMER, "timestamp"))
"""What Kaynko calls the fields of a sale and of a void."""


def read_sale(message: Message, store: Store, received_at: datetime, cause: str) -> Report:
    """The report that a sale was completed. Raises Invalid."""
    customer = read_object(message.data, _CUSTOMER, FieldPath(message.report)).get("name", "")
    fields, void = _read(message, store, received_at, _SALE)
    content = Sale(
        **void,
        discount=fields.get("discount", ZERO),
        vat=fields.get("vat", ZERO),
        customer_type=fields.get("customer_type", ""),
        lines=fields["lines"],
    )
    return _report(store, fields["id"], "completed", content, received_at, cause, personal={"customer": customer})


def read_void(message: Message, store: Store, received_at: datetime, cause: str) -> Report:
    """The report that a sale was voided. Who voided it, and why, is not kept. Raises Invalid."""
    fields, content = _read(message, store, received_at, _VOID)
    return _report(store, fields["id"], "voided", content, received_at, cause, personal={})


def _read(message: Message, store: Store, received_at: datetime, table: Table) -> tuple[Document, Void]:
    """The fields of a sale or a void, and what both have. Raises Invalid."""
    path = FieldPath(message.report)
    fields = read_object(message.data, table, path)
    _check_currency(fields, store, path, essential=table is _SALE)
    sent_at = message.sent_at(received_at)
    happened_at = _checked_time(fields, table, received_at, path)
    message.report.check("The sale is not valid.")
    return fields, Void(
        number=fields.get("number", ""),
        total=fields.get("total", ZERO),
        method=fields.get("method", ""),
        currency=fields["currency"],
        happened_at=happened_at,
        sent_at=sent_at,
        warnings=[each.stored() for each in message.report.warnings],
    )


def _report(
    store: Store, sale: int | str, name: str, content: Void, received_at: datetime, cause: str, *, personal: Document
) -> Report:
    put = partial(sale_state.put_together, store, sale, NAMED_FIELDS)
    at = content["sent_at"] or content["happened_at"]
    return Report(store.id, f"sale:{sale}", name, content, at, received_at, cause, put, personal=personal)


def _checked_time(fields: Document, table: Table, received_at: datetime, path: FieldPath) -> datetime | None:
    try:
        return possible_time(fields.get("happened_at"), received_at)
    except ValueError as error:
        name = next(name for name, field in table.items() if field.name == "happened_at")
        path.left_out(name, str(error))
        return None


def _check_currency(fields: Document, store: Store, path: FieldPath, *, essential: bool) -> None:
    """Set the store's currency where none was sent. For a sale one that does not exist, and none at all, is a problem:
    nobody can say what was paid. A void takes its sale's, so there it is left blank."""
    currency = fields.get("currency") or store.currency
    fields["currency"] = currency
    if currency and (currency in CURRENCIES or currency == store.currency):
        return
    if not essential:
        fields["currency"] = ""
    elif currency:
        path.problem("currency", "is no currency of ISO 4217, nor the one that is set for the store")
    else:
        path.problem("currency", f"is required, as the store has none: pos-api store set {store.id} --currency CODE")
