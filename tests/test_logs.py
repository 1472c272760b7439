"""The log: one line per thing that happened, whatever was in it, and no secret in any of them."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pos_api import logs
from pos_api.config import Config


@pytest.fixture(autouse=True)
def own_request() -> Iterator[None]:
    logs.begin_request("")
    yield
    logs.begin_request("")


@pytest.fixture(params=["text", "json"])
def any_format(request: pytest.FixtureRequest, config: Config) -> Config:
    configured = replace(config, log_format=request.param)
    logs.configure(configured)
    return configured


def test_json_has_event_level_time_request_and_what_was_said(config: Config, capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(replace(config, log_format="json"))
    logs.begin_request("r1")
    logs.get_logger("shop").info("📦 Webhook received: order.created", number="1042")
    line = json.loads(capfd.readouterr().out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "📦 Webhook received: order.created",
        "level": "info",
        "module": "shop",
        "request_id": "r1",
        "number": "1042",
    }


def test_text_reads_as_a_sentence_with_details(config: Config, capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(config)
    logs.get_logger("shop").warning("stock below zero", sku="Å 1", stock=-2)
    line = capfd.readouterr().out
    assert line.split(" ", 1)[1] == 'warning  stock below zero  module=shop  sku="Å 1"  stock=-2\n'


@pytest.mark.parametrize("name", ["api_key", "x_api_key", "signature", "token", "password", "email", "billing", "body"])
def test_what_must_not_be_told_is_left_out(name: str, any_format: Config, capfd: pytest.CaptureFixture[str]) -> None:
    logs.get_logger("shop").info("something", **{name: "s3cret"})
    line = capfd.readouterr().out
    assert "s3cret" not in line
    assert "left out" in line


@pytest.mark.parametrize("address", ["jane.doe+shop@mail.example.com", "j.o'doe@example.com", "jöe_doe@exämple.se"])
def test_no_e_mail_address_is_told_in_any_value(
    address: str, any_format: Config, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.get_logger("shop").info(
        f"no order of {address}", path=f"/api/customers/{address}", count=2, reason=f"<{address}>"
    )
    logging.getLogger("gunicorn.error").warning("Invalid request: /api/customers/%s", address)
    said = capfd.readouterr().out
    assert "doe" not in said
    assert "mple." not in said
    assert said.count("[e-mail]") == 4


def test_a_traceback_tells_no_e_mail_address(any_format: Config, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("dup key: { _id: 'jane.doe+shop@mail.example.com' }")
    except ValueError:
        logs.get_logger("shop").exception("unexpected error")
    line = capfd.readouterr().out
    assert "ValueError: dup key" in line
    assert "jane" not in line
    assert "example.com" not in line


@pytest.mark.parametrize("text", ["one\n2026-01-01 forged", "a\x1b[31m", "\x9b31m", "\u202e", "\ud800", "\u2028"])
def test_what_a_sender_says_can_not_look_like_another_line(
    text: str, any_format: Config, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.get_logger("shop").info(f"received: {text}", topic=text)
    line = capfd.readouterr().out
    assert line.endswith("\n")
    assert line[:-1].isprintable()


def test_other_libraries_speak_through_it_from_warnings_on(
    any_format: Config, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("pymongo.pool").info("chatter")
    logging.getLogger("gunicorn.error").warning("Worker was sent SIGKILL!")
    out = capfd.readouterr().out
    assert "chatter" not in out
    assert len(out.splitlines()) == 1
    assert "Worker was sent SIGKILL!" in out


def test_the_level_is_a_setting(config: Config, capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(replace(config, log_level="ERROR"))
    logs.get_logger("shop").warning("not now")
    logs.get_logger("shop").error("but this")
    assert "but this" in capfd.readouterr().out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_costs_the_line_and_not_the_request(any_format: Config) -> None:
    stdout = os.dup(1)
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        os.dup2(full, 1)
        logs.get_logger("shop").info("lost")
        logging.getLogger("gunicorn.error").error("lost too")
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(full)
