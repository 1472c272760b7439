"""What is shown of an entry of the audit. A field that is not named here is shown nowhere. Pure: no database."""

from __future__ import annotations

from pos_api.common.presentation import fields, shown
from pos_api.database.client import Document

_ENTRY = fields(
    *("id", "time", "action", "target", "details", "outcome"), who=fields("kind", "name", "store", "address", "sudo")
)


def audit_entry(entry: Document) -> Document:
    """A stored entry."""
    return shown({"id": entry["_id"], **entry}, _ENTRY)
