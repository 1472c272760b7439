"""What is due is looked up in threads of their own, a few at a time and fewer of each store: so a provider that is
slow, or a flood of claims at one store, keeps neither deliveries nor the look-ups of other stores waiting."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from pymongo.errors import PyMongoError

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.logs import get_logger
from pos_api.processing.looking_up import look_up_next
from pos_api.senders import lookup_queue
from pos_api.senders.lookups import LOOKUPS
from pos_api.stores.registry import Stores

_POLL = 1.0
"""Seconds between two looks for what is due."""
_AT_ONCE = 8
_AT_ONCE_OF_STORE = 2
_SECONDS_OF_STORE = 5.0
"""After so many seconds a thread ends, and stores that wait for one come first."""

_random = random.SystemRandom()
log = get_logger(__name__)


class LookupThreads:
    """The look-ups of this process."""

    def __init__(self, db: Db, config: Config) -> None:
        self._db = db
        self._config = config
        self._stores = Stores(db, config)
        self._running: dict[threading.Thread, str] = {}
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._one_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pos-lookups", daemon=True)

    def start(self) -> None:
        """Start the thread that looks for what is due."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further look-up; what is not done is due again for whoever is next."""
        self._stopping.set()
        self._one_ended.set()

    def join(self, timeout: float) -> None:
        """Wait for each thread to end, for so many seconds."""
        for thread in (self._thread, *list(self._running)):
            thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._one_ended.wait(_POLL)
            self._one_ended.clear()
            try:
                self.start_due()
            except PyMongoError as error:
                log.warning("nothing can be looked up", error=type(error).__name__)
            except Exception as error:
                log.error("nothing can be looked up", error=type(error).__name__)

    def start_due(self) -> None:
        """Start threads for the stores that have something due: those with the fewest first, else at random. Where no
        store is of a kind that looks things up, nothing is read."""
        if not any(store.kind in LOOKUPS for store in self._stores.all()):
            return
        due = lookup_queue.stores_due(self._db)
        _random.shuffle(due)
        with self._changing:
            of_store = Counter(self._running.values())
        for store in sorted(due * _AT_ONCE_OF_STORE, key=lambda each: of_store[each]):
            if len(self._running) < _AT_ONCE and of_store[store] < _AT_ONCE_OF_STORE and not self._stopping.is_set():
                of_store[store] += 1
                self._start(store)

    def _start(self, store: str) -> None:
        thread = threading.Thread(target=self._look_up, args=(store,), name=f"pos-lookup-{store}", daemon=True)
        with self._changing:
            self._running[thread] = store
        thread.start()

    def _look_up(self, store: str) -> None:
        """Look up what the store has to look up, until nothing is due or the time is over."""
        ends_at = time.monotonic() + _SECONDS_OF_STORE
        try:
            while not self._stopping.is_set() and look_up_next(self._db, self._config, self._stores, store):
                if time.monotonic() > ends_at:
                    break
        except PyMongoError as error:
            log.warning("a look-up waits", store=store, error=type(error).__name__)
        except Exception as error:
            log.error("a look-up failed", store=store, error=type(error).__name__)
        finally:
            with self._changing:
                del self._running[threading.current_thread()]
            self._one_ended.set()
