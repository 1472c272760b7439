"""Warnings: every code is documented and has its sentence, and a sender gets both."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from pos_api.common.warning_messages import SENTENCES, from_stored, messages, warn
from pos_api.database.client import Db
from tests.factories import Shop, line, order, stock_up
from tests.paths import ROOT

_GUIDE = (ROOT / "docs" / "api.md").read_text()


def _named(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_the_guide_lists_every_code_with_its_values() -> None:
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\| [^|]+ \|$", _GUIDE.partition("| code | values |")[2], re.MULTILINE)
    documented = {code: set(re.findall(r"`(\w+)`", values)) for code, values in rows}
    assert {code: documented.get(code) for code in SENTENCES} == {
        code: _named(sentence) for code, sentence in SENTENCES.items()
    }


def test_a_sentence_holds_its_values_as_they_came() -> None:
    warning = warn("unknown_sku", sku="A {b} 50 %")
    assert warning.message == "SKU A {b} 50 % is unknown here; this order does not move its stock."
    assert warning.values == {"sku": "A {b} 50 %"}


def test_a_value_of_any_length_makes_a_short_sentence() -> None:
    assert len(warn("unknown_sku", sku="x" * 100_000).message) < 300


@pytest.mark.parametrize("code", SENTENCES)
def test_a_stored_warning_is_the_same_when_it_is_read(code: str) -> None:
    warning = warn(code, **dict.fromkeys(_named(SENTENCES[code]), "x"))
    assert from_stored([warning.stored()]) == [warning]
    assert messages([warning.stored()]) == [warning.message]


def test_a_delivery_is_answered_with_sentences_and_codes_in_one_order(shop: Shop) -> None:
    data = shop.send("order.created", order(1, line("B"), line("A"))).get_json()["data"]
    assert data["warnings"] == [
        "SKU A is unknown here; this order does not move its stock.",
        "SKU B is unknown here; this order does not move its stock.",
    ]
    assert data["warning_codes"] == [
        {"code": "unknown_sku", "values": {"sku": "A"}},
        {"code": "unknown_sku", "values": {"sku": "B"}},
    ]


def test_a_product_event_is_answered_with_codes_too(shop: Shop) -> None:
    data = shop.deliver("product.updated", {"id": 9, "sku": "", "name": "Nameless"}).get_json()["data"]
    assert data["warning_codes"] == [{"code": "product_without_sku", "values": {}}]


def test_an_order_keeps_its_warnings_with_codes(shop: Shop, db: Db) -> None:
    stock_up(db, A=5)
    refund = {"id": 7, "amount": "1", "line_items": [{"id": 8, "quantity": -1, "sku": "Z"}]}
    shop.send("order.created", order(1, line("A"), refunds=[refund]))
    stored = db.orders.find_one({"_id": "default:1"})
    assert stored is not None
    assert [(each["code"], each["values"]) for each in stored["warnings"]] == [
        ("unclear_refund_line", {"refund": 7, "quantity": 1, "line": "Z"})
    ]
