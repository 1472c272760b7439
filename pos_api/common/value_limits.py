"""The largest numbers and lists that are taken."""

from __future__ import annotations

INT64_MAX = 2**63 - 1
LIST_LIMIT = 2_000
"""A list of a payload has at most so many entries, and the refunds of an order so many lines together."""
