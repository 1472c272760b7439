"""The accounts that amounts are booked to, by what they are for and by the day. Pure: no database.

A row names an account and what it is for: a role, and with it a VAT rate, a product group, or a method of payment. One
that names none of these is for all that no other row of its role is for. Of several the one that names more counts, and
of these the one that is valid since the latest day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pos_api.accounting.model import Purpose, Refused, Role
from pos_api.accounting.rates import percent
from pos_api.common.time import day_or_moment
from pos_api.errors import Invalid
from pos_api.payments.balance import names_kind

_NUMBER = re.compile(r"[0-9]{3,10}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LONGEST = 100
MOST_ROWS = 1_000
_BY_RATE, _BY_METHOD = ("revenue", "shipping", "fee", "vat"), ("payment",)
_REQUIRED: tuple[Role, ...] = tuple(role for role in get_args(Role) if role not in ("shipping", "fee"))
"""Roles that need a row for everything; shipping and fees are booked as goods where they have none."""


@dataclass(frozen=True, slots=True)
class Row:
    """An account, and what it is for. A rate, group or method of None is any. `since` is the first day it is for; None
    where it has always been. `method` names a method of payment or a kind of provider."""

    role: Role
    account: str
    rate: str | None = None
    group: str | None = None
    method: str | None = None
    since: str | None = None

    def document(self) -> dict[str, str]:
        """The row as it is stored and shown."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Accounts:
    """All rows, and the names of accounts by their numbers."""

    rows: tuple[Row, ...]
    names: Mapping[str, str]

    def account_of(self, purpose: Purpose, day: str) -> str:
        """The account of what is for this purpose and happened on this day. Raises Refused where there is none."""
        found = self._find(purpose, day)
        if found is None and purpose.role in ("shipping", "fee"):
            found = self._find(Purpose("revenue", purpose.rate), day)
        if found is None:
            raise Refused(f"There is no account for {described(purpose)} on {day}.")
        return found.account

    def _find(self, purpose: Purpose, day: str) -> Row | None:
        fitting = [
            (_specific(row, purpose), row.since or "", row)
            for row in self.rows
            if row.role == purpose.role and (row.since or "") <= day and _is_for(row, purpose)
        ]
        return max(fitting, key=lambda each: each[:2])[2] if fitting else None

    def name_of(self, account: str) -> str:
        """The name of an account; its number where it has none."""
        return self.names.get(account) or account

    def rates(self) -> tuple[str, ...]:
        """The VAT rates that have an account of their own, the highest first."""
        known = {row.rate for row in self.rows if row.role == "vat" and row.rate}
        return tuple(sorted(known, key=float, reverse=True))

    def document(self) -> dict[str, Any]:
        """The accounts as they are stored and shown."""
        return {"rows": [row.document() for row in self.rows], "names": dict(self.names)}


def _is_for(row: Row, purpose: Purpose) -> bool:
    if row.rate is not None and row.rate != purpose.rate:
        return False
    if row.group is not None and row.group != purpose.group:
        return False
    return row.method is None or _method_rank(row.method, purpose) > 0


def _method_rank(method: str, purpose: Purpose) -> int:
    """How well a row's method is that of a payment: the very one; of a shop's own name for it (`stripe_cc`); or the
    provider's kind. 0 where it is not."""
    if method == purpose.method:
        return 3
    if names_kind(purpose.method, method):
        return 2
    return int(method == purpose.provider)


def _specific(row: Row, purpose: Purpose) -> tuple[int, bool, int]:
    method = _method_rank(row.method, purpose) if row.method is not None else 0
    return (int(row.group is not None), row.rate is not None, method)


_REVENUE = {"25": "3001", "12": "3002", "6": "3003"}
_VAT = {"25": "2610", "12": "2620", "6": "2630"}
_PAYMENTS = {"stripe": "1930", "adyen": "1931", "swish": "1932", "giftcard": "2421"}
_OTHERS: tuple[tuple[Role, str], ...] = (
    ("revenue", "3000"),
    ("vat", "2600"),
    ("payment", "1900"),
    ("tip", "2890"),
    ("rounding", "3740"),
    ("receivable", "1510"),
    ("under_way", "1580"),
    ("unmatched", "2990"),
    ("cash_difference", "7990"),
)
GIFT_CARDS = "gift-cards"
"""The product group of gift cards: they are owed until they are used, and no revenue."""
DEFAULT = Accounts(
    (
        *(Row("revenue", account, rate=rate) for rate, account in _REVENUE.items()),
        Row("revenue", "2421", group=GIFT_CARDS),
        *(Row("vat", account, rate=rate) for rate, account in _VAT.items()),
        *(Row("payment", account, method=method) for method, account in _PAYMENTS.items()),
        *(Row(role, account) for role, account in _OTHERS),
    ),
    {
        "1510": "Accounts receivable",
        "1580": "Payments under way",
        "1900": "Cash and bank",
        "1930": "Stripe",
        "1931": "Adyen",
        "1932": "Swish",
        "2421": "Gift cards",
        "2600": "Output VAT, other rates",
        "2610": "Output VAT 25 %",
        "2620": "Output VAT 12 %",
        "2630": "Output VAT 6 %",
        "2890": "Tips to staff",
        "2990": "Unmatched payments",
        "3000": "Sales, other rates",
        "3001": "Sales 25 % VAT",
        "3002": "Sales 12 % VAT",
        "3003": "Sales 6 % VAT",
        "3740": "Rounding",
        "7990": "Cash differences",
    },
)
"""The accounts of who has set none: those of the Swedish BAS chart of accounts."""

_WORDS: Mapping[Role, str] = {
    "revenue": "Sales",
    "shipping": "Shipping",
    "fee": "Fees",
    "vat": "VAT",
    "rounding": "Rounding",
    "tip": "Tips",
    "receivable": "Receivable",
    "under_way": "Payments under way",
    "payment": "Paid",
    "unmatched": "Unmatched payments",
    "cash_difference": "Cash difference",
}


def described(purpose: Purpose) -> str:
    """A purpose in words, as on a line of an entry: `Sales 25 % books`, `Paid stripe`."""
    rate = f"{purpose.rate} %" if purpose.rate else "of an unknown rate" if purpose.role in _BY_RATE else ""
    method = (purpose.method or purpose.provider or "otherwise") if purpose.role in _BY_METHOD else ""
    return " ".join(filter(None, (_WORDS[purpose.role], rate, purpose.group, method)))


# --- as people set them -----------------------------------------------------------------------------------------


def read_accounts(document: Mapping[str, Any]) -> Accounts:
    """The accounts in a document of `rows` and `names`. Raises Invalid, with a message for each row that is wrong."""
    rows, names = document.get("rows", []), document.get("names", {})
    if not isinstance(rows, list) or len(rows) > MOST_ROWS:
        raise Invalid("The accounts are not valid.", details={"rows": f"must be a list of at most {MOST_ROWS:,}"})
    problems: dict[str, str] = {}
    read: list[Row] = []
    for number, row in enumerate(rows):
        try:
            read.append(_row(row))
        except ValueError as error:
            problems[f"rows.{number}"] = f"{error}{_named(row)}"
    problems |= _problems_of_names(names)
    keys = [(row.role, row.rate, row.group, row.method, row.since) for row in read]
    problems |= {f"rows.{n}": "is for the same as another row" for n, key in enumerate(keys) if keys.index(key) < n}
    missing = [role for role in _REQUIRED if not any(row == Row(role, row.account) for row in read)]
    if missing and not problems:
        problems["rows"] = f"need one for everything else of each of these roles: {', '.join(missing)}"
    if problems:
        raise Invalid("The accounts are not valid.", details=problems)
    return Accounts(tuple(read), dict(names))


def _named(row: Any) -> str:
    """Which row it is, for who looks for it in a file: ` (revenue 3001)`."""
    said = [str(row[name])[:40] for name in ("role", "account") if row.get(name)] if isinstance(row, Mapping) else []
    return f" ({' '.join(said)})" if said else ""


def _problems_of_names(names: Any) -> dict[str, str]:
    if not isinstance(names, Mapping):
        return {"names": "must be an object of names by account"}
    return {
        f"names.{account}": "must be a text of at most 100 characters, of an account's number"
        for account, name in names.items()
        if not (isinstance(name, str) and 0 < len(name) <= _LONGEST and name.isprintable() and _is_number(account))
    }


def _is_number(account: Any) -> bool:
    return isinstance(account, str) and bool(_NUMBER.fullmatch(account))


def _row(row: Any) -> Row:
    if not isinstance(row, Mapping):
        raise ValueError("must be an object")
    if unknown := sorted(set(row) - set(Row.__slots__)):
        raise ValueError(f"has fields that are not known: {', '.join(map(str, unknown))[:200]}")
    role: Any = row.get("role")
    account = row.get("account")
    if role not in get_args(Role):
        raise ValueError(f"has a role that is none of {', '.join(get_args(Role))}")
    if not _is_number(account):
        raise ValueError("has an account that is not a number of 3 to 10 digits")
    chosen = {"rate": _BY_RATE, "group": ("revenue", "vat"), "method": _BY_METHOD}
    for name, roles in chosen.items():
        if row.get(name) is not None and role not in roles:
            raise ValueError(f"has a {name}, and only {', '.join(roles)} can have one")
    return Row(
        role,
        str(account),
        rate=_rate(row.get("rate")),
        group=_text(row.get("group"), "group"),
        method=(_text(row.get("method"), "method") or "").lower() or None,
        since=_day(row.get("since")),
    )


def _rate(value: Any) -> str | None:
    if value is None:
        return None
    rate = percent(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if not rate or not 0 <= float(rate) <= 100:
        raise ValueError("has a rate that is no percentage from 0 to 100")
    return rate


def _text(value: Any, name: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST or not value.isprintable():
        raise ValueError(f"has a {name} that is not a text of 1 to {_LONGEST} characters")
    return value.strip()


def _day(value: Any) -> str | None:
    if value is None:
        return None
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            day_or_moment(value)
            return value
    except ValueError:
        pass
    raise ValueError("has a since that is no day, such as 2026-04-01")
