"""`pos-api`: what it sets up is safe, what it serves can be used, what goes wrong is one line."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from dotenv import dotenv_values

from pos_api import cli
from pos_api import config as settings
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Unauthorized
from pos_api.inbox import finishing, storing
from pos_api.inbox.model import InboxEntry, Outcome
from pos_api.staff import tokens, users
from pos_api.staff.tokens import Tokens
from pos_api.stores import key_management
from pos_api.stores.registry import Stores
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
    read = settings.from_environment(file)
    assert read.webhook_api_key == made["WEBHOOK_API_KEY"]
    assert read.secrets_keys == (made["SECRETS_KEYS"],)


def test_init_makes_other_secrets_each_time(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    pos_api("init", cwd=other)
    first, second = dotenv_values(home / ".env"), dotenv_values(other / ".env")
    assert list(first) == list(second) == SECRETS
    assert not set(first.values()) & set(second.values())
    assert all(len(value or "") >= 43 for value in first.values()), "256 bits"


@pytest.mark.skipif(not Path("/proc").exists(), reason="the system has no directory that not even root may write to")
def test_init_says_where_it_cant_write() -> None:
    ended = pos_api("init", cwd=Path("/proc"))
    assert (ended.returncode, ended.stderr) == (1, "Error: .env can't be written: No such file or directory.\n")


def test_init_leaves_a_file_that_is_there(home: Path) -> None:
    before = (home / ".env").read_text()
    again = pos_api("init", cwd=home)
    assert (again.returncode, again.stderr) == (1, "Error: .env is there already and stays as it is.\n")
    assert (home / ".env").read_text() == before


def test_init_adds_the_secrets_that_a_file_lacks_and_changes_nothing_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nPORT=8090\nJWT_SECRET=\nSTORE_NAME='A ${shop}'")
    file.chmod(0o644)
    before = file.read_text()
    added = pos_api("init", cwd=tmp_path, SECRETS_KEYS="of the environment")
    assert (added.returncode, added.stderr) == (0, "")
    assert added.stdout.startswith("Added WEBHOOK_API_KEY, WEBHOOK_SECRET, JWT_SECRET to .env;")
    assert file.read_text().startswith(f"{before}\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640, "it holds secrets now"
    made = dotenv_values(file, interpolate=False)
    assert set(made) == {"PORT", "STORE_NAME", "WEBHOOK_API_KEY", "WEBHOOK_SECRET", "JWT_SECRET"}
    assert made["STORE_NAME"] == "A ${shop}"
    assert all(len(made[name] or "") >= 43 for name in SECRETS[:3])
    for secret in (made["WEBHOOK_API_KEY"] or "", made["JWT_SECRET"] or ""):
        assert secret not in added.stdout


def test_init_makes_no_webhook_secret_where_the_api_key_is_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"WEBHOOK_API_KEY={'k' * 32}\n")
    assert pos_api("init", cwd=tmp_path).stdout.startswith("Added JWT_SECRET, SECRETS_KEYS to .env;")
    assert set(dotenv_values(file)) == {"WEBHOOK_API_KEY", "JWT_SECRET", "SECRETS_KEYS"}


def test_init_adds_nothing_to_a_file_that_it_cant_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STORE_NAME='Caf\n")
    ended = pos_api("init", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "Error: .env: line 1 is not NAME=value, or a quote is open.\n")
    assert (tmp_path / ".env").read_text() == "STORE_NAME='Caf\n"


@pytest.mark.parametrize(
    ("command", "given", "message"),
    [
        (["serve"], {"JWT_SECRET": "short"}, "JWT_SECRET"),
        (["worker"], {"PORT": "http"}, "PORT"),
        (["backup", "file"], {"MONGODB_URI": "mongo://host/"}, "MONGODB_URI is not usable"),
        (["backup", "file"], {"MONGODB_URI": "mongodb://127.0.0.1:1/?tsl=true"}, "MONGODB_URI is not usable: Unknown"),
        (["serve"], {"MONGODB_URI": "mongodb://127.0.0.1:1/?tls=yes"}, "MONGODB_URI is not usable: The value of tls"),
        (["serve"], {"MONGODB_URI": "mongodb://127.0.0.1:1/"}, "MongoDB can't be reached"),
        (["serve"], {"MONGOD": "/nowhere/mongod"}, "MONGOD names '/nowhere/mongod'"),
        (["restore", "nothing"], {}, "nothing can't be read"),
        (["backup", "no/where"], {}, "no/where can't be written"),
    ],
)
def test_what_goes_wrong_is_one_line(command: list[str], given: dict[str, str], message: str, home: Path) -> None:
    ended = pos_api(*command, cwd=home, **given)
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


def test_backup_and_restore(home: Path, db: Db, config: Config) -> None:
    db.orders.insert_one({"_id": "default:1"})
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    done = pos_api("backup", "file", cwd=home, **uri)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 orders" in done.stdout
    assert pos_api("restore", "file", cwd=home).returncode == 0, "into the store of its own, which is empty"
    again = pos_api("restore", "file", cwd=home)
    assert again.returncode == 1
    assert "not empty" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    assert pos_api("restore", "--force", "file", cwd=home).returncode == 0


def test_a_backup_needs_the_key_that_made_it(home: Path, db: Db, config: Config) -> None:
    db.orders.insert_one({"_id": "default:1"})
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    another = {**uri, "SECRETS_KEYS": Fernet.generate_key().decode()}
    pos_api("backup", "--encrypt", "secret", cwd=home, **uri)
    pos_api("backup", "sealed", cwd=home, **uri)
    (home / "junk").write_bytes(b"PK\x05\x06" + b"\x1b[2J" * 100)
    for file in ("secret", "sealed", "junk"):
        refused = pos_api("restore", "--force", file, cwd=home, **another)
        assert refused.returncode == 1
        assert f"{file} can't be trusted" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert db.orders.count_documents({}) == 1
    assert "junk is not a backup" in pos_api("restore", "--unsealed", "--force", "junk", cwd=home, **uri).stderr
    assert pos_api("restore", "--unsealed", "--force", "sealed", cwd=home, **another).returncode == 0
    assert pos_api("restore", "--force", "secret", cwd=home, **uri).returncode == 0
    without = {**uri, "SECRETS_KEYS": ""}
    assert "SECRETS_KEYS is not set" in pos_api("backup", "file", cwd=home, **without).stderr


def test_a_user_that_was_added_can_log_in(home: Path, db: Db, config: Config) -> None:
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    added = pos_api("user", "add", "Anna", "--role", "admin", cwd=home, stdin="correct horse\n", **uri)
    assert (added.returncode, added.stdout) == (0, "Added anna, admin.\n")
    assert users.log_in(db, "anna", "correct horse").role == "admin"
    pos_api("user", "role", "Anna", "manager", cwd=home, **uri)
    pos_api("user", "password", "anna", cwd=home, stdin="battery staple\n", **uri)
    assert users.log_in(db, "anna", "battery staple").role == "manager"
    assert "anna" in pos_api("user", "list", cwd=home, **uri).stdout
    assert pos_api("user", "remove", "anna", cwd=home, **uri).returncode == 0
    with pytest.raises(Unauthorized):
        users.log_in(db, "anna", "battery staple")


def test_a_token_speaks_for_a_script_is_listed_and_revoked(home: Path, db: Db, config: Config) -> None:
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    secret = dotenv_values(home / ".env")["JWT_SECRET"] or ""
    made = pos_api("token", "nightly", "--role", "manager", cwd=home, **uri)
    header = f"Bearer {made.stdout.strip()}"
    found = Tokens(db, secret, max_age=0).check(header)
    assert (found.name, found.role, made.stderr) == ("nightly", "manager", "")
    listed = pos_api("token", "list", cwd=home, **uri).stdout
    assert listed.startswith(f"{found.id}  nightly")
    assert "manager" in listed
    revoked = pos_api("token", "revoke", found.id, cwd=home, **uri)
    assert revoked.stdout == "Revoked; every process refuses it within five seconds.\n"
    with pytest.raises(Unauthorized):
        Tokens(db, secret).check(header)
    assert pos_api("token", "list", cwd=home, **uri).stdout == ""
    again = pos_api("token", "revoke", found.id, cwd=home, **uri)
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    "arguments", [("nightly",), ("--hours", "1", "nightly"), ("create", "nightly"), ("create", "list", "--hours", "1")]
)
def test_a_token_is_made_with_or_without_the_word_create(
    home: Path, db: Db, config: Config, arguments: tuple[str, ...]
) -> None:
    assert pos_api("token", *arguments, cwd=home, MONGODB_URI=str(config.mongodb_uri)).returncode == 0
    assert [each["name"] for each in tokens.scripts(db)] == ["list" if "list" in arguments else "nightly"]


def test_a_token_for_nobody_is_refused(home: Path, config: Config) -> None:
    made = pos_api("token", " ", cwd=home, MONGODB_URI=str(config.mongodb_uri))
    assert (made.returncode, made.stdout) == (1, "")
    assert "name has 1 to 200 characters" in made.stderr


def test_a_key_that_would_never_work_is_refused(home: Path, db: Db, config: Config) -> None:
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    made = pos_api("key", "add", "default", "--expires", "2020-01-01", cwd=home, **uri)
    assert (made.returncode, made.stdout) == (2, "")
    assert "'--expires': that day or time is past already" in made.stderr
    assert key_management.list_keys(db, "default") == []


def store_of(db: Db, config: Config, key: str) -> str | None:
    found = Stores(db, config).of_key(key)
    return found.store if found else None


def test_a_shop_is_added_and_its_keys_are_changed(home: Path, db: Db, config: Config) -> None:
    uri = {"MONGODB_URI": str(config.mongodb_uri), "SECRETS_KEYS": config.secrets_keys[0]}
    printed = pos_api("store", "add", "shop-b", "--url", "https://b.example", cwd=home, **uri).stdout
    words = {line.split(":")[0].strip(): line.split()[-1] for line in printed.splitlines()}
    added = words["API key"]
    assert store_of(db, config, added) == "shop-b"
    assert Stores(db, config).get("shop-b").webhook_secrets == (words["secret, for WooCommerce's own webhooks"],)
    second = pos_api("key", "add", "shop-b", "--expires", "2999-01-01", cwd=home, **uri).stdout.strip()
    assert store_of(db, config, second) == "shop-b"
    prefix = added[:12]
    assert prefix in pos_api("key", "list", "shop-b", cwd=home, **uri).stdout
    assert pos_api("key", "revoke", "shop-b", prefix, cwd=home, **uri).returncode == 0
    assert (store_of(db, config, added), store_of(db, config, second)) == (None, "shop-b")
    assert "https://b.example" in pos_api("store", "list", cwd=home, **uri).stdout


def in_line(line: str) -> dict[str, str]:
    """What a line to paste holds, as the plugin reads it."""
    assert line.startswith("pos-sync:")
    held: dict[str, str] = json.loads(base64.urlsafe_b64decode(line.removeprefix("pos-sync:") + "=="))
    return held


def test_adding_a_shop_prints_one_line_that_sets_up_its_plugin(home: Path, db: Db, config: Config) -> None:
    given = {"MONGODB_URI": str(config.mongodb_uri), "PUBLIC_URL": "https://pos.example/till/"}
    added = pos_api("store", "add", "shop-c", cwd=home, **given)
    held = in_line(added.stdout.splitlines()[-1])
    assert held["url"] == "https://pos.example/till/api/webhooks/orders"
    assert held["key"] in added.stdout.splitlines()[1], "the key of the line is the one that is printed"
    assert added.stderr == ""
    assert store_of(db, config, held["key"]) == "shop-c"
    another = in_line(pos_api("key", "add", "shop-c", "--connect", cwd=home, **given).stdout.strip())
    assert another["url"] == held["url"]
    assert store_of(db, config, another["key"]) == "shop-c"


def test_the_line_of_the_default_shop_is_printed_only_on_request(home: Path, db: Db, config: Config) -> None:
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    key = dotenv_values(home / ".env")["WEBHOOK_API_KEY"] or ""
    shown = pos_api("store", "show", "default", cwd=home, **uri)
    assert "http://localhost:8080/api/webhooks/orders" in shown.stdout
    assert key not in shown.stdout + shown.stderr
    assert "pos-sync:" not in shown.stdout + shown.stderr
    line = pos_api("store", "show", "default", "--connect", cwd=home, PORT="9000", **uri)
    assert in_line(line.stdout.strip()) == {"url": "http://localhost:9000/api/webhooks/orders", "key": key}
    assert "PUBLIC_URL is not set" in line.stderr, "it says what to replace"
    assert key not in line.stderr


def test_a_line_needs_a_key_that_is_known(home: Path, db: Db, config: Config) -> None:
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    pos_api("store", "add", "shop-d", cwd=home, **uri)
    refused = pos_api("store", "show", "shop-d", "--connect", cwd=home, **uri)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "key add shop-d --connect" in refused.stderr
    assert "store add nobody" in pos_api("store", "show", "nobody", cwd=home, **uri).stderr


def test_the_key_of_the_settings_is_listed_with_the_default_shops_others(home: Path, db: Db, config: Config) -> None:
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    listed = pos_api("key", "list", "default", cwd=home, **uri).stdout
    assert listed == "default  WEBHOOK_API_KEY  of the settings; no service has run with it yet\n"
    key_management.note_settings_key(db, config)
    limits = ("--scope", "read", "--scope", "orders", "--ip", "192.0.2.7", "--ip", "::ffff:198.51.100.0/120")
    key = pos_api("key", "add", "default", *limits, cwd=home, **uri).stdout.strip()
    pos_api("store", "add", "north", cwd=home, **uri)
    first, second, third = pos_api("key", "list", cwd=home, **uri).stdout.splitlines()
    assert first.startswith("default  WEBHOOK_API_KEY  orders, known since 20")
    assert first.endswith("0 days old, used never")
    assert second.startswith(f"default  {key[:12]}…  orders, read, made 20")
    assert second.endswith("only from 192.0.2.7/32, 198.51.100.0/24")
    assert third.startswith("north  pos_")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scope", "write"), "'write' is not one of"),
        (("--ip", "shop.example"), "'shop.example' is no IP address and no network"),
        (("--ip", "192.0.2.7/24"), "the whole network is 192.0.2.0/24"),
        (("--scope", "read", "--connect"), "the plugin needs the scope orders"),
    ],
)
def test_a_key_with_limits_that_make_no_sense_is_not_made(
    home: Path, db: Db, config: Config, arguments: tuple[str, ...], said: str
) -> None:
    made = pos_api("key", "add", "default", *arguments, cwd=home, MONGODB_URI=str(config.mongodb_uri))
    assert made.returncode != 0
    assert said in made.stderr
    assert key_management.list_keys(db, "default") == []


def test_when_a_shop_went_live_is_a_setting(home: Path, db: Db, config: Config) -> None:
    nothing = pos_api("store", "set", "default", cwd=home, MONGODB_URI=str(config.mongodb_uri))
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "Nothing to change" in nothing.stderr
    arguments = ["store", "set", "default", "--live-since", "2026-03-01T12:00:00+01:00"]
    assert pos_api(*arguments, cwd=home, MONGODB_URI=str(config.mongodb_uri)).returncode == 0
    assert Stores(db, config).get("default").live_since == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_a_parked_delivery_is_shown_with_its_reason_and_replayed(home: Path, db: Db, config: Config) -> None:
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    event = InboxEntry("default", "woocommerce", "order.created", "7", b"{}", {}, now())
    storing.store(db, [event], "lease")
    details = {"data.total": "not an amount of money", "data.id": "is required"}
    parked = Outcome("parked", reason="The order is not valid.", details=details)
    finishing.finish(db, "lease", [(event.key, parked)])
    shown = pos_api("inbox", cwd=home, **uri).stdout
    assert "parked   default order.created 7  The order is not valid." in shown
    assert "  data.total: not an amount of money\n  data.id: is required\n" in shown
    assert event.key in shown
    assert f"  is deleted on {(now() + timedelta(days=365)).date()}, unless it is replayed\n" in shown
    assert pos_api("replay", event.key, cwd=home, **uri).stdout.startswith("1 due again")
    assert storing.waiting(db) == 1
    nothing = pos_api("inbox", cwd=home, **uri)
    assert (nothing.stdout, nothing.stderr) == ("", "Nothing needs a look.\n")
    assert event.key in pos_api("inbox", "--state", "waiting", cwd=home, **uri).stdout
    assert pos_api("replay", cwd=home, **uri).returncode == 2


ATTACK = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\n2026-01-01 applied default order.created 1"


def test_what_a_shop_sent_cant_command_the_terminal_or_fake_a_line(home: Path, db: Db, config: Config) -> None:
    event = InboxEntry("default", "woocommerce", f"order.created{ATTACK}", f"7{ATTACK}", b"{}", {}, now())
    storing.store(db, [event], "lease")
    parked = Outcome("parked", reason=f"Not valid: {ATTACK}", details={f"data.{ATTACK}": ATTACK})
    finishing.finish(db, "lease", [(event.key, parked)])
    shown = pos_api("inbox", cwd=home, MONGODB_URI=str(config.mongodb_uri))
    assert len(shown.stdout.splitlines()) == 4, "the delivery, its detail, its key, until when it is kept"
    assert all(line.isprintable() for line in shown.stdout.splitlines())
    assert shown.stdout.count("\\u001b]0;owned\\u0007") == 5, "shown, not hidden"
    failed = pos_api("key", "list", ATTACK, cwd=home, MONGODB_URI=str(config.mongodb_uri))
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert failed.stderr.rstrip("\n").isprintable()


def test_every_command_prints_through_the_one_function_that_escapes() -> None:
    source = "".join(file.read_text() for file in Path(cli.__file__).parent.glob("*.py"))
    assert source.count("click.echo(") == 1
    assert not re.search(r"\bprint\(|\bsecho\(", source)


def test_a_shop_is_disconnected_and_one_added_by_mistake_removed(home: Path, db: Db, config: Config) -> None:
    uri = {"MONGODB_URI": str(config.mongodb_uri)}
    pos_api("store", "add", "north", cwd=home, **uri)
    assert pos_api("store", "disconnect", "north", cwd=home, **uri).returncode == 0
    assert pos_api("key", "list", "north", cwd=home, **uri).stdout == ""
    assert "WEBHOOK_API_KEY" in pos_api("store", "disconnect", "default", cwd=home, **uri).stdout
    db.orders.insert_one({"_id": "north:1", "store": "north"})
    refused = pos_api("store", "remove", "north", cwd=home, **uri)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "store disconnect north" in refused.stderr
    db.orders.delete_many({})
    assert pos_api("store", "remove", "north", cwd=home, **uri).returncode == 0
    assert "north" not in pos_api("store", "list", cwd=home, **uri).stdout
