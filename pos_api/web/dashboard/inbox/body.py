"""What was sent, as text to look at: JSON is written anew with one field a line, and what may be about a person is in
blocks of its own, which are shown folded. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LONGEST = 65_536
"""So many characters are shown of what was sent, and of each block."""
MOST_BLOCKS = 50
_LONGEST_PATH = 200
_MOST_READ = 1_000_000
"""Characters; what is longer is one block."""
_PERSONAL = re.compile(
    r"billing|shipping(_address)?|customer|customer_?(note|name|ip_address|user_agent|data|details)|buyer|payer|payee|"
    r"client|contact|guest|recipient|receiver|person|owner|staff|employee|cashier|user|author|"
    r"shipping_details|billing_details|metadata|meta_data|card|iban|ssn|vat_number|message|comment",
)
"""Names of fields, in small letters with `_` between words, whose content may be about a person."""
_PERSONAL_WORDS = re.compile(
    r"(?:\A|_)(?:e_?mail|phone|mobile|address|first_?name|last_?name|full_?name|birth_?date|ip|notes?)(?:_|\Z)"
)
"""Words in such a name. It is searched and begins with no repetition, so a long name takes no longer than it is."""
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
    words = _CAPITAL.sub("_", name).replace("-", "_").lower()
    return _PERSONAL.fullmatch(words) is not None or _PERSONAL_WORDS.search(words) is not None


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
        where = (f"{path}.{name}" if path else name)[:_LONGEST_PATH]
        if is_personal(name) and each not in (None, "", [], {}):
            blocks.append(Block(where, _written(each)))
            rest[name] = "…"
        else:
            rest[name] = _without_persons(each, where, blocks)
    return rest


def _written(value: Any) -> str:
    """A value as text; of a longer one than is shown, little more than what is shown."""
    parts, length = [], 0
    for part in _parts(value, ""):
        parts.append(part)
        length += len(part)
        if length > LONGEST:
            break
    return "".join(parts)


def _parts(value: Any, indent: str) -> Iterator[str]:
    deeper = f"{indent}  "
    if isinstance(value, dict) and value:
        yield "{"
        for index, (name, each) in enumerate(value.items()):
            yield f"{',' if index else ''}\n{deeper}{_text(name)}: "
            yield from _parts(each, deeper)
        yield f"\n{indent}}}"
    elif isinstance(value, list) and value:
        yield "["
        for index, each in enumerate(value):
            yield f"{',' if index else ''}\n{deeper}"
            yield from _parts(each, deeper)
        yield f"\n{indent}]"
    else:
        yield value.text if isinstance(value, _Number) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
