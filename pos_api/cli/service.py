"""`pos-api init`, `serve` and `worker`."""

from __future__ import annotations

import os
import secrets
import signal
import stat
import sys
import threading

import click
from cryptography.fernet import Fernet
from dotenv import dotenv_values

from pos_api import logs, metrics
from pos_api.app import create_app
from pos_api.cli.common import ENV_FILE, say, say_lines, with_config
from pos_api.collections import COLLECTIONS
from pos_api.config import Config, ConfigError, check_file
from pos_api.customers.erasures import Erasures
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.inbox.lease_renewal import renewal
from pos_api.outbox.delivering.deliverer import Deliverer
from pos_api.processing import due
from pos_api.processing.recurring_jobs import Schedule
from pos_api.senders.delivery_url import shop_url
from pos_api.senders.stock_push import StockPusher
from pos_api.staff import first_admin
from pos_api.web.server import server
from pos_api.web.server.delivery_process import Delivers, stop_all

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


@click.command()
def init() -> None:
    """Write a .env with fresh secrets; where there is one, add the secrets that it lacks, and change nothing else."""
    fresh = {
        "WEBHOOK_API_KEY": secrets.token_urlsafe(32),
        "WEBHOOK_SECRET": secrets.token_urlsafe(32),
        "JWT_SECRET": secrets.token_urlsafe(48),
        "SECRETS_KEYS": Fernet.generate_key().decode(),
    }
    try:
        try:
            descriptor = os.open(ENV_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            _complete(fresh)
            return
        with open(descriptor, "w", encoding="utf-8") as out:
            out.write(_FRESH_ENV.format(**{name.lower(): secret for name, secret in fresh.items()}))
    except OSError as error:
        raise ConfigError(f"{ENV_FILE} can't be written: {error.strerror}.") from None
    say(f"Wrote {ENV_FILE} with fresh secrets; only you can read it.")


def _complete(fresh: dict[str, str]) -> None:
    """Add to the file the secrets that are set neither there nor in the environment, and let no others read it. Raises
    ConfigError where none is missing, and OSError."""
    check_file(ENV_FILE)
    known = {**dotenv_values(ENV_FILE, interpolate=False), **os.environ}
    if known.get("WEBHOOK_API_KEY"):  # it is the webhook secret too where none is set, and goes on to be
        known.setdefault("WEBHOOK_SECRET", known["WEBHOOK_API_KEY"])
    missing = {name: secret for name, secret in fresh.items() if not known.get(name)}
    if not missing:
        raise ConfigError(f"{ENV_FILE} is there already and stays as it is.")
    mode = stat.S_IMODE(ENV_FILE.stat().st_mode)
    if mode & 0o007:
        ENV_FILE.chmod(mode & ~0o007)
    with ENV_FILE.open("a", encoding="utf-8") as out:
        out.write("\n# Fresh secrets, added by `pos-api init`.\n")
        out.writelines(f"{name}={secret}\n" for name, secret in missing.items())
    say(f"Added {', '.join(missing)} to {ENV_FILE}; what was there stays as it is, and others can't read it.")


@click.command()
@with_config
def serve(config: Config) -> None:
    """Serve webhooks, the API and the docs, deliver events to subscribers, and send stock to stores."""
    _warn(config)
    server.check_address(config)
    # Here once, before any worker: a mistake in the settings is one line. The store that we bring ourselves stays up
    # while this process does, whatever becomes of the workers.
    db = database.connect(config, COLLECTIONS)
    with db.client:
        first_key = first_admin.new_key(db)
    parts = server.Parts(create_app, lambda config: new_delivering(database.connect(config, COLLECTIONS), config))
    server.run(config, parts, announce=lambda: say_lines(_next_steps(config, first_key)))


def new_delivering(db: Db, config: Config) -> list[Delivers]:
    """What a process that delivers does: events go to subscribers, and movements of stock to stores."""
    return [new_deliverer(db, config), StockPusher(db, config)]


def new_deliverer(db: Db, config: Config) -> Deliverer:
    """The one of a process that delivers events. It sends nothing while erasures are due after a restore."""
    metrics.prepare()
    return Deliverer(db, config, Erasures(db, config).restore_is_noted)


def _warn(config: Config) -> None:
    for warning in config.warnings:
        logs.get_logger(__name__).warning("check the settings", problem=warning)


def _next_steps(config: Config, first_key: str | None) -> str:
    """What to do now; with the key that makes the first admin, where there is no user."""
    here = f"http://localhost:{config.port}"
    first_admin_line = ""
    if first_key:
        link = f"{config.public_url or here}/first-admin?key={first_key}"
        first_admin_line = f"  First admin      {link}   (once, within 24 hours)\n"
    where = "" if config.port == Config.port else f" --url {here}"
    program = os.path.relpath(sys.argv[0]) if os.sep in sys.argv[0] else "pos-api"
    return f"""\
Server running on port {config.port}

  Dashboard        {config.public_url or here}/
{first_admin_line}\
  Connect a shop   {program} store show default --connect
  Send orders to   {shop_url(config)}   (X-API-Key: WEBHOOK_API_KEY in .env)
  API docs         {here}/api-docs
  Add a user       {program} user add NAME
  Try it           ./test-webhook.sh{where}
"""


@click.command("worker")
@with_config
def work(config: Config) -> None:
    """Process what waits in the inbox (for WEBHOOK_PROCESSING=queued), deliver events to subscribers, and send stock to
    stores; run as many as you like."""
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    _warn(config)
    db = database.connect(config, COLLECTIONS)
    with db.client:
        schedule = Schedule(db, config)
        schedule.start()
        delivering = new_delivering(db, config)
        for each in delivering:
            each.start()
        say("Worker running")
        renewal.ends_process = True  # systemd starts another one
        due.run_forever(db, config, stop)
        schedule.stop()
        stop_all(delivering)
