"""Fields that would take too much room in a stored order.

A body of 2 MiB can become several times as much in MongoDB: each member of a list costs some bytes there, however short
it is (`[1,1,1,…]` grows to more than six times its size). A document has at most 16 MiB, and an order collects the
fields of many events. So each field has a limit by itself; all of them together are below the 16 MiB.
"""

from __future__ import annotations

import bson

from pos_api.database.client import Document
from pos_api.senders.fields import FieldPath, Table

_SMALL_BODY = 65_536
"""What a body of so many bytes becomes is below the limits for sure."""
_MIB = 1_048_576
FIELD_LIMIT = 1 * _MIB
LINES_LIMIT = 3 * _MIB
"""So many bytes a field has at most in the database: one that can be left out, and one that can't (an order's lines and
refunds)."""


def leave_out_large(fields: Document, table: Table, path: FieldPath, body_size: int) -> Document:
    """The fields that `table` has read from a body of `body_size` bytes, without those that would take too much room;
    one that is essential makes the object unusable."""
    if body_size <= _SMALL_BODY:
        return fields
    kept = dict(fields)
    for name, known in table.items():
        if known.name not in fields:
            continue
        limit = LINES_LIMIT if known.essential else FIELD_LIMIT
        size = len(bson.encode({known.name: fields[known.name]}))
        if size > limit:
            del kept[known.name]
            note = path.problem if known.essential else path.left_out
            note(name, f"takes {size:,} bytes in the database; at most {limit:,} are kept")
    return kept
