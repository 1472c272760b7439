"""Inputs made after public bug reports (tests/reports/*.json): each is played against a fresh store, and all that it
expects must come true. `scripts/reports` runs this alone.

A file says which report it is made after, what hurt, and why the expected values are right. Its steps are played in
order; a step does one thing and may `expect` something:

* `{"product": …}`: staff make a product;
* `{"native": topic, "body": …}`: a webhook of WooCommerce's own; `raw` has the body as text
  instead, `headers` more headers;
  `{now}` in either is the time as WooCommerce writes it, for what must come after an earlier step;
* `{"envelope": event, "data": …, …}`: the plugin's envelope, with the members that are there;
* `{"get": path}`: staff look.

`expect` may have `status`, `outcome`, `warnings`, `warning_names` (texts that one of the warnings has, all of them),
`stock` by SKU, `order` (fields by order id), and `json` (fields of the answer). A field is named by its path with dots;
a number is a place in a list, `#` its length.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.staff import token_claims
from tests.factories import Shop, native_headers
from tests.paths import TESTS

_FILES = sorted((TESTS / "reports").glob("*.json"))


class _Player:
    """Plays the steps of a report, as a shop and as staff."""

    def __init__(self, client: FlaskClient, config: Config) -> None:
        token, _ = token_claims.token(config.jwt_secret, "me", "admin")
        self._client = client
        self._shop = Shop(client)
        self._staff = {"Authorization": f"Bearer {token}"}

    def play(self, step: dict[str, Any]) -> list[str]:
        """Do one step; returns what is not as expected."""
        answer = self._do(step)
        expected = step.get("expect", {})
        seen = list(self._compare(answer, expected))
        return [f"{what}: expected {wanted!r}, got {got!r}" for what, wanted, got in seen if wanted != got]

    def _do(self, step: dict[str, Any]) -> TestResponse:
        if "product" in step:
            return self._client.post("/api/products", json=step["product"], headers=self._staff)
        if "native" in step:
            text = step["raw"] if "raw" in step else json.dumps(step["body"])
            body = text.replace("{now}", now().strftime("%Y-%m-%dT%H:%M:%S")).encode()
            return self._shop.post(body, native_headers(step["native"], body) | step.get("headers", {}))
        if "envelope" in step:
            more = {name: value for name, value in step.items() if name not in ("envelope", "data", "expect", "note")}
            return self._shop.send(step["envelope"], step["data"], **more)
        return self._get(step["get"])

    def _get(self, path: str) -> TestResponse:
        return self._client.get(path, headers=self._staff)

    def _compare(self, answer: TestResponse, expected: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """Each thing that is expected: what it is, and how it should be and is."""
        body = answer.get_json()
        if "status" in expected:
            yield "status", expected["status"], answer.status_code
        for name in ("outcome", "warnings"):
            if name in expected:
                yield name, expected[name], _at(body, f"data.{name}")
        if names := expected.get("warning_names"):
            warnings = _at(body, "data.warnings")
            named = any(all(name in warning for name in names) for warning in warnings)
            yield f"a warning that names {names}", True, named or warnings
        for sku, stock in expected.get("stock", {}).items():
            product = self._get(f"/api/products/item?sku={quote(sku, safe='')}").get_json()
            yield f"stock of {sku}", stock, _at(product, "data.stock")
        for number, fields in expected.get("order", {}).items():
            order = self._get(f"/api/webhooks/orders/{number}").get_json()
            for path, value in fields.items():
                yield f"order {number}, {path}", value, _at(order, f"data.{path}")
        for path, value in expected.get("json", {}).items():
            yield path, value, _at(body, path)


def _at(value: Any, path: str) -> Any:
    """What is at this path; None where there is nothing."""
    for name in path.split("."):
        if name == "#":
            value = len(value)
        elif isinstance(value, list):
            value = value[int(name)] if int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


@pytest.mark.parametrize("path", _FILES, ids=[path.stem for path in _FILES])
def test_report(client: FlaskClient, config: Config, path: Path) -> None:
    player = _Player(client, config)
    for number, step in enumerate(json.loads(path.read_text())["steps"], 1):
        failures = player.play(step)
        assert not failures, f"step {number}: " + "; ".join(failures)


def test_every_report_says_where_it_is_from_and_what_is_right() -> None:
    assert len(_FILES) >= 18
    for path in _FILES:
        case = json.loads(path.read_text())
        assert case["report"], path.name
        assert case["why"], path.name
        assert any("expect" in step for step in case["steps"]), path.name
