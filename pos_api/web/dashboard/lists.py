"""What lists have in common: what their address asks for, read as the API reads it, and the links to their next page
and to their file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for
from marshmallow import EXCLUDE, Schema, ValidationError

from pos_api.database.client import Document
from pos_api.errors import Invalid, PosError
from pos_api.web.services import services


def asked(schema: type[Schema]) -> Document:
    """What the address asks for, by a query of the API: fields that are blank are left out, those that it does not have
    are ignored. Raises Invalid with messages by field."""
    return read(schema, request.args)


def read(schema: type[Schema], form: Mapping[str, str]) -> Document:
    """What a form asks for, in the same way. Raises Invalid with messages by field."""
    given = {name: value for name, value in form.items() if value.strip()}
    try:
        return dict(schema(unknown=EXCLUDE).load(given))
    except ValidationError as error:
        raise Invalid("The request is not valid.", details=error.messages) from None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a list: its rows, the address of the next page (None on the last), and the messages of what was not
    valid of what was asked for, by field."""

    rows: list[Document] = field(default_factory=list)
    more: str | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The status that a page with this list has."""
        return 422 if self.errors else 200


def shown(schema: type[Schema], page_of: Callable[[Document], tuple[list[Document], Document]]) -> Found:
    """The page of a list that the address asks for; what is not valid of it has its messages beside the fields.
    `page_of` is given what is asked for; see `pages.page`. Raises BadRequest for a cursor of another list."""
    try:
        rows, info = page_of(asked(schema))
    except Invalid as error:
        return Found(errors=messages_of(error))
    return Found(rows, next_page(info))


def message_of(error: PosError) -> str:
    """What is wrong, in a line: the messages of the fields where there are some."""
    of_fields = [f"{name}: {each}" for name, some in messages_of(error).items() for each in some]
    return " ".join(of_fields) or error.message


def messages_of(error: PosError) -> dict[str, list[str]]:
    """The messages of an error by the name of the field."""
    details = error.details if isinstance(error.details, dict) else {}
    return {str(name): each if isinstance(each, list) else [str(each)] for name, each in details.items()}


def next_page(info: Document) -> str | None:
    """The address of the page after this one; None on the last one."""
    return this_list(cursor=info["next"]) if info["next"] else None


def this_list(endpoint: str | None = None, **changed: Any) -> str:
    """The address of this list, or of another one of the same filters, with these changed (None: left out); without the
    page. The filters are whatever somebody wrote into the address: they are no arguments of `url_for`."""
    kept = {name: value for name, value in request.args.items() if value and name != "cursor"}
    filters = {name: value for name, value in {**kept, **changed}.items() if value is not None}
    path = url_for(endpoint or request.endpoint or "", **(request.view_args or {}))
    return f"{path}?{urlencode(filters)}" if filters else path


def store_names() -> dict[str, str]:
    """The names of all stores by their ids, in their order."""
    return {each.id: each.name for each in services().stores.all()}


def order_url(order: str) -> str:
    """The page of an order, by its `store:id`."""
    return url_for("dashboard.orders.order", order=order)
