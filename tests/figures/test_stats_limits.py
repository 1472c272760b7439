"""Figures have a size, whatever orders name: what is beyond it is put together, and all sums stay right."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pos_api.database.client import Db
from pos_api.figures import measures as sums
from pos_api.figures import queries as stats
from tests.factories import line, order
from tests.steps import Process


def sold(order_id: int, *names: str, **more: Any) -> tuple[str, Any]:
    """An order of goods without a SKU, each of its own name."""
    goods = [line("", 1, name=name, total="1.00", total_tax="0.00") for name in names]
    money = {"total": f"{len(names)}.00", "total_tax": "0.00"}
    return "order.created", {**order(order_id, *goods), **money, **more}


def test_figures_of_orders_that_name_ever_other_goods_fit_into_their_documents(process: Process, db: Db) -> None:
    for number in range(12):
        process.deliver(*sold(number + 1, *(f"{number}-{n}-{'n' * 900}" for n in range(1_500))))
    [figures] = stats.figures(db)["currencies"]
    assert (figures["orders_count"], figures["num_items_sold"], figures["net_revenue"]) == (12, 18_000, Decimal(18_000))
    rows = [row for each in db.rollup_spans.find() for rows in each["rollups"] for row in rows["rows"]]
    assert sum(row["count"] for row in rows if row["of"] == sums.PRODUCT) % 18_000 == 0
    assert max(len(row["title"].encode()) for row in rows) <= 400


def test_what_sells_best_stays_and_the_rest_is_one_row(
    process: Process, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "MOST_ROWS", {sums.PRODUCT: 2, sums.RATE: 1, sums.METHOD: 1, sums.STATUS: 1})
    taxes = [{"rate_id": n, "label": f"r{n}", "tax_total": f"{n}.00"} for n in range(1, 4)]
    process.deliver_all(
        [
            sold(1, "mug", "mug", "mug", "cap", "cap", "pen", payment_method="a", total_tax="6.00", tax_lines=taxes),
            sold(2, "mug", "cap", "bag", payment_method="b", status="completed"),
            sold(3, "mug", payment_method="c", status="shipped"),
        ]
    )
    [figures] = stats.figures(db)["currencies"]
    assert [(each["name"], each["items_sold"]) for each in figures["top_products"]] == [
        ("mug", 5),
        ("cap", 3),
        ("Other products", 2),
    ]
    assert sum(each["net_revenue"] for each in figures["top_products"]) == 10
    assert sum(each["total_tax"] for each in figures["tax_by_rate"]) == 6
    assert sum(each["orders_count"] for each in figures["by_status"]) == 3
    assert sum(each["orders_count"] for each in figures["by_payment_method"]) == 3
    for of in ("tax_by_rate", "by_status", "by_payment_method"):
        assert len(figures[of]) == 2
