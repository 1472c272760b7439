"""How many attempts to authenticate may fail."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address
from math import ceil

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from pos_api.common.ip_addresses import plain
from pos_api.database.client import Db
from pos_api.errors import TooManyRequests, Unauthorized, Unavailable
from pos_api.staff import users
from pos_api.staff.users import User

_HASHES_AT_ONCE = threading.BoundedSemaphore(2)
"""A password check takes 64 MiB and a core: a flood of them must leave both to the shops' orders."""
_LOG_INS_AT_ONCE = 8
"""Log-ins that are checked or wait for it, each in a web thread: a flood of them must leave threads to the orders."""


class AttemptLimits:
    """Failed attempts to authenticate, by address, and failed log-ins by account too. Only failures count, and who has
    the right key or token never waits for the failures of others.

    They are counted in this process's memory, so each of an installation's web processes allows its part: together they
    never allow more than 10 log-ins in 5 minutes and 60 authentications in a minute from an address, and 30 log-ins in
    5 minutes to an account. An address from which somebody has logged in to it since this process started is spared the
    latter: a stranger who knows a name can't lock its owner out.
    """

    def __init__(self, web_processes: int = 1, web_threads: int = 32) -> None:
        self._log_ins = RateLimitItemPerMinute(max(10 // web_processes, 1), 5)
        self._of_account = RateLimitItemPerMinute(max(30 // web_processes, 1), 5)
        self._authentications = RateLimitItemPerMinute(max(60 // web_processes, 1))
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._places = threading.BoundedSemaphore(max(min(_LOG_INS_AT_ONCE, web_threads // 4), 1))

    def note(self, address: str) -> None:
        """Count a failed authentication. Raises TooManyRequests when there were too many."""
        if not self._limiter.hit(self._authentications, "auth", _network(address)):
            raise self._refusal(self._authentications, "auth", _network(address))

    def check_log_in(self, address: str) -> None:
        """Raises TooManyRequests when too many log-ins from there failed."""
        if not self._limiter.test(self._log_ins, "login", _network(address)):
            raise self._refusal(self._log_ins, "login", _network(address))

    def note_log_in(self, address: str) -> None:
        """Count a failed log-in."""
        self._limiter.hit(self._log_ins, "login", _network(address))

    def log_in(self, db: Db, address: str, name: str, password: str) -> User:
        """Who this name and password belong to; a failure counts, and after too many none is even looked at.

        Raises Unauthorized, TooManyRequests, and Unavailable where too many log in at once.
        """
        account = users.key(name)
        user = users.log_in(db, name, password, self._attempt(address, account))
        self._remember(account, _network(address))
        return user

    @contextmanager
    def _attempt(self, address: str, account: str) -> Iterator[None]:
        """A password check, two at a time: nobody waits in here for the database."""
        known = (account, _network(address)) in self._known
        with self._place(known), _HASHES_AT_ONCE:
            self.check_log_in(address)
            if not (known or self._limiter.test(self._of_account, "account", account)):
                raise self._refusal(self._of_account, "account", account)
            try:
                yield
            except Unauthorized:
                self.note_log_in(address)
                if not known:
                    self._limiter.hit(self._of_account, "account", account)
                raise

    @contextmanager
    def _place(self, known: bool) -> Iterator[None]:
        """A place among those that are checked or wait for it. Raises Unavailable where all are taken, but not for who
        has logged in from there before."""
        if known:
            yield
        elif self._places.acquire(blocking=False):
            try:
                yield
            finally:
                self._places.release()
        else:
            raise Unavailable("Too many log-ins at once; try again.", retry_after=5)

    def _remember(self, account: str, network: str) -> None:
        self._known[account, network] = None
        self._known.move_to_end((account, network))
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _refusal(self, limit: RateLimitItem, what: str, whose: str) -> TooManyRequests:
        reset = self._limiter.get_window_stats(limit, what, whose).reset_time
        source = "to this account" if what == "account" else "from this address"
        return TooManyRequests(f"Too many failed attempts {source}.", retry_after=max(ceil(reset - time.time()), 1))


_KNOWN = 1000


def _network(address: str) -> str:
    """What counts as one address: an IPv6 subscriber has a /64 to choose from. Whatever is no address (see `plain`)
    counts as one, so that nothing that a proxy passes on can be varied to get past the limits."""
    text = plain(address)
    return str(int(IPv6Address(text)) >> 64) if ":" in text else text
