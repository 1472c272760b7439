"""What was sent, as text to look at: JSON is written anew with one field a line, and what may be about a person is in
blocks of its own, which are shown folded. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

LONGEST = 65_536
"""So many characters are shown of what was sent, and of each block."""
MOST_BLOCKS = 50
_MOST_READ = 1_000_000
"""Characters; what is longer is one block."""
_PERSONAL = re.compile(
    r"billing|shipping(_address)?|customer|customer_?(note|name|ip_address|user_agent|data|details)|buyer|payer|payee|"
    r"client|contact|guest|recipient|receiver|person|owner|staff|employee|cashier|user|author|"
    r"(.*_)?(e_?mail|phone|mobile|address|first_?name|last_?name|full_?name|birth_?date|ip|note|notes)(_.*)?|"
    r"shipping_details|billing_details|metadata|meta_data|card|iban|ssn|vat_number|message|comment",
)
"""Names of fields, in small letters with `_` between words, whose content may be about a person."""
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Block:
    """A part of what was sent that may be about a person: where it stood (`data.billing`), and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Folded:
    """What was sent without the parts that may be about persons, and these; `is_cut` says that it is longer."""

    text: str
    blocks: tuple[Block, ...]
    is_cut: bool


def folded(body: bytes) -> Folded:
    """What was sent in an entry. What is no JSON is one block, as anything may be in it."""
    text = body.decode("utf-8", "replace")
    blocks: list[Block] = []
    try:
        if len(text) > _MOST_READ:
            raise ValueError("too long")
        content = json.loads(text, parse_float=_Number, parse_int=_Number)
        rest = _written(_without_persons(content, "", blocks))
    except (ValueError, RecursionError):
        return Folded("", (Block("", text[:LONGEST]),) if text else (), len(text) > LONGEST)
    is_cut = len(rest) > LONGEST or len(blocks) > MOST_BLOCKS or any(len(each.text) > LONGEST for each in blocks)
    shown = tuple(Block(each.path, each.text[:LONGEST]) for each in blocks[:MOST_BLOCKS])
    return Folded(rest[:LONGEST], shown, is_cut)


def is_personal(name: str) -> bool:
    """Whether what is in a field of this name may be about a person."""
    return _PERSONAL.fullmatch(_CAPITAL.sub("_", name).replace("-", "_").lower()) is not None


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as it was written: `1.10` stays so, and a long one keeps all digits."""

    text: str


def _without_persons(value: Any, path: str, blocks: list[Block]) -> Any:
    if isinstance(value, list):
        return [_without_persons(each, f"{path}[{index}]", blocks) for index, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    rest = {}
    for name, each in value.items():
        where = f"{path}.{name}" if path else name
        if is_personal(name) and each not in (None, "", [], {}):
            blocks.append(Block(where[:200], _written(each)))
            rest[name] = "…"
        else:
            rest[name] = _without_persons(each, where, blocks)
    return rest


def _written(value: Any, indent: str = "") -> str:
    deeper = f"{indent}  "
    if isinstance(value, dict) and value:
        members = (f"{deeper}{_text(name)}: {_written(each, deeper)}" for name, each in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(deeper + _written(each, deeper) for each in value) + f"\n{indent}]"
    return value.text if isinstance(value, _Number) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
