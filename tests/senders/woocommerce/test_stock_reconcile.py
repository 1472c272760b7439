"""What a comparison expects of a shop that stock is sent to: what is here, with what orders hold and without what the
shop has still to be sent; and how a product is made equal again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Request

from pos_api.catalogue import presentation, staff_actions
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.processing import ingest
from pos_api.senders.woocommerce.reconcile import alignment
from pos_api.senders.woocommerce.rest.reader import RestReader
from pos_api.stock import ledger
from pos_api.stock.model import SyncOutcome
from pos_api.stock.store_sync import refusals, states, synced_stores, unsent_in_order, unsent_units
from pos_api.stores.registry import Stores
from tests.factories import stock_of
from tests.fake_shop import FakeShop, compare, connected_shop, order, product

shop = connected_shop


@pytest.fixture
def mug(fake: FakeShop, shop: RestReader, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch) -> FakeShop:
    """A shop that stock is sent to, with ten mugs here and there."""
    monkeypatch.setattr(alignment, "_PAUSE", 0.0)
    fake.products[1] = product(1, "MUG", 10)
    known(db, config, "product.created", fake.products[1])
    states(db).insert_one({"_id": "default", "on": True, "since": now(), "aligned_at": now()})
    synced_stores(db).refresh()
    return fake


def known(db: Db, config: Config, event: str, data: dict[str, Any]) -> None:
    """Take something in as if the shop had sent it."""
    body = json.dumps({"event": event, "data": data}).encode()
    ingest.ingest(db, Stores(db, config).get("default"), [body], now())


def sell_here(db: Db, units: int) -> None:
    staff_actions.adjust(db, "MUG", -units, reason="sold", by="ann")


def end(db: Db, outcome: SyncOutcome = "applied", message: str = "") -> None:
    """Note that the shop has answered so for the oldest movement that it had still to be sent."""
    found = db.stock_movements.find_one({"unsent.store": "default"}, sort=[("seq", 1)])
    assert found is not None
    mark = {"store": "default", "outcome": outcome, "at": now(), "message": message}
    update = {"$pull": {"unsent": {"store": "default"}}, "$push": {"sent": mark}}
    db.stock_movements.update_one({"_id": found["_id"]}, update)
    if outcome != "applied":
        named = {"store": "default", "product": "MUG", "outcome": outcome, "message": message}
        refusal = {**named, "seq": found["seq"], "at": now()}
        db.stock_refusals.update_one({"_id": "default:MUG"}, {"$set": refusal}, upsert=True)


def test_what_is_on_its_way_is_expected_before_and_after_the_shop_has_done_it(
    mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    sell_here(db, 1)
    sell_here(db, 2)
    for there in (10, 9, 7):
        mug.products[1]["stock_quantity"] = there
        assert compare(db, config, shop).in_sync, there
    end(db)
    end(db)
    assert compare(db, config, shop).in_sync
    mug.products[1]["stock_quantity"] = 8
    (found,) = compare(db, config, shop).stock
    assert (found["difference"], found["unexplained"], found["on_the_way"], found["stock_sync"]) == (-1, -1, 0, True)


def test_a_difference_names_what_the_shop_refused_and_what_is_on_its_way(
    mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    sell_here(db, 1)
    end(db, "refused", "Its stock is no number.")
    sell_here(db, 2)
    report = compare(db, config, shop)
    (found,) = report.stock
    assert found["cause"] == "refused by the shop (Its stock is no number): -1; besides, -2 on the way to the shop"
    assert (found["difference"], found["unexplained"], found["on_the_way"]) == (-1, 0, -2)
    assert not report.in_sync


def test_a_refusal_is_gone_once_both_sides_are_found_equal(
    mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    sell_here(db, 1)
    end(db, "refused", "No.")
    compare(db, config, shop, every_product=False)  # looks at refused products too
    assert refusals(db).count_documents({}) == 1
    mug.products[1]["stock_quantity"] = 9
    sell_here(db, 1)
    compare(db, config, shop, every_product=False)
    assert refusals(db).count_documents({}) == 1  # something is still on its way
    end(db)
    mug.products[1]["stock_quantity"] = 8
    compare(db, config, shop, every_product=False)
    assert refusals(db).count_documents({}) == 0


def test_a_refusal_of_a_later_movement_than_was_compared_stays(
    mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    refusals(db).insert_one(
        {
            "_id": "default:MUG",
            "store": "default",
            "product": "MUG",
            "outcome": "refused",
            "message": "",
            "seq": 2,
            "at": now(),
        }
    )
    compare(db, config, shop)
    assert refusals(db).count_documents({}) == 1


def test_the_stock_here_is_brought_to_the_shop_s_and_the_other_way_round(
    mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    mug.products[1]["stock_quantity"] = 14
    (found,) = compare(db, config, shop, align=["MUG"]).stock
    assert (found["repair"], stock_of(db)) == ("aligned", {"MUG": 14})
    assert unsent_units(db, "default") == {}
    mug.products[1]["stock_quantity"] = 11
    (found,) = compare(db, config, shop, align_shop=["MUG"]).stock
    assert (found["repair"], stock_of(db), unsent_units(db, "default")) == ("sent", {"MUG": 14}, {"MUG": 3})
    assert compare(db, config, shop).in_sync
    end(db, "refused", "No.")
    (found,) = compare(db, config, shop).stock
    assert found["cause"] == "refused by the shop (No): +3"
    mug.products[1]["stock_quantity"] = 14
    assert compare(db, config, shop).in_sync
    last = db.stock_movements.find_one({"sku": "MUG"}, sort=[("seq", -1)])
    assert last is not None
    assert (last["note"], last["reason"], last["quantity"]) == ("default has 11, here are 14", "shop_aligned", 0)
    assert presentation.ledger_movement(last)["event_key"] is None


def test_what_brought_the_stock_here_to_another_shop_s_explains_a_difference(
    mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    sell_here(db, 1)
    end(db, "refused", "No.")
    assert ledger.align(db, "MUG", 4, after=2, store="north", note="") is not None
    end(db, "refused", "No.")
    (found,) = compare(db, config, shop).stock
    assert (found["cause"], found["unexplained"]) == ("refused by the shop (No): +3", 0)


def test_the_side_of_a_product_is_that_of_its_sku_though_its_id_is_another_product_s_sku(
    mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    """A product's id is the first SKU that it had; renamed, that SKU may be another product's."""
    mug.products[1]["sku"] = "MUG-2"
    known(db, config, "product.updated", mug.products[1] | {"date_modified_gmt": "2030-01-01T00:00:00"})
    mug.products[2] = product(2, "MUG", 5)
    known(db, config, "product.created", mug.products[2])
    ids = {each["sku"]: each["_id"] for each in db.products.find()}
    assert ids["MUG-2"] == "MUG" != ids["MUG"]
    for row in mug.products.values():
        row["stock_quantity"] += 1
    report = compare(db, config, shop, align=["MUG"], align_shop=["MUG-2"])
    assert {each["sku"]: each.get("repair") for each in report.stock} == {"MUG-2": "sent", "MUG": "aligned"}


def test_nothing_is_aligned_while_something_is_on_its_way(
    mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    mug.products[1]["stock_quantity"] = 20
    sell_here(db, 1)
    options: Any
    for options in ({"align": ["MUG"]}, {"align_shop": ["MUG"], "repair": True}):
        (found,) = compare(db, config, shop, **options).stock
        assert found["repair"] == "not aligned: something is still on the way to the shop"
    assert (stock_of(db), unsent_in_order(db, "default", "MUG")) == ({"MUG": 9}, [-1])


def asked_for(side: str) -> Any:
    return {side: ["MUG"]}


@pytest.mark.parametrize("why", ["not managed", "deleted", "unlinked"])
def test_a_refusal_is_gone_where_there_is_nothing_left_to_be_equal(
    why: str, mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    sell_here(db, 1)
    end(db, "not_managed", "No stock is kept of it.")
    if why == "not managed":
        mug.products[1] |= {"manage_stock": False, "stock_quantity": None}
    if why == "deleted":
        del mug.products[1]
    if why == "unlinked":
        db.products.update_one({"_id": "MUG"}, {"$set": {"external_ids": []}})
        mug.products.clear()
    compare(db, config, shop, repair=True, every_product=False)
    assert refusals(db).count_documents({}) == 0


@pytest.mark.parametrize("side", ["align", "align_shop"])
def test_a_sale_here_between_the_two_looks_is_counted_once(
    side: str, mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    """The shop is asked, and while it answers somebody buys at the till: the shop is then sent it."""
    mug.products[1]["stock_quantity"] = 14
    asked = 0

    def sell_and_apply(request: Request) -> None:
        nonlocal asked
        if not request.path.endswith("/products/1"):
            return
        asked += 1
        if asked == 2:  # the first is the comparison's second look
            sell_here(db, 1)
        if asked == 3:
            mug.products[1]["stock_quantity"] -= 1
            end(db)

    mug.faults.append(sell_and_apply)
    (found,) = compare(db, config, shop, repair=True, **asked_for(side)).stock
    assert found["repair"] == {"align": "aligned", "align_shop": "sent"}[side]
    assert stock_of(db) == {"MUG": 13 if side == "align" else 9}
    expected = {} if side == "align" else {"MUG": -4}
    assert unsent_units(db, "default") == expected


@pytest.mark.parametrize("side", ["align", "align_shop"])
def test_an_order_there_between_the_two_looks_is_counted_once(
    side: str, mug: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    """The shop has taken the order's units, and its delivery is on the way: it is brought in first."""
    mug.products[1]["stock_quantity"] = 14
    asked = 0

    def buy(request: Request) -> None:
        nonlocal asked
        if request.path.endswith("/products/1"):
            asked += 1
            if asked == 2:
                moment = (now() + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
                mug.put_order(order(7, "MUG", 2, date_created_gmt=moment, date_modified_gmt=moment))
                mug.products[1]["stock_quantity"] -= 2

    mug.faults.append(buy)
    (found,) = compare(db, config, shop, repair=True, **asked_for(side)).stock
    assert found["repair"] == {"align": "aligned", "align_shop": "sent"}[side]
    assert stock_of(db) == {"MUG": 12 if side == "align" else 8}
    assert unsent_units(db, "default") == ({} if side == "align" else {"MUG": -4})
    mug.products[1]["stock_quantity"] += unsent_units(db, "default").get("MUG", 0)
    known(db, config, "order.created", mug.orders[7])
    assert stock_of(db) == {"MUG": mug.products[1]["stock_quantity"]}


def test_a_product_managed_again_counts_what_the_shop_has_still_to_be_sent(
    mug: FakeShop, db: Db, config: Config
) -> None:
    known(db, config, "product.updated", {**product(1, "MUG", None), "date_modified_gmt": "2026-10-02T10:00:00"})
    sell_here(db, 3)
    known(db, config, "product.updated", {**product(1, "MUG", 20), "date_modified_gmt": "2026-10-03T10:00:00"})
    assert stock_of(db) == {"MUG": 17}  # the shop has 20, and 3 fewer when it is sent what was sold here


def test_the_ledger_shows_what_became_of_a_movement_at_each_store(mug: FakeShop, db: Db, config: Config) -> None:
    states(db).insert_one({"_id": "north", "on": True, "since": now()})
    synced_stores(db).refresh()
    sell_here(db, 11)
    end(db, "refused", "No.")
    sell_here(db, 1)
    shown = [presentation.ledger_movement(each) for each in db.stock_movements.find({"seq": {"$gt": 1}}).sort("seq", 1)]
    assert [each["oversold"] for each in shown] == [True, False]
    assert [[(at["store"], at["state"], at["message"]) for at in each["stores"]] for each in shown] == [
        [("default", "refused", "No."), ("north", "waiting", "")],
        [("default", "waiting", ""), ("north", "waiting", "")],
    ]
