"""What one process has to deliver for a subscription: in lanes by resource, of which one delivery is sent at a time."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, cast

from pos_api.outbox.delivering.queue import Due, Queue
from pos_api.outbox.model import Subscription

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


def queue(**settings: Any) -> Queue:
    subscription = {"_id": "sub_a", "active": True, "rate_limit": None, "updated_at": AT, **settings}
    return Queue(cast(Subscription, subscription), 1, until=1_000.0)


def due(resource: str, position: int, *, holds: bool = False) -> Due:
    return Due(f"{resource}:{position}", f"e:{resource}:{position}", resource, position, 0, holds)


def begin_all(of: Queue) -> list[str]:
    for _ in range(20):
        of.window.succeeded()
    begun = []
    while of.wait(0.0, AT, alone=False) == 0:
        begun.append(of.begin(0.0).id)
    return begun


def test_of_a_lane_one_is_sent_at_a_time_in_the_order_of_positions() -> None:
    mine = queue()
    mine.add([due("a", 2), due("b", 1), due("a", 1), due("a", 3)])
    assert begin_all(mine) == ["a:1", "b:1"]
    mine.ended(due("a", 1))
    assert begin_all(mine) == ["a:2"]


def test_an_earlier_one_that_comes_later_is_next_and_what_is_known_comes_once() -> None:
    mine = queue()
    mine.add([due("a", 5)])
    begin_all(mine)
    mine.add([due("a", 7), due("a", 5), due("a", 6), due("a", 4)])
    mine.ended(due("a", 5))
    assert begin_all(mine) == ["a:4"]
    assert mine.size == 3


def test_a_failed_one_leaves_its_lane_to_the_database_until_that_knows_of_it() -> None:
    mine = queue()
    mine.add([due("a", 1), due("a", 2), due("b", 1)])
    begin_all(mine)
    assert mine.postponed(due("a", 1)) == [due("a", 2)]
    mine.add([due("a", 2)])  # read before the failure was recorded
    assert "a" not in mine.lanes
    mine.recorded(due("a", 1))
    mine.add([due("a", 2)])  # by a look that began before that
    assert "a" not in mine.lanes
    mine.begin_look()
    mine.add([due("a", 2)])
    assert begin_all(mine) == ["a:2"]


def test_one_that_holds_others_in_the_database_lets_none_from_memory_go_before_them() -> None:
    mine = queue()
    mine.add([due("a", 1, holds=True), due("a", 9)])
    begin_all(mine)
    mine.ended(due("a", 1, holds=True))
    assert begin_all(mine) == []


def test_the_window_begins_at_one_and_has_room_for_more_alone() -> None:
    mine = queue()
    assert mine.window.size(alone=False) == 1
    mine.window.succeeded()
    assert mine.window.size(alone=False) == 2
    for _ in range(99):
        mine.window.succeeded()
    assert (mine.window.size(alone=False), mine.window.size(alone=True)) == (16, 32)
    mine.window.unreachable()
    assert mine.window.size(alone=True) == 1


def test_so_many_in_a_second_as_its_limit_says() -> None:
    mine = queue(rate_limit=2)
    mine.add([due("a", 1), due("b", 1), due("c", 1)])
    assert len(begin_all(mine)) == 2
    assert mine.wait(0.25, AT, alone=False) == 0.75
    assert mine.wait(1.0, AT, alone=False) == 0.0


def test_nothing_begins_when_the_lease_may_end_before_the_request() -> None:
    mine = queue()
    mine.add([due("a", 1)])
    assert mine.wait(1_000.0 - 17.0, AT, alone=True) == math.inf
    assert mine.wait(1_000.0 - 19.0, AT, alone=True) == 0.0


def test_what_is_left_to_the_database_comes_before_what_a_look_finds_that_was_under_way() -> None:
    """Such a look was asked for without those that were at hand."""
    mine = queue()
    mine.add([due("a", 1), due("a", 2), due("b", 1), due("b", 2)])
    mine.window.succeeded()
    mine.begin(0.0)
    mine.begin_look()
    mine.drop_waiting()
    mine.add([due("a", 3), due("b", 3)])
    assert mine.size == 1, "only what is on its way"
    mine.ended(due("a", 1))
    assert begin_all(mine) == []
    mine.recorded(due("a", 1))
    mine.begin_look()
    mine.add([due("a", 2), due("a", 3), due("b", 1), due("b", 2), due("b", 3)])
    assert begin_all(mine) == ["a:2", "b:1"]


def test_after_a_fault_of_our_own_all_is_read_again_and_one_is_tried_at_a_time() -> None:
    """What stayed at hand would be sent although it was erased meanwhile; and a name that no server finds takes as long
    to look up as a dead receiver to answer."""
    mine = queue()
    mine.add([due("a", 1), due("a", 2), due("b", 1), due("c", 1)])
    assert begin_all(mine) == ["a:1", "b:1", "c:1"]
    mine.put_back(due("a", 1), 0.0)
    assert mine.troubled
    assert mine.size == 2, "what is on its way"
    mine.ended(due("b", 1))
    mine.ended(due("c", 1))
    mine.begin_look()
    mine.add([due("a", 1), due("a", 2), due("d", 1)])
    assert mine.window.size(alone=True) == 1
    assert mine.wait(0.0, AT, alone=True) > 0
