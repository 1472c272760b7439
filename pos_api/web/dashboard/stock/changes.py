"""What managers change of a product: count, adjust, name and price, archive; and a new one."""

from __future__ import annotations

import uuid
from typing import Any, cast

from flask import flash, redirect, request, url_for
from flask.wrappers import Response

from pos_api.catalogue import items, queries, staff_actions, stock_events
from pos_api.catalogue.model import ProductDocument, owning_store
from pos_api.catalogue.staff_actions import ProductChanges as Changes
from pos_api.catalogue.staff_actions import StaffMovement
from pos_api.common.quantity import Quantity, whole
from pos_api.database.client import Document
from pos_api.errors import Conflict, PosError
from pos_api.processing import listeners
from pos_api.senders.items import store_with_items
from pos_api.web.api.product_schemas import Adjustment, Count, NewProduct, ProductChanges
from pos_api.web.dashboard.access import current_user, page
from pos_api.web.dashboard.languages import _, number, signed
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.stock import forms
from pos_api.web.dashboard.stock.blueprint import blp
from pos_api.web.services import services


def to_product(sku: str) -> Response:
    """Back to the product's page."""
    return cast(Response, redirect(url_for(".product", sku=sku), 303))


# --- a new one ------------------------------------------------------------------------------------------------------


@blp.get("/new")
@page("manager")
def new() -> Any:
    """The form of a new product; `sku` and `name` may be known already."""
    return render("stock/new.html", values=request.args, errors={})


@blp.post("/new")
@page("manager")
def create() -> Any:
    """Create a product. Its stock is the first movement of its ledger."""
    try:
        details = forms.read(NewProduct(), request.form)
        done = staff_actions.add(services().db, details, by=current_user().name)
    except PosError as error:
        return render("stock/new.html", values=request.form, errors=forms.errors_of(error)), error.status
    listeners.notify(done.events)
    stock_events.publish(services().db, done.events)
    flash(_("%(sku)s was made.", sku=done.product["sku"]))
    _link_item(done.product["sku"])
    return to_product(done.product["sku"])


def _link_item(sku: str) -> None:
    """Link the item for which the product was made, where it was made for one."""
    if request.form.get("item"):
        store = store_with_items(services().stores, request.form.get("store", "")).id
        done = items.link(services().db, store, items.item_number(request.form["item"]), sku)
        listeners.notify(done.events)


# --- its stock ------------------------------------------------------------------------------------------------------


@blp.get("/count")
@page("manager")
def count() -> Any:
    """What a count would change."""
    return _ask("count", request.args)


@blp.post("/count")
@page("manager")
def save_count() -> Any:
    """Set the stock to what was counted, if it is still what the person was shown."""

    def save(given: Document) -> StaffMovement:
        return staff_actions.count(
            services().db, given["sku"], given["count"], by=current_user().name, note=given["note"]
        )

    return _save("count", save)


@blp.get("/adjust")
@page("manager")
def adjust() -> Any:
    """What an adjustment would change."""
    return _ask("adjust", request.args)


@blp.post("/adjust")
@page("manager")
def save_adjustment() -> Any:
    """Change the stock by some units; the same form sent twice counts once."""

    def save(given: Document) -> StaffMovement:
        once = request.form.get("once", "")[:255] or None
        of = {"reason": given["reason"], "note": given["note"], "by": current_user().name}
        return staff_actions.adjust(services().db, given["sku"], given["change"], **of, once=once)

    return _save("adjust", save)


_SCHEMAS = {"count": Count, "adjust": Adjustment}


def _ask(kind: str, said: Any, status: int = 200, error: PosError | None = None) -> Any:
    """The page that shows what a count or an adjustment would change, and asks."""
    sku = said.get("sku", "").strip()
    if not sku:
        return redirect(url_for(".index"), 303)
    product = queries.get(services().db, sku)
    after: Quantity | None = None
    errors: dict[str, list[str]] = {}
    try:
        given = forms.read(_SCHEMAS[kind](), said)
        after = whole(given["count"] if kind == "count" else product["stock"] + given["change"])
    except PosError as wrong:
        error = error or wrong
        status = error.status
    if error is not None:
        errors = forms.errors_of(error)
    context = {
        "kind": kind,
        "product": product,
        "values": said,
        "errors": errors,
        "after": after,
        "difference": None if after is None else whole(after - product["stock"]),
        "once": said.get("once") or uuid.uuid4().hex,
    }
    return render("stock/move.html", **context), status


def _save(kind: str, save: Any) -> Any:
    try:
        given = forms.read(_SCHEMAS[kind](), request.form)
        product = queries.get(services().db, given["sku"])
        if kind == "count":
            _check_not_moved(product, request.form.get("seen", ""))
        done: StaffMovement = save(given)
    except PosError as error:
        return _ask(kind, request.form, error.status, error)
    listeners.notify(done.events)
    stock_events.publish(services().db, done.events)
    balance, moved = done.movement["balance"], done.movement["quantity"]
    change = {"before": number(whole(balance - moved)), "after": number(balance), "difference": signed(moved)}
    flash(_("The stock went from %(before)s to %(after)s (%(difference)s).", **change))
    return to_product(done.product["sku"])


def _check_not_moved(product: ProductDocument, seen: str) -> None:
    """What was sold since somebody counted is missing from the shelf, or not: they have to say so."""
    if seen != str(product["seq"]):
        raise Conflict(_("The stock has changed since you looked. Check that what you counted is still right."))


# --- its details ----------------------------------------------------------------------------------------------------


@blp.get("/change")
@page("manager")
def change() -> Any:
    """The form for name, price and threshold."""
    if not request.args.get("sku", "").strip():
        return redirect(url_for(".index"), 303)
    product = queries.get(services().db, request.args["sku"])
    price, low_at = product.get("price"), product.get("low_stock_threshold")
    values = {
        "name": product["name"],
        "price": "" if price is None else str(price),
        "low_stock_threshold": "" if low_at is None else str(low_at),
    }
    return _change_form(product, values, values, {})


def _change_form(product: ProductDocument, values: Any, seen: Any, errors: dict[str, list[str]]) -> str:
    """The form with `values` in it; `seen` is what it showed at first."""
    home = owning_store(product)
    return render("stock/change.html", product=product, values=values, seen=seen, errors=errors, home=home)


@blp.post("/change")
@page("manager")
def save_change() -> Any:
    """Change of name, price and threshold those that were typed otherwise than the form showed them: what a shop has
    changed since stays."""
    product = queries.get(services().db, request.form.get("sku", ""))
    try:
        changes = forms.read(
            ProductChanges(exclude=("archived",)), request.form, blank={"price": None, "low_stock_threshold": None}
        )
        typed = forms.retyped(request.form, changes)
        differing = {name: changes[name] for name in typed if product.get(name) != changes[name]}
        done = staff_actions.change(services().db, product["sku"], cast(Changes, differing))
    except PosError as error:
        seen = forms.seen(request.form)
        return _change_form(product, request.form, seen, forms.errors_of(error)), error.status
    listeners.notify(done.events)
    flash(_("Saved.") if differing else _("Nothing was changed."))
    return to_product(product["sku"])


@blp.post("/archive")
@page("manager")
def archive() -> Any:
    """Take a product out of the lists, or bring it back."""
    is_archived = request.form.get("archived") == "yes"
    done = staff_actions.change(services().db, request.form.get("sku", ""), {"archived": is_archived})
    listeners.notify(done.events)
    flash(_("Archived. Orders still find it.") if is_archived else _("It is in the lists again."))
    return to_product(done.product["sku"])
