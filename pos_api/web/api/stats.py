"""Figures for staff, by the names and meanings of WooCommerce Analytics."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from marshmallow import Schema, fields, validate

from pos_api.common.currencies import LONGEST_CODE
from pos_api.figures import queries as stats
from pos_api.figures.spans import MOST_GROUPS
from pos_api.stores.api_keys import READ
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Id, Money, Quantity, reply
from pos_api.web.services import services

blp = Blueprint("stats", __name__, url_prefix="/api/webhooks/orders/stats", description="Figures")


class StatsQuery(Schema):
    """Whose figures."""

    since = fields.Date(
        data_key="from",
        load_default=None,
        metadata={
            "description": "First shop-local day; the first with orders where left out.",
            "example": "2026-11-01",
        },
    )
    until = fields.Date(
        data_key="to",
        load_default=None,
        metadata={"description": "Last day, included; the last with orders where left out.", "example": "2026-11-30"},
    )
    store = fields.String(
        load_default=None, validate=validate.Length(1, 40), metadata={"description": "Of this store only."}
    )
    currency = fields.String(
        load_default=None, validate=validate.Length(1, LONGEST_CODE), metadata={"description": "In this currency only."}
    )


class Figures(Schema):
    """What sold. Pending, failed, cancelled and deleted orders do not count."""

    orders_count = fields.Integer(required=True, metadata={"example": 2})
    num_items_sold = Quantity(required=True, metadata={"description": "Less returned.", "example": 5})
    gross_sales = Money(
        required=True, metadata={"description": "Totals less tax and shipping, plus coupons.", "example": "814.70"}
    )
    coupons = Money(required=True, metadata={"example": "0.00"})
    refunds = Money(
        required=True, metadata={"description": "Paid back, tax and shipping included.", "example": "219.90"}
    )
    net_revenue = Money(
        required=True,
        metadata={"description": "Totals less tax and shipping, less the same of refunds.", "example": "594.80"},
    )
    taxes = Money(required=True, metadata={"description": "Less refunded.", "example": "181.61"})
    shipping = Money(required=True, metadata={"description": "Less refunded.", "example": "49.00"})
    total_sales = Money(required=True, metadata={"description": "Net, taxes and shipping.", "example": "825.41"})
    tips = Money(required=True, metadata={"description": "Apart: no other amount has them in it.", "example": "20.00"})
    avg_order_value = Money(required=True, metadata={"description": "Net by orders.", "example": "297.40"})


class DayFigures(Figures):
    """A day's figures."""

    day = fields.String(required=True, metadata={"example": "2026-11-22"})


class HourFigures(Schema):
    """What sold in an hour of the day, on the clock of its store."""

    hour = fields.Integer(required=True, metadata={"description": "0 to 23.", "example": 7})
    orders_count = fields.Integer(required=True, metadata={"example": 2})
    num_items_sold = Quantity(required=True, metadata={"example": 5})
    net_revenue = Money(required=True, metadata={"example": "594.80"})
    total_sales = Money(required=True, metadata={"example": "825.41"})
    refunds = Money(required=True, metadata={"example": "219.90"})
    tips = Money(required=True, metadata={"example": "20.00"})


class StatusCount(Schema):
    """Orders in a status; here all count but deleted ones, and completed ones that are paid as another order."""

    status = fields.String(required=True, metadata={"example": "completed"})
    orders_count = fields.Integer(required=True, metadata={"example": 2})
    total = Money(
        required=True, metadata={"description": "Of the orders, refunds not taken off.", "example": "1045.31"}
    )


class ProductSales(Schema):
    """What sold of a product, less what was returned."""

    sku = fields.String(required=True, metadata={"description": "Blank without one.", "example": "OIL-2L"})
    name = fields.String(required=True, metadata={"example": "Olive oil, 2 l"})
    items_sold = Quantity(required=True, metadata={"example": 5})
    net_revenue = Money(required=True, metadata={"example": "175.00"})


class RateTotal(Schema):
    """What a tax rate brought, less refunded."""

    rate_id = Id(
        required=True, metadata={"description": "The shop's id of the rate, or a tax service's code.", "example": 2}
    )
    label = fields.String(required=True, metadata={"example": "Moms Reduced"})
    rate_percent = fields.String(required=True, metadata={"example": "12"})
    total_tax = Money(required=True, metadata={"example": "31.68"})


class PaymentMethodSales(Schema):
    """What was paid one way."""

    payment_method = fields.String(required=True, metadata={"example": "cod"})
    title = fields.String(required=True, metadata={"example": "Cash on delivery"})
    orders_count = fields.Integer(required=True, metadata={"example": 2})
    total_sales = Money(required=True, metadata={"example": "825.41"})


class StoreSales(Schema):
    """What a store sold, less what was paid back."""

    store = fields.String(required=True, metadata={"example": "default"})
    orders_count = fields.Integer(required=True, metadata={"example": 2})
    total_sales = Money(required=True, metadata={"example": "825.41"})


_GROUPS = {"description": f"The {MOST_GROUPS:,} largest; where there are more, the last row adds up the others."}


class CurrencyFigures(Figures):
    """The figures in one currency; amounts of several are never added."""

    currency = fields.String(required=True, metadata={"example": "SEK"})
    new_customers = fields.Integer(
        required=True, metadata={"description": "Whose first order in a store is among these.", "example": 1}
    )
    returning_customers = fields.Integer(
        required=True,
        metadata={"description": "Who had ordered before; counted once for each day they came back.", "example": 1},
    )
    by_status = fields.List(fields.Nested(StatusCount), required=True, metadata=_GROUPS)
    by_day = fields.List(
        fields.Nested(DayFigures),
        required=True,
        metadata={
            "description": "Every day, also those without orders; of more than "
            f"{stats.MOST_DAY_ROWS:,} days in all currencies only those with orders."
        },
    )
    by_hour = fields.List(
        fields.Nested(HourFigures),
        required=True,
        metadata={"description": "Each hour of the day, all days of the range together; also hours without orders."},
    )
    top_products = fields.List(
        fields.Nested(ProductSales),
        required=True,
        metadata={"description": f"At most {stats.TOP_PRODUCTS}, most units sold first."},
    )
    tax_by_rate = fields.List(fields.Nested(RateTotal), required=True, metadata=_GROUPS)
    by_store = fields.List(fields.Nested(StoreSales), required=True, metadata=_GROUPS)
    by_payment_method = fields.List(fields.Nested(PaymentMethodSales), required=True, metadata=_GROUPS)


class Stats(Schema):
    """The figures of a range of days."""

    since = fields.String(data_key="from", required=True, metadata={"example": "2026-11-01"})
    until = fields.String(data_key="to", required=True, metadata={"example": "2026-11-30"})
    currencies = fields.List(fields.Nested(CurrencyFigures), required=True)


@blp.get("")
@staff("viewer", scope=READ)
@blp.arguments(StatsQuery, location="query")
@blp.response(200, reply(Stats))
def get_stats(query: dict[str, Any]) -> Any:
    """The figures of shop-local days, as exact as the orders are at this moment.

    What changed since the last look is counted first. Where that takes more than some seconds, as after an import, the
    answer is 503 and says how many orders are left; what is counted stays so, so ask again.
    """
    return jsonify(success(stats.figures(services().db, **query)))
