"""What every page of the dashboard keeps: it can be used by everybody, on each device, and nothing on it is from
elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.web.dashboard.browsing import WIDTHS, is_too_wide, problems
from tests.web.dashboard.test_viewers import marked  # noqa: F401

_ROOMS = (
    *("account", "books", "cash", "customers", "deliveries", "figures", "inbox", "orders", "payments"),
    *("settings", "sign_in", "stock", "today"),
)
_NOT_NOW = "/first-admin"
"""Not found, as there is an admin already."""
_BY_WIDTH = ("target-size", "scrollable-region-focusable")
"""The rules of axe for which it matters how wide the screen is; `color-contrast` is the one for which colours do."""


def pages_of(app: Flask, room: str) -> list[str]:
    """The paths of a room's pages that need no id."""
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(f"dashboard.{room}.") and "GET" in (rule.methods or ()) and not rule.arguments
    )


def test_every_room_is_looked_at(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith("dashboard.")}
    assert {each.split(".")[1] for each in endpoints} == set(_ROOMS)


@pytest.mark.parametrize("room", _ROOMS)
def test_everybody_can_use_each_page(marked: Flask, open_as: Callable[..., Page], room: str) -> None:  # noqa: F811
    """In both colours, at each width, in Swedish, whose words are longer; with something in each list."""
    swedish = open_as("admin", width=WIDTHS[0], theme="light", language="sv")
    found: dict[str, list[str]] = {}
    shown = [path for path in pages_of(marked, room) if is_page(swedish, path)]
    for path in shown:
        answer = swedish.goto(path)
        assert answer, path
        assert answer.status == (404 if path == _NOT_NOW else 200), path
        wrong = problems(swedish)
        swedish.evaluate("document.documentElement.dataset.theme = 'dark'")
        wrong += problems(swedish, "color-contrast")
        for width in WIDTHS:
            swedish.set_viewport_size({"width": width, "height": 900})
            wrong += problems(swedish, *_BY_WIDTH) if width > WIDTHS[0] else []
            wrong += [f"wider than {width}"] if is_too_wide(swedish) else []
        swedish.set_viewport_size({"width": WIDTHS[0], "height": 900})
        if wrong:
            found[path] = wrong
    assert found == {}


def is_page(page: Page, path: str) -> bool:
    """Whether this is a page, and no file to download."""
    return page.request.head(path).headers.get("content-type", "").startswith("text/html")
