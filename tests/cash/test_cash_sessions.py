"""Cash sessions as staff see them: what was expected, page by page, as a file, at the same cost in a long history."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from bson import Decimal128
from flask.testing import FlaskClient
from pymongo import MongoClient

from pos_api.cash import queries
from pos_api.cash.apply import apply_movement, apply_session
from pos_api.cash.model import CashMovementUpdate, CashSessionUpdate
from pos_api.common.time import rfc3339
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stores import settings
from tests.cash.sessions import FIRST, cash_session
from tests.paging import read_all
from tests.steps import Process
from tests.web.api.test_products import as_

_PATH = "/api/cash-sessions"


def _session(db: Db, number: int, *, store: str = "till-1", closed: bool = True) -> None:
    still_open: dict[str, Any] = {} if closed else {"closed_at": None, "counted_cash": None}
    apply_session(db, cash_session(str(number), number, store=store, **still_open))


def _moved(db: Db, day: int, hour: float, amount: str, *, store: str = "till-1", assumed: bool = False) -> None:
    at = FIRST + timedelta(days=day, hours=hour)
    name = f"sale-{day}-{hour}"
    apply_movement(db, CashMovementUpdate(store, name, 1, "sale", at, Decimal128(amount), "USD", is_assumed=assumed))


@pytest.fixture
def sessions(db: Db) -> None:
    """Ten days of two tills; each sells in the morning, in the afternoon, and after it was closed."""
    for number in range(10):
        _session(db, number, closed=number != 9)
        _session(db, number, store="till-2")
        for hour in (0, 4, 12):
            _moved(db, number, hour, f"{number}.50")
        _moved(db, number, 5, "7.00", store="till-2", assumed=True)


def _no_currency(store: str) -> str:
    return ""


def _all(client: FlaskClient, query: str) -> list[Any]:
    return read_all(lambda cursor: _get(client, query + (f"&cursor={cursor}" if cursor else "")))


def _in_list(session: Any) -> Any:
    """What a list has of a session."""
    return {name: value for name, value in session.items() if name not in ("ends_at", "by_kind", "movements")}


def _movement(day: int, hour: int, amount: str) -> Any:
    at = rfc3339(FIRST + timedelta(days=day, hours=hour))
    named = {"external_id": f"sale-{day}-{hour}", "kind": "sale"}
    return {**named, "at": at, "amount": amount, "is_assumed": False}


def _get(client: FlaskClient, query: str = "", role: str = "viewer") -> Any:
    return client.get(f"{_PATH}{query}", headers=as_(role)).get_json()


def test_a_session_is_shown_with_what_was_expected_and_by_how_much_it_differs(
    client: FlaskClient, sessions: None
) -> None:
    assert _get(client, "/till-1:3")["data"] == {
        "id": "till-1:3",
        "store": "till-1",
        "external_id": "3",
        "opened_at": "2026-06-04T08:00:00Z",
        "closed_at": "2026-06-04T17:00:00Z",
        "opening_cash": "20.00",
        "counted_cash": "100.00",
        "expected_cash": "27.00",
        "difference": "73.00",
        "assumed_cash": "0.00",
        "currency": "USD",
        "ends_at": "2026-06-04T17:00:00Z",
        "by_kind": [{"kind": "sale", "amount": "7.00"}],
        "movements": [_movement(3, 0, "3.50"), _movement(3, 4, "3.50")],
    }
    of_second = _get(client, "/till-2:3")["data"]
    assert (of_second["expected_cash"], of_second["assumed_cash"]) == ("27.00", "7.00")
    still_open = _get(client, "/till-1:9")["data"]
    assert (still_open["expected_cash"], still_open["counted_cash"], still_open["difference"]) == ("48.50", None, None)
    assert client.get(f"{_PATH}/till-1:99", headers=as_("viewer")).status_code == 404
    assert client.get(_PATH).status_code == 401


def test_a_session_from_before_its_store_had_a_currency_has_the_one_that_it_has_now(
    client: FlaskClient, db: Db, config: Config
) -> None:
    settings.add_store(db, config, "till-1", kind="kaynko")
    apply_session(db, cash_session("1", currency=""))
    _moved(db, 0, 1, "5.00")
    apply_movement(
        db, CashMovementUpdate("till-1", "euro", 1, "sale", FIRST + timedelta(hours=2), Decimal128("9"), "EUR")
    )
    before = _get(client, "/till-1:1")["data"]
    assert (before["currency"], before["expected_cash"]) == ("", None), "nobody knows which of them it is"
    settings.update_store(db, config, "till-1", currency="USD")
    client.application.extensions["pos"].stores._read_at = float("-inf")
    now = _get(client, "/till-1:1")["data"]
    assert (now["currency"], now["expected_cash"], now["difference"]) == ("USD", "25.00", "75.00")
    assert _get(client)["data"] == [_in_list(now)]
    file = client.get(_PATH, headers={**as_("viewer"), "Accept": "text/csv"}).text
    assert [each["expected_cash"] for each in csv.DictReader(io.StringIO(file))] == ["25.00"]


@pytest.mark.parametrize("limit", [1, 3, 200])
def test_each_page_has_the_same_rows_whatever_its_size(limit: int, client: FlaskClient, sessions: None) -> None:
    rows = read_all(lambda cursor: _get(client, f"?limit={limit}" + (f"&cursor={cursor}" if cursor else "")))
    assert [each["id"] for each in rows] == [
        f"{till}:{day}" for day in range(9, -1, -1) for till in ("till-2", "till-1")
    ]
    assert rows == [_in_list(_get(client, f"/{each['id']}")["data"]) for each in rows]
    only = read_all(
        lambda cursor: _get(client, f"?limit={limit}&store=till-1" + (f"&cursor={cursor}" if cursor else ""))
    )
    assert only == [each for each in rows if each["store"] == "till-1"]


def test_sessions_are_found_by_when_they_were_opened(client: FlaskClient, sessions: None) -> None:
    found = _get(client, "?store=till-1&from=2026-06-03&to=2026-06-04")["data"]
    assert [each["external_id"] for each in found] == ["3", "2"]
    assert [each["expected_cash"] for each in found] == ["27.00", "25.00"], "as in the list of all"
    assert _get(client, "?store=till-3")["data"] == []
    assert client.get(f"{_PATH}?from=yesterday", headers=as_("viewer")).status_code == 422
    assert client.get(f"{_PATH}?cursor=x", headers=as_("viewer")).status_code == 400


def test_the_file_has_what_the_list_has(client: FlaskClient, sessions: None) -> None:
    headers = {**as_("viewer"), "Accept": "text/csv"}
    reply = client.get(f"{_PATH}?store=till-1", headers=headers)
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    listed = _get(client, "?store=till-1")["data"]
    assert rows == [{name: value or "" for name, value in each.items()} for each in listed]


def test_a_page_reads_what_its_sessions_span_and_no_more(process: Process, db: Db, config: Config) -> None:
    for number in range(40):
        _session(db, number)
        _moved(db, number, 1, "5.00")
    process.steps.go_on()
    found = queries.find(process.db, _no_currency, queries.Filter(store="till-1"), 10)
    assert [each[1].expected for each in found] == [25] * 10
    assert process.steps.names == ["find", "find", "aggregate"], "the sessions, what follows them, the movements"
    with MongoClient[dict[str, Any]](config.mongodb_uri) as client:
        plain = client.get_default_database()
        plain.command("profile", 2)
        queries.find(db, _no_currency, queries.Filter(store="till-1"), 10, queries.position(found[-1]))
        plain.command("profile", 0)
        profile = plain["system.profile"].find({"docsExamined": {"$exists": True}, "ns": {"$regex": "cash_"}})
        read = [each["docsExamined"] for each in profile]
    assert len(read) == 3
    assert max(read) <= 11, "neither what is older nor what is newer"


def test_a_session_has_an_event_when_it_is_opened_and_one_when_it_is_closed(db: Db) -> None:
    def update(sequence: int, **more: Any) -> list[str]:
        opening: dict[str, Any] = {"opened_at": None, "closed_at": None, "opening_cash": None, "counted_cash": None}
        fields: Any = {**opening, **more, "store": "till-1", "external_id": "5", "currency": "USD", "at": FIRST}
        return [each.type for each in apply_session(db, CashSessionUpdate(sequence=sequence, **fields)).events]

    closed = {"closed_at": FIRST, "counted_cash": Decimal128("5")}
    opened = {"opened_at": FIRST, "opening_cash": Decimal128("1")}
    assert update(1, **closed) == ["session.closed"]
    assert update(2, **closed, **opened) == ["session.opened"]
    assert update(2, **closed, **opened) == []
    assert update(1, **closed) == [], "older"


def test_the_open_session_of_each_till_is_found_from_the_index_alone(
    client: FlaskClient, db: Db, sessions: None
) -> None:
    found = queries.open_now(db, _no_currency)
    assert [each["id"] for each in found] == ["till-1:9"], "the last one of its till, and not closed"
    assert queries.open_now(db, _no_currency, "till-2") == []
    _session(db, 8, closed=False)
    assert [each["id"] for each in queries.open_now(db, _no_currency)] == ["till-1:9"], "another was opened since"
    for number in range(20, 60):
        _session(db, number, store="till-3")
    explained = db.command(
        "explain",
        {"aggregate": "cash_sessions", "pipeline": queries.open_pipeline(None), "cursor": {}},
        verbosity="executionStats",
    )
    assert "DISTINCT_SCAN" in str(explained), "it skips from till to till"
