"""What is shown of a stored document: the fields that a shape names, and nothing else.

So a new field of a document is shown nowhere until somebody adds it to the shape. Pure: no database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Shape: TypeAlias = Mapping[str, "Shape | None"]
"""The names of fields; with None a field is shown whole, with a shape so is the document or each of the list in it."""


def fields(*names: str, **nested: Shape) -> dict[str, Shape | None]:
    """A shape of these fields, shown whole, and of these with shapes of their own."""
    return {**dict.fromkeys(names), **nested}


def shown(document: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """What the shape names of a document, in the document's order."""
    return {name: _value(value, shape[name]) for name, value in document.items() if name in shape}


def _value(value: Any, shape: Shape | None) -> Any:
    if shape is None:
        return value
    if isinstance(value, list):
        return [shown(each, shape) for each in value]
    return shown(value, shape) if isinstance(value, Mapping) else value
