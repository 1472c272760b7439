"""What only the real web server sees: bodies without a length, lengths without a body, bytes that are no text."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.web.server.wsgi_gateway import environ
from tests.factories import API_KEY, PATH, native_headers
from tests.service import POS_API, Service, environment, running


@pytest.fixture
def service(config: Config, db: Db, tmp_path: Path) -> Iterator[Service]:
    env = environment(
        MONGODB_URI=config.mongodb_uri or "",
        WEBHOOK_API_KEY=API_KEY,
        JWT_SECRET=config.jwt_secret,
        HOST="127.0.0.1",
    )
    with running([*POS_API, "serve"], tmp_path, env) as service:
        yield service


@pytest.fixture
def address(service: Service) -> tuple[str, int]:
    parts = urlsplit(service.url)
    return parts.hostname or "", parts.port or 0


def talk(address: tuple[str, int], head: str | bytes, *body: bytes, path: str = PATH) -> bytes:
    """Post bytes as they are, and no more; returns the reply, as far as there is one before the connection ends."""
    start = f"POST {path} HTTP/1.1\r\nHost: pos\r\nConnection: close\r\nContent-Type: application/json\r\n".encode()
    return say(address, start + (head.encode() if isinstance(head, str) else head) + b"\r\n\r\n", *body)


def say(address: tuple[str, int], *parts: bytes) -> bytes:
    with socket.create_connection(address, timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it had heard enough
        reply = b""
        try:
            while data := connection.recv(65536):
                reply += data
        except ConnectionResetError:
            pass
    return reply


def chunks(body: bytes, size: int = 65_536) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        part = body[start : start + size]
        yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def envelope(size: int = 0) -> bytes:
    return json.dumps({"event": "order.created", "data": {"id": 1, "customer_note": "x" * size}}).encode()


def test_bodies_and_headers_of_every_kind(address: tuple[str, int], db: Db) -> None:
    key = f"X-API-Key: {API_KEY}"
    chunked = f"{key}\r\nTransfer-Encoding: chunked"
    assert b" 200 " in talk(address, chunked, *chunks(envelope(1000))).split(b"\r\n")[0]
    reply = talk(address, chunked, *chunks(envelope(3 * 2**20)))
    assert b" 413 " in reply.split(b"\r\n")[0], reply
    assert b"payload_too_large" in reply
    assert b" 413 " in talk(address, f"{key}\r\nContent-Length: {3 * 2**20}", b"x").split(b"\r\n")[0]
    assert b" 413 " in talk(address, f"{key}\r\nContent-Length: {10**18}").split(b"\r\n")[0]
    for head in (
        f"{key}\r\nContent-Length: -1",
        f"{key}\r\nContent-Length: x",
        f"{key}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
        b"X-API-Key: \xff\xfe\r\nContent-Length: 2",
        b"X-API-Key: a\0b\r\nContent-Length: 2",
        f"{key}\r\nX-WC-Webhook-Topic: {'x' * 100_000}\r\nContent-Length: 2",
    ):
        status = talk(address, head, b"{}").split(b"\r\n")[0]
        assert b" 4" in status, (head[:60], status)
    odd = key.encode() + b"\r\nX-WC-Webhook-Topic: order.cr\xe9\xff\xc3\x28ated\r\nContent-Length: 8"
    assert b" 200 " in talk(address, odd, b'{"id":3}').split(b"\r\n")[0]
    assert db.inbox.count_documents({"state": "done"}) == 2
    assert db.inbox.count_documents({"state": "parked"}) == 3  # the traces of those over the limit
    assert b" 200 " in talk(address, f"{key}\r\nContent-Length: {len(envelope())}", envelope()).split(b"\r\n")[0]


CUT_OR_MALFORMED = {
    "a size that is no number": ("Transfer-Encoding: chunked", b"ZZ\r\n"),
    "an empty size": ("Transfer-Encoding: chunked", b"\r\n{}\r\n"),
    "a size below zero": ("Transfer-Encoding: chunked", b"-1\r\n{}\r\n"),
    "a chunk longer than its size": ("Transfer-Encoding: chunked", b"2\r\n{}XX0\r\n\r\n"),
    "no last chunk": ("Transfer-Encoding: chunked", b"2\r\n{}\r\n"),
    "less than its length": ("Content-Length: 500", b'{"event":'),
    "less, but JSON": ("Content-Length: 500", b'{"event":"order.created","data":{"id":1}}'),
    "nothing of its length": ("Content-Length: 500", b""),
}


def test_a_body_that_does_not_arrive_whole_is_400_to_anybody_and_nothing_is_kept(
    service: Service, address: tuple[str, int], db: Db
) -> None:
    signed = native_headers("order.created", b'{"event":')
    native = "".join(f"{name}: {value}\r\n" for name, value in signed.items() if name != "Content-Type")
    for name, (head, body) in CUT_OR_MALFORMED.items():
        for path, more in (
            (PATH, ""),
            (PATH, f"X-API-Key: {API_KEY}\r\n"),
            (PATH, native),
            ("/api/auth/login", ""),
        ):
            headers, _, content = talk(address, more + head, body, path=path).partition(b"\r\n\r\n")
            assert headers.startswith(b"HTTP/1.1 400 "), (name, path, headers)
            assert json.loads(content)["error"]["code"] == "bad_request"
    assert "Traceback" not in service.said()
    assert db.inbox.count_documents({}) == 0


def test_a_body_over_the_limit_is_answered_the_same_however_it_is_sent(address: tuple[str, int]) -> None:
    body = envelope(3 * 2**20)
    for head, parts in ((f"Content-Length: {len(body)}", iter([body])), ("Transfer-Encoding: chunked", chunks(body))):
        _, _, content = talk(address, f"X-API-Key: {API_KEY}\r\n{head}", *parts).partition(b"\r\n\r\n")
        error = json.loads(content)["error"]
        assert error["code"] == "payload_too_large"
        assert f"{len(body):,} bytes" in error["message"]
        assert error["details"]["event_key"]


UNREADABLE = {
    "no request line": (b"NONSENSE\r\n\r\n", 400, "bad_request"),
    "no version": (b"GET / HTTP/x\r\n\r\n", 400, "bad_request"),
    "no header": (b"GET / HTTP/1.1\r\nHost pos secret-key\r\n\r\n", 400, "bad_request"),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "bad_request"),
    "a long path": (b"GET /%s HTTP/1.1\r\n\r\n" % (b"x" * 8200), 414, "uri_too_long"),
    "another expectation": (b"GET / HTTP/1.1\r\nExpect: cake\r\n\r\n", 417, "expectation_failed"),
    "a long header": (b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % (b"x" * 9000), 431, "headers_too_large"),
    "a tunnel": (b"CONNECT pos:443 HTTP/1.1\r\n\r\n", 405, "method_not_allowed"),
    "many headers": (b"GET / HTTP/1.1\r\n%s\r\n" % (b"A: b\r\n" * 101), 431, "headers_too_large"),
    "a large head": (b"GET / HTTP/1.1\r\n" + b"A: %s\r\n" % (b"x" * 8000) * 9, 431, "headers_too_large"),
    "another coding": (b"POST / HTTP/1.1\r\nTransfer-Encoding: cake\r\n\r\n", 501, "not_implemented"),
}


def test_what_is_no_request_is_answered_in_the_one_error_shape(service: Service, address: tuple[str, int]) -> None:
    for name, (request, status, code) in UNREADABLE.items():
        headers, _, content = say(address, request).partition(b"\r\n\r\n")
        assert headers.startswith(b"HTTP/1.1 %d " % status), (name, headers)
        assert b"\r\nContent-Type: application/json\r\n" in headers
        reply = json.loads(content)
        assert (reply["success"], reply["error"]["code"]) == (False, code), name
        assert reply["error"]["message"]
        assert f"request_id={reply['request_id']}" in service.said()
    assert "Traceback" not in service.said()
    assert "secret-key" not in service.said()


ORDER = b'{"event":"order.created","data":{"id":9}}'


def test_requests_of_unusual_form_are_understood(address: tuple[str, int]) -> None:
    key = f"X-API-Key: {API_KEY}\r\nContent-Type: application/json\r\nContent-Length: {len(ORDER)}\r\n"
    post = f"POST {PATH} HTTP/1.1\r\nHost: pos\r\n{key}".encode()
    offered = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n\r\n"
    assert b'"outcome":"created"' in say(address, post + offered + ORDER), "as Java's client offers HTTP/2"
    two = say(address, post + b"\r\n" + ORDER + post + b"Connection: close\r\n\r\n" + ORDER)
    assert two.count(b"HTTP/1.1 200 ") == two.count(b'"outcome":"duplicate"') == 2, "one behind the other"
    assert say(address, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    head, _, body = say(address, b"HEAD /healthz HTTP/1.1\r\nHost: pos\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b""
    with socket.create_connection(address, timeout=20) as careful:
        careful.sendall(post + b"Expect: 100-continue\r\n\r\n")
        assert careful.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        careful.sendall(ORDER)
        answers = careful.makefile("rb")
        assert answers.readline().startswith(b"HTTP/1.1 200 ")
        assert any(line.startswith(b"{") for line in answers)
        careful.sendall(post + b"\r\n" + ORDER)
        assert answers.readline().startswith(b"HTTP/1.1 200 "), "on the same connection"


def test_no_field_after_a_body_counts_as_a_header(address: tuple[str, int]) -> None:
    """A reverse proxy may pass such fields on (trailers) without a look: X-Forwarded-For would come from the sender."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: pos\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    body = b"%x\r\n%s\r\n0\r\n" % (len(ORDER), ORDER)
    trailers = f"X-API-Key: {API_KEY}\r\nX-WC-Webhook-Topic: order.deleted\r\n\r\n".encode()
    keyed = head.encode() + f"X-API-Key: {API_KEY}\r\nConnection: close\r\n\r\n".encode() + body + b"\r\n"
    first, second = say(address, head.encode() + b"\r\n" + body + trailers + keyed).split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"401 ")
    assert second.startswith(b"200 "), "on the same connection"


def test_headers_of_a_proxy_are_not_believed_where_there_is_none(address: tuple[str, int]) -> None:
    for header in ("SCRIPT_NAME: /api", "Script-Name: /api", "PATH_INFO: /healthz", "X_Forwarded_For: 192.0.2.1"):
        reply = say(address, f"GET /api/webhooks/health HTTP/1.1\r\nHost: pos\r\n{header}\r\n\r\n".encode())
        assert reply.startswith(b"HTTP/1.1 200 "), header
    hidden = say(address, f"GET /api/webhooks/health HTTP/1.1\r\nHost: pos\r\nX_API_Key: {API_KEY}\r\n\r\n".encode())
    assert b'"store"' not in hidden, "a name with _ is not the one with -"
    replies = []
    for number in range(61):
        forwarded = (
            f"X-Forwarded-For: 192.0.2.{number}\r\nX-Real-IP: 192.0.2.{number}\r\nForwarded: for=192.0.2.{number}"
        )
        replies.append(say(address, f"GET /api/auth/me HTTP/1.1\r\nHost: pos\r\n{forwarded}\r\n\r\n".encode())[:12])
    assert set(replies) == {b"HTTP/1.1 401", b"HTTP/1.1 429"}, "all from one address, that of the connection"


def test_the_environment_and_the_scheme_come_from_the_connection_alone() -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "http_version": "1.1",
        "raw_path": b"/a%2Fb/%C3%A4",
        "query_string": b"q=%20",
        "server": ("127.0.0.1", 8080),
        "client": ("192.0.2.7", 5000),
        "headers": [
            (b"x-forwarded-proto", b"https"),
            (b"script_name", b"/x"),
            (b"content-length", b"99"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
            (b"accept", b"a"),
            (b"accept", b"b"),
        ],
    }
    made = environ(scope, b"{}")
    assert (made["wsgi.url_scheme"], made["SCRIPT_NAME"], made["REMOTE_ADDR"]) == ("http", "", "192.0.2.7")
    assert (made["PATH_INFO"], made["QUERY_STRING"]) == ("/a/b/\u00c3\u00a4", "q=%20")
    assert (made["CONTENT_LENGTH"], made["wsgi.input"].read()) == ("2", b"{}")
    assert (made["HTTP_COOKIE"], made["HTTP_ACCEPT"]) == ("a=1; b=2", "a,b")
    assert "HTTP_SCRIPT_NAME" not in made


@pytest.mark.parametrize("path", ["//evil.example/api-docs", "//api-docs", "/api//products?a=b", "///x", "/api-docs//"])
def test_no_redirect_leads_to_where_the_host_header_says(address: tuple[str, int], path: str) -> None:
    reply = say(
        address, f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n\r\n".encode()
    )
    assert reply.startswith((b"HTTP/1.1 30", b"HTTP/1.1 404 ", b"HTTP/1.1 200 ")), reply
    location = [line for line in reply.split(b"\r\n") if line.lower().startswith(b"location: ")]
    assert len(location) == reply.startswith(b"HTTP/1.1 30")
    assert all(line[10:11] == b"/" and line[11:12] != b"/" for line in location), location


@pytest.mark.skipif(not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists(), reason="needs IPv6")
def test_on_an_ipv6_socket_each_ipv4_sender_counts_for_itself(config: Config, db: Db, tmp_path: Path) -> None:
    env = environment(
        MONGODB_URI=config.mongodb_uri or "",
        WEBHOOK_API_KEY=API_KEY,
        JWT_SECRET=config.jwt_secret,
        HOST="::",
        WEB_PROCESSES="1",
    )
    body = b'{"name":"anna","password":"x"'
    request = (
        b"POST /api/auth/login HTTP/1.1\r\nHost: pos\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )

    def log_in(source: str) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as connection:
            connection.sendall(request)
            return connection.recv(12)

    with running([*POS_API, "serve"], tmp_path, env) as on_ipv6:
        port = urlsplit(on_ipv6.url).port or 0
        assert [log_in("127.0.0.1") for _ in range(11)] == [b"HTTP/1.1 400"] * 10 + [b"HTTP/1.1 429"]
        assert log_in("127.0.0.2") == b"HTTP/1.1 400"
