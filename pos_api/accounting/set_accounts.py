"""The accounts and product groups that staff have set, or those of who has set none."""

from __future__ import annotations

from typing import Any

from pos_api.accounting.accounts import DEFAULT, Accounts, read_accounts
from pos_api.accounting.groups import NO_GROUPS, Groups, read_groups
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.staff import audit

_ACCOUNTS = {"_id": "accounts"}


def read(db: Db) -> tuple[Accounts, Groups]:
    """The accounts and groups that count now."""
    stored = db.accounting_state.find_one(_ACCOUNTS)
    if stored is None:
        return DEFAULT, NO_GROUPS
    return read_accounts(stored), read_groups(stored["groups"])


def shown(db: Db) -> Document:
    """The accounts and groups as people see them."""
    accounts, groups = read(db)
    return {**accounts.document(), "groups": groups.rows()}


def save(db: Db, document: dict[str, Any]) -> Document:
    """Set accounts and groups; what is entered stays as it is. Returns them as they are shown. Raises Invalid."""
    accounts, groups = read_accounts(document), read_groups(document.get("groups", []))
    new = {**accounts.document(), "groups": groups.rows()}
    before = shown(db)
    with audit.act(db, "books.accounts", details={"before": before["rows"], "after": new["rows"]}):
        db.accounting_state.replace_one(_ACCOUNTS, {**_ACCOUNTS, **new, "changed_at": now()}, upsert=True)
    return new
