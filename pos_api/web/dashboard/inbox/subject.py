"""What an entry is about, as a link to its page where the POS has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flask import url_for

from pos_api.database.client import Db
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


_PAGES: Mapping[str, tuple[Callable[[str], str], Callable[[Db, Iterable[str]], set[str]]]] = {
    "order": (order_url, orders.known),
    "payment": (lambda key: url_for("dashboard.payments.payment", payment=key), payments.known),
}
"""Of a noun the address of the page of one thing, by its `store:id`, and which of some there are."""


def subjects_of(db: Db, entries: Sequence[StoredEntry]) -> list[Subject]:
    """The things that entries are about, with one query for each noun that has pages."""
    known = {
        noun: known_of(db, {_key(each) for each in entries if each["noun"] == noun and each["resource_id"]})
        for noun, (_address, known_of) in _PAGES.items()
    }
    return [_subject(each, _key(each) in known.get(each["noun"], ())) for each in entries]


def _subject(entry: StoredEntry, is_known: bool) -> Subject:
    if not entry["resource_id"]:
        return Subject("", None)
    text = f"{_noun(entry['noun'])} {entry['resource_id']}".strip()
    return Subject(text, _PAGES[entry["noun"]][0](_key(entry)) if is_known else None)


def _key(entry: StoredEntry) -> str:
    return f"{entry['store']}:{entry['resource_id']}"


def _noun(noun: str) -> str:
    return {
        "order": _("Order"),
        "product": _("Product"),
        "customer": _("Customer"),
        "payment": _("Payment"),
        "cash": _("Cash"),
        "subscription": _("Customer's subscription"),
    }.get(noun, "")
