"""Stock sync of a shop is switched on and off: nothing is switched before both sides were compared, and after it both
are equal, whatever moves meanwhile and wherever a crash comes."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.wrappers import Request

from pos_api.catalogue import staff_actions
from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.customers.erasures import Erasures
from pos_api.database import backup as backups
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.errors import Invalid, NotFound, Unavailable
from pos_api.privacy import erase
from pos_api.privacy.restore import restore
from pos_api.processing import ingest
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.reconcile import alignment
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.stock_sync import choices, switching
from pos_api.senders.woocommerce.stock_sync.choices import Choice, SideNeeded
from pos_api.senders.woocommerce.stock_sync.status import status
from pos_api.senders.woocommerce.stock_sync.switching import Switched
from pos_api.staff import audit
from pos_api.staff.audit import Filter
from pos_api.stock import sync_lease, sync_switch
from pos_api.stock.store_sync import is_on, states, unsent_units
from pos_api.stores import removal, settings
from tests.factories import stock_of
from tests.fake_shop import KEY, SECRET, FakeShop, error, product
from tests.senders.woocommerce.test_stock_reconcile import known


@pytest.fixture(autouse=True)
def every_process_knows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recently_read, "MAX_AGE", 0.0)
    monkeypatch.setattr(alignment, "_PAUSE", 0.0)


@pytest.fixture
def shop(fake: FakeShop, db: Db, config: Config) -> FakeShop:
    """A connected shop with ten mugs and five cups, as here."""
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    fake.products |= {1: product(1, "MUG", 10), 2: product(2, "CUP", 5, name="=Cup")}
    for each in fake.products.values():
        known(db, config, "product.created", each)
    return fake


def switch_on(db: Db, config: Config, choice: Choice | None = None) -> Switched:
    return switching.switch_on(db, config, "default", choice or Choice(), ingest.ingest)


def sell(db: Db, sku: str, units: int) -> None:
    staff_actions.adjust(db, sku, -units, reason="sold", by="ann")


def sales(db: Db) -> list[dict[str, Any]]:
    return list(db.stock_movements.find({"reason": "sold"}).sort("seq", 1))


# --- on -----------------------------------------------------------------------------------------------------------


def test_equal_sides_are_switched_on_and_what_moves_from_then_on_is_to_be_sent(
    shop: FakeShop, db: Db, config: Config
) -> None:
    sell(db, "MUG", 1)
    shop.products[1]["stock_quantity"] = 9
    done = switch_on(db, config)
    assert (done.compared, done.aligned, done.left, done.complete) == (2, [], [], True)
    sell(db, "MUG", 2)
    assert unsent_units(db, "default") == {"MUG": -2}
    shown = status(db, "default")
    assert (shown["on"], shown["plugin"], shown["off_because"]) == (True, "1.1.0", None)
    assert shown["since"] <= shown["aligned_at"]
    assert (shown["waiting"]["movements"], shown["waiting"]["products"]) == (1, 1)
    assert shown["waiting"]["oldest_at"] == sales(db)[-1]["at"]


def test_where_they_differ_nothing_is_switched_before_it_is_said_whose_stock_is_right(
    shop: FakeShop, db: Db, config: Config
) -> None:
    sell(db, "MUG", 1)
    with pytest.raises(SideNeeded) as raised:
        switch_on(db, config)
    assert [(each["sku"], each["here"], each["shop"]) for each in raised.value.differences] == [("MUG", 9, 10)]
    assert raised.value.details["differences"][0]["difference"] == -1
    assert not is_on(db, "default")
    assert shop.received == {}
    (entry,) = audit.find(db, Filter(action="store.stock"))
    assert (entry["outcome"], entry["details"]["error"]) == ("failed", "conflict")


def test_from_the_shop_the_ledger_moves_and_other_shops_are_sent_it(shop: FakeShop, db: Db, config: Config) -> None:
    states(db).insert_one({"_id": "north", "on": True})
    sell(db, "MUG", 4)
    shop.products[1]["stock_quantity"] = 8
    done = switch_on(db, config, Choice("shop"))
    assert [(each["sku"], each["repair"]) for each in done.aligned] == [("MUG", "aligned")]
    assert (stock_of(db), unsent_units(db, "default")) == ({"MUG": 8, "CUP": 5}, {})
    assert unsent_units(db, "north") == {"MUG": -2}
    last = db.stock_movements.find_one({"sku": "MUG"}, sort=[("seq", -1)])
    assert last is not None
    assert (last["reason"], last["cause"], last["note"]) == (
        "reconcile",
        "store:default",
        "default has 8, here are 6",
    )


def test_from_the_pos_the_shop_is_sent_the_difference_once(shop: FakeShop, db: Db, config: Config) -> None:
    sell(db, "MUG", 4)
    for _ in range(2):
        done = switch_on(db, config, Choice("pos"))
        assert done.complete
    assert (stock_of(db), unsent_units(db, "default")) == ({"MUG": 6, "CUP": 5}, {"MUG": -4})


def test_what_became_equal_meanwhile_was_neither_sent_nor_changed_here(shop: FakeShop, db: Db, config: Config) -> None:
    """As where two people switch it on at once: the other's difference has arrived."""
    sell(db, "MUG", 4)
    looks = 0

    def sold_there(request: Request) -> None:
        nonlocal looks
        looks += is_on(db, "default") and request.path.endswith("/products/1")
        if looks == 2:  # after the comparison, ahead of the look that counts
            shop.products[1]["stock_quantity"] = 6

    shop.faults.append(sold_there)
    done = switch_on(db, config, Choice("pos"))
    assert ([(each["sku"], each["repair"]) for each in done.aligned], done.complete) == ([("MUG", "equal")], True)
    assert (stock_of(db)["MUG"], unsent_units(db, "default")) == (6, {})


def test_each_sku_may_be_right_on_another_side_as_a_file_says(shop: FakeShop, db: Db, config: Config) -> None:
    sell(db, "MUG", 4)
    sell(db, "CUP", 1)
    with pytest.raises(SideNeeded) as raised:
        switch_on(db, config, Choice(by_sku={"MUG": "pos"}))
    assert [each["sku"] for each in raised.value.differences] == ["CUP"]
    found = switching.differences(db, config, "default", ingest.ingest)
    file = "".join(choices.write(found))
    assert file.splitlines() == [
        "sku,name,here,shop,on_the_way,held_by_pending,difference,from",
        "MUG,Product 1,6,10,0,0,-4,",
        "CUP,'=Cup,4,5,0,0,-1,",
    ]
    filled = file.replace("-4,\r\n", "-4,pos\r\n").replace("-1,\r\n", "-1, Shop \r\n")
    done = switch_on(db, config, choices.read(filled.encode("utf-8-sig")))
    assert {each["sku"]: each["repair"] for each in done.aligned} == {"MUG": "sent", "CUP": "aligned"}
    assert (stock_of(db), unsent_units(db, "default")) == ({"MUG": 6, "CUP": 5}, {"MUG": -4})
    (entry, *_) = audit.find(db, Filter(action="store.stock"))
    assert entry["details"] | {"left": 0} == {
        "on": True,
        "from": None,
        "from_shop": 1,
        "from_pos": 1,
        "compared": 2,
        "aligned": ["MUG: sent (-4)", "CUP: aligned (-1)"],
        "left": 0,
    }


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"\xff", "not UTF-8"),
        (b"sku,stock\nMUG,3\n", "must name the columns"),
        (b"sku;from\nMUG;till\n", "Line 2: 'till' is neither"),
        (b"sku,from\nMUG,pos\nMUG,shop\n", "Line 3: 'MUG' stands there twice"),
        (b'sku,from\n"MUG', "not CSV"),
    ],
)
def test_a_file_that_can_not_be_used_says_why(file: bytes, message: str) -> None:
    with pytest.raises(Exception, match=message):
        choices.read(file)


@pytest.mark.parametrize("fault", ["old plugin", "no answer", "not connected", "no key"])
def test_a_shop_that_can_not_take_stock_is_not_switched_on(fault: str, shop: FakeShop, db: Db, config: Config) -> None:
    if fault == "old plugin":
        shop.plugin = ""
    if fault == "no answer":
        shop.faults.append(lambda request: error(500, "fatal") if "pos-sync" in request.path else None)
    if fault == "not connected":
        db.stores.update_one({"_id": "default"}, {"$unset": {"rest": ""}})
    if fault == "no key":
        db.stores.update_one({"_id": "default"}, {"$rename": {"rest": "kept"}})
        settings.add_store(db, config, "north")
        connection.connect(db, config, "north", shop.url, KEY, SECRET)
        db.stores.update_one({"_id": "north"}, {"$set": {"keys": []}})
    name = "north" if fault == "no key" else "default"
    with pytest.raises((ShopError, NotFound)):
        switching.switch_on(db, config, name, Choice("shop"), ingest.ingest)
    assert not is_on(db, name)


def test_a_store_that_is_no_shop_can_not_be_sent_stock(db: Db, config: Config) -> None:
    settings.add_store(db, config, "bar", kind="karma")
    with pytest.raises(Invalid):
        switching.switch_on(db, config, "bar", Choice(), ingest.ingest)


# --- what moves meanwhile, and crashes ------------------------------------------------------------------------------


def at_request(shop: FakeShop, number: int, act: Any) -> None:
    """Do this when the shop is asked for the `number`th time."""
    asked = 0

    def count(_: Request) -> None:
        nonlocal asked
        asked += 1
        if asked == number:
            act()

    shop.faults.append(count)


def apply_unsent(shop: FakeShop, db: Db) -> None:
    """Send the shop all that waits, as the service would."""
    for each in list(db.stock_movements.find({"unsent.store": "default"}).sort("seq", 1)):
        units = each.get("store_quantity", each["quantity"])
        row = next(row for row in shop.products.values() if row["sku"] == each["sku"])
        row["stock_quantity"] += units
        mark = {"store": "default", "outcome": "applied", "at": each["at"]}
        update = {"$pull": {"unsent": {"store": "default"}}, "$push": {"sent": mark}}
        db.stock_movements.update_one({"_id": each["_id"]}, update)


@pytest.mark.parametrize("side", ["shop", "pos"])
def test_what_is_sold_at_any_moment_of_switching_on_is_counted_once(
    side: Any, shop: FakeShop, db: Db, config: Config
) -> None:
    """Whenever it is sold: before it was switched on it is part of the difference, after it the shop is sent it."""
    number = 0
    while True:
        number += 1
        shop.faults.clear()
        before = len(sales(db))
        shop.products[1]["stock_quantity"] += 3
        at_request(shop, number, lambda: sell(db, "MUG", 1))
        for _ in range(3):
            done = switch_on(db, config, Choice(side))
            shop.faults.clear()
            apply_unsent(shop, db)
            if done.complete:
                break
        assert done.complete
        assert stock_of(db)["MUG"] == shop.products[1]["stock_quantity"], number
        switching.switch_off(db, "default")
        if len(sales(db)) == before:
            break
    assert number > 10


class Crash(BaseException):
    """The process ends."""


def test_after_a_crash_anywhere_it_can_be_switched_on_again_and_then_both_are_equal(
    shop: FakeShop, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(db, "MUG", 4)
    steps = [
        (sync_switch, "switch_on"),
        (recently_read, "wait_until_known"),
        (switching, "_align"),
        (alignment, "_move"),
        (sync_switch, "note_aligned"),
    ]
    for module, name in steps:
        with monkeypatch.context() as patch:

            def crash(*_: Any, **__: Any) -> None:
                raise Crash

            patch.setattr(module, name, crash)
            with pytest.raises(Crash):
                switch_on(db, config, Choice("pos"))
        shown = status(db, "default")
        assert (shown["on"], shown["aligned_at"]) == (name != "switch_on", None), name
        sell(db, "CUP", 1)
        apply_unsent(shop, db)
    assert switch_on(db, config, Choice("pos")).complete
    apply_unsent(shop, db)
    assert stock_of(db) == {row["sku"]: row["stock_quantity"] for row in shop.products.values()} == {"MUG": 6, "CUP": 0}
    assert status(db, "default")["aligned_at"] is not None


def test_what_could_not_be_made_equal_is_left_and_said(shop: FakeShop, db: Db, config: Config) -> None:
    switch_on(db, config)
    sell(db, "MUG", 4)
    shop.products[1]["stock_quantity"] = 11
    done = switch_on(db, config, Choice("shop"))
    assert [each["repair"] for each in done.left] == ["not aligned: something is still on the way to the shop"]
    assert (stock_of(db)["MUG"], status(db, "default")["aligned_at"]) == (6, None)
    apply_unsent(shop, db)
    assert switch_on(db, config, Choice("shop")).complete
    assert (stock_of(db)["MUG"], status(db, "default")["aligned_at"] is None) == (7, False)


def test_what_a_switching_off_cut_short_by_a_crash_left_is_not_sent(shop: FakeShop, db: Db, config: Config) -> None:
    switch_on(db, config)
    sell(db, "MUG", 4)
    states(db).update_one({"_id": "default"}, {"$set": {"on": False}, "$unset": {"since": ""}})
    assert switch_on(db, config, Choice("shop")).complete
    assert (unsent_units(db, "default"), stock_of(db)["MUG"]) == ({}, 10)
    assert [mark["outcome"] for mark in sales(db)[0]["sent"]] == ["switched_off"]


def test_a_shop_that_fails_while_both_are_made_equal_says_that_it_is_on(shop: FakeShop, db: Db, config: Config) -> None:
    def fail(request: Request) -> Any:
        return error(500, "fatal") if is_on(db, "default") and "/products" in request.path else None

    connection_attempts = 1
    shop.faults.append(fail)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pos_api.senders.woocommerce.rest.client._ATTEMPTS", connection_attempts)
        patch.setattr("pos_api.senders.woocommerce.rest.client._FIRST_PAUSE", 0.001)
        with pytest.raises(ShopError, match="is on, but the two sides were not made equal to the end"):
            switch_on(db, config)
    assert (is_on(db, "default"), status(db, "default")["aligned_at"]) == (True, None)


# --- off ----------------------------------------------------------------------------------------------------------


def test_switched_off_nothing_more_is_sent_and_the_ledger_says_so(shop: FakeShop, db: Db, config: Config) -> None:
    switch_on(db, config)
    sell(db, "MUG", 2)
    assert switching.switch_off(db, "default") == 1
    sell(db, "MUG", 1)
    assert unsent_units(db, "default") == {}
    marks = [[mark["outcome"] for mark in each.get("sent", [])] for each in sales(db)]
    assert marks == [["switched_off"], []]
    assert (is_on(db, "default"), status(db, "default")["off_because"]) == (False, None)
    (entry, *_) = audit.find(db, Filter(action="store.stock"))
    assert entry["details"] == {"on": False, "not_sent": 1}
    assert switching.switch_off(db, "default") == 0


def test_switching_off_waits_for_who_sends_at_the_moment(
    shop: FakeShop, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_on(db, config)
    sell(db, "MUG", 2)
    looks = 0

    def sent_meanwhile(_: float) -> None:
        nonlocal looks
        looks += 1
        apply_unsent(shop, db)
        states(db).update_one({"_id": "default"}, {"$unset": {"holder": "", "lease_until": ""}})

    monkeypatch.setattr(recently_read, "wait_until_known", lambda: None)
    server_time = db.command("hello")["localTime"]
    held = {"holder": "a process", "lease_until": server_time.replace(year=server_time.year + 1)}
    states(db).update_one({"_id": "default"}, {"$set": held})
    with monkeypatch.context() as patch:
        only_here = SimpleNamespace(sleep=sent_meanwhile, monotonic=time.monotonic)  # threads of pymongo sleep too
        patch.setattr(sync_switch, "time", only_here)
        assert switching.switch_off(db, "default") == 0
    assert looks == 1


@pytest.mark.parametrize("end", ["no answer", "killed"])
def test_what_was_on_its_way_when_it_was_switched_off_does_not_arrive_after_both_were_made_equal(
    end: str, shop: FakeShop, db: Db, config: Config
) -> None:
    """The request waits in the shop's web server, after who sent it has left or does not wait any more."""
    switch_on(db, config)
    sell(db, "MUG", 2)
    assert sync_lease.take(db, "default", "a process")
    if end == "no answer":
        sync_lease.failed(db, "default", "a process", "The shop did not answer in time.")
    else:
        expired = db.command("hello")["localTime"] - timedelta(seconds=1)
        states(db).update_one({"_id": "default"}, {"$set": {"lease_until": expired}})
    assert switching.switch_off(db, "default") == 1
    with pytest.raises(Unavailable, match="may still arrive"):
        switch_on(db, config, Choice("pos"))
    assert not is_on(db, "default")
    shop.products[1]["stock_quantity"] -= 2  # it arrives
    six_minutes = {"$subtract": ["$may_arrive_until", 360_000]}
    states(db).update_one({"_id": "default"}, [{"$set": {"may_arrive_until": six_minutes}}])
    assert switch_on(db, config, Choice("pos")).complete
    assert (stock_of(db)["MUG"], shop.products[1]["stock_quantity"], unsent_units(db, "default")) == (8, 8, {})


def test_a_store_connected_to_another_address_is_switched_off(shop: FakeShop, db: Db, config: Config) -> None:
    switch_on(db, config)
    assert not any(
        "no stock is sent" in each for each in connection.connect(db, config, "default", shop.url, KEY, SECRET)
    )
    assert is_on(db, "default")
    db.stores.update_one({"_id": "default"}, {"$set": {"rest.url": "https://old.example/shop"}})
    hints = connection.connect(db, config, "default", shop.url, KEY, SECRET)
    assert any("no stock is sent" in each for each in hints)
    assert status(db, "default")["off_because"] == sync_switch.CONNECTED_ELSEWHERE


def test_a_disconnected_store_is_switched_off(shop: FakeShop, db: Db, config: Config) -> None:
    switch_on(db, config)
    sell(db, "MUG", 2)
    removal.disconnect_store(db, "default")
    shown = status(db, "default")
    assert (shown["on"], shown["waiting"]["movements"], shown["off_because"]) == (False, 0, sync_switch.DISCONNECTED)


def test_of_a_removed_store_nothing_is_left(db: Db, config: Config) -> None:
    settings.add_store(db, config, "north")
    states(db).insert_one({"_id": "north", "on": True})
    db.stock_refusals.insert_one({"_id": "north:MUG", "store": "north", "product": "MUG"})
    staff_actions.add(db, {"sku": "MUG", "stock": 3}, by="ann")
    sell(db, "MUG", 1)
    removal.remove_store(db, "north")
    assert states(db).find_one({"_id": "north"}) is None
    assert db.stock_refusals.count_documents({}) == 0
    assert unsent_units(db, "north") == {}


def test_after_a_restore_no_stock_is_sent_anywhere(shop: FakeShop, db: Db, config: Config, tmp_path: Path) -> None:
    switch_on(db, config)
    sell(db, "MUG", 2)
    keys = backups.keys(config)
    backups.write(db, COLLECTIONS, tmp_path / "file", keys[0])
    apply_unsent(shop, db)  # after the backup, which does not know that it was sent
    restored = restore(db, COLLECTIONS, Erasures(db, config), tmp_path / "file", keys, force=True)
    assert restored.switched_off == ["default"]
    shown = status(db, "default")
    assert (shown["on"], shown["waiting"]["movements"], shown["off_because"]) == (False, 0, sync_switch.RESTORED)
    assert switch_on(db, config).complete  # the shop has the two less already
    assert status(db, "default")["off_because"] is None


def test_a_restore_that_a_crash_cut_short_switches_off_too(
    shop: FakeShop, db: Db, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_on(db, config)
    keys, erasures = backups.keys(config), Erasures(db, config)
    backups.write(db, COLLECTIONS, tmp_path / "file", keys[0])

    def crash(*_: Any) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(sync_switch, "switch_all_off", crash)
        with pytest.raises(Crash):
            restore(db, COLLECTIONS, erasures, tmp_path / "file", keys, force=True)
    assert is_on(db, "default")
    db.erasures.update_many({"due_at": {"$exists": True}}, [{"$set": {"due_at": {"$subtract": ["$due_at", 10**9]}}}])
    erase.run_due(db, erasures)
    assert (is_on(db, "default"), status(db, "default")["off_because"]) == (False, sync_switch.RESTORED)
