"""All recordings of shops and the samples of tills and apps, through the service into the books: they tie out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.accounting import check, verify
from pos_api.accounting.close import close_until
from pos_api.accounting.entries import Mode
from pos_api.accounting.exports import export
from pos_api.accounting.queries import Filter
from pos_api.common.money import decimal
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stores.registry import Stores
from tests.accounting.sie_reader import read
from tests.journeys.test_recordings import RECORDINGS
from tests.senders.karma.app import App, add_app, line, purchase, refund
from tests.senders.kaynko.till import SAMPLE_SALE, Till, add_till, debt, item, sale, session, void

KEY = {"X-API-Key": "test-api-key-of-more-than-32-characters"}


@pytest.fixture
def config(config: Config) -> Config:
    object.__setattr__(config, "accounting_company", "Company")
    object.__setattr__(config, "accounting_orgnr", "556677-8899")
    return config


def _send_everything(client: FlaskClient, db: Db, config: Config) -> None:
    app, till = add_app(db, config, "app", timezone="Europe/Stockholm"), add_till(db, config, "till", currency="USD")
    client.application.extensions["pos"].stores._read_at = float("-inf")
    for recording in RECORDINGS:
        for step in recording["steps"]:
            if step["rest_order"]:
                data = {**step["rest_order"], "refunds": step["rest_refunds"] or []}
                body = json.dumps({"event": "order.updated", "data": data})
                reply = client.post(
                    "/api/webhooks/orders", data=body, headers={**KEY, "Content-Type": "application/json"}
                )
                assert reply.status_code == 200, reply.text
    karma = App(client, "app", app)
    karma.outcome(purchase())
    karma.outcome(purchase([line(1, 11200, 1200, 1200), line(2, 1000, 0, 0, type="tip")], id=12346))
    karma.outcome(refund([line(1, -5600, vat=-600)], id=12346))
    kaynko = Till(client, "till", till)
    messages: list[Any] = [
        SAMPLE_SALE,
        sale(1, item("A"), total=10.0),
        void(1, total=10.0),
        sale(2, item("A"), total=20.0, paymentMethod="credit"),
        debt(7, 5.0),
        session(1, "opened", 20.0, sent=0),
        session(1, "closed", 40.0, sent=300),
    ]
    for message in messages:
        kaynko.outcome(message)


def _entered(db: Db, **of: str) -> dict[str, str]:
    sums: dict[str, Decimal] = {}
    for entry in db.accounting_entries.find(of):
        for each in entry["lines"]:
            sums[each["account"]] = sums.get(each["account"], Decimal(0)) + decimal(each["amount"])
    return {account: f"{amount:f}" for account, amount in sorted(sums.items()) if amount}


@pytest.mark.parametrize("mode", ["day", "sale"])
def test_everything_ties_out(client: FlaskClient, db: Db, config: Config, mode: Mode) -> None:
    _send_everything(client, db, config)
    stores = Stores(db, config)
    for store in stores.all():
        list(close_until(db, stores, store, store.local_day(now()), mode))
    proof = check.check(db, stores, "2026-01-01", "2026-12-31")
    assert [row for row in proof.rows if any(row.unexplained.values())] == []
    for currency, sums in proof.books.items():
        for name in ("net_revenue", "shipping", "taxes"):
            assert sums[name] == proof.others[currency][name], (currency, name)
    assert list(verify.problems(db)) == []
    assert _entered(db, store="app") == {
        "1930": "231.00",
        "2620": "-21.60",
        "2890": "-30.00",
        "3002": "-179.40",
    }
    for currency in proof.books:
        found = read(export(db, config, "sie", Filter(currency=currency)).content)
        assert len(found.verifications) == db.accounting_entries.count_documents({"currency": currency})


def test_the_sample_of_karma_by_sale(client: FlaskClient, db: Db, config: Config) -> None:
    secret = add_app(db, config, "app", timezone="Europe/Stockholm")
    client.application.extensions["pos"].stores._read_at = float("-inf")
    App(client, "app", secret).outcome(purchase())
    stores = Stores(db, config)
    list(close_until(db, stores, stores.get("app"), "2026-01-25", "sale"))
    [entry] = db.accounting_entries.find()
    assert entry["reference"] == "KARMA-12345"
    assert _entered(db) == {"1930": "165.00", "2620": "-15.60", "2890": "-20.00", "3002": "-129.40"}
