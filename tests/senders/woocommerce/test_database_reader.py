"""Read from its database, a shop comes over as it does over REST. `shop_database/` holds tables of a real WooCommerce
11.0 (orders both as posts and in order tables), and what its REST API gave of the same orders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pymysql
import pytest
from pymysql.cursors import Cursor

from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.processing import ingest
from pos_api.senders.woocommerce import connection, importer
from pos_api.senders.woocommerce.database.connection import Database
from pos_api.senders.woocommerce.database.reader import DatabaseReader
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.shop_reader import Period, Place
from tests.conftest import fresh_database
from tests.fake_shop import KEY, SECRET, FakeShop, serving
from tests.paths import TESTS
from tests.service import pos_api, settings_of
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not shutil.which("mariadbd"), reason="MariaDB is needed: install mariadb-server")

RECORDED = TESTS / "shop_database"
SINCE = datetime(2024, 1, 1, tzinfo=UTC)
NOT_CONTENT = frozenset({"changed_at", "received_at", "rev", "status_history"})


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A MariaDB with the recorded tables; how it is reached."""
    home = tmp_path_factory.mktemp("mariadb")
    user = ["--user=root"] if os.geteuid() == 0 else []
    made = ["mariadb-install-db", "--no-defaults", f"--datadir={home}/data", "--skip-test-db", *user]
    subprocess.run([*made, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    command = ["mariadbd", "--no-defaults", f"--datadir={home}/data", "--skip-networking", *user]
    server = subprocess.Popen([*command, f"--socket={home}/s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    options: dict[str, Any] = {"unix_socket": f"{home}/s", "user": "root", "password": "", "database": "mysql"}
    try:
        wait_until(lambda: _answers(f"{home}/s"), 60)
        with closing(pymysql.connect(**options, charset="utf8mb4", autocommit=True)) as connected:
            _load(connected.cursor())
        yield {**options, "database": "shop"}
    finally:
        server.terminate()
        server.wait(30)


def _load(cursor: Cursor) -> None:
    """Make the recorded tables, with as much of their shape as reading them takes."""
    cursor.execute("SET sql_mode = ''")  # WordPress writes 0000-00-00 where there is no date
    cursor.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
    cursor.execute("USE shop")
    for name, table in json.loads((RECORDED / "tables.json").read_text()).items():
        cursor.execute(
            f"CREATE TABLE {name} ({', '.join(f'`{column}` {kind}' for column, kind in table['columns'].items())})"
        )
        places = ", ".join("%s" for _ in table["columns"])
        cursor.executemany(f"INSERT INTO {name} VALUES ({places})", table["rows"])  # noqa: S608 - names of ours


def _answers(socket: str) -> bool:
    ping = ["mariadb-admin", "--no-defaults", f"--socket={socket}", "--user=root", "ping"]
    return subprocess.run(ping, capture_output=True, check=False).returncode == 0


@pytest.fixture(params=["order tables", "posts"])
def tables(request: pytest.FixtureRequest, mariadb: dict[str, Any]) -> Iterator[Database]:
    """The shop's database, its orders in order tables (HPOS) or in posts."""
    used = "yes" if request.param == "order tables" else "no"
    with closing(pymysql.connect(**mariadb, autocommit=True)) as connected:
        name = "woocommerce_custom_orders_table_enabled"
        connected.cursor().execute("UPDATE wp_options SET option_value = %s WHERE option_name = %s", (used, name))
    with closing(Database("wp_", **mariadb)) as opened:
        yield opened


@pytest.fixture
def rest() -> Iterator[FakeShop]:
    """The same shop's REST API."""
    given = json.loads((RECORDED / "rest.json").read_text())
    fake = FakeShop()
    for order in given["orders"]:
        fake.put_order(order, given["refunds"].get(str(order["id"])))
    fake.products = {each["id"]: each for each in given["products"]}
    fake.variations = {int(product): rows for product, rows in given["variations"].items()}
    fake.customers = {each["id"]: each for each in given["customers"]}
    with serving(fake) as shop:
        yield shop


def content(db: Db) -> dict[str, Any]:
    """What the POS has, but when and how it came."""
    orders = [
        {name: value for name, value in order.items() if name not in NOT_CONTENT}
        for order in db.orders.find(sort=[("_id", 1)])
    ]
    products = [
        {name: each[name] for name in ("_id", "sku", "skus", "name", "price", "stock", "external_ids")}
        for each in db.products.find(sort=[("_id", 1)])
    ]
    movements = sorted((each["sku"], each["quantity"], each["balance"]) for each in db.stock_movements.find())
    return {
        "orders": orders,
        "products": products,
        "customers": list(db.customers.find(sort=[("_id", 1)])),
        "movements": movements,
    }


def take_over(db: Db, config: Config, tables: Database) -> importer.ImportResult:
    return importer.run(db, config, DatabaseReader(tables), "default", SINCE, ingest.ingest, lambda *_: None)


def test_an_import_from_the_database_and_one_over_rest_come_to_the_same(
    tables: Database, rest: FakeShop, db: Db, config: Config, mongodb_uri: str
) -> None:
    connection.connect(db, config, "default", rest.url, KEY, SECRET)
    with connection.open_shop(db, config, "default") as shop:
        importer.run(db, config, shop, "default", SINCE, ingest.ingest, lambda *_: None)
    other = Config(**{**vars(config), "mongodb_uri": fresh_database(mongodb_uri)})
    from_tables = database.connect(other, COLLECTIONS)
    try:
        imported = take_over(from_tables, other, tables)
        assert imported.outcomes["orders"] == {"created": 12}
        assert imported.outcomes["customers"] == {"created": 1}
        assert imported.report is not None
        assert (imported.report.problem, imported.report.orders, imported.report.stock) == (None, [], [])
        read, expected = content(from_tables), content(db)
        for ours, theirs in zip(read["orders"], expected["orders"], strict=True):
            assert ours == theirs
        assert read == expected
        assert take_over(from_tables, other, tables).outcomes["orders"] == {"duplicate": 12}
    finally:
        from_tables.client.drop_database(from_tables.name)
        from_tables.client.close()


def test_an_order_made_with_no_decimals_has_the_taxes_that_rest_gives(
    tables: Database, mariadb: dict[str, Any], rest: FakeShop
) -> None:
    """WooCommerce adds up a line's taxes by rate as the shop is set now; the sum it stored then was rounded to none."""
    taxes = "('_line_tax', '_line_subtotal_tax', 'total_tax')"
    with closing(pymysql.connect(**mariadb, autocommit=True)) as connected:
        cursor = connected.cursor()
        cursor.execute("CREATE TABLE kept AS SELECT * FROM wp_woocommerce_order_itemmeta")
        cursor.execute(
            "UPDATE wp_woocommerce_order_itemmeta SET meta_value = ROUND(meta_value) "  # noqa: S608 - names of ours
            f"WHERE meta_key IN {taxes} AND meta_value <> ''"
        )
        try:
            shop = DatabaseReader(tables)
            orders = {row["id"]: row for page in shop.orders() for row in page.rows}
        finally:
            cursor.execute("DELETE FROM wp_woocommerce_order_itemmeta")
            cursor.execute("INSERT INTO wp_woocommerce_order_itemmeta SELECT * FROM kept")
            cursor.execute("DROP TABLE kept")
    compared = 0
    for number, order in orders.items():
        for kind in ("line_items", "shipping_lines", "fee_lines"):
            for ours, theirs in zip(order[kind], rest.orders[number][kind], strict=True):
                names = [name for name in ("total_tax", "subtotal_tax") if name in theirs]
                assert {name: ours[name] for name in names} == {name: theirs[name] for name in names}
                compared += any(float(theirs[name]) % 1 for name in names)
    assert compared, "there are taxes with decimals"


def test_php_serialized_meta_and_taxes_are_read(tables: Database) -> None:
    shop = DatabaseReader(tables)
    rich, _ = shop.order(286)
    assert rich is not None
    assert {each["key"]: each["value"] for each in rich["meta_data"]}["list"].startswith("a:2:")
    assert rich["refunds"][0]["id"] == 289
    assert rich["refunds"][1]["line_items"][0]["taxes"] == [{"id": 1, "total": "-22.50"}]
    assert rich["date_created_gmt"] < rich["date_created"], "the shop is east of Greenwich"


def test_a_product_that_is_gone_has_neither_id_nor_sku(tables: Database) -> None:
    shop = DatabaseReader(tables)
    order, _ = shop.order(292)
    assert order is not None
    assert [(line["product_id"], line["sku"]) for line in order["line_items"]] == [(0, None)]


def test_lists_filter_as_rest_does(tables: Database) -> None:
    shop = DatabaseReader(tables)
    listed = [row["id"] for page in shop.orders() for row in page.rows]
    assert listed == [15, 16, 18, 21, 25, 28, 30, 34, 286, 290, 292, 293], "the trash is not listed"
    after = datetime(2026, 11, 23, tzinfo=UTC)
    assert 293 not in [row["id"] for page in shop.orders(made=Period(after)) for row in page.rows]
    assert list(shop.listed_orders([25, 16, 19])) == [16, 25]
    assert [row["id"] for page in shop.orders(Place(7, 30)) for row in page.rows] == [34, 286, 290, 292, 293]
    assert shop.order(19)[0] is not None
    assert shop.order(9999) == (None, None)


def test_orders_are_listed_by_what_shows_a_change_as_rest_does(tables: Database, rest: FakeShop) -> None:
    heads = DatabaseReader(tables).order_heads([19, 25, 286, 9999])
    assert list(heads) == [25, 286], "the trash is not listed"
    for number, head in heads.items():
        given = rest.orders[number]
        assert head["status"] == given["status"]
        assert head["date_modified_gmt"].replace(" ", "T") == given["date_modified_gmt"]
        assert {each["id"] for each in head["refunds"]} == {each["id"] for each in given["refunds"]}


@pytest.mark.parametrize("most", [4, 40, 200])
def test_meta_that_the_database_cuts_off_is_read_whole(tables: Database, most: int) -> None:
    shop = DatabaseReader(tables)
    whole = [row for page in shop.orders() for row in page.rows]
    tables._connection.cursor().execute("SET SESSION group_concat_max_len = %s", (most,))
    assert [row for page in shop.orders() for row in page.rows] == whole


def test_another_prefix_or_an_absurd_one_is_an_error(mariadb: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Database("wp_`; DROP TABLE x; --", **mariadb)
    with closing(Database("other_", **mariadb)) as tables, pytest.raises(ShopError, match="The database: "):
        DatabaseReader(tables)


def test_the_command_takes_a_shop_over(mariadb: dict[str, Any], config: Config, db: Db, tmp_path: Path) -> None:
    given = ("import-database", "default", "--since", "2024-01-01", "--user", "root", "--password", "")

    def run(*more: str, socket: str = mariadb["unix_socket"]) -> CompletedProcess[str]:
        return pos_api(*given, "--database", "shop", "--socket", socket, *more, cwd=tmp_path, **settings_of(config))

    ended = run()
    assert ended.returncode == 0, ended.stderr
    assert "orders    12 created" in ended.stdout
    assert "In sync." in ended.stdout
    wrong = run(socket="/nowhere")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("Error: The database: Can't connect")
    absurd = run("--prefix", "wp_`; DROP TABLE x; --")
    assert (absurd.returncode, "a table prefix looks like wp_" in absurd.stderr) == (2, True)
    other = run("--prefix", "other_")
    assert (other.returncode, other.stderr.count("\n")) == (1, 1), other.stderr


def test_without_pymysql_the_command_says_what_to_install(config: Config, db: Db, tmp_path: Path) -> None:
    """A module of this name that can't be found is before the real one on the path."""
    (tmp_path / "pymysql.py").write_text("raise ModuleNotFoundError(\"No module named 'pymysql'\", name='pymysql')\n")
    given = ("import-database", "default", "--since", "2024-01-01", "--user", "x", "--password", "", "--database", "x")
    ended = pos_api(*given, cwd=tmp_path, PYTHONPATH=str(tmp_path), **settings_of(config))
    assert ended.returncode == 1
    assert ended.stderr == "Error: PyMySQL is not installed: `pip install 'pos-api[import-database]'`.\n"
