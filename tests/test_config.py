"""Settings: the environment over .env, and every mistake told in one line that names the setting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from pos_api import config
from pos_api.config import ConfigError

SECRETS = {"WEBHOOK_API_KEY": "a-key-of-more-than-thirty-two-characters", "JWT_SECRET": "j" * 32}


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with the two required settings and nothing else of ours, put back afterwards."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in [
        *("WEBHOOK_API_KEY", "WEBHOOK_SECRET", "JWT_SECRET", "SECRETS_KEYS", "MONGODB_URI", "DATA_DIR", "HOST"),
        *("PORT", "WEB_PROCESSES", "WEB_THREADS", "WEBHOOK_PROCESSING", "STORE_NAME", "STORE_URL"),
        *("STORE_TIMEZONE", "LOG_LEVEL", "LOG_FORMAT", "PROXIES", "PUBLIC_URL", "AUDIT_DAYS", "ORDER_META"),
        *("INBOX_DAYS", "INBOX_PARKED_DAYS", "ORDER_PERSONAL_DAYS"),
    ]:
        monkeypatch.delenv(name, raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def test_two_secrets_are_all_that_is_needed() -> None:
    settings = config.from_environment(None)
    assert (settings.port, settings.mongodb_uri, settings.data_dir) == (8080, None, Path("var"))
    assert settings.webhook_processing == "inline"


def test_the_api_key_signs_native_webhooks_until_there_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.from_environment(None).webhook_secret == SECRETS["WEBHOOK_API_KEY"]
    monkeypatch.setenv("WEBHOOK_SECRET", "another" * 5)
    assert config.from_environment(None).webhook_secret == "another" * 5


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=9001\nSTORE_NAME='Shop in file'\nMONGODB_URI=mongodb://file/\n")
    monkeypatch.setenv("PORT", "9002")
    settings = config.from_environment(file)
    assert (settings.port, settings.store_name) == (9002, "Shop in file")
    assert settings.mongodb_uri == "mongodb://file/"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("STORE_NAME=Caf\u00e9".encode("latin-1"), "is not UTF-8"),
        (b"PORT=9001\n\nSTORE_NAME='Caf\n", "line 3 is not NAME=value"),
    ],
)
def test_a_file_that_cant_be_read_is_one_line_too(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as raised:
        config.from_environment(file)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_is_one_line_too(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.touch(mode=0)
    with pytest.raises(ConfigError, match=r"\.env can't be read: Permission denied"):
        config.from_environment(file)


def test_an_empty_setting_is_one_that_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "")
    monkeypatch.setenv("MONGODB_URI", "")
    settings = config.from_environment(None)
    assert (settings.data_dir, settings.mongodb_uri) == (Path("var"), None)


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_has_a_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match=rf"{name}.*pos-api init"):
        config.from_environment(None)
    monkeypatch.setenv(name, "")
    with pytest.raises(ConfigError, match=name):
        config.from_environment(None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", "j" * 31),
        ("WEBHOOK_API_KEY", "  "),
        ("WEBHOOK_API_KEY", "a"),
        ("WEBHOOK_API_KEY", "k" * 15 + "   "),
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("WEB_PROCESSES", "0"),
        ("WEB_THREADS", "-1"),
        ("WEBHOOK_PROCESSING", "sometimes"),
        ("STORE_TIMEZONE", "Europe/Nowhere"),
        ("STORE_TIMEZONE", "../../etc/passwd"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("OUTBOUND_ALLOW", "10.0.0.0/8,intranet"),
        ("OUTBOUND_ALLOW", "10.0.0.1/8"),
        ("PROXIES", "-1"),
        ("PUBLIC_URL", "pos.example"),
        ("PUBLIC_URL", "https://me:secret@pos.example"),
        ("PUBLIC_URL", "https://pos.example/?a=b"),
        ("PUBLIC_URL", "https://pos.example:http"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_setting(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name) as raised:
        config.from_environment(None)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("INBOX_DAYS", "ten", "INBOX_DAYS: Not a valid integer."),
        ("PROXIES", "-1", "PROXIES: Must be greater than or equal to 0 and less than or equal to 5."),
    ],
)
def test_a_mistake_is_said_in_a_sentence(name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as raised:
        config.from_environment(None)
    assert str(raised.value) == message


def test_what_is_no_fernet_key_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_KEYS", f"{Fernet.generate_key().decode()},s3cret")
    warnings = config.from_environment(None).warnings
    assert [each for each in warnings if "SECRETS_KEYS" in each] == [
        "SECRETS_KEYS: key 2 is not a Fernet key; `pos-api init` makes one."
    ]


def test_the_level_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert config.from_environment(None).log_level == "DEBUG"


def test_the_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "WEBHOOK_API_KEY": "s3cret-" + "a" * 32,
        "WEBHOOK_SECRET": "s3cret-" + "b" * 32,
        "JWT_SECRET": "s3cret-" + "c" * 32,
        "SECRETS_KEYS": "s3cret-d,s3cret-e",
        "MONGODB_URI": "mongodb://user:s3cret-f@host/",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    settings = config.from_environment(None)
    assert settings.secrets_keys == ("s3cret-d", "s3cret-e")
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(("length", "warned"), [(16, True), (31, True), (32, False)])
def test_a_short_key_is_warned_of(length: int, warned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_API_KEY", "k" * length)
    warnings = config.from_environment(None).warnings
    assert [each.split()[0] for each in warnings] == ["WEBHOOK_API_KEY"] * warned
    assert "k" * length not in str(warnings)


def test_a_short_webhook_secret_is_warned_of_as_shops_may_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", "s" * 8)
    (warning,) = config.from_environment(None).warnings
    assert warning.startswith("WEBHOOK_SECRET has only 8 characters")


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=9001\n")
    file.chmod(0o644)
    (warning,) = config.from_environment(file).warnings
    assert f"chmod 600 {file}" in warning
    file.chmod(0o600)
    assert config.from_environment(file).warnings == ()


@pytest.mark.parametrize(
    ("line", "warned"),
    [
        ("WEBHOOK_SECRET=abcdefghijklmnop #qrstuvwxyz0123456789", " #"),
        ("WEBHOOK_SECRET=abcdefghijklmnop${HOME}qrstuvwxyz0123456789", "${…}"),
        ("WEBHOOK_SECRET='abcdefghijklmnop${HOME}qrstuvwxyz0123456789'", "${…}"),
        ("WEBHOOK_SECRET='abcdefghijklmnop #qrstuvwxyz0123456789'", ""),
        ("WEBHOOK_SECRET=abcdefghijklmnop#qrstuvwxyz0123456789", ""),
        ("PORT=9001 # where it listens", ""),
    ],
)
def test_a_secret_that_is_read_otherwise_than_written_is_warned_of(line: str, warned: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{line}\n")
    file.chmod(0o600)
    warnings = [each for each in config.from_environment(file).warnings if "characters; 32" not in each]
    assert len(warnings) == bool(warned)
    assert all("WEBHOOK_SECRET" in each and warned in each and "abcdef" not in each for each in warnings)


def test_the_audit_is_kept_for_400_days_and_never_for_less_than_30(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.from_environment(None).audit_days == 400
    monkeypatch.setenv("AUDIT_DAYS", "30")
    assert config.from_environment(None).audit_days == 30
    monkeypatch.setenv("AUDIT_DAYS", "29")
    with pytest.raises(ConfigError, match="AUDIT_DAYS"):
        config.from_environment(None)


def test_meta_data_to_keep_is_named_by_keys_or_their_beginnings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.from_environment(None).order_meta == ()
    monkeypatch.setenv("ORDER_META", "_billing_vat*, po_number,")
    assert config.from_environment(None).order_meta == ("_billing_vat*", "po_number")
    monkeypatch.setenv("ORDER_META", "_billing_*_vat")
    with pytest.raises(ConfigError, match=r"ORDER_META: '_billing_\*_vat'"):
        config.from_environment(None)


def test_deliveries_are_kept_for_90_days_and_those_to_look_at_for_a_year(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.from_environment(None)
    assert (settings.inbox_days, settings.inbox_parked_days, settings.order_personal_days) == (90, 365, 0)
    monkeypatch.setenv("INBOX_PARKED_DAYS", "0")
    with pytest.raises(ConfigError, match="INBOX_PARKED_DAYS"):
        config.from_environment(None)


def test_events_are_kept_for_30_days(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.from_environment(None).event_days == 30
    monkeypatch.setenv("EVENT_DAYS", "7")
    assert config.from_environment(None).event_days == 7
    for too_few in ("0", "6"):
        monkeypatch.setenv("EVENT_DAYS", too_few)
        with pytest.raises(ConfigError, match=r"EVENT_DAYS: .*attempted for 76 hours.*off after five days.*at least 7"):
            config.from_environment(None)


def test_networks_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW", "10.0.0.0/8, 127.0.0.1,fd12::/16,")
    allowed = config.from_environment(None).outbound_allow
    assert [str(each) for each in allowed] == ["10.0.0.0/8", "127.0.0.1/32", "fd12::/16"]
