"""The form by which accounts are changed: its rows as the API's document, and messages beside the rows that they are
of. Pure: no database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pos_api.accounting.accounts import MOST_ROWS

FIELDS = ("role", "account", "rate", "group", "method", "since")
BLANK_ROWS = 3
"""Rows to add more accounts in."""
_GROUP_OF = ("product", "category", "store")


@dataclass(frozen=True, slots=True)
class FormRow:
    """A row as it was typed: FIELDS, the account's `name`, whether it is to be removed, and what is wrong with it."""

    values: Mapping[str, str]
    is_removed: bool = False
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountsForm:
    """The form as it was typed: its rows, product groups (a line each: `group; category; Books`), and the messages that
    are of no row."""

    rows: tuple[FormRow, ...]
    groups: str
    version: str
    errors: tuple[str, ...] = ()
    group_errors: tuple[str, ...] = ()


@dataclass(slots=True)
class Parsed:
    """What was typed as the API takes it, and the form's row of each of the document's."""

    document: dict[str, Any]
    numbers: list[int] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def version_of(document: Mapping[str, Any]) -> str:
    """What changes with every change of the accounts: so nobody overwrites what another has set meanwhile."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def of_document(document: Mapping[str, Any]) -> AccountsForm:
    """The form of accounts as they are, with blank rows at its end."""
    names = document["names"]
    rows = [FormRow({**row, "name": names.get(row["account"], "")}) for row in document["rows"]]
    blank = [FormRow({})] * min(BLANK_ROWS, MOST_ROWS - len(rows))
    lines = [f"{each['group']}; {of}; {each[of]}" for each in document["groups"] for of in _GROUP_OF if of in each]
    return AccountsForm((*rows, *blank), "\n".join(lines), version_of(document))


def typed(form: Mapping[str, str]) -> AccountsForm:
    """The form as it was sent."""
    rows = []
    for number in range(MOST_ROWS + BLANK_ROWS):
        if f"role-{number}" not in form:
            break
        values = {name: form.get(f"{name}-{number}", "").strip() for name in (*FIELDS, "name")}
        values["rate"] = values["rate"].rstrip("% \N{NO-BREAK SPACE}").replace(",", ".")
        rows.append(FormRow(values, f"remove-{number}" in form))
    return AccountsForm(tuple(rows), form.get("groups", ""), form.get("version", ""))


def parse(form: AccountsForm, names: Mapping[str, str]) -> Parsed:
    """What was typed as the API takes it. `names` are those that accounts have now: of accounts without a row, such as
    those of old entries, they stay."""
    parsed = Parsed({"rows": [], "names": {}, "groups": []})
    shown: dict[str, str] = {}
    for number, row in enumerate(form.rows):
        given = {name: row.values[name] for name in FIELDS if row.values.get(name)}
        if row.is_removed or not given.keys() - {"role"}:
            continue
        parsed.numbers.append(number)
        parsed.document["rows"].append(given)
        account, name = given.get("account", ""), row.values.get("name", "")
        if name and shown.setdefault(account, name) != name:
            parsed.problems[f"rows.{len(parsed.numbers) - 1}"] = "has another name than the same account above"
    in_form = {row.values.get("account", "") for row in form.rows}
    parsed.document["names"] = {name: text for name, text in names.items() if name not in in_form} | shown
    for number, text in enumerate(form.groups.splitlines()):
        if text.strip():
            _parse_group(parsed, number, text)
    return parsed


def _parse_group(parsed: Parsed, number: int, text: str) -> None:
    parts = [part.strip() for part in text.split(";", 2)]
    if len(parts) != 3 or not all(parts) or parts[1] not in _GROUP_OF:
        parsed.problems[f"line {number + 1}"] = "must be a group; product, category or store; and its name"
        return
    parsed.document["groups"].append({"group": parts[0], parts[1]: parts[2]})


def with_problems(form: AccountsForm, parsed: Parsed, problems: Mapping[str, Any]) -> AccountsForm:
    """The form with messages beside what they are of: problems by `rows.3`, `names.3001`, `groups.2` or a name."""
    of_rows: dict[int, list[str]] = {}
    others: list[str] = []
    of_groups: list[str] = []
    for name, message in problems.items():
        kind, _, which = name.partition(".")
        if kind == "rows" and which:
            of_rows.setdefault(parsed.numbers[int(which)], []).append(str(message))
        elif kind == "names" and which:
            of = (number for number in parsed.numbers if form.rows[number].values.get("account") == which)
            of_rows.setdefault(next(of, 0), []).append(f"Name: {message}")
        elif kind == "groups" or kind.startswith("line "):
            of_groups.append(f"{name}: {message}")
        else:
            others.append(f"{name}: {message}")
    rows = (FormRow(row.values, row.is_removed, tuple(of_rows.get(n, ()))) for n, row in enumerate(form.rows))
    return AccountsForm(tuple(rows), form.groups, form.version, tuple(others), tuple(of_groups))
