"""SKUs that orders named and no product has: make the product, or link the SKU to the product that it is."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from pos_api.catalogue import other_skus, presentation, product_list
from pos_api.catalogue.product_csv import MAX_SKU
from pos_api.database.client import Document
from pos_api.errors import PosError
from pos_api.orders.unknown_products import LOOKED_AT, unknown_skus
from pos_api.processing import listeners
from pos_api.web.api.product_schemas import OtherSku
from pos_api.web.dashboard.access import current_user, page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.stock import forms
from pos_api.web.dashboard.stock.blueprint import blp
from pos_api.web.dashboard.stock.product_words import order_url
from pos_api.web.services import services

_MOST_FOUND = 20
_MOST_SHOWN = 200


@blp.get("/unknown")
@page("viewer")
def unknown() -> Any:
    """The unknown SKUs, the most ordered first."""
    found = unknown_skus(services().db)
    return render(
        "stock/unknown.html",
        rows=[(each, order_url(each.latest_order)) for each in found[:_MOST_SHOWN]],
        left_out=max(len(found) - _MOST_SHOWN, 0),
        looked_at=LOOKED_AT,
        may_change=current_user().may("manager"),
    )


def candidates(words: str) -> list[Document]:
    """The products that a search finds, to choose one of."""
    found = product_list.find(services().db, "all", words, limit=_MOST_FOUND) if words else ()
    return [presentation.product(product) for _place, product in found]


@blp.get("/link")
@page("manager")
def link() -> Any:
    """Choose the product that an unknown SKU is."""
    if not (other := request.args.get("other", "").strip()):
        return redirect(url_for(".unknown"), 303)
    return _choose(other)


def _choose(other: str, problem: str = "") -> str:
    words = request.values.get("q", "")[:MAX_SKU].strip()
    return render("stock/link.html", other=other, words=words, products=candidates(words), problem=problem)


@blp.post("/link")
@page("manager")
def save_link() -> Any:
    """Let the unknown SKU find the chosen product."""
    try:
        given = forms.read(OtherSku(), request.form)
        done = other_skus.add_sku(services().db, given["sku"], given["other"])
    except PosError as error:
        messages = [each for texts in forms.errors_of(error).values() for each in texts]
        return _choose(request.form.get("other", "").strip()[:MAX_SKU], " ".join(messages)), error.status
    listeners.notify(done.events)
    flash(_("%(other)s finds %(sku)s from now on.", other=given["other"], sku=done.product["sku"]))
    return redirect(url_for(".unknown"), 303)
