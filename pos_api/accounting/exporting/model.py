"""What a file of entries is written from. Pure: no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ExportedLine:
    """A line of an entry: debit above zero, credit below."""

    account: str
    description: str
    amount: Decimal
    orders: int = 0


@dataclass(frozen=True, slots=True)
class ExportedEntry:
    """An entry as it is exported; `corrects` is the id of the entry that it corrects, blank for none."""

    id: str
    number: int
    date: str
    store: str
    currency: str
    reference: str
    description: str
    lines: Sequence[ExportedLine]
    corrects: str = ""


@dataclass(frozen=True, slots=True)
class Company:
    """Whose books they are; `year_starts` is the first day of its financial year (`01-01`)."""

    name: str
    number: str
    year_starts: str = "01-01"


@dataclass(frozen=True, slots=True)
class Export:
    """What is written to files: entries in the order of their numbers, the names of their accounts, the company, and
    the day on which they were exported first, so that the same export always has the same bytes."""

    entries: Sequence[ExportedEntry]
    company: Company
    exported_on: str
    names: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, account: str) -> str:
        """The name of an account; its number where it has none."""
        return self.names.get(account) or account


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file: the end of its name (`.csv`, `-2.csv`), and its bytes."""

    suffix: str
    content: bytes
