"""Figures can change what they sum up: what was stored for older measures is rebuilt, and never shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Timestamp

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Unavailable
from pos_api.figures import background, measures, rollup
from pos_api.figures import queries as figures
from pos_api.figures.state import NewerMeasures
from pos_api.orders import apply as orders
from pos_api.orders.buckets import BUCKET_SIZE, bucket_of
from pos_api.processing.recurring_jobs import Schedule
from tests.factories import order_update
from tests.figures.test_stats import before_write
from tests.service import pos_api, settings_of

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def put(db: Db, *numbers: int, store: str = "default", cents: int = 1_000, **more: Any) -> None:
    """Orders of 10.00, each a day after the one before it."""
    for n, number in enumerate(numbers):
        moment = NOON + timedelta(days=n)
        amount = Decimal128(Decimal(cents) / 100)
        fields = {"status": "completed", "currency": "SEK", "created_at": moment, "day": moment.date().isoformat()}
        fields |= {"billing": {"email": f"{number % 3}@example.se"}, "total": amount, "discount_total": amount, **more}
        orders.apply(db, [order_update(number, fields, moment, store=store, kind="created", cause=f"e{number}")])


def look(db: Db) -> dict[str, Any]:
    found: list[dict[str, Any]] = figures.figures(db)["currencies"]
    assert len(found) == 1
    return found[0]


def as_by_older_measures(db: Db) -> None:
    """What is stored is as a version of the service left it that did not know `coupons` and counted all else twice."""
    for bucket in db.rollup_buckets.find():
        for each in bucket["rollups"]:
            each["rows"] = [row | {"count": row["count"] * 2} for row in each["rows"] if row["key"] != "coupons"]
        db.rollup_buckets.replace_one({"_id": bucket["_id"]}, {**bucket, "measures": 0})
    for day in db.rollup_days.find():
        for each in day["currencies"]:
            del each["coupons"]
        db.rollup_days.replace_one({"_id": day["_id"]}, {**day, "measures": 0})
    newest = db.orders.find_one({}, sort=[("changed_at", -1)])
    assert newest is not None
    until = Timestamp(newest["changed_at"].time, newest["changed_at"].inc + 1)  # nothing has changed since
    db.rollup_state.update_one({"_id": "noted"}, {"$set": {"measures": 0, "until": until}})


NUMBERS = (1, 2, 5 * BUCKET_SIZE, 9 * BUCKET_SIZE)


def test_a_measure_more_is_right_at_the_next_look_for_orders_from_before(db: Db) -> None:
    put(db, *NUMBERS)
    before = look(db)
    assert before["coupons"] == 40
    as_by_older_measures(db)
    assert look(db) == before
    assert {each["measures"] for each in db.rollup_buckets.find()} == {measures.VERSION}


def test_until_all_is_counted_a_look_says_how_much_is_left(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    put(db, *(n * BUCKET_SIZE for n in range(130)))
    before = look(db)
    as_by_older_measures(db)
    monkeypatch.setattr(figures, "_PATIENCE", 0)
    monkeypatch.setattr(rollup, "_CHANGES_AT_ONCE", 50)
    monkeypatch.setattr(rollup, "_OVERLAP", timedelta(seconds=-5))  # else these orders are new, and looked at again
    refused: list[Unavailable] = []
    shown = None
    while shown is None and len(refused) < 20:
        try:
            shown = look(db)
        except Unavailable as error:
            refused.append(error)
    assert len(refused) > 3
    assert all(error.retry_after and "orders are left" in error.message for error in refused)
    assert shown == before, "the first figures that are shown are right"


def test_what_is_of_older_measures_is_rebuilt_though_nobody_looks(db: Db, config: Config) -> None:
    put(db, *NUMBERS)
    before = look(db)
    as_by_older_measures(db)
    Schedule(db, config).run_round(every_job=True)
    assert db.rollup_buckets.count_documents({"stale": {"$exists": True}}) == 0
    assert db.rollup_buckets.count_documents({"measures": measures.VERSION}) == 3
    assert look(db) == before


def test_many_changes_are_counted_though_nobody_looks_by_one_process(
    db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(db, *NUMBERS)
    monkeypatch.setattr(background, "MANY_CHANGES", 3)
    monkeypatch.setattr(rollup, "_OVERLAP", timedelta(seconds=-5))  # else these orders are new, and looked at again
    Schedule(db, config).run_round(every_job=False)
    counted = {"currencies.orders_count": 1}
    assert db.rollup_days.count_documents(counted) == 4
    assert db.rollup_spans.count_documents({"_id": "default:2026"}) == 1, "months and years are summed up, too"
    db.rollup_state.update_one({"_id": "noted"}, {"$set": {"until": Timestamp(1, 1)}})
    assert not background.is_due(db), "it was just done"
    monkeypatch.setattr(background, "_EVERY", 0)
    assert background.is_due(db)
    monkeypatch.setattr(background, "MANY_CHANGES", 5)
    assert not background.is_due(db), "too few have changed"


def test_a_service_of_older_measures_shows_and_writes_nothing(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    put(db, *NUMBERS)
    monkeypatch.setattr(measures, "VERSION", measures.VERSION + 1)
    look(db)
    kept = list(db.rollup_buckets.find()), list(db.rollup_state.find())
    monkeypatch.setattr(measures, "VERSION", measures.VERSION - 1)
    put(db, 3)
    with pytest.raises(NewerMeasures):
        look(db)
    assert rollup.refresh_unless_newer(db) == 0
    assert (list(db.rollup_buckets.find()), list(db.rollup_state.find())) == kept


def _note_only(db: Db) -> None:
    rollup._note_changes(db, float("inf"))


@pytest.mark.parametrize("newer_one", [look, _note_only], ids=["counts all orders", "notes them, and dies"])
def test_a_service_of_older_measures_that_is_slow_replaces_nothing_of_the_newer_one(
    db: Db, monkeypatch: pytest.MonkeyPatch, newer_one: Callable[[Db], object]
) -> None:
    """It is held up before its nth write; meanwhile the newer one starts."""
    monkeypatch.setattr(rollup, "_OVERLAP", timedelta(seconds=-5))  # else all is noted again, which puts it right
    version = measures.VERSION
    for number in range(1, 50):
        for each in ("rollup_buckets", "rollup_days", "rollup_spans", "rollup_state", "first_orders"):
            db[each].delete_many({})
        db.orders.delete_many({})
        put(db, *NUMBERS)
        expected = {**look(db), "orders_count": 4}
        as_by_older_measures(db)
        db.rollup_state.update_one({"_id": "noted"}, {"$set": {"measures": version}, "$unset": {"until": ""}})
        db.rollup_buckets.update_many({}, {"$set": {"measures": version}})
        db.rollup_days.update_many({}, {"$set": {"measures": version}})

        def newer() -> None:
            monkeypatch.setattr(measures, "VERSION", version + 1)
            newer_one(db)
            monkeypatch.setattr(measures, "VERSION", version)

        with before_write(number, newer) as writes, suppress(NewerMeasures):
            rollup.refresh(db)
        if len(writes) < number:
            break
        monkeypatch.setattr(measures, "VERSION", version + 1)
        assert look(db) == expected, f"before write {number}, {writes[number - 1]}"
        assert {each["measures"] for each in db.rollup_buckets.find()} == {version + 1}
        monkeypatch.setattr(measures, "VERSION", version)
    assert number > 5


@pytest.mark.parametrize("store", [None, "default"])
def test_a_rebuild_that_is_cut_short_anywhere_leaves_right_figures(db: Db, store: str | None) -> None:
    put(db, *NUMBERS)
    before = look(db)

    def crash() -> None:
        raise KeyboardInterrupt

    for number in range(1, 50):
        with before_write(number, crash) as writes, suppress(KeyboardInterrupt):
            list(rollup.rebuild(db, store))
        if len(writes) < number:
            break
        assert look(db) == before
    assert number > 5


def test_a_rebuild_puts_right_what_was_stored_wrong(db: Db, config: Config, tmp_path: Path) -> None:
    put(db, *NUMBERS)
    put(db, 1, store="north")
    db.stores.insert_one({"_id": "north"})
    before = figures.figures(db)
    for given in ((), ("--store", "north")):
        wrong = {"store": "north"} if given else {}
        db.rollup_buckets.update_many(wrong, {"$set": {"rollups": []}})
        db.first_orders.update_many({}, {"$set": {"order": "default:77"}})
        done = pos_api("figures", "rebuild", *given, cwd=tmp_path, **settings_of(config))
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "All orders are counted."), done.stderr
        if not given:
            assert figures.figures(db) == before
    assert figures.figures(db, store="north") | {"from": 0, "to": 0} == figures.figures(
        db, store="north", since=date(2026, 11, 2), until=date(2026, 11, 2)
    ) | {"from": 0, "to": 0}
    assert figures.figures(db, store="north")["currencies"][0]["new_customers"] == 1
    assert pos_api("figures", "rebuild", "--store", "x", cwd=tmp_path, **settings_of(config)).returncode == 1
    assert [each["target"] for each in db.audit.find({"action": "figures.rebuilt"}).sort("time")] == [None, "north"]


def test_orders_whose_ids_are_text_count_as_others_do(db: Db) -> None:
    put(db, *range(1, 6))
    expected = look(db)
    for each in list(db.orders.find()):
        external_id = f"till:{each['order_id']}/é"
        moved = {"_id": f"till-1:{external_id}", "store": "till-1", "order_id": external_id}
        bucket = bucket_of("till-1", external_id, each["created_at"])
        db.orders.insert_one({**each, **moved, "rollup_bucket": bucket})
    [of_till] = figures.figures(db, store="till-1")["currencies"]
    assert {**of_till, "by_store": []} == {**expected, "by_store": []}
    assert [row["store"] for row in of_till["by_store"]] == ["till-1"]
    assert look(db)["orders_count"] == 10
    assert list(rollup.rebuild(db)) == [0]
    assert figures.figures(db, store="till-1")["currencies"] == [of_till]
