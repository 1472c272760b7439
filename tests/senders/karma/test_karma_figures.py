"""The figures of Karma's purchases are the purchases' own sums, to the öre, by VAT rate, whatever was refunded."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.figures import queries as stats
from tests.senders.any_order import Delivery, processes_with
from tests.senders.karma.app import add_app, line, purchase, refund
from tests.steps import Process

_RATES = (2500, 1200, 600, 0)
_ARRIVED = datetime(2026, 1, 25, 16, tzinfo=UTC)


class Sums:
    """What purchases add up to, in öre."""

    def __init__(self) -> None:
        self.net, self.tips, self.refunds = 0, 0, 0
        self.vat: dict[str, int] = defaultdict(int)

    def add(self, sold: dict[str, Any], sign: int) -> None:
        """Add a line as it was paid, or with a sign of -1 as it was paid back."""
        if sold["type"] == "tip":
            self.tips += sign * sold["finalAmountCents"]
            return
        self.vat[str(Decimal(sold["vatRateBasisPoints"]) / 100)] += sign * sold["vatAmountCents"]
        self.net += sign * (sold["finalAmountCents"] - sold["vatAmountCents"])
        self.refunds += sold["finalAmountCents"] if sign < 0 else 0


def _lines(chance: random.Random) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for number in range(1, chance.randint(2, 6)):
        cents, rate = chance.randint(1, 50_000), chance.choice(_RATES)
        type = chance.choice(["product", "product", "product", "fee", "discount", "tip"])
        if type == "discount":
            cents = -min(cents // 100, sum(each["finalAmountCents"] for each in lines) // 2)
        if type == "tip":
            rate = 0
        vat = cents * rate // (10_000 + rate) + (chance.randint(-3, 3) if rate and cents > 20 else 0)
        lines.append(line(number, cents, rate, vat, type=type, quantity=chance.randint(1, 3)))
    return lines


def _refunded(chance: random.Random, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of a refund: all, one or several in whole, or a part of one."""
    some = [each for each in lines if each["finalAmountCents"] > 1 and each["vatAmountCents"] >= 0]
    how = chance.choice(["whole", "lines", "part"])
    if how == "whole" or not some:
        return lines
    if how == "lines":
        return [chance.choice(some)]
    each = chance.choice(some)
    part = chance.randint(1, each["finalAmountCents"] - 1)
    vat = each["vatAmountCents"] * part // each["finalAmountCents"]
    return [{**each, "finalAmountCents": part, "vatAmountCents": vat}]


def _goods(lines: list[dict[str, Any]]) -> int:
    return sum(each["finalAmountCents"] for each in lines if each["type"] != "tip")


def _reported(chance: random.Random, sums: Sums) -> list[dict[str, Any]]:
    """A hundred purchases, half of them refunded in part or whole, with either sign, in any order."""
    messages = []
    for number in range(1, 101):
        lines = _lines(chance)
        messages.append(purchase(lines, id=number))
        for each in lines:
            sums.add(each, 1)
        back = _refunded(chance, lines) if chance.random() < 0.5 else []
        if back and _goods(back) <= _goods(lines):
            for each in back:
                sums.add(each, -1)
            sign = chance.choice([1, -1])
            names = ("finalAmountCents", "vatAmountCents")
            sent = [{**each, **{name: sign * each[name] for name in names}} for each in back]
            messages.append(refund(sent, id=number))
    chance.shuffle(messages)
    return messages


@pytest.fixture
def pair(config: Config) -> Iterator[list[Process]]:
    def add_stores(db: Db) -> None:
        add_app(db, config, "karma-1", timezone="Europe/Stockholm")

    with processes_with(config, add_stores) as made:
        yield made


@pytest.mark.parametrize("seed", [1, 2])
def test_figures_are_the_purchases_own_sums(pair: list[Process], seed: int) -> None:
    process, sums = pair[0], Sums()
    messages = _reported(random.Random(seed), sums)
    process.deliver_bodies([Delivery("karma-1", {}, each).sent() for each in messages], _ARRIVED)
    [figures] = stats.figures(process.db, store="karma-1")["currencies"]
    ore = Decimal(100)
    assert process.db.inbox.count_documents({"state": "parked"}) == 0
    assert figures["orders_count"] == 100
    assert figures["net_revenue"] * ore == sums.net
    assert figures["tips"] * ore == sums.tips
    assert figures["refunds"] * ore == sums.refunds
    assert figures["taxes"] * ore == sum(sums.vat.values())
    assert {row["rate_percent"]: row["total_tax"] * ore for row in figures["tax_by_rate"]} == sums.vat
    paid = process.db.payments.find()
    left = sum(each["amount"].to_decimal() - each["refunded"].to_decimal() for each in paid)
    assert left * ore == sums.net + sums.tips + sum(sums.vat.values())
