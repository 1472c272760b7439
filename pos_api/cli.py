"""`pos-api …`: each command reads its arguments, calls a noun and prints what came of it."""

from __future__ import annotations

import functools
import json
import os
import pwd
import secrets
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
from cryptography.fernet import Fernet
from pymongo.errors import PyMongoError

from . import (
    api_keys,
    audit,
    connection,
    erase,
    importer,
    inbox,
    logs,
    person_export,
    reconcile,
    retention,
    server,
    stores,
    tokens,
    users,
    verify,
    worker,
)
from . import backup as backups
from . import config as settings
from . import db as database
from .config import Config, ConfigError
from .db import Db, Document
from .erasures import Erasures
from .errors import Invalid, NotFound, PosError
from .escaping import escaped
from .leases import renewal
from .reconcile import Report
from .schedule import Schedule
from .setup_line import setup_line, webhook_url
from .values import now, rfc3339

_LISTED = 50
"""So many rows that were not imported are printed."""

P = ParamSpec("P")
R = TypeVar("R")

_ENV_FILE = Path(".env")
_FRESH_ENV = """\
# Settings of this installation, secrets among them. What is set in the environment wins over this file.

# What the WordPress plugin sends as X-API-Key.
WEBHOOK_API_KEY={webhook_api_key}

# The secret of WooCommerce's own webhooks (WooCommerce > Settings > Advanced > Webhooks).
WEBHOOK_SECRET={webhook_secret}

# Signs the tokens of staff; another one makes everybody log in again.
JWT_SECRET={jwt_secret}

# Encrypts what the database must not show, such as other shops' webhook secrets. Keep it with your backups. To change
# it, put a new one in front: NEW,OLD.
SECRETS_KEYS={secrets_keys}

# Where orders are kept: a MongoDB server, or where unset a store of its own in DATA_DIR.
# MONGODB_URI=mongodb://localhost:27017/pos-system
# DATA_DIR=var

# PORT=8080

# The address at which shops reach this service.
# PUBLIC_URL=https://pos.example

# STORE_URL=https://shop.example
# STORE_TIMEZONE=Europe/Stockholm
"""


def say(text: str, *, err: bool = False) -> None:
    """Print one line, on stderr with `err`. Much of what is printed was sent by shops, so all of it is escaped."""
    click.echo(escaped(text), err=err)


def say_lines(text: str) -> None:
    """Print a text of our own that has several lines."""
    for line in text.split("\n"):
        say(line)


class _Commands(click.Group):
    """A group whose failures are one line on stderr and exit status 1, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (ConfigError, PosError) as error:
            raise click.ClickException(escaped(str(error))) from None
        except PyMongoError as error:
            raise click.ClickException(escaped(f"MongoDB: {str(error).splitlines()[0]}")) from None
        except UserWarning as warning:
            raise click.ClickException(f"MONGODB_URI is not usable: {warning}") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pos-api")
def main() -> None:
    """WooCommerce POS Sync: orders, stock and customers of WooCommerce shops.

    Settings come from the environment and from a file .env in the current directory.
    """
    # pymongo would go on without an option that it does not understand, tls=yes for one
    warnings.filterwarnings("error", category=UserWarning, module=r"pymongo\.(uri_parser|common)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leave the store in order
    audit.acting("cli", _system_user(), sudo=os.environ.get("SUDO_USER"))


def _system_user() -> str:
    """Who runs this process, as the system knows it; not what LOGNAME says, which anybody can set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container
        return f"uid {os.getuid()}"


def with_config(command: Callable[Concatenate[Config, P], R]) -> Callable[P, R]:
    """Give a command the settings as its first argument."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return command(_configure(), *args, **kwargs)

    return run


def with_db(command: Callable[Concatenate[Db, P], R]) -> Callable[P, R]:
    """Give a command the database as its first argument; what it changed is on disk when it ends."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        db = database.connect(_configure())
        with db.client:
            result = command(db, *args, **kwargs)
            database.make_durable(db)
            return result

    return run


def _configure() -> Config:
    config = settings.from_environment(_ENV_FILE)
    logs.configure(config)
    return config


@main.command()
def init() -> None:
    """Write a .env with fresh secrets, unless there is one."""
    text = _FRESH_ENV.format(
        webhook_api_key=secrets.token_urlsafe(32),
        webhook_secret=secrets.token_urlsafe(32),
        jwt_secret=secrets.token_urlsafe(48),
        secrets_keys=Fernet.generate_key().decode(),
    )
    try:
        descriptor = os.open(_ENV_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{_ENV_FILE} is there already and stays as it is.") from None
    except OSError as error:
        raise ConfigError(f"{_ENV_FILE} can't be written: {error.strerror}.") from None
    with open(descriptor, "w") as out:
        out.write(text)
    say(f"Wrote {_ENV_FILE} with fresh secrets; only you can read it.")


@main.command()
@with_config
def serve(config: Config) -> None:
    """Serve webhooks, the API and the docs."""
    _warn(config)
    server.run(config, announce=lambda: say_lines(_next_steps(config)))


def _warn(config: Config) -> None:
    for warning in config.warnings:
        logs.get_logger(__name__).warning("check the settings", problem=warning)


def _next_steps(config: Config) -> str:
    here = f"http://localhost:{config.port}"
    where = "" if config.port == Config.port else f" --url {here}"
    program = os.path.relpath(sys.argv[0]) if os.sep in sys.argv[0] else "pos-api"
    return f"""\
Server running on port {config.port}

  Connect a shop   {program} store show default --connect
  Send orders to   {webhook_url(config)}   (X-API-Key: WEBHOOK_API_KEY in .env)
  API docs         {here}/api-docs
  Add a user       {program} user add NAME
  Try it           ./test-webhook.sh{where}
"""


@main.command("worker")
@with_config
def work(config: Config) -> None:
    """Process what waits in the inbox (for WEBHOOK_PROCESSING=queued); run as many as you like."""
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    _warn(config)
    db = database.connect(config)
    with db.client:
        schedule = Schedule(db, config)
        schedule.start()
        say("Worker running")
        renewal.ends_process = True  # systemd starts another one
        worker.run_forever(db, config, stop)
        schedule.stop()


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--encrypt", is_flag=True, help="So that nobody can read it without SECRETS_KEYS.")
@with_db
@with_config
def backup(config: Config, db: Db, /, file: Path, encrypt: bool) -> None:
    """Back up everything to FILE, sealed with SECRETS_KEYS; the service may go on meanwhile."""
    _tell("Backed up", backups.write(db, file, backups.keys(config)[0], encrypt=encrypt))
    say(
        f"to {file}. Restoring it needs SECRETS_KEYS of your .env: keep a copy of them, in another place than the file."
    )


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace what is in the database.")
@click.option("--unsealed", is_flag=True, help="Although none of SECRETS_KEYS sealed it: anybody may have made it.")
@with_db
@with_config
def restore(config: Config, db: Db, /, file: Path, force: bool, unsealed: bool) -> None:
    """Restore FILE into an empty database. Stop the service first."""
    keys = backups.keys(config) if config.secrets_keys or not unsealed else []
    erasures = Erasures(db, config)
    erasures.restore_begins()
    _tell("Restored", backups.restore(db, file, keys, force=force, unsealed=unsealed))
    if erased := erase.after_restore(db, erasures):
        say(f"Erased again what the backup had of people erased since: their personal data in {erased:,} orders.")


def _tell(done: str, manifest: backups.Manifest) -> None:
    for name, content in manifest.items():
        say(f"{done} {content.documents:>9,} {name}")


# --- staff ------------------------------------------------------------------------------------------------------


@main.group()
def user() -> None:
    """Staff who may log in."""


def _secret(what: str, *, twice: bool = True) -> str:
    """Asked for on a terminal, a new one twice; else the first line of what comes in."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, confirmation_prompt=twice))
    return sys.stdin.readline().rstrip("\n")


_TOKENS_ENDED = "Every process refuses their tokens within five seconds."


@user.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(users.ROLES), default="manager", show_default=True)
@with_db
def add_user(db: Db, name: str, role: str) -> None:
    """Add NAME; the password is asked for, or read from standard input."""
    added = users.add(db, name, _secret("Password"), role)
    say(f"Added {added.name}, {added.role}.")


@user.command("password")
@click.argument("name")
@with_db
def change_password(db: Db, name: str) -> None:
    """Give NAME a new password. Their tokens are refused from then on."""
    users.set_password(db, name, _secret("Password"))
    say(f"Changed. {_TOKENS_ENDED}")


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(users.ROLES))
@with_db
def change_role(db: Db, name: str, role: str) -> None:
    """Give NAME the role ROLE. Their tokens are refused from then on: they log in again."""
    users.set_role(db, name, role)
    say(f"Changed. {_TOKENS_ENDED}")


@user.command("remove")
@click.argument("name")
@with_db
def remove_user(db: Db, name: str) -> None:
    """Remove NAME. Their tokens are refused from then on."""
    users.remove(db, name)
    say(f"Removed. {_TOKENS_ENDED}")


@user.command("list")
@with_db
def list_users(db: Db) -> None:
    """Everybody who may log in."""
    for each in users.everyone(db):
        say(f"{each['name']:<24} {each['role']:<8} last seen {_moment(each.get('last_login_at'))}")


class _TokenCommands(_Commands):
    """Where the first argument names no command, `create` is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The command and its arguments."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["create", *args]
        return super().parse_args(ctx, args)


@main.group("token", cls=_TokenCommands)
def token() -> None:
    """Tokens for scripts. `pos-api token NAME` is short for `pos-api token create NAME`."""


@token.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(users.ROLES), default="viewer", show_default=True)
@click.option("--hours", type=click.IntRange(1, 24 * 366), default=12, show_default=True, help="How long it counts.")
@with_db
@with_config
def create_token(config: Config, db: Db, /, name: str, role: str, hours: int) -> None:
    """Print a token for a script called NAME, to be sent as `Authorization: Bearer …`."""
    encoded, _ = tokens.create(db, config.jwt_secret, name, role, timedelta(hours=hours))
    say(encoded)


@token.command("list")
@with_db
def list_tokens(db: Db) -> None:
    """The tokens of scripts that count, each with the ID to revoke it by; used: to the hour."""
    for each in tokens.scripts(db):
        times = ("created", each["created_at"]), ("used", each["last_used_at"]), ("expires", each["expires_at"])
        when = ", ".join(f"{what} {_moment(moment)}" for what, moment in times)
        say(f"{each['id']}  {each['name']:<24} {each['role']:<8} {when}")


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@with_db
def revoke_token(db: Db, token_id: str) -> None:
    """End the token with this ID, as `pos-api token list` shows it."""
    tokens.revoke(db, token_id)
    say("Revoked; every process refuses it within five seconds.")


# --- shops ------------------------------------------------------------------------------------------------------


@main.group()
def store() -> None:
    """Shops that send their orders here, besides the one of the settings, which is called `default`."""


_store_settings = (
    click.option("--url", help="The shop's address."),
    click.option("--timezone", help="Where its days begin and end, for example Europe/Stockholm."),
    click.option(
        "--currency", help="For example SEK. One that the shop has made up is taken in its orders from then on."
    ),
)


def _with_store_settings(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_store_settings):
        command = option(command)
    return command


@store.command("add")
@click.argument("name")
@_with_store_settings
@with_db
@with_config
def add_store(config: Config, db: Db, /, name: str, **given: str | None) -> None:
    """Add the shop NAME and print the line for its plugin and its webhook secret; both are shown this once."""
    key, secret = stores.add(db, config, name, **{setting: value for setting, value in given.items() if value})
    say(f"Added {name}. Keep these, they are shown this once:")
    say(f"  API key:                                 {key}")
    say(f"  secret, for WooCommerce's own webhooks:  {secret}")
    say("Paste this line into the plugin (WooCommerce > POS Sync), it holds address and API key:")
    _print_setup_line(config, key)


@store.command("show")
@click.argument("name")
@click.option("--connect", is_flag=True, help="Print the line to paste into its plugin; it holds the API key.")
@with_db
@with_config
def show_store(config: Config, db: Db, /, name: str, connect: bool) -> None:
    """Show the shop NAME; no secrets, unless with --connect."""
    found = next((each for each in stores.Stores(db, config).all() if each.id == name), None)
    if found is None:
        raise NotFound(f"There is no store {name!r}; `pos-api store add {name}` makes it.")
    if connect:
        if name != stores.DEFAULT:
            raise Invalid(f"No API key of {name} is kept; `pos-api key add {name} --connect` makes another.")
        audit.record(db, "key.shown", target=name)
        _print_setup_line(config, config.webhook_api_key)
        return
    for label, value in [
        ("name", found.name),
        ("shop", found.url or "-"),
        ("time zone", found.timezone),
        ("currency", found.currency or "-"),
        ("live since", _moment(found.live_since)),
        ("sends to", webhook_url(config)),
    ]:
        say(f"{label:<12}{value}")


def _print_setup_line(config: Config, key: str) -> None:
    """The line on stdout, what is to be known about it on stderr."""
    say(setup_line(config, key))
    if not config.public_url:
        say(
            f"PUBLIC_URL is not set, so the line says {webhook_url(config)}. For a shop on another machine, set"
            " PUBLIC_URL and print the line again, or replace http://localhost… by the address of this service in the"
            " field Webhook URL after pasting.",
            err=True,
        )


@store.command("set")
@click.argument("name")
@_with_store_settings
@click.option(
    "--live-since",
    callback=lambda _, __, text: _parse_moment(text),
    help="Orders from before it are in the stock already: 2026-11-22T08:00:00Z, or now.",
)
@click.option("--webhook-secret", is_flag=True, help="Read a new secret for its native webhooks.")
@with_db
@with_config
def set_store(config: Config, db: Db, /, name: str, webhook_secret: bool, **given: Any) -> None:
    """Change settings of the shop NAME."""
    if not webhook_secret and all(value is None for value in given.values()):
        raise click.UsageError("Nothing to change; `pos-api store set --help` shows what can be.")
    stores.update(db, config, name, webhook_secret=_secret("Secret") if webhook_secret else None, **given)
    say("Changed; every process knows within five seconds.")


@store.command("list")
@with_db
@with_config
def list_stores(config: Config, db: Db) -> None:
    """Every shop."""
    for each in stores.Stores(db, config).all():
        live = f", live since {_moment(each.live_since)}" if each.live_since else ""
        say(f"{each.id:<24} {each.url or '-'}  {each.timezone}{live}")


@store.command("disconnect")
@click.argument("name")
@with_db
def disconnect_store(db: Db, name: str) -> None:
    """End the exchange with the shop NAME: delete its keys and secrets. All that came from it stays."""
    stores.disconnect(db, name)
    say("Disconnected; every process knows within five seconds. Its orders, products and customers stay.")
    if name == stores.DEFAULT:
        say("WEBHOOK_API_KEY and WEBHOOK_SECRET of the settings still work: change them and start the service again.")


@store.command("remove")
@click.argument("name")
@with_db
def remove_store(db: Db, name: str) -> None:
    """Remove the shop NAME, from which nothing ever came; one that sent something can only be disconnected."""
    stores.remove(db, name)
    say("Removed; every process knows within five seconds.")


@main.group()
def key() -> None:
    """API keys of shops. Two with the same scopes can be active, so that a key is changed without a gap."""


@key.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(api_keys.SCOPES),
    default=[api_keys.ORDERS],
    show_default=True,
    help="What it may do: send deliveries (orders), read what a viewer may, of all shops (read), use the routes of"
    " subscriptions once there are any (subscriptions), or all of these. Can be given several times.",
)
@click.option(
    "--ip",
    "networks",
    multiple=True,
    metavar="NETWORK",
    help="Accept it only from this address or network, such as 192.0.2.0/24. Can be given several times.",
)
@click.option("--expires", callback=lambda _, __, text: _parse_moment(text), help="When it stops to work: 2027-01-01.")
@click.option("--connect", is_flag=True, help="Print it in the line to paste into the plugin.")
@with_db
@with_config
def add_key(
    config: Config,
    db: Db,
    /,
    name: str,
    scopes: tuple[str, ...],
    networks: tuple[str, ...],
    expires: datetime | None,
    connect: bool,
) -> None:
    """Give the shop NAME another key and print it, this once."""
    if expires and expires <= now():
        raise click.BadParameter("that day or time is past already", param_hint="'--expires'")
    if connect and not {api_keys.ORDERS, api_keys.ALL} & set(scopes):
        raise click.BadParameter("the plugin needs the scope orders", param_hint="'--scope'")
    key = stores.add_key(db, name, expires_at=expires, scopes=scopes, networks=networks)
    if connect:
        _print_setup_line(config, key)
    else:
        say(key)


@key.command("list")
@click.argument("name", required=False)
@with_db
@with_config
def list_keys(config: Config, db: Db, /, name: str | None) -> None:
    """The keys of the shop NAME, or of all shops, by their first letters; used: to the minute."""
    for store in [name] if name else [each.id for each in stores.Stores(db, config).all()]:
        if store == stores.DEFAULT and stores.SETTINGS_KEY not in {each["prefix"] for each in stores.keys(db, store)}:
            say(f"{store}  {stores.SETTINGS_KEY}  of the settings; no service has run with it yet")
        for each in stores.keys(db, store):
            say(f"{store}  {_key_in_words(each)}")


def _key_in_words(each: dict[str, Any]) -> str:
    of_settings = each["prefix"] == stores.SETTINGS_KEY
    days = (now() - each["created_at"]).days
    parts = [
        f"{each['prefix']}{'' if of_settings else '…'}  {', '.join(each['scopes'])}",
        f"{'known since' if of_settings else 'made'} {_moment(each['created_at'])}",
        f"{days} {'day' if days == 1 else 'days'} old",
        f"used {_moment(each['last_used_at'])}",
    ]
    parts += [f"expires {_moment(each['expires_at'])}"] if each["expires_at"] else []
    parts += [f"only from {', '.join(each['networks'])}"] if each["networks"] else []
    return ", ".join(parts)


@key.command("revoke")
@click.argument("name")
@click.argument("prefix")
@with_db
def revoke_key(db: Db, name: str, prefix: str) -> None:
    """Take back the key of the shop NAME that starts with PREFIX, as `pos-api key list` shows it."""
    stores.revoke_key(db, name, prefix)
    say("Revoked; every process knows within five seconds.")


def _moment(value: datetime | None) -> str:
    return value.isoformat(timespec="seconds") if value else "never"


def _parse_moment(text: str | None) -> datetime | None:
    if text is None or text == "now":
        return now() if text else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("it is neither a day (2026-11-22) nor a time (2026-11-22T08:00:00Z)") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- inbox ------------------------------------------------------------------------------------------------------


@main.command("inbox")
@click.option("--state", type=click.Choice(["parked", "failed", "waiting"]), help="Only these.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@with_db
@with_config
def list_inbox(config: Config, db: Db, /, state: str | None, limit: int) -> None:
    """Deliveries that need a look, with the reason, the newest first; or those that wait."""
    _, entries = inbox.find(db, inbox.Filter(state), limit=limit)
    for each in entries:
        what = f"{each['store']} {each['topic'] or 'unreadable'} {each['resource_id']}"
        say(f"{_moment(each['received_at'])}  {each['state']:<8} {what}  {each.get('reason', '')}")
        for field, problem in (each.get("details") or {}).items():
            say(f"  {field}: {problem}")
        say(f"  {each['_id']}")
        if until := retention.kept_until(each, config):
            say(f"  is deleted on {until.date()}, unless it is replayed")
    if not entries:
        say("Nothing waits." if state == "waiting" else "Nothing needs a look.", err=True)


@main.command()
@click.argument("keys", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every parked and failed one.")
@with_db
def replay(db: Db, keys: tuple[str, ...], everything: bool) -> None:
    """Make the deliveries of these KEYS due again, or all that need a look."""
    if bool(keys) == everything:
        raise click.UsageError("Give the keys that `pos-api inbox` shows, or --all.")
    count = inbox.replay(db, inbox.Filter() if everything else keys)
    say(f"{count} due again; a running service takes them up within a second or so.")


# --- people -----------------------------------------------------------------------------------------------------


@main.group()
def customer() -> None:
    """What is held about a person: take it out, or erase it."""


@customer.command("export")
@click.argument("email", metavar="E-MAIL")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, which is new.")
@with_db
@with_config
def export_customer(config: Config, db: Db, /, email: str, output: Path | None) -> None:
    """Print everything held about the person with this E-MAIL, as JSON; `store:#id` is one without an address."""
    if output is not None and output.exists():
        raise Invalid(f"{output} exists already; name another file.")  # before the audit says that it was exported
    found = person_export.export(db, Erasures(db, config), _person(email))
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if output is None:
        say_lines(text)
    else:
        _write_private(output, text + "\n")
    if others := found["other_addresses"]:
        say(f"The same account has ordered with other addresses, which are not in it: {', '.join(others)}.", err=True)


def _person(text: str) -> str:
    """A customer's key, as it was typed. Raises Invalid."""
    key = text.strip().lower()
    if "@" not in key and ":#" not in key:
        raise Invalid(f"{text!r} is no e-mail address, and no store:#id.")
    return key


def _write_private(file: Path, text: str) -> None:
    """Write a new file that only its owner can read."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Invalid(f"{file} can't be written: {error.strerror}.") from None
    with open(descriptor, "w", encoding="utf-8") as out:
        out.write(text)


@customer.command("erase")
@click.argument("email", metavar="E-MAIL")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_db
@with_config
def erase_customer(config: Config, db: Db, /, email: str, yes: bool) -> None:
    """Erase the person with this E-MAIL everywhere. Orders, stock and figures stay, without who it was."""
    key = _person(email)
    if not yes:
        click.confirm(f"Erase all personal data of {escaped(key)}? It can't be undone.", abort=True)
    erased = erase.person(db, Erasures(db, config), key)
    if not erased.anything():
        say("Nothing was held about this person. It is remembered: what comes from before now is not kept.")
        return
    record = ", and the record" if erased.record else ""
    found = f"{_counted(erased.orders, 'order')} and {_counted(erased.deliveries, 'delivery', 'deliveries')}"
    say(f"Erased: personal data in {found}{record}.")
    if erased.orders:
        owner = "The order is" if erased.orders == 1 else "The orders are"
        say(f"{owner} of {erased.customer} now, one customer in the figures as before.")
    if erased.other_addresses:
        say(f"The same account has ordered with other addresses, not erased: {', '.join(erased.other_addresses)}.")
    say("Backups made until now still have it: what is restored from them is erased again.")


def _counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: `1 order`, `2 orders`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


# --- stock ------------------------------------------------------------------------------------------------------


@main.command("verify")
@click.option("--repair", is_flag=True, help="Bring products to their ledger, and orders into it.")
@with_db
def verify_stock(db: Db, repair: bool) -> None:
    """Prove that stock is right: ledgers, products and orders. Exit status 1 when something is (still) wrong."""
    found = left = 0
    recorded: AbstractContextManager[Document] = audit.act(db, "stock.repaired") if repair else nullcontext({})
    with recorded as details:
        for problem in verify.run(db, repair=repair):
            found += 1
            left += not problem.mended
            say(f"{'mended' if problem.mended else 'WRONG':<8} {problem.what}: {problem.message}")
        details |= {"found": found, "left": left}
    say(f"{found:,} problems, {left:,} left." if found else "Stock is right.")
    sys.exit(1 if left else 0)


# --- who did what -----------------------------------------------------------------------------------------------


def _audit_moment(find: Callable[[str | None], datetime | None]) -> Callable[..., datetime | None]:
    def parse(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
        try:
            return find(text)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} {error}") from None

    return parse


@main.command("audit")
@click.option("--action", help="An action, such as product.price, or all of a kind: product.")
@click.option("--who", help="The name of who did it.")
@click.option("--target", help="What it was done to: a SKU, a user, a store.")
@click.option("--since", callback=_audit_moment(audit.first_moment), help="From this day (UTC) or time on.")
@click.option("--until", callback=_audit_moment(audit.last_moment), help="Up to this day (UTC, whole) or time.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print each entry as a line of JSON.")
@with_db
def show_audit(db: Db, /, limit: int, as_json: bool, **wanted: Any) -> None:
    """Who did what, the newest first: log-ins and failed ones, changes by staff and at the command line, exports."""
    for entry in map(audit.public, audit.find(db, audit.Filter(**wanted), limit=limit)):
        say(json.dumps(entry, default=_json, ensure_ascii=False) if as_json else _audit_line(entry))


def _audit_line(entry: Document) -> str:
    who = [entry["who"].get(name) for name in ("kind", "name", "sudo", "store", "address")]
    parts = [_moment(entry["time"]), " ".join(dict.fromkeys(filter(None, who))), entry["action"], entry["target"]]
    if entry["outcome"] != "done":
        parts.append(f"[{entry['outcome']}]")
    if entry["details"]:
        parts.append(json.dumps(entry["details"], default=_json, ensure_ascii=False))
    return "  ".join(part for part in parts if part is not None)


# --- what a shop has --------------------------------------------------------------------------------------------


def _since(_: click.Context, __: click.Parameter, text: str) -> datetime:
    try:
        return importer.parse_since(text, now())
    except ValueError as error:
        raise click.BadParameter(since_problem(text, error)) from None


def since_problem(text: str, error: ValueError) -> str:
    """What is wrong with a --since, and how one looks."""
    problem = "is in the future" if "future" in str(error) else "is no date, and no time before now"
    return f"{text!r} {problem}; 2024-01-01, or how long ago: 12h, 2d, 3w"


@store.command("connect")
@click.argument("name")
@click.option("--url", required=True, help="The shop's address: https://shop.example.")
@click.option("--consumer-key", required=True, help="ck_…")
@click.option(
    "--consumer-secret",
    callback=lambda _, __, given: given or _secret("Consumer secret", twice=False),
    help="cs_…; where it is not given it is asked for, or read from standard input.",
)
@with_db
@with_config
def connect_store(config: Config, db: Db, /, name: str, url: str, consumer_key: str, consumer_secret: str) -> None:
    """Connect to the REST API of the shop NAME, with a key from WooCommerce > Settings > Advanced > REST API."""
    hints = connection.connect(db, config, name, url, consumer_key, consumer_secret)
    say(f"Connected. `pos-api import {name} --since …` takes over what the shop has.")
    for hint in hints:
        say(f"Note: {hint}")


@main.command("import")
@click.argument("name")
@click.option("--since", required=True, callback=_since, help="Orders made since: 2024-01-01, or 90d ago.")
@with_db
@with_config
def import_shop(config: Config, db: Db, /, name: str, since: datetime) -> None:
    """Take over the products, customers and orders of the shop NAME. Interrupted, it goes on where it was.

    Exit status 1 when something of the shop's is not here afterwards, or not as it is there.
    """
    with connection.open_shop(db, config, name) as shop:
        imported = importer.run(db, config, shop, name, since, progress_bars())
    show_import(imported)


def show_import(imported: importer.Imported) -> None:
    """Print what an import did, and how the POS compares with the shop now; exits with status 1 when something of the
    shop's is not here, or not as it is there."""
    for phase, counts in imported.outcomes.items():
        say(f"{phase:<10}" + ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items())))
    if imported.not_imported:
        say(f"{len(imported.not_imported):,} not imported:", err=True)
        for each in imported.not_imported[:_LISTED]:
            say(f"  {each['what']}: {each['cause']}", err=True)
        if len(imported.not_imported) > _LISTED:
            say("  …; `pos-api inbox` has those that came in and could not be used.", err=True)
    _show_report(imported.report, complete=not imported.not_imported)
    if not imported.in_sync:
        sys.exit(1)


def progress_bars() -> importer.Progress:
    """A progress bar for each phase, with the rate and the time left."""
    bar: Any = None
    started: dict[str, tuple[datetime, int]] = {}

    def progress(phase: str, done: int, total: int) -> None:
        nonlocal bar
        if phase not in started:
            if bar is not None:
                bar.__exit__(None, None, None)
            started[phase] = (now(), done)
            bar = click.progressbar(
                length=max(total, 1), label=f"{phase:<10}", show_pos=True, item_show_func=lambda rate: rate
            )
            bar.__enter__()
        begun, _ = started[phase]
        rate = done / max((now() - begun).total_seconds(), 0.001)
        bar.update(max(done - bar.pos, 0), f"{rate:,.0f}/s")
        if done >= total:
            bar.finish()
            bar.render_progress()

    return progress


@main.command("reconcile")
@click.argument("name")
@click.option("--since", default="2d", show_default=True, callback=_since, help="2024-01-01, or how long ago: 12h, 3w.")
@click.option("--repair", is_flag=True, help="Repair orders and products, switch webhooks on again.")
@click.option("--align", metavar="SKU", multiple=True, help="Bring the stock of this SKU to the shop's.")
@click.option("--accept-gone", is_flag=True, help="Also where many are gone from the shop at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@with_db
@with_config
def reconcile_shop(
    config: Config,
    db: Db,
    /,
    name: str,
    since: datetime,
    repair: bool,
    align: tuple[str, ...],
    accept_gone: bool,
    as_json: bool,
) -> None:
    """Compare the POS with the shop NAME. Exit status 1 when something is left to repair or to look at."""
    asked = {"since": since, "repair": repair, "align": list(align), "accept_gone": accept_gone}
    recorded: AbstractContextManager[Document] = nullcontext({})
    if repair or align:
        recorded = audit.act(db, "store.repaired", target=name, details=asked)
    with connection.open_shop(db, config, name) as shop, recorded as details:
        report = reconcile.run(
            db, config, shop, name, since, repair=repair, repair_senders=repair, align=align, accept_gone=accept_gone
        )
        details |= _repairs(report)
    if as_json:
        say_lines(json.dumps(report.document(), default=_json, indent=2, ensure_ascii=False))
    else:
        _show_report(report)
    differ = {sku for each in report.stock if each["difference"] for sku in (each["sku"], each["product"])}
    for sku in align:
        if sku not in differ:
            say(f"{sku}: nothing to align.", err=True)
    if not report.in_sync:
        sys.exit(1)


def _repairs(report: Report) -> dict[str, list[str]]:
    """What a comparison repaired, for the audit."""
    return {
        "orders": [each["order"] for each in report.orders if each.get("repair")][:_LISTED],
        "products": [each["sku"] for each in report.products if each.get("repair")][:_LISTED],
        "stock": [each["sku"] for each in report.stock if each.get("repair")][:_LISTED],
        "webhooks": [str(each["id"]) for each in report.senders if each.get("repair")],
    }


def _json(value: Any) -> str:
    return rfc3339(value) if isinstance(value, datetime) else str(value)


def _show_report(report: Report | None, *, complete: bool = True) -> None:
    """Print what a comparison found; that all is in sync only where what went before was `complete`."""
    if report is None:
        return
    compared = f"{report.compared:,} orders since {_moment(report.since)} and {report.products_compared:,} products"
    say(f"{compared} compared.")
    for each in report.orders:
        _row(f"#{each['number']}", each["problem"], each.get("repair"), each["cause"])
    for each in report.products:
        _row(each["sku"], each["problem"], each.get("repair"), each["cause"])
    for each in report.stock:
        here = "-" if each["here"] is None else f"{each['here']:g}"
        _row(each["sku"], f"stock {here}, shop {each['shop']:g}", each.get("repair"), each["cause"])
    for each in report.unread:
        _row(each["what"], "not read", None, each["cause"])
    for each in report.senders:
        _row(each["name"] or str(each["id"]), each.get("topic") or "", each.get("repair"), each["problem"])
    for note in report.notes:
        say(f"Note: {note}")
    outage = report.silence or {}
    if outage.get("alarming"):
        say(
            f"No order since {_moment(outage['since'])}: about {outage['missed']:.0f} usually come in such a time. "
            "Is the shop's checkout all right?"
        )
    if report.problem:
        say(f"Not finished: {report.problem}", err=True)
    elif report.in_sync and complete:
        say("In sync.")


def _row(what: str, problem: str, repair: str | None, cause: str) -> None:
    say(f"{what:<16} {problem:<24} {repair or 'open':<10} {cause}")
