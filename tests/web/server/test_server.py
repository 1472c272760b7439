"""The web server: ready when it says so, whole again after any kill, and gone in order."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from dotenv import dotenv_values

from tests.servers import standalone
from tests.service import POS_API, Service, environment, mongod_of, pos_api, running
from tests.waiting import wait_until

Serve = Callable[..., Service]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory that was set up."""
    assert pos_api("init", cwd=tmp_path).returncode == 0
    return tmp_path


@pytest.fixture
def serve(home: Path) -> Iterator[Serve]:
    """Start the service on its own store, or as the settings say."""
    services = []

    def start(**settings: str) -> Service:
        context = running([*POS_API, "serve"], home, environment(**settings))
        services.append(context)
        return context.__enter__()

    yield start
    for context in services:
        context.__exit__(None, None, None)


def test_serve_tells_what_to_do_next_and_leaves_nothing_running(serve: Serve, home: Path) -> None:
    service = serve()
    assert service.health() == 200
    port = service.url.split(":")[-1]
    try_it = f"./test-webhook.sh --url http://localhost:{port}\n"
    for hint in (f"Server running on port {port}", "/api-docs", "user add", try_it):
        assert hint in service.said()
    assert mongod_of(home)
    assert service.stop() == 0
    assert mongod_of(home) == ""


def test_ctrl_c_stops_it_as_well(serve: Serve, home: Path) -> None:
    service = serve()
    began = time.monotonic()
    assert service.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < 20, "at once, not after what takes too long is killed"
    assert mongod_of(home) == ""
    assert "Traceback" not in service.said()
    assert "SIGKILL" not in service.said()


def test_a_killed_web_worker_is_replaced(serve: Serve) -> None:
    service = serve(WEB_PROCESSES="2")
    wait_until(lambda: len(service.workers()) == 2)
    first = service.workers()
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(service.workers() - first) == 2 and service.health() == 200)
    assert service.said().count("Server running") == 1


def test_the_first_deliveries_of_a_process_may_come_all_at_once(serve: Serve, home: Path) -> None:
    service = serve(WEB_PROCESSES="1", WEBHOOK_PROCESSING="queued")
    headers = {"X-API-Key": dotenv_values(home / ".env")["WEBHOOK_API_KEY"] or ""}
    together = threading.Barrier(24)

    def send(number: int) -> int:
        with requests.Session() as shop:
            together.wait(20)
            said = {"event": "order.created", "data": {"id": number}}
            return shop.post(f"{service.url}/api/webhooks/orders", json=said, headers=headers, timeout=20).status_code

    with ThreadPoolExecutor(24) as threads:
        assert set(threads.map(send, range(1, 25))) == {202}


def test_processes_show_one_set_of_figures(serve: Serve) -> None:
    service = serve(WEB_PROCESSES="2")
    for _ in range(8):  # until both have answered
        page = requests.get(f"{service.url}/metrics", headers={"Connection": "close"}, timeout=10).text
    names = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert {"pos_database_up", "pos_inbox_waiting"} <= set(names)
    assert "pid=" not in page
    assert "pos_database_up 1.0" in page.splitlines()


def test_a_killed_store_is_started_again_and_the_service_with_it(serve: Serve, home: Path) -> None:
    service = serve()
    killed = mongod_of(home)
    os.kill(int(killed), signal.SIGKILL)
    wait_until(lambda: service.health() == 200 and mongod_of(home) not in ("", killed))
    assert service.stop() == 0
    assert mongod_of(home) == ""


def test_a_worker_that_waits_for_the_database_is_stopped_too(serve: Serve, tmp_path: Path) -> None:
    with standalone(tmp_path / "db") as mongod:
        service = serve(
            WEB_PROCESSES="1", MONGODB_URI=f"mongodb://127.0.0.1:{mongod.port}/?serverSelectionTimeoutMS=100"
        )
        mongod.kill()
        (worker,) = service.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: "a web worker waits for the database" in service.said())
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(20) == 0, "long before what takes too long is killed"


def test_a_worker_that_hangs_does_not_leave_the_store_running(serve: Serve, home: Path) -> None:
    service = serve(WEB_PROCESSES="1")
    (worker,) = service.workers()
    os.kill(worker, signal.SIGSTOP)
    service.process.send_signal(signal.SIGTERM)
    wait_until(lambda: service.health(seconds=1) == 0)
    assert service.stop(signal.SIGINT) == 0, "the second signal says that it is urgent"
    assert mongod_of(home) == ""


def test_its_log_has_no_key_in_it(serve: Serve, home: Path) -> None:
    service = serve(LOG_LEVEL="DEBUG")
    secrets = [value for value in dotenv_values(home / ".env").values() if value]
    for secret in secrets:
        subprocess.run(
            ["curl", "-s", "-H", f"X-API-Key: {secret}", f"{service.url}/api/webhooks/orders?api_key={secret}", "-d{}"],
            check=True,
            capture_output=True,
        )
    service.stop()
    assert [secret for secret in secrets if secret in service.said()] == []


def test_what_is_on_its_way_is_finished_before_it_ends(serve: Serve, home: Path) -> None:
    service = serve(WEB_PROCESSES="1")
    body = json.dumps({"event": "order.created", "data": {"id": 7}}).encode()
    key = dotenv_values(home / ".env")["WEBHOOK_API_KEY"]
    request = (
        "POST /api/webhooks/orders HTTP/1.1\r\nHost: pos\r\nConnection: close\r\n"
        f"X-API-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as shop:
        shop.sendall(request.encode() + body[:10])
        assert service.health() == 200, "the half of a request is in a thread by now"
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: service.health(seconds=1) == 0)
        shop.sendall(body[10:])
        answer = shop.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"outcome":"created"' in answer
    assert service.process.wait(40) == 0
    assert mongod_of(home) == ""


def test_a_port_that_is_taken_is_told_in_one_line(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = pos_api("serve", cwd=home, HOST="127.0.0.1", PORT=str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "Address already in use" in ended.stderr
