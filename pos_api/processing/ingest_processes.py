"""Processes that bring in what another one reads from a shop: where reading is quick, one process has not the time for
both."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import get_context, parent_process

from pos_api import logs
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.database.collections import Collection
from pos_api.inbox.model import Outcome
from pos_api.processing import ingest
from pos_api.senders.base import Ingest
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores


@contextmanager
def ingest_processes(config: Config, collections: Sequence[Collection], count: int) -> Iterator[Ingest]:
    """`ingest`, run by so many processes, to be called from any number of threads: each call keeps one of them busy.
    They end with the block, after what they are doing then; and at once where this process is killed."""
    spawned = get_context("spawn")  # a fork would inherit connections that are in use
    with ProcessPoolExecutor(count, spawned, _begin, (config, collections)) as processes:

        def ingest_there(
            _: Db, store: Store, bodies: Iterable[bytes], read_at: datetime, /, *, again: bool = False
        ) -> list[Outcome]:
            return processes.submit(_ingest, store.id, list(bodies), read_at, again).result()

        yield ingest_there


_opened: list[tuple[Db, Stores]] = []
"""Of a process that brings in: its database, opened when it began."""


def _begin(config: Config, collections: Sequence[Collection]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that reads, which ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logs.configure(config)
    db = database.connect(config, collections)
    _opened.append((db, Stores(db, config)))


def _end_with_parent() -> None:
    """A pool's process that waits for work never sees that nobody can give it any more."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _ingest(store: str, bodies: list[bytes], read_at: datetime, again: bool) -> list[Outcome]:
    [(db, stores)] = _opened
    return ingest.ingest(db, stores.get(store), bodies, read_at, again=again)
