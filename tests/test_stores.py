"""Stores and their keys: shown once, two at a time, known everywhere within seconds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pos_api import stores
from pos_api.config import Config
from pos_api.db import Db
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.stores import Stores
from pos_api.values import now


def test_a_key_is_kept_as_a_hash_and_a_secret_encrypted(config: Config, db: Db) -> None:
    key = stores.add(db, config, "second")
    assert len(key) > 40
    assert key not in repr(db.stores.find_one())
    found = Stores(db, config).of_key(key)
    assert found is not None
    assert (found.id, found.webhook_secrets) == ("second", (key,))
    assert key not in repr(found)


def test_two_keys_at_a_time_so_that_one_can_be_changed_without_a_gap(config: Config, db: Db) -> None:
    first = stores.add(db, config, "second")
    second = stores.add_key(db, "second")
    with pytest.raises(Conflict):
        stores.add_key(db, "second")
    assert all(Stores(db, config).of_key(key) for key in (first, second))
    stores.revoke_key(db, "second", first[:12])
    known = Stores(db, config)
    assert known.of_key(first) is None
    assert known.of_key(second)


def test_an_expired_key_opens_nothing(config: Config, db: Db) -> None:
    stores.add(db, config, "second")
    key = stores.add_key(db, "second", expires_at=now() - timedelta(seconds=1))
    assert Stores(db, config).of_key(key) is None


def test_a_new_key_is_known_to_every_process_soon(config: Config, db: Db) -> None:
    known = Stores(db, config, max_age=0)
    key = stores.add(db, config, "second")
    assert known.of_key(key)
    stores.revoke_key(db, "second", key[:12])
    assert known.of_key(key) is None


def test_when_a_key_was_last_used_is_noted(config: Config, db: Db) -> None:
    key = stores.add(db, config, "second")
    Stores(db, config).of_key(key)
    [shown] = stores.keys(db, "second")
    assert shown["last_used_at"] is not None
    assert "hash" not in shown


@pytest.mark.parametrize("name", ["default", "", "UPPER", "with space", "x" * 41, "-x", "a.b", "$x"])
def test_a_name_that_is_no_slug_is_refused(config: Config, db: Db, name: str) -> None:
    with pytest.raises(Invalid):
        stores.add(db, config, name)


def test_mistakes_are_told(config: Config, db: Db) -> None:
    stores.add(db, config, "second")
    with pytest.raises(Conflict):
        stores.add(db, config, "second")
    with pytest.raises(Invalid):
        stores.add(db, config, "third", timezone="Mars/Olympus")
    for mistake in (
        lambda: stores.update(db, config, "unknown", url="https://x.example"),
        lambda: stores.add_key(db, "unknown"),
        lambda: stores.revoke_key(db, "second", "pos_nothing"),
    ):
        with pytest.raises(NotFound):
            mistake()


def test_the_shops_day_is_its_own(config: Config, db: Db) -> None:
    stores.add(db, config, "second", timezone="Pacific/Auckland")
    moment = now().replace(year=2026, month=11, day=22, hour=23)
    assert Stores(db, config).get("second").local_day(moment) == "2026-11-23"
