"""Orders, stock and figures name no status and no topic of a sender: what they mean comes with the order."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.paths import ROOT

_OF_SENDERS = {"pending", "on-hold", "processing", "failed", "trash", "checkout-draft", "auto-draft", "shipped"}
_MODULES = [path for room in ("orders", "stock", "figures") for path in sorted((ROOT / "pos_api" / room).glob("*.py"))]


def named(source: str) -> set[str]:
    """The statuses and topics that a module's code has as texts."""
    texts = {each.value for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and (text in _OF_SENDERS or text.startswith("order."))}


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_rule_names_no_status_and_no_topic(path: Path) -> None:
    assert named(path.read_text()) == set()


def test_a_status_or_a_topic_is_found() -> None:
    assert named('status == "on-hold" or topic == "order.created"') == {"on-hold", "order.created"}
