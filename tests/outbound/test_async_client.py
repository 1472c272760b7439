"""A receiver is asked within limits: where its name leads, how long it takes, how much it answers, whatever it does."""

from __future__ import annotations

import asyncio
import errno
import gzip
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pos_api.config import Network
from pos_api.outbound import async_client, name_lookup
from pos_api.outbound.async_client import MOST_BODY, Answer, GuardedClient
from pos_api.outbound.errors import RequestError
from pos_api.outbound.name_lookup import LookUp, system_look_up
from pos_api.outbound.unreachable import unreachable
from tests.hostile_shop import Answering, hostile
from tests.outbound.test_guarded_client import NOT_PUBLIC

NOWHERE: tuple[Network, ...] = ()
HERE: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PUBLIC = "93.184.216.34"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for receiver.test that nobody vouches for, and its key, in one file."""
    return _certificate(tmp_path_factory.mktemp("tls"), timedelta(days=1))


@pytest.fixture(autouse=True)
def no_certificates(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the system's takes longer than most tests here."""
    monkeypatch.setenv("SSL_CERT_FILE", str(_other_certificate(tmp_path_factory.getbasetemp())))


def answering(answer: bytes) -> Answering:
    """Answers every request with these bytes, and closes the connection."""
    return lambda connection, _: connection.sendall(answer)


def post(
    url: str,
    allowed: Sequence[Network] = HERE,
    look_up: LookUp = system_look_up,
    *,
    body: bytes = b"{}",
    timeout: float = 5,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request by a client of its own."""

    async def run() -> Answer:
        async with GuardedClient(allowed, look_up) as client:
            return await client.post(url, headers or {}, body, timeout)

    return uvloop.run(run())


def problem_of(
    url: str, allowed: Sequence[Network] = HERE, look_up: LookUp = system_look_up, **more: Any
) -> RequestError:
    """What a request ends with."""
    with pytest.raises(RequestError) as caught:
        post(url, allowed, look_up, **more)
    return caught.value


def answer_of(answer: bytes, **more: Any) -> Answer:
    """What comes of a receiver that answers with these bytes."""
    with hostile(answering(answer)) as server:
        return post(server.url, **more)


def problem_of_answer(answer: bytes | Answering, **more: Any) -> RequestError:
    """What a request ends with that is answered so."""
    with hostile(answering(answer) if isinstance(answer, bytes) else answer) as server:
        return problem_of(server.url, **more)


def leading_to(*addresses: str) -> LookUp:
    """Every name has these addresses."""
    return lambda _: list(addresses)


def port_of(url: str) -> str:
    return url.rpartition(":")[2]


# --- where a name leads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", NOT_PUBLIC)
@pytest.mark.parametrize("others", [(), (PUBLIC,)])
def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused(address: str, others: tuple[str, ...]) -> None:
    """Also where it has a public address as well, which would be connected to first."""
    problem = problem_of("https://receiver.test/", NOWHERE, leading_to(*others, address))
    assert problem.cause == "address"
    assert "receiver.test is " in problem.message


@pytest.mark.parametrize("port", [22, 25, 80, 1023])
def test_a_name_within_outbound_allow_alone_is_asked_on_a_system_port(port: int) -> None:
    """Here nothing listens, so that what is not refused is refused by the system."""
    assert problem_of(f"https://receiver.test:{port}/", HERE, leading_to(PUBLIC)).cause == "address"
    assert problem_of(f"https://receiver.test:{port}/", HERE, leading_to("127.0.0.1")).cause == "refused"


def test_a_name_outside_of_outbound_allow_is_not_asked_over_http() -> None:
    assert "http" in problem_of("http://receiver.test/", HERE, leading_to(PUBLIC)).message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_machine_is_not_asked_however_its_address_is_written(scheme: str, host: str) -> None:
    with hostile(answering(OK)) as server:
        assert problem_of(f"{scheme}://{host}:{port_of(server.url)}/", NOWHERE).cause == "address"
        assert server.heads == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0x7f.1", "0177.0.0.1", "2130706433", "127.1", "[::ffff:127.0.0.1]", "localhost"]
)
def test_the_socket_itself_is_refused_where_a_url_was_not_checked(host: str) -> None:
    """aiohttp looks up no address, so the check of names alone would let those through."""

    async def run(url: str) -> None:
        async with GuardedClient(NOWHERE) as client:
            await client._sessions["https", True].post(url)

    with hostile(answering(OK)) as server:
        with pytest.raises((RequestError, aiohttp.InvalidURL)):
            uvloop.run(run(f"https://{host}:{port_of(server.url)}/"))
        assert server.heads == []


def test_what_was_checked_is_connected_to_when_a_name_server_changes_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As an attacker's name server does, with a public address for the check and a private one for the connection."""
    monkeypatch.setattr(name_lookup, "_KEPT_SECONDS", 0)
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"]]
    looked_up: list[str] = []

    def changing(host: str) -> list[str]:
        looked_up.append(host)
        return answers[len(looked_up) - 1]

    async def run(url: str) -> None:
        async with GuardedClient((ip_network("127.0.0.1/32"),), changing) as client:
            assert (await client.post(url, {}, b"")).status == 200
            for _ in range(2):
                with pytest.raises(RequestError, match=r"receiver\.test is .* \(127\.0\.0\.2\)"):
                    await client.post(url, {}, b"")

    with hostile(answering(OK)) as server:
        uvloop.run(run(f"http://receiver.test:{port_of(server.url)}/"))
        assert len(server.heads) == 1
    assert len(looked_up) == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "/", "//127.0.0.2/"]
)
def test_a_redirect_is_an_answer_and_not_followed(status: int, location: str) -> None:
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    with hostile(answering(head.encode())) as server:
        answer = post(server.url)
        assert (answer.status, answer.headers["location"], len(server.heads)) == (status, location, 1)


def test_neither_proxies_nor_passwords_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.delenv("no_proxy", raising=False)
    with hostile(answering(OK)) as proxy, hostile(answering(OK)) as server:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert post(server.url).status == 200
        assert problem_of("http://10.0.0.1/").cause == "address"
        assert proxy.heads == []
        assert b"authorization" not in server.heads[0].lower()


def test_an_address_without_a_route_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver with an IPv6 address too is asked over IPv4 by a machine that has no IPv6, and what is said of it then
    is what became of that."""

    class NoIPv6(socket.socket):
        def connect(self, address: Any) -> None:
            if self.family == socket.AF_INET6:
                raise OSError(errno.ENETUNREACH, "Network is unreachable")
            super().connect(address)

    monkeypatch.setattr(socket, "socket", NoIPv6)
    both = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    problem = problem_of("http://receiver.test:9/", both, leading_to("::1", "127.0.0.1"))
    assert (problem.cause, problem.is_local) == ("refused", False)
    problem = problem_of("http://receiver.test:9/", both, leading_to("::1"))
    assert (problem.cause, problem.is_local) == ("network", True)


# --- name servers -------------------------------------------------------------------------------------------------


def test_a_name_server_that_hangs_keeps_no_other_host_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, asked = threading.Event(), []

    def hanging(host: str) -> list[str]:
        asked.append(host)
        if not host.startswith("good"):
            ended.wait(30)
        return ["127.0.0.1"]

    async def run(port: str) -> None:
        async with GuardedClient(HERE, hanging) as client:
            waiting = [
                asyncio.create_task(client.post(f"http://h{number % 40}.test:{port}/", {}, b"", 2))
                for number in range(80)
            ]
            assert (await client.post(f"http://good.test:{port}/", {}, b"")).status == 200
            assert not any(each.done() for each in waiting)
            problems = await asyncio.gather(*waiting, return_exceptions=True)
            assert {getattr(each, "cause", None) for each in problems} == {"timeout"}
            monkeypatch.setattr(name_lookup, "_LONGEST_SECONDS", 0.1)
            with pytest.raises(RequestError, match="No name server answers") as caught:
                await client.post(f"http://h1.test:{port}/", {}, b"")
            assert (caught.value.cause, caught.value.is_local) == ("dns", False), "another name was found"

    with hostile(answering(OK)) as server:
        uvloop.run(run(port_of(server.url)))
    ended.set()
    assert len(asked) == 41, "each name is looked up once at a time, also where nobody waits for it any longer"


def test_a_name_server_that_fails_is_the_receivers_fault_only_while_other_names_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(host: str) -> list[str]:
        if host == "good.test":
            return ["127.0.0.1"]
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async def is_local(client: GuardedClient) -> bool:
        with pytest.raises(RequestError) as caught:
            await client.post("https://h1.test/", {}, b"")
        assert caught.value.cause == "dns"
        return caught.value.is_local

    async def run(port: str) -> None:
        async with GuardedClient(HERE, look_up) as client:
            assert await is_local(client)
            await client.post(f"http://good.test:{port}/", {}, b"")
            assert not await is_local(client)
            monkeypatch.setattr(name_lookup, "_NAME_SERVER_WORKS_FOR", 0.0)
            assert await is_local(client)

    with hostile(answering(OK)) as server:
        uvloop.run(run(port_of(server.url)))


def test_lookups_under_way_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(name_lookup, "_MOST_UNDER_WAY", 3)

    def hanging(_: str) -> list[str]:
        ended.wait(30)
        return [PUBLIC]

    async def run() -> None:
        async with GuardedClient(HERE, hanging) as client:
            waiting = [asyncio.create_task(client.post(f"https://h{n}.test/", {}, b"", 0.2)) for n in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(RequestError, match="Too many names") as caught:
                await client.post("https://another.test/", {}, b"")
            assert caught.value.is_local
            await asyncio.gather(*waiting, return_exceptions=True)

    uvloop.run(run())
    ended.set()


def test_an_address_is_known_for_a_while_and_a_name_without_one_is_no_host() -> None:
    looked_up: list[str] = []

    def noting(host: str) -> list[str]:
        looked_up.append(host)
        return [] if host == "nothing.test" else ["127.0.0.1"]

    async def run(port: str) -> None:
        async with GuardedClient(HERE, noting) as client:
            for _ in range(3):
                await client.post(f"http://receiver.test:{port}/", {}, b"")
            with pytest.raises(RequestError, match=r"no host nothing\.test"):
                await client.post(f"http://nothing.test:{port}/", {}, b"")

    with hostile(answering(OK)) as server:
        uvloop.run(run(port_of(server.url)))
    assert looked_up == ["receiver.test", "nothing.test"]


# --- what is answered ---------------------------------------------------------------------------------------------


def test_an_answer_is_given_with_its_headers_and_body() -> None:
    with hostile(answering(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy")) as server:
        answer = post(
            f"{server.url}/hook?a=%2f",
            body="å".encode(),
            headers={"X-Own": "1", "Content-Type": "application/json"},
        )
        head = server.heads[0]
    assert (answer.status, answer.headers["RETRY-AFTER"], answer.body) == (503, "7", b"busy")
    assert 0 < answer.seconds < 5
    assert head.startswith(b"POST /hook?a=%2f HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Own: 1\r\n" in head
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert b"\r\nUser-Agent: WooCommerce-POS-Sync\r\n" in head
    assert head.endswith("\r\n\r\nå".encode())


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x00", 101, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil it is closed", 200, b"until it is closed"),
        (b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n", 599, b""),
    ],
)
def test_every_answer_in_valid_http_is_taken(answer: bytes, status: int, body: bytes) -> None:
    taken = answer_of(answer)
    assert (taken.status, taken.body) == (status, body)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", 204, b""),
        (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 204, b""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ntack för".encode(), 200, b"tack f\xc3\xb6"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\nok", 200, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nok", 204, b""),
    ],
)
def test_what_follows_an_answer_does_not_spoil_it(answer: bytes, status: int, body: bytes) -> None:
    """As of a receiver that sends a body with 204, or counts letters in place of bytes."""
    taken = answer_of(answer)
    assert (taken.status, taken.body) == (status, body)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"", "cut_off"),
        (b"HTTP/1.1 200 OK\r\n", "cut_off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "cut_off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", "cut_off"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "cut_off"),
        (b"<html>HTTP/0.9</html>\r\n", "malformed"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "malformed"),
        (b"HTTP/1.1 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", "malformed"),
        (b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", "malformed"),
        (b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", "malformed"),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n", "too_large"),
        (b"HTTP/1.1 200 " + b"a" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n", "too_large"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"Content-Length: 0\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1_000_000, "malformed"),
        (b"HTTP/1.1 102 Processing\r\n\r\n" * 200_000 + OK, "too_large"),
        (CHUNKED + (b"1;" + b"a" * 8_000 + b"\r\nx\r\n") * 400 + b"0\r\n\r\n", "too_large"),
        (CHUNKED + b"0\r\n" + b"X: a\r\n" * 1_000_000 + b"\r\n", "malformed"),
    ],
)
def test_what_is_no_answer_ends_with_a_clear_error(answer: bytes, cause: str) -> None:
    problem = problem_of_answer(answer)
    assert (problem.cause, problem.is_local) == (cause, False)
    assert problem.message.endswith(".")


def zipped(body: bytes, window: int) -> bytes:
    """Packed as gzip (31), deflate (15) or deflate without zlib's header (-15)."""
    packing = zlib.compressobj(9, wbits=window)
    return packing.compress(body) + packing.flush()


def packed_answer(encoding: str, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        encoding.encode(),
        len(body),
        body,
    )


@pytest.mark.parametrize(
    ("encoding", "window"), [("gzip", 31), ("GZIP", 31), ("x-gzip", 31), ("deflate", 15), ("deflate", -15)]
)
def test_a_packed_body_is_unpacked_within_the_limit(encoding: str, window: int) -> None:
    assert answer_of(packed_answer(encoding, zipped(b"ok" * 100, window))).body == b"ok" * 100
    bomb = answer_of(packed_answer(encoding, zipped(b"\0" * 5_000_000, window)))
    assert (bomb.status, len(bomb.body)) == (200, MOST_BODY)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "nonsense"])
def test_a_body_that_can_not_be_unpacked_is_given_as_it_came(encoding: str) -> None:
    """The status counts: whoever answers 200 has the event."""
    answer = answer_of(packed_answer(encoding, b"not packed"))
    assert (answer.status, answer.body) == (200, b"not packed")


def test_a_gzip_within_gzip_is_unpacked_once() -> None:
    inner = gzip.compress(b"\0" * 1_000_000)
    assert answer_of(packed_answer("gzip", gzip.compress(inner))).body == inner


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
    ],
)
def test_of_an_endless_answer_the_beginning_is_read_and_the_status_counts(start: bytes) -> None:
    def endless(connection: socket.socket, _: bytes) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(b"a" * 65536)

    with hostile(endless) as server:
        answer = post(server.url)
    assert (answer.status, answer.body) == (200, b"a" * MOST_BODY)
    assert answer.seconds < 2


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: ",
    ],
)
@pytest.mark.parametrize("pause", [0.05, 60.0])
def test_neither_silence_nor_a_byte_now_and_then_takes_more_than_the_time(start: bytes, pause: float) -> None:
    ended = threading.Event()

    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(start)
        while not ended.wait(pause):
            connection.sendall(b"1")

    began = time.monotonic()
    problem = problem_of_answer(drip, timeout=0.3)
    ended.set()
    assert (problem.cause, problem.is_local) == ("timeout", False)
    assert time.monotonic() - began < 2


def test_an_answer_counts_that_comes_before_the_request_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the connection is closed then: whoever reads nothing does not keep it open."""
    ended, connected = threading.Event(), []

    class Noted(socket.socket):
        def connect(self, address: Any) -> None:
            connected.append(self)
            super().connect(address)

    def impatient(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
        ended.wait(10)

    async def run(url: str) -> Answer:
        async with GuardedClient(HERE) as client:
            answer = await client.post(url, {}, b"a" * 20_000_000)
            await asyncio.sleep(0)
            assert [each.fileno() for each in connected] == [-1]
            return answer

    monkeypatch.setattr(socket, "socket", Noted)
    with hostile(impatient) as server:
        answer = uvloop.run(run(server.url))
        ended.set()
    assert (answer.status, answer.seconds < 3) == (410, True)


def test_a_header_that_would_begin_another_request_is_refused() -> None:
    with hostile(answering(OK)) as server:
        with pytest.raises(RequestError):
            post(server.url, headers={"X": "a\r\nY: b"})
        assert b"".join(server.heads) == b""


# --- connections --------------------------------------------------------------------------------------------------


def serving(answers: Callable[[int], bytes], connections: list[int]) -> Answering:
    """Answers any number of requests on a connection with what `answers` gives for each, counted from 0, until that is
    nothing; notes how many each connection has carried."""

    def answer(connection: socket.socket, head: bytes) -> None:
        connections.append(0)
        place = len(connections) - 1
        while head and (given := answers(connections[place])):
            connections[place] += 1
            connection.sendall(given)
            head = connection.recv(65536)

    return answer


async def _statuses(urls: Sequence[str]) -> list[int]:
    async with GuardedClient(HERE) as client:
        return [(await client.post(url, {}, b"")).status for url in urls]


def test_a_connection_is_kept_for_the_same_host_and_port_alone() -> None:
    first: list[int] = []
    second: list[int] = []
    with hostile(serving(lambda _: OK, first)) as one, hostile(serving(lambda _: OK, second)) as two:
        named = one.url.replace("127.0.0.1", "localhost")
        assert uvloop.run(_statuses([one.url, two.url, one.url, named, named])) == [200] * 5
    assert (first, second) == ([2, 2], [1])


def test_a_kept_connection_that_was_closed_costs_no_failure() -> None:
    """The receiver closes it just as the next request comes; that request is sent once more, on a new connection."""
    carried: list[int] = []
    with hostile(serving(lambda number: OK if number == 0 else b"", carried)) as server:
        assert uvloop.run(_statuses([server.url] * 3)) == [200, 200, 200]
    assert carried == [1, 1, 1]


def test_a_receiver_that_closes_its_connections_is_sent_a_request_twice_at_most() -> None:
    """However many connections are kept."""
    carried: list[int] = []

    async def run(url: str) -> None:
        async with GuardedClient(HERE) as client:
            for answer in await asyncio.gather(*(client.post(url, {}, b"") for _ in range(4))):
                assert answer.status == 200
            is_broken.set()
            with pytest.raises(RequestError) as caught:
                await client.post(url, {}, b"")
            assert caught.value.cause == "cut_off"

    is_broken, together = threading.Event(), threading.Barrier(4)
    refused: list[int] = []

    def answering_together(number: int) -> bytes:
        if is_broken.is_set():
            refused.append(number)
            return b""
        together.wait(10)
        return OK

    with hostile(serving(answering_together, carried)) as server:
        uvloop.run(run(server.url))
    assert refused == [1, 0], "over a kept connection, and over a new one"


def test_what_a_receiver_sends_unasked_is_no_answer_to_the_next_request() -> None:
    carried: list[int] = []
    twice = OK + b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
    with hostile(serving(lambda _: twice, carried)) as server:
        assert uvloop.run(_statuses([server.url] * 3)) == [200, 200, 200]


def test_what_a_receiver_sends_between_two_requests_is_no_answer_to_the_second() -> None:
    answered, sent = threading.Event(), threading.Event()

    def speaking(connection: socket.socket, _: bytes) -> None:
        connection.sendall(OK)
        if answered.wait(10) and not sent.is_set():
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
            sent.set()
            connection.recv(65536)

    async def run(url: str) -> None:
        async with GuardedClient(HERE) as client:
            assert (await client.post(url, {}, b"")).status == 200
            answered.set()
            assert await asyncio.to_thread(sent.wait, 10)
            await asyncio.sleep(0.01)  # so that the event loop receives it
            assert (await client.post(url, {}, b"")).status == 200

    with hostile(speaking) as server:
        uvloop.run(run(server.url))


def test_no_cookie_is_kept() -> None:
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    with hostile(answering(cookie)) as server:
        uvloop.run(_statuses([server.url.replace("127.0.0.1", "localhost")] * 2))
        assert all(b"cookie" not in head.lower() for head in server.heads)


def test_one_host_has_a_limited_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_client, "_CONNECTIONS_PER_HOST", 2)
    under_way, most, lock = 0, 0, threading.Lock()

    def slow(connection: socket.socket, _: bytes) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with lock:
            under_way -= 1
        connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    async def run(url: str) -> None:
        async with GuardedClient(HERE) as client:
            await asyncio.gather(*(client.post(url, {}, b"") for _ in range(8)))

    with hostile(slow) as server:
        uvloop.run(run(server.url))
    assert most == 2


# --- TLS ----------------------------------------------------------------------------------------------------------


@cache
def _other_certificate(folder: Path) -> Path:
    return _certificate(folder, timedelta(days=1))


def _certificate(folder: Path, valid_for: timedelta) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    moment = datetime.now(UTC)
    names = [x509.DNSName("receiver.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.3"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=2))
        .not_valid_after(moment + valid_for)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "receiver.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def _server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("host", ["receiver.test", "receiver.test."])
def test_a_certificate_of_ssl_cert_file_is_accepted_for_its_own_name(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with hostile(answering(OK), _server_tls(certificate)) as server:
        url = f"https://{host}:{port_of(server.url)}/"
        assert post(url, HERE, leading_to("127.0.0.1")).body == b"ok"
        assert b"\r\nHost: receiver.test:" in server.heads[0]
        for other in ("other.test", "127.0.0.1"):
            problem = problem_of(url.replace(host, other), HERE, leading_to("127.0.0.1"))
            assert (problem.cause, problem.is_local) == ("tls", False)
            assert "certificate is not accepted" in problem.message
        assert len(server.heads) == 1


def test_a_certificate_nobody_vouches_for_or_that_has_expired_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hostile(answering(OK), _server_tls(certificate)) as server:
        url = f"https://receiver.test:{port_of(server.url)}/"
        assert problem_of(url, HERE, leading_to("127.0.0.1")).cause == "tls"
    expired = _certificate(tmp_path, timedelta(days=-1))
    monkeypatch.setenv("SSL_CERT_FILE", str(expired))
    with hostile(answering(OK), _server_tls(expired)) as server:
        url = f"https://receiver.test:{port_of(server.url)}/"
        assert "expired" in problem_of(url, HERE, leading_to("127.0.0.1")).message


def test_a_server_that_speaks_no_tls_and_one_whose_handshake_never_ends_are_named_so() -> None:
    with hostile(answering(OK)) as server:
        # It answers once a whole head has come, so what it says comes as it closes.
        problem = problem_of(server.url.replace("http:", "https:"), timeout=0.5)
        assert problem.cause in ("tls", "timeout")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        began = time.monotonic()
        assert problem_of(f"https://127.0.0.1:{listening.getsockname()[1]}/", timeout=0.3).cause == "timeout"
    assert time.monotonic() - began < 2


def test_a_file_of_certificates_that_can_not_be_read_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with pytest.raises(FileNotFoundError):
        post("https://receiver.test/")


# --- whose fault it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "is_local", "cause"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True, "dns"),
        (socket.gaierror(socket.EAI_SYSTEM, "System error"), True, "dns"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False, "dns"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), True, "network"),
        (OSError(errno.ENETDOWN, "Network is down"), True, "network"),
        (OSError(errno.EMFILE, "Too many open files"), True, "network"),
        (OSError(errno.ENFILE, "Too many open files in system"), True, "network"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), True, "network"),
        (OSError(errno.EPERM, "Operation not permitted"), True, "network"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), False, "cut_off"),
        (OSError(errno.ECONNREFUSED, "Connection refused"), False, "refused"),
        (OSError(errno.ECONNRESET, "Connection reset by peer"), False, "cut_off"),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), False, "timeout"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), False, "tls"),
        (TimeoutError(), False, "timeout"),
        (aiohttp.ServerDisconnectedError(), False, "cut_off"),
        (RequestError("dns", "No name server answers.", is_local=True), True, "dns"),
    ],
)
def test_a_fault_of_this_machine_is_distinguished_from_one_of_the_receiver(
    error: Exception, is_local: bool, cause: str
) -> None:
    """However deep it lies in what a library raises."""
    wrapped = aiohttp.ClientConnectionError("Cannot connect")
    wrapped.__cause__ = error
    for each in (error, wrapped):
        found = unreachable(each, "receiver.test")
        assert (found.cause, found.is_local) == (cause, is_local)
