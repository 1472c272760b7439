"""A module fits in one's head and a function on a screen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

MODULE_LINES = 350
FUNCTION_LINES = 40


def modules() -> Iterator[tuple[str, str]]:
    """The path and the text of each module of the service."""
    for file in sorted(Path(ROOT, "pos_api").rglob("*.py")):
        yield file.relative_to(ROOT).as_posix(), file.read_text()


def test_no_module_is_longer_than_350_lines() -> None:
    long = {name for name, text in modules() if len(text.splitlines()) > MODULE_LINES}
    assert long == set(), "split it by what it does"


def test_no_function_is_longer_than_40_lines() -> None:
    long = {
        f"{name}: {node.name}"
        for name, text in modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    }
    assert long == set(), "give its steps names of their own"
