"""The live stream through the real service: soon, only as long as the session counts, and never in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.staff import sessions
from tests.factories import API_KEY, PATH
from tests.service import POS_API, Service, environment, running
from tests.waiting import wait_until
from tests.web.dashboard.browsing import add_user
from tests.web.dashboard.test_today import sale


class Reader:
    """An open page: reads its stream in a thread."""

    def __init__(self, url: str, cookies: dict[str, str]) -> None:
        self._response = requests.get(f"{url}/live", cookies=cookies, stream=True, timeout=30)
        assert self._response.status_code == 200
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for line in self._response.iter_lines():
            self.lines.append(line.decode())

    def has(self, text: str) -> bool:
        """Whether this has come."""
        return any(text in line for line in self.lines)

    def ended(self) -> bool:
        """Whether the stream was ended in order."""
        return not self._thread.is_alive()


def cookies(url: str) -> dict[str, str]:
    """Those of a browser in which the viewer has signed in."""
    with requests.Session() as browser:
        page = browser.get(f"{url}/sign-in", timeout=30).text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        form = {"name": "viewer", "password": "correct horse battery", "csrf_token": token}
        assert browser.post(f"{url}/sign-in", data=form, timeout=30).status_code == 200
        return dict(browser.cookies)


@pytest.fixture
def service(config: Config, db: Db, tmp_path: Path) -> Iterator[Service]:
    add_user(db, "viewer")
    settings = {"MONGODB_URI": config.mongodb_uri or "", "WEBHOOK_API_KEY": API_KEY, "JWT_SECRET": config.jwt_secret}
    env = environment(**settings, HOST="127.0.0.1", WEB_PROCESSES="1", WEB_THREADS="2")
    with running([*POS_API, "serve"], tmp_path, env) as service:
        yield service


def test_a_sale_is_on_every_open_page_within_two_seconds_as_long_as_its_session_counts(
    service: Service, db: Db
) -> None:
    opened = cookies(service.url)
    readers = [Reader(service.url, opened) for _ in range(5)]  # more than there are threads
    wait_until(lambda: all(reader.has("event: parts") for reader in readers))
    body = {"event": "order.created", "data": sale(7, now())}
    requests.post(f"{service.url}{PATH}", json=body, headers={"X-API-Key": API_KEY}, timeout=30).raise_for_status()
    sent = time.monotonic()
    wait_until(lambda: all(reader.has('data-sale="default:7"') for reader in readers))
    assert time.monotonic() - sent < 2.0
    other = Reader(service.url, cookies(service.url))
    sessions.end(db, "viewer", db.staff_sessions.find_one({}, sort=[("created_at", 1)])["_id"])  # type: ignore[index]
    wait_until(lambda: all(reader.ended() for reader in readers), 10)
    assert all(reader.has("event: ended") for reader in readers)
    assert not other.ended()
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 10, "nobody waits for open pages"
    wait_until(other.ended, 5)
    assert not other.has("event: ended"), "the browser asks again"
