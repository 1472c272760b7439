"""How soon a unit that a till sold is gone in a shop (the end of `scripts/bench-checkout`): from the till's webhook to
the shop's `_stock` changed, in a real WooCommerce with the plugin, with the real service and nothing else to do."""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from scripts.benchmark.servers import mongod
from tests.journeys.woocommerce.two_shops import World

_PATIENCE = 30.0
"""Seconds until a sale counts as lost."""


def main() -> None:
    """Measure and print; the only argument is the number of sales, 100 without it."""
    sales = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder, mongod("stock", members=1) as server:
        world = World(Path(folder), server.database("stock"), ("default",))
        try:
            world.set_up({})
            world.switch_on(default="shop")
            took = measure(world, sales)
        finally:
            world.stop()
    ms = sorted(each * 1000 for each in took)
    print(
        f"From a till's sale to the shop's stock, {sales} sales: p50 {statistics.median(ms):.0f} ms,"
        f" p99 {statistics.quantiles(ms, n=100)[98]:.0f} ms, slowest {ms[-1]:.0f} ms;"
        f" load of the machine: {os.getloadavg()[0]:.1f}"
    )


def measure(world: World, sales: int) -> list[float]:
    """Seconds from each sale's request to the change in the shop's database."""
    shop, took = world.shops["default"], []
    with closing(shop.connect()) as connected, connected.cursor() as cursor:

        def stock() -> float:
            cursor.execute(
                "SELECT meta_value FROM wp_postmeta WHERE meta_key = '_stock' AND post_id = %s", shop.products["Oil"]
            )
            return float(cursor.fetchone()["meta_value"])

        for number in range(-5, sales):  # the first warm everything up
            time.sleep(random.uniform(0.2, 1.0))  # noqa: S311 - at any point of whatever goes round
            wanted, begun = stock() - 1, time.perf_counter()
            world.counter.sell(("OIL", 1))
            while stock() != wanted:
                assert time.perf_counter() < begun + _PATIENCE, "a sale did not get to the shop"
                time.sleep(0.001)
            if number >= 0:
                took.append(time.perf_counter() - begun)
    return took


if __name__ == "__main__":
    main()
