"""What to do about warnings of orders, and where (`common.warning_messages` has their codes)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for

from pos_api.common.warning_messages import EventWarning
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.warning_words import in_words


@dataclass(frozen=True, slots=True)
class Step:
    """A page where something can be done about a warning; it takes the role of a manager."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A warning in words: what is so, what to do, and where."""

    text: str
    to_do: str
    steps: tuple[Step, ...] = ()


def advice(warning: EventWarning, store: str) -> Advice:
    """A warning of an order of this store. About one of a code that is not known here there is nothing to say."""
    steps = _STEPS.get(warning.code)
    [text] = in_words([warning.stored()])
    return Advice(text, to_do().get(warning.code, ""), steps(warning.values, store) if steps else ())


def to_do() -> dict[str, str]:
    """What to do about the warnings of each code."""
    return {
        "unknown_sku": _(
            "Make a product of it, or link the SKU to the product that it is; later orders then move its stock. "
            "What this order sold, adjust by hand."
        ),
        "unlinked_item": _(
            "Link the item to its product; later orders then move its stock. What this order sold, adjust by hand."
        ),
        "line_without_sku": _("Give the product its code in the till; later sales then move its stock."),
        "unclear_refund_line": _(
            "Look at the goods: where they are back on the shelf, adjust the stock of the product by hand."
        ),
        "reported_differently": _(
            "Compare the order with the receipt. If it differs, correct it at the till and send it again."
        ),
        "waits_for_rest": _(
            "Nothing, as long as it is new. If the rest does not come within a day, look at what the sender sends."
        ),
        "payment_names_several_orders": _(
            "Look up the payment at the provider, and compare its amount and time with these orders."
        ),
        "product_without_sku": _("Give it a SKU in the shop; when it is saved there, it comes here."),
        "stock_not_managed": _("Let the shop manage its stock, or count the product here."),
        "shared_sku": _("Give each of the two a SKU of its own in the shop, unless they are the same goods."),
        "sku_of_several": _("Give each a SKU of its own in the shop, unless they are the same goods."),
        "not_published": _("Nothing: this ends when the product is published."),
        "unknown_parent": _("Save the parent product in the shop once more, so that it is sent, then the variation."),
        "sku_taken": _("Give the other product its new SKU in the shop or here, and count both if they were mixed up."),
        "field_left_out": _(
            "Correct it in the shop or at the till and save again. If it looks right there, report it as a fault."
        ),
        "field_shortened": _("Shorten it in the shop, if the rest is needed here."),
        "characters_replaced": _("Write it anew in the shop, if it is hard to read here."),
    }


def _unknown_sku(values: Mapping[str, Any], _store: str) -> tuple[Step, ...]:
    sku = str(values.get("sku", ""))
    return (
        Step(_("Make a product of it"), url_for("dashboard.stock.new", sku=sku)),
        Step(_("Link it to a product"), url_for("dashboard.stock.link", other=sku)),
    )


def _unlinked_item(values: Mapping[str, Any], store: str) -> tuple[Step, ...]:
    item = str(values.get("item", ""))
    return (Step(_("Link it to a product"), url_for("dashboard.stock.item_link", store=store, item=item)),)


def _taken_sku(values: Mapping[str, Any], _store: str) -> tuple[Step, ...]:
    skus = [str(values[name]) for name in ("sku", "product") if name in values]
    return tuple(Step(_("See %(sku)s", sku=sku), url_for("dashboard.stock.product", sku=sku)) for sku in skus)


_STEPS: Mapping[str, Callable[[Mapping[str, Any], str], tuple[Step, ...]]] = {
    "unknown_sku": _unknown_sku,
    "unlinked_item": _unlinked_item,
    "sku_taken": _taken_sku,
}
