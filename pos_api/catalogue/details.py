"""What a store says of a product: name, price, SKU and details, compared with what is stored. No database is needed
here."""

from __future__ import annotations

from bson import Decimal128

from pos_api.catalogue.model import ProductDetails, ProductDocument, ProductUpdate, details_of
from pos_api.common.money import decimal


class ReportedFields(ProductDetails, total=False):
    """The fields of a product that an update sets."""

    sku: str
    name: str
    price: Decimal128 | None


def reported_fields(product: ProductDocument, update: ProductUpdate, sku: str) -> ReportedFields:
    """The fields that an update sets: the SKU, which may be a placeholder, and the name always; price and details where
    the update has them, details only where they differ."""
    fields: ReportedFields = {"sku": sku, "name": update.name or product["name"]}
    add_differing_details(fields, product, update)
    if update.price is not None or update.has_no_price:
        fields["price"] = update.price
    return fields


def changes_anything(product: ProductDocument, fields: ReportedFields) -> bool:
    """Whether any of these fields is another one in a stored product."""
    return any(product.get(name) != value for name, value in fields.items())


def differing_fields(product: ProductDocument, update: ProductUpdate) -> list[str]:
    """The names of the fields of a stored product that are not as a store says they are; its stock is not among
    them."""
    fields = [] if product["sku"] == update.sku else ["sku"]
    if update.name and product["name"] != update.name:
        fields.append("name")
    if _price_differs(product.get("price"), update):
        fields.append("price")
    details: ProductDetails = {}
    add_differing_details(details, product, update)
    if update.parent_external_id:  # a variation's others may be its parent's
        return [*fields, *(name for name in details if name == "gtin")]
    return [*fields, *details]


def _price_differs(known: Decimal128 | None, update: ProductUpdate) -> bool:
    if update.price is None:
        return update.has_no_price and known is not None
    return known is None or decimal(known) != decimal(update.price)


def add_differing_details(fields: ProductDetails, product: ProductDocument, update: ProductUpdate) -> None:
    """Add to `fields` the details that an update reports and that are not as they are stored."""
    known, reported = details_of(product), update.details
    if "gtin" in reported and reported["gtin"] != known["gtin"]:
        fields["gtin"] = reported["gtin"]
    if "image_url" in reported and reported["image_url"] != known["image_url"]:
        fields["image_url"] = reported["image_url"]
    if "categories" in reported and reported["categories"] != known["categories"]:
        fields["categories"] = reported["categories"]
    if "tax_class" in reported and reported["tax_class"] != known["tax_class"]:
        fields["tax_class"] = reported["tax_class"]
