"""`pos-api …`: each command reads its arguments, calls a package and prints the result; one module for each group."""

from __future__ import annotations

import os
import pwd
import signal
import sys
import warnings

import click

from pos_api.cli import audit, backup, customer, figures, inbox, key, service, shop, staff, store, store_items, verify
from pos_api.cli.common import Commands
from pos_api.staff.audit import set_actor  # `audit` is the command here


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
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


for command in (
    *(service.init, service.serve, service.work, backup.backup, backup.restore),
    *(staff.user, staff.token, store.store, key.key, inbox.list_inbox, inbox.replay),
    *(customer.customer, figures.figures, verify.verify_stock, audit.show_audit, shop.import_shop),
    *(shop.import_database, shop.reconcile_shop),
):
    main.add_command(command)
for command in (store_items.link_item, store_items.unlink_item):
    store.store.add_command(command)
