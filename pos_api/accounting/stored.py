"""How bookings and entries are stored, and read back. Pure: no database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NotRequired, TypedDict

from pos_api.accounting.entries import Entry, Line, Source, totals
from pos_api.accounting.model import OWED, Booking, Purpose
from pos_api.common.money import decimal, decimal128
from pos_api.database.client import Document


class StoredSource(TypedDict):
    """An order (`order:…`), payment of no order (`payment:…`) or cash session (`session:…`), and its bookings.
    * `store`, whose books they are in; `reference`, how people call it;
    * `days`, all days that it has bookings of;
    * `booked` has these with their currencies (`2026-11-22:SEK`), and `open` those of them that it was not entered for;
    * `known_on`, by event, the day on which that became known, where nobody says when it happened;
    * `groups`, by product, the product group that it was booked with first;
    * `payments`, the payments that are part of it;
    * `changed_on`, the store's day on which its bookings last changed, and `changed` (true) while entries of closed
      days may not have that;
    * `version`, raised with each change of its bookings;
    * `refused`, why it can't be booked: then its bookings are what they were before.
    """

    _id: str
    store: str
    reference: str
    bookings: list[Document]
    days: list[str]
    booked: list[str]
    open: list[str]
    known_on: dict[str, str]
    groups: dict[str, str]
    payments: list[str]
    changed_on: str
    version: int
    changed: NotRequired[bool]
    refused: NotRequired[str]


_PURPOSE = Purpose.__slots__


def purpose_document(purpose: Purpose) -> Document:
    """A purpose as it is stored: what is blank is left out."""
    return {name: value for name in _PURPOSE if (value := getattr(purpose, name))}


def purpose_of(document: Document) -> Purpose:
    """The purpose in a stored document."""
    return Purpose(**{name: document[name] for name in _PURPOSE if name in document})


def booking_document(booking: Booking) -> Document:
    """A dated booking as it is stored."""
    return {
        "day": booking.day,
        **purpose_document(booking.purpose),
        "amount": decimal128(booking.amount),
        "currency": booking.currency,
        "event": booking.event,
    }


def source_of(stored: StoredSource) -> Source:
    """A stored source, to be entered."""
    bookings = tuple(
        Booking(each["day"], purpose_of(each), decimal(each["amount"]), each["currency"], each["event"])
        for each in stored["bookings"]
    )
    return Source(stored["_id"], stored["reference"], bookings, stored["changed_on"])


def line_documents(entry: Entry, number: int, token: int) -> list[Document]:
    """What an entry has of each source: a document for each. `token` is that of the lease under which they are written:
    lines of another attempt to make the entry are no part of it."""
    by_source: dict[str, list[Line]] = {}
    for line in entry.lines:
        by_source.setdefault(line.source, []).append(line)
    return [
        {
            "_id": f"{number}|{token}|{source}",
            "entry": entry.id,
            "number": number,
            "token": token,
            "source": source,
            "store": entry.store,
            "currency": entry.currency,
            "date": entry.date,
            "reference": lines[0].reference,
            "lines": [
                {
                    "of_day": line.of_day,
                    **purpose_document(line.purpose),
                    "account": line.account,
                    "amount": decimal128(line.amount),
                }
                for line in lines
            ],
        }
        for source, lines in sorted(by_source.items())
    ]


def lines_of(document: Document) -> list[Line]:
    """What an entry has of a source."""
    return [
        Line(
            document["source"],
            document["reference"],
            each["of_day"],
            purpose_of(each),
            each["account"],
            decimal(each["amount"]),
            document["entry"],
        )
        for each in document["lines"]
    ]


def entry_document(entry: Entry, token: int, content: str, made: Document) -> Document:
    """An entry as it is stored, before it has its number: `content` is the hash of all that it has of its sources,
    `made` says when and by whom."""
    return {
        "_id": entry.id,
        "store": entry.store,
        "currency": entry.currency,
        "date": entry.date,
        "reference": entry.reference,
        "description": entry.description,
        "corrects": entry.corrects,
        "lines": [
            {
                "account": each.account,
                "description": each.description,
                "amount": decimal128(each.amount),
                "orders": each.orders,
            }
            for each in totals(entry.lines)
        ],
        "sources": len({line.source for line in entry.lines}),
        "token": token,
        "content": content,
        **made,
    }


def hashed_content(documents: Iterable[Document]) -> list[Document]:
    """Of an entry's line documents, in order, what the entry's hash is over."""
    ordered: Sequence[Document] = sorted(documents, key=lambda each: str(each["source"]))
    return [{"source": each["source"], "reference": each["reference"], "lines": each["lines"]} for each in ordered]


def dated(bookings: Iterable[Booking], known_on: dict[str, str], today: str) -> tuple[list[Booking], dict[str, str]]:
    """The bookings, those that nobody dates on the day on which they became known: `known_on` by their event, else
    today. And these days, of the events that there are."""
    found: list[Booking] = []
    known: dict[str, str] = {}
    for each in bookings:
        if each.day is None:
            known[each.event] = known_on.get(each.event, today)
        found.append(each if each.day is not None else replace(each, day=known[each.event]))
    return found, known


def as_entered(bookings: Sequence[Booking], before: Iterable[Booking], closed: Collection[str]) -> list[Booking]:
    """The bookings with a sale that was entered as it was `before`: on its day, and owed on its account. So what is
    paid later is booked on its own day, and is no correction of the sale's. `closed` are the days of the source that
    were entered, with their currencies (`2026-11-22:SEK`)."""
    sale = [each for each in before if each.event == "sale" and f"{each.day}:{each.currency}" in closed]
    owed = next((each for each in sale if each.purpose in OWED), None)
    if owed is None or not any(each.event == "sale" for each in bookings):
        return list(bookings)
    return [_as_owed(each, owed) if each.currency == owed.currency else each for each in bookings]


def _as_owed(booking: Booking, owed: Booking) -> Booking:
    day = owed.day if booking.event == "sale" else booking.day
    return replace(booking, day=day, purpose=owed.purpose if booking.purpose in OWED else booking.purpose)
