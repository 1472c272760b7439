"""What is entered in the books when a day is closed. Pure: no database.

An entry is never changed. When a day is closed, what orders, payments and cash sessions mean by then, up to that day,
is compared with what entries have of each of them. What is of the day itself goes into the day's entries; what is of a
day that was closed before goes into correction entries of the day that is being closed, each of which names the entry
that it corrects. What is of an earlier day that was never closed waits until somebody closes that day.

So the sum over all entries is what orders and payments say, however often these change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from pos_api.accounting.accounts import Accounts, described
from pos_api.accounting.model import ZERO, Booking, Purpose, Role

Mode: TypeAlias = Literal["day", "sale"]
"""Whether there is an entry for each day, or for each order and day."""


@dataclass(frozen=True, slots=True)
class Source:
    """An order, a payment of no order, or a cash session, with all its dated bookings as they are now. `reference` is
    how people call it (`KARMA-12345`). `changed_on` is the day on which it last changed: what that changed of closed
    days is corrected on that day, not before."""

    id: str
    reference: str
    bookings: tuple[Booking, ...]
    changed_on: str


@dataclass(frozen=True, slots=True)
class Line:
    """What an entry has of a source: an amount that is `of_day`, which may be before the entry's own."""

    source: str
    reference: str
    of_day: str
    purpose: Purpose
    account: str
    amount: Decimal
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry before it has a number: its `date`, the id of the entry that it `corrects` (blank: none), and what it
    has of each source."""

    id: str
    store: str
    currency: str
    date: str
    reference: str
    description: str
    corrects: str
    lines: tuple[Line, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Day:
    """A store's day in one currency that is being closed, and how its entries are made. `closed` are the days that were
    closed before, each with the id of its entry, blank where it has one for each sale; `entries` are the ids of the
    entries that there are of the day already."""

    store: str
    currency: str
    date: str
    mode: Mode
    closed: Mapping[str, str]
    entries: Collection[str] = ()


def entry_id(store: str, currency: str, date: str) -> str:
    """The id of a day's entry."""
    return f"day:{store}:{currency}:{date}"


def entries_of_day(
    day: Day, sources: Iterable[Source], held: Mapping[str, Sequence[Line]], accounts: Accounts
) -> list[Entry]:
    """The entries that close a day: of the day itself, and corrections of days that were closed before.

    `sources` are all that may have something to enter, `held` what entries have of each of them so far. Every entry
    adds up to 0. Raises Refused where an amount has no account.
    """
    made: dict[tuple[str, str, str], list[Line]] = defaultdict(list)
    for source in sources:
        known = held.get(source.id, ())
        of = source.id if day.mode == "sale" else ""
        for of_day, lines in _missing(day, source, known, accounts).items():
            made[of, of_day, _corrected(day, of_day, known)].extend(lines)
    return [_entry(day, of, of_day, corrects, lines) for (of, of_day, corrects), lines in sorted(made.items())]


def _missing(day: Day, source: Source, held: Sequence[Line], accounts: Accounts) -> dict[str, list[Line]]:
    """What entries do not have of a source yet and can be entered on this day, by the day that it is of."""
    wanted: dict[tuple[str, Purpose], Decimal] = defaultdict(Decimal)
    booked_to: dict[tuple[str, Purpose], str] = {}
    for booking in source.bookings:
        if booking.currency == day.currency:
            assert booking.day is not None
            wanted[booking.day, booking.purpose] += booking.amount
    for line in held:
        wanted[line.of_day, line.purpose] -= line.amount
        booked_to[line.of_day, line.purpose] = line.account
    missing: dict[str, list[Line]] = defaultdict(list)
    for (of_day, purpose), amount in sorted(wanted.items()):
        if amount and _is_to_enter(day, source, of_day):
            account = booked_to.get((of_day, purpose)) or accounts.account_of(purpose, of_day)
            missing[of_day].append(Line(source.id, source.reference, of_day, purpose, account, amount))
    return missing


def _is_to_enter(day: Day, source: Source, of_day: str) -> bool:
    if of_day == day.date:
        return True
    return of_day < day.date and of_day in day.closed and source.changed_on <= day.date


def _corrected(day: Day, of_day: str, held: Sequence[Line]) -> str:
    """The entry that is corrected by what is of an earlier day: the first that has something of the source and that
    day, else the day's own; blank where there is none."""
    if of_day == day.date:
        return ""
    return next((line.entry for line in held if line.of_day == of_day), day.closed[of_day])


def _entry(day: Day, of: str, of_day: str, corrects: str, lines: Sequence[Line]) -> Entry:
    reference = lines[0].reference if of else f"Z-{day.store}-{day.date}"
    base = entry_id(day.store, day.currency, day.date)
    if of_day != day.date:
        base = f"correction:{day.store}:{day.currency}:{day.date}:{corrects or of_day}"
    elif of:
        base = f"sale:{day.store}:{day.currency}:{day.date}"
    base = f"{base}:{of}" if of else base
    identifier = next(each for each in _numbered(base) if each not in day.entries)
    what = f"Correction of {of_day}" if of_day != day.date else (_what(lines) if of else "Sales")
    description = f"{what} {reference if of else day.store} {day.date}"
    unbalanced = sum((line.amount for line in lines), ZERO)
    assert not unbalanced, f"{identifier} does not add up to 0: {unbalanced}"
    return Entry(identifier, day.store, day.currency, day.date, reference, description, corrects, tuple(lines))


_SOLD: tuple[Role, ...] = ("revenue", "shipping", "fee", "vat")


def _what(lines: Iterable[Line]) -> str:
    """What an entry of one order, payment or cash session is, in a word."""
    lines = list(lines)
    sold = sum((line.amount for line in lines if line.purpose.role in _SOLD), ZERO)
    if sold:
        return "Sale" if sold < 0 else "Refund"
    return "Cash" if any(line.purpose.role == "cash_difference" for line in lines) else "Payment"


def _numbered(base: str) -> Iterator[str]:
    """An id, and others where it is taken."""
    yield base
    for number in range(2, 1_000_000):
        yield f"{base}:{number}"


_COUNTED = "Cash counted"


@dataclass(frozen=True, slots=True)
class Total:
    """A line of an entry as the bookkeeper has it: what it has on an account for one purpose, debit above zero, and of
    how many orders."""

    account: str
    description: str
    amount: Decimal
    orders: int


def totals(lines: Iterable[Line]) -> list[Total]:
    """The lines of an entry by account and purpose, in the order of their accounts, cash that was counted apart from
    what was paid; what adds up to 0 is left out."""
    amounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    orders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in lines:
        is_counted = line.source.startswith("session:") and line.purpose.role == "payment"
        key = line.account, _COUNTED if is_counted else described(line.purpose)
        amounts[key] += line.amount
        if not line.source.startswith(("session:", "payment:")):
            orders[key].add(line.source)
    return [
        Total(account, description, amount, len(orders[account, description]))
        for (account, description), amount in sorted(amounts.items())
        if amount
    ]
