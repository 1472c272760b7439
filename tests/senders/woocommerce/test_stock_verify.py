"""`pos-api verify` proves that every movement has gone to each shop with stock sync, once."""

from __future__ import annotations

from typing import Any

import pytest

from pos_api.catalogue import staff_actions
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.processing import ingest
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.stock_sync import switching, verify
from pos_api.senders.woocommerce.stock_sync.choices import Choice
from pos_api.stock import ledger
from pos_api.stock.store_sync import states
from tests.fake_shop import KEY, SECRET, FakeShop, error, order, product
from tests.senders.woocommerce.stock_push.sending import send
from tests.senders.woocommerce.test_stock_reconcile import known


@pytest.fixture
def shop(fake: FakeShop, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch) -> FakeShop:
    """A shop with ten mugs that stock is sent to, since some time; one was sold here and two there, one waits."""
    monkeypatch.setattr(recently_read, "MAX_AGE", 0.0)
    monkeypatch.setattr(verify, "_CLOCKS", now() - now())
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    fake.products[1] = product(1, "MUG", 10)
    known(db, config, "product.created", fake.products[1])
    switching.switch_on(db, config, "default", Choice(), ingest.ingest)
    known(db, config, "order.created", order(1, "MUG", 2))
    sell(db)
    assert send(db, config, "default")
    assert fake.products[1]["stock_quantity"] == 9
    sell(db)
    return fake


def sell(db: Db) -> None:
    staff_actions.adjust(db, "MUG", -1, reason="sold", by="ann")


def problems(db: Db, config: Config) -> list[str]:
    return [f"{each.what}: {each.message}" for each in verify.run(db, config)]


def change(db: Db, reason: str, update: Any) -> None:
    """Change the latest movement of this reason."""
    found = db.stock_movements.find_one({"reason": reason}, sort=[("seq", -1)])
    assert found is not None
    db.stock_movements.update_one({"_id": found["_id"]}, update)


def test_what_waits_and_what_has_gone_is_right(shop: FakeShop, db: Db, config: Config) -> None:
    assert problems(db, config) == []
    assert send(db, config, "default")
    assert problems(db, config) == []


def test_a_refused_movement_and_one_from_before_are_right(shop: FakeShop, db: Db, config: Config) -> None:
    shop.stock_outcomes["MUG"] = "refused"
    send(db, config, "default")
    assert problems(db, config) == []
    switching.switch_off(db, "default")
    sell(db)
    assert problems(db, config) == []
    switching.switch_on(db, config, "default", Choice("pos"), ingest.ingest)
    send(db, config, "default")
    assert problems(db, config) == []


def test_a_movement_that_is_neither_sent_nor_to_be_is_found(shop: FakeShop, db: Db, config: Config) -> None:
    change(db, "sold", {"$unset": {"unsent": ""}})
    assert problems(db, config) == ["MUG: movement 4 (sold -1) was neither sent to 'default' nor is it to be"]
    db.products.update_one({"_id": "MUG"}, {"$set": {"external_ids": []}})
    assert problems(db, config) == []  # the shop does not sell it


def test_a_movement_to_be_sent_twice_or_to_the_shop_that_caused_it_is_found(
    shop: FakeShop, db: Db, config: Config
) -> None:
    mark = {"store": "default", "outcome": "applied", "at": now()}
    change(db, "sold", {"$set": {"sent": [mark]}})
    change(db, "opening", {"$set": {"unsent": [{"store": "default"}]}})
    found = problems(db, config)
    assert "MUG: movement 4 (sold -1) is still to be sent to 'default', after it was answered" in found
    assert any("is of an order of 'default', and was marked to be sent there" in each for each in found)


def test_what_the_shop_does_not_have_or_has_otherwise_is_found(shop: FakeShop, db: Db, config: Config) -> None:
    (received,) = shop.received.values()
    received["delta"] = -3
    assert problems(db, config) == ["MUG: movement 3 (sold -1) changed the stock of 'default' by -3, not by -1"]
    received["outcome"] = "refused"
    assert problems(db, config) == [
        "MUG: movement 3 (sold -1) was answered by 'default' as applied, and is refused there"
    ]
    shop.received.clear()
    (found,) = problems(db, config)
    assert found.endswith("was answered by 'default' as applied, and the shop does not know it")


@pytest.mark.parametrize("fault", ["away", "not connected"])
def test_a_shop_that_can_not_be_asked_is_said(fault: str, shop: FakeShop, db: Db, config: Config) -> None:
    if fault == "away":
        shop.faults.append(lambda _: error(500, "fatal"))
    else:
        db.stores.update_one({"_id": "default"}, {"$unset": {"rest": ""}})
    (found,) = problems(db, config)
    assert found.startswith("default: the shop could not be asked what it has of what it was sent: ")


def test_two_sides_that_were_not_made_equal_to_the_end_are_said(shop: FakeShop, db: Db, config: Config) -> None:
    states(db).update_one({"_id": "default"}, {"$unset": {"aligned_at": ""}})
    assert problems(db, config) == ["default: stock sync is on, and the two sides were not made equal to the end"]


def test_a_product_managed_again_by_the_shop_itself_is_not_missed(shop: FakeShop, db: Db, config: Config) -> None:
    for stock, day in ((None, 2), (20, 3)):
        changed = {**product(1, "MUG", stock), "date_modified_gmt": f"2026-10-0{day}T10:00:00"}
        known(db, config, "product.updated", changed)
    assert ledger.movements(db).find_one({"reason": "managed_again"}) is not None
    assert problems(db, config) == []
