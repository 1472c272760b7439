"""An address that somebody has entered is asked within limits: where it leads, how long it takes, how much it says."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from ipaddress import ip_network
from typing import Any

import pytest

from pos_api.outbound import client as outbound
from pos_api.outbound.addresses import guarded_refusal
from pos_api.outbound.client import guarded_client
from pos_api.outbound.errors import RequestError
from tests.hostile_shop import Answering, hostile

HERE = (ip_network("127.0.0.0/8"),)
NOT_PUBLIC = (
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "168.63.129.16", "169.254.169.254", "172.16.0.1"),  # noqa: S104
    *("192.0.0.8", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.1.1", "192.175.48.1"),
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
    *("100::1", "100:0:0:1::1", "2001::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "5f00::1"),
    *("fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_address_that_is_not_public_is_asked(address: str) -> None:
    assert guarded_refusal(())(address, True)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_asked_over_https_alone(address: str) -> None:
    refusal = guarded_refusal(())
    assert refusal(address, True) is None
    assert "http" in str(refusal(address, False))


def test_within_the_networks_of_the_setting_an_address_may_be_private_and_asked_over_http() -> None:
    refusal = guarded_refusal((ip_network("10.0.0.0/8"), ip_network("1.1.1.1/32"), ip_network("fd12::/16")))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "1.1.1.1", "fd12::5"):
        assert refusal(address, False) is None
    for address in ("127.0.0.1", "192.168.0.1", "::10.1.2.3", "64:ff9b::a01:203"):
        assert refusal(address, True)
    everything = guarded_refusal((ip_network("0.0.0.0/0"), ip_network("::/0")))
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "168.63.129.16"):
        assert everything(address, False), "a cloud's metadata service is never asked"


def problem_of(url: str, allowed: Any = HERE) -> RequestError:
    """What a request ends with."""
    with guarded_client(allowed) as client, pytest.raises(RequestError) as caught:
        client.request("GET", url)
    return caught.value


def problem_of_answer(answering: Answering) -> RequestError:
    """What a request that is answered so ends with."""
    with hostile(answering) as server:
        return problem_of(server.url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_machine_is_not_asked_however_its_address_is_written(scheme: str, host: str) -> None:
    with hostile(lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n[]")) as server:
        problem = problem_of(f"{scheme}://{host}:{server.url.rpartition(':')[2]}/", ())
        assert server.heads == []
    assert problem.cause == "address"
    assert "OUTBOUND_ALLOW" in problem.message or "single host" in problem.message


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads to one address first and to another one then, as an attacker's name server does."""
    looked_up: list[str] = []
    original = socket.getaddrinfo

    def changing(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "status.example":
            looked_up.append(host)
            host = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.2"
        return original(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    with hostile(lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n[]")) as server:
        port = server.url.rpartition(":")[2]
        with guarded_client((ip_network("127.0.0.1"),)) as client:
            assert client.request("GET", f"http://status.example:{port}/").body == b"[]"
        assert problem_of(f"http://status.example:{port}/", (ip_network("127.0.0.1"),)).cause == "address"
    assert looked_up == ["status.example"] * 2


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look the name up itself, and connect to wherever that leads."""
    with hostile(lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n[]")) as proxy:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        assert problem_of("http://10.0.0.1/", HERE).cause == "address"
        assert proxy.heads == []


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    def answering(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    with hostile(answering) as server, guarded_client(HERE) as client:
        assert client.request("GET", server.url).status == 302
        assert len(server.heads) == 1


def test_an_answer_of_more_than_64_kib_is_not_read() -> None:
    for body, encoding in ((b" " * 2**20, b"identity"), (gzip.compress(b" " * 2**20), b"gzip")):
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body))
        problem = problem_of_answer(lambda connection, _, answer=head + body: connection.sendall(answer))  # type: ignore[misc]
        assert (problem.cause, problem.message) == ("too_large", "The answer is larger than 64 KiB and was not read.")


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n["])
def test_neither_silence_nor_a_byte_now_and_then_takes_more_than_the_time(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "_GUARDED_SECONDS", 0.5)
    for pause in (0.05, 60.0):
        ended = threading.Event()

        def drip(connection: socket.socket, _: bytes, pause: float = pause, ended: threading.Event = ended) -> None:
            connection.sendall(start)
            while not ended.wait(pause):
                connection.sendall(b"1")

        began = time.monotonic()
        assert problem_of_answer(drip).cause == "timeout"
        ended.set()
        assert time.monotonic() - began < 3


def test_a_tls_handshake_that_never_ends_takes_no_more_than_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_GUARDED_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        began = time.monotonic()
        assert problem_of(f"https://127.0.0.1:{listening.getsockname()[1]}/").cause in ("timeout", "tls")
    assert time.monotonic() - began < 3
