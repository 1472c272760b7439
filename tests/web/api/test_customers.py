"""Customers over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from pymongo.errors import ServerSelectionTimeoutError

from pos_api.database.client import Db
from pos_api.figures import spending
from tests.factories import Shop, line, order, outcome
from tests.paging import read_all
from tests.web.api.test_orders import STAFF, conforms, data

PATH = "/api/customers"


@pytest.fixture
def shop(client: FlaskClient, db: Db) -> Shop:
    """A shop with three customers: Eva has ordered last, Anna before, Jan never."""
    shop = Shop(client)
    shop.outcome("order.created", order(1, line("A")) | {"date_created_gmt": "2026-11-20T12:00:00"})
    eva = {"first_name": "Eva", "last_name": "Ek", "email": "eva@example.se"}
    shop.outcome("order.created", order(2, line("A"), billing=eva, currency="EUR"))
    shop.outcome("order.created", order(3, line("A"), billing=eva, status="cancelled"))
    shop.outcome("customer.created", {"id": 9, "email": "jan@example.se", "first_name": "Jan"})
    shop.outcome("customer.created", {"id": 8, "email": "", "first_name": "Nobody"})
    return shop


def emails(client: FlaskClient, query: str = "") -> list[str]:
    reply = client.get(f"{PATH}{query}", headers=STAFF)
    return [customer["email"].lower() for customer in data(reply)]


@pytest.mark.usefixtures("shop")
def test_customers_come_by_their_last_order_page_by_page(client: FlaskClient) -> None:
    def page_after(cursor: str) -> Any:
        reply = client.get(f"{PATH}?limit=1" + (f"&cursor={cursor}" if cursor else ""), headers=STAFF)
        assert reply.status_code == 200, reply.json
        conforms(client, reply, PATH)
        return reply.get_json()

    seen = [customer["email"].lower() for customer in read_all(page_after)]
    assert seen == ["eva@example.se", "anna@example.se", "jan@example.se", ""]


@pytest.mark.usefixtures("shop")
def test_customers_are_found_by_whole_words(client: FlaskClient) -> None:
    assert emails(client, "?q=EVA ek") == ["eva@example.se"]
    assert emails(client, "?q=anna@example.se") == ["anna@example.se"]
    assert emails(client, "?q=ev") == []
    assert emails(client, "?q=%20") == []


@pytest.mark.parametrize(
    "query", ["460701234567", "+46 (0)70-123 45 67", "+46 (0)70 1234567", "öberg", "ÖBERG o", "anna-lena", "ab"]
)
def test_customers_are_found_by_the_same_words_as_their_orders(client: FlaskClient, query: str) -> None:
    billing = {
        "first_name": "Anna-Lena",
        "last_name": "O'Öberg",
        "email": "anna@example.se",
        "phone": "+46 (0)70-123 45 67",
        "company": "Öberg/Åkesson AB",
    }
    Shop(client).outcome("order.created", order(1, billing=billing))
    assert len(data(client.get("/api/webhooks/orders", query_string={"q": query}, headers=STAFF))) == 1
    assert len(data(client.get(PATH, query_string={"q": query}, headers=STAFF))) == 1


@pytest.mark.parametrize("fields", [{}, {"last_name": "Ek"}])
def test_phone_and_company_that_only_the_customers_billing_address_has_are_known(
    client: FlaskClient, fields: dict[str, str]
) -> None:
    billing = {"phone": "+46 (0)70-123 45 67", "company": "Åkesson AB", **fields}
    Shop(client).deliver("customer.created", {"id": 9, "email": "jan@example.se", "billing": billing})
    [found] = data(client.get(PATH, query_string={"q": "+46 (0)70-123 45 67"}, headers=STAFF))
    assert (found["phone"], found["company"]) == ("+46 (0)70-123 45 67", "Åkesson AB")
    assert emails(client, "?q=åkesson") == ["jan@example.se"]


@pytest.mark.usefixtures("shop")
def test_what_orders_told_is_still_found_after_the_shops_word_with_blanks(client: FlaskClient) -> None:
    blank = {"id": 5, "email": "eva@example.se", "first_name": "", "last_name": "Berg", "billing": {"phone": ""}}
    assert outcome(Shop(client).deliver("customer.updated", blank)) == "updated"
    assert emails(client, "?q=eva") == ["eva@example.se"]
    assert emails(client, "?q=berg") == ["eva@example.se"]


@pytest.mark.usefixtures("shop")
def test_a_customer_comes_with_what_they_bought(client: FlaskClient) -> None:
    reply = client.get(f"{PATH}/EVA@example.se", headers=STAFF)
    conforms(client, reply, f"{PATH}/{{customer}}")
    eva: dict[str, Any] = data(reply)

    assert (eva["id"], eva["orders_count"]) == ("eva@example.se", 1)
    assert eva["total_spent"] == [{"currency": "EUR", "orders_count": 1, "total_spent": "12.50"}]
    assert [each["order_id"] for each in eva["orders"]] == [3, 2]
    assert not {"_id", "search", "as_of"} & eva.keys()


@pytest.mark.usefixtures("shop")
def test_what_a_customer_with_very_many_orders_has_spent_is_null(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "MOST_OF_ONE", 1)
    reply = client.get(f"{PATH}/eva@example.se", headers=STAFF)
    conforms(client, reply, f"{PATH}/{{customer}}")
    eva: dict[str, Any] = data(reply)
    assert (eva["orders_count"], eva["total_spent"], len(eva["orders"])) == (None, None, 2)


@pytest.mark.usefixtures("shop")
def test_a_customer_without_an_address_goes_by_the_shops_id(client: FlaskClient) -> None:
    assert data(client.get(f"{PATH}/{quote('default:#8')}", headers=STAFF))["shop_ids"] == ["default:8"]


@pytest.mark.parametrize(("query", "status"), [("/nobody@example.se", 404), ("?cursor=x", 400), ("?q[$gt]=", 422)])
def test_bad_input_has_a_clear_answer(client: FlaskClient, query: str, status: int) -> None:
    assert data(client.get(f"{PATH}{query}", headers=STAFF), status)["message"]


@pytest.mark.parametrize("query", ["", "/anna@example.se"])
def test_only_staff_may_read(client: FlaskClient, query: str) -> None:
    assert client.get(f"{PATH}{query}").status_code == 401


@pytest.mark.parametrize(("error", "status"), [(ServerSelectionTimeoutError, 503), (RuntimeError, 500)])
def test_when_it_fails_the_log_names_the_route_and_not_the_person(
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: type[Exception],
    status: int,
) -> None:
    def fail(*_: Any) -> None:
        raise error("no server for secret.person@example.com")

    monkeypatch.setattr("pos_api.customers.queries.get", fail)
    data(client.get(f"{PATH}/secret.person@example.com", headers=STAFF), status)
    said = capfd.readouterr().out
    assert "route=/api/customers/<path:customer>" in said
    assert "secret.person" not in said
