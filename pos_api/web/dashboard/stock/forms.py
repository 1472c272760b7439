"""What is typed into the forms about stock, read and checked as the API checks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from marshmallow import Schema, ValidationError

from pos_api.common.quantity import quantity
from pos_api.database.client import Document
from pos_api.errors import Invalid, PosError
from pos_api.web.dashboard.languages import _

_SEEN = "seen-"
_IN_TWO_WAYS = re.compile(r",\d{3}(?!\d)")
_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", ",": ".", " ": None, "\N{NO-BREAK SPACE}": None})


class InTwoWays(ValueError):
    """A number such as `1,000`, which people read as a thousand or as one."""


def units(text: str) -> Any:
    """A number of units as people type it: `+3`, `-1,5`, `1 000`. Raises ValueError."""
    return quantity(_plain(text).removeprefix("+"))


def amount(text: str) -> str:
    """A price as people type it, with a decimal comma or point, as the schemas take it. Raises InTwoWays."""
    return _plain(text)


def _plain(text: str) -> str:
    if _IN_TWO_WAYS.search(text):
        raise InTwoWays
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
            except InTwoWays:
                errors[name] = [_("This can be read in two ways. Write 1000, or 1.5 for one and a half.")]
            except ValueError:
                errors[name] = [_("This is not a number.")]
    try:
        loaded: Document = schema.load(said)
    except ValidationError as error:
        errors = {**cast(Document, error.messages), **errors}
    if errors:
        raise Invalid(_("Please correct what is marked."), details=errors)
    return loaded


def seen(form: Mapping[str, str]) -> dict[str, str]:
    """What the form showed at first, which it carries in hidden fields (`seen-name`), by field."""
    return {name.removeprefix(_SEEN): text for name, text in form.items() if name.startswith(_SEEN)}


def retyped(form: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Of these fields those that do not have what the form showed at first."""
    shown = seen(form)
    return [name for name in names if name not in shown or form.get(name, "").strip() != shown[name].strip()]


def errors_of(error: PosError) -> dict[str, list[str]]:
    """The messages of an error by field; without one, those of the whole form are under `form`."""
    if isinstance(error.details, Mapping) and isinstance(error, Invalid):
        found = {name: list(texts) for name, texts in error.details.items() if isinstance(texts, list | tuple)}
        if found:
            return found
    return {"form": [error.message]}
