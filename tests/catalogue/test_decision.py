"""What a store's update about a product means: decided without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bson import Decimal128

from pos_api.catalogue.decision import (
    Action,
    AddSku,
    Create,
    Decision,
    LeaveAsIs,
    Link,
    ShareStock,
    Update,
    decide,
    decide_shared_stock,
    related_products,
    several_products_warning,
)
from pos_api.catalogue.deletion import after_deletion, after_report, is_deleted
from pos_api.catalogue.details import differing_fields, reported_fields
from pos_api.catalogue.model import ProductDeletion, ProductDocument, ProductUpdate, is_owned_by_another_store
from pos_api.catalogue.skus import may_take_sku

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def update(external_id: str, sku: str, minutes: int = 5, *, parent: str = "", **more: Any) -> ProductUpdate:
    """What the store of this external id reports, so many minutes after noon."""
    store = external_id.partition(":")[0]
    values: dict[str, Any] = {"name": "Cup", "price": Decimal128("9.00"), "stock": 10, "shares_parent_stock": False}
    times = {"modified_at": at(minutes), "stock_read_at": at(minutes), "seen_at": at(minutes)}
    return ProductUpdate(
        store=store, external_id=external_id, parent_external_id=parent, sku=sku, cause="x", **values | times | more
    )


def product(sku: str, *external_ids: str, former: tuple[str, ...] = (), **more: Any) -> ProductDocument:
    """A product of the default store, reported at noon."""
    document: dict[str, Any] = {
        "_id": sku,
        "sku": sku,
        "skus": [*former, sku],
        "name": "Cup",
        "price": Decimal128("9.00"),
        "stock": 10,
        "seq": 1,
        "search": [],
        "created_at": NOON,
        "external_ids": list(external_ids),
        "owning_store": "default",
        "opening_store": "default",
        "synced_at": NOON,
    }
    return cast(ProductDocument, document | more)


def decided(asked: ProductUpdate, *known: ProductDocument) -> Decision:
    return decide(asked, related_products(known, asked))


def code(action: Action) -> tuple[str, list[str]]:
    """The outcome and the codes of the warnings of what is left as it is."""
    assert isinstance(action, LeaveAsIs)
    return action.outcome, [warning.code for warning in action.warnings]


# --- which product --------------------------------------------------------------------------------------------------


def test_an_unknown_product_is_created() -> None:
    assert decided(update("default:1", "CUP")) == Decision(Create())


def test_a_new_product_has_a_name_of_its_own_where_its_sku_is_the_name_of_a_ledger() -> None:
    renamed = product("CUP", "default:1") | {"sku": "MUG", "skus": ["MUG"]}
    assert related_products([renamed], update("default:2", "CUP")).new_id == "CUP (default:2)"


def test_a_draft_that_is_not_known_is_left() -> None:
    assert code(decided(update("default:1", "CUP", published=False)).action) == ("ignored", ["not_published"])
    cup = product("CUP", "default:1")
    assert decided(update("default:1", "CUP", published=False), cup) == Decision(Update(cup))


def test_a_known_id_tells_the_product_whatever_its_sku() -> None:
    cup, pot = product("CUP", "default:1"), product("POT", "default:2")
    assert decided(update("default:1", "MUG"), cup) == Decision(Update(cup))
    assert decided(update("default:1", "POT"), cup, pot) == Decision(Update(cup, same_sku=pot))


def test_a_further_id_with_a_known_sku_is_the_same_product() -> None:
    cup = product("CUP", "default:1")
    assert decided(update("default:2", "CUP"), cup) == Decision(Update(cup, link=True, shared_with=("default:1",)))


def test_a_former_sku_is_a_new_products_and_is_taken_from_the_one_that_had_it() -> None:
    cup = product("CUP", "default:1", former=("OLD",))
    assert decided(update("default:2", "OLD"), cup) == Decision(Create(take_sku_from=cup))
    assert decided(update("default:2", "OLD", stock=None), cup) == Decision(Create()), "no product, so nothing is taken"


def test_several_products_with_one_sku_are_named_by_their_numbers_in_order() -> None:
    warning = several_products_warning(update("default:10", "CUP"), ["default:9", "default:2"])
    assert warning.values == {"sku": "CUP", "ids": "2 and 9 and 10"}


# --- families -------------------------------------------------------------------------------------------------------


def test_a_variation_with_its_parents_sku_is_left() -> None:
    hood = product("HOOD", "default:17")
    assert code(decided(update("default:18", "HOOD", parent="default:17"), hood).action) == ("ignored", ["shared_sku"])


def test_a_parent_with_its_variations_sku_is_left() -> None:
    small = product("HOOD", "default:18", variation_of=[{"id": "default:18", "parent": "default:17"}])
    assert code(decided(update("default:17", "HOOD"), small).action) == ("ignored", ["shared_sku"])


def test_a_translated_variation_is_the_same_product() -> None:
    small = product("CAP-S", "default:21", variation_of=[{"id": "default:21", "parent": "default:20"}])
    translated = decided(update("default:31", "CAP-S", parent="default:30"), small)
    assert translated == Decision(Update(small, link=True, shared_with=("default:21",)))


def test_a_variation_that_shares_its_parents_stock_adds_its_sku_to_the_parent() -> None:
    hood, small = product("HOOD", "default:17"), product("HOOD-S", "default:18")
    asked = update("default:18", "HOOD-S", parent="default:17", stock=None, shares_parent_stock=True)
    action = decide_shared_stock(asked, related_products([hood, small], asked))
    assert action == ShareStock(hood, (small,))


def test_a_variation_whose_parent_is_not_known_shares_nothing() -> None:
    asked = update("default:18", "HOOD-S", parent="default:17", stock=None, shares_parent_stock=True)
    assert code(decide_shared_stock(asked, related_products([], asked))) == ("ignored", ["unknown_parent"])


def test_an_older_report_of_shared_stock_is_stale() -> None:
    hood = product("HOOD", "default:17", shared_stock_variations={"default:18": at(9)})
    shares = update("default:18", "HOOD-S", parent="default:17", stock=None, shares_parent_stock=True)
    assert code(decide_shared_stock(shares, related_products([hood], shares))) == ("stale", [])
    assert code(decided(update("default:18", "HOOD-S", parent="default:17"), hood).action) == ("stale", [])


def test_a_variation_with_stock_of_its_own_again_leaves_its_parent_and_goes_on_with_its_ledger() -> None:
    hood = product("HOOD", "default:17", former=("HOOD-S",), shared_stock_variations={"default:18": NOON})
    before = product("HOOD-S (no SKU)", ids_with_shared_stock=["default:18"], stock_parent="HOOD")
    asked = update("default:18", "HOOD-S", parent="default:17")
    assert decided(asked, hood, before) == Decision(Update(before, own_stock_again=True), stop_sharing_with=hood)
    assert decided(asked, hood) == Decision(Create(), stop_sharing_with=hood)


# --- stores ---------------------------------------------------------------------------------------------------------


def test_another_stores_product_is_linked_and_not_changed() -> None:
    cup = product("CUP", "default:1")
    assert decided(update("north:7", "CUP"), cup) == Decision(Link(cup))


def test_another_stores_new_sku_is_one_more_that_finds_the_product() -> None:
    cup = product("CUP", "default:1", "north:7", linked_at={"north:7": NOON})
    assert decided(update("north:7", "MUG"), cup) == Decision(AddSku(cup))
    assert code(decided(update("north:7", "CUP"), cup).action) == ("unchanged", [])
    assert code(decided(update("north:7", "MUG", minutes=-1), cup).action) == ("stale", [])


def test_another_stores_id_goes_over_to_the_product_that_has_its_sku() -> None:
    cup, pot = product("CUP", "default:1", "north:7"), product("POT", "default:2")
    assert decided(update("north:7", "POT"), cup, pot) == Decision(Link(pot), unlink_from=cup)


def test_a_product_whose_own_store_has_deleted_it_is_anybodys() -> None:
    deleted = [{"id": "default:1", "at": NOON, "because": "default:1", "version": None}]
    cup = product("CUP", "default:1", "north:7", deleted_ids=deleted)
    assert not is_owned_by_another_store(cup, "north")
    assert decided(update("north:7", "MUG"), cup) == Decision(Update(cup))


def test_of_another_stores_skus_only_one_that_this_store_gave_may_be_taken() -> None:
    cup = product("CUP", "default:1", former=("OLD", "MUG"), skus_of_other_stores=["north:MUG"])
    taken = {sku: may_take_sku(cup, update("north:7", sku)) for sku in ("CUP", "OLD", "MUG")}
    assert taken == {"CUP": False, "OLD": False, "MUG": True}
    assert may_take_sku(cup, update("default:7", "OLD")), "of its own store any"
    used_by_both = product("MUG", "default:1", skus_of_other_stores=["north:MUG"])
    assert not may_take_sku(used_by_both, update("north:7", "MUG")), "its own store has named it so since"


# --- fields ---------------------------------------------------------------------------------------------------------


def test_an_update_sets_what_it_reports_and_leaves_the_rest() -> None:
    cup = product("CUP", "default:1", gtin="731", tax_class="reduced")
    asked = update("default:1", "CUP", name=None, price=None, details={"gtin": "", "tax_class": "reduced"})
    assert reported_fields(cup, asked, "CUP") == {"sku": "CUP", "name": "Cup", "gtin": ""}
    assert reported_fields(cup, update("default:1", "CUP", price=None, has_no_price=True), "CUP")["price"] is None


def test_the_fields_that_differ_are_named() -> None:
    cup = product("CUP", "default:1", tax_class="reduced")
    assert differing_fields(cup, update("default:1", "CUP", price=Decimal128("9"))) == []
    changed = update("default:1", "MUG", name="Mug", price=Decimal128("8"), details={"gtin": "731", "tax_class": ""})
    assert differing_fields(cup, changed) == ["sku", "name", "price", "gtin", "tax_class"]
    assert differing_fields(cup, update("default:1", "CUP", price=None, has_no_price=True)) == ["price"]
    of_variation = update("default:1", "CUP", parent="default:2", details={"gtin": "731", "tax_class": ""})
    assert differing_fields(cup, of_variation) == ["gtin"], "the others may be its parent's"


# --- the archive ----------------------------------------------------------------------------------------------------


def deletion(external_id: str, minutes: int | None = 5) -> ProductDeletion:
    deleted_at = None if minutes is None else at(minutes)
    return ProductDeletion(external_id.partition(":")[0], external_id, deleted_at, at(30))


def test_a_product_that_all_its_stores_have_deleted_is_archived_and_comes_back() -> None:
    cup = product("CUP", "default:1")
    deleted = after_deletion(cup, deletion("default:1"))
    assert deleted is not None
    assert (deleted["archived"], is_deleted(deleted, "default:1")) == (True, True)
    assert after_report(deleted, update("default:1", "CUP", 4)) == deleted, "an older report"
    assert after_report(deleted, update("default:1", "CUP", 6)) == cup


def test_a_product_that_another_store_has_stays_active() -> None:
    deleted = after_deletion(product("CUP", "default:1", "north:7"), deletion("default:1"))
    assert deleted is not None
    assert "archived" not in deleted


def test_a_deletion_older_than_the_latest_update_changes_nothing() -> None:
    assert after_deletion(product("CUP", "default:1"), deletion("default:1", -1)) is None
    assert after_deletion(product("CUP", "default:1"), deletion("default:1", None)) is not None


def test_a_parent_takes_its_variations_along() -> None:
    small = after_report(product("HOOD-S", "default:18"), update("default:18", "HOOD-S", parent="default:17"))
    deleted = after_deletion(small, deletion("default:17"))
    assert deleted is not None
    assert [(each["id"], each["because"]) for each in deleted["deleted_ids"]] == [("default:18", "default:17")]


def test_what_staff_archived_no_store_takes_out() -> None:
    archived = product("CUP", "default:1", archived=True)
    assert after_report(archived, update("default:1", "CUP")) == archived
    deleted = after_deletion(archived, deletion("default:1"))
    assert deleted is not None
    assert after_report(deleted, update("default:1", "CUP", 9))["archived"], "also where the store deleted it since"
