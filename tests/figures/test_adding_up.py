"""Rollups of several names are added up by one command, each within its limits."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from pos_api.common.money import decimal, decimal128
from pos_api.config import Config
from pos_api.database.client import Document
from pos_api.figures import measures
from pos_api.figures.adding_up import added_up
from pos_api.figures.measures import OTHERS, PRODUCT
from tests.steps import Process, processes


@pytest.fixture
def process(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    monkeypatch.setattr(measures, "MOST_ROWS", {PRODUCT: 2})
    with processes(config, 1) as [process]:
        yield process


def of(product: str, count: int) -> Document:
    key, title = ([product, ""], product) if product != "others" else OTHERS[PRODUCT]
    return {"of": PRODUCT, "key": key, "title": title, "count": count, "amount": decimal128(Decimal(count))}


def put(process: Process, name: str, currency: str, *rows: Document) -> None:
    process.db.rollup_spans.insert_one({"name": name, "rollups": [{"currency": currency, "rows": [*rows]}]})


def summed(process: Process) -> dict[str, dict[str, dict[str, int]]]:
    """By name, currency and product, the units; which are the amounts as well."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, sums in added_up(process.db.rollup_spans, {}, {}, "$name").items():
        for each in sums:
            rows = {row["title"]: row["count"] for row in each.rows}
            assert rows == {row["title"]: decimal(row["amount"]) for row in each.rows}
            found.setdefault(name, {})[each.currency] = rows
    return found


def test_each_name_is_limited_by_itself(process: Process) -> None:
    put(process, "large", "EUR", of("mug", 5), of("cap", 1), of("pen", 1))
    put(process, "large", "EUR", of("mug", 1))
    put(process, "large", "SEK", of("cap", 9))
    put(process, "small", "EUR", of("cap", 1), of("pen", 2))
    put(process, "small", "EUR", of("pen", 2))
    assert summed(process) == {
        "large": {"EUR": {"mug": 6, "Other products": 2}, "SEK": {"cap": 9}},
        "small": {"EUR": {"cap": 1, "pen": 4}},
    }


def test_what_was_limited_once_is_added_up_by_one_command(process: Process) -> None:
    """The row of the others is none of those that are limited."""
    put(process, "limited", "EUR", of("mug", 5), of("cap", 1), of("others", 3))
    put(process, "limited", "EUR", of("mug", 5), of("cap", 1), of("others", 4))
    process.steps.go_on()
    assert summed(process) == {"limited": {"EUR": {"mug": 10, "cap": 2, "Other products": 7}}}
    assert process.steps.names == ["aggregate"]
