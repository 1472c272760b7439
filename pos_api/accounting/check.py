"""The proof of the books: entries, figures and payments of a period side by side, order by order.

They are dated differently: figures by the day of the order, whatever happened later; entries by the day on which it
happened or became known; and what is not closed yet is in figures only. All that is no difference of the order as a
whole: what it means in the books over all days is what figures have of it, and its payments are what they say. What is
left is unexplained.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import cast

from pos_api.accounting.bookings import is_sale
from pos_api.accounting.entered import entered_lines
from pos_api.accounting.model import Booking, smallest
from pos_api.accounting.refresh import bring_up_to_date
from pos_api.accounting.stored import StoredSource, lines_of, source_of
from pos_api.common.batches import in_batches
from pos_api.common.money import decimal
from pos_api.database.client import Db, Document
from pos_api.figures.measures import AMOUNTS, OF_ORDER, Rollup
from pos_api.orders.model import Order
from pos_api.payments.model import PAID
from pos_api.stores.registry import Stores

MEASURES = ("net_revenue", "shipping", "taxes", "paid")
_OF_ROLES = {
    "revenue": "net_revenue",
    "fee": "net_revenue",
    "rounding": "net_revenue",
    "shipping": "shipping",
    "vat": "taxes",
    "payment": "paid",
}
_ZERO = Decimal("0.00")
_AT_ONCE = 200
_READ = {**OF_ORDER, "deleted_at": 1, "parent": 1, "test_mode": 1}

Amounts = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Row:
    """A source of which entries and figures, or payments, of the period differ: by how much in each measure, how much
    of that is `unexplained`, and why they differ; or one that can't be booked."""

    source: str
    reference: str
    currency: str
    books: Amounts
    others: Amounts
    unexplained: Amounts
    because: str
    is_refused: bool = False

    @property
    def is_explained(self) -> bool:
        """Whether it is booked, and nothing of it is unexplained."""
        return not self.is_refused and not any(self.unexplained.values())


@dataclass(slots=True)
class Proof:
    """The sums of a period by currency, and the sources that differ: `others` is what figures say of revenue, shipping
    and taxes, and payments of what was paid."""

    books: dict[str, Amounts] = field(default_factory=dict)
    others: dict[str, Amounts] = field(default_factory=dict)
    unexplained: dict[str, Amounts] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Add a source."""
        for sums, amounts in ((self.books, row.books), (self.others, row.others), (self.unexplained, row.unexplained)):
            of_currency = sums.setdefault(row.currency, dict.fromkeys(MEASURES, _ZERO))
            for name, amount in amounts.items():
                of_currency[name] += amount
        least = smallest(row.currency)
        if any(abs(row.books[name] - row.others[name]) >= least for name in MEASURES) or not row.is_explained:
            self.rows.append(row)

    @property
    def is_explained(self) -> bool:
        """Whether nothing is unexplained of any source: sums of several may hide that."""
        return all(row.is_explained for row in self.rows)


def check(db: Db, stores: Stores, since: str, until: str, store: str | None = None) -> Proof:
    """The proof of the days from one to another, both included, of a store or of all. Raises Unavailable where the
    books are not up to date yet."""
    bring_up_to_date(db, stores)
    proof = Proof()
    seen: set[str] = set()
    of = [each.id for each in stores.all() if store in (None, each.id)]
    for some in in_batches(_concerned(db, since, until, of), _AT_ONCE):
        new = [source for source in dict.fromkeys(some) if source not in seen]
        seen.update(new)
        for row in _rows(db, stores, new, since, until):
            proof.add(row)
    return proof


def _concerned(db: Db, since: str, until: str, stores: list[str]) -> Iterator[str]:
    """The sources that have something in entries of these days, that figures have on them, that were paid on them, or
    of which it became known on them that they can't be booked."""
    of_stores, between = {"store": {"$in": stores}}, {"$gte": since, "$lte": until}
    entered = {"date": between, **of_stores}
    for line in db.accounting_lines.find(entered, {"source": 1}):  # one too many does no harm
        yield line["source"]
    start, end = date.fromisoformat(since) - timedelta(days=2), date.fromisoformat(until) + timedelta(days=2)
    bounds = {"$gte": datetime.combine(start, time.min), "$lte": datetime.combine(end, time.max)}
    made = {**of_stores, "created_at": bounds, "day": between}
    for order in db.orders.find(made, {"_id": 1}):
        yield f"order:{order['_id']}"
    for source in db.accounting_sources.find({**of_stores, "days": {"$elemMatch": between}}, {"_id": 1}):
        yield source["_id"]
    refused = {**of_stores, "refused": {"$exists": True}, "changed_on": between}
    for source in db.accounting_sources.find(refused, {"_id": 1}):
        yield source["_id"]


def _rows(db: Db, stores: Stores, sources: list[str], since: str, until: str) -> Iterator[Row]:
    stored = cast("list[StoredSource]", list(db.accounting_sources.find({"_id": {"$in": sources}})))
    known = {each["_id"]: each for each in stored}
    keys = [source.partition(":")[2] for source in sources if source.startswith("order:")]
    orders = {f"order:{each['_id']}": each for each in db.orders.find({"_id": {"$in": keys}}, _READ)}
    payments = _payments(db, stored)
    entered: dict[str, list[tuple[str, str, str, Decimal]]] = defaultdict(list)
    of_days: dict[str, list[tuple[str, str, str, Decimal]]] = defaultdict(list)
    for document in entered_lines(db, {"source": {"$in": sources}}):
        for line in lines_of(document):
            entered[line.source].append((document["currency"], document["date"], line.purpose.role, line.amount))
            of_days[line.source].append((document["currency"], line.of_day, line.purpose.role, line.amount))
    for source in sources:
        yield from _rows_of(
            _Facts(
                source,
                known.get(source),
                orders.get(source),
                payments.get(source, {}),
                entered[source],
                of_days[source],
            ),
            since,
            until,
            stores,
        )


@dataclass(frozen=True, slots=True)
class _Facts:
    """A source, what is stored of it, its order, what its payments say by currency and time, and what entries have:
    currency, date, role and amount; and the same with the days that it is of instead of the entries' dates."""

    source: str
    stored: StoredSource | None
    order: Document | None
    payments: Mapping[str, list[tuple[datetime, Decimal]]]
    entered: Sequence[tuple[str, str, str, Decimal]]
    of_days: Sequence[tuple[str, str, str, Decimal]]

    @property
    def bookings(self) -> Sequence[Booking]:
        return source_of(self.stored).bookings if self.stored else ()

    @property
    def currencies(self) -> list[str]:
        """All that it has something in; of what can't be booked one that is not known is blank."""
        known = {each.currency for each in self.bookings} | {each[0] for each in self.entered} | set(self.payments)
        found = sorted(filter(None, known | {self.currency_of_order}))
        return found or [""] * self.is_refused

    @property
    def currency_of_order(self) -> str:
        """Its order's currency; of one that came without, that in which it is booked."""
        named = str((self.order or {}).get("currency", "")).upper()
        return named or next((each.currency for each in self.bookings if each.event == "sale"), "")

    @property
    def is_refused(self) -> bool:
        """Whether it can't be booked."""
        return bool(self.stored and self.stored.get("refused"))


def _payments(db: Db, stored: Iterable[StoredSource]) -> dict[str, dict[str, list[tuple[datetime, Decimal]]]]:
    """What the payments of each source say that was paid and not paid back, of those that are booked, by currency."""
    of: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for source in stored:
        for booking in source["bookings"]:
            event, _, payment = booking["event"].partition(":")
            if event == "payment" and booking["role"] == "payment":
                of[payment].append((source["_id"], booking["currency"]))
    found: dict[str, dict[str, list[tuple[datetime, Decimal]]]] = defaultdict(lambda: defaultdict(list))
    for made in db.payments.find({"_id": {"$in": list(of)}, "status": {"$in": sorted(PAID)}}):
        kept = decimal(made["amount"]) - decimal(made["refunded"])
        for name, currency in of[made["_id"]]:
            found[name][currency].append((made["paid_at"] or made["listed_at"], kept))
    return found


def _rows_of(facts: _Facts, since: str, until: str, stores: Stores) -> Iterator[Row]:
    reference = facts.stored["reference"] if facts.stored else facts.source
    for currency in facts.currencies:
        bookings = [each for each in facts.bookings if each.currency == currency]
        whole = _measures((each.purpose.role, each.amount) for each in bookings)
        books = _measures(
            (role, amount) for of, day, role, amount in facts.entered if of == currency and since <= day <= until
        )
        others = _others(facts, currency, since, until, stores)
        unexplained = _unexplained(facts, currency, bookings, whole)
        if lost := _lost(facts, currency, bookings):
            unexplained = {name: amount + lost[name] for name, amount in unexplained.items()}
        because = _because(facts, currency, whole, since, until)
        yield Row(facts.source, reference, currency, books, others, unexplained, because, facts.is_refused)


def _others(facts: _Facts, currency: str, since: str, until: str, stores: Stores) -> Amounts:
    """What figures and payments have of a source in a period."""
    others = dict.fromkeys(MEASURES, _ZERO)
    if facts.order and since <= facts.order["day"] <= until:
        others |= _figures(facts, currency)
    if facts.stored:
        local_day = stores.get(facts.stored["store"]).local_day
        amounts = (amount for at, amount in facts.payments.get(currency, []) if since <= local_day(at) <= until)
        others["paid"] = sum(amounts, _ZERO) + _as_shop_says(facts.bookings, currency, since, until)
    return others


def _as_shop_says(bookings: Sequence[Booking], currency: str, since: str, until: str) -> Decimal:
    """What was paid on these days because the shop says so, without a payment."""
    amounts = (
        each.amount
        for each in bookings
        if each.purpose.role == "payment" and each.currency == currency and since <= (each.day or "") <= until
        if each.event == "paid" or (each.event.startswith("paid_back:") and each.event.count(":") == 1)
    )
    return sum(amounts, _ZERO)


def _unexplained(facts: _Facts, currency: str, bookings: Sequence[Booking], whole: Amounts) -> Amounts:
    """What a source means over all days, less what figures and payments say of it, to the cent."""
    if facts.source.startswith("session:"):
        return dict.fromkeys(MEASURES, _ZERO)  # its cash was counted, and no payment says that
    paid = sum((amount for _, amount in facts.payments.get(currency, [])), _ZERO)
    if any(each.event == "paid" for each in bookings):
        paid += _paid_as_shop_says(facts.order or {})
    expected = {**_figures(facts, currency), "paid": paid}
    left = {name: whole[name] - expected[name] for name in MEASURES}
    return {name: amount if abs(amount) >= smallest(currency) else _ZERO for name, amount in left.items()}


def _lost(facts: _Facts, currency: str, bookings: Sequence[Booking]) -> Amounts | None:
    """What entries have of the days that a source was entered for, less what it means on them; None where that is the
    same, and of what has changed since and is still to be corrected."""
    if facts.stored and facts.stored.get("changed"):
        return None
    still_open = facts.stored["open"] if facts.stored else ()
    had = (
        (role, amount) for of, day, role, amount in facts.of_days if of == currency and _key(day, of) not in still_open
    )
    meant = (each for each in bookings if _key(each.day, currency) not in still_open)
    left = _measures([*had, *((each.purpose.role, -each.amount) for each in meant)])
    return left if any(left.values()) else None


def _key(day: str | None, currency: str) -> str:
    """A day with a currency, as sources have those that they are still to be entered for."""
    return f"{day}:{currency}"


def _paid_as_shop_says(order: Document) -> Decimal:
    """What is paid of an order without payments that its shop calls paid, and not refunded."""
    total = decimal(order.get("total"))
    if order.get("stage") == "refunded" and "refunds" not in order:
        return decimal(order.get("tip"))
    refunded = sum((decimal(refund["amount"]) for refund in order.get("refunds", ())), _ZERO)
    return total + decimal(order.get("tip")) - refunded


def _measures(amounts: Iterable[tuple[str, Decimal]]) -> Amounts:
    """Amounts of roles as measures: above zero what was sold, and what was paid."""
    found = dict.fromkeys(MEASURES, _ZERO)
    for role, amount in amounts:
        if name := _OF_ROLES.get(role):
            found[name] += amount if name == "paid" else -amount
    return found


def _figures(facts: _Facts, currency: str) -> Amounts:
    """What figures have of an order in a currency."""
    rollup = Rollup()
    if facts.order and facts.currency_of_order == currency and is_sale(cast("Order", facts.order)):
        rollup.add(facts.order)
    amounts = dict(zip(AMOUNTS, rollup.amounts, strict=True))
    return {name: amounts[name] for name in MEASURES[:3]}


def _because(facts: _Facts, currency: str, whole: Amounts, since: str, until: str) -> str:
    """Why entries and figures of the period differ, in words."""
    if facts.stored and facts.stored.get("refused"):
        return str(facts.stored["refused"])
    reasons = ["cash that was counted"] if facts.source.startswith("session:") else []
    all_entered = _measures((role, amount) for of, _, role, amount in facts.entered if of == currency)
    if _lost(facts, currency, [each for each in facts.bookings if each.currency == currency]):
        reasons.append("entries of closed days have another amount: see pos-api verify")
    elif all_entered != whole:
        reasons.append("not all of it is entered yet")
    days = sorted({day for of, day, _, _ in facts.entered if of == currency and not since <= day <= until})
    if days:
        reasons.append(f"entered on {', '.join(days[:5])}")
    if facts.order and not since <= facts.order["day"] <= until:
        reasons.append(f"the order is of {facts.order['day']}")
    return "; ".join(reasons) or "its lines and payments say another amount than its own totals"
