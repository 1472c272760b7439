"""What figures, presets and groups are called, in the reader's language."""

from __future__ import annotations

from datetime import date

from babel.dates import format_date, get_day_names

from pos_api.web.dashboard.figures.periods import Period
from pos_api.web.dashboard.languages import _, locale


def figures() -> dict[str, tuple[str, str]]:
    """The name of each figure, and what it is, as WooCommerce Analytics has them."""
    return {
        "total_sales": (_("Total sales"), _("Net revenue, taxes and shipping.")),
        "net_revenue": (_("Net revenue"), _("Sales without taxes and shipping, less coupons and refunds.")),
        "orders_count": (_("Orders"), _("Paid or on their way; not cancelled, failed or waiting for payment.")),
        "avg_order_value": (_("Average order"), _("Net revenue by orders.")),
        "num_items_sold": (_("Items sold"), _("Less what was returned.")),
        "refunds": (_("Refunds"), _("Paid back, with taxes and shipping, on the day of the order.")),
        "gross_sales": (_("Gross sales"), _("Sales without taxes and shipping, before coupons and refunds.")),
        "coupons": (_("Coupons"), _("What coupons took off, without taxes.")),
        "taxes": (_("Taxes"), _("Less what was paid back.")),
        "shipping": (_("Shipping"), _("Without taxes, less what was paid back.")),
        "tips": (_("Tips"), _("In no other figure.")),
        "new_customers": (_("New customers"), _("With their first order in a store.")),
        "returning_customers": (_("Returning customers"), _("Had ordered before; once for each day.")),
    }


def presets() -> dict[str, str]:
    """The periods to choose from."""
    return {
        "today": _("Today"),
        "yesterday": _("Yesterday"),
        "week": _("This week"),
        "last-week": _("Last week"),
        "month": _("This month"),
        "last-month": _("Last month"),
        "quarter": _("This quarter"),
        "last-quarter": _("Last quarter"),
        "year": _("This year"),
        "last-year": _("Last year"),
        "30-days": _("Last 30 days"),
        "own": _("Own period"),
    }


def comparisons() -> dict[str, str]:
    """What to compare with."""
    return {"previous": _("Period before"), "year": _("Same period last year"), "none": _("Nothing")}


def weekdays() -> list[str]:
    """Monday to Sunday."""
    names = get_day_names("wide", "stand-alone", locale())
    return [names[number][:1].upper() + names[number][1:] for number in range(7)]


def month(day: date) -> str:
    """Nov 2026."""
    return format_date(day, "LLL yyyy", locale())


def period(of: Period) -> str:
    """The first and the last day, or the one day."""
    first, last = (format_date(day, locale=locale()) for day in (of.first, of.last))
    return first if first == last else f"{first} \N{EN DASH} {last}"
