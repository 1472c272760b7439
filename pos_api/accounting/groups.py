"""The product group of a line of goods: that of its product, of one of the product's categories, or of the store, as
staff have set it. Pure: no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pos_api.errors import Invalid

_LONGEST = 100
MOST_GROUPS = 5_000
_BY = ("product", "category", "store")
"""What a group may be of; what stands first counts more."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Product groups, by product (its `_id`, the SKU it was first known by), by the name of a category, by store."""

    by: Mapping[str, Mapping[str, str]]

    def group_of(self, product: str, categories: Iterable[str], store: str) -> str:
        """The group of a product in these categories that a store sold; blank for none."""
        for of, names in (("product", (product,)), ("category", categories), ("store", (store,))):
            for name in names:
                if group := self.by.get(of, {}).get(name):
                    return group
        return ""

    def rows(self) -> list[dict[str, str]]:
        """The groups as they are stored and shown."""
        return [{"group": group, of: name} for of in _BY for name, group in self.by.get(of, {}).items()]


NO_GROUPS = Groups({})


def read_groups(rows: Any) -> Groups:
    """The groups in rows of a `group` and one of `product`, `category` and `store`. Raises Invalid, with a message for
    each row that is wrong."""
    if not isinstance(rows, list) or len(rows) > MOST_GROUPS:
        raise Invalid("The groups are not valid.", details={"groups": f"must be a list of at most {MOST_GROUPS:,}"})
    by: dict[str, dict[str, str]] = {}
    problems: dict[str, str] = {}
    for number, row in enumerate(rows):
        of = [name for name in _BY if isinstance(row, Mapping) and name in row]
        if len(of) != 1 or set(row) != {"group", of[0]} or not all(map(_is_text, row.values())):
            problems[f"groups.{number}"] = f"must have a group and one of {', '.join(_BY)}, as texts"
        elif row[of[0]] in by.setdefault(of[0], {}):
            problems[f"groups.{number}"] = "is of the same as another row"
        else:
            by[of[0]][row[of[0]]] = row["group"].strip()
    if problems:
        raise Invalid("The groups are not valid.", details=problems)
    return Groups(by)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= _LONGEST * 2 and value.isprintable()
