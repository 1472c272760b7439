"""What all entries together have, from their stored lines."""

from __future__ import annotations

from decimal import Decimal

from pos_api.accounting.entered import entered_lines
from pos_api.accounting.stored import lines_of
from pos_api.database.client import Db
from tests.accounting.histories import short


def purposes(db: Db) -> dict[tuple[str, str], Decimal]:
    """Amounts by currency and purpose."""
    found: dict[tuple[str, str], Decimal] = {}
    for document in entered_lines(db, {}):
        for line in lines_of(document):
            key = document["currency"], short(line.purpose)
            found[key] = found.get(key, Decimal(0)) + line.amount
    return {key: amount for key, amount in found.items() if amount}
