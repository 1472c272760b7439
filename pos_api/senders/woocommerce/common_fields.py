"""Fields that orders, products and customers have alike."""

from __future__ import annotations

from datetime import datetime

from pos_api.database.client import Document
from pos_api.senders.fields import Field, FieldPath, read_fields, same_names
from pos_api.senders.values import email_address, moment, person_or_place, text, whole_number
from pos_api.senders.woocommerce.times import CLOCK_LEEWAY, not_after

ADDRESS = {
    **same_names(person_or_place, "first_name", "last_name", "company", "address_1", "address_2", "city", "state"),
    **same_names(text, "postcode", "country", "phone"),
    **same_names(email_address, "email"),
}
_IDENTITY = {
    "id": Field("id", whole_number, essential=True),
    "date_modified_gmt": Field("modified_at", moment),
}


def identity(data: Document, path: FieldPath, received_at: datetime) -> Document:
    """An object's `id`, and `modified_at` where it has one that can be true: a version is not newer than its arrival.
    Without an id from 1 on it can't be used."""
    fields = read_fields(data, _IDENTITY, path)
    if not fields.get("id") and "id" not in path.report.problems:
        path.problem("id", "is required, a whole number from 1")
    return fields | {"modified_at": not_after(fields.get("modified_at"), received_at + CLOCK_LEEWAY)}
