"""Which delivery is sent next."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

import uvloop

from pos_api.common.time import now
from pos_api.outbound.async_client import Answer
from pos_api.outbox.delivering import dispatcher
from pos_api.outbox.delivering.dispatcher import Dispatcher
from pos_api.outbox.model import StoredEvent
from tests.outbox.delivering.outbox import SECRET
from tests.outbox.delivering.test_queue import due, queue


class _Hanging:
    """A client of receivers that never answer."""

    def __init__(self) -> None:
        self.asked = 0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError


def _event(name: str) -> StoredEvent:
    return {
        "_id": name,
        "type": "order.created",
        "at": now(),
        "store": "default",
        "resource": "order:a",
        "position": 1,
        "data": b"{}",
        "reference": b"{}",
        "about": [],
        "written_at": now(),
    }


def test_receivers_that_hang_have_a_small_share_and_wait_for_it_once() -> None:
    """However often it is looked for what is due, or memory would grow for as long as they hang."""

    async def run() -> tuple[int, int]:
        client = _Hanging()
        mine = Dispatcher(client, lambda: None, lambda: None, threading.Event())
        settings = {"url": "https://a.example/", "signature": "standard", "payload": "full", "headers": {}}
        for number in range(20):
            of = queue(_id=f"sub_{number}", **settings)
            of.until = float("inf")
            of.own_faults = 1
            of.add([due("a", 1)])
            mine.queues[of.id] = of
        mine.secrets = {key: [SECRET] for key in mine.queues}
        mine.events = {"e:a:1": _event("e:a:1")}
        for _ in range(50):
            for of in mine.queues.values():
                mine.enqueue(of)
            mine.dispatch()
            await asyncio.sleep(0)
        waiting = len(mine._waiting_troubled)
        await mine.stop(0)
        return client.asked, waiting

    asked, waiting = uvloop.run(run())
    assert asked == dispatcher._MOST_TROUBLED
    assert waiting == 12


def test_that_an_event_is_no_longer_kept_is_no_failure_of_the_receiver() -> None:
    async def run() -> Dispatcher:
        mine = Dispatcher(_Hanging(), lambda: None, lambda: None, threading.Event())
        of = queue(_id="sub_a", url="https://a.example/", signature="standard", payload="full", headers={})
        of.add([due("a", 1)])
        of.until = float("inf")
        mine.queues["sub_a"] = of
        mine.secrets = {"sub_a": [SECRET]}
        mine.enqueue(of)
        mine.dispatch()
        await mine.stop(1)
        return mine

    mine = uvloop.run(run())
    [(of, result)] = mine.results
    assert (result.state, result.attempted.attempt["cause"]) == ("failed", "no_event")
    assert of.health == of.stored_health


def test_more_is_asked_for_before_the_last_is_sent() -> None:
    """Or nothing is sent while the database is asked."""
    asked: list[int] = []

    async def run(lanes: int) -> None:
        mine = Dispatcher(_Hanging(), lambda: None, lambda: asked.append(lanes), threading.Event())
        of = queue(_id="sub_a", url="https://a.example/", signature="standard", payload="full", headers={})
        of.add([due(str(lane), 1) for lane in range(lanes)])
        of.until = float("inf")
        mine.queues["sub_a"] = of
        mine.enqueue(of)
        mine.dispatch()
        await mine.stop(0)

    for lanes in (dispatcher.FEW - 5, dispatcher.FEW + 1, dispatcher.FEW + 50):
        uvloop.run(run(lanes))
    assert asked == [dispatcher.FEW + 1]


def test_when_the_last_request_has_ended_none_is_left() -> None:
    """Or its result would wait for others to be written with."""
    idle: list[bool] = []

    async def run() -> None:
        mine = Dispatcher(_Hanging(), lambda: idle.append(mine.is_idle), lambda: None, threading.Event())
        of = queue(_id="sub_a", url="https://a.example/", signature="standard", payload="full", headers={})
        of.add([due("a", 1), due("b", 1)])
        of.until = float("inf")
        mine.queues["sub_a"] = of
        mine.secrets = {"sub_a": [SECRET]}
        mine.enqueue(of)
        mine.dispatch()
        while len(idle) < 2:
            await asyncio.sleep(0)
        await mine.stop(0)

    uvloop.run(run())
    assert idle[-1]
