"""What the API document says of the deliveries of a kind of store; its sender gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Documentation:
    """`name` is what people call the kind (`Karma`), `description` one or two sentences (Markdown) about what it sends
    and how that is authenticated. `headers` says of each header that is looked at what it has, and `examples` has a
    body for each of some topics (`order.created`)."""

    name: str
    description: str
    headers: Mapping[str, str]
    examples: Mapping[str, Any]
