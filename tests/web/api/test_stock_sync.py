"""Stock sync over HTTP: who may switch it, what is answered where the two sides differ, and how it fares."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.catalogue import staff_actions
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.woocommerce import connection
from pos_api.staff import token_claims
from pos_api.stock.store_sync import is_on
from tests.factories import stock_of
from tests.fake_shop import KEY, SECRET, FakeShop, product
from tests.senders.woocommerce.test_stock_reconcile import known

PATH = "/api/stores/default/stock-sync"


@pytest.fixture
def shop(fake: FakeShop, db: Db, config: Config) -> FakeShop:
    """A connected shop that has ten mugs, of which nine are here."""
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    fake.products[1] = product(1, "MUG", 10)
    known(db, config, "product.created", fake.products[1])
    staff_actions.adjust(db, "MUG", -1, reason="sold", by="ann")
    return fake


@pytest.fixture
def call(client: FlaskClient, config: Config) -> Any:
    def call(method: str, path: str = PATH, role: str = "manager", *, csv: bool = False, **body: Any) -> Any:
        token, _ = token_claims.token(config.jwt_secret, "anna", role)
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/csv" if csv else "application/json"}
        return client.open(path, method=method, headers=headers, json=body or None)

    return call


def test_where_the_two_differ_it_is_409_with_what_differs_and_then_made_equal(
    shop: FakeShop, call: Any, db: Db
) -> None:
    refused = call("PUT", on=True)
    assert refused.status_code == 409
    (difference,) = refused.json["error"]["details"]["differences"]
    cause = "counted, sold or adjusted here: -1"
    assert difference == {
        "sku": "MUG",
        "product": "MUG",
        "name": "Product 1",
        "here": 9,
        "shop": 10,
        "difference": -1,
        "on_the_way": 0,
        "held_by_pending": 0,
        "cause": cause,
    }
    assert not is_on(db, "default")
    done = call("PUT", on=True, **{"from": "shop"}).json["data"]
    assert (done["on"], done["compared"], done["left"], stock_of(db)) == (True, 1, [], {"MUG": 10})
    assert [(each["sku"], each["result"]) for each in done["aligned"]] == [("MUG", "aligned")]
    assert done["aligned_at"]


def test_each_sku_may_have_its_own_side(shop: FakeShop, call: Any, db: Db) -> None:
    done = call("PUT", on=True, from_by_sku={"MUG": "pos"}).json["data"]
    assert (done["aligned"][0]["result"], done["waiting"]["movements"]) == ("sent", 1)
    off = call("PUT", on=False).json["data"]
    assert (off["on"], off["not_sent"], off["waiting"]["movements"]) == (False, 1, 0)


def test_the_differences_are_a_csv_file_too(shop: FakeShop, call: Any, db: Db) -> None:
    differences = f"{PATH}/differences"
    assert [each["sku"] for each in call("GET", differences).json["data"]] == ["MUG"]
    file = call("GET", differences, csv=True)
    assert file.text.splitlines()[1] == "MUG,Product 1,9,10,0,0,-1,"
    assert db.audit.count_documents({"action": "stock.exported", "target": "default"}) == 1


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("viewer", "GET", PATH, 200),
        ("viewer", "PUT", PATH, 403),
        ("viewer", "GET", f"{PATH}/differences", 403),
        ("manager", "GET", PATH.replace("default", "none"), 404),
        ("manager", "PUT", PATH.replace("default", "none"), 404),
    ],
)
def test_viewers_see_and_managers_switch(
    role: str, method: str, path: str, status: int, call: Any, db: Db, config: Config
) -> None:
    assert call(method, path, role, **({"on": False} if method == "PUT" else {})).status_code == status


@pytest.mark.parametrize(
    "body", [{}, {"on": True, "from": "till"}, {"on": False, "from": "pos"}, {"on": True, "from_by_sku": {"A": "x"}}]
)
def test_what_can_not_be_switched_is_refused(body: dict[str, Any], call: Any) -> None:
    assert call("PUT", **(body or {"off": True})).status_code == 422


def test_a_shop_that_is_not_connected_or_does_not_answer_is_said(
    call: Any, fake: FakeShop, db: Db, config: Config
) -> None:
    assert call("PUT", on=True).status_code == 404
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    fake.plugin = ""
    answer = call("PUT", on=True)
    assert (answer.status_code, "older than 1.1" in answer.json["error"]["message"]) == (502, True)


def test_how_it_fares_is_shown(call: Any, db: Db, config: Config) -> None:
    known(db, config, "product.created", product(1, "MUG", 10))
    failed = now() - timedelta(minutes=1)
    state = {"_id": "default", "on": True, "failures": 3, "last_error": "No.", "last_error_at": failed}
    db.stock_sync.insert_one({**state, "next_attempt_at": now(), "plugin": "1.1.0", "off_because": "Restored."})
    refusal = {"store": "default", "product": "MUG", "outcome": "refused", "message": "Whole units only.", "seq": 2}
    db.stock_refusals.insert_one({**refusal, "_id": "default:MUG", "at": now()})
    shown = call("GET", role="viewer").json["data"]
    assert (shown["last_error"]["message"], shown["failures"], shown["since"]) == ("No.", 3, None)
    assert [(each["sku"], each["message"]) for each in shown["refused"]] == [("MUG", "Whole units only.")]
    assert set(shown) == {
        *("store", "on", "since", "aligned_at", "off_because", "waiting", "refused", "last_applied_at"),
        *("last_error", "failures", "next_attempt_at", "plugin"),
    }


def test_the_ledger_is_a_csv_file_with_what_became_of_each_movement(shop: FakeShop, call: Any, db: Db) -> None:
    mark = {"store": "default", "outcome": "refused", "at": now(), "message": "Whole units only."}
    db.stock_movements.update_one({"seq": 2}, {"$set": {"sent": [mark], "unsent": [{"store": "north"}]}})
    file = call("GET", "/api/products/movements?sku=MUG", "viewer", csv=True).text.splitlines()
    assert file[0].endswith("note,oversold,stores")
    assert [line.split(",")[0] for line in file[1:]] == ["2", "1"]
    assert file[1].endswith(",ann,,,,default refused: Whole units only.; north waiting")
    assert db.audit.count_documents({"action": "stock.exported", "target": "MUG"}) == 1
    assert call("GET", "/api/products/movements?sku=none", "viewer", csv=True).status_code == 404
