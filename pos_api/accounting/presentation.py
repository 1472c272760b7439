"""What is shown of entries, by the API and at the command line. Pure: no database."""

from __future__ import annotations

from typing import Any

from pos_api.accounting.accounts import Accounts, described
from pos_api.accounting.entries import Entry, totals
from pos_api.accounting.stored import purpose_of
from pos_api.common.csv_cells import Cell
from pos_api.common.money import decimal, decimal128
from pos_api.database.client import Document


def closed_entry(stored: Document, accounts: Accounts) -> Document:
    """A stored entry."""
    names = ("number", "date", "store", "currency", "reference", "description", "made_at", "by", "hash", "sources")
    return {
        "id": stored["_id"],
        "status": "closed",
        **{name: stored[name] for name in names},
        "corrects": stored["corrects"] or None,
        "lines": [_line(each, accounts) for each in stored["lines"]],
    }


def draft_entry(entry: Entry, accounts: Accounts) -> Document:
    """An entry as it would be if its day were closed now."""
    lines = [
        {"account": each.account, "description": each.description, "amount": each.amount, "orders": each.orders}
        for each in totals(entry.lines)
    ]
    return {
        "id": entry.id,
        "status": "draft",
        "number": None,
        "date": entry.date,
        "store": entry.store,
        "currency": entry.currency,
        "reference": entry.reference,
        "description": entry.description,
        "made_at": None,
        "by": None,
        "hash": None,
        "sources": len({line.source for line in entry.lines}),
        "corrects": entry.corrects or None,
        "lines": [_line(each, accounts) for each in lines],
    }


def _line(line: Document, accounts: Accounts) -> Document:
    """A line with its amount as a debit or a credit."""
    amount = line["amount"] if not hasattr(line["amount"], "to_decimal") else decimal(line["amount"])
    side = "debit" if amount > 0 else "credit"
    return {
        "account": line["account"],
        "name": accounts.name_of(line["account"]),
        "description": line["description"],
        side: decimal128(abs(amount)),
        "orders": line["orders"],
    }


def source_lines(document: Document) -> Document:
    """What an entry has of one order, payment or cash session."""
    return {
        "source": document["source"],
        "reference": document["reference"],
        "lines": [_amount(each) for each in document["lines"]],
    }


def _amount(line: Document) -> dict[str, Any]:
    amount = decimal(line["amount"])
    return {
        "account": line["account"],
        "description": described(purpose_of(line)),
        "of_day": line["of_day"],
        "debit" if amount > 0 else "credit": decimal128(abs(amount)),
    }


def refusal(stored: Document) -> Document:
    """A source that can't be booked, and why."""
    names = ("store", "reference", "days", "refused")
    return {"source": stored["_id"], **{name: stored[name] for name in names}}


Z_COLUMNS = ("store", "day", "currency", "status", "what", "of", "net", "vat", "amount")


def z_rows(report: Document) -> list[list[Cell]]:
    """The rows of a Z-report in a CSV file."""
    head: list[Cell] = [report[name] for name in ("store", "day", "currency", "status")]
    rows: list[list[Cell]] = []
    for what in ("sales", "refunds"):
        rows += [
            [*head, what, f"{each['rate'] or 'unknown'} %", *(decimal(each[name]) for name in ("net", "vat", "total"))]
            for each in report[what]
        ]
    for what in ("paid", "paid_back"):
        rows += [[*head, what, each["method"], None, None, decimal(each[what])] for each in report["payments"]]
    names = ("sales_total", "refunds_total", "tips", "discounts", "rounding", "owed", "cash_difference")
    rows += [[*head, name, None, None, None, decimal(report[name])] for name in names]
    rows += [[*head, name, None, None, None, report[name]] for name in ("receipts", "refunds_count")]
    rows += [[*head, name, report[name], None, None, None] for name in ("first_receipt", "last_receipt")]
    for session in report["cash_sessions"]:
        amounts = ("opening_cash", "counted_cash", "expected_cash", "difference")
        rows += [[*head, name, session["id"], None, None, _known(session[name])] for name in amounts]
    return rows


def _known(amount: Any) -> Cell:
    return None if amount is None else decimal(amount)
