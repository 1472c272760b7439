"""What the commands share: settings and database, printing, and how arguments are read."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
from bson import Decimal128
from pymongo.errors import PyMongoError

from pos_api import config as settings
from pos_api import logs
from pos_api.collections import COLLECTIONS
from pos_api.common.escaping import escaped
from pos_api.common.money import decimal
from pos_api.common.time import now, rfc3339
from pos_api.config import Config, ConfigError
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.database.primary_term import term_of
from pos_api.errors import PosError

P = ParamSpec("P")
R = TypeVar("R")

ENV_FILE = Path(".env")


def say(text: str, *, err: bool = False) -> None:
    """Print one line, on stderr with `err`. Much of what is printed was sent by shops, so all of it is escaped."""
    click.echo(escaped(text), err=err)


def say_lines(text: str) -> None:
    """Print a text of our own that has several lines."""
    for line in text.split("\n"):
        say(line)


class Commands(click.Group):
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


def with_config(command: Callable[Concatenate[Config, P], R]) -> Callable[P, R]:
    """Give a command the settings as its first argument."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return command(configure(), *args, **kwargs)

    return run


def with_db(command: Callable[Concatenate[Db, P], R]) -> Callable[P, R]:
    """Give a command the database as its first argument; what it changed is on disk when it ends."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        db = database.connect(configure(), COLLECTIONS)
        with db.client:
            term = term_of(db)
            result = command(db, *args, **kwargs)
            database.make_durable(db, term)
            return result

    return run


def configure() -> Config:
    """Read the settings from the environment and .env, and set up logging as they say. Raises ConfigError."""
    config = settings.from_environment(ENV_FILE)
    logs.configure(config)
    return config


def read_secret(what: str, *, twice: bool = True) -> str:
    """A secret called `what`: asked for on a terminal, twice with `twice`; else the first line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, confirmation_prompt=twice))
    return sys.stdin.readline().rstrip("\n")


def moment_text(value: datetime | None) -> str:
    """A time as the commands print it, to the second; `never` where there is none."""
    return value.isoformat(timespec="seconds") if value else "never"


def parse_moment(text: str | None) -> datetime | None:
    """The time that an option gives, or `now`; UTC where it names no zone. Raises click.BadParameter."""
    if text is None or text == "now":
        return now() if text else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("it is neither a day (2026-11-22) nor a time (2026-11-22T08:00:00Z)") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def json_value(value: Any) -> str:
    """The text for a value that JSON has no type for, as in the API; the `default` of `json.dumps`."""
    if isinstance(value, Decimal128):
        return f"{decimal(value):f}"
    return rfc3339(value) if isinstance(value, datetime) else str(value)
