"""Which of a shop's products a movement is for, or why it is not sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from pos_api.senders.woocommerce.stock_push.items import item_of, wire_id
from pos_api.senders.woocommerce.stock_push.model import Item

_ID = ObjectId("6929f0a1b2c3d4e5f6071829")
_AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
MOVEMENT: Any = {"_id": _ID, "sku": "MUG", "seq": 4, "quantity": -2, "reason": "order", "at": _AT}


def product(*external_ids: str, **more: Any) -> Any:
    return {"_id": "MUG", "sku": "MUG-2", "external_ids": list(external_ids), **more}


def test_a_movement_is_for_the_shops_own_id_of_the_product() -> None:
    item = item_of(MOVEMENT, product("north:7", "default:12", "default-2:9"), "default")
    assert item == Item("6929f0a1b2c3d4e5f6071829", 12, 0, "MUG-2", -2, "order")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "not_sold"),
        (product(), "not_sold"),
        (product("north:7"), "not_sold"),
        (product("default:item-7", "default:", "default:²", "default:1234567890123456789"), "not_sold"),
        (product("default:7", unmanaged_ids=["default:7"]), "not_managed"),
        (product("default:7", unmanaged_ids=["north:7"]), (7, 0)),
        (product("default:7", "default:8", unmanaged_ids=["default:7"]), (8, 0)),
        (product("default:8", "default:7"), (8, 0)),
        (product("default:7", "default:8", deleted_ids=[{"id": "default:7"}]), (8, 0)),
        (product("default:7", deleted_ids=[{"id": "default:7"}]), (7, 0)),
        (product("default:7", variation_of=[{"id": "default:7", "parent": "default:5"}]), (5, 7)),
        (product("default:7", variation_of=[{"id": "default:8", "parent": "default:5"}]), (7, 0)),
        (product("default:5", "default:7", shared_stock_variations={"default:7": None}), (5, 0)),
        (product("default:7", shared_stock_variations={"default:7": None}), "not_sold"),
    ],
)
def test_each_product_has_a_defined_item_or_reason(given: Any, expected: Any) -> None:
    item = item_of(MOVEMENT, given, "default")
    assert (item if isinstance(item, str) else (item.product_id, item.variation_id)) == expected


def test_a_movement_for_a_stores_stock_alone_has_its_own_units() -> None:
    movement: Any = {**MOVEMENT, "quantity": 0, "store_quantity": 3.5}
    item = item_of(movement, product("default:7"), "default")
    assert isinstance(item, Item)
    assert item.delta == 3.5


def test_every_id_of_a_movement_fits_the_plugins_and_differs_from_every_other() -> None:
    ids = [_ID, str(_ID), "staff:1", "staff-1", "", "ö" * 500]
    movements: list[Any] = [{**MOVEMENT, "_id": each} for each in ids]
    found = [wire_id(each) for each in movements]
    assert len(set(found)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-zA-Z_-]{1,64}", each) for each in found)
    assert found == [wire_id(each) for each in movements], "it is the same whenever it is sent"


def test_a_request_made_again_after_a_restore_is_another_movement_to_the_shop() -> None:
    """The backup does not have what the request did, and the shop has: it would answer that this is done already."""
    first: Any = {**MOVEMENT, "_id": "ann:count-1"}
    again: Any = {**first, "at": first["at"] + timedelta(hours=1)}
    assert wire_id(first) != wire_id(again)
