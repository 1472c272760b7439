"""What is stored and not meant to be shown is shown nowhere: the fields that are shown are a list."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bson import Decimal128
from flask.testing import FlaskClient

from pos_api.cash import apply as cash
from pos_api.catalogue import staff_actions
from pos_api.common.presentation import fields, shown
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.payments.apply import apply, apply_tab
from pos_api.payments.model import PaymentUpdate, TabUpdate, order_key_by_id
from pos_api.staff import audit, users
from pos_api.staff.tokens import Tokens
from pos_api.subscriptions import apply as subscriptions
from tests.cash.sessions import cash_session
from tests.factories import Shop, line, order
from tests.service import pos_api, settings_of
from tests.web.api.test_customer_subscriptions import subscription

CANARY = "canary-7f3a"
NEW = {"field_of_tomorrow": CANARY}


def test_only_the_fields_of_a_shape_are_shown_in_the_documents_order() -> None:
    document = {"b": 1, "x": 2, "a": {"c": 3, "x": 4}, "list": [{"c": 5, "x": 6}, {}], "none": None}
    shape = fields("a_missing_one", "b", a=fields("c"), list=fields("c"), none=fields("c"))
    assert list(shown(document, shape).items()) == [("b", 1), ("a", {"c": 3}), ("list", [{"c": 5}, {}]), ("none", None)]


_FREE_FORM = ("values", "details", "headers")


def with_unknown_fields(value: Any) -> Any:
    """A stored value with an unknown field in each of its documents, at any depth; free-form ones stay."""
    if isinstance(value, dict):
        return {name: each if name in _FREE_FORM else with_unknown_fields(each) for name, each in value.items()} | NEW
    return [with_unknown_fields(each) for each in value] if isinstance(value, list) else value


@pytest.fixture
def filled(shop: Shop, db: Db) -> Db:
    """One of each thing, with fields that nobody has decided to show."""
    staff_actions.add(db, {"sku": "A", "stock": 5}, by="anna")
    address = {"first_name": "Anna", "email": "anna@example.se"}
    refunds = [{"id": 9, "amount": "1.00", "reason": "broken", "line_items": [{"id": 10, "quantity": 1, "sku": "A"}]}]
    taxes = [{"id": 3, "rate_id": 1, "label": "VAT", "tax_total": "1.00"}]
    more: dict[str, Any] = {
        "billing": address,
        "shipping": address,
        "refunds": refunds,
        "tax_lines": taxes,
        "customer_note": "ring",
    }
    more |= {name: [{"id": 4, "total": "1.00"}] for name in ("shipping_lines", "fee_lines")}
    more |= {"coupon_lines": [{"id": 5, "code": "x", "discount": "1.00"}], "total": "25.00"}
    assert shop.outcome("order.created", order(1, line("A", 2), line("B", 1), **more)) == "created"
    shop.send("order.updated", {"id": "x"})
    audit.record(db, "product.price", target="A")
    subscriptions.apply(db, subscription("sub_1"))
    cash.apply_session(db, cash_session("5"))
    kept = ("orders", "customers", "customer_subscriptions", "cash_sessions", "inbox", "products", "stock_movements")
    apply_tab(db, TabUpdate("default", "tab_1", 1, "open"))
    wanted = (order_key_by_id("default", "1"),)
    amount, at = Decimal128("1.00"), now()
    apply(db, PaymentUpdate("default", "p1", 1, "c", at, "completed", amount, "SEK", wanted=wanted, tab="tab_1"))
    for name in (*kept, "payments", "tabs", "audit"):
        assert db[name].count_documents({}), name
        for each in list(db[name].find()):
            db[name].replace_one({"_id": each["_id"]}, with_unknown_fields(each))
    return db


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("/api/webhooks/orders", "default:1"),
        ("/api/webhooks/orders/1", "default:1"),
        ("/api/customers", "anna@example.se"),
        ("/api/customers/anna@example.se", "default:1"),
        ("/api/customers/anna@example.se/export", "default:1"),
        ("/api/cash-sessions", "till-1:5"),
        ("/api/cash-sessions/till-1:5", "till-1:5"),
        ("/api/customer-subscriptions", "sub_1"),
        ("/api/products", "A"),
        ("/api/products/item?sku=A", "A"),
        ("/api/products/movements?sku=A", "order"),
        ("/api/inbox", "parked"),
        ("/api/inbox/{key}", "parked"),
        ("/api/audit", "product.price"),
        ("/api/payments", "default:p1"),
        ("/api/payments/default:p1", "default:p1"),
    ],
)
@pytest.mark.parametrize("role", ["viewer", "admin"])
@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_a_field_that_nobody_has_put_on_the_list_is_shown_nowhere(
    path: str, shows: str, role: str, kind: str, filled: Db, client: FlaskClient, config: Config
) -> None:
    user = users.add(filled, role, "a long password", role)
    headers = {"Authorization": f"Bearer {Tokens(filled, config.jwt_secret).of_log_in(user)[0]}", "Accept": kind}
    parked = filled.inbox.find_one({"state": "parked"})
    assert parked is not None
    answer = client.get(path.format(key=parked["_id"]), headers=headers)
    assert answer.status_code == 200 or (role, answer.status_code) == ("viewer", 403)
    assert CANARY not in answer.text
    assert answer.status_code == 403 or shows in answer.text


def test_the_audit_at_the_command_line_shows_the_same_and_says_where_there_is_more(
    filled: Db, config: Config, tmp_path: Any
) -> None:
    audit.record(filled, "product.price", target="B")
    all_of_it = pos_api("audit", "--json", cwd=tmp_path, **settings_of(config))
    assert CANARY not in all_of_it.stdout
    assert len(list(map(json.loads, all_of_it.stdout.splitlines()))) == filled.audit.count_documents({})
    assert all_of_it.stderr == ""
    newest = pos_api("audit", "--limit", "1", cwd=tmp_path, **settings_of(config))
    assert len(newest.stdout.splitlines()) == 1
    assert "There are older entries" in newest.stderr
