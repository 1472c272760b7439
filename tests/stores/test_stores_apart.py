"""What stores share, and what one store may change of another's: stock moves, names and people's data do not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.catalogue import decision, matching
from pos_api.catalogue import queries as products
from pos_api.catalogue.model import ProductDocument, owning_store
from pos_api.config import Config
from pos_api.customers.pseudonyms import is_pseudonym
from pos_api.database.client import Db
from pos_api.stores import removal, settings
from tests.factories import AHEAD, Shop, assert_books_balance, at, line, order, outcome, product, stock_of, stock_up

ANNA = {"first_name": "Anna", "last_name": "Öberg", "email": "anna@example.se", "phone": "070-1"}
MALLORY = {"first_name": "Mallory", "last_name": "X", "email": "anna@example.se", "phone": "0"}


class North(Shop):
    """A second store, whose deliveries bear its own API key."""

    key = ""

    def send(self, event: str, data: Any, **more: Any) -> Any:
        body = json.dumps({"event": event, "data": data, **more}).encode()
        return self.post(body, {"X-API-Key": self.key, "Content-Type": "application/json"})


@pytest.fixture
def north(db: Db, config: Config, client: FlaskClient) -> North:
    shop = North(client)
    shop.key, _ = settings.add_store(db, config, "north")
    return shop


@pytest.fixture
def shop(north: North, client: FlaskClient) -> Shop:
    return Shop(client)


def named(db: Db, sku: str = "A") -> ProductDocument:
    return products.get(db, sku)


def shown(found: ProductDocument) -> tuple[str, str, str, str]:
    return found["sku"], found["name"], str(found["price"]), found.get("gtin", "")


# --- products -----------------------------------------------------------------------------------------------------


def test_another_store_links_a_product_and_does_not_change_it(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10, global_unique_id="731"))
    before = shown(named(db))
    theirs = product(7, "A", 999, name="Bought", price="0.01", global_unique_id="666", date_modified_gmt=at(60))
    assert north.outcome("product.created", theirs) == "updated"
    assert north.outcome("product.updated", {**theirs, "name": "Again", "date_modified_gmt": at(90)}) == "unchanged"
    assert shown(named(db)) == before
    assert named(db)["external_ids"] == ["default:1", "north:7"]
    assert stock_of(db) == {"A": 10}
    north.outcome("order.created", order(1, line("A", 2, product_id=7)))
    assert stock_of(db) == {"A": 8}, "stock is shared"
    assert shop.outcome("product.updated", product(1, "A", 10, name="Ours", date_modified_gmt=at(30))) == "updated"


def test_another_store_renames_nothing_by_product_or_by_line(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    north.outcome("product.created", product(7, "A", 10))
    assert north.outcome("product.updated", product(7, "A2", 10, date_modified_gmt=at(60))) == "updated"
    north.outcome("order.created", order(1, line("A3", 2, product_id=7)))
    assert named(db)["sku"] == "A"
    assert named(db, "A2")["_id"] == named(db, "A3")["_id"] == "A", "both find it"
    assert stock_of(db) == {"A": 8}
    assert north.outcome("product.updated", product(7, "A4", 10, date_modified_gmt=at(30))) == "stale"


def test_a_store_that_gives_its_product_anothers_sku_keeps_its_own_ledger(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    north.outcome("product.created", product(7, "N", 5))
    reply = north.send("product.updated", product(7, "A", 5, name="Bought", date_modified_gmt=at(60))).get_json()[
        "data"
    ]
    assert [each["code"] for each in reply["warning_codes"]] == ["shared_sku"]
    assert shown(named(db))[:2] == ("A", "Product A")
    assert named(db, "N (no SKU)")["external_ids"] == ["north:7"]
    north.outcome("order.created", order(1, line("A", 2, product_id=7), date_created_gmt=AHEAD))
    assert stock_of(db) == {"A": 10, "N": 3}
    north.outcome("product.updated", product(7, "N", 5, date_modified_gmt=at(90)))
    assert named(db, "N")["external_ids"] == ["north:7"]


def test_a_linked_product_that_another_store_gives_a_third_ones_sku_is_that_one_there(
    shop: Shop, north: North, db: Db
) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    shop.outcome("product.created", product(2, "B", 10))
    north.outcome("product.created", product(7, "A", 10))
    north.outcome("product.updated", product(7, "B", 10, date_modified_gmt=at(60)))
    assert (named(db, "A")["external_ids"], named(db, "B")["external_ids"]) == (["default:1"], ["default:2", "north:7"])
    north.outcome("product.updated", product(7, "A", 10, date_modified_gmt=at(30)))
    assert named(db, "A")["external_ids"] == ["default:1"], "a late older report changes nothing"


def test_no_way_through_a_shared_stock_leads_to_another_stores_product(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    north.outcome("product.created", product(20, "HOOD", 5))
    north.outcome("product.created", product(21, "A", 5))
    shares = product(21, "A", None, parent_id=20, date_modified_gmt=at(10)) | {"manage_stock": "parent"}
    assert "shared with another product" in north.send("product.updated", shares).get_json()["data"]["warnings"][0]
    north.outcome("product.updated", {**shares, "sku": "HOOD-S", "date_modified_gmt": at(20)})
    north.outcome("product.updated", product(21, "HOOD-S", 10_000, parent_id=20, date_modified_gmt=at(30)))
    north.outcome("product.updated", product(21, "A", 10_000, parent_id=20, date_modified_gmt=at(40)))
    assert shown(named(db))[:2] == ("A", "Product A")
    assert stock_of(db)["A"] == 10
    assert_books_balance(db)


def test_another_store_archives_nothing(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    north.outcome("product.created", product(7, "A", 10))
    north.outcome("product.deleted", {"id": 7})
    assert not named(db).get("archived")


def test_a_product_goes_to_the_next_store_when_its_own_deletes_it_or_is_disconnected(
    shop: Shop, north: North, db: Db
) -> None:
    for sku, number in (("A", 1), ("B", 2)):
        north.outcome("product.created", product(number, sku, 10))
        shop.outcome("product.created", product(number, sku, 10))
    north.outcome("product.deleted", {"id": 1}, timestamp=f"{at(30)}Z")
    assert shop.outcome("product.updated", product(1, "A", 10, name="Ours", date_modified_gmt=at(60))) == "updated"
    assert shop.outcome("product.updated", product(2, "B", 10, name="Ours", date_modified_gmt=at(60))) == "unchanged"
    removal.disconnect_store(db, "north")
    assert shop.outcome("product.updated", product(2, "B", 10, name="Ours", date_modified_gmt=at(90))) == "updated"
    assert named(db, "A")["name"] == named(db, "B")["name"] == "Ours"


def test_a_product_that_staff_made_belongs_to_the_first_store_that_reports_it(shop: Shop, north: North, db: Db) -> None:
    stock_up(db, A=10)
    north.outcome("order.created", order(1, line("A", 1, product_id=7)))
    assert owning_store(named(db)) is None
    shop.outcome("product.updated", product(1, "A", 10))
    north.outcome("product.updated", product(7, "A", 10, name="Bought", date_modified_gmt=at(60)))
    assert shown(named(db))[:2] == ("A", "Product A")


def test_another_store_takes_no_former_sku_and_may_take_back_its_own(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("product.created", product(1, "OLD", 10))
    shop.outcome("product.updated", product(1, "A", 10, date_modified_gmt=at(10)))
    north.outcome("product.created", product(7, "A", 10))
    north.outcome("product.created", product(8, "OLD", 10, date_modified_gmt=at(20)))
    north.outcome("product.created", product(9, "N", 10))
    north.outcome("product.updated", product(9, "OLD", 10, date_modified_gmt=at(30)))
    north.outcome("product.created", product(20, "HOOD", 5))
    shares = product(21, "OLD", None, parent_id=20, date_modified_gmt=at(40)) | {"manage_stock": "parent"}
    north.outcome("product.updated", shares)
    assert named(db, "OLD")["sku"] == "A"
    shop.outcome("order.created", order(1, line("OLD", 2, product_id=0), date_created_gmt=AHEAD))
    assert stock_of(db)["OLD"] == 8, "the ledger of A began under this name"
    north.outcome("product.updated", product(7, "THEIRS", 10, date_modified_gmt=at(50)))
    assert named(db, "THEIRS")["sku"] == "A"
    assert north.outcome("product.created", product(10, "THEIRS", 3, date_modified_gmt=at(60))) == "created"
    assert named(db, "THEIRS")["external_ids"] == ["north:10"]
    assert_books_balance(db)


def test_a_sku_that_its_own_store_uses_too_is_taken_back_by_no_other(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("product.created", product(1, "A", 10))
    north.outcome("product.created", product(7, "A", 10))
    north.outcome("product.updated", product(7, "B", 10, date_modified_gmt=at(10)))
    shop.outcome("product.updated", product(1, "B", 10, date_modified_gmt=at(20)))
    shop.outcome("product.updated", product(1, "C", 10, date_modified_gmt=at(30)))
    north.outcome("product.created", product(8, "B", 10, date_modified_gmt=at(40)))
    assert named(db, "B")["sku"] == "C"


def test_another_store_can_not_make_a_product_grow_without_end(
    shop: Shop, north: North, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (matching, decision):
        monkeypatch.setattr(module, "MAX_OF_OTHER_STORES", 5)
    shop.outcome("product.created", product(1, "A", 10))
    for number in range(1, 12):
        theirs = product(7, f"X{number}", 10, date_modified_gmt=at(number))
        north.send("product.created", product(6 + number, "A", 10))
        north.send("product.updated", theirs)
        lines = (line(f"Y{number}-{each}", 1, product_id=7) for each in range(4))
        north.outcome("order.created", order(number, *lines, date_created_gmt=AHEAD))
        shares = product(900 + number, f"Z{number}", None, parent_id=7) | {"manage_stock": "parent"}
        north.send("product.updated", shares)
    grown = named(db)
    assert len(grown["skus"]) == 1 + 5
    assert len(grown["external_ids"]) == 1 + 5
    assert len(grown.get("shared_stock_variations", ())) <= 5
    assert stock_of(db) == {"A": 10 - 44}, "lines of its id are its lines all the same"
    shop.outcome("product.updated", product(1, "B", 10, date_modified_gmt=at(60)))
    assert named(db, "B")["sku"] == "B", "its own store renames it still"


def test_a_variation_whose_stock_is_its_parents_stays_its_stores(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("product.created", product(20, "HOOD", 40))
    shop.outcome("product.created", product(21, "HOOD-S", 10, parent_id=20))
    north.outcome("product.created", product(7, "HOOD-S", 10))
    shares = product(21, "HOOD-S", None, parent_id=20, date_modified_gmt=at(10)) | {"manage_stock": "parent"}
    shop.outcome("product.updated", shares)
    north.outcome("product.updated", product(7, "MINE", 10, name="Bought", date_modified_gmt=at(20)))
    shop.outcome("product.updated", product(21, "HOOD-S", 8, parent_id=20, date_modified_gmt=at(30)))
    assert shown(named(db, "HOOD-S"))[:2] == ("HOOD-S", "Product HOOD-S")
    assert named(db, "HOOD-S")["_id"] == "HOOD-S", "its ledger goes on"
    assert stock_of(db) == {"HOOD": 40, "HOOD-S": 8}


# --- customers ----------------------------------------------------------------------------------------------------


def profile(db: Db) -> tuple[str, str, str]:
    [found] = db.customers.find()
    return found["first_name"], found["phone"], found["billing"].get("first_name", "")


def test_another_store_does_not_change_a_customer_by_order_or_account(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("order.created", order(1, billing=ANNA))
    north.outcome("order.created", order(1, billing=MALLORY, modified=60))
    address = {**MALLORY, "address_1": "Elsewhere 1"}
    north.outcome("customer.updated", {"id": 7, **MALLORY, "billing": address, "date_modified_gmt": at(90)})
    assert profile(db) == ("Anna", "070-1", "Anna")
    [found] = db.customers.find()
    assert found["external_ids"] == ["north:7"]
    assert db.orders.count_documents({"customer": "anna@example.se"}) == 2, "the orders are theirs all the same"
    theirs = db.orders.find_one({"store": "north"})
    assert theirs is not None
    assert theirs["billing"]["first_name"] == "Mallory", "each order keeps its own"
    shop.outcome("order.updated", order(1, billing={**ANNA, "phone": "070-2"}, modified=30))
    assert profile(db)[1] == "070-2", "an older report of their own store counts"


@pytest.mark.parametrize("orders_too", [True, False])
def test_another_stores_erasure_leaves_what_a_customers_own_store_reported(
    orders_too: bool, shop: Shop, north: North, db: Db
) -> None:
    account = {**ANNA, "id": 3, "username": "anna", "billing": {**ANNA, "address_1": "Home 1"}}
    shop.outcome("customer.updated", {**account, "date_modified_gmt": at(90)})
    shop.outcome("order.created", order(1, billing=ANNA))
    north.outcome("customer.updated", {**MALLORY, "id": 7, "date_modified_gmt": at(95)})
    north.outcome("order.created", order(1, billing=MALLORY, modified=60, date_created_gmt=at(500)))
    [before] = db.customers.find()
    north.outcome("customer.erased", {"email": ANNA["email"], "orders": orders_too})
    [after] = db.customers.find()
    theirs = ("home", "email", "first_name", "last_name", "phone", "username", "billing", "search", "as_of")
    assert {name: after.get(name) for name in theirs} == {name: before.get(name) for name in theirs}
    assert (after["external_ids"], list(after["accounts"])) == (["default:3"], ["default:3"])
    assert all(each["body"] for each in db.inbox.find({"store": "default"}))
    ours = db.orders.find_one({"_id": "default:1"})
    assert ours is not None
    assert ours["billing"]["first_name"] == "Anna"


@pytest.mark.parametrize("email", ["default:#7", " DEFAULT:#7 ", "erased:00", "anna"])
def test_what_is_no_email_address_is_no_key_of_anothers_customer(email: str, shop: Shop, north: North, db: Db) -> None:
    north.outcome("order.created", order(1, billing={**MALLORY, "email": email}))
    north.outcome("customer.updated", {"id": 9, **MALLORY, "email": email, "date_modified_gmt": at(90)})
    shop.outcome("order.created", order(2, billing={"first_name": "Bo"}, customer_id=7))
    found = {
        each["_id"]: (each["owning_store"], each["first_name"], each["external_ids"]) for each in db.customers.find()
    }
    assert found == {
        "default:#7": ("default", "Bo", ["default:7"]),
        "north:#9": ("north", "Mallory", ["north:9"]),
    }
    assert not is_pseudonym("erased:me@example.se"), "such an address has a record"


def test_a_customer_goes_to_the_next_store_when_theirs_is_disconnected(shop: Shop, north: North, db: Db) -> None:
    north.outcome("order.created", order(1, billing=MALLORY))
    shop.outcome("order.created", order(1, billing=ANNA, modified=10))
    assert profile(db)[0] == "Mallory"
    removal.disconnect_store(db, "north")
    shop.outcome("order.updated", order(1, billing={**ANNA, "phone": "070-2"}, modified=60))
    assert profile(db)[0] == "Anna"


def test_orders_of_one_number_in_two_stores_are_two(shop: Shop, north: North, db: Db) -> None:
    shop.outcome("order.created", order(1))
    assert north.outcome("order.deleted", order(1, modified=60), sequence=5) == "created"
    assert north.outcome("order.updated", order(1, status="cancelled", modified=90), sequence=6) == "updated"
    assert outcome(shop.deliver("order.updated", order(1, modified=120))) == "updated"
    ours = db.orders.find_one({"_id": "default:1"})
    assert ours is not None
    assert (ours["status"], "deleted_at" in ours) == ("processing", False)
