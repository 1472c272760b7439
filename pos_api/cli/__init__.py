"""`pos-api …`: each command reads its arguments, calls a package and prints the result; one module for each group."""

from __future__ import annotations

import importlib
import os
import pwd
import signal
import sys
import warnings

import click

from pos_api.cli.common import Commands
from pos_api.staff.audit import set_actor

_PLACES = {
    "accounting": "accounting:accounting",
    "audit": "audit:show_audit",
    "backup": "backup:backup",
    "customer": "customer:customer",
    "figures": "figures:figures",
    "import": "shop:import_shop",
    "import-database": "shop:import_database",
    "inbox": "inbox:list_inbox",
    "init": "service:init",
    "key": "key:key",
    "reconcile": "shop:reconcile_shop",
    "replay": "inbox:replay",
    "restore": "backup:restore",
    "serve": "service:serve",
    "store": "store_items:store",
    "subscription": "subscription:subscription",
    "token": "staff:token",
    "user": "staff:user",
    "verify": "verify:verify_stock",
    "worker": "service:work",
}
"""In which module each command is, and under which name."""


class _LoadedCommands(Commands):
    """A group whose commands are loaded when they are named: to load all takes several times as long as most run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; None where there is none."""
        if cmd_name not in _PLACES:
            return None
        module, _, attribute = _PLACES[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"pos_api.cli.{module}"), attribute)
        return command


@click.group(cls=_LoadedCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pos-api")
def main() -> None:
    """WooCommerce POS Sync: orders, stock and customers of WooCommerce shops.

    Settings come from the environment and from a file .env in the current directory.
    """
    # pymongo would go on without an option that it does not understand, tls=yes for one
    warnings.filterwarnings("error", category=UserWarning, module=r"pymongo\.(uri_parser|common)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leave the store in order
    set_actor("cli", _system_user(), sudo=os.environ.get("SUDO_USER"))


def _system_user() -> str:
    """Who runs this process, as the system knows it; not what LOGNAME says, which anybody can set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container
        return f"uid {os.getuid()}"
