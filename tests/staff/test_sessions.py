"""Sessions of the dashboard, and the key that makes the first admin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from pos_api.collections import COLLECTIONS
from pos_api.common.sealed_file import Key
from pos_api.common.time import now
from pos_api.database import backup, restore
from pos_api.database.client import Db
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.staff import first_admin, sessions, users
from pos_api.staff.users import User

PASSWORD = "correct horse battery"


@pytest.fixture
def anna(db: Db) -> User:
    return users.add(db, "anna", PASSWORD, "admin")


def begin(db: Db, user: User) -> str:
    return sessions.begin(db, user, "203.0.113.9", "Firefox")


CHANGES: dict[str, Callable[[Db], object]] = {
    "removed": lambda db: users.remove(db, "anna"),
    "another password": lambda db: users.set_password(db, "anna", "battery staple horse"),
    "another role": lambda db: users.set_role(db, "anna", "viewer"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nothing_is_left_of_the_sessions_of_who_is_removed_or_changed(
    db: Db, anna: User, change: Callable[[Db], object]
) -> None:
    bo = users.add(db, "bo", PASSWORD, "admin")
    of_anna, of_bo = begin(db, anna), begin(db, bo)
    change(db)
    assert sessions.find(db, of_anna) is None
    assert [each["user"] for each in db.staff_sessions.find()] == ["bo"]
    assert sessions.find(db, of_bo)


def test_a_session_ends_when_it_is_not_used_and_at_last_however_much_it_is(db: Db, anna: User) -> None:
    identifier, moment = begin(db, anna), now()
    almost = moment - sessions.ABSOLUTE_LIMIT + timedelta(hours=1)
    db.staff_sessions.update_one({}, {"$set": {"created_at": almost, "used_at": moment - timedelta(hours=2)}})
    assert sessions.find(db, identifier, is_use=False)
    [stored] = db.staff_sessions.find()
    assert stored["used_at"] == moment - timedelta(hours=2), "what a page asks for by itself is no use"
    assert sessions.find(db, identifier)
    [stored] = db.staff_sessions.find()
    assert stored["expires_at"] == almost + sessions.ABSOLUTE_LIMIT, "not eight hours from now"
    db.staff_sessions.update_one({}, {"$set": {"expires_at": moment - timedelta(seconds=1)}})
    assert sessions.find(db, identifier) is None


def test_only_a_hash_of_the_id_is_kept(db: Db, anna: User) -> None:
    identifier = begin(db, anna)
    assert identifier not in str(list(db.staff_sessions.find()))


def test_a_user_ends_only_their_own_sessions(db: Db, anna: User) -> None:
    bo = users.add(db, "bo", PASSWORD)
    begin(db, anna)
    [of_anna] = sessions.of_user(db, "anna")
    sessions.end(db, bo.name, of_anna["key"])
    assert sessions.of_user(db, "anna") == [of_anna]


@pytest.mark.mongod
def test_a_restore_signs_everybody_out(db: Db, anna: User, tmp_path: Path) -> None:
    identifier = begin(db, anna)
    file, key = tmp_path / "backup", Key(Fernet.generate_key().decode())
    assert "staff_sessions" not in backup.write(db, COLLECTIONS, file, key)
    with restore.checked(db, COLLECTIONS, file, [key], force=True) as checked:
        checked.run()
    assert users.has_any(db)
    assert sessions.find(db, identifier) is None


# --- the only admin ------------------------------------------------------------------------------------------------


def test_the_only_admin_stays_one(db: Db, anna: User) -> None:
    identifier = begin(db, anna)
    changes: list[Callable[[], object]] = [
        lambda: users.remove(db, "anna", keep_an_admin=True),
        lambda: users.set_role(db, "anna", "manager", keep_an_admin=True),
    ]
    for change in changes:
        with pytest.raises(Conflict, match="only admin"):
            change()
    assert users.everyone(db)[0]["role"] == "admin"
    users.log_in(db, "anna", PASSWORD)
    assert [entry["outcome"] for entry in db.audit.find({"action": {"$in": ["user.removed", "user.role"]}})] == [
        "failed",
        "failed",
    ]
    users.add(db, "bo", PASSWORD, "admin")
    users.remove(db, "anna", keep_an_admin=True)
    assert sessions.find(db, identifier) is None
    assert [each["name"] for each in users.everyone(db)] == ["bo"]


# --- the first admin -----------------------------------------------------------------------------------------------


def test_the_key_makes_one_admin(db: Db) -> None:
    key = first_admin.new_key(db)
    assert key
    assert key not in str(list(db.first_admin.find()))
    first_admin.check_key(db, key)
    with pytest.raises(Invalid):
        first_admin.add(db, key, "anna", "short")
    assert first_admin.add(db, key, "Anna", PASSWORD).role == "admin"
    users.remove(db, "anna")
    with pytest.raises(NotFound):
        first_admin.add(db, key, "eve", PASSWORD)
    assert not users.has_any(db)


def test_a_key_counts_until_there_is_a_user_or_another_key_or_a_day_has_passed(db: Db) -> None:
    old = first_admin.new_key(db)
    newer = first_admin.new_key(db)
    assert old
    assert newer
    with pytest.raises(NotFound):
        first_admin.check_key(db, old)
    with pytest.raises(NotFound):
        first_admin.check_key(db, "")
    db.first_admin.update_one({}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
    with pytest.raises(NotFound):
        first_admin.check_key(db, newer)
    newest = first_admin.new_key(db)
    assert newest
    users.add(db, "anna", PASSWORD)
    assert db.first_admin.count_documents({}) == 0
    users.remove(db, "anna")
    with pytest.raises(NotFound):
        first_admin.add(db, newest, "eve", PASSWORD)
    users.add(db, "bo", PASSWORD)
    assert first_admin.new_key(db) is None
