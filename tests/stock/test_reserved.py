"""Units that orders keep back for their buyers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pos_api.database.client import Db
from pos_api.stock.reserved import reserved_in_stores, reserved_units


def _order(
    number: int, store: str, held: dict[str, float], taken: list[tuple[str | None, float | None]]
) -> dict[str, Any]:
    """An order whose units are reserved: what it holds by product, and what the shop has taken by line."""
    lines = [
        {} if product is None else {"product": product} | ({} if units is None else {"reduced_stock": units})
        for product, units in taken
    ]
    return {
        "_id": f"{store}:{number}",
        "store": store,
        "stock_rule": "reserved",
        "skus": sorted(held),
        "held": [{"sku": sku, "quantity": units} for sku, units in held.items()],
        "line_items": lines,
    }


def test_units_of_a_product_in_several_stores_are_those_of_each_store_together(db: Db) -> None:
    """Lines of one product count together, lines without one or of which nothing was taken do not."""
    db.orders.insert_many(
        [
            _order(1, "a", {"TEA": 5, "CUP": 1}, [("TEA", 2), ("TEA", 1), (None, None), ("CUP", None)]),
            _order(2, "a", {"TEA": 0.5}, [("TEA", None)]),
            _order(3, "b", {"TEA": 4}, [("TEA", 4)]),
            _order(4, "b", {"CUP": 3}, [("CUP", 1)]),
            _order(5, "c", {"TEA": 100}, []),
        ]
    )
    assert reserved_in_stores(db, ["a", "b"], "TEA") == 2.5
    assert reserved_in_stores(db, ["a", "b"], "CUP") == 3
    assert reserved_in_stores(db, ["a", "b"], "$TEA") == 0
    for product in ("TEA", "CUP"):
        by_store = [Decimal(str(reserved_units(db, store, product).get(product, 0))) for store in ("a", "b")]
        assert Decimal(str(reserved_in_stores(db, ["a", "b"], product))) == sum(by_store)
