"""Hostile requests of every kind, to every route of the real server: each gets an answer that is no fault of the
service, its memory does not grow, and everything it keeps can still be explained.

HOSTILE_REQUESTS sets how many are sent (a tenth of them as broken HTTP).
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.staff import token_claims
from pos_api.staff.users import ROLES
from tests.factories import API_KEY, PATH, native_headers
from tests.paths import TESTS
from tests.service import POS_API, Service, environment, pos_api, running

REQUESTS = int(os.environ.get("HOSTILE_REQUESTS", "1000"))
MEMORY = 50 * 1024 * 1024
WARM_UP = max(REQUESTS // 5, 200)

# --- what is sent ------------------------------------------------------------------------------------------------

TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\r\nSet-Cookie: a=b",
    "../../../../etc/passwd",
    "%00%0a",
    "'; drop table orders; --",
    '{"$gt": ""}',
    "$where",
    "a.b.$c",
    "{{7*7}}${7*7}",
    "<script>alert(1)</script>",
    "=cmd|'/C calc'!A0",
    "\u202egnp.exe",
    "\x1b]0;owned\x07",
    "²",
    "١٢٣",
    "1e400",
    "-0",
    "9" * 400,
    "9223372036854775808",
    "0x7fffffff",
    "NaN",
    "Infinity",
    "9998-12-31T23:59:59",
    "0000-00-00T00:00:00",
    "2026-11-22T06:51:40+99:99",
    "W251bGwsbnVsbF0",
    "x" * 5000,
    "ß" * 3000,
    "wo rt " * 4000,
    "a@" + "b" * 912 + ".example",
]
NUMBERS = [0, -1, -0.0, 1e308, 5e-324, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, 0.1]

texts = st.sampled_from(TEXTS) | st.text(max_size=40)
scalars = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.integers() | st.floats(allow_nan=False) | texts
keys = st.sampled_from(["$gt", "$where", "_id", "a.b", "", "__proto__", "id", "meta_data", "line_items"]) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5), max_leaves=12
)
FRAGMENTS = [b"NaN", b"1e999", b'"\\ud800"', b'{"id":1,"id":2}', b"[" * 3000, b'{"a":' * 2000, b"9" * 5000, b"\xff\xfe"]
"""JSON, or nearly, that `json.dumps` does not write."""


class Message(NamedTuple):
    """A request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


EVENTS = [
    *("order.created", "order.updated", "order.deleted", "order.restored", "order.refunded", "refund.created"),
    *("product.created", "product.updated", "product.deleted", "product.restored", "customer.created"),
    *("customer.updated", "customer.deleted", "customer.erased", "action.woocommerce_ping", "order", "."),
]
CONTENT_TYPES = ["application/json", "text/csv", "multipart/form-data", "application/json; charset=utf-7", "x"]


def recorded_bodies() -> list[Any]:
    """What a real WooCommerce sent."""
    bodies = []
    for path in sorted((TESTS / "recordings").glob("*.json")):
        for step in json.loads(path.read_text())["steps"]:
            bodies += [json.loads(each["body"]) for each in step.get("deliveries", []) if each["body"].startswith("{")]
    return bodies


BODIES = recorded_bodies()


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of `node` with each of its keys."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield node, key
        yield from places(value)


@st.composite
def garbled_bodies(draw: st.DrawFn) -> bytes:
    """A real body in which some values are replaced, some fields put in that are not theirs."""
    body = json.loads(json.dumps(draw(st.sampled_from(BODIES))))
    for _ in range(draw(st.integers(1, 5))):
        container, key = draw(st.sampled_from(list(places(body)) or [(body, "id")]))
        container[key] = draw(values)
        if isinstance(container, dict) and draw(st.booleans()):
            container[draw(keys)] = draw(values)
    envelope = {"event": draw(st.sampled_from(EVENTS)), "data": body, draw(keys): draw(values)}
    text = json.dumps(envelope if draw(st.booleans()) else body).encode()
    if draw(st.integers(0, 9)) == 0:
        position = draw(st.integers(0, len(text)))
        text = text[:position] + draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=20)) + text[position:]
    return text


@st.composite
def deliveries(draw: st.DrawFn) -> Message:
    """A webhook whose signature is right, so that it goes all the way."""
    body = draw(garbled_bodies() | values.map(lambda value: json.dumps(value).encode()))
    native = native_headers(draw(st.sampled_from(EVENTS)), body)
    own = {"X-API-Key": API_KEY, "Content-Type": draw(st.sampled_from(CONTENT_TYPES))}
    return Message("POST", PATH, draw(st.sampled_from([native, own])), body)


class Targets(NamedTuple):
    """Where to send: the routes of the service, what they can be asked, and who may ask."""

    routes: list[str]
    parameters: list[str]
    fields: list[str]
    tokens: list[str]


@st.composite
def calls(draw: st.DrawFn, targets: Targets) -> Message:
    """Any method on any route, as anybody."""
    path = "".join(
        quote(draw(ids), safe="") if part.startswith("{") else part
        for part in split_rule(draw(st.sampled_from(targets.routes)))
    )
    query = draw(st.dictionaries(st.sampled_from(targets.parameters) | texts, texts | ids, max_size=4))
    target = path + ("?" + urlencode(query, errors="surrogatepass") if query else "")
    who = draw(st.sampled_from([*(f"Bearer {each}" for each in targets.tokens), "Bearer x.y.z", "Basic Og==", ""]))
    headers = {"Content-Type": draw(st.sampled_from(CONTENT_TYPES)), **({"Authorization": who} if who else {})}
    if draw(st.integers(0, 4)) == 0:
        headers["X-API-Key"] = draw(st.sampled_from([API_KEY, "x", ""]))
    method = draw(st.sampled_from(["GET", "GET", "GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE"]))
    fields = st.dictionaries(st.sampled_from(targets.fields), values | ids, max_size=6)
    body = b"" if method in ("GET", "HEAD") else draw(bodies | fields.map(lambda each: json.dumps(each).encode()))
    return Message(method, target, headers, body)


ids = texts.filter(bool) | st.sampled_from(["default:15", "default:24", "default", "TS-BLU", "MUG-1", "1", "-1"])
bodies = values.map(lambda value: json.dumps(value).encode()) | st.sampled_from(FRAGMENTS) | st.binary(max_size=200)


def split_rule(rule: str) -> list[str]:
    """The parts of a path, those to fill in (`{id}`) apart."""
    return [part for part in re.split(r"(\{[^}]+\})", rule) if part]


BROKEN = [
    b"GET",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /api/webhooks/orders HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/webhooks/orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"H%d: v\r\n" % number for number in range(2000)) + b"\r\n",
    b"GET /" + b"a" * 50_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/orders HTTP/1.1\r\nHost: a\r\nX-API-Key: a\0b\r\n\r\n",
    b"GET //evil.example/api-docs/.. HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


# --- what comes back ---------------------------------------------------------------------------------------------


class Attack:
    """Sends requests to a service, and keeps what is wrong with the answers."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._session = requests.Session()
        self.statuses: Counter[int] = Counter()
        self.faults: list[tuple[Message | bytes, int, str]] = []

    def send(self, message: Message) -> None:
        """Send it, whole; an answer must come, and say whose fault it is."""
        prepared = requests.Request(message.method, self._service.url, message.headers, data=message.body).prepare()
        prepared.url = self._service.url + message.target
        answer = self._session.send(prepared, timeout=30, allow_redirects=False)
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500 or not self._readable(message, answer):
            self.faults.append((message, answer.status_code, answer.text[:500]))

    def _readable(self, message: Message, answer: requests.Response) -> bool:
        """Whether an error is a JSON object, and not larger than a person can read."""
        if answer.status_code < 400 or message.method == "HEAD":
            return True
        with suppress(ValueError):
            return isinstance(answer.json(), dict) and len(answer.content) < 20_000
        return False

    def send_raw(self, said: bytes) -> None:
        """Send these bytes, and read what comes until the service closes or answers."""
        parts = urlsplit(self._service.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), 20) as connection, suppress(OSError):
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(200)
            if answer.startswith(b"HTTP/1.1 5") and b" 505 " not in answer[:20] and b" 501 " not in answer[:20]:
                self.faults.append((said, int(answer[9:12]), answer.decode("latin-1")))


def memory(service: Service) -> int:
    """What all processes of the service keep in memory, in bytes."""
    pids = {service.process.pid, *service.processes()}
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def targets(service: Service, config: Config) -> Targets:
    document = requests.get(f"{service.url}/api-docs/openapi.json", timeout=30).json()
    operations = [each for methods in document["paths"].values() for each in methods.values() if isinstance(each, dict)]
    named = {each["name"] for operation in operations for each in operation.get("parameters", []) if "name" in each}
    fields = {name for schema in document["components"]["schemas"].values() for name in schema.get("properties", {})}
    tokens = [token_claims.token(config.jwt_secret, f"{role}-1", role)[0] for role in ROLES]
    routes = [*sorted(document["paths"]), "/", "/api-docs", "/api/{id}", "/{id}"]
    return Targets(routes, sorted(named), sorted(fields), tokens)


@pytest.fixture
def service(config: Config, db: Db, tmp_path: Path) -> Iterator[Service]:
    with running([*POS_API, "serve"], tmp_path, environment(**_settings(config), HOST="127.0.0.1")) as service:
        yield service


def _settings(config: Config) -> dict[str, str]:
    return {
        "MONGODB_URI": config.mongodb_uri or "",
        "WEBHOOK_API_KEY": API_KEY,
        "WEBHOOK_SECRET": config.webhook_secret,
        "JWT_SECRET": config.jwt_secret,
        "SECRETS_KEYS": ",".join(config.secrets_keys),
        "WEB_PROCESSES": "1",
        "LOG_LEVEL": "ERROR",
    }


def test_hostile_requests_do_no_harm(service: Service, targets: Targets, config: Config, tmp_path: Path) -> None:
    attack = Attack(service)
    quiet = settings(
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )

    def send(count: int) -> None:
        @settings(quiet, max_examples=count)
        @given(deliveries() | calls(targets))
        def each(message: Message) -> None:
            attack.send(message)

        each()
        for number in range(count // 10):
            attack.send_raw(random.Random(number).choice(BROKEN))

    send(WARM_UP)
    before = memory(service)
    send(REQUESTS)
    grown = memory(service) - before
    assert not attack.faults, (len(attack.faults), attack.faults[:3])
    assert grown < MEMORY, f"{grown / 1024 / 1024:.0f} MiB more"
    assert service.health() == 200
    assert len(attack.statuses) > 5, attack.statuses  # not all were turned away at the door
    verified = pos_api("verify", cwd=tmp_path, **_settings(config))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    print(f"{sum(attack.statuses.values())} requests, {grown / 1024 / 1024:.0f} MiB more: {dict(attack.statuses)}")
