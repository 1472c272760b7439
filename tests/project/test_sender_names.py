"""No name of a sender outside `senders/`: what is above or beside it asks the registry."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.paths import ROOT

_NAMES = re.compile(r"woocommerce|karma|kaynko|kasperopay|paymentkit|stripe")
_OF_SENDERS = ("senders/", "cli/")
_ALLOWED = {
    "accounting/accounts.py": "the account of payments at this provider, of who has set none",
    "config.py": "the kind of the default store",
    "outbox/envelopes.py": "forms of events that receivers made for these senders know",
    "outbox/model.py": "forms of events that receivers made for these senders know",
    "outbox/signing.py": "forms of events that receivers made for these senders know",
}
_SOURCE = ROOT / "pos_api"


def _modules() -> list[Path]:
    found = (path for path in sorted(_SOURCE.rglob("*.py")))
    return [path for path in found if not path.relative_to(_SOURCE).as_posix().startswith(_OF_SENDERS)]


def named(source: str) -> set[str]:
    """The senders that a module's code names: in imports, names and texts, but not in docstrings, where WooCommerce's
    own functions are the source of many rules, nor with a capital letter, as people read it."""
    tree = ast.parse(source)
    documentation = {
        id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
    }
    texts: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            texts += [node.module or "", *(each.name for each in node.names)]
        elif isinstance(node, ast.Import):
            texts += [each.name for each in node.names]
        elif isinstance(node, ast.Attribute):
            texts.append(node.attr)
        elif isinstance(node, ast.Name):
            texts.append(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            texts.append(node.value)
    return {text for text in texts if _NAMES.search(text)}


@pytest.mark.parametrize("path", _modules(), ids=lambda path: path.relative_to(_SOURCE).as_posix())
def test_no_module_outside_the_senders_names_one(path: Path) -> None:
    if path.relative_to(_SOURCE).as_posix() not in _ALLOWED:
        assert named(path.read_text()) == set()


@pytest.mark.parametrize("allowed", _ALLOWED)
def test_what_is_allowed_is_needed(allowed: str) -> None:
    assert named((_SOURCE / allowed).read_text())


def test_what_names_a_sender_is_found() -> None:
    assert named("from pos_api.senders.woocommerce import reconcile") == {"pos_api.senders.woocommerce"}
    assert named('kind = "kaynko"') == {"kaynko"}
    assert named('"""As WooCommerce\'s woocommerce_x does."""\ndb.orders') == set()
