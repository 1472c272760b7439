"""What is shown of a customer, by the API and in the export of a person's data. A field that is not named here is shown
nowhere. Pure: no database."""

from __future__ import annotations

from pos_api.common.presentation import fields, shown
from pos_api.database.client import Document

_ADDRESS = fields(
    *("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country"),
    *("phone", "email"),
)
_CUSTOMER = fields(
    *("id", "email", "first_name", "last_name", "company", "phone", "username"),
    *("shop_ids", "first_order_at", "last_order_at"),
    billing=_ADDRESS,
    shipping=_ADDRESS,
)


def customer(record: Document) -> Document:
    """A stored customer."""
    return shown({"id": record["_id"], **record}, _CUSTOMER)


def for_the_person(record: Document) -> Document:
    """A stored customer as the person is given it: also which of the shops' accounts it is, and where it comes from."""
    about = shown(record, {**_CUSTOMER, "home": None})
    return {"accounts": sorted(record.get("accounts", ())), **about}
