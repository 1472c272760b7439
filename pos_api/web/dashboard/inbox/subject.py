"""What an entry is about, as a link to its page where the POS has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for

from pos_api.database.client import Db
from pos_api.errors import NotFound
from pos_api.inbox.model import StoredEntry
from pos_api.orders import queries as orders
from pos_api.payments import queries as payments
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.lists import order_url


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry is about; `url` is None where the POS does not have it, or there is no page of it."""

    text: str
    url: str | None


_PAGES: Mapping[str, tuple[Callable[[str], str], Callable[[Db, str], Any]]] = {
    "order": (order_url, orders.get),
    "payment": (lambda key: url_for("dashboard.payments.payment", payment=key), payments.get),
}
"""Of a noun the address of the page of one thing, by its `store:id`, and what reads the thing, or raises NotFound."""


def subject_of(db: Db, entry: StoredEntry) -> Subject:
    """The thing that an entry is about."""
    identifier = entry["resource_id"]
    if not identifier:
        return Subject("", None)
    key = f"{entry['store']}:{identifier}"
    text = f"{_noun(entry['noun'])} {identifier}".strip()
    if entry["noun"] not in _PAGES:
        return Subject(text, None)
    address, get = _PAGES[entry["noun"]]
    try:
        get(db, key)
    except NotFound:
        return Subject(text, None)
    return Subject(text, address(key))


def _noun(noun: str) -> str:
    return {
        "order": _("Order"),
        "product": _("Product"),
        "customer": _("Customer"),
        "payment": _("Payment"),
        "cash": _("Cash"),
        "subscription": _("Customer's subscription"),
    }.get(noun, "")
