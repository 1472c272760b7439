"""Cash sessions in the dashboard: open ones first, and why what was counted differs from what should be there."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta

import pytest
from bson import Decimal128
from flask import Flask
from flask.testing import FlaskClient

from pos_api.cash.apply import apply_movement, apply_session
from pos_api.cash.model import CashKind, CashMovementUpdate
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.payments.apply import apply as apply_payment
from pos_api.staff import audit
from pos_api.stores import settings
from tests.cash.sessions import FIRST, cash_session
from tests.web.api.test_payments import payment

AsRole = Callable[[str], FlaskClient]


def moved(db: Db, name: str, kind: CashKind, day: int, amount: str, *, assumed: bool = False) -> None:
    at = FIRST + timedelta(days=day, hours=1)
    update = CashMovementUpdate("till-1", name, 1, kind, at, Decimal128(amount), "USD", is_assumed=assumed)
    apply_movement(db, update)


@pytest.fixture
def sessions(app: Flask, db: Db, config: Config) -> None:
    """Of a till in Stockholm: session 1 lacks 5.00, 2 has 3.00 too much, 3 is right, 4 is open."""
    settings.add_store(db, config, "till-1", kind="kaynko", timezone="Europe/Stockholm", currency="USD")
    app.extensions["pos"].stores._read_at = float("-inf")
    for number, counted in ((1, "95.00"), (2, "103.00"), (3, "100.00")):
        apply_session(db, cash_session(str(number), number, counted_cash=Decimal128(counted)))
        moved(db, f"sale-{number}", "sale", number, "90.00")
        moved(db, f"void-{number}", "void", number, "-30.00")
        moved(db, f"debt-{number}", "debt", number, "20.00", assumed=True)
    apply_session(db, cash_session("4", 4, closed_at=None, counted_cash=None))


def test_open_sessions_come_first_and_differences_are_marked(as_role: AsRole, sessions: None) -> None:
    client = as_role("viewer")
    text = client.get("/cash-sessions").text
    shown = [text.index(f'href="/cash-sessions/till-1:{number}"') for number in (4, 3, 2, 1)]
    assert shown == sorted(shown)
    assert text.count('href="/cash-sessions/till-1:4"') == 1
    assert ">US$5.00 missing" in text
    assert "+US$3.00 too much" in text
    assert "5 Jun 2026, 10:00:00" in text, "on the clock of the till"
    of_days = client.get("/cash-sessions?from=2026-06-02&to=2026-06-03").text
    assert ["till-1:4" in of_days, "till-1:2" in of_days, "till-1:3" in of_days] == [False, True, False]
    assert client.get("/cash-sessions?from=x").status_code == 422
    assert "There is no session like that" in client.get("/cash-sessions?store=other").text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("1", "US$5.00 is missing"),
        ("2", "US$3.00 is too much"),
        ("3", "What was counted is what should be there"),
        ("4", "has not been counted yet"),
    ],
)
def test_a_session_says_why_its_cash_differs(as_role: AsRole, sessions: None, number: str, words: str) -> None:
    text = as_role("viewer").get(f"/cash-sessions/till-1:{number}").text
    assert words in text
    if number != "4":
        for amount in ("US$20.00", "US$90.00", "-US$30.00", "US$100.00"):
            assert amount in text, amount
        assert "are debts, of which the till does not say" in text


def test_what_is_not_known_of_a_session_is_said(as_role: AsRole, sessions: None, db: Db) -> None:
    apply_session(db, cash_session("a/b", 6, opened_at=None))
    apply_session(db, cash_session("6", 7, opening_cash=None))
    client = as_role("viewer")
    assert "It is not known when the session was opened" in client.get("/cash-sessions/till-1:a/b").text
    assert "with how much cash the session began" in client.get("/cash-sessions/till-1:6").text
    assert client.get("/cash-sessions/till-1:9").status_code == 404


def test_a_session_leads_to_its_sales(as_role: AsRole, sessions: None, db: Db) -> None:
    apply_payment(db, payment("sale-1", store="till-1", order="till-1:1"))
    text = as_role("viewer").get("/cash-sessions/till-1:1").text
    assert "from=2026-06-02T08:00:00Z&amp;to=2026-06-02T17:00:00Z" in text
    assert "store=till-1" in text
    assert "till-1:1</a>" not in text
    assert ">sale-1</a>" in text, "a sale whose payment is known leads to its order"
    assert ">void-1</a>" not in text


def test_a_file_has_what_is_filtered_and_the_audit_has_it(as_role: AsRole, sessions: None, db: Db) -> None:
    answer = as_role("viewer").get("/cash-sessions.csv?store=till-1&from=2026-06-03")
    assert [row["external_id"] for row in csv.DictReader(answer.text.splitlines())] == ["4", "3", "2"]
    [entry] = audit.find(db, audit.Filter(action="cash.exported"))
    assert (entry["who"]["name"], entry["details"]) == ("viewer", {"store": "till-1", "from": "2026-06-03"})
