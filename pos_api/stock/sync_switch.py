"""Stock sync of a store is switched on and off. Switching it on is a part of making both sides equal
(`senders.woocommerce.stock_sync`); off needs no shop."""

from __future__ import annotations

import time

from pos_api.common.time import now
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.errors import Unavailable
from pos_api.staff import audit
from pos_api.stock import sync_lease
from pos_api.stock.model import SentMark
from pos_api.stock.store_sync import is_on, states, synced_stores

_LONGEST_WAIT = 300.0
_LOOK_EVERY = 0.1
_MAY_ARRIVE = 330
"""So many seconds a shop may still take a request whose sender has not seen the answer: its signature is good for five
minutes, and then the shop works for half a minute at most."""

RESTORED = "A backup was restored, which does not have what was sent since it was made."
CONNECTED_ELSEWHERE = "The store was connected to another address."
DISCONNECTED = "The store was disconnected."


def switch_on(db: Db, store: str) -> None:
    """Have every movement from now on sent to a store; returns when each process knows. What an earlier switching off
    that a crash cut short left to be sent goes first: it is older than the comparison to be made. Raises Unavailable
    (`check_nothing_arrives`)."""
    if not is_on(db, store):
        _drop_waiting(db, store)
        check_nothing_arrives(db, store)
    left = dict.fromkeys(
        ("off_because", "aligned_at", "failures", "last_error", "last_error_at", "next_attempt_at"), ""
    )
    states(db).update_one({"_id": store}, {"$set": {"on": True}, "$unset": left}, upsert=True)
    synced_stores(db).refresh()
    recently_read.wait_until_known()
    states(db).update_one({"_id": store, "on": True, "since": None}, {"$set": {"since": now()}})


def check_nothing_arrives(db: Db, store: str) -> None:
    """Raises Unavailable while the shop may still do what was on its way to it when stock sync was switched off: where
    both sides were made equal before that, they would not be after it."""
    found = states(db).find_one({"_id": store, "$expr": {"$gt": ["$may_arrive_until", "$$NOW"]}})
    if found:
        raise Unavailable(
            f"A request that was on its way to {store!r} when stock sync was switched off may still arrive there;"
            f" switch it on after {found['may_arrive_until']:%H:%M:%S} UTC."
        )


def note_aligned(db: Db, store: str) -> None:
    """Note that both sides were made equal."""
    states(db).update_one({"_id": store, "on": True}, {"$set": {"aligned_at": now()}})


def switch_off(db: Db, store: str, *, because: str | None = None) -> int:
    """Send a store nothing any more; returns how many movements were still to be sent, which it is not sent then. They
    stay in the ledger, with that as what became of them. `because` says why where nobody asked for it.

    It waits until no process sends to the store. Raises Unavailable where that takes too long; run again it goes on.
    """
    off = {"on": False} | ({"off_because": because} if because else {})
    left = dict.fromkeys(("since", "aligned_at", *(() if because else ("off_because",))), "")
    states(db).update_one({"_id": store}, {"$set": off, "$unset": left})
    synced_stores(db).refresh()
    recently_read.wait_until_known()
    _wait_until_nobody_sends(db, store)
    return _drop_waiting(db, store)


def switch_off_if_on(db: Db, store: str, because: str) -> bool:
    """Switch a store off where it is on, or was left in between by a crash, and record that in the audit; returns
    whether it was."""
    was_on = is_on(db, store) or db.stock_movements.find_one({"unsent.store": store}, {"_id": 1}) is not None
    if was_on:
        with audit.act(db, "store.stock", target=store, details={"on": False, "because": because}) as details:
            details["not_sent"] = switch_off(db, store, because=because)
    return was_on


def switch_all_off(db: Db, because: str) -> list[str]:
    """Switch every store off, as after a restore, without waiting for a process that a backup has as sending; returns
    those that were on."""
    were_on = [each["_id"] for each in states(db).find({"on": True}, {"_id": 1})]
    for store in were_on:
        states(db).update_one({"_id": store}, {"$unset": {"holder": "", "lease_until": ""}})
        switch_off_if_on(db, store, because)
    return were_on


def _wait_until_nobody_sends(db: Db, store: str) -> None:
    began = time.monotonic()
    while sync_lease.is_held(db, store):
        if time.monotonic() - began > _LONGEST_WAIT:
            raise Unavailable(f"Stock is still being sent to {store!r}; switch it off again in some minutes.")
        time.sleep(_LOOK_EVERY)


def _drop_waiting(db: Db, store: str) -> int:
    """Note of what waits for a store that it is not sent it. Of some the last request may not have been answered: that
    of a process that has ended, or one that has failed lately."""
    may_arrive = {"$add": ["$$NOW", 1_000 * _MAY_ARRIVE]}
    not_answered = {
        "$gt": [{"$max": ["$lease_until", "$last_error_at"]}, {"$subtract": ["$$NOW", 1_000 * _MAY_ARRIVE]}]
    }
    if db.stock_movements.find_one({"unsent.store": store}, {"_id": 1}) is not None:
        states(db).update_one({"_id": store, "$expr": not_answered}, [{"$set": {"may_arrive_until": may_arrive}}])
    sent: SentMark = {"store": store, "outcome": "switched_off", "at": now()}
    update = {"$pull": {"unsent": {"store": store}}, "$push": {"sent": sent}}
    return db.stock_movements.update_many({"unsent.store": store}, update).modified_count
