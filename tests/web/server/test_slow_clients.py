"""Senders that connect and wait, send slowly or do not read: nobody else notices."""

from __future__ import annotations

import resource
import signal
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.web.server.request_limits import (
    BODY_LIMIT,
    BODY_RATE,
    BODY_SECONDS,
    HEAD_RATE,
    HEAD_SECONDS,
    MAX_PIPELINED,
    RATE_FROM,
    Arrival,
)
from tests.factories import API_KEY, PATH
from tests.service import POS_API, Service, environment, running
from tests.waiting import wait_until

Address = tuple[str, int]

AHEAD = b"GET /healthz HTTP/1.1\r\nHost: pos\r\n"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: pos\r\nX-API-Key: {API_KEY}\r\nContent-Type: application/json\r\n"


@contextmanager
def serving(config: Config, tmp_path: Path, *limits: str, **settings: str) -> Iterator[Service]:
    """The service; `limits` are of the shell's `ulimit`."""
    env = environment(
        MONGODB_URI=config.mongodb_uri or "",
        WEBHOOK_API_KEY=API_KEY,
        JWT_SECRET=config.jwt_secret,
        HOST="127.0.0.1",
        **{"WEB_PROCESSES": "1", **settings},
    )
    command = [*POS_API, "serve"]
    if limits:
        command = ["sh", "-c", f'ulimit {" ".join(limits)}; exec "$@"', "sh", *command]
    with running(command, tmp_path, env) as service:
        yield service


@pytest.fixture
def service(config: Config, db: Db, tmp_path: Path) -> Iterator[Service]:
    with serving(config, tmp_path) as service:
        yield service


def of(service: Service) -> Address:
    parts = urlsplit(service.url)
    return parts.hostname or "", parts.port or 0


@contextmanager
def connections(address: Address, count: int, said: bytes, *, sources: int = 1) -> Iterator[list[socket.socket]]:
    """Connections from so many addresses of this machine, each of which has sent `said` and waits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    with ExitStack() as stack:
        opened = []
        for number in range(count):
            source = (f"127.0.{number % sources // 250}.{number % sources % 250 + 1}", 0)
            opened.append(stack.enter_context(socket.create_connection(address, 20, source)))
            opened[-1].sendall(said)
        yield opened


_order_ids = iter(range(1, 100_000))


def seconds_of_an_order(service: Service) -> float:
    """How long an order takes, on a connection of its own, as shops send them."""
    order = {"event": "order.created", "data": {"id": next(_order_ids)}}
    started = time.monotonic()
    reply = requests.post(f"{service.url}{PATH}", json=order, headers={"X-API-Key": API_KEY}, timeout=15)
    assert reply.status_code == 200, reply.text
    return time.monotonic() - started


def seconds_of_health(service: Service) -> float:
    started = time.monotonic()
    assert requests.get(f"{service.url}/healthz", timeout=15).status_code == 200
    return time.monotonic() - started


def speed(service: Service) -> tuple[float, float]:
    """Median seconds of an order and of a health check."""
    return (
        statistics.median(seconds_of_an_order(service) for _ in range(25)),
        statistics.median(seconds_of_health(service) for _ in range(25)),
    )


def read_all(connection: socket.socket, seconds: float = 20) -> bytes:
    """What is answered until the service closes the connection."""
    connection.settimeout(seconds)
    answer = b""
    while data := connection.recv(65_536):
        answer += data
    return answer


@pytest.mark.parametrize(
    "said",
    [b"P", f"{HEAD}Content-Length: 500\r\n\r\n{{".encode()],
    ids=["one byte", "headers and one byte of the body"],
)
def test_4000_connections_that_wait_leave_orders_and_health_checks_as_fast_as_before(
    service: Service, said: bytes
) -> None:
    speed(service)
    before = speed(service)
    with connections(of(service), 2000, said), connections(of(service), 2000, said, sources=500):
        during = speed(service)
    print(f"median seconds of an order and of /healthz: {before} before, {during} during")
    assert during[0] < 2 * before[0] + 0.05
    assert during[1] < 2 * before[1] + 0.05


@pytest.mark.parametrize(
    "said",
    [b"", b"P", b"POST / HTTP/1.1\r\nX-A: ", f"{HEAD}Content-Length: 500\r\n\r\n{{".encode()],
    ids=["nothing", "one byte", "half a header", "one byte of a body"],
)
def test_a_request_that_stops_half_way_is_refused_in_time(service: Service, said: bytes) -> None:
    started = time.monotonic()
    with connections(of(service), 1, said) as [waiting]:
        answer = read_all(waiting)
    assert RATE_FROM - 0.5 < time.monotonic() - started < RATE_FROM + 4
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert b'"code": "request_timeout"' in answer
    wait_until(lambda: "request_timeout=1" in service.said())


def test_a_body_of_one_byte_a_second_is_refused_though_it_never_stops(service: Service) -> None:
    with connections(of(service), 1, f"{HEAD}Content-Length: 500\r\n\r\n".encode()) as [trickle]:
        trickle.settimeout(1)
        answer = b""
        for _ in range(20):
            trickle.sendall(b" ")
            try:
                answer = trickle.recv(4096)
                break
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("arrival", "seconds", "late"),
    [
        (Arrival(0, received=0), RATE_FROM - 0.1, False),
        (Arrival(0, received=0), RATE_FROM + 0.1, True),
        (Arrival(0, received=HEAD_RATE * 8), 7.9, False),
        (Arrival(0, received=HEAD_RATE * 8), 8.1, True),
        (Arrival(0, received=60_000), HEAD_SECONDS - 0.1, False),
        (Arrival(0, received=60_000), HEAD_SECONDS + 0.1, True),
        (Arrival(0, in_body=True, received=BODY_RATE * 20), 19.9, False),
        (Arrival(0, in_body=True, received=BODY_RATE * 20), 20.1, True),
        (Arrival(0, in_body=True, received=2_000_000), BODY_SECONDS - 0.1, False),
        (Arrival(0, in_body=True, received=2_000_000), BODY_SECONDS + 0.1, True),
        (Arrival(100, received=1), 103, False),
    ],
)
def test_heads_and_bodies_have_a_deadline_and_a_least_rate(arrival: Arrival, seconds: float, late: bool) -> None:
    assert (HEAD_SECONDS, BODY_SECONDS) == (10, 30)
    assert arrival.late(seconds) is late


def test_answers_that_nobody_reads_keep_no_thread(config: Config, db: Db, tmp_path: Path) -> None:
    large = b"GET /static/swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: pos\r\n\r\n"
    with serving(config, tmp_path, WEB_THREADS="2") as service:
        page = requests.get(f"{service.url}/static/swagger-ui/swagger-ui-bundle.js", timeout=10)
        assert len(page.content) > 500_000
        before = speed(service)
        with connections(of(service), 100, large):
            during = speed(service)
    assert during[0] < 2 * before[0] + 0.05


def test_large_deliveries_that_stop_half_way_keep_no_thread_of_the_others(
    config: Config, db: Db, tmp_path: Path
) -> None:
    large = f"{HEAD}Content-Length: {3 * 2**20}\r\n\r\n{{".encode()
    with serving(config, tmp_path, WEB_THREADS="2") as service:
        before = speed(service)
        with connections(of(service), 20, large):
            during = speed(service)
    assert during[0] < 2 * before[0] + 0.05


def test_bodies_held_back_at_their_last_byte_do_not_fill_the_memory(service: Service) -> None:
    def resident() -> float:
        (worker,) = service.workers()
        return int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * 4096 / 2**20

    size = 2 * 2**20
    almost = f"{HEAD}Content-Length: {size}\r\n\r\n".encode() + b" " * (size - 1)
    seconds_of_an_order(service)
    before = resident()
    with connections(of(service), 80, b"") as held:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda connection: _send_all(connection, almost), held))
        seconds_of_an_order(service)
        grown = resident() - before
        first = read_all(held[0], 5)
    print(f"{grown:.0f} MiB more for 160 MiB sent")
    assert first.startswith(b"HTTP/1.1 503 "), "the longest under way makes room for others"
    assert b"\r\nRetry-After: " in first
    assert grown < 120


def _send_all(connection: socket.socket, data: bytes) -> None:
    with suppress(OSError):  # it may be refused
        connection.sendall(data)


def test_connections_above_the_limit_of_open_files_take_the_place_of_those_that_wait(
    config: Config, db: Db, tmp_path: Path
) -> None:
    with serving(config, tmp_path, "-n", "1024") as service:
        before = speed(service)
        with connections(of(service), 2000, b"P", sources=100):
            during = speed(service)
        assert "Too many open files" not in service.said()
    assert during[0] < 2 * before[0] + 0.05


def restart(service: Service) -> None:
    """Let new web processes take the place of all that run now."""
    before = service.workers()
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not service.workers() & before and len(service.workers()) == 2, 30)


def test_a_restart_of_the_web_processes_loses_and_resets_no_request(config: Config, db: Db, tmp_path: Path) -> None:
    with serving(config, tmp_path, WEB_PROCESSES="2") as service:
        first, stop = service.workers(), threading.Event()

        def shop() -> int:
            sent = 0
            while not stop.is_set():
                seconds_of_an_order(service)  # fails when a connection is refused or reset
                sent += 1
            return sent

        with ThreadPoolExecutor(8) as threads:
            shops = [threads.submit(shop) for _ in range(8)]
            try:
                for _ in range(3):
                    restart(service)
            finally:
                stop.set()
            sent = sum(each.result() for each in shops)
        assert not service.workers() & first
        assert sent >= 8
        wait_until(lambda: db.orders.count_documents({}) >= sent)


@pytest.mark.parametrize("said", [b"", b"G", AHEAD + b"\r\n"], ids=["nothing", "one byte", "a request before"])
def test_a_process_that_ends_answers_a_request_sent_on_a_connection_that_it_has_accepted(
    service: Service, said: bytes
) -> None:
    [before] = service.workers()
    with connections(of(service), 1, said) as [connection]:
        if said.endswith(b"\r\n\r\n"):
            first = connection.recv(4096)
            while not first.endswith(b"}\n"):  # the body may come apart from the head
                first += connection.recv(4096)
            assert first.startswith(b"HTTP/1.1 200 ")
        else:
            assert requests.get(f"{service.url}/healthz", timeout=10).ok, "later connections are accepted later"
        listening = _listening(before, of(service)[1])
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not listening & _sockets(before), 30)
        connection.sendall((AHEAD + b"\r\n").removeprefix(said if said == b"G" else b""))
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert b"\r\nconnection: close\r\n" in answer


def _sockets(process: int) -> set[str]:
    """The sockets that a process has open, as /proc names them."""
    found = set()
    for file in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(file.readlink()))
    return found


def _listening(process: int, port: int) -> set[str]:
    """Those of them that wait for connections on a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    on_port = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    return on_port & _sockets(process)


@pytest.mark.parametrize(
    "request_", [AHEAD + b"\r\n", AHEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"], ids=["plain", "upgrades"]
)
def test_who_sends_thousands_of_requests_ahead_of_their_answers_is_cut_off(service: Service, request_: bytes) -> None:
    with socket.create_connection(of(service), 20) as ahead:
        answers = b""
        with suppress(ConnectionError):
            ahead.sendall(request_ * 3000)
            answers = read_all(ahead)
    assert answers.count(b"HTTP/1.1 200 ") <= MAX_PIPELINED
    seconds_of_an_order(service)
    assert "Traceback" not in service.said()


def test_some_requests_are_answered_ahead(service: Service) -> None:
    for request_ in (AHEAD, AHEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"):
        with connections(of(service), 1, (request_ + b"\r\n") * 9 + AHEAD + b"Connection: close\r\n\r\n") as [ahead]:
            assert read_all(ahead).count(b"HTTP/1.1 200 ") == 10


def test_bodies_over_the_limit_that_wait_are_so_many_at_most(service: Service) -> None:
    size = BODY_LIMIT + 1
    head = f"POST {PATH} HTTP/1.1\r\nHost: pos\r\nX-WC-Webhook-Signature: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    endless = head.encode() + b"%x\r\n%s\r\n" % (size, b"x" * size)
    with connections(of(service), 8, endless), connections(of(service), 2, endless) as more:
        answers = [read_all(each, 4) for each in more]
        seconds_of_an_order(service)
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 503 Service Unavailable"] * 2
    assert b'"code": "unavailable"' in answers[0]


def test_a_flood_of_log_ins_from_many_addresses_leaves_threads_to_the_orders(service: Service) -> None:
    body = b'{"name":"nobody","password":"wrong password"}'
    log_in = b"POST /api/auth/login HTTP/1.1\r\nHost: pos\r\nContent-Type: application/json\r\nConnection: close\r\n"
    log_in += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    with connections(of(service), 100, log_in, sources=100) as flood:
        seconds = seconds_of_an_order(service)
        statuses = Counter(read_all(each)[9:12] for each in flood)
    print(f"an order took {seconds:.2f} s; log-ins {statuses}")
    assert statuses[b"503"] > 50, "they wait for no password check"
    assert statuses[b"401"] >= 2


def test_refused_requests_do_not_fill_the_log(service: Service) -> None:
    with connections(of(service), 200, b"NO REQUEST\r\n\r\n") as flood:
        assert {read_all(each)[9:12] for each in flood} == {b"400"}
        wait_until(lambda: "bad_request=" in service.said())
    assert service.said().count("status=400") < 150


@pytest.mark.parametrize("endless", [b"0\r\nX-A: ", b"0;a="], ids=["a field after it", "an extension of a chunk"])
def test_what_surrounds_a_body_has_a_limit_too(service: Service, endless: bytes) -> None:
    said = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n".encode() + endless
    with connections(of(service), 1, said) as [sender]:
        with suppress(ConnectionError):
            sender.sendall(b"a" * 2**20)
        with suppress(ConnectionError):
            answer = read_all(sender, 4)
    assert answer.startswith(b"HTTP/1.1 431 "), answer
