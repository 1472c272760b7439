"""A product that its shop deletes is archived with its ledger, and is active again when the shop has it again."""

from __future__ import annotations

import itertools

import pytest

from pos_api.catalogue import queries as products
from pos_api.catalogue import staff_actions
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.inbox import leases
from pos_api.inbox.replay import replay_entries
from pos_api.processing import due
from pos_api.stores.registry import Stores
from tests.factories import AHEAD, Shop, assert_books_balance, at, line, order, product, stock_of


def archived(db: Db, sku: str = "A") -> bool:
    found = db.products.find_one({"_id": sku})
    assert found is not None
    return bool(found.get("archived"))


def deleted(shop: Shop, number: int, seconds: float | None = None) -> str:
    """Deleted at so many seconds past noon, as the plugin says it; without a time, as WooCommerce does."""
    more = {} if seconds is None else {"timestamp": f"{at(seconds)}Z"}
    return shop.outcome("product.deleted", {"id": number}, **more)


def test_a_deleted_product_is_archived_with_its_ledger_and_a_line_of_it_still_moves_its_stock(
    shop: Shop, db: Db
) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    assert deleted(shop, 1) == "updated"
    assert archived(db)
    assert [each["_id"] for each in products.find(db, products.Filter())] == []
    assert [each["_id"] for each in products.find(db, products.Filter(archived=True))] == ["A"]
    sold = line("A", 2, 2, product_id=1)
    shop.outcome("order.created", order(5, sold, date_created_gmt=AHEAD))
    assert stock_of(db) == {"A": 8}
    assert_books_balance(db)


def test_the_same_deletion_again_changes_nothing(shop: Shop, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    assert [deleted(shop, 1, 5), deleted(shop, 1, 5), deleted(shop, 1, 6)] == ["updated", "duplicate", "unchanged"]


def test_an_unknown_product_that_is_deleted_is_no_concern(shop: Shop, db: Db) -> None:
    assert deleted(shop, 9) == "ignored"
    assert db.products.count_documents({}) == 0


def test_a_deletion_without_an_id_is_refused_and_kept(shop: Shop, db: Db) -> None:
    assert shop.send("product.deleted", {}).status_code == 422
    assert db.inbox.count_documents({"state": "parked"}) == 1


@pytest.mark.parametrize("how", ["restored", "a newer update", "a newer restore of the plugin"])
def test_a_product_that_is_back_in_the_shop_is_active_again(shop: Shop, db: Db, how: str) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    deleted(shop, 1, 60)
    assert archived(db)
    back = product(1, "A", 10, date_modified_gmt=at(90), name="Back")
    if how == "restored":
        shop.deliver("product.restored", back)
    elif how == "a newer update":
        shop.outcome("product.updated", back)
    else:
        shop.outcome("product.restored", back, timestamp=f"{at(90)}Z")
    assert not archived(db)
    assert stock_of(db) == {"A": 10}


def test_a_late_older_update_of_a_product_does_not_bring_it_back(shop: Shop, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    deleted(shop, 1, 60)
    assert shop.outcome("product.updated", product(1, "A", 10, date_modified_gmt=at(30), name="Late")) == "updated"
    assert archived(db)


def test_a_late_deletion_does_not_archive_what_was_restored_since(shop: Shop, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    shop.outcome("product.restored", product(1, "A", 10, date_modified_gmt=at(90)), timestamp=f"{at(90)}Z")
    assert deleted(shop, 1, 60) == "stale"
    assert not archived(db)


@pytest.mark.parametrize("steps", list(itertools.permutations(range(4))), ids=str)
def test_deletions_and_restores_end_the_same_in_whatever_order_they_come(
    shop: Shop, db: Db, steps: tuple[int, ...]
) -> None:
    """Deleted, restored, deleted, restored, each with its time: it ends in the shop."""
    shop.outcome("product.created", product(1, "A", 10))
    for step in steps:
        seconds = 10 * (step + 1)
        if step % 2:
            data = product(1, "A", 10, date_modified_gmt=at(seconds))
            shop.outcome("product.restored", data, timestamp=f"{at(seconds)}Z")
        else:
            deleted(shop, 1, seconds)
    assert not archived(db)


def test_a_product_with_status_trash_counts_as_deleted(shop: Shop, db: Db) -> None:
    """A change whose webhook was still waiting when the product was trashed bears the trashed product."""
    shop.outcome("product.created", product(1, "A", 10))
    shop.deliver("product.updated", product(1, "A", 10, status="trash", date_modified_gmt=at(9)))
    assert archived(db)


def test_a_product_that_another_shop_still_has_stays_active(shop: Shop, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    db.products.update_one({"_id": "A"}, {"$addToSet": {"external_ids": "north:7"}})
    deleted(shop, 1, 60)
    assert not archived(db)


def test_a_product_made_anew_under_its_sku_is_active(shop: Shop, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    deleted(shop, 1, 60)
    shop.outcome("product.created", product(2, "A", 10, date_modified_gmt=at(90)))
    assert not archived(db)
    assert stock_of(db) == {"A": 10}


def variable(shop: Shop) -> None:
    """A variable product without a SKU of its own, with two variations."""
    shop.outcome("product.created", product(10, "", None, type="variable"))
    for number, sku in ((11, "S"), (12, "M")):
        shop.outcome("product.created", product(number, sku, 5, parent_id=10))


def test_a_deleted_variation_is_archived_alone(shop: Shop, db: Db) -> None:
    variable(shop)
    deleted(shop, 11)
    assert (archived(db, "S"), archived(db, "M")) == (True, False)


def test_the_variations_of_a_deleted_product_go_and_come_with_it(shop: Shop, db: Db) -> None:
    """WooCommerce trashes and restores them with it, and says so of the parent alone."""
    variable(shop)
    deleted(shop, 11)
    deleted(shop, 10, 60)
    assert (archived(db, "S"), archived(db, "M")) == (True, True)
    shop.outcome("product.restored", product(10, "", None, type="variable"), timestamp=f"{at(90)}Z")
    assert (archived(db, "S"), archived(db, "M")) == (True, False), "the one was deleted by itself"


def test_what_staff_say_of_the_archive_stays(shop: Shop, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    staff_actions.change(db, "A", {"archived": True})
    deleted(shop, 1, 60)
    shop.outcome("product.restored", product(1, "A", 10, date_modified_gmt=at(90)), timestamp=f"{at(90)}Z")
    assert archived(db), "staff archived it"
    deleted(shop, 1, 100)
    staff_actions.change(db, "A", {"archived": False})
    deleted(shop, 1, 110)
    assert not archived(db), "staff want to see it though the shop has it no more"


def test_a_deletion_begun_before_a_crash_is_finished_by_its_second_run(shop: Shop, db: Db, config: Config) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    deleted(shop, 1, 60)
    db.products.update_one({"_id": "A"}, {"$unset": {"deleted_ids": "", "archived": "", "archived_by": ""}})
    key = db.inbox.find_one({"topic": "product.deleted"})["_id"]  # type: ignore[index]
    replay_entries(db, [key])
    due.take_due(db, Stores(db, config), leases.new_lease())
    assert archived(db)
