"""What takes long to read is read while what came before it is used."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import Empty, Queue
from typing import TypeVar

T = TypeVar("T")


def read_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order, read in a thread of its own while those before are used: at most two of them
    ahead. What reading raises is raised here, after the items that were read before."""
    ready: Queue[tuple[T] | BaseException | None] = Queue(1)
    closed = threading.Event()

    def read() -> None:
        end: BaseException | None = None
        try:
            for item in items:
                ready.put((item,))
                if closed.is_set():
                    return
        except BaseException as error:
            end = error
        ready.put(end)

    threading.Thread(target=read, name="pos-read-ahead", daemon=True).start()
    try:
        while isinstance(found := ready.get(), tuple):
            yield found[0]
        if found is not None:
            raise found
    finally:
        closed.set()
        with suppress(Empty):
            ready.get_nowait()  # the thread may be waiting for room
