"""Reading a sender's objects, whose fields may come in any shape.

A table names the fields of an object and how each is read (`values`). A field of an unexpected shape is left out, and a
warning names it. Only without an `essential` one can the object not be used: that is a problem, and the whole is
refused.

marshmallow, which reads what the API is sent, refuses an object for one odd field, and takes 2.6 times as long for an
order: see docs/architecture.md, "Reading a sender's fields".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pos_api.common.value_limits import LIST_LIMIT
from pos_api.common.warning_messages import EventWarning, warn
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.senders.values import PartlyRead, is_nothing

PROBLEM_LIMIT = 20
"""So many problems of an object are reported; a sender's fault is mostly the same in all lines."""


@dataclass(slots=True)
class FieldReport:
    """What was odd in an object: `problems` by field, for which it can't be used, and warnings, one for each kind of
    field (of 500 lines with the same odd field, the first is named)."""

    problems: dict[str, str] = field(default_factory=dict)
    _warnings: dict[tuple[str, str], EventWarning] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[EventWarning, ...]:
        """The warnings in the order of the fields."""
        return tuple(self._warnings.values())

    def warn(self, code: str, path: str, **values: str | int) -> None:
        """Note a warning about the field at `path`, unless the same field of another line has it already."""
        kind = re.sub(r"(^|\.)\d+(?=\.|$)", "", path)
        self._warnings.setdefault((code, kind), warn(code, field=path, **values))

    def check(self, message: str) -> None:
        """Raise Invalid, with the problems by field, where there are any."""
        if self.problems:
            raise Invalid(message, details={f"data.{path}": problem for path, problem in self.problems.items()})


class FieldPath:
    """Where something stands in an object, such as `line_items.0`. It is put into words only where something is odd:
    an order has a dozen of them, and mostly nothing to say about any."""

    __slots__ = ("_inside", "_name", "report")

    def __init__(self, report: FieldReport, name: str | int = "", inside: FieldPath | None = None) -> None:
        self.report = report
        self._name = name
        self._inside = inside

    @property
    def dotted(self) -> str:
        """The names from the outermost object on, with dots between them."""
        outer = self._inside.dotted if self._inside else ""
        return f"{outer}.{self._name}" if outer else str(self._name)

    def at(self, name: str | int) -> FieldPath:
        """The path of something inside this one."""
        return FieldPath(self.report, name, self)

    def problem(self, name: str, text: str) -> None:
        """Note that the object can't be used because of this field; after PROBLEM_LIMIT of them it is no news."""
        if len(self.report.problems) < PROBLEM_LIMIT:
            self.report.problems[self.at(name).dotted] = text

    def left_out(self, name: str | int, text: str) -> None:
        """Note that this field is left out."""
        self.report.warn("field_left_out", self.at(name).dotted, problem=text)


@dataclass(frozen=True, slots=True)
class Field:
    """How a field is read: our name for it, and the reader, which raises ValueError for what it can't read. A `nested`
    reader also takes the path, to note what is odd further down."""

    name: str
    read: Callable[..., Any]
    essential: bool = False
    nested: bool = False


Table: TypeAlias = Mapping[str, Field]
_ABSENT = object()


def same_names(read: Callable[[Any], Any], *names: str, essential: bool = False) -> dict[str, Field]:
    """Fields that we call as the sender does."""
    return {name: Field(name, read, essential) for name in names}


def read_fields(data: Any, table: Table, path: FieldPath) -> Document:
    """The fields of an object that the table has, under our names; one that is absent, or left out, stays absent.

    Raises ValueError where `data` is no object.
    """
    if not isinstance(data, dict):
        raise ValueError("must be an object")
    fields: Document = {}
    for name, known in table.items():
        if name in data:
            try:  # as in `read_value`: an order has a hundred fields, and a call for each takes as long as reading it
                value = data[name]
                fields[known.name] = known.read(value, path.at(name)) if known.nested else known.read(value)
            except ValueError as error:
                value = _what_is_left(error, known, name, path)
                if value is not _ABSENT:
                    fields[known.name] = value
    return fields


def read_value(value: Any, known: Field, name: str | int, path: FieldPath) -> Any:
    """One value, or a mark of absence where it could not be read; what was odd is noted."""
    try:
        return known.read(value, path.at(name)) if known.nested else known.read(value)
    except ValueError as error:
        return _what_is_left(error, known, name, path)


def _what_is_left(error: ValueError, known: Field, name: str | int, path: FieldPath) -> Any:
    """The part of a value that could be read, or a mark of absence; what was odd is noted."""
    if isinstance(error, PartlyRead):
        path.report.warn(error.code, path.at(name).dotted, **error.values)
        return error.kept
    if known.essential:
        path.problem(str(name), str(error))
    else:
        path.left_out(name, str(error))
    return _ABSENT


def as_list(value: Any) -> list[Any]:
    """The members of a list, also where PHP wrote it as an object. Raises ValueError for what is none."""
    if isinstance(value, list):
        return value
    if value is None:
        return []
    if isinstance(value, dict) and all(name.isdecimal() or isinstance(each, dict) for name, each in value.items()):
        return list(value.values())
    raise ValueError("must be a list")


def list_of(read: Callable[[Any, FieldPath], Any], *, essential: bool = False) -> Callable[[Any, FieldPath], list[Any]]:
    """A reader of lists of at most LIST_LIMIT members; a longer one can't be read. A member that can't be read is left
    out; of an essential list it is a problem."""
    member = Field("", read, essential, nested=True)

    def read_list(values: Any, path: FieldPath) -> list[Any]:
        if not essential and is_nothing(values):
            return []
        members = as_list(values)
        check_count(len(members), "entries")
        read = (read_value(value, member, number, path) for number, value in enumerate(members))
        return [value for value in read if value is not _ABSENT]

    return read_list


def check_count(number: int, what: str) -> None:
    """Raise ValueError where there are more than LIST_LIMIT of something."""
    if number > LIST_LIMIT:
        raise ValueError(f"has {number:,} {what}; at most {LIST_LIMIT:,} are taken")


def object_of(table: Table) -> Callable[[Any, FieldPath], Document]:
    """A reader of objects with these fields."""
    return lambda value, path: {} if is_nothing(value) else read_fields(value, table, path)
