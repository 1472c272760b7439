"""A backup restored so that nobody is back who was erased since it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pos_api.common.sealed_file import Key
from pos_api.customers.erasures import Erasures
from pos_api.database import restore as backups
from pos_api.database.backup_file import Manifest
from pos_api.database.client import Db
from pos_api.database.collections import Collection
from pos_api.privacy import erase
from pos_api.staff import audit
from pos_api.stock import sync_switch


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, how many orders were erased again, and the stores whose stock sync was switched off."""

    manifest: Manifest
    erased_orders: int
    switched_off: list[str]


def restore(
    db: Db,
    collections: Sequence[Collection],
    erasures: Erasures,
    file: Path,
    keys: Sequence[Key],
    *,
    force: bool = False,
    unsealed: bool = False,
) -> Restored:
    """Bring what `file` holds into `db` (see `database.restore.checked` for the arguments and the errors raised), send
    no stock to any shop, and erase again who was erased since; a crash before that leaves it due. Recorded in the
    audit, once the file was found usable."""
    with (
        backups.checked(db, collections, file, keys, force=force, unsealed=unsealed) as checked,
        audit.act(db, "backup.restored", target=file.name, details={"force": force, "unsealed": unsealed}),
    ):
        erasures.restore_begins()
        manifest = checked.run()
        switched_off = sync_switch.switch_all_off(db, sync_switch.RESTORED)
    return Restored(manifest, erase.after_restore(db, erasures), switched_off)
