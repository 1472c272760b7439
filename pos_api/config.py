"""Every setting, read once from the environment (a `.env` file fills in what the environment leaves unset)."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet
from dotenv.parser import parse_stream
from environs import Env, EnvError, EnvValidationError, validate

Network: TypeAlias = IPv4Network | IPv6Network

JWT_SECRET_BYTES = 32
"""RFC 7518 §3.2: an HS256 key is at least as long as the hash."""
GOOD_SECRET, SHORTEST_SECRET = 32, 16
"""Characters: of a key or webhook secret with fewer than the first there is a warning, a key with fewer than the second
is refused."""
_SECRETS = ("WEBHOOK_API_KEY", "WEBHOOK_SECRET", "JWT_SECRET", "SECRETS_KEYS", "MONGODB_URI")
_LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "debug", "info", "warning", "error"]


class ConfigError(Exception):
    """A setting is missing or unusable; the message names it and says what to do."""


@dataclass(frozen=True)
class Config:
    """The settings of one process. Secrets are left out of its `repr`."""

    webhook_api_key: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    secrets_keys: tuple[str, ...] = field(repr=False, default=())
    mongodb_uri: str | None = field(repr=False, default=None)
    data_dir: Path = Path("var")
    host: str = "0.0.0.0"  # noqa: S104 - a shop's webhooks come from outside
    port: int = 8080
    public_url: str = ""
    web_processes: int = 2
    web_threads: int = 32
    webhook_processing: str = "inline"
    store_name: str = "default"
    store_url: str = ""
    store_kind: str = "woocommerce"
    """The kind of the default store, and of a stored one that names none. No setting."""
    store_timezone: str = "UTC"
    log_level: str = "INFO"
    log_format: str = "text"
    proxies: int = 0
    reconcile_every: int = 15
    audit_days: int = 400
    inbox_days: int = 90
    inbox_parked_days: int = 365
    order_personal_days: int = 0
    event_days: int = 30
    order_meta: tuple[str, ...] = ()
    outbound_allow: tuple[Network, ...] = ()
    accounting_mode: Literal["day", "sale"] = "day"
    """Whether the books have an entry for each day or for each sale (ACCOUNTING)."""
    accounting_close_at: str = ""
    """At which time of a store's clock the day before is closed (`05:00`); blank: by hand only."""
    accounting_company: str = ""
    accounting_orgnr: str = ""
    accounting_year_starts: str = "01-01"
    """The first day of the company's financial year."""
    warnings: tuple[str, ...] = ()
    """What is likely not meant as it is set, in sentences, without any value of a secret."""


def from_environment(env_file: Path | None = Path(".env")) -> Config:
    """Read the settings; what is set in the environment wins over `env_file`.

    Raises ConfigError with one line that names the setting and what to do about it.
    """
    env = Env()
    warnings: list[str] = []
    if env_file is not None and env_file.is_file():
        warnings += check_file(env_file)
        env.read_env(str(env_file), recurse=False)
    try:
        config = _read(env)
    except EnvError as error:
        raise ConfigError(_problem(error)) from None
    return replace(config, warnings=(*warnings, *_check_secrets(config)))


def _problem(error: EnvError) -> str:
    """What is wrong with a setting, as one sentence; it may be one of the environment or of the file."""
    name = str(error).split('"')[1]
    if isinstance(error, EnvValidationError):
        return f"{name}: {' '.join(error.error_messages)}"
    return f"{name} is not set. `pos-api init` puts a fresh one into .env."


def _check_secrets(config: Config) -> list[str]:
    """What is weak. Raises ConfigError for what could be guessed."""
    if len(config.jwt_secret.encode()) < JWT_SECRET_BYTES:
        raise ConfigError(f"JWT_SECRET must be {JWT_SECRET_BYTES} bytes or more; `pos-api init` makes one.")
    short: list[str] = []
    for name, secret in (("WEBHOOK_API_KEY", config.webhook_api_key), ("WEBHOOK_SECRET", config.webhook_secret)):
        length = len(secret.strip())
        if length < SHORTEST_SECRET and name == "WEBHOOK_API_KEY":  # the other may be what a webhook was made with
            problem = f"must be {SHORTEST_SECRET} characters or more" if length else "is empty"
            raise ConfigError(f"{name} {problem}; `pos-api init` makes one.")
        if length < GOOD_SECRET and not (
            short and secret == config.webhook_api_key
        ):  # the key stands in for the secret
            short.append(f"{name} has only {length} characters; {GOOD_SECRET} or more can't be guessed.")
    return [*short, *_not_fernet(config.secrets_keys)]


def _not_fernet(keys: tuple[str, ...]) -> list[str]:
    """Which of the keys can encrypt nothing; commands that need none of them work all the same."""
    wrong = []
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            wrong.append(f"SECRETS_KEYS: key {number} is not a Fernet key; `pos-api init` makes one.")
    return wrong


def check_file(env_file: Path) -> list[str]:
    """What in it is likely not meant so. Raises ConfigError for what python-dotenv would pass over or fail on."""
    try:
        text = env_file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{env_file} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{env_file} is not UTF-8; save it so.") from None
    warnings = []
    if env_file.stat().st_mode & 0o007:
        warnings.append(f"{env_file} holds secrets and others can read it: chmod 600 {env_file}.")
    for each in parse_stream(io.StringIO(text)):
        if each.error:
            lines = each.original.string
            number = each.original.line + lines[: -len(lines.lstrip())].count("\n")
            raise ConfigError(f"{env_file}: line {number} is not NAME=value, or a quote is open.")
        if each.key in _SECRETS and each.value:
            warnings += _misread(f"{each.key} in {env_file}", each.original.string, each.value)
    return warnings


def _misread(setting: str, line: str, value: str) -> list[str]:
    """Where python-dotenv reads another secret than the eye does; `line` is the setting's line, `value` its value."""
    problems = []
    written = line.partition("=")[2].strip()
    if written[:1] not in ("'", '"') and written != value:
        problems.append(f"{setting}: ` #` and what follows is not part of it, unless the value is put in quotes.")
    if "${" in value:
        problems.append(f"{setting}: ${{…}} in it is replaced by the setting of that name; use other characters.")
    return problems


def _public_url(text: str) -> str:
    """The address without a slash at its end. Raises ConfigError where paths can't be put behind it."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if url and (not usable or "@" in parts.netloc or "?" in url or "#" in url or " " in url):
        raise ConfigError("PUBLIC_URL is not the address of a web server, such as https://pos.example.")
    return url


def _order_meta(keys: list[str]) -> tuple[str, ...]:
    """Keys of meta data, each with a `*` at its end or none. Raises ConfigError."""
    named = tuple(key for each in keys if (key := each.strip()))
    if odd := [key for key in named if "*" in key[:-1]]:
        raise ConfigError(f"ORDER_META: {odd[0]!r} has a * that is not at its end.")
    return named


def _networks(texts: list[str]) -> tuple[Network, ...]:
    """IP addresses and networks. Raises ConfigError."""
    networks: list[Network] = []
    for text in filter(None, (each.strip() for each in texts)):
        try:
            networks.append(ip_network(text))
        except ValueError:
            problem = f"OUTBOUND_ALLOW: {text[:40]!r} is no network such as 10.0.0.0/8."
            raise ConfigError(problem) from None
    return tuple(networks)


_EVENT_DAYS = validate.Range(
    *(7, 36_500),
    error="An event is attempted for 76 hours or more, and a receiver that only fails is switched off after five days;"
    " events must be kept for longer than that: at least 7 days, at most 36500.",
)


_CLOSE_AT = validate.Regexp(r"(([01]\d|2[0-3]):[0-5]\d)?\Z", error="must be a time such as 05:00, or blank.")
_YEAR_STARTS = validate.Regexp(
    r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\Z", error="must be a month and a day such as 01-01 or 07-01."
)


def _accounting(env: Env) -> dict[str, Any]:
    """The settings of the books."""
    return {
        "accounting_mode": env.str("ACCOUNTING", "day", validate=validate.OneOf(["day", "sale"])),
        "accounting_close_at": env.str("ACCOUNTING_CLOSE_AT", "", validate=_CLOSE_AT),
        "accounting_company": env.str("ACCOUNTING_COMPANY", "").strip(),
        "accounting_orgnr": env.str("ACCOUNTING_ORGNR", "").strip(),
        "accounting_year_starts": env.str("ACCOUNTING_YEAR_STARTS", "01-01", validate=_YEAR_STARTS),
    }


def _read(env: Env) -> Config:
    api_key = env.str("WEBHOOK_API_KEY")
    timezone = env.str("STORE_TIMEZONE", "UTC")
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"STORE_TIMEZONE {timezone!r} is not a time zone, try Europe/Stockholm.") from None
    return Config(
        webhook_api_key=api_key,
        webhook_secret=env.str("WEBHOOK_SECRET", "") or api_key,
        jwt_secret=env.str("JWT_SECRET"),
        secrets_keys=tuple(env.list("SECRETS_KEYS", [])),
        mongodb_uri=env.str("MONGODB_URI", "") or None,
        data_dir=Path(env.str("DATA_DIR", "") or Config.data_dir),
        host=env.str("HOST", Config.host),
        port=env.int("PORT", Config.port, validate=validate.Range(1, 65_535)),
        public_url=_public_url(env.str("PUBLIC_URL", "")),
        web_processes=env.int("WEB_PROCESSES", Config.web_processes, validate=validate.Range(1, 64)),
        web_threads=env.int("WEB_THREADS", Config.web_threads, validate=validate.Range(1, 512)),
        webhook_processing=env.str(
            "WEBHOOK_PROCESSING", Config.webhook_processing, validate=validate.OneOf(["inline", "queued"])
        ),
        store_name=env.str("STORE_NAME", Config.store_name),
        store_url=env.str("STORE_URL", ""),
        store_timezone=timezone,
        log_level=env.str("LOG_LEVEL", Config.log_level, validate=validate.OneOf(_LOG_LEVELS)).upper(),
        log_format=env.str("LOG_FORMAT", Config.log_format, validate=validate.OneOf(["text", "json"])),
        proxies=env.int("PROXIES", Config.proxies, validate=validate.Range(0, 5)),
        inbox_days=env.int("INBOX_DAYS", Config.inbox_days, validate=validate.Range(1, 36_500)),
        inbox_parked_days=env.int("INBOX_PARKED_DAYS", Config.inbox_parked_days, validate=validate.Range(1, 36_500)),
        order_personal_days=env.int(
            "ORDER_PERSONAL_DAYS", Config.order_personal_days, validate=validate.Range(0, 36_500)
        ),
        event_days=env.int("EVENT_DAYS", Config.event_days, validate=_EVENT_DAYS),
        audit_days=env.int("AUDIT_DAYS", Config.audit_days, validate=validate.Range(30, 36_500)),
        reconcile_every=env.int("RECONCILE_EVERY", Config.reconcile_every, validate=validate.Range(0, 1440)),
        order_meta=_order_meta(env.list("ORDER_META", [])),
        outbound_allow=_networks(env.list("OUTBOUND_ALLOW", [])),
        **_accounting(env),
    )
