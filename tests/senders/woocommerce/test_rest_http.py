"""A shop may answer anything, at any speed: a request ends in time and within its memory, with a plain message."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from requests.auth import HTTPBasicAuth
from werkzeug.wrappers import Response

from pos_api.common.time import now
from pos_api.outbound import addresses
from pos_api.senders.woocommerce.credentials import Credentials
from pos_api.senders.woocommerce.rest import http
from pos_api.senders.woocommerce.rest.client import RestClient, namespaces
from pos_api.senders.woocommerce.rest.http import MOST_BYTES, HttpClient
from pos_api.senders.woocommerce.rest.pages import read_pages
from pos_api.senders.woocommerce.shop_error import ShopError
from tests.fake_shop import KEY, SECRET, FakeShop, answer, error, serving
from tests.hostile_shop import Answering, hostile

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


def whole(body: bytes, *headers: bytes) -> Answering:
    """An answer with this body."""
    length = b"Content-Length: %d\r\n" % len(body)
    return lambda connection, _: connection.sendall(OK + b"".join(headers) + length + b"\r\n" + body)


def problem_of(answering: Answering, *, seconds: float = 10.0, attempts: int = 1) -> ShopError:
    """What a request that is answered so ends with."""
    with hostile(answering) as server:
        credentials = Credentials(server.url, KEY, SECRET, "oauth")
        shop = RestClient(credentials, attempts=attempts, timeout=(5, seconds), sleep=lambda _: None)
        with shop, pytest.raises(ShopError) as caught:
            shop.get("orders")
    assert SECRET not in caught.value.message
    assert "oauth_signature" not in caught.value.message
    return caught.value


# --- size ---------------------------------------------------------------------------------------------------------


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


BOMBS: dict[str, tuple[Callable[[bytes], bytes], bytes]] = {
    "gzip": (gzip.compress, b"gzip"),
    "deflate": (zlib.compress, b"deflate"),
    "deflate without a header": (raw_deflate, b"deflate"),
    "gzip in gzip": (lambda body: gzip.compress(gzip.compress(body)), b"gzip, gzip"),
    "many gzips": (lambda body: gzip.compress(body[: 2**20]) * (len(body) // 2**20), b"gzip"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_answer_that_unpacks_to_too_much_is_not_read(name: str) -> None:
    pack, encoding = BOMBS[name]
    packed = pack(b" " * (MOST_BYTES + 2**20))
    assert problem_of(whole(packed, b"Content-Encoding: " + encoding + b"\r\n")).cause == "too_large"


_MEASURE = """
import resource, sys
from pos_api.senders.woocommerce.credentials import Credentials
from pos_api.senders.woocommerce.rest.client import RestClient
from pos_api.senders.woocommerce.shop_error import ShopError
with RestClient(Credentials(sys.argv[1], "ck", "cs", "oauth"), attempts=1) as shop:
    try:
        shop.get("products")  # what a first request loads
    except ShopError:
        pass
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        shop.get("orders")
    except ShopError as error:
        print(error.cause, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("kind", ["gzip", "deflate", "small values"])
def test_three_hundred_megabytes_in_three_hundred_kilobytes_cost_no_memory(kind: str) -> None:
    """A process of its own is measured, at its largest (ru_maxrss, in KiB on Linux)."""
    if kind == "small values":
        packed = gzip.compress(b"[" + b"[]," * (6 * 2**20) + b"[]]")
    elif kind == "gzip":
        packed = gzip.compress(b" " * 2**20) * 300
    else:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = (packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)) * 300
    assert len(packed) < 400_000
    bomb = whole(packed, b"Content-Encoding: deflate\r\n" if kind == "deflate" else b"Content-Encoding: gzip\r\n")

    def answering(connection: socket.socket, head: bytes) -> None:
        (bomb if b"/orders" in head else whole(b"[]"))(connection, head)

    with hostile(answering) as server:
        command = [sys.executable, "-c", _MEASURE, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=Path.cwd())
    cause, megabytes = done.stdout.split()
    assert cause == "too_large"
    assert int(megabytes) < 60


def test_the_body_of_a_redirect_is_limited_too() -> None:
    packed = gzip.compress(b" " * (MOST_BYTES + 2**20))
    head = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    assert problem_of(lambda connection, _: connection.sendall(head + packed)).cause == "too_large"


def endless(connection: socket.socket, start: bytes, more: bytes) -> None:
    connection.sendall(start)
    while True:
        connection.sendall(more)


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (OK + b"\r\n", b"[" * 65536),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n" * 4096),
        (OK + b"Content-Length: 999999999999\r\n\r\n", b" " * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 60_000 + b"\r\n\r\n"),
    ],
    ids=["body", "chunks", "length", "one hundreds"],
)
def test_an_answer_without_end_is_not_read(start: bytes, more: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 2**20)
    assert problem_of(lambda connection, _: endless(connection, start, more), seconds=60).cause == "too_large"


@pytest.mark.parametrize("more", [b"X-A: b\r\n" * 100, b"x" * 70_000], ids=["many", "long"])
def test_endless_headers_are_not_read(more: bytes) -> None:
    assert problem_of(lambda connection, _: endless(connection, OK, more)).cause == "too_large"


# --- time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [b"", OK, OK + b"\r\n[", OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"],
    ids=["status", "headers", "body", "chunks", "one hundred"],
)
def test_a_byte_now_and_then_does_not_keep_a_request_waiting(start: bytes) -> None:
    """Each byte comes well within the time that is left for the whole, so no timeout of a socket sees it."""
    stop = threading.Event()

    def answering(connection: socket.socket, _: bytes) -> None:
        connection.sendall(start)
        while not stop.wait(0.1):
            connection.sendall(b"1")

    began = time.monotonic()
    assert problem_of(answering, seconds=1).cause == "timeout"
    stop.set()
    assert time.monotonic() - began < 5


def test_a_request_that_never_ends_is_not_made_again_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three minutes in all for one request, however often it could still be made."""
    monkeypatch.setattr("pos_api.senders.woocommerce.rest.client._PATIENCE", 0.3)

    def silent(connection: socket.socket, _: bytes) -> None:
        connection.recv(1)

    with hostile(silent) as server:
        credentials = Credentials(server.url, KEY, SECRET, "oauth")
        shop = RestClient(credentials, attempts=50, timeout=(1, 0.2), sleep=lambda _: None)
        with shop, pytest.raises(ShopError):
            shop.get("orders")
    assert len(server.heads) == 2


def test_a_reading_ends_when_its_time_is_over() -> None:
    with serving(FakeShop()) as fake, RestClient(Credentials(fake.url, KEY, SECRET, "oauth"), within=-1) as shop:
        with pytest.raises(ShopError) as caught:
            shop.get("orders")
        assert (caught.value.cause, fake.requests) == ("too_slow", [])


@pytest.mark.parametrize("value", ["999999999", "²", "-5", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "\xff", "1e9"])
@pytest.mark.parametrize("status", [429, 503])
def test_no_retry_after_makes_anybody_wait_for_long(status: int, value: str) -> None:
    pauses: list[float] = []
    with serving(FakeShop()) as fake:
        fake.fail(9, answer({}, status, {"Retry-After": value}))
        shop = RestClient(Credentials(fake.url, KEY, SECRET, "oauth"), sleep=pauses.append)
        with shop, pytest.raises(ShopError):
            shop.get("orders")
    assert sum(pauses) < 60


# --- what is said of it -------------------------------------------------------------------------------------------


GARBAGE = {
    "nothing": b"",
    "NaN": b'[{"id":1,"total":NaN}]',
    "Infinity": b"[-Infinity]",
    "duplicate keys": b'[{"id":1,"id":2}]',
    "a deep list": b"[" * 100_000 + b"]" * 100_000,
    "deeper than PHP writes": b"[" * 600 + b"]" * 600,
    "a huge integer": b"[" + b"9" * 5_000 + b"]",
    "no UTF-8": b'["\xff"]',
    "UTF-16": '["a"]'.encode("utf-16"),
    "two values": b"[][]",
    "binary": bytes(range(256)) * 100,
}


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_json_is_a_plain_message(name: str) -> None:
    problem = problem_of(whole(GARBAGE[name]))
    assert problem.cause in ("not_json", "cut_off", "no_rest_api")
    assert "Error" not in problem.message


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\n\r\n[{}]",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip,gzip,gzip,gzip,gzip,gzip,gzip\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[]",
        b"HTTP/1.1 999999 What\r\n\r\n[]",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n[]",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00" * 1000,
        b"HTTP/1.1 200 OK\r\n: no name\r\nno colon\r\n\x00: x\r\n\r\n{",
    ],
)
def test_what_is_no_http_is_a_plain_message(
    head: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        problem = problem_of(lambda connection, _: connection.sendall(head))
    assert "Error" not in problem.message
    assert "oauth_signature" not in caplog.text
    assert capfd.readouterr().err == ""


def test_a_shop_that_repeats_the_key_does_not_get_it_into_the_log() -> None:
    for repeated in (SECRET, KEY, f"{KEY}:{SECRET}"):
        with serving(FakeShop()) as fake:
            fake.fail(1, error(400, "bad", f"You sent {repeated}"))
            shop = RestClient(Credentials(fake.url, KEY, SECRET, "oauth"), attempts=1)
            with shop, pytest.raises(ShopError) as caught:
                shop.get("orders")
        assert SECRET not in str(caught.value)
        assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-WP-Total": "²"},
        {"X-WP-Total": "٣"},
        {"X-WP-Total": "9" * 5_000},
        {"X-WP-Total": "-1"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"Date": "Mon, 01 Jan 0001 00:00:00 GMT"},
        {"Date": "Mon, 01 Jan 0001 00:00:00 +9999"},
        {"Date": "²², ²² ² ² ²²:²²:²² ²"},
        {"Date": "x" * 10_000},
    ],
    ids=str,
)
def test_no_header_is_trusted_to_be_what_it_should(headers: dict[str, str]) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    encoded = lines.encode("latin-1", "replace")
    with hostile(whole(b'[{"id": 1}]', encoded)) as server:
        shop = RestClient(Credentials(server.url, KEY, SECRET, "oauth"), attempts=1)
        with shop:
            answered = shop.get("orders")
            assert (answered.data, answered.total) == ([{"id": 1}], None)
            assert abs((shop.time() - now()).total_seconds()) < 2 * 86_400


# --- where requests go --------------------------------------------------------------------------------------------


def test_nothing_is_sent_elsewhere() -> None:
    """Neither a redirect nor a Link is followed, and no cookie is kept."""
    with serving(FakeShop()) as elsewhere, serving(FakeShop()) as fake:
        fake.put_order({"id": 1, "status": "processing", "refunds": []})
        with RestClient(Credentials(fake.url, KEY, SECRET, "oauth"), attempts=1) as shop:
            for status in (301, 302, 303, 307, 308):
                target = {"Location": f"{elsewhere.url}/wp-json/wc/v3/orders"}
                fake.fail(1, answer([], status, target))
                with pytest.raises(ShopError, match="not sent there"):
                    shop.get("orders")
            link = {"Link": f'<{elsewhere.url}/wp-json/wc/v3/orders?page=2>; rel="next"', "X-WP-Total": "300"}
            fake.faults.append(lambda _: answer([{"id": 1}], headers={**link, "Set-Cookie": "a=b; Path=/"}))
            with pytest.raises(ShopError, match="same one"):
                list(read_pages(shop, "orders"))
        assert elsewhere.requests == []
        assert not any("Cookie" in headers for headers in fake.headers)


@pytest.mark.parametrize("location", ["http://[", "//", "", "\x7f", "http://" + "a" * 5000, "javascript:alert(1)"])
def test_a_redirect_to_no_address_is_a_plain_message(location: str) -> None:
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location.encode() + b"\r\n\r\n"
    problem = problem_of(lambda connection, _: connection.sendall(head))
    assert problem.cause == "redirect"
    assert len(problem.message) < 400


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.0.1", "168.63.129.16", "100.100.100.200", "192.0.0.192", "0.0.0.0"),  # noqa: S104
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1"),
        *("::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:1::1"),
    ],
)
def test_the_service_connects_to_no_address_where_no_shop_can_be(address: str) -> None:
    assert addresses.shop_refusal(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.5", "192.168.1.2", "172.16.0.9", "100.64.0.7", "93.184.216.34", "::1", "fd12::1", "2606::1"],
)
def test_a_shop_may_be_on_this_machine_or_in_the_same_network(address: str) -> None:
    assert addresses.shop_refusal(address) is None


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:a9fe:a9fe]", "0"])
def test_a_key_goes_to_no_metadata_service_however_its_address_is_written(host: str) -> None:
    shop = RestClient(Credentials(f"http://{host}", KEY, SECRET, "oauth"), attempts=1)
    with shop, pytest.raises(ShopError) as caught:
        shop.get("orders")
    assert caught.value.cause == "address"
    assert namespaces(f"http://{host}") == frozenset()


def test_a_name_is_looked_up_once_so_it_can_not_change_after_it_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads to this machine first and to a metadata service then."""
    looked_up: list[Any] = []
    original = socket.getaddrinfo

    def changing(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "shop.example":
            looked_up.append(host)
            host = "127.0.0.1" if len(looked_up) == 1 else "169.254.169.254"
        return original(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    with serving(FakeShop()) as fake:
        port = fake.url.rpartition(":")[2]
        fake.faults.append(lambda _: answer([]))
        with RestClient(Credentials(f"http://shop.example:{port}", KEY, SECRET, "oauth"), attempts=1) as shop:
            assert shop.get("orders").data == []
    assert looked_up == ["shop.example"]


@pytest.mark.parametrize("url", ["http://" + "a" * 64 + ".example", "http://a..example", "http://[fe80::1%25lo]"])
def test_what_is_no_address_is_a_plain_message(url: str) -> None:
    with RestClient(Credentials(url, KEY, SECRET, "oauth"), attempts=1) as shop, pytest.raises(ShopError) as caught:
        shop.get("orders")
    assert caught.value.cause in ("address", "dns")


def test_certificates_are_checked_by_every_session() -> None:
    client = HttpClient(HTTPBasicAuth(KEY, SECRET))
    assert client._session().verify is True


def test_a_large_sound_answer_is_read() -> None:
    rows = [{"id": number, "note": "x" * 50_000} for number in range(1, 101)]
    packed = gzip.compress(json.dumps(rows).encode())
    with serving(FakeShop()) as fake:
        fake.faults.append(lambda _: Response(packed, headers={"Content-Encoding": "gzip"}))
        with RestClient(Credentials(fake.url, KEY, SECRET, "oauth"), attempts=1) as shop:
            assert len(shop.get("orders").data) == 100
