"""The products, those that somebody has to look at first."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, request, url_for

from pos_api.catalogue import presentation, product_csv, product_list
from pos_api.catalogue.product_list import COUNTED_TO, SHOWN, Place, Shown
from pos_api.staff import audit
from pos_api.web.api import pages
from pos_api.web.dashboard.access import current_user, page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.stock.blueprint import blp
from pos_api.web.dashboard.stock.product_words import with_price
from pos_api.web.services import services

_LIMIT = 50
_MOST_TYPED = 200


def _asked() -> tuple[Shown, str]:
    """What the address asks for. A product is oversold where its stock is below zero."""
    shown = request.args.get("show", "all")
    shown = "negative" if shown == "oversold" else shown
    return shown if shown in SHOWN else "all", request.args.get("q", "")[:_MOST_TYPED].strip()


@blp.get("")
@page("viewer")
def index() -> Any:
    """All products, a page at a time."""
    shown, words = _asked()
    position = pages.after(request.args.get("cursor"), int, str)
    after = Place(*position) if position else None
    found = list(product_list.find(services().db, shown, words, after=after, limit=_LIMIT + 1))
    rows, info = pages.page(found, _LIMIT, lambda row: row[0])
    more = info["next"] and url_for(".index", show=shown, q=words or None, cursor=info["next"])
    return render(
        "stock/index.html",
        rows=[with_price(product, presentation.product(product)) for _place, product in rows],
        more=more,
        shown=shown,
        words=words,
        counts=None if after else product_list.counts(services().db),
        counted_to=COUNTED_TO,
        choices=[
            ("all", _("All products")),
            ("low", _("Low")),
            ("negative", _("Below zero (oversold)")),
            ("archived", _("Archived")),
        ],
        may_change=current_user().may("manager"),
    )


@blp.get("/products.<ending>")
@page("viewer")
def export(ending: str) -> Any:
    """The products of the list as one CSV file, as the API exports them."""
    if ending != "csv":
        abort(404)
    shown, words = _asked()
    audit.record(services().db, "products.exported", details={"show": shown} | ({"q": words} if words else {}))
    found = product_list.find(services().db, shown, words)
    lines = product_csv.write(product for _place, product in found)
    headers = {"Content-Disposition": 'attachment; filename="products.csv"'}
    return Response(lines, mimetype="text/csv", headers=headers)
