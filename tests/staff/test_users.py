"""Users: names, passwords, roles."""

from __future__ import annotations

from typing import Literal

import pytest
from argon2 import PasswordHasher

from pos_api.database.client import Db
from pos_api.errors import Conflict, Invalid, NotFound, Unauthorized
from pos_api.staff import users

pytestmark = pytest.mark.plain_db

PASSWORD = "correct horse battery"


def test_who_was_added_logs_in_whatever_the_case_of_the_name(db: Db) -> None:
    added = users.add(db, " Anna@Shop.example ", PASSWORD, "manager")
    assert (added.name, added.role) == ("anna@shop.example", "manager")
    assert users.log_in(db, "ANNA@shop.example", PASSWORD).role == "manager"


def test_a_wrong_password_and_an_unknown_name_sound_the_same(db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    with pytest.raises(Unauthorized) as wrong:
        users.log_in(db, "anna", PASSWORD + "!")
    with pytest.raises(Unauthorized) as unknown:
        users.log_in(db, "berta", PASSWORD)
    assert wrong.value.message == unknown.value.message


def test_an_unknown_name_costs_a_password_check_too(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            checks.append(hash)
            return super().verify(hash, password)

    monkeypatch.setattr(users, "_hasher", Counting())
    with pytest.raises(Unauthorized):
        users.log_in(db, "nobody", PASSWORD)
    assert len(checks) == 1


def test_the_password_is_kept_as_an_argon2id_hash_only(db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    stored = db.users.find_one({"_id": "anna"})
    assert stored is not None
    assert stored["password_hash"].startswith("$argon2id$")
    assert PASSWORD not in str(stored)


def test_a_hash_with_older_parameters_is_renewed_at_log_in(db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    db.users.update_one({"_id": "anna"}, {"$set": {"password_hash": old}})
    users.log_in(db, "anna", PASSWORD)
    stored = db.users.find_one({"_id": "anna"})
    assert stored is not None
    assert stored["password_hash"] != old
    assert users.log_in(db, "anna", PASSWORD).name == "anna"


def test_a_new_password_ends_the_old_one(db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    users.set_password(db, "Anna", "another long password")
    assert users.log_in(db, "anna", "another long password")
    with pytest.raises(Unauthorized):
        users.log_in(db, "anna", PASSWORD)


def test_who_was_removed_does_not_log_in(db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    users.remove(db, "anna")
    with pytest.raises(Unauthorized):
        users.log_in(db, "anna", PASSWORD)
    assert users.everyone(db) == []


@pytest.mark.mongod
def test_everyone_is_listed_by_name_without_hashes(db: Db) -> None:
    users.add(db, "berta", PASSWORD, "admin")
    users.add(db, "anna", PASSWORD)
    users.log_in(db, "anna", PASSWORD)
    anna, berta = users.everyone(db)
    assert (anna["name"], anna["role"], berta["name"], berta["role"]) == ("anna", "viewer", "berta", "admin")
    assert anna["last_login_at"]
    assert "password_hash" not in anna


def test_a_taken_name_is_a_conflict_and_an_unknown_one_not_found(db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    with pytest.raises(Conflict):
        users.add(db, "ANNA", PASSWORD)
    with pytest.raises(NotFound):
        users.remove(db, "berta")
    with pytest.raises(NotFound):
        users.set_password(db, "berta", PASSWORD)


@pytest.mark.parametrize(
    ("name", "password", "role"),
    [
        ("", PASSWORD, "viewer"),
        ("two words", PASSWORD, "viewer"),
        ("a" * 65, PASSWORD, "viewer"),
        ("anna\0", PASSWORD, "viewer"),
        ("anna", "short", "viewer"),
        ("anna", "x" * 1025, "viewer"),
        ("anna", PASSWORD, "owner"),
    ],
)
def test_unusable_names_passwords_and_roles_are_refused(db: Db, name: str, password: str, role: str) -> None:
    with pytest.raises(Invalid):
        users.add(db, name, password, role)
