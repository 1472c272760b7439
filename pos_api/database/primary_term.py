"""One term of one primary: what is read and written together must not span a change of the replica set's primary, nor
another start of a standalone server. Both may have lost what was not replicated, or not in the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from pymongo.errors import AutoReconnect
from pymongo.server_description import ServerDescription

if TYPE_CHECKING:
    from pos_api.database.client import Db

Term: TypeAlias = tuple[Any, ...]
"""What distinguishes one term of a primary, or one run of a standalone server, from the next."""

P = ParamSpec("P")
R = TypeVar("R")
_thread = threading.local()


@contextmanager
def one_primary(db: Db) -> Iterator[None]:
    """What this thread reads and writes inside reaches one primary of a replica set, in one of its terms.

    A primary that fails may lose what it had not replicated yet. To continue at the next one would build on data that
    no longer exists: a movement after a balance that is lost, an inbox entry done whose order is not saved. Instead the
    next step raises AutoReconnect, and everything is done again. As steps are kept or lost in their order, the last
    one proves all of them.

    Of a standalone server pymongo does not ask `select_within_term`: see `ensure_one_term`.
    """
    outermost = not getattr(_thread, "inside", False)
    if outermost:
        _thread.inside, _thread.term, _thread.begun = True, None, term_of(db)
    try:
        yield
    finally:
        _thread.inside = not outermost


def at_one_primary(function: Callable[Concatenate[Db, P], R]) -> Callable[Concatenate[Db, P], R]:
    """A function that runs inside `one_primary`."""

    @wraps(function)
    def inside(db: Db, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with one_primary(db):
            return function(db, *args, **kwargs)

    return inside


def select_within_term(servers: Sequence[ServerDescription]) -> Sequence[ServerDescription]:
    """pymongo's `server_selector`: these servers. Raises AutoReconnect where inside `one_primary` another primary has
    taken over."""
    if getattr(_thread, "inside", False) and servers:
        term = (servers[0].address, servers[0].election_id)
        if _thread.term is None:
            _thread.term = term
        elif _thread.term != term:
            raise AutoReconnect("another primary took over in the middle")
    return servers


def term_of(db: Db) -> Term | None:
    """The present term: of a replica set that of its primary, of a standalone server the process in the
    `topologyVersion` of its `hello`. None where it is not known just now, and of a sharded cluster."""
    topology = db.client.topology_description
    for server in topology.server_descriptions().values():
        if topology.topology_type_name == "Single" and server.topology_version:
            return (server.topology_version["processId"],)
        if server.server_type_name == "RSPrimary":
            return server.address, server.election_id
    return None


def ensure_same_term(db: Db, term: Term | None) -> None:
    """Raises AutoReconnect where that term is over, so far as it is known. Nothing else may have failed: pymongo
    repeats reads by itself, and waits for a server that is away before it begins a command."""
    if term is not None and term_of(db) != term:
        raise AutoReconnect("the database was started again, or another primary took over, in the middle")


def ensure_one_term(db: Db) -> None:
    """Raises AutoReconnect where this is inside `one_primary`, and the term in which that began is over. It is to be
    called ahead of each write that would be wrong where what was written or read before is lost."""
    if getattr(_thread, "inside", False):
        ensure_same_term(db, _thread.begun)
