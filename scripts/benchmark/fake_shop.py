"""The tests' fake shop with as many orders as are asked for, in a process of its own: `python -m
scripts.benchmark.fake_shop 10000` prints its address, and serves until standard input ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fake_shop import FakeShop, order, product, serving

_FIRST = datetime(2024, 12, 15, tzinfo=UTC)
_DAYS = 700
_PRODUCTS = 50
_REFUNDED = 20
"""Of so many orders one has a refund, whose lines are asked for alone."""


@contextmanager
def fake_shop(orders: int) -> Iterator[tuple[str, int]]:
    """A shop of so many orders, made over two years; its address and its process."""
    command = [sys.executable, "-m", "scripts.benchmark.fake_shop", str(orders)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.stdin.close()


def _filled(orders: int) -> FakeShop:
    """Its orders share what is alike in them."""
    shop = FakeShop()
    for number in range(1, _PRODUCTS + 1):
        shop.products[number] = product(number, f"SKU-{number}", 100_000)
    alike = order(1, total="250.00", status="completed")
    lines = [[_line(alike, number, place) for place in (0, 1)] for number in range(_PRODUCTS)]
    for number in range(1, orders + 1):
        made = (_FIRST + timedelta(days=_DAYS) * (number / orders)).strftime("%Y-%m-%dT%H:%M:%S")
        row = {**alike, "id": number, "number": str(number), "line_items": lines[number % _PRODUCTS]}
        row |= {"date_created_gmt": made, "date_modified_gmt": made}
        row["billing"] = {**alike["billing"], "email": f"buyer{number // 3}@shop.example"}
        if number % _REFUNDED == 0:
            refund = {"id": orders + number, "amount": "10.00", "line_items": []}
            row["refunds"], shop.refunds[number] = [{"id": refund["id"], "total": "-10.00"}], [refund]
        shop.orders[number] = row
    return shop


def _line(alike: dict[str, Any], number: int, place: int) -> dict[str, Any]:
    product_id = (number + place) % _PRODUCTS + 1
    own = {"id": place + 1, "product_id": product_id, "sku": f"SKU-{product_id}", "name": f"Product {product_id}"}
    return {**alike["line_items"][0], **own, "total": "100.00", "total_tax": "25.00"}


if __name__ == "__main__":
    with serving(_filled(int(sys.argv[1]))) as running:
        print(running.url, flush=True)
        sys.stdin.read()
