"""A `ping` is sent to a subscription at once, and what came back is returned: whether its receiver is there."""

from __future__ import annotations

import asyncio
import secrets
import threading

from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.errors import Unavailable
from pos_api.outbox.delivering.attempts import attempt
from pos_api.outbox.envelopes import Message
from pos_api.outbox.model import Attempt, Subscription
from pos_api.outbox.subscriptions import secrets_of

_places = threading.BoundedSemaphore(4)
"""So many wait for an answer at a time: each keeps a thread of those that take shops' deliveries."""
_RETRY_AFTER = 15


def ping(config: Config, subscription: Subscription) -> Attempt:
    """Send a `ping` and wait for the answer, 15 seconds at most. It is no event: it is not kept, nor attempted again,
    and it changes nothing of the subscription's health. Raises InvalidToken or ConfigError where its secret can't be
    read, and Unavailable where as many wait for an answer as may."""
    identifier = subscription["_id"]
    data = json_bytes({"subscription": identifier})
    message = Message(f"ping:{secrets.token_hex(8)}", "ping", now(), None, identifier, data)
    signing = secrets_of(subscription, config)
    if not _places.acquire(blocking=False):
        raise Unavailable("Other tests still wait for an answer; try again in some seconds.", retry_after=_RETRY_AFTER)
    try:
        return asyncio.run(_send(config, subscription, signing, message))
    finally:
        _places.release()


async def _send(config: Config, subscription: Subscription, signing: list[str], message: Message) -> Attempt:
    from pos_api.outbound.async_client import GuardedClient  # here, as it takes long and most need none

    async with GuardedClient(config.outbound_allow) as client:
        return (await attempt(client, subscription, signing, message)).attempt
