"""What only the real web server sees: bodies without a length, lengths without a body, bytes that are no text."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pos_api.config import Config
from pos_api.db import Db
from tests.factories import API_KEY, PATH
from tests.service import POS_API, environment, running


@pytest.fixture
def address(config: Config, db: Db, tmp_path: Path) -> Iterator[tuple[str, int]]:
    env = environment(
        MONGODB_URI=config.mongodb_uri or "",
        WEBHOOK_API_KEY=API_KEY,
        JWT_SECRET=config.jwt_secret,
        HOST="127.0.0.1",
    )
    with running([*POS_API, "serve"], tmp_path, env) as service:
        parts = urlsplit(service.url)
        yield parts.hostname or "", parts.port or 0


def talk(address: tuple[str, int], head: str | bytes, *body: bytes) -> bytes:
    """Send bytes as they are; returns the reply, as far as there is one before the connection ends."""
    start = f"POST {PATH} HTTP/1.1\r\nHost: pos\r\nConnection: close\r\nContent-Type: application/json\r\n".encode()
    with socket.create_connection(address, timeout=20) as connection:
        try:
            connection.sendall(start + (head.encode() if isinstance(head, str) else head) + b"\r\n\r\n")
            for part in body:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
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
    assert db.inbox.count_documents({}) == 2
    assert b" 200 " in talk(address, f"{key}\r\nContent-Length: {len(envelope())}", envelope()).split(b"\r\n")[0]
