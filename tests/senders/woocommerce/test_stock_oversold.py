"""The last unit is sold in two places at once: both sales stand, and everybody can see what happened."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from pos_api.catalogue import staff_actions, stock_events
from pos_api.config import Config
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.processing import ingest
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.stock_sync import switching
from pos_api.senders.woocommerce.stock_sync.choices import Choice
from pos_api.staff import token_claims
from tests.factories import stock_of
from tests.fake_shop import KEY, SECRET, FakeShop, compare, product
from tests.outbox.subscribed import subscribe
from tests.senders.woocommerce.stock_push.sending import send
from tests.senders.woocommerce.test_reconcile import made_after
from tests.senders.woocommerce.test_stock_reconcile import known


def test_the_last_unit_sold_here_and_in_the_shop_at_once_is_minus_one_and_said(
    fake: FakeShop, client: FlaskClient, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recently_read, "MAX_AGE", 0.0)
    subscribe(db, "stock.*")
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    fake.products[1] = product(1, "A", 2)
    known(db, config, "product.created", fake.products[1])
    switching.switch_on(db, config, "default", Choice(), ingest.ingest)
    sold_there = made_after()  # two of two
    fake.put_order(sold_there)
    fake.products[1]["stock_quantity"] -= 2
    done = staff_actions.adjust(db, "A", -1, reason="sold", by="ann")  # before the order has come
    stock_events.publish(db, done.events)
    known(db, config, "order.created", sold_there)
    assert send(db, config, "default")
    assert (stock_of(db), fake.products[1]["stock_quantity"]) == ({"A": -1}, -1)
    assert db.orders.count_documents({"status": "processing", "held.quantity": 2}) == 1
    low = list(db.outbox.find({"type": "stock.low"}))
    shown_low = [json.loads(each["data"]) for each in low]
    assert [(each["oversold"], each["order"]) for each in shown_low] == [(True, "default:1")]
    token, _ = token_claims.token(config.jwt_secret, "anna", "viewer")
    reply = client.get("/api/products/movements?sku=A", headers={"Authorization": f"Bearer {token}"})
    assert reply.json is not None
    shown = [(each["reason"], each["oversold"], [at["state"] for at in each["stores"]]) for each in reply.json["data"]]
    assert shown == [("order", True, []), ("sold", False, ["applied"]), ("opening", False, [])]
    with connection.open_shop(db, config, "default") as shop:
        assert compare(db, config, shop).in_sync
