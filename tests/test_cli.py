"""`pos-api`: what it sets up is safe, what it serves can be used, what goes wrong is one line."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from pos_api import config
from pos_api.db import Db
from tests.service import POS_API, environment, mongod_of, pos_api
from tests.waiting import wait_until

SECRETS = ["WEBHOOK_API_KEY", "WEBHOOK_SECRET", "JWT_SECRET", "SECRETS_KEYS"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory that was set up."""
    assert pos_api("init", cwd=tmp_path).returncode == 0
    return tmp_path


def test_init_makes_all_that_is_needed_and_only_its_owner_can_read_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    made = dotenv_values(file)
    monkeypatch.setattr(os, "environ", {})
    settings = config.from_environment(file)
    assert settings.webhook_api_key == made["WEBHOOK_API_KEY"]
    assert settings.secrets_keys == (made["SECRETS_KEYS"],)


def test_init_makes_other_secrets_each_time(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    pos_api("init", cwd=other)
    first, second = dotenv_values(home / ".env"), dotenv_values(other / ".env")
    assert list(first) == list(second) == SECRETS
    assert not set(first.values()) & set(second.values())
    assert all(len(value or "") >= 43 for value in first.values()), "256 bits"


def test_init_leaves_a_file_that_is_there(home: Path) -> None:
    before = (home / ".env").read_text()
    again = pos_api("init", cwd=home)
    assert (again.returncode, again.stderr) == (1, "Error: .env is there already and stays as it is.\n")
    assert (home / ".env").read_text() == before


@pytest.mark.parametrize(
    ("command", "settings", "message"),
    [
        (["serve"], {"JWT_SECRET": "short"}, "JWT_SECRET"),
        (["worker"], {"PORT": "http"}, "PORT"),
        (["backup", "file"], {"MONGODB_URI": "mongo://host/"}, "MONGODB_URI is not usable"),
        (["serve"], {"MONGODB_URI": "mongodb://127.0.0.1:1/"}, "MongoDB can't be reached"),
        (["serve"], {"MONGOD": "/nowhere/mongod"}, "MONGOD names '/nowhere/mongod'"),
        (["restore", "nothing"], {}, "nothing can't be read"),
        (["backup", "no/where"], {}, "no/where can't be written"),
    ],
)
def test_what_goes_wrong_is_one_line(command: list[str], settings: dict[str, str], message: str, home: Path) -> None:
    ended = pos_api(*command, cwd=home, **settings)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: ")
    assert message in ended.stderr
    assert len((ended.stdout + ended.stderr).splitlines()) == 1


def test_without_settings_it_says_how_to_make_them(tmp_path: Path) -> None:
    ended = pos_api("serve", cwd=tmp_path)
    assert ended.returncode == 1
    assert "WEBHOOK_API_KEY" in ended.stderr
    assert "pos-api init" in ended.stderr


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_in_order(signum: int, home: Path) -> None:
    with (home / "output").open("wb") as out:
        process = subprocess.Popen([*POS_API, "worker"], cwd=home, env=environment(), stdout=out, stderr=out)
    wait_until(lambda: "Worker running" in (home / "output").read_text())
    process.send_signal(signum)
    assert process.wait(20) == 0
    assert mongod_of(home) == ""


def test_backup_and_restore(home: Path, tmp_path_factory: pytest.TempPathFactory, db: Db, mongodb_uri: str) -> None:
    db.woocommerceorders.insert_one({"_id": "default:1"})
    uri = {"MONGODB_URI": mongodb_uri.replace("/?", f"/{db.name}?") if "?" in mongodb_uri else mongodb_uri + db.name}
    done = pos_api("backup", "file", cwd=home, **uri)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 woocommerceorders" in done.stdout
    assert pos_api("restore", "file", cwd=home).returncode == 0, "into the store of its own, which is empty"
    again = pos_api("restore", "file", cwd=home)
    assert again.returncode == 1
    assert "not empty" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    assert pos_api("restore", "--force", "file", cwd=home).returncode == 0
