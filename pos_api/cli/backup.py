"""`pos-api backup` and `restore`."""

from __future__ import annotations

from pathlib import Path

import click

from pos_api.cli.common import say, with_config, with_db
from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.customers.erasures import Erasures
from pos_api.database import backup as backups
from pos_api.database.backup_file import Manifest
from pos_api.database.client import Db
from pos_api.privacy.restore import restore as restore_backup
from pos_api.staff import audit


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--encrypt", is_flag=True, help="So that nobody can read it without SECRETS_KEYS.")
@with_db
@with_config
def backup(config: Config, db: Db, /, file: Path, encrypt: bool) -> None:
    """Back up everything to FILE, sealed with SECRETS_KEYS; the service may go on meanwhile."""
    key = backups.keys(config)[0]
    with audit.act(db, "backup.written", target=file.name, details={"encrypted": encrypt}) as details:
        manifest = backups.write(db, COLLECTIONS, file, key, encrypt=encrypt)
        details["documents"] = sum(content.documents for content in manifest.values())
    _say_counts("Backed up", manifest)
    say(
        f"to {file}. Restoring it needs SECRETS_KEYS of your .env: keep a copy of them, in another place than the file."
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace what is in the database.")
@click.option("--unsealed", is_flag=True, help="Although none of SECRETS_KEYS sealed it: anybody may have made it.")
@with_db
@with_config
def restore(config: Config, db: Db, /, file: Path, force: bool, unsealed: bool) -> None:
    """Restore FILE into an empty database. Stop the service first."""
    keys = backups.keys(config) if config.secrets_keys or not unsealed else []
    erasures = Erasures(db, config)
    restored = restore_backup(db, COLLECTIONS, erasures, file, keys, force=force, unsealed=unsealed)
    _say_counts("Restored", restored.manifest)
    if erased := restored.erased_orders:
        say(f"Erased again what the backup had of people erased since: their personal data in {erased:,} orders.")
    for store in restored.switched_off:
        say(
            f"Stock sync of {store} is off, as the backup does not have what was sent since:"
            f" `pos-api store set {store} --stock-sync on` compares both sides and switches it on again."
        )


def _say_counts(done: str, manifest: Manifest) -> None:
    for name, content in manifest.items():
        say(f"{done} {content.documents:>9,} {name}")
