"""Days are closed: each amount is entered once, on the right day, and what changes later is corrected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128
from hypothesis import given, settings
from hypothesis import strategies as st

from pos_api.accounting import chain
from pos_api.accounting.accounts import DEFAULT, Accounts, Row
from pos_api.accounting.bookings import bookings_of
from pos_api.accounting.entries import Day, Entry, Line, Mode, Source, entries_of_day, entry_id, totals
from pos_api.accounting.model import Booking, Purpose
from tests.accounting.histories import PAID_AT_STRIPE, shop_order, short
from tests.accounting.test_bookings import payment, row

REVENUE, CASH = Purpose("revenue", "25"), Purpose("payment", method="cash")


def sale(amount: str, day: str, event: str = "sale") -> tuple[Booking, Booking]:
    exact = Decimal(amount)
    return Booking(day, CASH, exact, "SEK", event), Booking(day, REVENUE, -exact, "SEK", event)


@dataclass
class Books:
    """Entries that were made, and what they have of each source."""

    mode: Mode = "day"
    accounts: Accounts = DEFAULT
    entries: list[Entry] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)

    def close(self, date: str, *sources: Source) -> list[Entry]:
        held: dict[str, list[Line]] = {}
        for entry in self.entries:
            for line in entry.lines:
                held.setdefault(line.source, []).append(replace(line, entry=entry.id))
        day = Day("default", "SEK", date, self.mode, self.closed, {each.id for each in self.entries})
        made = entries_of_day(day, sources, held, self.accounts)
        self.entries.extend(made)
        of_day = entry_id("default", "SEK", date)
        self.closed[date] = of_day if of_day in {each.id for each in self.entries} else ""
        return made

    def sums(self) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for entry in self.entries:
            for line in entry.lines:
                found[short(line.purpose)] = found.get(short(line.purpose), Decimal(0)) + line.amount
        return {name: amount for name, amount in found.items() if amount}


def source(*bookings: Sequence[Booking], id: str = "default:1", changed_on: str = "2026-11-01") -> Source:
    return Source(id, "SHOP-1", tuple(each for some in bookings for each in some), changed_on)


def shown(entry: Entry) -> list[tuple[str, str]]:
    return [(each.account, f"{each.amount:f}") for each in totals(entry.lines)]


def test_a_day_has_one_entry_of_all_its_orders() -> None:
    books = Books()
    one, two = source(sale("10.00", "2026-11-01")), source(sale("5.00", "2026-11-01"), id="default:2")
    [entry] = books.close("2026-11-01", one, two)
    assert (entry.id, entry.reference) == ("day:default:SEK:2026-11-01", "Z-default-2026-11-01")
    assert shown(entry) == [("1900", "15.00"), ("3001", "-15.00")]
    assert [each.orders for each in totals(entry.lines)] == [2, 2]
    assert books.close("2026-11-02", one, two) == [], "what is entered is not entered again"


def test_each_sale_has_an_entry_where_that_is_set() -> None:
    books = Books("sale")
    one, two = source(sale("10.00", "2026-11-01")), source(sale("5.00", "2026-11-01"), id="default:2")
    entries = books.close("2026-11-01", one, two)
    assert [each.id for each in entries] == [
        "sale:default:SEK:2026-11-01:default:1",
        "sale:default:SEK:2026-11-01:default:2",
    ]
    assert {each.reference for each in entries} == {"SHOP-1"}


def test_what_changes_a_closed_day_is_corrected_on_the_day_it_became_known() -> None:
    books = Books()
    [first] = books.close("2026-11-01", source(sale("10.00", "2026-11-01")))
    changed = source(sale("8.00", "2026-11-01"), changed_on="2026-11-03")
    assert books.close("2026-11-02", changed) == [], "it became known later"
    [correction] = books.close("2026-11-03", changed)
    assert (correction.date, correction.corrects) == ("2026-11-03", first.id)
    assert shown(correction) == [("1900", "-2.00"), ("3001", "2.00")]
    assert {line.of_day for line in correction.lines} == {"2026-11-01"}


def test_an_order_that_comes_late_corrects_the_day_that_was_closed_without_it() -> None:
    books = Books()
    books.close("2026-11-01", source(sale("10.00", "2026-11-01")))
    late = source(sale("7.00", "2026-11-01"), id="default:2", changed_on="2026-11-02")
    [correction] = books.close("2026-11-02", late)
    assert correction.corrects == "day:default:SEK:2026-11-01"


def test_an_order_that_comes_late_corrects_no_entry_where_each_sale_has_its_own() -> None:
    books = Books("sale")
    books.close("2026-11-01", source(sale("10.00", "2026-11-01")))
    [correction] = books.close("2026-11-02", source(sale("7.00", "2026-11-01"), id="default:2"))
    assert (correction.id, correction.corrects) == ("correction:default:SEK:2026-11-02:2026-11-01:default:2", "")


def test_what_is_of_a_day_that_was_never_closed_waits_for_it() -> None:
    books = Books()
    imported = source(sale("10.00", "2020-01-01"))
    assert books.close("2026-11-02", imported) == []
    [entry] = books.close("2020-01-01", imported)
    assert entry.date == "2020-01-01"


def test_what_is_of_a_later_day_waits_for_it() -> None:
    books = Books()
    of_both = source(sale("10.00", "2026-11-01"), sale("-4.00", "2026-11-02", "refund:1"))
    assert shown(books.close("2026-11-01", of_both)[0]) == [("1900", "10.00"), ("3001", "-10.00")]
    assert shown(books.close("2026-11-02", of_both)[0]) == [("1900", "-4.00"), ("3001", "4.00")]


def test_a_correction_is_booked_to_the_account_of_what_it_corrects() -> None:
    books = Books()
    books.close("2026-11-01", source(sale("10.00", "2026-11-01")))
    books.accounts = Accounts((*DEFAULT.rows, Row("revenue", "3999", rate="25", since="2026-01-01")), {})
    gone, new = source(changed_on="2026-11-02"), source(sale("3.00", "2026-11-02"), id="default:2")
    of_day, correction = sorted(books.close("2026-11-02", gone, new), key=lambda each: each.corrects)
    assert shown(of_day) == [("1900", "3.00"), ("3999", "-3.00")]
    assert shown(correction) == [("1900", "-10.00"), ("3001", "10.00")]


def test_an_entry_never_takes_the_id_of_another() -> None:
    """A crash may come between a day's entry and the note that the day is closed; then it is closed again."""
    books = Books()
    books.close("2026-11-01", source(sale("10.00", "2026-11-01")))
    books.closed.clear()
    [again] = books.close("2026-11-01", source(sale("12.00", "2026-11-01")))
    assert again.id == "day:default:SEK:2026-11-01:2"
    assert shown(again) == [("1900", "2.00"), ("3001", "-2.00")]


# --- any history ------------------------------------------------------------------------------------------------

DAYS = [f"2026-11-{day:02}" for day in range(20, 30)]


@st.composite
def states(draw: st.DrawFn) -> tuple[dict[str, Any], list[Any]]:
    """An order as it may become, with its payments."""
    refunds = draw(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["10.00", "25.00", "125.00"])), max_size=2))
    total = draw(st.sampled_from(["125.00", "250.00"]))
    net = str(Decimal(total) * 4 / 5)
    tax = str(Decimal(total) / 5)
    sent = row(
        total=total,
        total_tax=tax,
        line_items=[{"id": 1, "sku": "A", "quantity": 1, "total": net, "total_tax": tax}],
        tax_lines=[{"rate_id": 1, "rate_percent": 25, "tax_total": tax, "shipping_tax_total": "0"}],
        status=draw(st.sampled_from(["pending", "processing", "completed", "cancelled", "on-hold", "trash"])),
        date_paid_gmt=draw(st.sampled_from([None, "2026-11-20T11:00:00", "2026-11-23T11:00:00"])),
        payment_method=draw(st.sampled_from(["cod", "stripe"])),
        refunds=[
            {"id": 7 + n, "amount": amount, "date_created_gmt": f"{DAYS[day]}T11:00:00", "line_items": []}
            for n, (day, amount) in enumerate(refunds)
        ],
    )
    paid = draw(st.lists(st.tuples(st.integers(20, 28), st.sampled_from(["0", "60.00", "125.00"])), max_size=2))
    payments = [payment("125.00", day, name=f"p{n}", refunded=Decimal128(back)) for n, (day, back) in enumerate(paid)]
    return sent, payments


def bookings(state: tuple[dict[str, Any], list[Any]], today: str) -> tuple[Booking, ...]:
    """What a state means; what has no day became known today."""
    sent, payments = state
    found = bookings_of(shop_order(sent), payments, PAID_AT_STRIPE)
    return tuple(replace(each, day=each.day or today) for each in found)


def added_up(found: Iterable[Booking]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for each in found:
        sums[short(each.purpose)] = sums.get(short(each.purpose), Decimal(0)) + each.amount
    return {name: amount for name, amount in sums.items() if amount}


@pytest.mark.parametrize("mode", ["day", "sale"])
@settings(max_examples=25, deadline=None)
@given(history=st.lists(st.tuples(states(), st.booleans()), min_size=1, max_size=len(DAYS)))
def test_the_sum_of_all_entries_is_what_orders_and_payments_say_at_the_end(
    mode: Mode, history: list[tuple[tuple[dict[str, Any], list[Any]], bool]]
) -> None:
    books = Books(mode)
    for today, (state, closes) in zip(DAYS, history, strict=False):
        last = Source("default:1", "SHOP-1", bookings(state, today), today)
        if closes:
            before = list(books.entries)
            books.close(today, last)
            assert books.entries[: len(before)] == before
    end = replace(last, changed_on=DAYS[0])
    for day in [*DAYS, "2026-11-30"]:
        if day not in books.closed:
            books.close(day, end)
    books.close("2026-12-01", end)
    assert books.sums() == added_up(end.bookings)
    for entry in books.entries:
        assert not sum(line.amount for line in entry.lines)
        assert sum((each.amount for each in totals(entry.lines)), Decimal(0)) == 0


# --- the chain --------------------------------------------------------------------------------------------------


def chained(count: int = 3) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        previous = entries[-1]["hash"] if entries else chain.START
        content = {"_id": f"e{number}", "date": "2026-11-01", "amount": Decimal128("1.10"), "at": "é"}
        entries.append(chain.sealed(content, number, previous))
    return entries


def test_a_chain_that_nobody_touched_has_no_problem() -> None:
    assert list(chain.problems(chained())) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda entries: entries[1].update(amount=Decimal128("1.1")), "Entry 2 (e2) was changed"),
        (lambda entries: entries.pop(1), "Between entry 1 and entry 3 some are missing"),
        (lambda entries: entries[2].update(previous=chain.START), "Entry 3 (e3) does not follow"),
        (lambda entries: entries.pop(0), "Between entry 0 and entry 2 some are missing"),
        (lambda entries: entries[0].update(hash="f" * 64), "Entry 1 (e1) was changed"),
    ],
)
def test_a_change_of_an_entry_shows(change: Any, problem: str) -> None:
    entries = chained()
    change(entries)
    assert any(each.startswith(problem) for each in chain.problems(entries))


def test_the_entry_of_an_order_says_whether_it_was_sold_refunded_or_paid() -> None:
    books = Books("sale")
    payment = (
        Booking("2026-11-03", CASH, Decimal("4.00"), "SEK", "payment:p"),
        Booking("2026-11-03", Purpose("receivable"), Decimal("-4.00"), "SEK", "payment:p"),
    )
    order = source(sale("10.00", "2026-11-01"), sale("-6.00", "2026-11-02", "refund:7"), payment)
    made = [entry.description for day in ("01", "02", "03") for entry in books.close(f"2026-11-{day}", order)]
    assert made == ["Sale SHOP-1 2026-11-01", "Refund SHOP-1 2026-11-02", "Payment SHOP-1 2026-11-03"]


def test_cash_that_was_counted_is_a_line_of_its_own_and_no_order() -> None:
    books = Books()
    counted = (
        Booking("2026-11-01", CASH, Decimal("-5.00"), "SEK", "counted"),
        Booking("2026-11-01", Purpose("cash_difference"), Decimal("5.00"), "SEK", "counted"),
    )
    [entry] = books.close("2026-11-01", source(sale("10.00", "2026-11-01")), source(counted, id="session:till:1"))
    assert [(each.account, each.description, f"{each.amount:f}", each.orders) for each in totals(entry.lines)] == [
        ("1900", "Cash counted", "-5.00", 0),
        ("1900", "Paid cash", "10.00", 1),
        ("3001", "Sales 25 %", "-10.00", 1),
        ("7990", "Cash difference", "5.00", 0),
    ]
