"""Customers' subscriptions, as staff see them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.database.client import Db
from pos_api.subscriptions import apply as subscriptions
from pos_api.subscriptions.model import SubscriptionStep, SubscriptionUpdate
from tests.web.api.test_products import as_

_BEGAN = datetime(2026, 11, 22, 12, tzinfo=UTC)
_URL = "/api/customer-subscriptions"


def subscription(external_id: str, days: int = 0, sequence: int = 2, **more: Any) -> SubscriptionUpdate:
    """A subscription that began so many days later."""
    began = _BEGAN + timedelta(days=days)
    history: tuple[SubscriptionStep, ...] = (
        {"status": "incomplete", "at": began, "event": "customer.subscription.created"},
        {"status": "active", "at": began + timedelta(minutes=1), "event": "customer.subscription.updated"},
    )
    fields: dict[str, Any] = {
        "store": "stripe-1",
        "external_id": external_id,
        "sequence": sequence,
        "cause": f"entry {sequence}",
        "customer": "cus_1",
        "status": "active",
        "current_period_end": began + timedelta(days=30),
        "history": history,
        "at": began,
        "received_at": began,
    }
    return SubscriptionUpdate(**{**fields, **more})


@pytest.fixture
def listed(client: FlaskClient, db: Db) -> FlaskClient:
    """The service with four subscriptions."""
    subscriptions.apply(db, subscription("sub_1", 1))
    subscriptions.apply(db, subscription("sub_2", 2, status="past_due"))
    subscriptions.apply(db, subscription("sub_3", 2, customer="cus_3", current_period_end=None))
    subscriptions.apply(db, subscription("sub_1", 0, store="stripe-2", status="canceled", customer="=cmd"))
    return client


def _ids(client: FlaskClient, **query: Any) -> list[str]:
    answer = client.get(_URL, query_string=query, headers=as_("manager"))
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.get_json()["data"]]


def test_a_subscription_is_shown_with_its_state_its_period_and_its_history(listed: FlaskClient) -> None:
    answer = listed.get(_URL, query_string={"store": "stripe-1", "limit": 200}, headers=as_("manager")).get_json()
    shown = next(each for each in answer["data"] if each["id"] == "stripe-1:sub_1")
    assert shown == {
        "id": "stripe-1:sub_1",
        "store": "stripe-1",
        "external_id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "current_period_end": "2026-12-23T12:00:00Z",
        "history": [
            {"status": "incomplete", "at": "2026-11-23T12:00:00Z", "event": "customer.subscription.created"},
            {"status": "active", "at": "2026-11-23T12:01:00Z", "event": "customer.subscription.updated"},
        ],
    }


def test_they_are_listed_by_when_they_began_and_found_by_store_status_and_customer(listed: FlaskClient) -> None:
    assert _ids(listed) == ["stripe-1:sub_3", "stripe-1:sub_2", "stripe-1:sub_1", "stripe-2:sub_1"]
    assert _ids(listed, store="stripe-2") == ["stripe-2:sub_1"]
    assert _ids(listed, status="past_due") == ["stripe-1:sub_2"]
    assert _ids(listed, customer="cus_1", store="stripe-1") == ["stripe-1:sub_2", "stripe-1:sub_1"]
    assert _ids(listed, customer="cus_9") == []


def test_all_that_match_are_one_csv_file_that_no_spreadsheet_takes_for_formulas(listed: FlaskClient) -> None:
    answer = listed.get(_URL, headers={**as_("manager"), "Accept": "text/csv"})
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == ["stripe-1:sub_3", "stripe-1:sub_2", "stripe-1:sub_1", "stripe-2:sub_1"]
    assert rows[0]["current_period_end"] == ""
    assert rows[2]["since"] == "2026-11-23T12:01:00Z"
    assert rows[3]["customer"] == "'=cmd"


@pytest.mark.parametrize("query", ["store=", "status=", "limit=0", "limit=201", "other=1", "cursor=x"])
def test_what_it_can_not_be_asked_is_refused(listed: FlaskClient, query: str) -> None:
    assert listed.get(f"{_URL}?{query}", headers=as_("manager")).status_code in (400, 422)


def test_managers_see_them_and_viewers_do_not(listed: FlaskClient) -> None:
    assert listed.get(_URL, headers=as_("viewer")).status_code == 403
    assert listed.get(_URL).status_code == 401


def test_a_state_of_fewer_reports_changes_nothing_and_a_new_one_gives_one_event(db: Db) -> None:
    def applied(**more: Any) -> tuple[str, list[tuple[str, str]]]:
        result = subscriptions.apply(db, subscription("sub_1", **more))
        return result.outcome, [(each.type, each.id) for each in result.events]

    thing = "subscription:stripe-1:sub_1"
    assert applied() == ("created", [("subscription.created", f"{thing}:1")])
    assert applied() == ("unchanged", [("subscription.created", f"{thing}:1")]), "again, after a crash: the same event"
    assert applied(cause="another entry") == ("unchanged", [])
    assert applied(sequence=1, status="incomplete") == ("stale", [])
    assert applied(sequence=3, status="past_due") == ("updated", [("subscription.updated", f"{thing}:2")])
    assert applied(sequence=4, status="past_due") == ("unchanged", [])
    canceled = [("subscription.canceled", f"{thing}:3")]
    assert applied(sequence=5, status="canceled") == ("updated", canceled)
    assert applied(sequence=5, status="canceled") == ("unchanged", canceled)
    assert applied(sequence=3, status="past_due") == ("stale", [("subscription.updated", f"{thing}:2")])


def test_every_query_uses_an_index(listed: FlaskClient, db: Db) -> None:
    newest_first = [("listed_at", -1), ("_id", -1)]
    for query in ({}, {"store": "a"}, {"status": "a"}, {"store": "a", "status": "a"}, {"customer": "a"}):
        plan = repr(db.customer_subscriptions.find(query).sort(newest_first).explain()["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in plan
        assert "'SORT'" not in plan
