"""One term of one primary: what is read and written together must not span a change of the replica set's primary, nor
another start of a server that stands alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bson import ObjectId
from pymongo.errors import AutoReconnect
from pymongo.server_description import ServerDescription

if TYPE_CHECKING:
    from pos_api.database.client import Db

_thread = threading.local()


@contextmanager
def one_primary() -> Iterator[None]:
    """What this thread reads and writes inside reaches one primary of a replica set, in one of its terms.

    A primary that fails may lose what it had not replicated yet. To continue at the next one would build on data that
    no longer exists: a movement after a balance that is lost, an inbox entry done whose order is not saved. Instead the
    next step raises AutoReconnect, and everything is done again. As steps are kept or lost in their order, the last
    one proves all of them.
    """
    outermost = not getattr(_thread, "inside", False)
    if outermost:
        _thread.inside, _thread.term = True, None
    try:
        yield
    finally:
        _thread.inside = not outermost


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


def run_of_server(db: Db) -> ObjectId | None:
    """What distinguishes one run of a server that stands alone from the next: the process in the `topologyVersion` of
    its `hello`. None of a replica set, whose terms `one_primary` sees."""
    topology = db.client.topology_description
    if topology.topology_type_name != "Single":
        return None
    [server] = topology.server_descriptions().values()
    version = server.topology_version
    return version["processId"] if version else None


def ensure_same_run(db: Db, run: ObjectId | None) -> None:
    """Raises AutoReconnect where the server was started again since that run of it, where that is known. It may have
    lost what was not in its journal then, and yet all went on: pymongo repeats reads by itself."""
    if run is not None and run_of_server(db) != run:
        raise AutoReconnect("the database was started again in the middle")
