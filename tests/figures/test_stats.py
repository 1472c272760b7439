"""Figures are exact at any time, and those of WooCommerce Analytics."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128, Timestamp
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient, monitoring
from pymongo.collection import Collection
from werkzeug.test import TestResponse

from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.errors import Invalid
from pos_api.figures import queries as stats
from pos_api.figures import rollup, spans, spending
from pos_api.figures.measures import AMOUNTS
from pos_api.orders import apply as orders
from pos_api.orders.buckets import BUCKET_SIZE
from pos_api.orders.model import Status
from pos_api.processing import recurring_jobs
from pos_api.staff import token_claims
from tests.factories import Shop, line, order, order_update
from tests.journeys.test_recordings import RECORDINGS, deliveries, sender
from tests.journeys.test_recordings import config as recorded_shop
from tests.waiting import wait_until

D = Decimal
config = recorded_shop


def of(db: Db, currency: str = "SEK", **query: Any) -> dict[str, Any]:
    """The figures in one currency."""
    found: dict[str, dict[str, Any]] = {each["currency"]: each for each in stats.figures(db, **query)["currencies"]}
    return found[currency]


def sums(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in ("orders_count", "num_items_sold", *AMOUNTS, "total_sales")}


# --- against WooCommerce ------------------------------------------------------------------------------------------

ENDED: dict[str, dict[str, str]] = {
    "admin-edit": {"items": "6", "net": "374.90", "taxes": "70.98"},
    "coupon-fee-shipping": {
        "items": "6",
        "gross": "507.90",  # 459.61 net (goods 434.61, fee 25.00) and the coupon
        "coupons": "48.29",
        "net": "459.61",
        "taxes": "84.43",
        "shipping": "49.00",
    },
    "failed-then-paid": {"items": "1", "net": "120.00", "taxes": "30.00"},
    "foreign-currency": {"items": "1", "net": "199.90", "taxes": "49.98"},
    "full-refund-no-restock": {"items": "0", "gross": "290.00", "refunds": "324.80", "net": "0.00", "taxes": "0.00"},
    "full-refund-restock": {"items": "0", "gross": "264.00", "refunds": "323.94", "net": "0.00", "taxes": "0.00"},
    "guest-cod-completed": {"items": "3", "net": "215.00", "taxes": "31.68", "shipping": "49.00"},
    "no-sku-and-custom-line": {"items": "4", "net": "294.90", "taxes": "73.73"},
    "partial-refund-restock": {
        "items": "2",
        "gross": "599.70",
        "refunds": "219.90",
        "net": "379.80",
        "taxes": "149.93",
    },
    "reactivated": {"items": "2", "net": "900.00", "taxes": "225.00"},
    "registered-bacs": {"items": "3", "net": "599.70", "taxes": "149.93"},
    "trash-and-delete": {"items": "1", "net": "145.00", "taxes": "17.40"},  # a hard delete sends nothing
    "unicode-and-meta": {"items": "2", "net": "39.98", "taxes": "10.00"},
    "variable-product": {"items": "3", "net": "1350.00", "taxes": "337.50"},
    "zero-total": {"items": "1", "net": "0.00", "taxes": "0.00"},
}
"""What WooCommerce Analytics' formulas give for the order as REST shows it after the last step: net is total less tax
and shipping, gross the same plus coupon lines. The recordings that are missing end cancelled and do not count."""


def live(app: Flask, recording: dict[str, Any]) -> None:
    """All of an order's webhooks, and then its refunds with their lines, which only REST and the plugin tell."""
    for delivery in deliveries(recording):
        sender(app)(delivery)
    last = [step for step in recording["steps"] if step["rest_order"]][-1]
    told = {**last["rest_order"], "refunds": last["rest_refunds"] or []}
    assert Shop(app.test_client()).outcome("order.updated", told) in ("updated", "unchanged")


@pytest.mark.parametrize("recording", RECORDINGS, ids=[each["name"] for each in RECORDINGS])
def test_a_recorded_order_counts_as_in_woocommerce(app: Flask, db: Db, recording: dict[str, Any]) -> None:
    live(app, recording)

    figures = stats.figures(db)["currencies"][0]

    expected = ENDED.get(recording["name"])
    if expected is None:
        assert figures["orders_count"] == 0
        assert figures["by_status"][0]["status"] == "cancelled"
        return
    assert sums(figures) == {
        "orders_count": 1,
        "num_items_sold": int(expected["items"]),
        "gross_sales": D(expected.get("gross", expected["net"])),
        "coupons": D(expected.get("coupons", "0")),
        "refunds": D(expected.get("refunds", "0")),
        "net_revenue": D(expected["net"]),
        "taxes": D(expected["taxes"]),
        "shipping": D(expected.get("shipping", "0")),
        "total_sales": D(expected["net"]) + D(expected["taxes"]) + D(expected.get("shipping", "0")),
        "tips": D("0"),
    }
    assert sum(rate["total_tax"] for rate in figures["tax_by_rate"]) == figures["taxes"]


def test_the_figures_of_all_recordings_together(app: Flask, db: Db) -> None:
    for recording in RECORDINGS:
        live(app, recording)

    figures = stats.figures(db)
    euro, krona = figures["currencies"]

    assert (figures["from"], figures["to"]) == ("2026-11-22", "2026-11-22")
    assert [each["currency"] for each in (euro, krona)] == ["EUR", "SEK"]
    assert (euro["orders_count"], euro["total_sales"]) == (1, D("249.88"))
    assert sums(krona) == {
        "orders_count": 14,
        "num_items_sold": 34,
        "gross_sales": D("5701.08"),
        "coupons": D("48.29"),
        "refunds": D("868.64"),
        "net_revenue": D("4878.89"),
        "taxes": D("1180.58"),
        "shipping": D("98.00"),
        "total_sales": D("6157.47"),
        "tips": D("0"),
    }
    assert krona["avg_order_value"] == D("348.49")
    assert krona["by_status"] == [
        {"status": "cancelled", "orders_count": 3, "total": D("1323.36")},
        {"status": "completed", "orders_count": 4, "total": D("3857.81")},
        {"status": "processing", "orders_count": 8, "total": D("2519.56")},
        {"status": "refunded", "orders_count": 2, "total": D("648.74")},
    ]
    assert [(row["label"], row["total_tax"]) for row in krona["tax_by_rate"]] == [
        ("Moms Standard SE", D("1089.55")),
        ("Moms Reduced", D("81.42")),
        ("Moms Books", D("9.61")),
    ]
    assert krona["top_products"][:2] == [
        {"sku": "OIL-2L", "name": "Cooking Oil 2L", "items_sold": 10, "net_revenue": D("339.50")},
        {"sku": "TS-BLU", "name": 'T-Shirt Blå "Åäö" 👕', "items_sold": 8, "net_revenue": D("1579.21")},
    ]
    assert [(row["payment_method"], row["total_sales"]) for row in krona["by_payment_method"]] == [
        ("bacs", D("749.63")),
        ("cod", D("5257.84")),
        ("stripe", D("150.00")),
    ]
    assert (krona["new_customers"], krona["returning_customers"]) == (2, 1)


def test_figures_by_store_and_tips_apart_from_all_other_amounts(db: Db) -> None:
    def sold(store: str, number: int, tip: str, refunds: list[Any]) -> None:
        amounts = {"total": Decimal128("137.50"), "total_tax": Decimal128("27.50"), "tip": Decimal128(tip)}
        fields = {**amounts, "currency": "SEK", "day": "2026-11-22", "refunds": refunds, "status": "completed"}
        orders.apply(db, [order_update(number, fields, store=store)])

    sold("default", 1, "0", [])
    sold("app-1", 2, "12.50", [])
    sold("app-1", 3, "7.50", [{"id": 1, "amount": Decimal128("37.50")}])
    [figures] = stats.figures(db)["currencies"]
    assert (figures["tips"], figures["total_sales"]) == (D("20.00"), D("375.00"))
    assert figures["by_store"] == [
        {"store": "app-1", "orders_count": 2, "total_sales": D("237.50")},
        {"store": "default", "orders_count": 1, "total_sales": D("137.50")},
    ]
    assert [day["tips"] for day in figures["by_day"]] == [D("20.00")]
    [of_shop] = stats.figures(db, store="default")["currencies"]
    assert (of_shop["tips"], [row["store"] for row in of_shop["by_store"]]) == (D("0"), ["default"])


def test_tax_whose_rate_was_not_reported_is_a_row_of_its_own(db: Db) -> None:
    amounts = {"total": Decimal128("12.50"), "total_tax": Decimal128("2.50"), "currency": "SEK", "day": "2026-11-22"}
    rate = {"rate_id": 1, "label": "Moms", "rate_percent": "25", "tax_total": Decimal128("2.00")}
    orders.apply(db, [order_update(1, {**amounts, "status": "completed"})])
    orders.apply(db, [order_update(2, {**amounts, "status": "completed", "tax_lines": [rate]})])
    orders.apply(db, [order_update(3, {**amounts, "status": "refunded"})])
    figures = of(db)
    by_rate = {row["label"]: row["total_tax"] for row in figures["tax_by_rate"]}
    assert by_rate == {"": D("3.00"), "Moms": D("2.00")}
    assert sum(by_rate.values()) == figures["taxes"] == D("5.00")


def test_what_is_completed_and_paid_as_another_order_is_in_no_status(db: Db) -> None:
    amounts = {"total": Decimal128("36.00"), "currency": "SEK", "day": "2026-11-22"}
    served = Status("completed", "taken", counts_as_sale=False, stage="completed")
    sent = Status("sent", "taken", counts_as_sale=False, stage="open")
    orders.apply(db, [order_update(1, amounts, status=served, initial_status=served)])
    orders.apply(db, [order_update(2, amounts, status=sent, initial_status=sent)])
    orders.apply(db, [order_update(3, {**amounts, "status": "completed"})])
    found = [(row["status"], row["orders_count"]) for row in of(db)["by_status"]]
    assert found == [("completed", 1), ("sent", 1)]


# --- refunds ------------------------------------------------------------------------------------------------------

SOLD: dict[str, Any] = {
    "total": "137.50",
    "total_tax": "27.50",
    "shipping_total": "10.00",
    "line_items": [
        {"id": 1, "sku": "A", "name": "A", "quantity": 2, "total": "40.00", "total_tax": "10.00"},
        {"id": 2, "sku": "B", "name": "B", "quantity": 1, "total": "60.00", "total_tax": "15.00"},
    ],
    "tax_lines": [
        {"rate_id": 1, "label": "Moms", "rate_percent": 25, "tax_total": "25.00", "shipping_tax_total": "2.50"}
    ],
}


def refund(number: int, amount: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": number, "amount": amount, **({"line_items": list(lines)} if lines else {}), **more}


def back(item: int, quantity: int, total: str, tax: str) -> dict[str, Any]:
    return {
        "id": 90 + item,
        "sku": "AB"[item - 1],
        "quantity": -quantity,
        "total": f"-{total}",
        "total_tax": f"-{tax}",
        "taxes": [{"id": 1, "total": f"-{tax}"}],
        "meta_data": [{"key": "_refunded_item_id", "value": str(item)}],
    }


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        pytest.param([refund(5, "20.00")], ("20.00", "80.00", "27.50", "10.00", 3), id="an amount alone: net only"),
        pytest.param(
            [refund(5, "25.00", back(1, 1, "20.00", "5.00"))],
            ("25.00", "80.00", "22.50", "10.00", 2),
            id="lines: what they say",
        ),
        pytest.param(
            [
                refund(
                    5, "12.50", back(1, 0, "0.00", "0.00"), shipping_lines=[{"total": "-10.00", "total_tax": "-2.50"}]
                )
            ],
            ("12.50", "100.00", "25.00", "0.00", 3),
            id="shipping alone",
        ),
        pytest.param([refund(5, "137.50")], ("137.50", "0.00", "0.00", "0.00", 0), id="all at once"),
        pytest.param(
            [refund(6, "112.50"), refund(5, "25.00", back(1, 1, "20.00", "5.00"))],
            ("137.50", "0.00", "0.00", "0.00", 0),
            id="the rest: taken back once",
        ),
        pytest.param(
            [refund(5, "137.50", back(1, 2, "40.00", "0.00"), back(2, 1, "60.00", "0.00"))],
            ("137.50", "0.00", "0.00", "0.00", 0),
            id="all, by lines that forget tax and shipping",
        ),
    ],
)
def test_refunds_take_back_what_they_pay_back(
    app: Flask, db: Db, refunds: list[dict[str, Any]], expected: tuple[str, str, str, str, int]
) -> None:
    Shop(app.test_client()).outcome("order.created", order(1, **SOLD | {"refunds": refunds}))

    figures = of(db)

    paid_back, net, taxes, shipping, items = expected
    assert figures["refunds"] == D(paid_back)
    assert figures["gross_sales"] == D("100.00")
    assert (figures["net_revenue"], figures["taxes"], figures["shipping"]) == (D(net), D(taxes), D(shipping))
    assert figures["num_items_sold"] == items
    assert figures["total_sales"] == D("137.50") - D(paid_back)
    assert [rate["total_tax"] for rate in figures["tax_by_rate"]] == [D(taxes)]


def test_a_refunded_status_alone_takes_back_everything(app: Flask, db: Db) -> None:
    shop = Shop(app.test_client())
    sold = {name: value for name, value in order(1, **SOLD).items() if name != "refunds"}
    shop.outcome("order.created", sold)
    shop.outcome("order.refunded", {"id": 1})

    figures = of(db)

    assert (figures["net_revenue"], figures["taxes"], figures["num_items_sold"]) == (D("0"), D("0"), 0)
    assert [row["items_sold"] for row in figures["top_products"]] == [0, 0]


# --- what counts, and where -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["pending", "failed", "cancelled", "trash"])
def test_an_order_that_does_not_count_shows_among_the_statuses_alone(app: Flask, db: Db, status: str) -> None:
    Shop(app.test_client()).outcome("order.created", order(1, line("A"), status=status))

    figures = of(db)

    assert (figures["orders_count"], figures["total_sales"], figures["new_customers"]) == (0, D("0"), 0)
    assert figures["by_status"] == [{"status": status, "orders_count": 1, "total": D("12.50")}]


def test_a_deleted_order_counts_no_more_and_again_when_restored(app: Flask, db: Db) -> None:
    shop = Shop(app.test_client())
    shop.outcome("order.created", order(1, line("A")))
    assert of(db)["orders_count"] == 1
    shop.outcome("order.deleted", {"id": 1})
    assert stats.figures(db)["currencies"] == []
    shop.outcome("order.restored", order(1, line("A"), modified=5))
    assert of(db)["orders_count"] == 1


def test_every_day_of_the_range_is_there(app: Flask, db: Db) -> None:
    Shop(app.test_client()).outcome("order.created", order(1, line("A")))

    by_day = of(db, since=date(2026, 11, 21), until=date(2026, 11, 23))["by_day"]

    assert [(row["day"], row["orders_count"]) for row in by_day] == [
        ("2026-11-21", 0),
        ("2026-11-22", 1),
        ("2026-11-23", 0),
    ]
    assert of(db)["by_day"] == by_day[1:2]


@pytest.mark.parametrize("looked_at_before", [False, True])
def test_a_range_may_start_and_end_within_a_month(app: Flask, db: Db, looked_at_before: bool) -> None:
    shop = Shop(app.test_client())
    for n, day in enumerate(("2026-09-30", "2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02")):
        shop.outcome("order.created", order(n + 1, line("A", 10**n)) | {"date_created_gmt": f"{day}T12:00:00"})
    if looked_at_before:
        stats.figures(db)

    def sold(since: date, until: date) -> int:
        [product] = of(db, since=since, until=until)["top_products"]
        return int(product["items_sold"])

    assert sold(date(2026, 10, 31), date(2026, 11, 1)) == 1100
    assert sold(date(2026, 10, 31), date(2026, 11, 30)) == 11100
    assert sold(date(2026, 9, 30), date(2026, 10, 31)) == 111
    assert sold(date(2026, 1, 1), date(2026, 11, 1)) == 1111
    assert sold(date(2026, 10, 1), date(2026, 12, 31)) == 11110


def test_the_day_is_the_shops_own(app: Flask, db: Db) -> None:
    late: dict[str, Any] = {"date_created_gmt": "2026-11-22T23:30:00", "date_created": "2026-11-23T00:30:00"}
    Shop(app.test_client()).outcome("order.created", order(1, line("A"), **late))

    assert [row["day"] for row in of(db)["by_day"]] == ["2026-11-23"]
    assert [row["hour"] for row in of(db)["by_hour"] if row["orders_count"]] == [0]


def test_every_hour_is_there_and_they_add_up_to_the_figures(app: Flask, db: Db) -> None:
    shop = Shop(app.test_client())
    for number, hour in ((1, 9), (2, 9), (3, 14)):
        shop.outcome("order.created", order(number, line("A"), date_created=f"2026-11-22T{hour:02d}:59:59"))

    figures = of(db)

    assert [row["hour"] for row in figures["by_hour"]] == list(range(24))
    assert {row["hour"]: row["orders_count"] for row in figures["by_hour"] if row["orders_count"]} == {9: 2, 14: 1}
    for name in BY_HOUR:
        assert sum(row[name] for row in figures["by_hour"]) == figures[name]


def test_an_order_that_moves_to_another_day_leaves_none_behind(app: Flask, db: Db) -> None:
    shop = Shop(app.test_client())
    shop.outcome("order.created", order(1, line("A")))
    assert stats.figures(db)["from"] == "2026-11-22"
    shop.outcome("order.updated", order(1, line("A"), modified=1) | {"date_created_gmt": "2026-10-05T12:00:00"})

    figures = stats.figures(db)

    assert (figures["from"], figures["to"]) == ("2026-10-05", "2026-10-05")
    assert figures["currencies"][0]["orders_count"] == 1


def test_a_range_is_checked(db: Db) -> None:
    with pytest.raises(Invalid, match="before it starts"):
        stats.figures(db, since=date(2026, 2, 1), until=date(2026, 1, 1))
    with pytest.raises(Invalid, match="too long"):
        stats.figures(db, since=date(1026, 1, 1), until=date(2026, 1, 1))
    assert stats.figures(db)["currencies"] == []


def test_an_order_of_an_absurd_date_does_not_stretch_the_days(app: Flask, db: Db) -> None:
    shop = Shop(app.test_client())
    shop.outcome("order.created", order(1, line("A")))
    shop.outcome("order.created", order(2, line("A")) | {"date_created_gmt": "1000-01-01T00:00:00"})

    assert stats.figures(db)["from"] == "2026-11-22"


def test_a_product_goes_by_the_sku_it_has_now(app: Flask, db: Db) -> None:
    db.products.insert_one({"_id": "OLD", "sku": "NEW", "skus": ["OLD", "NEW"], "name": "x", "seq": 0, "stock": 0})
    Shop(app.test_client()).outcome("order.created", order(1, line("NEW", 3), line("", 1, name="Gift wrap")))

    assert [(row["sku"], row["items_sold"]) for row in of(db)["top_products"]] == [("NEW", 3), ("", 1)]


def test_who_comes_back_twice_on_a_day_counts_once_however_far_apart_the_orders_are(app: Flask, db: Db) -> None:
    shop = Shop(app.test_client())
    shop.outcome("order.created", order(1, line("A")) | {"date_created_gmt": "2026-11-01T12:00:00"})
    for number in (2, 3, 5 * BUCKET_SIZE):
        shop.outcome("order.created", order(number, line("A")))

    assert (of(db)["new_customers"], of(db)["returning_customers"]) == (1, 1)


def test_what_a_customer_has_spent_is_told_by_currency_less_refunds(app: Flask, db: Db) -> None:
    shop = Shop(app.test_client())
    shop.outcome("order.created", order(1, line("A"), refunds=[refund(7, "2.50")]))
    shop.outcome("order.created", order(2, line("A"), currency="EUR"))
    shop.outcome("order.created", order(3, line("A"), status="cancelled"))

    assert spending.spent(db, "anna@example.se") == [
        {"currency": "EUR", "orders_count": 1, "total_spent": D("12.50")},
        {"currency": "SEK", "orders_count": 1, "total_spent": D("10.00")},
    ]


# --- at any time ----------------------------------------------------------------------------------------------------

_DAYS = [date(2026, 10, 30) + timedelta(days=n) for n in range(4)]
_RANGES = [
    (date(2026, 10, 31), date(2026, 11, 1)),
    (date(2026, 10, 31), date(2026, 11, 30)),
    (date(2026, 10, 1), date(2026, 10, 31)),
    (date(2026, 1, 1), date(2026, 12, 31)),
]
_EDITS = st.lists(
    st.tuples(
        st.sampled_from(["north", "south"]),
        st.sampled_from([1, 2, BUCKET_SIZE - 1, BUCKET_SIZE, 5 * BUCKET_SIZE]),
        st.fixed_dictionaries(
            {
                "status": st.sampled_from(["processing", "completed", "pending", "cancelled", "trash"]),
                "currency": st.sampled_from(["SEK", "EUR"]),
                "day": st.sampled_from(_DAYS),
                "email": st.sampled_from(["", "a@example.se", "b@example.se"]),
                "cents": st.integers(0, 10**7),
                "sku": st.sampled_from(["", "A", "B"]),
                "quantity": st.integers(0, 5),
                "hour": st.sampled_from([None, 0, 7, 23]),
                "tip": st.integers(0, 500),
                "back": st.integers(0, 100),
                "deleted": st.booleans(),
            }
        ),
        st.booleans(),
    ),
    max_size=12,
)


def _apply(db: Db, store: str, order_id: int, edit: dict[str, Any], turn: int) -> None:
    created_at = datetime.combine(edit["day"], datetime.min.time(), UTC) + timedelta(minutes=order_id)
    amount = Decimal128(D(edit["cents"]) / 100)
    hour = {} if edit.get("hour") is None else {"hour": edit["hour"]}
    fields = {
        **hour,
        "status": edit["status"],
        "currency": edit["currency"],
        "tip": Decimal128(D(edit.get("tip", 0)) / 100),
        "refunds": [{"id": 1, "amount": Decimal128(D(edit["cents"] * edit.get("back", 0) // 200) / 100)}],
        "created_at": created_at,
        "day": edit["day"].isoformat(),
        "billing": {"email": edit["email"]},
        "total": amount,
        "line_items": [{"id": 1, "sku": edit["sku"], "name": "Thing", "quantity": edit["quantity"], "total": amount}],
    }
    for topic in ("order.updated", *(["order.deleted"] if edit["deleted"] else [])):
        moment = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=2 * turn + (topic == "order.deleted"))
        said = fields if topic == "order.updated" else {}
        orders.apply(
            db, [order_update(order_id, said, moment, store=store, kind=topic.removeprefix("order."), cause=f"e{turn}")]
        )


BY_HOUR = ("orders_count", "num_items_sold", "net_revenue", "total_sales", "refunds", "tips")


def _oracle(db: Db, store: str | None = None, days: tuple[date, date] = (date.min, date.max)) -> dict[str, Any]:
    """The figures from scratch, from all orders, as plainly as can be."""
    counted = [
        each
        for each in db.orders.find()
        if each["status"] not in ("pending", "failed", "cancelled", "trash") and not each.get("deleted_at")
    ]
    firsts: dict[Any, Any] = {}
    for each in sorted(counted, key=lambda one: (one["created_at"], one["order_id"])):
        firsts.setdefault((each["store"], each["customer"]), each["_id"])
    result: dict[str, Any] = defaultdict(
        lambda: {
            "count": 0,
            "net": D(0),
            "new": 0,
            "returning": set(),
            "days": defaultdict(D),
            "items": defaultdict(int),
            "hours": defaultdict(lambda: [0, 0, D(0), D(0), D(0), D(0)]),
        }
    )
    for each in counted:
        if store not in (None, each["store"]) or not days[0] <= date.fromisoformat(each["day"]) <= days[1]:
            continue
        figures = result[each["currency"]]
        item = each["line_items"][0]
        figures["count"] += 1
        back = each["refunds"][0]["amount"].to_decimal()
        net = each["total"].to_decimal() - back
        figures["net"] += net
        figures["days"][each["day"]] += net
        hour = figures["hours"][each.get("hour", each["created_at"].hour)]
        for place, value in enumerate((1, item["quantity"], net, net, back, each["tip"].to_decimal())):
            hour[place] += value
        figures["items"][item["sku"] or item["name"]] += item["quantity"]
        if each["customer"]:
            first = firsts[each["store"], each["customer"]] == each["_id"]
            figures["new"] += first
            if not first:
                figures["returning"].add((each["store"], each["day"], each["customer"]))
    return {
        currency: {
            **figures,
            "returning": len(figures["returning"]),
            "days": dict(figures["days"]),
            "hours": dict(figures["hours"]),
        }
        for currency, figures in result.items()
    }


def _shown(db: Db, store: str | None = None, days: tuple[date | None, date | None] = (None, None)) -> dict[str, Any]:
    return {
        each["currency"]: {
            "count": each["orders_count"],
            "net": each["net_revenue"],
            "new": each["new_customers"],
            "returning": each["returning_customers"],
            "days": {row["day"]: row["net_revenue"] for row in each["by_day"] if row["orders_count"]},
            "items": {row["sku"] or row["name"]: row["items_sold"] for row in each["top_products"]},
            "hours": {row["hour"]: [row[name] for name in BY_HOUR] for row in each["by_hour"] if row["orders_count"]},
        }
        for each in stats.figures(db, store=store, since=days[0], until=days[1])["currencies"]
        if each["orders_count"]
    }


def _as_from_scratch(db: Db, store: str | None = None) -> bool:
    assert _shown(db, store) == _oracle(db, store)
    for days in _RANGES:
        assert _shown(db, store, days) == _oracle(db, store, days)
    return True


def _empty(db: Db) -> None:
    for collection in db.list_collection_names():
        db[collection].delete_many({})


def _wait(db: Db) -> None:
    """As if the time had passed after which changes are not looked at again."""
    newest = db.orders.find_one({}, sort=[("changed_at", -1)])
    if newest is not None:
        until = Timestamp(newest["changed_at"].time, newest["changed_at"].inc + 1)
        db.rollup_state.update_one({"_id": "noted"}, {"$set": {"until": until}}, upsert=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_EDITS)
def test_figures_are_those_from_scratch_whatever_changed_and_whenever_one_looked(db: Db, edits: list[Any]) -> None:
    _empty(db)
    for turn, (store, order_id, edit, look) in enumerate(edits):
        _apply(db, store, order_id, edit, turn)
        if look:
            assert _shown(db) == _oracle(db)
            _wait(db)
    for store in (None, "north", "south"):
        assert _as_from_scratch(db, store)


def test_an_earlier_order_that_arrives_later_takes_the_new_customer_to_its_own_day(app: Flask, db: Db) -> None:
    shop = Shop(app.test_client())
    shop.outcome("order.created", order(2, line("A")))
    assert of(db)["new_customers"] == 1
    _wait(db)
    shop.outcome("order.created", order(1, line("A")) | {"date_created_gmt": "2026-11-01T12:00:00"})

    later = of(db, since=date(2026, 11, 22), until=date(2026, 11, 22))
    earlier = of(db, since=date(2026, 11, 1), until=date(2026, 11, 1))

    assert (later["new_customers"], later["returning_customers"]) == (0, 1)
    assert (earlier["new_customers"], earlier["returning_customers"]) == (1, 0)


WRITES = ("bulk_write", "find_one_and_update", "replace_one", "update_many", "update_one")


@contextmanager
def before_write(number: int, act: Callable[[], None]) -> Iterator[list[str]]:
    """Does something just before this thread's write of that number; yields the names of the writes there were."""
    writes: list[str] = []
    here = threading.get_ident()
    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            really = getattr(Collection, name)

            def write(*args: Any, really: Any = really, name: str = name, **kwargs: Any) -> Any:
                if threading.get_ident() == here:
                    writes.append(f"{args[0].name}.{name}")
                    if len(writes) == number:
                        act()
                return really(*args, **kwargs)

            patch.setattr(Collection, name, write)
        yield writes


Step = Callable[[], None]


def _history(db: Db, first_is: str) -> tuple[Step, Step]:
    """A customer's orders, looked at; and two things that happen next. With the first, another order becomes their
    first, one of another block, as an earlier one is paid, or the first is cancelled; the second takes it back, moves
    an order to another day, and brings one more."""
    of_order: dict[str, Any] = {"status": "completed", "currency": "SEK", "email": "a@example.se", "deleted": False}
    of_order |= {"cents": 1000, "sku": "A", "quantity": 1}
    earlier, middle, later = 7 * BUCKET_SIZE, 1, 3 * BUCKET_SIZE
    days = {earlier: _DAYS[0], middle: _DAYS[1], later: _DAYS[2], 2: _DAYS[2], 3: _DAYS[2]}
    turns = iter(range(100))

    def put(number: int, status: str, day: date | None = None) -> None:
        edit = of_order | {"status": status, "day": day or days[number]}
        _apply(db, "north", number, edit, next(turns))

    _empty(db)
    for number, status in ((earlier, "pending"), (middle, "completed"), (later, "completed"), (3, "completed")):
        put(number, status)
    assert _shown(db) == _oracle(db)
    _wait(db)

    def first() -> None:
        put(*{"paid": (earlier, "completed"), "cancelled": (middle, "cancelled")}[first_is])

    def second() -> None:
        put(*{"paid": (earlier, "cancelled"), "cancelled": (later, "cancelled")}[first_is])
        put(3, "completed", _DAYS[3])
        put(2, "completed")

    return first, second


@pytest.fixture
def no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened is noted once, not again and again for some seconds, which could make good what went wrong."""
    monkeypatch.setattr(rollup, "_OVERLAP", timedelta(seconds=-5))


def _only_what_is_seen(db: Db) -> None:
    """Without the overlap, changes to come are taken for seen: set that right."""
    newest = db.orders.find_one({}, sort=[("changed_at", -1)])
    assert newest is not None
    until = Timestamp(newest["changed_at"].time, newest["changed_at"].inc + 1)
    db.rollup_state.update_one({"_id": "noted", "until": {"$exists": True}}, {"$min": {"until": until}})


def _look(db: Db) -> None:
    assert _shown(db) == _oracle(db)


def _note_only(db: Db) -> None:
    rollup._note_changes(db, float("inf"))


@pytest.mark.usefixtures("no_overlap")
@pytest.mark.parametrize("other", [_look, _note_only], ids=["looks", "notes what changed, and dies"])
@pytest.mark.parametrize("first_is", ["paid", "cancelled"])
def test_a_slower_process_never_puts_older_sums_over_newer_ones(
    db: Db, first_is: str, other: Callable[[Db], None]
) -> None:
    """One process is held up before its nth write; meanwhile orders change, and another process is at it."""
    for number in range(1, 100):
        first, second = _history(db, first_is)
        first()

        def overtake(second: Step = second) -> None:
            _only_what_is_seen(db)
            second()
            with ThreadPoolExecutor(1) as another:
                another.submit(other, db).result()

        with before_write(number, overtake) as writes:
            stats.figures(db)
        if len(writes) < number:
            break
        _wait(db)
        assert _as_from_scratch(db), f"overtaken before write {number}, {writes[number - 1]}"
    assert number > 10


@pytest.mark.usefixtures("no_overlap")
def test_the_first_order_of_a_new_customer_may_change_while_it_is_found(db: Db) -> None:
    """Nothing is known of the customer yet, so nobody else finds the order among those that were first."""
    of_order: dict[str, Any] = {"status": "completed", "currency": "SEK", "email": "a@example.se", "deleted": False}
    of_order |= {"cents": 1000, "sku": "A", "quantity": 1}

    def overtake() -> None:
        _only_what_is_seen(db)
        _apply(db, "north", 1, of_order | {"status": "cancelled", "day": _DAYS[0]}, 1)
        with ThreadPoolExecutor(1) as another:
            another.submit(rollup.refresh, db).result()

    for number in range(1, 100):
        _empty(db)
        _apply(db, "north", 1, of_order | {"day": _DAYS[0]}, 0)
        with before_write(number, overtake) as writes:
            stats.figures(db)
        if len(writes) < number:
            break
        _wait(db)
        _apply(db, "north", BUCKET_SIZE, of_order | {"day": _DAYS[1]}, 2)
        assert _shown(db) == _oracle(db), f"overtaken before write {number}, {writes[number - 1]}"
    assert number > 5


@pytest.mark.usefixtures("no_overlap")
@pytest.mark.parametrize("first_is", ["paid", "cancelled"])
def test_a_look_that_was_cut_short_anywhere_is_made_good_by_the_next(db: Db, first_is: str) -> None:
    def crash() -> None:
        raise KeyboardInterrupt

    for number in range(1, 100):
        first, second = _history(db, first_is)
        first()
        with before_write(number, crash) as writes, suppress(KeyboardInterrupt):
            stats.figures(db)
        if len(writes) < number:
            break
        _only_what_is_seen(db)
        second()
        with before_write(number, crash), suppress(KeyboardInterrupt):
            stats.figures(db)
        assert _as_from_scratch(db), f"cut short before write {number}, {writes[number - 1]}"
    assert number > 10


def test_a_change_that_becomes_visible_after_a_later_one_is_not_missed(app: Flask, db: Db) -> None:
    """A write can be visible later than another one that the server stamped after it."""
    shop = Shop(app.test_client())
    shop.outcome("order.created", order(1, line("A")))
    assert of(db)["orders_count"] == 1
    hidden = db.orders.find_one({"order_id": 1})
    assert hidden is not None
    stamp = Timestamp(hidden["changed_at"].time - 5, 1)
    number = 9 * BUCKET_SIZE
    db.orders.insert_one({**hidden, "_id": f"default:{number}", "order_id": number, "changed_at": stamp})

    assert of(db)["orders_count"] == 2


# --- after an import --------------------------------------------------------------------------------------------------


def _put_far_apart(db: Db, number: int) -> None:
    """So many orders, each in a block of its own."""
    fields = {"status": "completed", "currency": "SEK", "total": Decimal128("10.00"), "line_items": []}
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    snapshots = [order_update(n * BUCKET_SIZE, fields, moment, kind="created") for n in range(number)]
    orders.apply(db, snapshots)


def test_a_backlog_is_worked_off_in_steps_and_what_is_done_stays_done(db: Db) -> None:
    _put_far_apart(db, 2 * 64)

    left = [rollup.refresh(db, seconds=0)]
    _wait(db)
    left += [rollup.refresh(db, seconds=0)]

    assert left == [64 * BUCKET_SIZE, 0]
    assert of(db)["orders_count"] == 128


def test_sums_of_a_month_are_not_replaced_by_older_ones(app: Flask, db: Db) -> None:
    Shop(app.test_client()).outcome("order.created", order(1, line("A")))
    stats.figures(db)
    month = db.rollup_spans.find_one({"_id": "default:2026-11"})
    assert month is not None

    spans._sum_up(db, {month["_id"]: []}, {month["_id"]: month["version"] - 1})

    assert db.rollup_spans.find_one({"_id": month["_id"]}) == month


def test_a_day_beyond_a_range_that_comes_while_it_is_looked_at_is_not_among_its_sums(db: Db) -> None:
    def put(number: int, day: str) -> None:
        moment = datetime.fromisoformat(f"{day}T12:00:00Z")
        fields = {
            "status": "completed",
            "currency": "SEK",
            "total": Decimal128("10.00"),
            "created_at": moment,
            "day": day,
        }
        orders.apply(db, [order_update(number, fields, moment, kind="created")])

    def come() -> None:
        put(2, "2026-11-09")
        put(3, "2026-11-03")
        assert of(db)["orders_count"] == 3

    for number in range(1, 50):
        for each in ("rollup_buckets", "rollup_days", "rollup_spans", "rollup_state", "orders"):
            db[each].delete_many({})
        put(1, "2026-11-05")
        with before_write(number, come) as writes:
            found = stats.figures(db, since=date(2026, 11, 4), until=date(2026, 11, 8))["currencies"]
        assert [(each["orders_count"], each["by_status"][0]["orders_count"]) for each in found] == [(1, 1)]
        if len(writes) < number:
            break
    assert number > 5


def test_a_backlog_is_counted_though_nobody_looks(db: Db, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurring_jobs, "_LOOK_EVERY", 0.01)
    _put_far_apart(db, 150)
    meanwhile = recurring_jobs.Schedule(db, config)
    meanwhile.start()
    try:
        wait_until(lambda: db.rollup_days.count_documents({"currencies.orders_count": 150}) == 1, 30)
    finally:
        meanwhile.stop()
        meanwhile.join(30)


def test_changes_are_noted_in_steps_too(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "_CHANGES_AT_ONCE", 10)
    _put_far_apart(db, 25)

    assert rollup.refresh(db, seconds=0) == 15 + 10 * BUCKET_SIZE
    assert of(db)["orders_count"] == 25


def test_a_look_that_would_take_long_says_so_and_the_next_goes_on(
    app: Flask, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "_PATIENCE", 0)
    _put_far_apart(db, 128)
    token, _ = token_claims.token(config.jwt_secret, "eva", "viewer")

    def look() -> TestResponse:
        return app.test_client().get("/api/webhooks/orders/stats", headers={"Authorization": f"Bearer {token}"})

    first = look()
    _wait(db)
    second = look()

    assert (first.status_code, second.status_code) == (503, 200)
    assert first.json is not None
    assert first.json["error"]["code"] == "unavailable"
    assert "up to 4,096 orders are left" in first.json["error"]["message"]
    assert int(first.headers["Retry-After"]) > 0
    assert second.json is not None
    assert second.json["data"]["currencies"][0]["orders_count"] == 128


# --- cost -------------------------------------------------------------------------------------------------------------


@contextmanager
def profiled(db: Db, collection: str) -> Iterator[list[dict[str, Any]]]:
    """Yields what the server did to a collection, once the block has ended."""
    done: list[dict[str, Any]] = []
    with MongoClient[dict[str, Any]](os.environ["TEST_MONGODB_URI"]) as client:
        server = client[db.name]
        server.command("profile", 2)
        yield done
        server.command("profile", 0)
        done += server["system.profile"].find({"ns": f"{db.name}.{collection}"})
        server.drop_collection("system.profile")


def _examined(done: list[dict[str, Any]]) -> int:
    return sum(each.get("docsExamined", 0) for each in done)


class Commands(monitoring.CommandListener):
    """Counts the commands sent."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note it."""
        self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing."""


def test_a_look_reads_no_order_when_none_has_changed(app: Flask, db: Db, config: Config) -> None:
    Shop(app.test_client()).outcome("order.created", order(1, line("A")))
    rollup.refresh(db)
    _wait(db)
    commands = Commands()
    client: database.Client = MongoClient(config.mongodb_uri, tz_aware=True, event_listeners=[commands])

    rollup.refresh(client[db.name])
    client.close()

    assert commands.names[:4] == ["hello", "find", "find", "find"]
    assert commands.names[4:] in ([], ["endSessions"])


def _busy(db: Db) -> None:
    """Thirty orders on each day of a quarter, each of another customer, looked at."""
    fields = {"status": "completed", "currency": "SEK", "total": Decimal128("10.00")}
    for n, day in enumerate(date(2026, 7, 1) + timedelta(days=n) for n in range(92)):
        moment = datetime.combine(day, datetime.min.time(), UTC)
        snapshots = []
        for number in range(30 * n, 30 * (n + 1)):
            of_order = {**fields, "created_at": moment, "day": day.isoformat(), "customer_id": number}
            of_order["line_items"] = [{"id": 1, "sku": f"SKU-{number}", "quantity": 1, "total": Decimal128("10.00")}]
            snapshots.append(order_update(number, of_order, moment, kind="created"))
        orders.apply(db, snapshots)
    stats.figures(db)
    _wait(db)


def test_a_changed_order_costs_its_block_and_a_quarter_its_months(db: Db) -> None:
    _busy(db)
    changed = {"$set": {"total": Decimal128("11.00")}, "$currentDate": {"changed_at": {"$type": "timestamp"}}}
    db.orders.update_one({"_id": "default:700"}, changed)

    with profiled(db, "orders") as read_orders:
        assert of(db)["net_revenue"] == D("27601.00")

    assert 0 < _examined(read_orders) <= BUCKET_SIZE + 3
    assert {each.get("planSummary", "").split(" ")[0] for each in read_orders} == {"IXSCAN"}
    _wait(db)
    with profiled(db, "rollup_spans") as read_sums:
        assert of(db)["orders_count"] == 30 * 92
    assert 0 < _examined(read_sums) <= 2 * 3


# --- sub-orders ---------------------------------------------------------------------------------------------------


def test_figures_count_an_order_and_not_its_sub_orders(app: Flask, db: Db) -> None:
    """WooCommerce Analytics counts orders whose parent is 0."""
    shop = Shop(app.test_client())
    shop.outcome("order.created", order(3, line("B"), parent_id=1, total="5.00", total_tax="1.00"))
    assert stats.figures(db)["currencies"] == []
    shop.outcome("order.created", order(1, line("A"), line("B"), total="25.00", total_tax="5.00"))
    shop.outcome("order.created", order(2, line("A"), parent_id=1, total="20.00", total_tax="4.00"))
    figures = of(db)
    assert (figures["orders_count"], figures["num_items_sold"], figures["net_revenue"]) == (1, 2, D("20.00"))
    assert figures["by_status"] == [{"status": "processing", "orders_count": 1, "total": D("25.00")}]
    assert [each["orders_count"] for each in spending.spent(db, "anna@example.se") or ()] == [1]
    shop.outcome("order.updated", order(3, line("B"), parent_id=0, total="5.00", total_tax="1.00", modified=1))
    assert of(db)["orders_count"] == 2
