"""Movements of stock are sent to the stores that have stock sync on: to each by one process at a time, and by a thread
of its own, so that a store that is down or slow keeps no other waiting."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress

from pymongo.errors import PyMongoError

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.logs import get_logger
from pos_api.senders.woocommerce.stock_push.push import push
from pos_api.senders.woocommerce.stock_push.waiting import Progress, is_waiting
from pos_api.stock import sync_lease
from pos_api.stock.store_sync import synced_stores

POLL = 0.5
"""Seconds between two looks for movements to be sent."""
_POLL_WITHOUT_STORE = 2.0

log = get_logger(__name__)


class StockPusher:
    """The sending of this process. While no store has stock sync on, it only looks for one."""

    def __init__(self, db: Db, config: Config) -> None:
        self._db = db
        self._config = config
        self._holder = uuid.uuid4().hex
        self._stopping = threading.Event()
        self._progress: dict[str, Progress] = {}
        self._sending: dict[str, threading.Thread] = {}
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="pos-stock-pusher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further request."""
        self._stopping.set()

    def join(self, timeout: float) -> None:
        """Wait so long for what is on its way; what is not recorded then is sent again by the next process."""
        until = time.monotonic() + timeout
        for thread in (self._thread, *list(self._sending.values())):
            thread.join(max(until - time.monotonic(), 0.0))

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            pause = _POLL_WITHOUT_STORE
            try:
                pause = POLL if self._look() else _POLL_WITHOUT_STORE
            except PyMongoError as error:
                log.warning("stock can't be sent", error=type(error).__name__)
            except Exception as error:
                log.error("stock can't be sent", error=type(error).__name__)

    def _look(self) -> bool:
        """Start to send to each store for which something waits and nobody is sending yet; whether any store has stock
        sync on."""
        stores = synced_stores(self._db).value()
        self._sending = {store: thread for store, thread in self._sending.items() if thread.is_alive()}
        self._renew()
        for store in sorted(stores - self._sending.keys()):
            progress = self._progress.setdefault(store, Progress())
            if is_waiting(self._db, store, progress) and sync_lease.take(self._db, store, self._holder):
                thread = threading.Thread(
                    target=self._send, args=(store, progress), name=f"pos-stock-{store}", daemon=True
                )
                self._sending[store] = thread
                thread.start()
        return bool(stores)

    def _renew(self) -> None:
        """Keep the leases of the stores that are being sent to."""
        if time.monotonic() - self._renewed_at >= sync_lease.RENEW_EVERY:
            self._renewed_at = time.monotonic()
            for store in self._sending:
                sync_lease.renew(self._db, store, self._holder)

    def _send(self, store: str, progress: Progress) -> None:
        try:
            push(self._db, self._config, store, self._holder, progress, self._stopping)
        except PyMongoError as error:
            log.warning("stock can't be sent to a store", store=store, error=type(error).__name__)
        except Exception as error:
            log.exception("stock can't be sent to a store", store=store, error=type(error).__name__)
            with suppress(PyMongoError):
                sync_lease.failed(self._db, store, self._holder, "Something failed here; the log says what.")
