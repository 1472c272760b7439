"""The Z-reports of a store's day as a page to print. It needs no other file, so it can be saved and sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

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


def z_page(store: Store, day: str, reports: Sequence[Document], company: Iterable[str]) -> str:
    """The page, in HTML: the Z-reports of a store's day, one for each currency. `company` is what is known of its name
    and number; times are those of the store."""
    shown = [
        {
            **report,
            "closed_at": _local(store, report["closed_at"]),
            "sales_sums": _sums(report["sales"]),
            "refunds_sums": _sums(report["refunds"]),
            "left": decimal(report["sales_total"]) - decimal(report["refunds_total"]),
        }
        for report in reports
    ]
    named = ", ".join(filter(None, company))
    return _PAGES.get_template("z_report.html").render(store=store, day=day, reports=shown, company=named, style=_STYLE)


def _local(store: Store, moment: datetime | None) -> str:
    return f"{store.local(moment):%Y-%m-%d %H:%M}" if moment else ""


def _sums(rows: Iterable[Document]) -> dict[str, Decimal]:
    """Net and VAT of all rates together."""
    sums = {"net": Decimal("0.00"), "vat": Decimal("0.00")}
    for row in rows:
        for name in sums:
            sums[name] += decimal(row[name])
    return sums
