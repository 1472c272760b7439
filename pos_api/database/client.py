"""The client, one per process.

Identifiers are deterministic strings, so that inserting is the deduplicating and nothing is found first and inserted
then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from pymongo import MongoClient, WriteConcern
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from pymongo.server_api import ServerApi, ServerApiVersion

from pos_api.config import Config, ConfigError
from pos_api.database import embedded, layout
from pos_api.database.collections import Collection, ensure_indexes
from pos_api.database.primary_term import Term, ensure_one_term, ensure_same_term, select_within_term

Document: TypeAlias = dict[str, Any]
Db: TypeAlias = Database[Document]
Client: TypeAlias = MongoClient[Document]

DEFAULT_DATABASE = "pos-system"
DURABLE = WriteConcern(w="majority", j=True)
"""For the one write that must survive everything: the inbox insert. A bare majority on a one-node replica set
waits for the 100 ms journal tick, so the journal is asked for."""

ONE_ANSWER = 100_000
"""The batch size of a query whose documents come in one answer, as far as they fit into 16 MiB; by default the first
has a hundred."""

_STABLE_API = ServerApi(ServerApiVersion.V1, strict=True, deprecation_errors=True)
"""MongoDB promises the commands of this version to mean the same in every release since 5.0, and refuses all others
here: what works on the one the tests run on works on 6, 7 and 8."""

_TIMEOUT_MS = 5_000
_TIMEOUTS = ("serverSelectionTimeoutMS", "connectTimeoutMS")


def connect(config: Config, collections: Sequence[Collection]) -> Db:
    """Connect to `MONGODB_URI`, or to this installation's own mongod where it is unset, and make the indexes of
    `collections`.

    The database is the one named in the URI, else `pos-system`. Raises ConfigError with one line when the URI is
    unusable, the server can't be reached, or the database is of another layout.
    """
    uri = config.mongodb_uri or embedded.uri(config.data_dir)
    try:
        db = open_database(uri, collections)
    except (ConfigurationError, InvalidURI, ValueError) as error:
        raise ConfigError(f"MONGODB_URI is not usable: {error}") from None
    try:
        layout.check(db, collections)
        ensure_indexes(db, collections)
    except PyMongoError as error:
        db.client.close()
        raise ConfigError(f"MongoDB can't be reached: {_first_line(error)}") from None
    except ConfigError:
        db.client.close()
        raise
    return db


def open_database(uri: str, collections: Sequence[Collection] = ()) -> Db:
    """A database handle for `uri`. What the URI says wins; where it names none, a server is waited for 5 s and writes
    are `w: 1` (see docs/operations.md). The handles of `collections` are made once."""
    timeouts: Document = {name: _TIMEOUT_MS for name in _TIMEOUTS if name.lower() not in uri.lower()}
    client: Client = MongoClient(
        uri, tz_aware=True, appname="pos-api", server_selector=select_within_term, server_api=_STABLE_API, **timeouts
    )
    db = client.get_default_database(DEFAULT_DATABASE)
    if not db.write_concern.document:
        db = db.with_options(write_concern=WriteConcern(w=1))
    for each in collections:  # pymongo makes a collection's handle anew at every look
        setattr(db, each.name, db[each.name])
    return db


def make_durable(db: Db, term: Term | None = None) -> None:
    """Wait until all that was written so far survives a crash, as what a person was answered is done must: unlike
    what an inbox entry has caused, nobody does it again. Raises PyMongoError when that can't be known, and where
    the term in which it began is over: that of `one_primary`, or `term` (`term_of`).

    A write that changes nothing waits for all before it: https://www.mongodb.com/docs/manual/reference/write-concern/
    """
    db.users.with_options(write_concern=DURABLE).delete_one({"_id": {"$in": []}})
    ensure_one_term(db)
    ensure_same_term(db, term)


def _first_line(error: Exception) -> str:
    return str(error).split(", Timeout:")[0].splitlines()[0]
