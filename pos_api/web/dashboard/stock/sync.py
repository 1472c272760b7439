"""Stock sync: whether what is sold, counted or adjusted here is sent to each shop, and how that fares."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, redirect, request, url_for

from pos_api.errors import NotFound, PosError
from pos_api.processing import ingest
from pos_api.senders import comparisons, stock_sync
from pos_api.senders.stock_sync import SIDES, Choice, Side, SideNeeded, StockDiscrepancy, Switched, sent_to
from pos_api.staff import audit
from pos_api.stores.model import Store
from pos_api.web.api.stock_sync import WITHIN
from pos_api.web.dashboard.access import current_user, page
from pos_api.web.dashboard.languages import _, ngettext
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.dashboard.stock.blueprint import blp
from pos_api.web.dashboard.stock.product_words import state_in_words, what_to_do
from pos_api.web.services import services


def _shops() -> list[Store]:
    return [each for each in services().stores.all() if sent_to(each)]


def _shop(store: str) -> Store:
    found = next((each for each in _shops() if each.id == store), None)
    if found is None:
        raise NotFound(_("There is no shop of this name that stock can be sent to."))
    return found


@blp.get("/sync")
@page("viewer")
def sync_index() -> Any:
    """Each shop with how its stock sync fares."""
    db = services().db
    shops = [(each, stock_sync.status(db, each.id)) for each in _shops()]
    return render("stock/sync_index.html", shops=shops, timezone=timezone_of())


@blp.get("/sync/<store>")
@page("viewer")
def sync(store: str) -> Any:
    """One shop: on or off, what waits, what it did not take, and what the latest comparison found."""
    return _page(_shop(store))


def _page(shop: Store, problem: str = "", done: Switched | None = None) -> str:
    db = services().db
    return render(
        "stock/sync.html",
        shop=shop,
        status=stock_sync.status(db, shop.id),
        drift=comparisons.latest_report(db, shop.id),
        what_to_do=what_to_do,
        in_words=state_in_words,
        within=int(WITHIN),
        problem=problem,
        done=done,
        timezone=timezone_of(shop.id),
        may_change=current_user().may("manager"),
    )


@blp.get("/sync/<store>/differences")
@page("manager")
def differences(store: str) -> Any:
    """Compare now, and list the products whose stock is not the same; changes nothing."""
    shop = _shop(store)
    try:
        found = stock_sync.differences(services().db, services().config, shop.id, ingest.ingest, within=WITHIN)
    except PosError as error:
        return _page(shop, error.message), error.status
    return _choose(shop, found)


def _choose(shop: Store, found: list[StockDiscrepancy], problem: str = "") -> str:
    listed, chosen = {each["sku"] for each in found}, dict(_chosen())
    return render(
        "stock/differences.html",
        shop=shop,
        differences=[stock_sync.shown(each) for each in found],
        is_on=stock_sync.status(services().db, shop.id)["on"],
        within=int(WITHIN),
        problem=problem,
        sides=[("", _("Choose")), *_side_names()],
        chosen=chosen,
        decided=[(sku, side) for sku, side in chosen.items() if sku not in listed],
    )


def _side_names() -> list[tuple[str, str]]:
    return [("shop", _("the shop's")), ("pos", _("the one here"))]


def _chosen() -> list[tuple[str, Side]]:
    """The sides that the form names, by SKU."""
    pairs = zip(request.form.getlist("sku"), request.form.getlist("side"), strict=False)
    return [(sku, side) for sku, side in pairs if side in SIDES]


@blp.post("/sync/<store>")
@page("manager")
def switch_on(store: str) -> Any:
    """Send stock to the shop from now on, with both sides made equal as was chosen."""
    shop, everything = _shop(store), request.form.get("all", "")
    choice = Choice(everything if everything in SIDES else None, dict(_chosen()))
    try:
        done = stock_sync.switch_on(services().db, services().config, shop.id, choice, ingest.ingest, within=WITHIN)
    except SideNeeded as needed:
        text = _("Nothing was changed: say of each product whose stock is right.")
        return _choose(shop, needed.differences, text), needed.status
    except PosError as error:
        return _page(shop, error.message), error.status
    return _page(shop, done=done)


@blp.post("/sync/<store>/off")
@page("manager")
def switch_off(store: str) -> Any:
    """Send the shop no stock any more."""
    shop = _shop(store)
    left = stock_sync.switch_off(services().db, shop.id)
    flash(_("Stock sync is off: what is sold here does not change the shop's stock any more."))
    if left:
        flash(
            ngettext(
                "%(num)s change had still to be sent, and will not be; the ledger of the product says so.",
                "%(num)s changes had still to be sent, and will not be; the ledger of each product says so.",
                left,
            )
        )
    return redirect(url_for(".sync", store=shop.id), 303)


@blp.get("/sync/<store>/differences.<ending>")
@page("manager")
def differences_file(store: str, ending: str) -> Any:
    """The differences as a CSV file, compared now."""
    if ending != "csv":
        abort(404)
    db, shop = services().db, _shop(store)
    found = stock_sync.differences(db, services().config, shop.id, ingest.ingest, within=WITHIN)
    audit.record(db, "stock.exported", target=shop.id)
    headers = {"Content-Disposition": f'attachment; filename="stock-{shop.id}.csv"'}
    return Response(stock_sync.write(found), mimetype="text/csv", headers=headers)
