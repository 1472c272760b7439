"""`pos-api subscription`: who is sent events, as the command line shows and changes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from pos_api.cli import subscription as commands
from pos_api.cli.common import Commands
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.outbox.subscriptions import get, secrets_of
from pos_api.staff import audit
from pos_api.staff.audit import Filter
from tests.outbox.delivering.receivers import Answer, Receiver, receiving
from tests.service import settings_of

Run = Callable[..., Result]
TEXT_SECRET = "a text of sixteen or more"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, config: Config, db: Db) -> Run:
    """Run a command in this process; failures are one line, as at the command line."""
    monkeypatch.setattr(recently_read, "MAX_AGE", 0.0)
    for name, value in {**settings_of(config), "OUTBOUND_ALLOW": "127.0.0.0/8"}.items():
        monkeypatch.setenv(name, value)
    main = Commands(commands=[commands.subscription])
    return lambda *line, stdin="": CliRunner().invoke(main, ["subscription", *line], input=stdin)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def made(run: Run, *line: str, stdin: str = "") -> tuple[str, str]:
    """Id and secret of a subscription that is added."""
    ended = run("add", *line, stdin=stdin)
    assert ended.exit_code == 0, ended.output
    identifier, secret = ended.stdout.splitlines()[-1].split("  ")
    return identifier, secret


def test_one_is_added_listed_shown_rotated_and_removed(run: Run, db: Db, config: Config) -> None:
    identifier, secret = made(run, "https://erp.example/a", "--event", "order.*", "--event", "stock.low")
    assert secrets_of(get(db, identifier), config) == [secret]
    [line] = run("list").output.splitlines()
    assert line == f"{identifier}  ok  0 waiting  https://erp.example/a  order.* stock.low"
    db.webhook_subscriptions.update_one({"_id": identifier}, {"$set": {"failing_since": now(), "failures_in_row": 3}})
    assert f"{identifier}  ok, 3 failed  0 waiting" in run("list").output, "it is not well"
    shown = json.loads(run("show", identifier).output)
    assert (shown["id"], shown["events"]) == (identifier, ["order.*", "stock.low"])
    assert secret not in str(shown)
    rotated = run("rotate", identifier).output
    assert secrets_of(get(db, identifier), config)[0] in rotated
    assert run("remove", identifier).output == f"Removed {identifier}\n"
    assert run("show", identifier).exit_code == 1


def test_a_secret_is_read_where_it_is_a_hyphen(run: Run, db: Db, config: Config) -> None:
    identifier, _ = made(
        run, "https://erp.example/", "--signature", "karma", "--secret", "-", stdin=f"{TEXT_SECRET}\n{TEXT_SECRET}\n"
    )
    assert secrets_of(get(db, identifier), config) == [TEXT_SECRET]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (("ftp://erp.example/",), "url: "),
        (("https://erp.example/", "--event", "order.shipped"), "events: order.shipped: no such events"),
        (("https://erp.example/", "--store", "nowhere"), "stores: There is no store nowhere."),
        (("https://erp.example/", "--secret", "short"), "secret: "),
    ],
)
def test_what_can_not_be_used_is_refused_in_a_line(run: Run, db: Db, line: tuple[str, ...], problem: str) -> None:
    ended = run("add", *line)
    assert ended.exit_code == 1
    assert problem in ended.output
    assert "short" not in ended.output
    assert db.webhook_subscriptions.count_documents({}) == 0


def test_a_test_prints_what_came_back(run: Run, receiver: Receiver, db: Db) -> None:
    identifier, _ = made(run, receiver.url("a"))
    ended = run("test", identifier)
    assert ended.exit_code == 0
    assert ended.output.startswith("200 ok  after ")
    receiver.answer = lambda _: Answer(500, body=b"broken")
    ended = run("test", identifier)
    assert ended.exit_code == 1
    assert ended.output.startswith("500 broken  after ")
    assert [each["target"] for each in audit.find(db, Filter(action="webhook.tested"))] == [identifier] * 2


def test_one_that_was_disabled_is_resumed(run: Run, db: Db) -> None:
    identifier, _ = made(run, "https://erp.example/")
    off = {"active": False, "disabled_reason": "The receiver answered 410 Gone."}
    db.webhook_subscriptions.update_one({"_id": identifier}, {"$set": off})
    assert run("resume", identifier).output == "Resumed; 0 waiting for https://erp.example/\n"
    assert get(db, identifier)["active"] is True
