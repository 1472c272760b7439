"""What the tests of the dashboard share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, ConsoleMessage, Page

from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.staff.users import ROLES
from tests.web.dashboard.browsing import Site, add_user, chromium, client_of, sign_in
from tests.web.serving import serving


@pytest.fixture(scope="package", autouse=True)
def passwords_are_cheap() -> Iterator[None]:
    """A password takes 50 ms and 64 MiB to check on purpose; these tests are about other things."""
    from argon2 import PasswordHasher

    from pos_api.staff import users

    before = users._hasher
    users._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    yield
    users._hasher = before


@pytest.fixture(autouse=True)
def subscriptions_are_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes a subscription need not wait until every process knows: each looks at every event."""
    monkeypatch.setattr(recently_read, "MAX_AGE", 0.0)


@pytest.fixture
def staff(db: Db) -> None:
    """A user of each role, called by it."""
    for role in ROLES:
        add_user(db, role)


@pytest.fixture
def as_role(app: Flask, staff: None) -> Callable[[str], FlaskClient]:
    """What makes a test client that has signed in."""
    return lambda role: client_of(app, role)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for these tests. It does not outlast them: Playwright keeps an event loop running in the thread."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """What the browser's requests go to."""
    site = Site()
    with serving(site, threads=8) as port:
        site.url = f"http://127.0.0.1:{port}"
        yield site


@pytest.fixture
def served(site: Site, app: Flask, staff: None) -> str:
    """The address of the service, with a user of each role."""
    site.app = app
    return site.url


@pytest.fixture
def open_as(browser: Browser, served: str) -> Iterator[Callable[..., Page]]:
    """What opens the dashboard as a role (None: not signed in): `open_as("manager", width=390, theme="dark",
    language="sv")`. No page may write anything to the console, which reports what its policy does not allow, too."""
    said: list[str] = []
    pages: list[Page] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            said.append(message.text)

    def open_page(role: str | None, *, width: int = 1280, theme: str = "light", language: str = "en") -> Page:
        context = browser.new_context(
            base_url=served,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            locale={"en": "en-GB", "sv": "sv-SE"}[language],
            reduced_motion="reduce",
        )
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: said.append(str(error)))
        pages.append(page)
        if role:
            sign_in(page, role)
        return page

    yield open_page
    for page in pages:
        page.context.close()
    assert said == []
