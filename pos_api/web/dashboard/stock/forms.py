"""What is typed into the forms about stock, read and checked as the API checks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from marshmallow import Schema, ValidationError

from pos_api.common.quantity import quantity
from pos_api.database.client import Document
from pos_api.errors import Invalid, PosError
from pos_api.web.dashboard.languages import _

_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", ",": ".", " ": None, "\N{NO-BREAK SPACE}": None})


def units(text: str) -> Any:
    """A number of units as people type it: `+3`, `-1,5`, `1 000`. Raises ValueError."""
    return quantity(text.translate(_MINUS).removeprefix("+"))


def amount(text: str) -> str:
    """A price as people type it, with a decimal comma or point, as the schemas take it."""
    return text.translate(_MINUS)


_READ: Mapping[str, Callable[[str], Any]] = {
    "count": units,
    "change": units,
    "stock": units,
    "low_stock_threshold": units,
    "price": amount,
}


def read(schema: Schema, form: Mapping[str, str], *, blank: Mapping[str, Any] | None = None) -> Document:
    """What the form says of the schema's fields. A blank field is left out, or has the value that `blank` names for it.
    Raises Invalid, whose details are the messages by field."""
    said: Document = dict(blank or {})
    errors: Document = {}
    for name in schema.fields:
        text = form.get(name, "").strip()
        if text and name in form:
            try:
                said[name] = _READ[name](text) if name in _READ else text
            except ValueError:
                errors[name] = [_("This is not a number.")]
    try:
        loaded: Document = schema.load(said)
    except ValidationError as error:
        errors = {**cast(Document, error.messages), **errors}
    if errors:
        raise Invalid(_("Please correct what is marked."), details=errors)
    return loaded


def errors_of(error: PosError) -> dict[str, list[str]]:
    """The messages of an error by field; without one, those of the whole form are under `form`."""
    if isinstance(error.details, Mapping) and isinstance(error, Invalid):
        found = {name: list(texts) for name, texts in error.details.items() if isinstance(texts, list | tuple)}
        if found:
            return found
    return {"form": [error.message]}
