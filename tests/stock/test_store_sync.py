"""Which movements are marked for which stores."""

from __future__ import annotations

from datetime import timedelta

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.stock import ledger
from pos_api.stock.model import Balance, Holding, Movement
from pos_api.stock.store_sync import states, synced_stores, unsent_units


def _switch_on(db: Db, *stores: str) -> None:
    for store in stores:
        states(db).insert_one({"_id": store, "on": True, "since": now() - timedelta(hours=1)})
    synced_stores(db).refresh()


def _mug(db: Db, quantity: int = 10) -> Movement:
    opening = ledger.open_ledger(db, "MUG", quantity, cause="import", store="default")
    db.products.insert_one({"_id": "MUG", "sku": "MUG", "stock": quantity, "seq": 1})
    return opening


def _unsent(movement: Movement) -> list[str]:
    return [mark["store"] for mark in movement.get("unsent", [])]


def test_a_movement_is_for_every_store_with_stock_sync_on_but_the_one_that_caused_it(db: Db) -> None:
    _switch_on(db, "default", "north")
    assert _unsent(_mug(db)) == []  # what a ledger starts with is for none
    assert _unsent(ledger.move(db, "MUG", -1, reason="broken", cause="staff:ann")) == ["default", "north"]
    assert _unsent(ledger.move(db, "MUG", None, count=9, reason="count", cause="staff:ann")) == []  # moved nothing
    assert _unsent(ledger.move(db, "MUG", 1, reason="reconcile", cause="store:default", store="default")) == ["north"]
    holding = Holding("north:7", {"MUG": 2}, frozenset(), "key", fresh=True)
    ledger.settle(db, [holding], {})
    ledger.settle(db, [Holding("till:8", {"MUG": 3}, frozenset(), "key")], {"MUG": Balance(1, 10)})
    marks = {each["order"]: _unsent(each) for each in ledger.movements(db).find({"order": {"$exists": True}})}
    assert marks == {"north:7": ["default"], "till:8": ["default", "north"]}
    assert unsent_units(db, "default") == {"MUG": -6}
    assert unsent_units(db, "north", ["MUG"]) == {"MUG": -3}
    assert unsent_units(db, "north", ["CUP"]) == {}


def test_without_a_store_that_has_it_on_no_movement_is_marked(db: Db) -> None:
    states(db).insert_one({"_id": "default", "on": False})
    _mug(db)
    assert "unsent" not in ledger.move(db, "MUG", -1, reason="broken", cause="staff:ann")


def test_a_side_is_brought_to_the_other_only_as_it_was_compared(db: Db) -> None:
    _switch_on(db, "default", "north")
    _mug(db)
    moved = ledger.move(db, "MUG", -1, reason="sold", cause="staff:ann")
    for in_store in (False, True):
        late = ledger.align(db, "MUG", 5, after=1, store="default", note="", in_store=in_store)
        assert late is None, "it was sold meanwhile"
    assert ledger.movements(db).count_documents({}) == 2
    here = ledger.align(db, "MUG", 5, after=moved["seq"], store="default", note="")
    assert here is not None
    assert (here["balance"], _unsent(here)) == (14, ["north"])
    there = ledger.align(db, "MUG", 5, after=here["seq"], store="default", note="", in_store=True)
    assert there is not None
    assert (there["balance"], _unsent(there), there["store_quantity"]) == (14, ["default"], 5)
