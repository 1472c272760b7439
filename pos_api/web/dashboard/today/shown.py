"""What the page shows, for the page itself and for its live stream."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from flask import Flask, g, render_template, url_for
from markupsafe import Markup

from pos_api.common.time import now
from pos_api.database.client import Document
from pos_api.errors import NotFound
from pos_api.figures.day_so_far import DayFigures
from pos_api.figures.measures import HOURS
from pos_api.staff.principals import Principal
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from pos_api.web.dashboard import languages, order_words
from pos_api.web.dashboard.access import current_user
from pos_api.web.dashboard.languages import _, ngettext
from pos_api.web.dashboard.today import comparison, sales
from pos_api.web.dashboard.today.attention import Attention
from pos_api.web.dashboard.today.day import Day, Days
from pos_api.web.dashboard.today.kept import Kept
from pos_api.web.services import Services, services

_PARTS = "dashboard/today/parts.html"


@dataclass(frozen=True, slots=True)
class Variant:
    """All that decides what is shown: readers of the same variant are shown the same."""

    language: str
    locale: str
    role: str
    store: str | None

    @classmethod
    def of_request(cls, store: str | None) -> Variant:
        """That of whoever makes the current request, of all stores or one. Raises NotFound for an unknown store."""
        _stores(services().stores, store)
        return cls(languages.language(), str(languages.locale()), current_user().role, store)

    @property
    def reader(self) -> Principal:
        """A reader of this variant."""
        return Principal("", self.role)


class Shown:
    """What is shown, each part worked out for all its readers together and kept for a moment; one for each process."""

    def __init__(self) -> None:
        self._days = Days()
        self._attention = Attention()
        self._sales: Kept[list[Document]] = Kept(0.4)
        self._has_orders = False

    def context(self, variant: Variant, newest: Hashable = None) -> dict[str, Any]:
        """What the template of the parts takes. Sales are read anew for another `newest` change. Raises NotFound where
        the store was removed."""
        services_, reader = services(), variant.reader
        self._has_orders = self._has_orders or services_.db.orders.find_one({}, {"_id": 1}) is not None
        stores = _stores(services_.stores, variant.store)
        found: dict[str, Any] = {
            "attention": self._attention.of(services_, reader),
            "reader": reader,
            "store": variant.store,
        }
        if not self._has_orders:
            return {**found, "is_new": True, "stores": stores, "sales": [], "days": []}
        moment = now()
        latest = self._latest(services_, variant, newest)
        no_sale = None if latest else sales.latest_order(services_.db, variant.store)
        found |= {
            "is_new": False,
            "sales": [_sale(each, services_.stores, moment) for each in latest],
            "no_sale": no_sale and _no_sale(no_sale),
        }
        return found | _of_day(self._days.at(services_.db, stores, moment), stores, moment)

    def _latest(self, services_: Services, variant: Variant, newest: Hashable) -> list[Document]:
        store, with_names = variant.store, variant.reader.may("manager")
        key = (store, with_names, newest)
        return self._sales.get(key, lambda: sales.latest(services_.db, store, with_names=with_names))


def _stores(stores: Stores, store: str | None) -> list[Store]:
    """All stores, or the one that is asked for. Raises NotFound for an unknown one."""
    found = [each for each in stores.all() if store in (None, each.id)]
    if store is not None and not found:
        raise NotFound(f"There is no store {store[:80]!r}.")
    return found


def shown() -> Shown:
    """The one of the current application."""
    return cast(Shown, services().of_pages.setdefault("today", Shown()))


def rendered(app: Flask, variant: Variant, newest: Hashable = None) -> str:
    """The parts of the page as HTML, outside of any request; `newest` as for `Shown.context`."""
    with app.test_request_context("/"):
        g.language = variant.language
        g.locale = Locale.parse(variant.locale)
        return render_template(_PARTS, **shown().context(variant, newest))


def fingerprint(html: Markup | str) -> str:
    """What shows whether a page has the newest parts."""
    return hashlib.blake2b(html.strip().encode(), digest_size=12).hexdigest()


def _sale(sale: Document, stores: Stores, moment: datetime) -> dict[str, Any]:
    """A sale as it is shown: when (of another day than today, which), what it is about, and where all of it is."""
    store = stores.get(sale["store"])
    local_day = store.local_day(sale["at"])
    is_today = local_day == store.local_day(moment)
    items = ngettext("%(count)s item", "%(count)s items", sale["items"], count=languages.number(sale["items"]))
    paid_back = order_words.status(sale["status"]) if "refunded" in sale["status"] else ""
    about = (store.name if len(stores.all()) > 1 else "", items, sale["buyer"], paid_back)
    return {
        **{name: sale[name] for name in ("id", "number", "total", "currency")},
        "when": languages.clock(sale["at"], store.timezone) if is_today else languages.day(local_day),
        "about": " \N{MIDDLE DOT} ".join(filter(None, about)),
        "url": _order_url(sale["id"]),
    }


def _no_sale(order: Document) -> dict[str, Any]:
    """An order that is no sale, as it is shown where there is none."""
    return {"number": order["number"], "status": order_words.status(order["status"]), "url": _order_url(order["id"])}


def _order_url(order: str) -> str:
    return url_for("dashboard.orders.order", order=order)


def _of_day(day: Day, stores: list[Store], moment: datetime) -> dict[str, Any]:
    zone = stores[0].timezone
    currencies = day.currencies(next((each.currency for each in stores if each.currency), ""))
    return {
        "day": day.day,
        "weekday": format_date(day.day, "EEEE", locale=languages.locale()),
        "day_before": day.day - timedelta(days=7),
        "clock": languages.clock(moment, zone),
        "days": [
            {
                "currency": currency,
                "figures": comparison.figures(
                    day.today.get(currency, DayFigures()), day.before.get(currency, DayFigures()), currency
                ),
                "hours": (hours := _hours(day, currency, moment.astimezone(ZoneInfo(zone)).hour)),
                "chart": _chart(hours, currency, zone),
            }
            for currency in currencies
        ],
    }


def _hours(day: Day, currency: str, present: int) -> list[dict[str, Any]]:
    """The hours in which something was sold on either day, and those between; those after the present one have nothing
    of today yet."""
    today = day.today.get(currency, DayFigures()).by_hour
    before = day.day_before.get(currency, DayFigures()).by_hour
    sold = [hour for hour in range(HOURS) if today[hour] or before[hour]]
    if not sold:
        return []
    span = range(sold[0], sold[-1] + 1)
    return [
        {"name": _hour(hour), "today": today[hour] if hour <= present or today[hour] else None, "before": before[hour]}
        for hour in span
    ]


def _hour(hour: int) -> str:
    return format_time(datetime(2000, 1, 1, hour), "short", locale=languages.locale())  # noqa: DTZ001 - only its hour


def _drawn(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _chart(hours: list[dict[str, Any]], currency: str, zone: str) -> dict[str, Any] | None:
    if not hours:
        return None
    return {
        "kind": "bars",
        "x": [each["name"] for each in hours],
        "series": [
            {"name": _("Today"), "values": [_drawn(each["today"]) for each in hours]},
            {"name": _("Last week"), "values": [_drawn(each["before"]) for each in hours], "dashed": True},
        ],
        "language": str(languages.locale()).replace("_", "-"),
        "timezone": zone,
        "currency": currency,
    }
