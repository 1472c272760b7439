"""A purchase of Karma: what guests paid. It is a sale, and the payment of it. Pure: no database.

What its lines add up to is what was paid, to the hundredth. VAT is as Karma sends it, by rate, and never worked out
here. A line of the type `product` is goods, `tip` is a tip; every other (a discount, a fee, a voucher, a rounding) is a
fee, which is below zero where it lowers what was paid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bson import Decimal128

from pos_api.common.money import decimal128
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.orders.model import OrderFields, OrderUpdate, Status
from pos_api.orders.parts import FeeLine, Line, Refund, RefundLine, RefundTax, TaxLine
from pos_api.payments.model import PaymentStatus, PaymentUpdate
from pos_api.senders.karma.fields import NAMED, PurchaseLine, odd_fields
from pos_api.senders.karma.kind import CONFIRMED, REFUNDED
from pos_api.senders.karma.refunds import PaidBack, amount_of, is_tip, refunds_of, vat_of
from pos_api.senders.reports import Reported, State
from pos_api.stores.model import Store

_NOTHING = Decimal("0.00")
_STATUSES: dict[PaymentStatus, Status] = {
    "completed": Status("completed", "none", counts_as_sale=True, stage="completed"),
    "partially_refunded": Status("partially-refunded", "none", counts_as_sale=True, stage="completed"),
    "refunded": Status("refunded", "none", counts_as_sale=True, stage="refunded"),
}


@dataclass(frozen=True, slots=True)
class _Purchase:
    """What all reports of a purchase come to."""

    id: int
    known: Document
    currency: str
    paid_at: datetime
    refunds: Sequence[PaidBack]

    @property
    def lines(self) -> list[PurchaseLine]:
        lines: list[PurchaseLine] = self.known["lines"]
        return lines

    @property
    def paid(self) -> Decimal:
        return sum((amount_of(line) for line in self.lines), _NOTHING)

    @property
    def tip(self) -> Decimal:
        """The tips as they were paid, without their VAT: that is no tip."""
        return sum((_tip_of(line, amount_of(line), vat_of(line)) for line in self.lines), _NOTHING)

    @property
    def tip_left(self) -> Decimal:
        """What is left of them after the refunds."""
        back = (_tip_of(each.line, each.amount, each.vat) for refund in self.refunds for each in refund.parts)
        return self.tip - sum(back, _NOTHING)

    @property
    def refunded(self) -> Decimal:
        return sum((refund.amount for refund in self.refunds), _NOTHING)

    @property
    def status(self) -> PaymentStatus:
        if not self.refunds:
            return "completed"
        return "refunded" if self.refunded == self.paid else "partially_refunded"


def _tip_of(line: PurchaseLine, amount: Decimal, vat: Decimal | None) -> Decimal:
    return amount - (vat or _NOTHING) if is_tip(line) else _NOTHING


def purchase_state(store: Store, purchase_id: int, reported: Reported) -> State:
    """What a purchase is by all its reports. A refund that comes before its purchase waits for it."""
    confirmed = reported.named(CONFIRMED)
    if not confirmed:
        return State()
    known: Document = {}
    for each in confirmed:
        known.update(each.content)
    refunds, unusable = refunds_of(known["lines"], reported.named(REFUNDED))
    currency = known.get("currency") or store.currency
    paid_at = known.get("paid_at") or confirmed[0].moment
    purchase = _Purchase(purchase_id, known, currency, paid_at, refunds)
    return State((_order(store, purchase, reported), _payment(store, purchase, reported)), unusable)


def check_currency(content: Document, store: Store) -> None:
    """Raise Invalid where nobody says in which currency a purchase was paid."""
    if "currency" not in content and not store.currency:
        problem = f"is required; or run: pos-api store set {store.id} --currency CODE and then: pos-api replay --all"
        raise Invalid("The purchase is not valid.", details={"data.currencyCode": problem})


def _payment(store: Store, purchase: _Purchase, reported: Reported) -> PaymentUpdate:
    known = purchase.known
    return PaymentUpdate(
        store.id,
        str(purchase.id),
        reported.sequence,
        reported.cause,
        reported.received_at,
        purchase.status,
        decimal128(purchase.paid),
        purchase.currency,
        refunded=decimal128(purchase.refunded),
        tip=decimal128(purchase.tip),
        method=known.get("psp", ""),
        reference=known.get("reference", ""),
        paid_at=purchase.paid_at,
        order=f"{store.id}:{purchase.id}",
        tab=known.get("tab", ""),
    )


def _order(store: Store, purchase: _Purchase, reported: Reported) -> OrderUpdate:
    status = _STATUSES[purchase.status]
    return OrderUpdate(
        store=store.id,
        order_id=purchase.id,
        kind="created" if reported.sequence == 1 else "updated",
        cause=reported.cause,
        received_at=reported.received_at,
        modified_at=max(each.moment for each in reported.reports),
        sequence=reported.sequence,
        opening=False,
        fields=_fields(store, purchase),
        status=status,
        initial_status=status,
        named_fields=NAMED,
        warnings=odd_fields(*(each.content for each in reported.reports)),
    )


def _fields(store: Store, purchase: _Purchase) -> OrderFields:
    known, paid_at = purchase.known, purchase.paid_at
    fields: OrderFields = {
        "number": str(purchase.id),
        "currency": purchase.currency,
        "created_at": paid_at,
        "day": store.local_day(paid_at),
        "hour": store.local_hour(paid_at),
        "paid_at": paid_at,
        "payment_method": known.get("psp", ""),
        "payment_method_title": known.get("psp", ""),
        "transaction_id": known.get("reference", ""),
        "prices_include_tax": True,
        "total": decimal128(purchase.paid - purchase.tip),
        "total_tax": decimal128(sum((vat_of(line) for line in purchase.lines), _NOTHING)),
        "tip": decimal128(purchase.tip_left),
        "line_items": [_goods(line) for line in purchase.lines if line.get("type", "product") == "product"],
        "fee_lines": [_fee(line) for line in purchase.lines if line.get("type", "product") not in ("product", "tip")],
        "tax_lines": _tax_lines(purchase.lines),
        "refunds": [refund for number, each in enumerate(purchase.refunds, 1) if (refund := _refund(number, each))],
    }
    if tab := known.get("tab"):
        fields["tab"] = tab
    return fields


def _goods(line: PurchaseLine) -> Line:
    vat = vat_of(line)
    net = decimal128(amount_of(line) - vat)
    goods: Line = {
        "sku": "",
        "quantity": line.get("quantity", 1),
        "name": line.get("name", ""),
        "subtotal": net,
        "subtotal_tax": decimal128(vat),
        "total": net,
        "total_tax": decimal128(vat),
    }
    if line.get("id"):
        goods["id"] = line["id"]
    return goods


def _fee(line: PurchaseLine) -> FeeLine:
    vat = vat_of(line)
    name = line.get("name") or line.get("type", "")
    return {"name": name, "total": decimal128(amount_of(line) - vat), "total_tax": decimal128(vat)}


def _rate_id(line: PurchaseLine) -> str:
    """The VAT rate of a line as orders name it: its basis points, as text so that 0 is one too."""
    return str(line["rate"]) if "rate" in line else "unknown"


def _tax_lines(lines: Iterable[PurchaseLine]) -> list[TaxLine]:
    by_rate: dict[str, Decimal] = defaultdict(lambda: _NOTHING)
    for line in lines:
        if not is_tip(line) or vat_of(line):
            by_rate[_rate_id(line)] += vat_of(line)
    return [
        {"rate_id": rate, "label": "VAT", "rate_percent": _percent(rate), "tax_total": decimal128(vat)}
        for rate, vat in sorted(by_rate.items())
    ]


def _percent(rate: str) -> str:
    return f"{(Decimal(rate) / 100).normalize():f}" if rate.isdecimal() else "0"


def _refund(number: int, refund: PaidBack) -> Refund | None:
    """A refund as the order has it: without the tips that it pays back, which are no part of the order's total. None
    where it pays back nothing else."""
    amount, by_rate = _NOTHING, dict[str, Decimal]()
    lines: list[RefundLine] = []
    for part in refund.parts:
        amount += part.amount - _tip_of(part.line, part.amount, part.vat)
        if part.vat:
            by_rate[_rate_id(part.line)] = by_rate.get(_rate_id(part.line), _NOTHING) + part.vat
        if part.line.get("type", "product") == "product":
            lines.append(_refund_line(part.line, part.quantity, part.amount, part.vat))
    if not amount and not lines:
        return None
    taxes: list[RefundTax] = [{"rate_id": rate, "total": decimal128(vat)} for rate, vat in sorted(by_rate.items())]
    return {
        "id": number,
        "amount": decimal128(amount),
        "created_at": refund.at,
        "line_items": lines,
        "taxes": taxes,
    }


def _refund_line(line: PurchaseLine, quantity: int | float, amount: Decimal, vat: Decimal | None) -> RefundLine:
    returned: RefundLine = {
        "quantity": quantity,
        "total": decimal128(amount - (vat or _NOTHING)),
        "total_tax": Decimal128("0.00") if vat is None else decimal128(vat),
    }
    if line.get("id"):
        returned["line_item_id"] = line["id"]
    return returned
