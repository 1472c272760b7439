"""The dashboard as people use it: in Chromium, and for what needs no browser by Flask's test client."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.test import TestResponse

from pos_api.database.client import Db
from pos_api.staff import users

PASSWORD = "correct horse battery"
WIDTHS = (390, 820, 1280)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, or the one that CHROMIUM names. Where there is none the test is skipped; in CI it fails."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        reason = "there is no Chromium; apt-get install chromium, or set CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Site:
    """What the browser's requests go to: one server at one address, which answers with the application of the test."""

    url = ""
    app: Flask

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self.app(environ, start_response)


def add_user(db: Db, role: str) -> str:
    """A user of this role, called by it; returns the name."""
    users.add(db, role, PASSWORD, role)
    return role


def sign_in(page: Page, role: str) -> None:
    """Sign in in the browser, as the user called by the role."""
    page.goto("/sign-in")
    page.locator("#name").fill(role)
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/$"))


def client_of(app: Flask, role: str) -> FlaskClient:
    """A test client that has signed in as the user called by the role."""
    client = app.test_client()
    answer = post(client, "/sign-in", {"name": role, "password": PASSWORD}, form="/sign-in")
    assert answer.status_code == 303, answer.text
    return client


def post(client: FlaskClient, path: str, data: Mapping[str, object], *, form: str) -> TestResponse:
    """Send a form as a browser does, with the token that the page at `form` has. It is answered in a thread of its own:
    what is sent to a subscriber has an event loop, and in this thread that of the tests' browser may run."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(form).text)
    assert found, f"{form} has no form"
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(client.post, path, data={**data, "csrf_token": found[1]}).result()


_AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_RUN = """async (options) => (await axe.run(document, options)).violations.flatMap(
  ({ id, nodes }) => nodes.slice(0, 3).map(({ html }) => `${id}: ${html.slice(0, 200)}`)
)"""
_STANDARD = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}


def problems(page: Page, *rules: str) -> list[str]:
    """What axe finds on the page, at WCAG 2.2 AA or by these rules alone, as `rule: element`. It only lists what is
    wrong: to describe what is right takes it as long as to look."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(_AXE)
    only = {"type": "rule", "values": list(rules)} if rules else _STANDARD
    return list(page.evaluate(_RUN, {"runOnly": only, "resultTypes": ["violations"]}))


def is_too_wide(page: Page) -> bool:
    """Whether the page as a whole has to be moved sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
