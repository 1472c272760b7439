"""What is read ahead comes whole, in order, and never far ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pos_api.common.read_ahead import read_ahead
from tests.waiting import wait_until


def test_the_next_item_is_read_while_one_is_used() -> None:
    next_is_read = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        next_is_read.set()
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == 1
    assert next_is_read.wait(10)
    assert list(ahead) == [2]


def test_at_most_two_items_are_ahead_of_the_one_in_use() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(200):
            read.append(number)
            yield number

    for number in read_ahead(items()):
        assert len(read) <= number + 3


def test_what_reading_raises_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise ValueError("the fourth")

    ahead = read_ahead(items())
    assert [next(ahead) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ValueError, match="the fourth"):
        next(ahead)


def test_reading_ends_when_nobody_wants_more() -> None:
    ahead = read_ahead(iter(range(1_000_000)))
    assert next(ahead) == 0
    ahead.close()  # type: ignore[attr-defined]
    wait_until(lambda: not any(thread.name == "pos-read-ahead" for thread in threading.enumerate()), 10)
