"""What is shown of a customer, by the API and in the export of a person's data. A field that is not named here is shown
nowhere. Pure: no database."""

from __future__ import annotations

from pos_api.common.presentation import fields, shown
from pos_api.customers.model import CustomerDocument
from pos_api.database.client import Document

ADDRESS = fields(
    *("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country"),
    *("phone", "email"),
)
_CUSTOMER = fields(
    *("id", "email", "first_name", "last_name", "company", "phone", "username"),
    *("external_ids", "first_order_at", "last_order_at"),
    billing=ADDRESS,
    shipping=ADDRESS,
)

LISTED = dict.fromkeys(_CUSTOMER.keys() - {"id"}, 1)
"""What a query reads of customers that are shown in a list."""
_NAMES = {"external_ids": "shop_ids", "owning_store": "home"}
"""Fields that are shown under another name."""


def customer(record: CustomerDocument) -> Document:
    """A stored customer."""
    return _renamed(shown({"id": record["_id"], **record}, _CUSTOMER))


def for_the_person(record: CustomerDocument) -> Document:
    """A stored customer as the person is given it: also which of the shops' accounts it is, and where it comes from."""
    about = shown(record, {**_CUSTOMER, "owning_store": None})
    return {"accounts": sorted(record.get("accounts", ())), **_renamed(about)}


def _renamed(shown_fields: Document) -> Document:
    return {_NAMES.get(name, name): value for name, value in shown_fields.items()}
