"""`pos-api …`: each command reads its arguments, calls a noun and prints what came of it."""

from __future__ import annotations

import functools
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
from cryptography.fernet import Fernet
from pymongo.errors import PyMongoError

from . import backup as backups
from . import config as settings
from . import db as database
from . import logs, server, worker
from .config import Config, ConfigError
from .db import Db
from .errors import PosError

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
# STORE_URL=https://shop.example
# STORE_TIMEZONE=Europe/Stockholm
"""


class _Commands(click.Group):
    """A group whose failures are one line on stderr and exit status 1, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (ConfigError, PosError) as error:
            raise click.ClickException(str(error)) from None
        except PyMongoError as error:
            raise click.ClickException(f"MongoDB: {str(error).splitlines()[0]}") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pos-api")
def main() -> None:
    """WooCommerce POS Sync: orders, stock and customers of WooCommerce shops.

    Settings come from the environment and from a file .env in the current directory.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leave the store in order


def with_config(command: Callable[Concatenate[Config, P], R]) -> Callable[P, R]:
    """Give a command the settings as its first argument."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return command(_configure(), *args, **kwargs)

    return run


def with_db(command: Callable[Concatenate[Db, P], R]) -> Callable[P, R]:
    """Give a command the database as its first argument."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        db = database.connect(_configure())
        with db.client:
            return command(db, *args, **kwargs)

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
    with open(descriptor, "w") as out:
        out.write(text)
    click.echo(f"Wrote {_ENV_FILE} with fresh secrets; only you can read it.")


@main.command()
@with_config
def serve(config: Config) -> None:
    """Serve webhooks, the API and the docs."""
    server.run(config, announce=lambda: click.echo(_next_steps(config)))


def _next_steps(config: Config) -> str:
    here = f"http://localhost:{config.port}"
    program = os.path.relpath(sys.argv[0]) if os.sep in sys.argv[0] else "pos-api"
    return f"""\
Server running on port {config.port}

  Send orders to   {here}/api/webhooks/orders   (X-API-Key: WEBHOOK_API_KEY in .env)
  API docs         {here}/api-docs
  Add a user       {program} user add NAME
  Try it           ./test-webhook.sh
"""


@main.command("worker")
@with_config
def work(config: Config) -> None:
    """Process what waits in the inbox (for WEBHOOK_PROCESSING=queued); run as many as you like."""
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    db = database.connect(config)
    with db.client:
        click.echo("Worker running")
        worker.run_forever(db, config, stop)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_db
def backup(db: Db, file: Path) -> None:
    """Back up everything to FILE; the service may go on meanwhile."""
    _tell("Backed up", backups.write(db, file))
    click.echo(f"to {file}. Keep SECRETS_KEYS of your .env with it.")


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace what is in the database.")
@with_db
def restore(db: Db, file: Path, force: bool) -> None:
    """Restore FILE into an empty database. Stop the service first."""
    _tell("Restored", backups.restore(db, file, force=force))


def _tell(done: str, manifest: backups.Manifest) -> None:
    for name, content in manifest.items():
        click.echo(f"{done} {content.documents:>9,} {name}")
