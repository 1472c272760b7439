"""What one check of `attention` has found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pos_api.web.dashboard.languages import _, number

MOST_COUNTED = 1_000
"""So far things are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that needs a look: `text`, in the language of whoever reads, the page where it is dealt with, and the
    role that this takes. `is_bad`: it does not wait until there is time for it; `is_note`: there is nothing to do."""

    text: Callable[[], str]
    endpoint: str
    values: Mapping[str, str] = field(default_factory=dict)
    role: str = "viewer"
    is_bad: bool = False
    is_note: bool = False


def at_most(count: int) -> str:
    """A number of things that are counted up to MOST_COUNTED."""
    return _("more than %(count)s", count=number(MOST_COUNTED)) if count > MOST_COUNTED else number(count)
