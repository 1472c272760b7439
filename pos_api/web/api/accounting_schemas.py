"""Shapes of the books: accounts, entries, Z-reports, the proof, exports."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from pos_api.accounting.accounts import MOST_ROWS
from pos_api.accounting.exports import WRITERS
from pos_api.accounting.groups import MOST_GROUPS
from pos_api.common.currencies import LONGEST_CODE
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.schemas import Money, Time

_ENTRY = "day:default:SEK:2026-11-22"


def _store(**more: Any) -> fields.String:
    metadata = {"description": "Of this store only.", "example": "default"}
    return fields.String(validate=validate.Length(1, 40), metadata=metadata, **more)


def _currency(**more: Any) -> fields.String:
    return fields.String(
        validate=validate.Length(1, LONGEST_CODE),
        metadata={"description": "In this currency only.", "example": "SEK"},
        **more,
    )


# --- accounts ---------------------------------------------------------------------------------------------------------


class Account(Schema):
    """An account, and what it is for. What is left out is any."""

    role = fields.String(
        required=True,
        metadata={
            "description": "revenue, shipping, fee, vat, rounding, tip, receivable, under_way (payments under way),"
            " payment, unmatched (payments) or cash_difference.",
            "example": "revenue",
        },
    )
    account = fields.String(required=True, metadata={"description": "Its number.", "example": "3001"})
    rate = fields.String(metadata={"description": "The VAT rate, in percent.", "example": "25"})
    group = fields.String(metadata={"description": "The product group, of revenue and VAT.", "example": "books"})
    method = fields.String(
        metadata={"description": "The method of payment, or the kind of the provider.", "example": "swish"}
    )
    since = fields.String(metadata={"description": "The first day that it is for.", "example": "2026-04-01"})


class Group(Schema):
    """A product group, and what is of it: a product, a category of products, or all that a store sells."""

    group = fields.String(required=True, metadata={"example": "books"})
    product = fields.String(metadata={"description": "The SKU that it was first known by.", "example": "BOOK-1"})
    category = fields.String(metadata={"example": "Books"})
    store = fields.String(metadata={"example": "till-1"})


class Accounts(Schema):
    """All accounts with their names, and the product groups."""

    rows = fields.List(fields.Nested(Account), required=True, validate=validate.Length(max=MOST_ROWS))
    names = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        load_default=dict,
        metadata={"description": "Names of accounts by number.", "example": {"3001": "Sales 25 % VAT"}},
    )
    groups = fields.List(fields.Nested(Group), load_default=list, validate=validate.Length(max=MOST_GROUPS))


# --- entries ----------------------------------------------------------------------------------------------------------


class EntryFilter(Schema):
    """Which entries, by their dates (both included), store, currency and reference."""

    since = fields.Date(data_key="from", metadata={"description": "From this day on.", "example": "2026-11-01"})
    until = fields.Date(data_key="to", metadata={"description": "Up to this day, included.", "example": "2026-11-30"})
    store = _store()
    currency = _currency()


class EntryQuery(PageQuery, EntryFilter):
    """Which entries to list."""

    reference = fields.String(validate=validate.Length(1, 200), metadata={"example": "KARMA-12345"})
    status = fields.String(
        validate=validate.OneOf(["closed", "draft"]),
        metadata={"description": "Left out: both, drafts of open days on the first page, before all others."},
    )


class EntryLine(Schema):
    """A line of an entry: a debit or a credit."""

    account = fields.String(required=True, metadata={"example": "3001"})
    name = fields.String(required=True, metadata={"description": "Of the account.", "example": "Sales 25 % VAT"})
    description = fields.String(required=True, metadata={"example": "Sales 25 %"})
    debit = Money(metadata={"example": "100.00"})
    credit = Money(metadata={"example": "100.00"})
    orders = fields.Integer(required=True, metadata={"description": "Of how many orders it is.", "example": 3})


class BookEntry(Schema):
    """An entry of the books; a draft has no number yet."""

    id = fields.String(required=True, metadata={"example": _ENTRY})
    status = fields.String(required=True, validate=validate.OneOf(["closed", "draft"]), metadata={"example": "closed"})
    number = fields.Integer(required=True, allow_none=True, metadata={"example": 17})
    date = fields.String(required=True, metadata={"example": "2026-11-22"})
    store = fields.String(required=True, metadata={"example": "default"})
    currency = fields.String(required=True, metadata={"example": "SEK"})
    reference = fields.String(required=True, metadata={"example": "Z-default-2026-11-22"})
    description = fields.String(required=True, metadata={"example": "Sales default 2026-11-22"})
    corrects = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The id of the entry that it corrects.", "example": None},
    )
    lines = fields.List(fields.Nested(EntryLine), required=True)
    sources = fields.Integer(
        required=True,
        metadata={"description": "Of how many orders, payments and cash sessions it is.", "example": 3},
    )
    made_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-23T04:00:05Z"})
    by = fields.String(
        required=True, allow_none=True, metadata={"description": "Who closed the day.", "example": "anna"}
    )
    hash = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "SHA-256 over the entry and the hash of the one before.", "example": "9f86d081…"},
    )


class SourceLine(Schema):
    """An amount of an order, a payment or a cash session."""

    account = fields.String(required=True, metadata={"example": "3001"})
    description = fields.String(required=True, metadata={"example": "Sales 25 %"})
    of_day = fields.String(
        required=True,
        metadata={"description": "When it happened; a correction is of an earlier day.", "example": "2026-11-22"},
    )
    debit = Money(metadata={"example": "100.00"})
    credit = Money(metadata={"example": "100.00"})


class EntrySource(Schema):
    """What an entry has of an order, a payment of no order, or a cash session."""

    source = fields.String(required=True, metadata={"example": "order:default:37"})
    reference = fields.String(required=True, metadata={"example": "WOOCOMMERCE-37"})
    lines = fields.List(fields.Nested(SourceLine), required=True)


class Refused(Schema):
    """What can't be booked, and why."""

    source = fields.String(required=True, metadata={"example": "order:default:37"})
    store = fields.String(required=True, metadata={"example": "default"})
    reference = fields.String(required=True, metadata={"example": "WOOCOMMERCE-37"})
    days = fields.List(fields.String(), required=True, metadata={"example": ["2026-11-22"]})
    refused = fields.String(
        required=True, metadata={"example": "Its lines and its VAT add up to 125.00, and its total is 99.00."}
    )


class CloseDay(Schema):
    """Which day to close: `day` alone, or with `until` all that are open, up to that day."""

    store = fields.String(required=True, validate=validate.Length(1, 40), metadata={"example": "default"})
    day = fields.Date(metadata={"example": "2026-11-22"})
    until = fields.Date(metadata={"example": "2026-11-22"})

    @validates_schema
    def _one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        if ("day" in data) == ("until" in data):
            raise ValidationError("Give day or until, and not both.", "day")


class ClosedDay(Schema):
    """What closing a day came to in one currency."""

    store = fields.String(required=True, metadata={"example": "default"})
    day = fields.String(required=True, metadata={"example": "2026-11-22"})
    currency = fields.String(required=True, metadata={"example": "SEK"})
    entries = fields.List(
        fields.String(), required=True, metadata={"description": "Those that were made.", "example": [_ENTRY]}
    )
    was_closed = fields.Boolean(required=True, metadata={"description": "Whether it was closed before."})


# --- reports ----------------------------------------------------------------------------------------------------------


class ZQuery(Schema):
    """Of which day."""

    store = fields.String(required=True, validate=validate.Length(1, 40), metadata={"example": "default"})
    day = fields.Date(required=True, metadata={"example": "2026-11-22"})


class OfRate(Schema):
    """What was sold or refunded at a VAT rate, with shipping and fees."""

    rate = fields.String(required=True, metadata={"description": "Blank where it is not known.", "example": "25"})
    net = Money(required=True, metadata={"example": "140.00"})
    vat = Money(required=True, metadata={"example": "35.00"})
    total = Money(required=True, metadata={"example": "175.00"})


class OfMethod(Schema):
    """What was paid and paid back by a method."""

    method = fields.String(required=True, metadata={"example": "swish"})
    paid = Money(required=True, metadata={"example": "175.00"})
    paid_back = Money(required=True, metadata={"example": "25.00"})
    total = Money(required=True, metadata={"example": "150.00"})


class OfSession(Schema):
    """A cash session that was closed on the day."""

    id = fields.String(required=True, metadata={"example": "till-1:5"})
    opened_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T08:00:00Z"})
    closed_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T18:05:00Z"})
    opening_cash = Money(required=True, allow_none=True, metadata={"example": "20.00"})
    counted_cash = Money(required=True, allow_none=True, metadata={"example": "67.50"})
    expected_cash = Money(required=True, allow_none=True, metadata={"example": "70.00"})
    difference = Money(required=True, allow_none=True, metadata={"example": "-2.50"})


class ZReport(Schema):
    """A store's day in one currency: of a closed day as it was closed, of an open one as it is now."""

    store = fields.String(required=True, metadata={"example": "default"})
    day = fields.String(required=True, metadata={"example": "2026-11-22"})
    currency = fields.String(required=True, metadata={"example": "SEK"})
    status = fields.String(required=True, validate=validate.OneOf(["closed", "draft"]), metadata={"example": "closed"})
    closed_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-23T04:00:05Z"})
    by = fields.String(required=True, allow_none=True, metadata={"description": "Who closed it.", "example": "anna"})
    receipts = fields.Integer(required=True, metadata={"description": "How many sales.", "example": 2})
    first_receipt = fields.String(required=True, allow_none=True, metadata={"example": "WOOCOMMERCE-37"})
    last_receipt = fields.String(required=True, allow_none=True, metadata={"example": "WOOCOMMERCE-41"})
    sales = fields.List(fields.Nested(OfRate), required=True)
    sales_total = Money(required=True, metadata={"example": "175.00"})
    refunds = fields.List(fields.Nested(OfRate), required=True)
    refunds_count = fields.Integer(required=True, metadata={"example": 1})
    refunds_total = Money(required=True, metadata={"example": "25.00"})
    payments = fields.List(fields.Nested(OfMethod), required=True)
    tips = Money(required=True, metadata={"example": "0.00"})
    discounts = Money(required=True, metadata={"description": "What coupons took off, without VAT.", "example": "5.00"})
    rounding = Money(required=True, metadata={"example": "0.00"})
    owed = Money(
        required=True, metadata={"description": "By how much what customers owe has grown.", "example": "0.00"}
    )
    cash_difference = Money(required=True, metadata={"example": "-2.50"})
    cash_sessions = fields.List(fields.Nested(OfSession), required=True)


class CheckQuery(Schema):
    """Of which days, both included."""

    since = fields.Date(data_key="from", required=True, metadata={"example": "2026-11-01"})
    until = fields.Date(data_key="to", required=True, metadata={"example": "2026-11-30"})
    store = _store()


class Measures(Schema):
    """Revenue without VAT, shipping, VAT, and what was paid."""

    net_revenue = Money(required=True, metadata={"example": "140.00"})
    shipping = Money(required=True, metadata={"example": "0.00"})
    taxes = Money(required=True, metadata={"example": "35.00"})
    paid = Money(required=True, metadata={"example": "175.00"})


class CheckedCurrency(Schema):
    """The sums of a period in one currency."""

    currency = fields.String(required=True, metadata={"example": "SEK"})
    entries = fields.Nested(Measures, required=True, metadata={"description": "What entries have."})
    figures = fields.Nested(
        Measures, required=True, metadata={"description": "What figures have, and of what was paid the payments."}
    )
    unexplained = fields.Nested(Measures, required=True, metadata={"description": "What no date explains."})


class CheckedSource(CheckedCurrency):
    """An order, payment or cash session of which entries and figures, or payments, of the period differ, and why."""

    source = fields.String(required=True, metadata={"example": "order:default:37"})
    reference = fields.String(required=True, metadata={"example": "WOOCOMMERCE-37"})
    because = fields.String(required=True, metadata={"example": "entered on 2026-12-01"})
    is_explained = fields.Boolean(
        required=True, metadata={"description": "It is booked, and nothing of it is unexplained.", "example": True}
    )


class Checked(Schema):
    """The proof of a period: whether each difference is explained."""

    is_explained = fields.Boolean(required=True, metadata={"description": "Nothing is unexplained.", "example": True})
    currencies = fields.List(fields.Nested(CheckedCurrency), required=True)
    differences = fields.List(
        fields.Nested(CheckedSource),
        required=True,
        metadata={"description": "At most 1,000, those that are not explained first."},
    )


# --- exports ----------------------------------------------------------------------------------------------------------


class ExportQuery(EntryFilter):
    """Which entries to export, and in which format."""

    format = fields.String(
        required=True,
        validate=validate.OneOf(list(WRITERS)),
        metadata={"description": "`sie` is SIE 4I; of Xero manual journals, of QuickBooks journal entries."},
    )
    new = fields.Boolean(
        load_default=False, metadata={"description": "Only entries that were in no file of this format yet."}
    )


class BookExport(Schema):
    """An export."""

    number = fields.Integer(required=True, metadata={"example": 4})
    format = fields.String(required=True, metadata={"example": "sie"})
    entries = fields.Integer(required=True, metadata={"description": "How many.", "example": 30})
    first_entry = fields.Integer(required=True, metadata={"description": "Its number.", "example": 1})
    last_entry = fields.Integer(required=True, metadata={"example": 30})
    exported_at = Time(required=True, metadata={"example": "2026-12-01T08:00:00Z"})
    by = fields.String(required=True, metadata={"example": "anna"})
