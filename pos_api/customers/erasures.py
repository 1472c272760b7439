"""What is remembered of erased people: enough to know them again, not who they were.

An erasure (collection `erasures`): `_id`, a keyed hash (HMAC-SHA-256) of the customer's key and the store that asked
for it; `times`, each with `until` (when it was asked for), `customer` (the pseudonym under which the orders of before
are counted) and `orders` (false: only the account was erased); and while there is something left to do, `who` (the
customer's key, encrypted), `asked_at` and `due_at`. `changed_at` is the server's time of the last change.

The key of the hashes (`erasure_keys`) is random, made once and kept encrypted with SECRETS_KEYS, so that these can be
rotated and the database alone does not show whether an address was erased. Where there is none that opens, another one
is made; hashes of both are then looked for.

`erased_orders` (`_id`: the order's, `at`, `customer`) are those that were erased one by one: by their shop, or because
they were closed for long enough; with `due_at`, until the deliveries about them were erased a second time.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta

import pymongo
from bson import Timestamp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pymongo.errors import DuplicateKeyError, PyMongoError

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.customers.model import Erasure
from pos_api.database.client import DURABLE, Db, Document
from pos_api.logs import get_logger

log = get_logger(__name__)

AGAIN_AFTER = timedelta(minutes=5)
"""So long after it was asked for, an erasure is carried out once more: by then every process knows of it, and has ended
what it had begun before (see `Erasures`)."""
_LEASE = timedelta(minutes=1)
_OVERLAP = 10
"""Seconds: a change can become visible after one that the server stamped later."""
_MOST_TIMES = 50
_PATIENCE = 1.0
"""Seconds that a request waits here for a database whose erasures are known already."""
AFTER_RESTORE = "after a restore"
"""The `_id` of what is due when a backup was restored: every erasure once more."""


class Erasures:
    """The erasures, as this process knows them: re-read after `max_age` seconds, so an order costs no query.

    So an order may be saved by somebody who did not know of an erasure yet. That is why each is carried out again after
    `AGAIN_AFTER`, which finds that order. While the database can't be reached, what was known last goes on.
    """

    def __init__(self, db: Db, config: Config, max_age: float = 5.0) -> None:
        self._db = db
        self._cipher = _cipher(config)
        self._max_age = max_age
        self._read_at = float("-inf")
        self._lock = threading.Lock()
        self._keys: dict[str, bytes] = {}
        self._lost: set[str] = set()
        self._known: dict[str, tuple[Erasure, ...]] = {}
        self._stores: set[str | None] = set()
        self._seen = Timestamp(0, 0)

    def of(self, store: str, customer: str | None) -> tuple[Erasure, ...]:
        """The erasures of a customer (its key) that concern this store, the oldest first; nearly always none."""
        self.refresh()
        if not customer or not self._known:
            return ()
        found = [
            erasure
            for asked_by in (None, store)
            for name in self._ids(customer, asked_by)
            for erasure in self._known.get(name, ())
        ]
        return tuple(sorted(found, key=lambda each: each.until))

    def by_store(self, customer: str) -> Iterator[tuple[str | None, tuple[Erasure, ...]]]:
        """All erasures of a customer, by the store that asked; None where it was asked for all."""
        for asked_by in self._stores:
            for name in self._ids(customer, asked_by):
                if known := self._known.get(name):
                    yield asked_by, known

    def refresh(self) -> None:
        """Read what changed, where that is due. Raises PyMongoError where nothing could be read yet."""
        if time.monotonic() - self._read_at >= self._max_age:
            with self._lock:
                if time.monotonic() - self._read_at >= self._max_age:
                    self._try_to_read()

    def _try_to_read(self) -> None:
        known = self._read_at > float("-inf")
        try:
            with pymongo.timeout(_PATIENCE) if known else nullcontext():  # without one the caller's stays
                self._read()
        except PyMongoError as error:
            log.error("erasures could not be read", error=type(error).__name__)
            if not known:
                raise
        self._read_at = time.monotonic()

    def _read(self) -> None:
        keys = {document["_id"]: document for document in self._db.erasure_keys.find()}
        opened = {name: self._open(keys[name]) for name in keys.keys() - self._keys.keys() - self._lost}
        self._keys = self._keys | {name: key for name, key in opened.items() if key}
        self._lost = self._lost | {name for name, key in opened.items() if not key}
        since = Timestamp(max(self._seen.time - _OVERLAP, 0), 0)
        changed = list(self._db.erasures.find({"changed_at": {"$gte": since}}))
        self._known = self._known | {document["_id"]: _times(document) for document in changed}
        self._stores = self._stores | {document["store"] for document in changed}
        self._seen = max((document["changed_at"] for document in changed), default=self._seen)

    def _open(self, document: Document) -> bytes | None:
        """A key of the hashes; sealed anew with the first of SECRETS_KEYS, so that older ones can be taken away."""
        try:
            key = self._cipher.decrypt(document["sealed"])
            sealed = self._cipher.rotate(document["sealed"])
        except InvalidToken:
            log.error("what is remembered of erased people can't be read: none of SECRETS_KEYS opens it")
            return None
        self._db.erasure_keys.update_one({"_id": document["_id"]}, {"$set": {"sealed": sealed}})
        return key

    def id_of(self, customer: str, store: str | None) -> str:
        """The `_id` of the erasure of a customer; makes the key where there is none."""
        self.refresh()
        if not self._keys:
            self._make_key()
        return self._ids(customer, store)[0]

    def _ids(self, customer: str, store: str | None) -> list[str]:
        text = f"{store or '*'}\0{customer}".encode()
        return [f"{name}:{hmac.digest(key, text, 'sha256').hex()}" for name, key in sorted(self._keys.items())]

    def _make_key(self) -> None:
        name, key = secrets.token_hex(4), secrets.token_bytes(32)
        sealed = self._cipher.encrypt(key)
        durable = self._db.erasure_keys.with_options(write_concern=DURABLE)
        durable.insert_one({"_id": name, "sealed": sealed, "made_at": now()})
        self._keys = {**self._keys, name: key}

    # --- remembering ------------------------------------------------------------------------------------------------

    def remember(self, customer: str, store: str | None, erasure: Erasure) -> Erasure:
        """Remember an erasure, before anything of it is done, and return it: one of the same moment that is remembered
        already keeps its pseudonym."""
        name = self.id_of(customer, store)
        new = {"_id": name, "times.until": {"$ne": erasure.until}}
        entry = {"until": erasure.until, "customer": erasure.customer, "orders": erasure.orders}
        asked = {"who": self._cipher.encrypt(customer.encode()), "asked_at": now(), "due_at": now() + _LEASE}
        update = {
            "$push": {"times": {"$each": [entry], "$sort": {"until": 1}, "$slice": -_MOST_TIMES}},
            "$set": {**asked, "store": store},
            "$currentDate": {"changed_at": {"$type": "timestamp"}},
        }
        durable = self._db.erasures.with_options(write_concern=DURABLE)
        with suppress(DuplicateKeyError):  # it is remembered already
            durable.update_one(new, update, upsert=True)
        with self._lock:
            self._read()
        return next((each for each in self._known[name] if each.until == erasure.until), erasure)

    def carried_out(self, customer: str, store: str | None, started_at: datetime) -> None:
        """Note that an erasure was carried out by a pass that began at `started_at`; it is done when all processes knew
        of it by then, else due once more."""
        self.refresh()
        done = {"$unset": {"who": "", "asked_at": "", "due_at": ""}}
        names = self._ids(customer, store)
        for document in self._db.erasures.find({"_id": {"$in": names}, "asked_at": {"$exists": True}}):
            again = document["asked_at"] + AGAIN_AFTER
            unchanged = {"_id": document["_id"], "asked_at": document["asked_at"]}
            self._db.erasures.update_one(unchanged, done if started_at >= again else {"$set": {"due_at": again}})

    def due(self) -> Iterator[tuple[str, str | None, tuple[Erasure, ...]]]:
        """The erasures that are due, each claimed for a while: customer, store, times."""
        moment = now()
        for document in self._db.erasures.find({"due_at": {"$lte": moment}, "who": {"$exists": True}}):
            claimed = self._db.erasures.update_one(
                {"_id": document["_id"], "due_at": document["due_at"]}, {"$set": {"due_at": moment + _LEASE}}
            )
            if not claimed.modified_count:
                continue
            try:
                customer = self._cipher.decrypt(document["who"]).decode()
            except InvalidToken:
                log.error("an erasure can't be carried out again: none of SECRETS_KEYS opens it")
                self._db.erasures.update_one({"_id": document["_id"]}, {"$unset": {"due_at": ""}})
                continue
            yield customer, document["store"], _times(document)

    # --- after a restore --------------------------------------------------------------------------------------------

    def restore_begins(self) -> None:
        """Note that a backup is about to be restored: what it brings back of erased people is due then."""
        mark = {"$set": {"due_at": now() + 10 * _LEASE}}
        self._db.erasures.with_options(write_concern=DURABLE).update_one({"_id": AFTER_RESTORE}, mark, upsert=True)

    def restore_is_noted(self) -> bool:
        """Whether a restore was noted whose erasures were not carried out yet: until then people who were erased may be
        back."""
        return self._db.erasures.find_one({"_id": AFTER_RESTORE}, {"_id": 1}) is not None

    def restore_is_due(self) -> bool:
        """Whether a restore was noted that did not come to its end; claims it."""
        due = {"_id": AFTER_RESTORE, "due_at": {"$lte": now()}}
        later = {"$set": {"due_at": now() + 10 * _LEASE}}
        return bool(self._db.erasures.update_one(due, later).modified_count)

    def restore_ended(self) -> None:
        """Note that all erasures were carried out again."""
        self._db.erasures.delete_one({"_id": AFTER_RESTORE})


def _times(document: Document) -> tuple[Erasure, ...]:
    times = (Erasure(each["until"], each["customer"], each["orders"]) for each in document["times"])
    return tuple(sorted(times, key=lambda each: each.until))


def _cipher(config: Config) -> MultiFernet:
    """SECRETS_KEYS, the newest first; and for an installation without them a key that follows from JWT_SECRET."""
    derived = HKDF(SHA256(), 32, None, b"pos-api erasures").derive(config.jwt_secret.encode())
    keys: list[Fernet] = []
    for key in (*config.secrets_keys, base64.urlsafe_b64encode(derived).decode()):
        with suppress(ValueError):  # whoever needs them says that they are not Fernet keys
            keys.append(Fernet(key))
    return MultiFernet(keys)
