"""How deliveries ended is written while others go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import uvloop

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbound.async_client import Answer
from pos_api.outbox.delivering import recording
from pos_api.outbox.delivering.attempts import judge
from pos_api.outbox.delivering.dispatcher import Dispatcher
from pos_api.outbox.delivering.loading import hold
from pos_api.outbox.delivering.queue import Due, Queue
from pos_api.outbox.delivering.recorder import InThread, Recorder
from pos_api.outbox.delivering.recording import Result
from tests.outbox.delivering.outbox import event, publish_events, subscribe
from tests.outbox.delivering.test_queue import due, queue


class _Unused:
    async def post(self, *_: Any) -> Answer:
        raise AssertionError


def _sent(of: Queue, one: Due) -> tuple[Queue, Result]:
    """A delivery that was answered."""
    return of, Result(of.id, one, judge(204, None, {"seconds": 0.0}), "succeeded")  # type: ignore[typeddict-item]


def _recorder(db: Db, in_thread: InThread) -> tuple[Recorder, Dispatcher, asyncio.Event]:
    """With its dispatcher, and the event that says that there are results."""
    has_results = asyncio.Event()
    dispatcher = Dispatcher(_Unused(), has_results.set, lambda: None, threading.Event())
    return Recorder(db, dispatcher, has_results, lambda: None, in_thread), dispatcher, has_results


def test_of_one_lane_nothing_is_written_before_what_ended_earlier(db: Db) -> None:
    """Or a crash in between would have the earlier one repeated after the later one; other lanes do not wait."""

    async def run() -> tuple[list[int], list[int]]:
        begun: list[int] = []
        first_may_end = asyncio.Event()

        async def in_thread(work: Callable[[], Any]) -> Any:
            begun.append(len(begun))
            if len(begun) == 1:
                await first_may_end.wait()
            return await asyncio.to_thread(work)

        recorder, dispatcher, has_results = _recorder(db, in_thread)
        of = queue(_id="sub_a")
        running = asyncio.create_task(recorder.run())

        async def end(*those: Due) -> None:
            dispatcher.results += [_sent(of, one) for one in those]
            has_results.set()
            for _ in range(20):
                await asyncio.sleep(0)

        await end(due("a", 1))
        await end(due("a", 2))
        same_lane = list(begun)
        await end(due("b", 1))
        other_lane = list(begun)
        first_may_end.set()
        async with asyncio.timeout(20):
            while dispatcher.results or recorder._batches:
                await asyncio.sleep(0.001)
        running.cancel()
        return same_lane, other_lane

    same_lane, other_lane = uvloop.run(run())
    assert same_lane == [0]
    assert other_lane == [0, 1]


def test_a_write_that_arrives_late_holds_and_releases_nothing_that_another_process_has_dealt_with(
    db: Db, config: Config
) -> None:
    """One of a process that was cut off: what ended would be due again, or what is due would wait for nothing."""
    subscribe(db, config, "https://a.example/")
    publish_events(db, event(1, 1), event(1, 2))
    first, second = db.webhook_deliveries.find().sort("position", 1)
    of, one = queue(_id="sub_a"), due("default:1", 1)
    db.webhook_deliveries.bulk_write(hold(first["_id"], [second["_id"]], now() + timedelta(hours=1)))
    _, result = _sent(of, Due(first["_id"], first["event"], first["resource"], one.position, 0, holds=True))
    releases_late = recording._release(db, result)
    assert releases_late

    ended = {"$set": {"state": "succeeded"}, "$unset": {"due_at": "", "lane": "", "held": ""}}
    db.webhook_deliveries.update_one({"_id": second["_id"]}, ended)
    before = db.webhook_deliveries.find_one({"_id": second["_id"]})
    db.webhook_deliveries.bulk_write(releases_late)
    assert db.webhook_deliveries.find_one({"_id": second["_id"]}) == before

    db.webhook_deliveries.update_one({"_id": second["_id"]}, {"$set": {"due_at": now()}})
    db.webhook_deliveries.bulk_write(hold(first["_id"], [second["_id"]], now() - timedelta(seconds=30)))
    assert "held" not in (db.webhook_deliveries.find_one({"_id": second["_id"]}) or {})


def test_a_writer_that_fails_ends_the_others_and_what_a_thread_writes_is_waited_for(db: Db) -> None:
    """Or they would go on while others have the leases."""

    async def run() -> list[str]:
        steps: list[str] = []
        may_end = threading.Event()

        async def in_thread(work: Callable[[], Any]) -> Any:
            if not steps:
                steps.append("writes")

                def slow() -> Any:
                    may_end.wait(20)
                    done = work()
                    steps.append("written")
                    return done

                return await asyncio.to_thread(slow)
            if len(steps) == 1:
                steps.append("fails")
                raise MemoryError
            steps.append("the rest")
            return await asyncio.to_thread(work)

        recorder, dispatcher, has_results = _recorder(db, in_thread)
        of = queue(_id="sub_a")
        running = asyncio.create_task(recorder.run())
        for resource in ("a", "b"):
            dispatcher.results.append(_sent(of, due(resource, 1)))
            has_results.set()
            for _ in range(20):
                await asyncio.sleep(0)
        with pytest.raises(ExceptionGroup):
            await running
        may_end.set()
        await recorder.write_rest()
        return steps

    assert uvloop.run(run()) == ["writes", "fails", "written", "the rest"]


def test_of_deliveries_written_together_each_keeps_its_own_attempt(db: Db, config: Config) -> None:
    """Of 64 attempts a delivery keeps the latest 50; what was resent meanwhile stays as it is, and counts anew."""
    of = queue(_id=subscribe(db, config, "http://127.0.0.1:9/x"))
    numbers = range(1, 9)
    publish_events(db, *map(event, numbers))
    earlier = [{"at": now(), "seconds": float(number)} for number in range(63)]
    db.webhook_deliveries.update_one({"_id": "sub_a:order:default:2:1"}, {"$set": {"log": earlier}})
    db.webhook_deliveries.update_one({"_id": "sub_a:order:default:3:1"}, {"$set": {"attempts": 1}})
    resources = [f"order:default:{number}" for number in numbers]
    ended = [_sent(of, Due(f"sub_a:{each}:1", f"{each}:1", each, 1, 0))[1] for each in resources]
    for number, each in zip(numbers, ended, strict=True):
        attempt = each.attempted.attempt
        attempt["seconds"], attempt["headers"], attempt["answer"] = 100.0 + number, {"X-Shop": "$log"}, b"$_id"

    assert len(list(recording.in_groups(ended))) == 1
    for _ in range(2):  # what is written again, as its answer was lost, changes nothing
        assert recording.record(db, ended) is False

    stored = {int(each["resource"].rpartition(":")[2]): each for each in db.webhook_deliveries.find()}
    resent = stored.pop(3)
    assert (resent["state"], resent["log"]) == ("waiting", [])
    for number, of_one in stored.items():
        assert (of_one["state"], of_one["attempts"], of_one["log"][-1]["seconds"]) == ("succeeded", 1, 100.0 + number)
        assert (of_one["log"][-1]["headers"], of_one["log"][-1]["answer"]) == ({"X-Shop": "$log"}, b"$_id")
        assert not {"due_at", "lane", "holds", "held"} & of_one.keys()
        assert of_one["ended_at"] >= of_one["created_at"]
    assert {number: len(of_one["log"]) for number, of_one in stored.items()} == {**dict.fromkeys(stored, 1), 2: 50}


def test_deliveries_of_one_lane_are_not_written_by_one_statement() -> None:
    """MongoDB decides on the order within a statement: after a crash the earlier one might be repeated."""
    of = queue(_id="sub_a")
    first, other, second = (_sent(of, each)[1] for each in (due("a", 1), due("b", 1), due("a", 2)))
    failed = replace(_sent(of, due("c", 1))[1], state="waiting", due_at=now())
    holding = _sent(of, due("d", 1, holds=True))[1]

    groups = list(recording.in_groups([first, other, second, failed, holding]))

    assert groups == [[first, other], [second], [failed], [holding]]
