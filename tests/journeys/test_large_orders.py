"""An order and a refund of thousands of lines, sent to the real service: nobody else waits for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stores.settings import add_store
from tests.factories import PATH, assert_books_balance, at, line, order, stock_of, stock_up
from tests.service import POS_API, Service, environment, pos_api, running, settings_of


@pytest.fixture
def settings(config: Config) -> dict[str, str]:
    return {**settings_of(config), "HOST": "127.0.0.1", "LOG_LEVEL": "WARNING"}


@pytest.fixture
def service(settings: dict[str, str], db: Db, tmp_path: Path) -> Iterator[Service]:
    with running([*POS_API, "serve"], tmp_path, environment(**settings)) as service:
        yield service


def post(service: Service, key: str, event: str, data: dict[str, Any]) -> tuple[int, str]:
    """The status of the answer, and the outcome in it."""
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    body = json.dumps({"event": event, "data": data}).encode()
    reply = requests.post(f"{service.url}{PATH}", data=body, headers=headers, timeout=60)
    return reply.status_code, reply.json().get("data", {}).get("outcome", "")


def of_lines(order_id: int, number: int, modified: int, **more: Any) -> dict[str, Any]:
    return order(order_id, *[line("A")] * number, modified=modified, **more)


def refund_of(number: int) -> dict[str, Any]:
    return {"id": 1, "amount": "10.00", "line_items": [{"sku": "A", "quantity": -1}] * number}


def test_orders_and_refunds_of_thousands_of_lines_hold_up_nobody(
    service: Service, settings: dict[str, str], config: Config, db: Db, tmp_path: Path
) -> None:
    stock_up(db, A=10_000, B=1_000)
    north, _ = add_store(db, config, "north")
    large = [
        ("order.created", of_lines(1, 6_000, 0)),
        ("order.updated", of_lines(1, 6_000, 1, refunds=[refund_of(6_000)])),
        ("order.created", of_lines(2, 2_000, 0)),
        ("order.updated", of_lines(2, 2_000, 1, refunds=[refund_of(2_000)])),
    ]
    bare = [{name: value for name, value in each.items() if name != "meta_data"} for each in large[3][1]["line_items"]]
    large.append(("order.updated", {**large[3][1], "line_items": bare, "date_modified_gmt": at(2)}))

    def attack() -> list[tuple[int, str]]:
        return [post(service, config.webhook_api_key, *each) for each in large]

    def sell(number: int) -> tuple[int, str]:
        return post(service, north, "order.created", order(number, line("B")))

    with ThreadPoolExecutor(5) as threads:
        attacked = threads.submit(attack)
        sold = list(threads.map(sell, range(1, 101)))
        assert attacked.result() == [(422, ""), (422, ""), (200, "created"), (200, "updated"), (200, "updated")]
    assert set(sold) == {(200, "created")}
    assert stock_of(db) == {"A": 10_000, "B": 900}, "of order 2 all came back"
    assert db.inbox.count_documents({"state": "parked"}) == 2
    verified = pos_api("verify", cwd=tmp_path, **settings)
    assert (verified.returncode, verified.stderr) == (0, ""), verified.stdout
    assert_books_balance(db)
