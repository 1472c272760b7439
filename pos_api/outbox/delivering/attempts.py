"""One attempt to deliver an event: the request, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from pos_api.common.time import now
from pos_api.outbound.errors import RequestError
from pos_api.outbox.delivering.schedule import retry_after
from pos_api.outbox.envelopes import Message
from pos_api.outbox.model import Attempt, Subscription
from pos_api.outbox.signing import signed_request

if TYPE_CHECKING:  # it takes long to load, and most processes send nothing
    from pos_api.outbound.async_client import Answer

MOST_KEPT = 16 * 1024
"""Bytes of an answer."""
_ASKS_FOR_PAUSE = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)

Verdict: TypeAlias = Literal["succeeded", "failed", "gone", "own_fault"]
"""`gone`: the receiver wants nothing any more. `own_fault`: of this machine or its network."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """How an attempt ended. `unreachable`: no answer came. `retry_after` is the least pause of this delivery, `pause`
    that of the subscription."""

    verdict: Verdict
    attempt: Attempt
    text: str = ""
    unreachable: bool = False
    retry_after: timedelta | None = None
    pause: timedelta | None = None


class Client(Protocol):
    """What sends requests (see `outbound.async_client.GuardedClient`)."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Raises RequestError."""


async def attempt(client: Client, subscription: Subscription, secrets: Sequence[str], message: Message) -> Attempted:
    """Send a message, signed now, and judge what comes back."""
    at = now()
    signed = signed_request(subscription["signature"], message, secrets, at)
    made = _begun(subscription, at, {**subscription["headers"], **signed.headers})
    try:
        answer = await client.post(made["url"], made["headers"], signed.body)
    except RequestError as error:
        made["seconds"] = (now() - at) / timedelta(seconds=1)
        made["error"], made["cause"] = error.message, error.cause
        return Attempted("own_fault" if error.is_local else "failed", made, error.message, unreachable=True)
    made["seconds"] = round(answer.seconds, 6)
    made["status"], made["answer"] = answer.status, answer.body[:MOST_KEPT]
    return judge(answer.status, answer.headers.get("Retry-After"), made)


def judge(status: int, asked_pause: str | None, made: Attempt) -> Attempted:
    """What an answer means: 2xx is a success, 410 the end; all else is a failure, redirects included."""
    if 200 <= status < 300:
        return Attempted("succeeded", made)
    text = f"The receiver answered {status}."
    if status == HTTPStatus.GONE:
        return Attempted("gone", made, text)
    pause = retry_after(asked_pause, made["at"])
    return Attempted("failed", made, text, retry_after=pause, pause=pause if status in _ASKS_FOR_PAUSE else None)


def not_sent(subscription: Subscription, cause: str, problem: str) -> Attempted:
    """An attempt that was none: what is to be sent can't be made."""
    made = _begun(subscription, now(), {})
    made["error"], made["cause"] = problem, cause
    return Attempted("failed", made, problem)


def _begun(subscription: Subscription, at: datetime, headers: Mapping[str, str]) -> Attempt:
    return {
        "at": at,
        "url": subscription["url"],
        "headers": headers,
        "signature": subscription["signature"],
        "payload": subscription["payload"],
        "seconds": 0.0,
    }


def moment_of(attempted: Attempted) -> datetime:
    """When it ended."""
    return attempted.attempt["at"] + timedelta(seconds=attempted.attempt["seconds"])
