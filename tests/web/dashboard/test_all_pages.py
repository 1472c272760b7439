"""What every page of the dashboard keeps: it can be used by everybody, on each device, and nothing on it is from
elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.web.dashboard.browsing import WIDTHS, is_too_wide, problems

_VARIANTS = list(zip(WIDTHS, cycle(["light", "dark"]), cycle(["sv", "en", "sv"]), strict=False))


_NOT_NOW = "/first-admin"
"""Not found, as there is an admin already."""


def pages_of(app: Flask) -> list[str]:
    """The paths of all pages that need no id."""
    rules = app.url_map.iter_rules()
    return sorted(
        rule.rule
        for rule in rules
        if rule.endpoint.startswith("dashboard.") and "GET" in (rule.methods or ()) and not rule.arguments
    )


@pytest.mark.parametrize(("width", "theme", "language"), _VARIANTS)
def test_everybody_can_use_each_page(
    app: Flask, open_as: Callable[..., Page], width: int, theme: str, language: str
) -> None:
    page = open_as("admin", width=width, theme=theme, language=language)
    found = {}
    for path in pages_of(app):
        if not page.request.get(path).headers.get("content-type", "").startswith("text/html"):
            continue  # a file to download
        answer = page.goto(path)
        assert answer, path
        assert answer.status == (404 if path == _NOT_NOW else 200), path
        if wrong := problems(page) + (["wider than the screen"] if is_too_wide(page) else []):
            found[path] = wrong
    assert found == {}
