"""A WooCommerce database of any size in a MariaDB of its own: WooCommerce's tables and keys, as far as an import reads
them, with orders in its own tables (HPOS)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pymysql
from pymysql.cursors import Cursor

from scripts.benchmark.servers import until

_FIRST_ORDER = 10_000
_DAYS = 700

_TABLES = """
CREATE TABLE wp_options (option_id BIGINT PRIMARY KEY, option_name VARCHAR(191), option_value LONGTEXT);
CREATE TABLE wp_posts (ID BIGINT PRIMARY KEY, post_date_gmt DATETIME, post_title TEXT, post_excerpt TEXT,
  post_status VARCHAR(20), post_modified_gmt DATETIME, post_parent BIGINT, post_type VARCHAR(20),
  KEY type_status_date (post_type, post_status, post_date_gmt, ID), KEY post_parent (post_parent));
CREATE TABLE wp_postmeta (meta_id BIGINT AUTO_INCREMENT PRIMARY KEY, post_id BIGINT, meta_key VARCHAR(255),
  meta_value LONGTEXT, KEY post_id (post_id), KEY meta_key (meta_key(191)));
CREATE TABLE wp_users (ID BIGINT PRIMARY KEY, user_email VARCHAR(100), user_login VARCHAR(60));
CREATE TABLE wp_usermeta (umeta_id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id BIGINT, meta_key VARCHAR(255),
  meta_value LONGTEXT, KEY user_id (user_id), KEY meta_key (meta_key(191)));
CREATE TABLE wp_wc_orders (id BIGINT PRIMARY KEY, status VARCHAR(20), currency VARCHAR(10), type VARCHAR(20),
  tax_amount DECIMAL(26,8), total_amount DECIMAL(26,8), customer_id BIGINT, date_created_gmt DATETIME,
  date_updated_gmt DATETIME, parent_order_id BIGINT, payment_method VARCHAR(100), payment_method_title TEXT,
  transaction_id VARCHAR(100), customer_note TEXT, KEY date_created (date_created_gmt),
  KEY type_status_date (type, status, date_created_gmt), KEY parent_order_id (parent_order_id),
  KEY date_updated (date_updated_gmt));
CREATE TABLE wp_wc_orders_meta (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT, meta_key VARCHAR(255),
  meta_value TEXT, KEY order_id_meta_key_meta_value (order_id, meta_key(100), meta_value(82)));
CREATE TABLE wp_wc_order_addresses (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT, address_type VARCHAR(20),
  first_name TEXT, last_name TEXT, company TEXT, address_1 TEXT, address_2 TEXT, city TEXT, state TEXT, postcode TEXT,
  country TEXT, email VARCHAR(320), phone VARCHAR(100), UNIQUE KEY address_type_order_id (address_type, order_id),
  KEY order_id (order_id));
CREATE TABLE wp_wc_order_operational_data (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT,
  created_via VARCHAR(100), prices_include_tax TINYINT, order_key VARCHAR(100), date_paid_gmt DATETIME,
  date_completed_gmt DATETIME, shipping_tax_amount DECIMAL(26,8), shipping_total_amount DECIMAL(26,8),
  discount_tax_amount DECIMAL(26,8), discount_total_amount DECIMAL(26,8), UNIQUE KEY order_id (order_id));
CREATE TABLE wp_woocommerce_order_items (order_item_id BIGINT PRIMARY KEY, order_item_name TEXT,
  order_item_type VARCHAR(200), order_id BIGINT, KEY order_id (order_id));
CREATE TABLE wp_woocommerce_order_itemmeta (meta_id BIGINT AUTO_INCREMENT PRIMARY KEY, order_item_id BIGINT,
  meta_key VARCHAR(255), meta_value LONGTEXT, KEY order_item_id (order_item_id), KEY meta_key (meta_key(32)));
INSERT INTO wp_options VALUES (1, 'woocommerce_version', '11.0.1'), (2, 'timezone_string', 'Europe/Stockholm'),
  (3, 'woocommerce_custom_orders_table_enabled', 'yes'), (4, 'woocommerce_price_num_decimals', '2')
"""

_LINE = {
    "_product_id": "100 + n % 50",
    "_variation_id": "0",
    "_qty": "1",
    "_tax_class": "''",
    "_line_subtotal": "100 + n % 50",
    "_line_subtotal_tax": "(100 + n % 50) / 4",
    "_line_total": "100 + n % 50",
    "_line_tax": "(100 + n % 50) / 4",
    "_line_tax_data": "CONCAT('a:2:{s:5:\"total\";a:1:{i:1;d:', (100 + n % 50) / 4, ';}"
    "s:8:\"subtotal\";a:1:{i:1;d:', (100 + n % 50) / 4, ';}}')",
    "_reduced_stock": "1",
}
_SHIPPING = {
    "method_id": "'flat_rate'",
    "instance_id": "1",
    "cost": "49.00",
    "total_tax": "12.25",
    "taxes": '\'a:1:{s:5:"total";a:1:{i:1;s:5:"12.25";}}\'',
    "tax_status": "'taxable'",
}
_TAX = {
    "rate_id": "1",
    "label": "'Moms'",
    "compound": "''",
    "tax_amount": "50.00",
    "shipping_tax_amount": "12.25",
    "rate_percent": "25",
}
_ITEMS = (
    ("Product", "line_item", _LINE),
    ("Product", "line_item", _LINE),
    ("Post", "shipping", _SHIPPING),
    ("SE-MOMS", "tax", _TAX),
)
_META = {
    "_billing_address_index": "CONCAT('Anna Svensson Storgatan 1 buyer', n, '@example.com')",
    "_shipping_address_index": "'Anna Svensson Storgatan 1'",
    "is_vat_exempt": "'no'",
    "_wc_order_attribution_source_type": "'organic'",
    "_wc_order_attribution_referrer": "'https://www.google.com/'",
    "_wc_order_attribution_utm_source": "'google'",
    "_wc_order_attribution_session_pages": "n % 9",
    "_wc_order_attribution_device_type": "'Mobile'",
    "_wc_order_attribution_user_agent": "'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)'",
}


@dataclass(frozen=True, slots=True)
class ShopDatabase:
    """A running MariaDB: the socket of it, and its process."""

    socket: str
    pid: int


@contextmanager
def shop_database(orders: int) -> Iterator[ShopDatabase]:
    """A MariaDB with a shop `shop` of 50 products and so many orders, made over two years."""
    home = tempfile.mkdtemp(prefix="pos-bench-")
    user = ["--user=root"] if os.geteuid() == 0 else []
    made = ["mariadb-install-db", "--no-defaults", f"--datadir={home}/data", "--skip-test-db", *user]
    subprocess.run([*made, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    command = ["mariadbd", "--no-defaults", f"--datadir={home}/data", f"--socket={home}/s", "--skip-networking", *user]
    command += ["--innodb-buffer-pool-size=1G", "--innodb-flush-log-at-trx-commit=2", "--skip-log-bin"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: os.path.exists(f"{home}/s"))
        with closing(pymysql.connect(unix_socket=f"{home}/s", user="root", autocommit=True)) as connected:
            _fill(connected.cursor(), orders)
        yield ShopDatabase(f"{home}/s", server.pid)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(home, ignore_errors=True)


def _fill(cursor: Cursor, orders: int) -> None:
    cursor.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
    cursor.execute("USE shop")
    for statement in _TABLES.split(";\n"):
        cursor.execute(statement)
    made = f"DATE_ADD('2024-12-15', INTERVAL FLOOR(seq * {_DAYS * 86400} / {orders}) SECOND)"
    every = f"(SELECT seq AS n, seq + {_FIRST_ORDER} AS id, {made} AS made FROM seq_1_to_{orders}) made_up"  # noqa: S608 - our own
    product = "(SELECT seq AS n, seq + 100 AS id FROM seq_0_to_49) made_up"
    for table, values in [
        ("posts", f"id, '2024-01-01', CONCAT('Product ', n), '', 'publish', '2024-01-01', 0, 'product' FROM {product}"),
        *(
            ("postmeta", f"NULL, id, {key}, {value} FROM {product}")
            for key, value in [
                ("'_sku'", "CONCAT('SKU-', n)"),
                ("'_price'", "100 + n"),
                ("'_manage_stock'", "'yes'"),
                ("'_stock'", "100000"),
            ]
        ),
        (
            "wc_orders",
            f"id, 'wc-completed', 'SEK', 'shop_order', 50, 311.25, 0, made, made, 0, 'cod', '', '', '' FROM {every}",
        ),
        ("wc_order_operational_data", f"NULL, id, 'checkout', 0, id, made, made, 12.25, 49, 0, 0 FROM {every}"),
        *(
            (
                "wc_order_addresses",
                f"NULL, id, '{kind}', 'Anna', 'Svensson', '', 'Storgatan 1', '', 'Malmö', '', '21145', 'SE', "
                f"CONCAT('buyer', n DIV 3, '@example.com'), '070123456' FROM {every}",
            )
            for kind in ("billing", "shipping")
        ),
        ("wc_orders_meta", _metas("id", _META, every)),
    ]:
        cursor.execute(f"INSERT INTO wp_{table} SELECT {values}")
    for place, (name, kind, metas) in enumerate(_ITEMS):
        cursor.execute(
            f"INSERT INTO wp_woocommerce_order_items SELECT id * 10 + {place}, '{name}', '{kind}', id FROM {every}"  # noqa: S608
        )
        shifted = every.replace("seq AS n", f"seq + {place} AS n")
        cursor.execute(
            f"INSERT INTO wp_woocommerce_order_itemmeta SELECT {_metas(f'id * 10 + {place}', metas, shifted)}"
        )


def _metas(owner: str, metas: dict[str, str], rows: str) -> str:
    """Meta data of each row's `owner`, beside each other as WordPress writes them."""
    keys, values = ", ".join(f"'{key}'" for key in metas), ", ".join(metas.values())
    number = f"seq_1_to_{len(metas)} key_number"
    each = "key_number.seq"
    return f"NULL, {owner}, ELT({each}, {keys}), ELT({each}, {values}) FROM {rows} JOIN {number} ORDER BY id, {each}"
