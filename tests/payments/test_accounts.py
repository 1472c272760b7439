"""What of the orders of an ordering app and of a till is paid and owed, by what they really send."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.config import Config
from pos_api.database.client import Db
from tests.senders.karma import app as karma
from tests.senders.kaynko import till as kaynko
from tests.web.api.test_orders import STAFF, data


@pytest.fixture
def bar(client: FlaskClient, db: Db, config: Config) -> karma.App:
    bar = karma.App(client, "bar", karma.add_app(db, config, "bar"))
    client.application.extensions["pos"].stores._read_at = float("-inf")
    return bar


@pytest.fixture
def till(client: FlaskClient, db: Db, config: Config) -> kaynko.Till:
    till = kaynko.Till(client, "till", kaynko.add_till(db, config, "till"))
    client.application.extensions["pos"].stores._read_at = float("-inf")
    return till


def _order(client: FlaskClient, order: str) -> Any:
    return data(client.get(f"/api/webhooks/orders/{order}", headers=STAFF))


def _amounts(client: FlaskClient, order: str) -> tuple[float, float, list[str]]:
    shown = _order(client, order)
    return float(shown["paid"]), float(shown["owed"]), [each["code"] for each in shown["discrepancies"]]


def test_a_purchase_is_paid_without_its_tip_also_while_parts_are_paid_back(client: FlaskClient, bar: karma.App) -> None:
    bar.outcome(karma.purchase())
    assert _amounts(client, "bar:12345") == (145.0, 0.0, [])
    assert float(_order(client, "bar:12345")["tip"]) == 20
    bar.outcome(karma.refund(karma.LUNCH[1:]))
    assert _amounts(client, "bar:12345") == (145.0, 0.0, []), "only the tip was paid back"
    bar.outcome(karma.refund(karma.LUNCH[:1], minute=51))
    assert _amounts(client, "bar:12345") == (0.0, 0.0, [])


def test_an_order_and_a_purchase_show_their_tab(client: FlaskClient, bar: karma.App) -> None:
    for event in (karma.order("created"), karma.purchase(), karma.tab("closed")):
        bar.outcome(event)
    order, sale = _order(client, "bar:ord_12345"), _order(client, "bar:12345")
    assert order["kind"] == "karma"
    assert order["external_id"] == order["number"] == "ord_12345"
    assert float(order["owed"]) == 0, "the tab is paid"
    for tab in (order["tab"], sale["tab"], sale["payments"][0]["tab"]):
        assert (tab["external_id"], tab["state"], float(tab["paid"])) == ("tab_67890", "closed", 360)


def test_a_sale_on_credit_is_owed_and_a_voided_one_is_not(client: FlaskClient, till: kaynko.Till) -> None:
    till.outcome(kaynko.sale(1, paymentMethod="credit"))
    till.outcome(kaynko.sale(2))
    assert _amounts(client, "till:1") == (0.0, 15.5, [])
    assert _amounts(client, "till:2") == (15.5, 0.0, [])
    till.outcome(kaynko.void(2))
    assert _amounts(client, "till:2") == (0.0, 0.0, [])
