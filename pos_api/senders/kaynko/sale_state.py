"""What a sale of the till is, by all that was reported about it: an order, its payment, and cash in the drawer.

Of several contents the newest counts, by the time of sending. A voided sale stays void, whatever is reported about it
before or after. Pure: no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from pos_api.cash.model import CashKind, CashMovementUpdate
from pos_api.common.money import ZERO, decimal, decimal128
from pos_api.common.warning_messages import EventWarning, from_stored, warn
from pos_api.orders.model import OrderFields, OrderUpdate, Status
from pos_api.orders.parts import Line
from pos_api.payments.model import PaymentUpdate
from pos_api.senders.reports import KnownReport, Reported, State, StateCommand, canonical
from pos_api.stores.model import Store

_SOLD = Status("completed", "taken", counts_as_sale=True, stage="completed")
_VOIDED = Status("voided", "none", counts_as_sale=False, stage="cancelled")
_CREDIT, _CASH = "credit", "cash"
_MOST_WARNINGS = 200


def put_together(store: Store, sale: int | str, named_fields: frozenset[str], reported: Reported) -> State:
    """The order, the payment and the cash that the reports about a sale come to. A void waits for its sale: without it
    there is an order that nothing is known of but its total, no payment, and no cash."""
    sales, voids = reported.named("completed"), reported.named("voided")
    order = _order(store, sale, named_fields, reported, sales, voids)
    payment = _payment(store, sale, order, reported, sales, bool(voids))
    return State((order, *payment, *_cash(store, sale, reported, sales, voids)))


def _order(
    store: Store,
    sale: int | str,
    named_fields: frozenset[str],
    reported: Reported,
    sales: Sequence[KnownReport],
    voids: Sequence[KnownReport],
) -> OrderUpdate:
    status = _VOIDED if voids else _SOLD
    newest = sales[-1] if sales else voids[-1]
    happened_at = _happened(newest)
    fields: OrderFields = {
        "number": newest.content["number"],
        "total": newest.content["total"],
        "payment_method": newest.content["method"],
        "created_at": happened_at,
        "day": store.local_day(happened_at),
        "hour": store.local_hour(happened_at),
    }
    if newest.content["currency"]:
        fields["currency"] = newest.content["currency"]
    if sales:
        fields |= _fields_of_sale(newest, sales, happened_at)
    return OrderUpdate(
        store=store.id,
        order_id=sale,
        kind="created" if reported.sequence == 1 else "updated",
        cause=reported.cause,
        received_at=max(each.received_at for each in reported.reports),  # also when an earlier delivery is done again
        modified_at=max(_happened(each) for each in reported.reports),
        sequence=_versions(sales) + _versions(voids),
        opening=False,
        live_since=store.live_since,
        fields=fields,
        status=status,
        initial_status=status,
        named_fields=named_fields,
        warnings=tuple(_warnings(newest, sales, voids)),
    )


def _fields_of_sale(newest: KnownReport, sales: Sequence[KnownReport], happened_at: datetime) -> OrderFields:
    content = newest.content
    kind = content["customer_type"]
    fields: OrderFields = {
        "total_tax": content["vat"],
        "discount_total": content["discount"],
        "paid_at": None if content["method"] == _CREDIT else happened_at,
        "line_items": [_line(number, line) for number, line in enumerate(content["lines"], 1)],
        "meta": [{"key": "customer_type", "value": kind}] if kind else [],
    }
    at_hand = next((each for each in sales if each.personal), None)
    if at_hand and _same(at_hand, newest):  # an older content's customer is not the sale's
        name = at_hand.personal["customer"]
        fields["billing"] = {"first_name": name} if name else {}
    return fields


def _line(number: int, sold: Any) -> Line:
    """A line of the order. The till gives lines no ids: number and SKU together make one, so that a line of another
    content does not keep the product that this one was matched with."""
    line: Line = {
        "id": f"{number}-{sold['sku']}",
        "sku": sold["sku"],
        "name": sold["name"],
        "quantity": sold["quantity"],
    }
    if sold["price"] is not None:
        line["price"] = sold["price"]
    if sold["total"] is not None:
        line["total"] = sold["total"]
    return line


def _payment(
    store: Store,
    sale: int | str,
    order: OrderUpdate,
    reported: Reported,
    sales: Sequence[KnownReport],
    voided: bool,
) -> list[PaymentUpdate]:
    """The payment of a sale; none of one that was sold on credit. One that an older content had is canceled."""
    if all(each.content["method"] == _CREDIT for each in sales):
        return []
    newest = sales[-1].content
    on_credit = newest["method"] == _CREDIT
    refunded = voided and not on_credit
    return [
        PaymentUpdate(
            store.id,
            f"sale-{sale}",
            reported.sequence,
            reported.cause,
            reported.received_at,
            "canceled" if on_credit else "refunded" if refunded else "completed",
            newest["total"],
            newest["currency"],
            refunded=newest["total"] if refunded else ZERO,
            method=newest["method"],
            reference=newest["number"],
            paid_at=_happened(sales[-1]),
            order=order.key,
        )
    ]


def _cash(
    store: Store,
    sale: int | str,
    reported: Reported,
    sales: Sequence[KnownReport],
    voids: Sequence[KnownReport],
) -> list[StateCommand]:
    """The cash that a sale brought into the drawer, and that its void took out. Of a sale that was reported as paid in
    cash and then otherwise it is 0."""
    if not any(each.content["method"] == _CASH for each in sales):
        return []
    newest = sales[-1].content
    amount = decimal(newest["total"]) if newest["method"] == _CASH else decimal(ZERO)

    def movement(kind: CashKind, of: KnownReport, sign: int) -> CashMovementUpdate:
        moved = decimal128(amount * sign) if amount else ZERO
        currency = newest["currency"]
        return CashMovementUpdate(store.id, f"{kind}-{sale}", reported.sequence, kind, _happened(of), moved, currency)

    void: list[StateCommand] = [movement("void", voids[-1], -1)] if voids else []
    return [movement("sale", sales[-1], 1), *void]


def _happened(report: KnownReport) -> datetime:
    """When a sale was made or voided: as the till says, else when it was sent or arrived."""
    return report.content["happened_at"] or report.moment


def _comparable(report: KnownReport) -> str:
    return canonical({name: value for name, value in report.content.items() if name != "sent_at"})


def _same(one: KnownReport, other: KnownReport) -> bool:
    """Whether two reports have the same content, whenever they were sent."""
    return _comparable(one) == _comparable(other)


def _versions(reports: Sequence[KnownReport]) -> int:
    """How many contents followed one another. It grows with each report that changes what the sale is, and not with
    one that only repeats the newest content, so it is the order's sequence."""
    return sum(1 for _ in groupby(reports, _comparable))


def _warnings(newest: KnownReport, sales: Sequence[KnownReport], voids: Sequence[KnownReport]) -> list[EventWarning]:
    without_sku = (
        warn("line_without_sku", line=number, name=line["name"] or "without a name")
        for number, line in enumerate(newest.content.get("lines", ()), 1)
        if not line["sku"]
    )
    found = [*from_stored(newest.content["warnings"]), *islice(without_sku, _MOST_WARNINGS)]
    for reports in (sales, voids):
        contents = len({_comparable(each) for each in reports})
        if contents > 1:
            found.append(warn("reported_differently", count=contents))
    return found
