"""Whoever waits for events of this process is woken as soon as one is published, rather than at the next look."""

from __future__ import annotations

from collections.abc import Callable

_waiting: set[Callable[[], None]] = set()


def add(wake: Callable[[], None]) -> None:
    """Call `wake` after each publishing, from the thread that publishes."""
    _waiting.add(wake)


def remove(wake: Callable[[], None]) -> None:
    """Call it no more."""
    _waiting.discard(wake)


def published() -> None:
    """Deliveries were written."""
    for wake in list(_waiting):
        wake()
