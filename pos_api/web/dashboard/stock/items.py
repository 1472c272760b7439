"""Items of ordering apps, which have no SKU: staff link each to the product that it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, abort, flash, redirect, request, url_for

from pos_api.catalogue import items, items_csv, presentation
from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.items import Linked
from pos_api.catalogue.model import ItemDocument, ProductDocument
from pos_api.common.batches import in_batches
from pos_api.database.client import Document
from pos_api.errors import BadRequest, PosError
from pos_api.orders.unknown_products import Unknown, unlinked_items
from pos_api.processing import listeners
from pos_api.senders.items import has_items, store_with_items
from pos_api.staff import audit
from pos_api.web.api import pages
from pos_api.web.dashboard.access import current_user, own_path, page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.stock import imports
from pos_api.web.dashboard.stock.blueprint import blp
from pos_api.web.dashboard.stock.product_words import order_url
from pos_api.web.dashboard.stock.unknown import candidates
from pos_api.web.services import services

_LIMIT = 50
_READ_AT_MOST = 1000
"""Items that are looked at for a page: where only unlinked ones are asked for, more may have to be read."""


@blp.get("/items")
@page("viewer")
def items_index() -> Any:
    """The items of a store, a page at a time: all, or those without a link."""
    return _page(request.args.get("store"), request.args.get("show", ""))


def _page(asked: str | None, show: str, problem: str = "") -> str:
    stores = [each for each in services().stores.all() if has_items(each)]
    store = next((each for each in stores if each.id == asked), stores[0] if stores else None)
    show = "unlinked" if show == "unlinked" else "all"
    rows, following = _rows(store.id, show) if store else ([], None)
    more = following and url_for(".items_index", store=store and store.id, show=show, cursor=following)
    return render(
        "stock/items.html",
        stores=[(each.id, each.name) for each in stores],
        store=store,
        show=show,
        choices=[("all", _("All items")), ("unlinked", _("Not linked"))],
        rows=rows,
        more=more,
        problem=problem,
        may_change=current_user().may("manager"),
    )


def _rows(store: str, show: str) -> tuple[list[Document], str | None]:
    position = pages.after(request.args.get("cursor"), int)
    waiting = unlinked_items(services().db)
    shown: list[Document] = []
    last: int | None = position[0] if position else None
    for item, product in _read(store, last):
        last = item["item"]
        if show == "all" or product is None:
            shown.append(_shown(item, product, waiting.get(item["_id"])))
        if len(shown) == _LIMIT:
            break
    has_more = last is not None and next(items.find(services().db, store, after=last, limit=1), None) is not None
    return shown, pages.info(_LIMIT, [last])["next"] if has_more else None


def _read(store: str, after: int | None) -> Iterator[tuple[ItemDocument, ProductDocument | None]]:
    db = services().db
    for some in in_batches(items.find(db, store, after=after, limit=_READ_AT_MOST), 100):
        linked = items.linked_to(db, [each["_id"] for each in some])
        for item in some:
            yield item, linked.get(item["_id"])


def _shown(item: ItemDocument, product: ProductDocument | None, waiting: Unknown | None) -> Document:
    shown = presentation.item(item, product)
    orders = waiting.orders if waiting and product is None else 0
    name = shown["name"] or (waiting.name if waiting else "")
    return {**shown, "name": name, "orders": orders, "url": order_url(waiting.latest_order) if waiting else None}


@blp.get("/items/<store>/<item>/link")
@page("manager")
def item_link(store: str, item: str) -> Any:
    """Choose the product that an item is."""
    return _choose(store, item)


def _choose(store: str, item: str, problem: str = "") -> str:
    store_with_items(services().stores, store)
    key = external_id(store, items.item_number(item))
    known = next(iter(items.find(services().db, store, after=items.item_number(item) - 1, limit=1)), None)
    name = known.get("name", "") if known and known["_id"] == key else ""
    words = request.values.get("q", "")[:200].strip()
    found = candidates(words)
    return render(
        "stock/item_link.html", store=store, item=item, name=name, words=words, products=found, problem=problem
    )


@blp.post("/items/<store>/<item>/link")
@page("manager")
def item_save_link(store: str, item: str) -> Any:
    """Link the item to the chosen product."""
    name = store_with_items(services().stores, store).id
    try:
        done = items.link(services().db, name, items.item_number(item), request.form.get("sku", ""))
    except PosError as error:
        return _choose(name, item, error.message), error.status
    return _after(done, _("Linked. Orders that come from now on take from its stock."), name)


@blp.post("/items/<store>/<item>/unlink")
@page("manager")
def item_unlink(store: str, item: str) -> Any:
    """End the link of an item."""
    name = store_with_items(services().stores, store).id
    done = items.unlink(services().db, name, items.item_number(item))
    return _after(done, _("Unlinked. Orders that come from now on move no stock for it."), name)


def _after(done: Linked, message: str, store: str) -> Any:
    listeners.notify(done.events)
    flash(message)
    return redirect(own_path(request.form.get("back")) or url_for(".items_index", store=store), 303)


@blp.get("/items/<store>.<ending>")
@page("viewer")
def items_export(store: str, ending: str) -> Any:
    """A store's items as a CSV file, as the API exports them."""
    if ending != "csv":
        abort(404)
    db, name = services().db, store_with_items(services().stores, store).id
    audit.record(db, "items.exported", target=name)
    headers = {"Content-Disposition": f'attachment; filename="items-{name}.csv"'}
    return Response(items_csv.write(db, items.find(db, name)), mimetype="text/csv", headers=headers)


@blp.post("/items/<store>/import")
@page("manager")
def items_import(store: str) -> Any:
    """Link items as a CSV file says."""
    name = store_with_items(services().stores, store).id
    file = request.files.get("file")
    body = file.read() if file else b""
    try:
        if not body:
            raise BadRequest(_("Choose a CSV file first."))
        report = items_csv.read(services().db, name, body)
    except PosError as error:
        return _page(name, request.form.get("show", ""), imports.problem_of(error)), error.status
    listeners.notify(report.events)
    return render("stock/items_imported.html", report=report, store=name)
