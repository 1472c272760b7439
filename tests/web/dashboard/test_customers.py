"""Customers in the dashboard: found, one with what they bought, what is held about them, and erasing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page
from pymongo.errors import ServerSelectionTimeoutError

from pos_api.database.client import Db
from pos_api.figures import spending
from pos_api.privacy import erase
from pos_api.staff import audit
from tests.factories import Shop, line, order
from tests.web.dashboard.browsing import post

AsRole = Callable[[str], FlaskClient]
OpenAs = Callable[..., Page]
ANNA = "/customers/anna@example.se"


@pytest.fixture
def customers(shop: Shop) -> None:
    """Anna ordered twice, in two currencies; Eva never."""
    shop.outcome("order.created", order(1, line("A"), status="completed"))
    shop.outcome("order.created", order(2, line("A"), currency="EUR", total="99.00"))
    shop.outcome("customer.created", {"id": 9, "email": "eva@example.se", "first_name": "Eva", "last_name": "Ek"})


def test_customers_are_found_while_they_are_typed(as_role: AsRole, customers: None) -> None:
    client = as_role("manager")
    for query, expected in {"": ["anna", "eva"], "?q=ann": ["anna"], "?q=ek": ["eva"], "?q=zz": []}.items():
        text = client.get(f"/customers{query}").text
        assert [name for name in ("anna", "eva") if f'href="/customers/{name}@example.se"' in text] == expected, query
    text = client.get("/customers?q=anna").text
    assert "SEK12.50" in text
    assert "€99.00" in text


def test_a_customer_shows_what_they_spent_and_ordered(as_role: AsRole, customers: None) -> None:
    text = as_role("manager").get(ANNA).text
    for each in ("SEK12.50", "€99.00", 'href="/orders/default:1"', 'href="/orders/default:2"', "Anna Öberg"):
        assert each in text, each
    assert "Erase this person" not in text


def test_the_orders_of_a_customer_with_many_are_not_added_up_for_a_list(
    as_role: AsRole, customers: None, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_role("manager")
    assert "more than" not in client.get("/customers").text
    monkeypatch.setattr(spending, "MOST_ADDED_UP", 1)
    assert spending.with_many_orders(db, ["anna@example.se", "eva@example.se", "nobody"]) == {"anna@example.se"}
    text = client.get("/customers").text
    assert ("more than 1" in text, "SEK12.50" in text, "€99.00" in text) == (True, False, False)


def test_what_a_customer_with_very_many_orders_has_spent_is_not_added_up(
    as_role: AsRole, customers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_role("manager")
    assert "Orders that count" in client.get(ANNA).text
    monkeypatch.setattr(spending, "MOST_OF_ONE", 1)
    text = client.get(ANNA).text
    assert ("more than 1" in text, "Orders that count" in text, "Spent in" in text) == (True, False, False)


def test_a_viewer_sees_no_customer_and_a_manager_does_not_erase(as_role: AsRole, customers: None) -> None:
    assert as_role("viewer").get("/customers").status_code == 403
    assert as_role("viewer").get(ANNA).status_code == 403
    manager = as_role("manager")
    assert manager.get(f"{ANNA}/export").status_code == 403
    assert post(manager, f"{ANNA}/erase", {}, form="/customers").status_code == 403


def test_what_is_held_is_given_in_a_file_and_that_is_audited(as_role: AsRole, db: Db, customers: None) -> None:
    answer = as_role("admin").get(f"{ANNA}/export")
    assert "attachment" in answer.headers["Content-Disposition"]
    held: Any = answer.get_json()
    assert [each["id"] for each in held["orders"]] == ["default:2", "default:1"]
    assert len(audit.find(db, audit.Filter(action="customer.exported"), limit=5)) == 1


def test_erasing_says_what_was_erased_and_is_audited(as_role: AsRole, db: Db, customers: None) -> None:
    client = as_role("admin")
    answer = post(client, f"{ANNA}/erase", {}, form=ANNA)
    assert (answer.status_code, answer.location) == (303, "/customers")
    text = client.get("/customers").text
    assert "from 2 orders and 2 deliveries" in text
    assert client.get(ANNA).status_code == 404
    assert "Who bought this was erased" in client.get("/orders/default:1").text
    assert len(audit.find(db, audit.Filter(action="customer.erased"), limit=5)) == 1


def test_an_erasure_that_the_database_cut_short_says_what_becomes_of_it(
    as_role: AsRole, customers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(*_: Any, **__: Any) -> None:
        raise ServerSelectionTimeoutError("away")

    client = as_role("admin")
    monkeypatch.setattr(erase, "erase_orders", cut_short)
    answer = post(client, f"{ANNA}/erase", {}, form=ANNA)
    assert answer.status_code == 503
    assert "finished by itself" in answer.text


def test_nothing_that_a_customer_wrote_is_run(as_role: AsRole, shop: Shop) -> None:
    evil = '<script>alert("x")</script>'
    names = dict.fromkeys(("first_name", "last_name", "company", "phone", "address_1", "city"), evil)
    shop.send("order.created", order(6, line("A"), billing=names | {"email": "e@example.se"}, shipping=names))
    client = as_role("admin")
    for path in ("/customers", "/customers/e@example.se", f"/customers?q={evil}"):
        assert "<script>alert" not in client.get(path).text, path
