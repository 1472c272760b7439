"""Many things in batches, so that each step with the database is one for many of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """The things in their order, `size` at a time; the last batch may be smaller. Reads only what it hands out."""
    iterator = iter(things)
    while batch := list(islice(iterator, size)):
        yield batch
