"""The API document: it is valid, its page loads nothing from elsewhere, and the service does what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pos_api.accounting.close import close_until
from pos_api.cash import apply as cash
from pos_api.catalogue import staff_actions
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.registry import SENDERS
from pos_api.staff import token_claims
from pos_api.stores.registry import Stores
from pos_api.subscriptions import apply as subscriptions
from tests.cash.sessions import cash_session
from tests.paths import ROOT, TESTS
from tests.web.api.test_customer_subscriptions import subscription

RECORDINGS = TESTS / "recordings"
KEY = {"X-API-Key": "test-api-key-of-more-than-32-characters"}


@pytest.fixture
def document(client: FlaskClient) -> Any:
    return client.get("/api-docs/openapi.json").json


def test_the_document_is_valid_openapi(document: Any) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_the_document_is_made_once_as_anybody_may_ask_for_it(client: FlaskClient) -> None:
    first = client.get("/api-docs/openapi.json").data
    [rest] = [each["ext_obj"] for each in client.application.extensions["flask-smorest"]["apis"].values()]
    rest.spec.options["x-made"] = "again"
    assert client.get("/api-docs/openapi.json").data == first


@pytest.mark.parametrize("path", ["/api-docs", "/api-docs/"])
def test_the_page_is_there_with_and_without_a_slash(client: FlaskClient, path: str) -> None:
    assert "swagger-ui" in client.get(path, follow_redirects=True).text


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "post", "patch", "put", "delete"):
                yield f"{method.upper()} {path}", operation


def test_every_route_of_the_api_is_in_the_document(app: Flask, document: Any) -> None:
    undocumented = {"static", "docs.page", "api-docs.openapi_json"}
    routes = {
        f"{method} " + re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in undocumented and not rule.endpoint.startswith("dashboard.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {name for name, _ in operations(document)}


def test_every_route_is_in_the_guide(document: Any) -> None:
    guide = (ROOT / "docs" / "api.md").read_text()
    of_senders = {f"POST {path}" for sender in SENDERS.values() for path in sender.paths}  # they are in docs/senders.md
    assert {name for name, _ in operations(document)} - of_senders == set(
        re.findall(r"^### ([A-Z]+ /.*)$", guide, re.MULTILINE)
    )


def test_every_operation_says_what_it_does_who_may_and_how_it_fails(document: Any) -> None:
    open_to_all = {"POST /api/auth/login", "GET /healthz", "GET /readyz", "GET /metrics"}
    for name, operation in operations(document):
        assert operation["summary"], name
        if name not in open_to_all:
            assert operation["security"], name
            assert {"401", "429", "503"} <= operation["responses"].keys(), name


def test_what_a_route_takes_and_gives_has_examples(document: Any) -> None:
    missing = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, kind in schema.get("properties", {}).items()
        if not {"example", "examples", "enum", "$ref", "items", "description", "allOf", "anyOf", "oneOf"} & kind.keys()
    ]
    assert missing == []


def test_the_page_loads_from_here_only_and_allows_nothing_inline(client: FlaskClient) -> None:
    page = client.get("/api-docs")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) >= 4
    for address in loaded:
        assert address.startswith("/")
        with client.get(address) as reply:
            assert reply.status_code == 200
    assert not re.search(r"<script>|<style|\son\w+=|style=", page.text)


def test_authorize_offers_key_and_token(document: Any) -> None:
    schemes = document["components"]["securitySchemes"]
    assert (schemes["ApiKeyAuth"]["name"], schemes["ApiKeyAuth"]["in"]) == ("X-API-Key", "header")
    assert (schemes["BearerAuth"]["type"], schemes["BearerAuth"]["scheme"]) == ("http", "bearer")


# --- schemathesis -----------------------------------------------------------------------------------------------


@pytest.fixture
def api(app: Flask, client: FlaskClient, db: Db) -> Any:
    """The service with something in it, as schemathesis reads it."""
    order = {"id": 7, "status": "processing", "total": "9.00", "line_items": [{"id": 1, "sku": "A", "quantity": 1}]}
    staff_actions.add(db, {"sku": "A", "stock": 3, "low_stock_threshold": 5}, by="anna")
    assert client.post("/api/webhooks/orders", json={"event": "order.created", "data": order}, headers=KEY).json
    client.post("/api/webhooks/orders", json={"event": "order.created", "data": {"id": "x"}}, headers=KEY)
    return schemathesis.openapi.from_wsgi("/api-docs/openapi.json", app)


def app_stores(client: FlaskClient) -> Stores:
    stores: Stores = client.application.extensions["pos"].stores
    return stores


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FUZZ = settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def test_real_orders_are_as_the_document_says(api: Any, client: FlaskClient, config: Config, db: Db) -> None:
    """What a fuzzer does not make up: the recorded shops' orders, customers, movements and events."""
    for path in sorted(RECORDINGS.glob("*.json")):
        for step in json.loads(path.read_text())["steps"]:
            for delivery in step["deliveries"]:
                headers = {name: value for name, value in delivery["headers"].items() if "Signature" not in name}
                client.post("/api/webhooks/orders", data=delivery["body"], headers={**headers, **KEY})
    token, _ = token_claims.token(config.jwt_secret, "reader", "admin")

    def holds(path: str, path_parameters: Any = None, query: Any = None, **headers: str) -> None:
        case = api[path]["GET"].Case(path_parameters=path_parameters or {}, query=query or {})
        reply = case.call(headers={"Authorization": f"Bearer {token}", **headers})
        assert reply.status_code == 200, reply.text
        case.validate_response(reply, checks=CHECKS)

    orders = [order["_id"] for order in db.orders.find()]
    assert len(orders) > 10
    for order in orders:
        holds("/api/webhooks/orders/{order}", {"order": order})
    for customer in db.customers.find():
        holds("/api/customers/{customer}", {"customer": customer["_id"]})
    for product in db.products.find():
        holds("/api/products/movements", None, {"sku": product["sku"]})
    for event in db.inbox.find().limit(20):
        holds("/api/inbox/{key}", {"key": event["_id"]})
    subscriptions.apply(db, subscription("sub_1"))
    cash.apply_session(db, cash_session("5"))
    cash.apply_session(db, cash_session("6", opened_at=None))
    holds("/api/cash-sessions/{session}", {"session": "till-1:5"})
    for route in (
        "/api/webhooks/orders",
        "/api/customers",
        "/api/cash-sessions",
        "/api/customer-subscriptions",
        "/api/products",
        "/api/inbox",
    ):
        holds(route, None, {"limit": 200})
    holds("/api/webhooks/orders/stats", None, {"from": "2026-11-01", "to": "2026-11-30"})
    holds("/api/webhooks/health", **KEY)
    store = app_stores(client).get("default")
    list(close_until(db, app_stores(client), store, "2026-11-22", "day"))
    days = {"from": "2026-11-22", "to": "2026-11-22"}
    for route, query in (
        ("accounts", {}),
        ("entries", {"limit": 200}),
        ("refused", {}),
        ("z-report", {"store": "default", "day": "2026-11-22"}),
        ("check", days),
        ("export", {"format": "csv"}),
        ("exports", {}),
    ):
        holds(f"/api/accounting/{route}", None, query)
    for entry in db.accounting_entries.find():
        holds("/api/accounting/entries/{entry}", {"entry": entry["_id"]})
        holds("/api/accounting/entries/{entry}/sources", {"entry": entry["_id"]})


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_input_gets_a_5xx_or_an_undocumented_reply(api: Any, config: Config, mode: GenerationMode) -> None:
    token, _ = token_claims.token(config.jwt_secret, "fuzz", "admin")
    headers = {"Authorization": f"Bearer {token}", **KEY}
    failures = []
    for result in api.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @FUZZ
        def holds(case: Case[Any]) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        try:
            holds()
        except Unsatisfiable:
            assert mode.is_negative, operation.label  # a route without input has no wrong input
        except (AssertionError, FailureGroup) as error:
            failures.append(f"{operation.label}: {error}")
    assert not failures, "\n\n".join(failures)
