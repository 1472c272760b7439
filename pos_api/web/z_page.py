"""The Z-reports of a store's day as a page to print. It needs no other file, so it can be saved and sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pos_api.common.money import decimal
from pos_api.database.client import Document
from pos_api.stores.model import Store

_PAGES = Environment(loader=PackageLoader("pos_api.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
_STYLE = _PAGES.get_template("z_report.css").render()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy."""


def _in_english(text: str, **values: Any) -> str:
    return text % values if values else text


def _number_in_english(one: str, many: str, number: int) -> str:
    return (one if number == 1 else many) % {"num": number}


@dataclass(frozen=True, slots=True)
class Localization:
    """The language of the page, gettext's functions for its texts, and how amounts are written."""

    language: str
    gettext: Callable[..., str]
    ngettext: Callable[[str, str, int], str]
    format_amount: Callable[[Any], str]


ENGLISH = Localization("en", _in_english, _number_in_english, str)


def z_page(
    store: Store, day: str, reports: Sequence[Document], company: Iterable[str], localization: Localization = ENGLISH
) -> str:
    """The page, in HTML: the Z-reports of a store's day, one for each currency. `company` is what is
    known of its name and number; times are those of the store."""
    shown = [
        {
            **report,
            "closed_at": _local(store, report["closed_at"]),
            "sales_sums": _sums(report["sales"], report["sales_total"]),
            "refunds_sums": _sums(report["refunds"], report["refunds_total"]),
        }
        for report in reports
    ]
    for each in shown:
        each["left"] = {name: amount - each["refunds_sums"][name] for name, amount in each["sales_sums"].items()}
    context = {
        "store": store,
        "day": day,
        "reports": shown,
        "company": ", ".join(filter(None, company)),
        "style": _STYLE,
        "language": localization.language,
        "_": localization.gettext,
        "ngettext": localization.ngettext,
        "amount": localization.format_amount,
    }
    return _PAGES.get_template("dashboard/books/z_report.html").render(context)


def _local(store: Store, moment: datetime | None) -> str:
    return f"{store.local(moment):%Y-%m-%d %H:%M}" if moment else ""


def _sums(rows: Iterable[Document], total: Any) -> Document:
    """Net and VAT of all rates together, beside their total with rounding."""
    rows = list(rows)
    return {name: sum((decimal(row[name]) for row in rows), Decimal("0.00")) for name in ("net", "vat")} | {
        "total": decimal(total)
    }
