"""A delivery is read: what it is about, and which commands it gives. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pos_api.common.email_addresses import without_addresses
from pos_api.errors import Conflict, Invalid, NotFound, PayloadTooLarge, PosError
from pos_api.inbox.model import InboxEntry, Outcome, event_key
from pos_api.inbox.replay import ERASED
from pos_api.logs import get_logger
from pos_api.orders.model import OrderUpdate
from pos_api.processing.faults import describe
from pos_api.processing.work import Work, parked, retried
from pos_api.senders.base import Command, Sender
from pos_api.senders.registry import sender_of
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores

BEGINNING = 65_536
"""So many bytes of a body that is too large are looked at, for what it is about."""

log = get_logger(__name__)


def read_delivery(
    sender: Sender[Any], store: Store, headers: Mapping[str, str], body: bytes, received_at: datetime, *, key: str = ""
) -> Work:
    """The work that an authenticated delivery is; `headers` are lower-cased. An entry that was stored before keeps its
    `key`: its body may not have the bytes any more that it came with.

    A body that can't be used has the outcome parked, with the reason; one with nothing to keep (a draft, a topic of
    another kind) is ignored. A fault of ours while reading it parks it too: nothing that was sent is lost.
    """
    topic, resource_id = "", ""
    original, body = body, sender.kept_body(body)
    kept = sender.kept_headers(headers)

    def entry(resource: str) -> InboxEntry:
        own_key = key or event_key(store.id, topic, resource, original)
        return _entry(sender, store, topic, resource_id, body, kept, received_at, own_key)

    try:
        message = sender.read(headers, body)
        topic, resource_id = message.topic, message.resource_id
        read = entry(resource_id)
        commands = _checked(sender.translate(message, store, received_at, read.key))
    except Exception as error:
        problem = error if isinstance(error, PosError) else _unexpected(error)
        if not resource_id:
            topic, resource_id = sender.topic_and_id(headers, body)
        # A body that names nothing may be about anything, so each delivery of it is listed: a webhook whose user was
        # deleted sends the same error for every order.
        return parked(entry(resource_id or sender.delivery_id(headers)), problem)
    outcome = None if commands else Outcome("ignored")
    return Work(read, commands, outcome, site=message.site, erasures=store.erasures, paid_by=store.paid_by)


def _checked(commands: Sequence[Command]) -> tuple[Command, ...]:
    """The commands; a batch applies one update of an order at a time."""
    orders = [command.key for command in commands if isinstance(command, OrderUpdate)]
    if len(orders) > len(set(orders)):
        raise ValueError("one delivery gives two updates of one order")
    return tuple(commands)


def _entry(
    sender: Sender[Any],
    store: Store,
    topic: str,
    resource_id: str,
    body: bytes,
    kept: dict[str, str],
    received_at: datetime,
    key: str,
) -> InboxEntry:
    """The entry, with no e-mail address in what stays of it when a person is erased."""
    noun = sender.noun(topic)
    topic, resource_id = without_addresses(topic), without_addresses(resource_id)
    return InboxEntry(store.id, sender.kind, topic, resource_id, body, kept, received_at, key=key, noun=noun)


def without_body(
    sender: Sender[Any],
    store: Store,
    headers: Mapping[str, str],
    beginning: bytes,
    size: int,
    received_at: datetime,
    problem: PosError,
) -> Work:
    """The trace of a body of `size` bytes, which is too large to be kept: what it is about, as far as its beginning
    (of at most BEGINNING bytes) names it, and why it was refused."""
    topic, resource_id = sender.topic_and_id(headers, beginning)
    key = event_key(store.id, topic, resource_id, b"%d:%s" % (size, beginning))
    kept = sender.kept_headers(headers)
    entry = _entry(sender, store, topic, resource_id, b"", kept, received_at, key)
    return parked(replace(entry, refused=problem.message), problem)


def _unexpected(error: Exception) -> PosError:
    log.error("a body could not be read", fault=describe(error))
    return Invalid(f"The body could not be read: {describe(error)}")


def read_again(entry: InboxEntry, stores: Stores) -> Work:
    """The work that a stored entry is, read by the sender that it came from."""
    if entry.refused:
        return parked(entry, PayloadTooLarge(entry.refused))
    if entry.erased:
        return parked(entry, Conflict(ERASED))
    try:
        sender = sender_of(entry.kind)
    except NotFound as error:
        return parked(entry, error)
    store = stores.get(entry.store)
    work = read_delivery(sender, store, entry.headers, entry.body, entry.received_at, key=entry.key)
    return retried(replace(work, entry=entry))
