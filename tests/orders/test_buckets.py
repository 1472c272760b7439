"""The rollup bucket of an order: small, stable, and of any id."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from pos_api.orders.buckets import BUCKET_SIZE, bucket_of

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_neighbours_of_whole_numbers_share_a_bucket_whenever_they_were_made() -> None:
    buckets = [bucket_of("default", str(number), NOON + timedelta(days=number)) for number in range(10 * BUCKET_SIZE)]
    assert set(Counter(buckets).values()) == {BUCKET_SIZE}
    assert buckets == sorted(buckets)


@pytest.mark.parametrize("external_id", ["", "x", "7f3a-é", "12.5", "-1", "٣", "1" * 20, "a:b", "\udc80", "x" * 1_000])
def test_an_id_of_any_form_has_a_bucket_of_its_store_and_hour(external_id: str) -> None:
    bucket = bucket_of("till-1", external_id, NOON)
    assert bucket.startswith("till-1:2026-11-22T12-")
    assert len(bucket) < 60
    assert bucket == bucket_of("till-1", external_id, NOON + timedelta(minutes=59))
    assert bucket != bucket_of("till-1", external_id, NOON + timedelta(hours=1))
    assert bucket != bucket_of("till-2", external_id, NOON)


def test_a_busy_hour_is_spread_over_several_buckets() -> None:
    buckets = Counter(bucket_of("till-1", f"order-{number}", NOON) for number in range(800))
    assert len(buckets) == 8
    assert max(buckets.values()) < 2 * 100
