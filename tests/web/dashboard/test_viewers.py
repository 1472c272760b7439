"""A viewer is shown no customer's data on any page, whatever the address."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pos_api.database.client import Db
from tests.privacy.test_retention import MARKS, QUERIES, mark_everything
from tests.web.dashboard.browsing import client_of
from tests.web.dashboard.crawling import addresses, pages_of


@pytest.fixture
def marked(app: Flask, db: Db, staff: None) -> Flask:
    """A service that knows a marked person from everywhere."""
    mark_everything(app, db)
    db.comparisons.delete_many({})  # of a comparison that page shows much more than the one that was made up has
    return app


def marks_seen(client: FlaskClient, wanted: list[str]) -> dict[str, set[str]]:
    """Which marks the answer at each address has, and statuses that no page should have."""
    seen = {}
    for address in wanted:
        with client.get(address) as answer:
            if answer.mimetype == "text/event-stream":
                continue
            text = f"{answer.headers}\n{answer.get_data(as_text=True)}".lower()
            assert answer.status_code in (200, 303, 403, 404, 409, 422), address
            seen[address] = {mark for mark in MARKS if mark in text}
    return seen


def test_no_page_shows_a_viewer_who_customers_are(marked: Flask, db: Db) -> None:
    manager, viewer = client_of(marked, "manager"), client_of(marked, "viewer")
    wanted = list(addresses(marked, client_of(marked, "admin")))
    to_manager = {address for address, marks in marks_seen(manager, wanted).items() if marks}
    assert any(address.startswith("/orders/") for address in to_manager), "the marks are there to be seen"
    assert any(address.startswith("/customers/") for address in to_manager)
    assert any(address.startswith("/inbox/") for address in to_manager)
    assert {address: marks for address, marks in marks_seen(viewer, wanted).items() if marks} == {}


def test_no_search_shows_a_viewer_who_customers_are(marked: Flask, db: Db) -> None:
    viewer = client_of(marked, "viewer")
    anonymous = {"q", "customer"}
    for page in pages_of(marked):
        if page in ("/sign-in", "/first-admin"):
            continue
        for query in QUERIES:
            [(_, marks)] = marks_seen(viewer, [page + query]).items() or [("", set())]
            typed = any(f"{name}=" in query for name in anonymous)
            assert not marks or typed, page + query
