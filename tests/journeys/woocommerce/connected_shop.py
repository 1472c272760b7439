"""A real WooCommerce shop with the plugin whose web server can be killed, reached by a way that can be cut off."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import socket
import subprocess
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pymysql

from tests.journeys.woocommerce.test_sent_orders import SHOP, Shop
from tests.service import free_port
from tests.waiting import wait_until

STORES = ("default", "shop-2")
CONSUMER = ("ck_" + "1" * 40, "cs_" + "2" * 40)
_SIMPLE: dict[str, dict[str, Any]] = {
    "Oil": {"sku": "OIL", "regular_price": "89.90", "stock_quantity": 300},
    "Salad": {"sku": "SALAD", "regular_price": "45", "stock_quantity": 40},
    "Mug": {"sku": "MUG", "regular_price": "50", "stock_quantity": 4, "backorders": "yes"},
    "Last": {"sku": "LAST", "regular_price": "500", "stock_quantity": 1},
    "Odd": {"sku": "Sku 42/ä", "regular_price": "15", "stock_quantity": 30},
}
_VARIABLE: dict[str, Any] = {
    "Hoodie": {
        "sku": "HOOD",
        "sizes": {
            "S": {"sku": "HOOD-S", "regular_price": "300", "stock_quantity": 20},
            "M": {"sku": "HOOD-M", "regular_price": "300", "stock_quantity": 21},
        },
    },
    "Cap": {
        "sku": "CAP",
        "stock_quantity": 60,
        "sizes": {
            "Small": {"sku": "CAP-S", "regular_price": "90", "manage_stock": False},
            "Large": {"sku": "CAP-L", "regular_price": "90", "manage_stock": False},
        },
    },
}
CATALOGUES: dict[str, dict[str, Any]] = {
    # Wrapping's stock is managed by the first shop only, and only that one sells the book.
    "default": {
        "products": {
            **_SIMPLE,
            "Book": {"sku": "BOOK", "regular_price": "120", "stock_quantity": 20},
            "Wrapping": {"sku": "WRAP", "regular_price": "9", "stock_quantity": 50},
        },
        "variable": _VARIABLE,
    },
    # Other ids, and another stock to begin with.
    "shop-2": {
        "products": {
            "Candle": {"sku": "CANDLE", "regular_price": "30", "stock_quantity": 12},
            "Wrapping": {"sku": "WRAP", "regular_price": "9", "manage_stock": False},
            **{name: {**each, "stock_quantity": each["stock_quantity"] + 5} for name, each in _SIMPLE.items()},
        },
        "variable": _VARIABLE,
    },
}
ONLY_MANAGED_IN = {"BOOK": "default", "WRAP": "default", "CANDLE": "shop-2"}
"""The SKUs whose stock only one shop manages."""


class Relay:
    """A way between two parts, over TCP: `pass`, `refuse` (the connection is reset at once) or `cut` (what is sent
    arrives, and its answer does not)."""

    def __init__(self, port: int, target: int) -> None:
        self.port, self.target, self.mode = port, target, "pass"
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.mode != "refuse":
                with socket.create_connection(("127.0.0.1", self.target), 5) as server:
                    server.settimeout(None)
                    threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
                    self._pump(server, client, True)

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while (data := source.recv(65536)) and not (is_answer and self.mode == "cut"):
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class ConnectedShop(Shop):
    """A shop whose web server can be killed, and that is reached by a relay."""

    def __init__(self, directory: Path, store: str) -> None:
        super().__init__(directory)
        self.store = store
        self._server: subprocess.Popen[bytes] | None = None
        self.relay = Relay(self.port, free_port())

    def start(self, options: dict[str, Any]) -> None:
        """Install everything and stock up."""
        env = {**os.environ, "SHOP_SERVER": "none"}
        subprocess.run([SHOP, "up", self.directory, str(self.port)], env=env, check=True, stdout=subprocess.DEVNULL)
        self.start_server()
        for plugin in ("woocommerce/woocommerce.php", "woocommerce-pos-sync/woocommerce-pos-sync.php"):
            assert self.act("activate", plugin=plugin) == {"error": ""}
        self.act("options", **options, test_at_once=1)
        self.products = self.act("stock_up", **CATALOGUES[self.store])
        self.act("run_jobs")
        digest = hmac.new(b"wc-api", CONSUMER[0].encode(), hashlib.sha256).hexdigest()
        self.sql(
            "INSERT INTO wp_woocommerce_api_keys (user_id, description, permissions, consumer_key, consumer_secret, "
            "truncated_key) VALUES (1, 'POS', 'read_write', %s, %s, 'x')",
            digest,
            CONSUMER[1],
        )

    def start_server(self) -> None:
        """Start its web server, which answers afterwards."""
        port = self.relay.target
        with (self.directory / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                ["php", "-S", f"127.0.0.1:{port}", "-t", self.directory / "site", SHOP.parent / "router.php"],
                env={**os.environ, "PHP_CLI_SERVER_WORKERS": "4"},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        wait_until(lambda: _listens(port), 20)

    def kill_server(self) -> None:
        """`kill -9` of its web server and all of its processes."""
        if self._server:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None

    def stop(self) -> None:
        """End it."""
        self.kill_server()
        super().stop()
        self.relay.close()

    def connect(self) -> Any:
        """A connection to the shop's database."""
        return pymysql.connect(
            unix_socket=str(self.directory / "db" / "socket"),
            user="root",
            password="",
            database="shop",
            charset="utf8mb4",
            autocommit=True,
            cursorclass=pymysql.cursors.DictCursor,
        )

    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Ask or change the shop's database."""
        with closing(self.connect()) as connected, connected.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def shown_wrongly(self) -> list[dict[str, Any]]:
        """Products whose stock status, or whose look-up table, is not by their stock."""
        rows = self.sql(
            "SELECT l.sku, s.meta_value + 0 AS stock, l.stock_quantity + 0 AS lookup, l.stock_status AS in_lookup, "
            "t.meta_value AS status, b.meta_value AS backorders FROM wp_postmeta m "
            "JOIN wp_postmeta s ON s.post_id = m.post_id AND s.meta_key = '_stock' "
            "JOIN wp_postmeta t ON t.post_id = m.post_id AND t.meta_key = '_stock_status' "
            "JOIN wp_postmeta b ON b.post_id = m.post_id AND b.meta_key = '_backorders' "
            "JOIN wp_wc_product_meta_lookup l ON l.product_id = m.post_id "
            "JOIN wp_posts p ON p.ID = m.post_id AND p.post_type = 'product' "
            "WHERE m.meta_key = '_manage_stock' AND m.meta_value = 'yes'"
        )
        without = {"no": "outofstock", "yes": "onbackorder"}
        return [
            row
            for row in rows
            if row["stock"] != row["lookup"]
            or {row["status"], row["in_lookup"]} != {"instock" if row["stock"] > 0 else without[row["backorders"]]}
        ]

    def has_sent_all(self) -> bool:
        """Whether nothing waits to be sent to the POS; what does is sent now."""
        return set(self.act("hasten")["states"]) <= {"sent"}

    def has_done_all(self) -> bool:
        """Whether each movement that the plugin received is done whole."""
        return all(row["state"] == "done" for row in self.received())

    def received(self, sku: str | None = None) -> list[dict[str, Any]]:
        """What the plugin's table has of the POS's movements, of one SKU or of all."""
        rows = self.sql("SELECT * FROM wp_pos_sync_stock WHERE sku = %s OR %s ORDER BY id", sku, sku is None)
        return [{**row, "movement": row["movement"].decode()} for row in rows]


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
