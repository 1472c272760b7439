"""The orders that the bench sends: with wrk at full load, or one by one."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark.servers import BENCH, KEY, PRODUCTS
from tests.service import environment

CONNECTIONS = (1, 8, 32)


def missing() -> str:
    """What a load needs and is not there, in words; nothing where all is."""
    lacks = [tool for tool in ("wrk",) if not shutil.which(tool)] + ([] if BENCH.is_dir() else [str(BENCH)])
    return f"{' and '.join(lacks)} not found" if lacks else ""


@dataclass(frozen=True, slots=True)
class Run:
    """What one load came to: orders a second, p50 and p99 in milliseconds, how many orders, and how many failed."""

    rate: float
    p50: float
    p99: float
    orders: int
    failed: int


class Load:
    """wrk with the `orders.lua` of a folder; every run has order ids of its own."""

    def __init__(self, folder: Path = BENCH) -> None:
        self._folder = folder
        self._blocks = itertools.count(1)

    def run(self, url: str, connections: int, seconds: int, *, hot: bool = False) -> Run:
        """Send orders for so long; `hot`: every order has one SKU that all have."""
        offset = next(self._blocks) * 10_000_000
        settings = environment(OFFSET=str(offset), WEBHOOK_API_KEY=KEY, HOT="1" if hot else "0")
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(self._folder / "orders.lua"), url]
        output = subprocess.run(command, env=settings, capture_output=True, text=True, check=True).stdout
        result = next(line for line in output.splitlines() if line.startswith("RESULT"))
        count, took, p50, p99, refused, broken = map(int, result.split()[1:])
        return Run(count / took * 1e6, p50 / 1000, p99 / 1000, count, refused + broken)

    def run_at_once(self, urls: Sequence[str], connections: int, seconds: int) -> list[Run]:
        """The same to each of several servers at the same time, over so many connections each."""
        with ThreadPoolExecutor(len(urls)) as pool:
            return list(pool.map(lambda url: self.run(url, connections, seconds), urls))


def order_body(order_id: int, status: str = "pending", products: Sequence[int] = (1, 2, 3)) -> bytes:
    """An envelope of as many lines as products, as the load's."""
    lines = ",".join(
        f'{{"id":{order_id}{n},"name":"Line {n}","product_id":{100 + product},"quantity":{n},"sku":"SKU-{product:04d}",'
        f'"total":"10.00","total_tax":"2.50","subtotal":"10.00","subtotal_tax":"2.50","price":10}}'
        for n, product in enumerate(products, 1)
    )
    moment = "2026-01-01T00:00:00" if status == "pending" else "2026-01-01T00:00:01"
    return (
        f'{{"event":"order.{"created" if status == "pending" else "updated"}","data":{{"id":{order_id},'
        f'"number":"{order_id}","status":"{status}","currency":"SEK","total":"75.00","date_created":"{moment}",'
        f'"date_created_gmt":"2026-01-01T00:00:00","date_modified_gmt":"{moment}",'
        f'"billing":{{"first_name":"A","last_name":"B","email":"buyer{order_id}@example.com"}},"line_items":[{lines}]}}}}'
    ).encode()


def spread_order(order_id: int) -> bytes:
    """An order whose products are others than those of the orders before it, as the load's: so orders that are applied
    at a time seldom have one in common."""
    return order_body(order_id, products=[(order_id * 7 + line * 17) % PRODUCTS + 1 for line in range(3)])
