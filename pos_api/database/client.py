"""The client (one per process) and every collection's indexes.

A noun's module owns its collection; `woocommerceorders` is the orders'. Identifiers are deterministic strings,
so that inserting is the deduplicating and nothing is found first and inserted then.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from pymongo import ASCENDING, DESCENDING, IndexModel, MongoClient, WriteConcern
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)
from pymongo.server_api import ServerApi, ServerApiVersion
from pymongo.server_description import ServerDescription

from pos_api.config import Config, ConfigError
from pos_api.database import embedded

Document: TypeAlias = dict[str, Any]
Db: TypeAlias = Database[Document]
Client: TypeAlias = MongoClient[Document]

DEFAULT_DATABASE = "pos-system"
_DUPLICATE_KEY = 11000
"""The server's error code for a unique index that is taken."""
_TOO_LARGE = (10334, 17419)
"""BSONObjectTooLarge, and the code of an update whose result is too large."""
DURABLE = WriteConcern(w="majority", j=True)
"""For the one write that must survive everything: the inbox insert. A bare majority on a one-node replica set
waits for the 100 ms journal tick, so the journal is asked for."""

_STABLE_API = ServerApi(ServerApiVersion.V1, strict=True, deprecation_errors=True)
"""MongoDB promises the commands of this version to mean the same in every release since 5.0, and refuses all others
here: what works on the one the tests run on works on 6, 7 and 8."""

_TIMEOUT_MS = 5_000
_TIMEOUTS = ("serverSelectionTimeoutMS", "connectTimeoutMS")
_NEWEST_FIRST = [("created_at", DESCENDING), ("_id", DESCENDING)]
_AUDIT_ORDER = [("time", DESCENDING), ("_id", DESCENDING)]


def _of_those_with(field: str, direction: int = ASCENDING, **options: Any) -> IndexModel:
    """An index of the documents that have this field. (A sparse one is no part of the stable API.)"""
    return IndexModel([(field, direction)], partialFilterExpression={field: {"$exists": True}}, **options)


INDEXES: dict[str, list[IndexModel]] = {
    "stores": [_of_those_with("keys.hash", unique=True)],
    "inbox": [
        _of_those_with("due_at"),
        _of_those_with("attention_at", DESCENDING),
        IndexModel(  # of the few that need a look; an event that goes well never enters it
            [("state", ASCENDING), ("attention_at", DESCENDING), ("_id", DESCENDING)],
            partialFilterExpression={"attention_at": {"$exists": True}},
        ),
        _of_those_with("done_at"),
        IndexModel("about"),
    ],
    "woocommerceorders": [
        IndexModel(_NEWEST_FIRST),
        IndexModel([("status", ASCENDING), *_NEWEST_FIRST]),
        IndexModel([("store", ASCENDING), *_NEWEST_FIRST]),
        IndexModel([("customer", ASCENDING), *_NEWEST_FIRST]),
        IndexModel([("skus", ASCENDING), *_NEWEST_FIRST]),
        IndexModel([("search", ASCENDING), *_NEWEST_FIRST]),
        IndexModel(_NEWEST_FIRST, name="deleted", partialFilterExpression={"deleted_at": {"$exists": True}}),
        IndexModel("order_id"),
        _of_those_with("parent"),
        IndexModel("changed_at"),
        _of_those_with("closed_at"),
    ],
    "products": [
        IndexModel("skus", unique=True),
        IndexModel("shop_ids"),
        _of_those_with("shared_ids"),
        IndexModel("search"),
        _of_those_with("low_stock_threshold"),
        _of_those_with("variation_of.parent"),
        _of_those_with("deleted_ids.because"),
    ],
    "goods_without_stock": [IndexModel("sku")],
    "stock_movements": [
        IndexModel([("sku", ASCENDING), ("seq", ASCENDING)], unique=True),
        IndexModel(
            [("sku", ASCENDING), ("order", ASCENDING), ("n", ASCENDING)],
            unique=True,
            partialFilterExpression={"order": {"$exists": True}},
        ),
        _of_those_with("order"),
    ],
    "customers": [
        IndexModel("search"),
        IndexModel("shop_ids"),
        IndexModel([("last_order_at", DESCENDING), ("_id", DESCENDING)]),
    ],
    "stats_blocks": [
        IndexModel([("days", ASCENDING), ("store", ASCENDING)]),
        _of_those_with("stale"),
    ],
    "stats_days": [IndexModel([("day", ASCENDING), ("store", ASCENDING)])],
    "stats_firsts": [IndexModel("orders")],
    "erasures": [IndexModel("changed_at"), _of_those_with("due_at")],
    "erasure_keys": [],
    "erased_orders": [_of_those_with("due_at")],
    "upkeep": [],
    "users": [],
    "script_tokens": [IndexModel("expires_at", expireAfterSeconds=0)],
    "ended_tokens": [IndexModel("expires_at", expireAfterSeconds=0)],
    "audit": [
        IndexModel(_AUDIT_ORDER),
        IndexModel([("action", ASCENDING), *_AUDIT_ORDER]),
        IndexModel([("who.name", ASCENDING), *_AUDIT_ORDER]),
        IndexModel([("target", ASCENDING), *_AUDIT_ORDER]),
    ],
}


def connect(config: Config) -> Db:
    """Connect to `MONGODB_URI`, or to this installation's own mongod where it is unset, and make the indexes.

    The database is the one named in the URI, else `pos-system`. Raises ConfigError with one line when the URI is
    unusable or the server can't be reached.
    """
    uri = config.mongodb_uri or embedded.uri(config.data_dir)
    try:
        db = open_database(uri)
    except (ConfigurationError, InvalidURI, ValueError) as error:
        raise ConfigError(f"MONGODB_URI is not usable: {error}") from None
    try:
        ensure_indexes(db)
    except PyMongoError as error:
        db.client.close()
        raise ConfigError(f"MongoDB can't be reached: {_first_line(error)}") from None
    return db


def open_database(uri: str) -> Db:
    """A database handle for `uri`. What the URI says wins; where it names none, a server is waited for 5 s and writes
    are `w: 1` (see docs/operations.md)."""
    timeouts: Document = {name: _TIMEOUT_MS for name in _TIMEOUTS if name.lower() not in uri.lower()}
    client: Client = MongoClient(
        uri, tz_aware=True, appname="pos-api", server_selector=in_office, server_api=_STABLE_API, **timeouts
    )
    db = client.get_default_database(DEFAULT_DATABASE)
    if not db.write_concern.document:
        db = db.with_options(write_concern=WriteConcern(w=1))
    for name in INDEXES:  # pymongo makes a collection's handle anew at every look
        setattr(db, name, db[name])
    return db


def make_durable(db: Db) -> None:
    """Wait until all that was written so far survives a crash, as what a person was told is done must: unlike what an
    event of the inbox wrote, nobody does it again. Raises PyMongoError when that can't be told.

    A write that changes nothing waits for all before it: https://www.mongodb.com/docs/manual/reference/write-concern/
    """
    db.users.with_options(write_concern=DURABLE).delete_one({"_id": {"$in": []}})


_here = threading.local()


@contextmanager
def one_primary() -> Iterator[None]:
    """What this thread reads and writes inside reaches one primary of a replica set, in one term of office.

    A primary that falls may take with it what it had not passed on yet. Going on at the next one would build on what
    never was: a movement after a balance that is gone, an event done whose order is not saved. Instead the next step
    raises AutoReconnect, and all is done again. As steps are kept or lost in their order, the last one vouches for all.
    """
    outermost = not getattr(_here, "inside", False)
    if outermost:
        _here.inside, _here.term = True, None
    try:
        yield
    finally:
        _here.inside = not outermost


def in_office(servers: Sequence[ServerDescription]) -> Sequence[ServerDescription]:
    """pymongo's `server_selector`: these servers, unless a primary takes over inside `one_primary`."""
    if getattr(_here, "inside", False) and servers:
        term = (servers[0].address, servers[0].election_id)
        if _here.term is None:
            _here.term = term
        elif _here.term != term:
            raise AutoReconnect("another primary took over in the middle")
    return servers


def ensure_indexes(db: Db) -> None:
    """Make every index; without effect where it exists, and safe from several processes at once."""
    if "expireAfterSeconds" in db.inbox.index_information().get("done_at_1", {}):  # from before it was a setting
        with suppress(OperationFailure):  # another process was faster
            db.inbox.drop_index("done_at_1")
    for name, indexes in INDEXES.items():
        if indexes:
            db[name].create_indexes(indexes)


def only_collisions(error: BulkWriteError) -> list[int]:
    """Which operations of a bulk write collided on a unique index, by their place in it, where nothing else went wrong.

    Else raises `error`. It is then all or nothing for the caller: a write that failed, or is not known to be durable.
    """
    failed = error.details["writeErrors"]
    if error.details["writeConcernErrors"] or any(each["code"] != _DUPLICATE_KEY for each in failed):
        raise error
    return [each["index"] for each in failed]


def is_too_large(error: Exception) -> bool:
    """Whether a document was refused because it is, or would become, larger than MongoDB's 16 MiB."""
    if isinstance(error, BulkWriteError):
        return any(each["code"] in _TOO_LARGE for each in error.details["writeErrors"])
    return isinstance(error, DocumentTooLarge) or (isinstance(error, OperationFailure) and error.code in _TOO_LARGE)


def _first_line(error: Exception) -> str:
    return str(error).split(", Timeout:")[0].splitlines()[0]
