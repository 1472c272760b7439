"""`pos-api user` and `token`: who may log in, and tokens for scripts."""

from __future__ import annotations

from datetime import timedelta

import click

from pos_api.cli.common import Commands, moment_text, read_secret, say, with_config, with_db
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.staff import tokens, users


@click.group()
def user() -> None:
    """Staff who may log in."""


_TOKENS_ENDED = "They are signed out of the dashboard; every process refuses their tokens within five seconds."


@user.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(users.ROLES), default="manager", show_default=True)
@with_db
def add_user(db: Db, name: str, role: str) -> None:
    """Add NAME; the password is asked for, or read from standard input."""
    added = users.add(db, name, read_secret("Password"), role)
    say(f"Added {added.name}, {added.role}.")


@user.command("password")
@click.argument("name")
@with_db
def change_password(db: Db, name: str) -> None:
    """Give NAME a new password. Their tokens are refused from then on."""
    users.set_password(db, name, read_secret("Password"))
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
        say(f"{each['name']:<24} {each['role']:<8} last seen {moment_text(each.get('last_login_at'))}")


class _TokenCommands(Commands):
    """Where the first argument names no command, `create` is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The command and its arguments."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["create", *args]
        return super().parse_args(ctx, args)


@click.group("token", cls=_TokenCommands)
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
        when = ", ".join(f"{what} {moment_text(moment)}" for what, moment in times)
        say(f"{each['id']}  {each['name']:<24} {each['role']:<8} {when}")


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@with_db
def revoke_token(db: Db, token_id: str) -> None:
    """End the token with this ID, as `pos-api token list` shows it."""
    tokens.revoke(db, token_id)
    say("Revoked; every process refuses it within five seconds.")
