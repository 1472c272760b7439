"""A real WooCommerce that sends nothing: asked over REST, and read from its database, the POS has it to the unit.

Needs WORDPRESS_DIR (WordPress 7.1 or so) and WOOCOMMERCE_DIR (a built WooCommerce), PHP and MariaDB.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pymysql
import pytest

from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.processing import ingest
from pos_api.senders.woocommerce import connection, importer
from pos_api.senders.woocommerce.database.connection import Database
from pos_api.senders.woocommerce.database.reader import DatabaseReader
from pos_api.senders.woocommerce.diagnosis import diagnose
from pos_api.senders.woocommerce.reconcile.comparison import Options
from pos_api.senders.woocommerce.reconcile.report import Report
from pos_api.senders.woocommerce.reconcile.run import reconcile
from pos_api.senders.woocommerce.shop_error import ShopError
from tests.conftest import fresh_database
from tests.fake_shop import KEY, SECRET
from tests.journeys.woocommerce import test_sent_orders as plugin_journey
from tests.journeys.woocommerce.test_sent_orders import Journey, Shop

pytestmark = plugin_journey.pytestmark
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
CHANGED = (["stale"], ["different"])
"""How a change shows: with a later time, or within the second of the change before."""
NOT_CONTENT = frozenset({"changed_at", "received_at", "rev", "status_history"})


class Quiet(Journey):
    """A shop that sends nothing: its POS knows what it asks for."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.orders: list[int] = []

    def attach(self, db: Db, config: Config) -> None:
        """Compare with this POS from now on, connected to the shop."""
        self.database, self.config, self.orders = db, config, []
        connection.connect(db, config, "default", self.shop.url, KEY, SECRET)

    def import_(self) -> importer.ImportResult:
        """Take over what the shop has."""
        with connection.open_shop(self.database, self.config, "default") as shop:
            return importer.run(self.database, self.config, shop, "default", LONG_AGO, ingest.ingest, lambda *_: None)

    def reconcile(self, **options: Any) -> Report:
        """Compare everything since long ago."""
        with connection.open_shop(self.database, self.config, "default") as shop:
            return reconcile(self.database, self.config, shop, "default", ingest.ingest, Options(LONG_AGO, **options))

    def repair(self) -> list[str]:
        """Compare and repair; returns what was wrong with the orders, and leaves nothing to repair."""
        report = self.reconcile(repair=True)
        assert report.problem is None
        again = self.reconcile()
        assert (again.orders, again.stock) == ([], [])
        truth = self.shop.act("truth", orders=self.orders)
        self.compare({**truth, "orders": truth["orders"] or {}})  # PHP's empty array is a list
        return [each["problem"] for each in report.orders]

    def sql(self, statement: str, *values: Any) -> None:
        """Change the shop's database."""
        with closing(pymysql.connect(**self.database_options, autocommit=True)) as connected:
            connected.cursor().execute(statement, values)

    @property
    def database_options(self) -> dict[str, Any]:
        """How the shop's database is reached."""
        socket = str(self.shop.directory / "db" / "socket")
        return {"unix_socket": socket, "user": "root", "password": "", "database": "shop"}


@pytest.fixture(scope="module", params=["order tables", "posts"])
def open_shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quiet]:
    """A shop with a history, its orders in order tables (HPOS) or in posts."""
    tables = "yes" if request.param == "order tables" else "no"
    names = ("woocommerce_custom_orders_table_enabled", "woocommerce_feature_custom_order_tables_enabled")
    quiet = Quiet(Shop(tmp_path_factory.mktemp("shop")))
    try:
        quiet.shop.start(dict.fromkeys(names, tables))
        hashed = hmac.new(b"wc-api", KEY.encode(), hashlib.sha256).hexdigest()
        quiet.sql(
            "INSERT INTO wp_woocommerce_api_keys (user_id, description, permissions, consumer_key, consumer_secret, "
            "truncated_key) VALUES (1, 'POS', 'read_write', %s, %s, 'x')",
            hashed,
            SECRET,
        )
        _history(quiet)
        yield quiet
    finally:
        quiet.shop.stop()


def _history(quiet: Quiet) -> None:
    """Orders from before: every status, refunds with and without restock, a coupon, a fee, another currency."""
    shop = quiet.shop
    for status in ("processing", "completed", "on-hold", "cancelled", "failed", "refunded", "pending"):
        number = shop.order(("Oil", 3), ("Hoodie M", 1), created="2026-03-01T23:30:00")
        if status != "pending":
            shop.act("pay", id=number)
            shop.act("status", id=number, to=status)
    for restock in (True, False):
        number = shop.order(("Odd", 4), ("Hoodie XL", 1), coupon="tio", fee="12.345", shipping="49", currency="EUR")
        shop.act("pay", id=number)
        shop.act("refund", id=number, quantities=[1, 1], restock=restock)
        shop.act("refund", id=number, amount="5")
    number = shop.order(("Book", 1), meta={"gift": "yes", "list": {"a": [1, "x"]}, "_hidden": "1"}, note="Ring\n😀")
    shop.act("trash", id=number, how="trash")


@pytest.fixture
def quiet(open_shop: Quiet, db: Db, config: Config) -> Quiet:
    """The shop, with a fresh POS."""
    open_shop.attach(db, config)
    return open_shop


def test_a_wrong_secret_is_distinguished_from_a_wrong_key(quiet: Quiet) -> None:
    with pytest.raises(ShopError, match="Invalid signature"):
        diagnose(quiet.shop.url, KEY, "cs_wrong")
    with pytest.raises(ShopError, match="Consumer key is invalid"):
        diagnose(quiet.shop.url, "ck_wrong", SECRET)


def test_permalinks_that_are_off_are_said(quiet: Quiet) -> None:
    quiet.shop.act("options", permalink_structure="", rewrite_rules="")
    try:
        with pytest.raises(ShopError, match="Permalinks are off"):
            diagnose(quiet.shop.url, KEY, SECRET)
    finally:
        quiet.shop.act("options", permalink_structure="/%postname%/", rewrite_rules="")


def test_after_an_import_the_pos_has_the_shops_stock_and_follows_it(quiet: Quiet) -> None:
    imported = quiet.import_()
    assert imported.outcomes["orders"] == {"created": 9}
    stock = quiet.shop.act("truth")["stock"]
    assert quiet.stock() == {sku: units for sku, units in stock.items() if not sku.startswith("#")}
    assert quiet.import_().outcomes["orders"] == {"duplicate": 9}
    old = quiet.database.orders.find_one({"status": "processing", "currency": "SEK"})
    assert old is not None
    quiet.shop.act("status", id=old["order_id"], to="cancelled")
    assert quiet.repair() in CHANGED
    refunded = quiet.database.orders.find_one({"currency": "EUR"})
    assert refunded is not None
    quiet.shop.act("status", id=refunded["order_id"], to="cancelled")
    assert quiet.repair() in CHANGED


def test_whatever_happens_and_is_not_sent_is_found_and_repaired(quiet: Quiet) -> None:
    quiet.import_()
    first = quiet.order(("Oil", 2), ("Hoodie S", 1), ("T-Shirt Blå 👕", 3))
    assert quiet.repair() == ["missing"]
    quiet.shop.act("pay", id=first)
    assert quiet.repair() in CHANGED
    refund = quiet.shop.act("refund", id=first, quantities=[1, 0, 2], restock=True)["id"]
    assert quiet.repair() in CHANGED
    quiet.shop.act("delete_refund", id=refund)
    assert quiet.repair() in CHANGED
    quiet.shop.act("edit", id=first, quantities={"0": 5}, remove=[1])
    assert quiet.repair() in CHANGED
    quiet.shop.act("trash", id=first, how="trash")
    assert quiet.repair() == ["gone"]
    quiet.shop.act("trash", id=first, how="restore")
    assert quiet.repair() in (["stale"], ["deleted here"])
    second = quiet.order(("Salad", 4))
    quiet.shop.act("pay", id=second)
    assert quiet.repair() == ["missing"]
    quiet.shop.act("trash", id=second, how="for good")
    assert quiet.repair() == ["gone"]
    third = quiet.order(("Oil", 4))
    quiet.shop.act("pay", id=third)
    assert quiet.repair() == ["missing"]
    quiet.shop.act("status", id=third, to="cancelled")
    quiet.shop.act("trash", id=third, how="trash")
    assert quiet.repair() == ["gone"]


def test_stock_changed_in_the_shop_by_hand_is_listed_and_aligned(quiet: Quiet) -> None:
    quiet.import_()
    quiet.sql(
        "UPDATE wp_postmeta m JOIN wp_postmeta s ON s.post_id = m.post_id AND s.meta_key = '_sku' "
        "SET m.meta_value = m.meta_value + 7 WHERE m.meta_key = '_stock' AND s.meta_value = 'Sku 42/ä'"
    )
    quiet.shop.act("maintain")
    (entry,) = quiet.reconcile(repair=True).stock
    assert (entry["sku"], entry["unexplained"]) == ("Sku 42/ä", -7)
    assert quiet.reconcile(align=["Sku 42/ä"]).problem is None
    assert quiet.reconcile().stock == []


def test_a_price_a_name_and_a_sku_changed_in_the_database_are_found_and_repaired(quiet: Quiet) -> None:
    """No hook runs then, and no time of change is raised."""
    quiet.import_()
    oil, salad, hoodie = (quiet.shop.products[name] for name in ("Oil", "Salad", "Hoodie S"))
    was = {each["sku"]: each["name"] for each in quiet.database.products.find()}
    quiet.sql("UPDATE wp_postmeta SET meta_value = '77' WHERE post_id = %s AND meta_key LIKE '%%price'", oil)
    quiet.sql("UPDATE wp_posts SET post_title = 'Great salad' WHERE ID = %s", salad)
    quiet.sql("UPDATE wp_postmeta SET meta_value = 'H-SMALL' WHERE post_id = %s AND meta_key = '_sku'", hoodie)
    try:
        found = quiet.reconcile().products
        assert {each["shop_id"]: each["fields"] for each in found} == {oil: ["price"], salad: ["name"], hoodie: ["sku"]}
        assert quiet.reconcile(repair=True).data_in_sync
        assert quiet.reconcile().products == []
        stored = {key: each for each in quiet.database.products.find() for key in each["external_ids"]}
        assert str(stored[f"default:{oil}"]["price"]) == "77"
        assert stored[f"default:{salad}"]["name"] == "Great salad"
        assert stored[f"default:{hoodie}"]["sku"] == "H-SMALL"
        sold = quiet.order(("Hoodie S", 1))
        quiet.shop.act("pay", id=sold)
        assert quiet.repair() == ["missing"], "and its orders move its stock"
    finally:
        quiet.sql("UPDATE wp_postmeta SET meta_value = '89.90' WHERE post_id = %s AND meta_key LIKE '%%price'", oil)
        quiet.sql("UPDATE wp_posts SET post_title = %s WHERE ID = %s", was["SALAD-01"], salad)
        quiet.sql("UPDATE wp_postmeta SET meta_value = %s WHERE post_id = %s AND meta_key = '_sku'", "HOOD-S", hoodie)


def test_products_deleted_and_restored_in_the_shop_are_archived_and_active_again(quiet: Quiet) -> None:
    quiet.import_()
    book, hoodie = quiet.shop.products["Book"], quiet.shop.products["Hoodie"]
    sold = quiet.order(("Book", 2))
    quiet.shop.act("pay", id=sold)
    assert quiet.repair() == ["missing"]
    for number in (book, hoodie):
        assert quiet.shop.act("rest", method="DELETE", path=f"/products/{number}")["status"] == 200
    try:
        gone = quiet.reconcile(repair=True)
        assert {each["problem"] for each in gone.products} == {"gone"}
        assert {each["cause"] for each in gone.products} == {"It is in the shop's trash."}
        assert {each["repair"] for each in gone.products} == {"updated"}
        archived = {each["sku"] for each in quiet.database.products.find({"archived": True})}
        assert "BOOK-1" in archived
        assert len(archived) > 2, "the hoodie's variations too"
        assert quiet.reconcile().products == []
        before = quiet.stock()["BOOK-1"]
        quiet.shop.act("status", id=sold, to="cancelled")
        assert quiet.reconcile(repair=True).orders[0]["repair"] == "updated"
        assert quiet.stock()["BOOK-1"] == before + 2, "an order for it still moves its stock"
    finally:
        for number in (book, hoodie):
            restored = quiet.shop.act("rest", method="PUT", path=f"/products/{number}", body={"status": "publish"})
            assert restored["status"] == 200
        quiet.sql(
            "UPDATE wp_posts SET post_status = 'publish' WHERE post_type = 'product_variation' AND post_parent = %s",
            hoodie,
        )
        quiet.shop.act("maintain")
    back = quiet.reconcile(repair=True)
    assert {each["problem"] for each in back.products} == {"restored"}
    assert back.data_in_sync
    assert quiet.database.products.count_documents({"archived": True}) == 0
    assert quiet.reconcile().products == []


def test_a_disabled_webhook_is_switched_on_again(quiet: Quiet) -> None:
    quiet.sql(
        "INSERT INTO wp_wc_webhooks (status, name, user_id, delivery_url, secret, topic, date_created, "
        "date_created_gmt, date_modified, date_modified_gmt, api_version, failure_count, pending_delivery) VALUES "
        "('disabled', 'POS', 1, 'http://127.0.0.1:9/api/webhooks/orders', 's', 'order.updated', NOW(), NOW(), NOW(), "
        "NOW(), 3, 6, 0)"
    )
    try:
        (found,) = quiet.reconcile().webhooks
        assert "disabled" in found["problem"]
        assert quiet.reconcile(repair_webhooks=True).webhooks[0]["repair"] == "switched on"
        assert quiet.reconcile().webhooks == []
    finally:
        quiet.sql("DELETE FROM wp_wc_webhooks")


def test_the_database_gives_what_rest_gives(quiet: Quiet, db: Db, config: Config, mongodb_uri: str) -> None:
    quiet.shop.act("options", timezone_string="Europe/Stockholm")
    quiet.import_()
    other = Config(**{**vars(config), "mongodb_uri": fresh_database(mongodb_uri)})
    from_database = database.connect(other, COLLECTIONS)
    try:
        with closing(Database("wp_", **quiet.database_options)) as tables:
            imported = importer.run(
                from_database, other, DatabaseReader(tables), "default", LONG_AGO, ingest.ingest, lambda *_: None
            )
        assert imported.report is not None
        assert imported.report.problem is None
        assert _content(from_database) == _content(db)
        again = quiet.reconcile()
        assert again.orders == []
    finally:
        from_database.client.drop_database(from_database.name)
        from_database.client.close()


def _content(db: Db) -> dict[str, list[Any]]:
    orders = [
        {name: value for name, value in order.items() if name not in NOT_CONTENT}
        for order in db.orders.find(sort=[("_id", 1)])
    ]
    products = [
        {name: each[name] for name in ("_id", "sku", "skus", "name", "price", "stock", "external_ids")}
        for each in db.products.find(sort=[("_id", 1)])
    ]
    return {"orders": orders, "products": products, "customers": list(db.customers.find(sort=[("_id", 1)]))}
