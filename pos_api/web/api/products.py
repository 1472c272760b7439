"""The catalogue: products, their stock, and the ledger that explains it.

A SKU may hold spaces, slashes and any letter, so it is a query parameter (`?sku=`), never a part of the path, which
proxies rewrite.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from flask import Response, request

from pos_api.catalogue import (
    items,
    movement_csv,
    other_skus,
    presentation,
    product_csv,
    queries,
    staff_actions,
    stock_events,
)
from pos_api.catalogue.model import ProductDocument
from pos_api.catalogue.staff_actions import ProductChanges as Changes
from pos_api.catalogue.staff_actions import StaffMovement
from pos_api.database.client import Document
from pos_api.errors import BadRequest, UnsupportedMediaType
from pos_api.processing import listeners
from pos_api.staff import audit
from pos_api.stores.api_keys import READ
from pos_api.web.api import pages
from pos_api.web.api.access import current_principal, staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import documented, fails_with
from pos_api.web.api.product_schemas import (
    Adjustment,
    Count,
    ImportReport,
    ItemQuery,
    LedgerMovement,
    Moved,
    MovementQuery,
    NewProduct,
    Once,
    OtherSku,
    Product,
    ProductChanges,
    ProductQuery,
)
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import page_of, reply
from pos_api.web.services import services

blp = Blueprint("products", __name__, url_prefix="/api/products", description="Catalogue and stock")


@blp.get("")
@staff("viewer", scope=READ)
@fails_with(400)
@blp.arguments(ProductQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(Product))
def list_products(query: Document) -> Any:
    """List products by SKU, a page at a time; as one CSV file with `Accept: text/csv`."""
    wanted = queries.Filter(query.get("sku"), query.get("q"), query["low_stock"], query["archived"])
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        asked = {name: value for name, value in asdict(wanted).items() if value}
        audit.record(services().db, "products.exported", details=asked)
        lines = product_csv.write(queries.find(services().db, wanted))
        return Response(
            lines, mimetype="text/csv", headers={"Content-Disposition": 'attachment; filename="products.csv"'}
        )
    position = pages.after(query["cursor"], str)
    limit = query["limit"]
    found = queries.find(services().db, wanted, after=position[0] if position else None, limit=limit + 1)
    rows, info = pages.page(list(found), limit, lambda product: [product["_id"]])
    linked = items.of_products(services().db, rows)
    return success([presentation.product(product, linked) for product in rows], page=info)


def _shown(product: ProductDocument) -> Document:
    return presentation.product(product, items.of_products(services().db, [product]))


@blp.post("")
@staff("manager")
@fails_with(409)
@blp.arguments(NewProduct)
@blp.response(201, reply(Product))
def create_product(details: Document) -> Any:
    """Create a product. Its stock is the first movement of its ledger."""
    done = staff_actions.add(services().db, details, by=current_principal().name)
    listeners.notify(done.events)
    stock_events.publish(services().db, done.events)
    location = f"/api/products/item?sku={quote(done.product['sku'], safe='')}"
    return success(_shown(done.product), message="Created"), 201, {"Location": location}


@blp.get("/item")
@staff("viewer", scope=READ)
@fails_with(404)
@blp.arguments(ItemQuery, location="query")
@blp.response(200, reply(Product))
def get_product(query: Document) -> Any:
    """One product, by its SKU or a former one."""
    return success(_shown(queries.get(services().db, query["sku"])))


@blp.patch("/item")
@staff("manager")
@fails_with(404, 409)
@blp.arguments(ItemQuery, location="query")
@blp.arguments(ProductChanges)
@blp.response(200, reply(Product))
def change_product(query: Document, changes: Changes) -> Any:
    """Change name, price or threshold, or archive. A shop's next update of the product sets name and price again."""
    done = staff_actions.change(services().db, query["sku"], changes)
    listeners.notify(done.events)
    return success(_shown(done.product))


@blp.post("/skus")
@staff("manager")
@fails_with(404, 409)
@blp.arguments(OtherSku)
@blp.response(200, reply(Product))
def add_sku(given: Document) -> Any:
    """Let one more SKU find a product: a label that orders name, and that is the same thing. Orders that come from now
    on take from its stock; those that named it before stay as they are."""
    done = other_skus.add_sku(services().db, given["sku"], given["other"])
    listeners.notify(done.events)
    return success(_shown(done.product))


def _answer(done: StaffMovement) -> Any:
    listeners.notify(done.events)
    stock_events.publish(services().db, done.events)
    return success({"product": _shown(done.product), "movement": presentation.ledger_movement(done.movement)})


@blp.post("/count")
@staff("manager")
@fails_with(404)
@blp.arguments(Count)
@blp.response(200, reply(Moved))
def count_product(given: Document) -> Any:
    """Set the stock to what was counted: “there are 12”."""
    return _answer(
        staff_actions.count(
            services().db, given["sku"], given["count"], by=current_principal().name, note=given["note"]
        )
    )


@blp.post("/adjust")
@staff("manager")
@fails_with(404)
@blp.arguments(Once, location="headers")
@blp.arguments(Adjustment)
@blp.response(200, reply(Moved))
def adjust_product(headers: Document, given: Document) -> Any:
    """Change the stock by some units, with the reason: “2 broken”."""
    done = staff_actions.adjust(
        services().db,
        given["sku"],
        given["change"],
        reason=given["reason"],
        by=current_principal().name,
        note=given["note"],
        once=headers["idempotency_key"],
    )
    return _answer(done)


@blp.get("/movements")
@staff("viewer", scope=READ)
@fails_with(400, 404)
@blp.arguments(MovementQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(LedgerMovement))
def list_movements(query: Document) -> Any:
    """The stock ledger of a product, newest first: it answers “why is this 7?”, and what became of each movement at
    each shop that stock is sent to. As one CSV file with `Accept: text/csv`."""
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        return _ledger_csv(query["sku"])
    position = pages.after(query["cursor"], int)
    limit = query["limit"]
    before = position[0] if position else None
    found = queries.movements(services().db, query["sku"], before=before, limit=limit + 1)
    rows, info = pages.page(found, limit, lambda movement: [movement["seq"]])
    return success([presentation.ledger_movement(movement) for movement in rows], page=info)


def _ledger_csv(sku: str) -> Response:
    found = queries.all_movements(services().db, sku)
    audit.record(services().db, "stock.exported", target=sku)
    headers = {"Content-Disposition": 'attachment; filename="ledger.csv"'}
    return Response(movement_csv.write(found), mimetype="text/csv", headers=headers)


_CSV_EXAMPLE = 'sku,name,price,stock,low_stock_threshold\nbeans-1kg,"Coffee beans, 1 kg",189.00,12,5\n'


@blp.post("/import")
@staff("manager")
@fails_with(400, 413, 415, 422)
@documented(
    requestBody={
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string"}, "example": _CSV_EXAMPLE}},
    }
)
@blp.response(200, reply(ImportReport))
def import_products() -> Any:
    """Bring the catalogue to what a CSV file says.

    The first line names the columns (`sku`, `name`, `price`, `stock`, `low_stock_threshold`, `archived`), separated by
    comma, semicolon or tab. Unknown SKUs are created; of the others a blank cell changes nothing, and a stock that
    differs is taken as counted. A row with an error is left out whole; the same file again changes nothing.
    """
    if request.mimetype != "text/csv":
        raise UnsupportedMediaType("Send text/csv.")
    body = request.get_data()
    if not body:
        raise BadRequest("The file is empty.")
    report = product_csv.read(services().db, body, by=current_principal().name)
    listeners.notify(report.events)
    stock_events.publish(services().db, report.events)
    return success(report)
