"""One product: what there is of it, and every movement that explains it."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, redirect, request, url_for

from pos_api.catalogue import items, movement_csv, presentation, queries
from pos_api.catalogue.external_ids import number_of
from pos_api.catalogue.model import ProductDocument
from pos_api.common.time import now
from pos_api.database.client import Document
from pos_api.senders.items import has_items
from pos_api.staff import audit
from pos_api.stock.product_sync import at_stores
from pos_api.stock.reserved import reserved_in_stores
from pos_api.web.api import pages
from pos_api.web.dashboard.access import current_user, page
from pos_api.web.dashboard.languages import _, locale
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.dashboard.stock.blueprint import blp
from pos_api.web.dashboard.stock.product_words import (
    order_url,
    reason_in_words,
    state_in_words,
    what_to_do,
    with_price,
)
from pos_api.web.services import services

_LIMIT = 25
_DRAWN = 200
"""Movements in the chart."""


@blp.get("/product")
@page("viewer")
def product() -> Any:
    """One product, by its SKU or a former one: `?sku=`, as a SKU may hold slashes, which proxies rewrite in paths."""
    sku = request.args.get("sku", "").strip()
    if not sku:
        return redirect(url_for(".index"), 303)
    db, found = services().db, queries.get(services().db, sku)
    position = pages.after(request.args.get("cursor"), int)
    before = position[0] if position else None
    moved = queries.movements(db, sku, before=before, limit=_LIMIT + 1)
    rows, info = pages.page(moved, _LIMIT, lambda movement: [movement["seq"]])
    reserved = reserved_in_stores(db, [each.id for each in services().stores.all()], found["_id"])
    return render(
        "stock/product.html",
        product=with_price(found, presentation.product(found)),
        reserved=reserved,
        links=_links(found),
        movements=[_shown(movement) for movement in rows],
        more=info["next"] and url_for(".product", sku=found["sku"], cursor=info["next"]),
        chart=None if before else _chart(found),
        timezone=timezone_of(),
        synced=at_stores(db, found["_id"]),
        what_to_do=what_to_do,
        may_change=current_user().may("manager"),
    )


def _links(found: ProductDocument) -> list[Document]:
    """The external ids that a product is found by; `is_item` where staff made the link, and can end it."""
    known = items.of_products(services().db, [found])
    links = []
    for external_id in found.get("external_ids", ()):
        store = services().stores.get(external_id.partition(":")[0])
        links.append(
            {
                "store": store.id,
                "name": store.name,
                "id": number_of(external_id),
                "is_item": has_items(store),
                "item": known.get(external_id),
            }
        )
    return links


def _shown(movement: Document) -> Document:
    shown = presentation.ledger_movement(movement)
    stores = [{**each, "words": state_in_words(each["state"])} for each in shown["stores"]]
    return {**shown, "words": reason_in_words(shown), "url": order_url(shown["order"]), "stores": stores}


def _chart(found: ProductDocument) -> Document | None:
    """The stock after each of the latest movements, up to now; None for a product that has only just begun."""
    latest = queries.movements(services().db, found["sku"], limit=_DRAWN)[::-1]
    if len(latest) < 2:
        return None
    return {
        "kind": "step",
        "x": [each["at"].timestamp() for each in latest] + [now().timestamp()],
        "series": [{"name": _("Stock"), "values": [each["balance"] for each in latest] + [latest[-1]["balance"]]}],
        "language": str(locale()).replace("_", "-"),
        "timezone": timezone_of(),
        "currency": "",
    }


@blp.get("/ledger.<ending>")
@page("viewer")
def ledger(ending: str) -> Any:
    """The entire ledger of a product as a CSV file, as the API exports it."""
    if ending != "csv":
        abort(404)
    found = queries.all_movements(services().db, request.args.get("sku", ""))
    audit.record(services().db, "stock.exported", target=request.args.get("sku", ""))
    headers = {"Content-Disposition": 'attachment; filename="ledger.csv"'}
    return Response(movement_csv.write(found), mimetype="text/csv", headers=headers)
