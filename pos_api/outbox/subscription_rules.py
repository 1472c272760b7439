"""What a subscription may be: its events, its own headers, its metadata. No database is needed here.

Everything that is refused is named by its field, in the `details` of an `Invalid`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from pos_api.errors import Invalid
from pos_api.outbox.event_types import EVENT_TYPES, PATTERNS, types_of
from pos_api.outbox.signing import RESERVED_HEADERS

MOST_URL = 2048
MOST_DESCRIPTION = 500
MOST_EVENTS = 100
MOST_STORES = 100
MOST_METADATA = 50
MOST_METADATA_NAME, MOST_METADATA_VALUE = 40, 500
MOST_HEADERS = 20
MOST_HEADER_BYTES = 4096
"""Of all names and values together."""
MOST_RATE = 1000
"""Deliveries in a second."""
MASK = "***"
"""Stands for the value of a header of a subscription's own, which may be a secret. Sent back, it leaves the value as it
is."""

_TOKEN = re.compile(r"[A-Za-z0-9!#%&'*+.^_`|~-][A-Za-z0-9!#$%&'*+.^_`|~-]{0,99}")
"""As HTTP has it, but for a name that begins with `$`, which a database takes for an operator."""
_VALUE = re.compile(r"[!-~](?:[ -~\t]*[!-~])?")


def invalid(field: str, problem: str) -> Invalid:
    """The error of a field that can't be as it was given."""
    return Invalid("The request is not valid.", details={field: [problem]})


def checked_events(events: Sequence[str]) -> list[str]:
    """The types and patterns, each once. Raises Invalid for none, and for one that is unknown, with all there are."""
    unknown = sorted({each[:100] for each in events if not types_of(each)})
    if unknown:
        known = ", ".join((*PATTERNS, *EVENT_TYPES))
        raise invalid("events", f"{', '.join(unknown[:10])}: no such events. There are: {known}.")
    if not events:
        raise invalid("events", "Name at least one; `*` is for all.")
    return list(dict.fromkeys(events))


def refuse_unknown_stores(stores: Sequence[str], known: Collection[str]) -> None:
    """Raises Invalid where events of a store are asked for that there is not."""
    if unknown := [name for name in stores if name not in known]:
        raise invalid("stores", f"There is no store {', '.join(unknown[:10])}.")


def checked_headers(headers: Mapping[str, str], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Headers to be sent with each delivery. A value that is `MASK` is what it was before, in `known`. Raises Invalid,
    which never holds a value."""
    if len(headers) > MOST_HEADERS:
        raise invalid("headers", f"There are more than {MOST_HEADERS}.")
    before = {name.lower(): value for name, value in (known or {}).items()}
    checked = {name: _header_value(name, value, before) for name, value in headers.items()}
    if len({name.lower() for name in checked}) < len(checked):
        raise invalid("headers", "A name is given twice; upper and lower case are the same.")
    if sum(len(name) + len(value) for name, value in checked.items()) > MOST_HEADER_BYTES:
        raise invalid("headers", f"Names and values are longer than {MOST_HEADER_BYTES:,} bytes together.")
    return checked


def is_ours(name: str) -> bool:
    """Whether a header is one that a subscription can't have as its own: of HTTP, or of what a delivery is signed
    with."""
    lower = name.lower()
    return lower in RESERVED_HEADERS or lower.startswith("proxy-")


def _header_value(name: str, value: str, before: Mapping[str, str]) -> str:
    if not _TOKEN.fullmatch(name):
        raise invalid("headers", f"{name[:100]!r} can be no name of a header.")
    lower = name.lower()
    if is_ours(name):
        raise invalid("headers", f"{name} is set by the POS itself, or may not be sent.")
    if value == MASK:
        if lower not in before:
            raise invalid("headers", f"{name}: give its value; {MASK} stands for one that is there already.")
        return before[lower]
    if not _VALUE.fullmatch(value):
        raise invalid("headers", f"{name}: a value has printable ASCII characters, and no blank at its ends.")
    return value


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """A subscription's own headers as they are shown: without their values."""
    return dict.fromkeys(headers, MASK)


def checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """A subscriber's own notes. Raises Invalid where there are too many or too long ones."""
    if len(metadata) > MOST_METADATA:
        raise invalid("metadata", f"There are more than {MOST_METADATA}.")
    for name, value in metadata.items():
        if not 0 < len(name) <= MOST_METADATA_NAME or name.startswith("$"):
            raise invalid("metadata", f"A name has 1 to {MOST_METADATA_NAME} characters and does not begin with $.")
        if len(value) > MOST_METADATA_VALUE:
            raise invalid("metadata", f"{name}: a value has at most {MOST_METADATA_VALUE} characters.")
    return dict(metadata)
