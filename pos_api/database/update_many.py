"""Many documents are updated by one statement, each with values of its own: MongoDB plans it once, where it plans every
update with a condition besides `_id` anew, which takes longer than the update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pos_api.database.client import Document


def value_by_id(values: Mapping[str, Any]) -> Document:
    """An aggregation expression: of these values, by `_id`, that of the document at hand. They are literal."""
    place = {"$indexOfArray": [{"$literal": list(values)}, "$_id"]}
    return {"$arrayElemAt": [{"$literal": list(values.values())}, place]}
