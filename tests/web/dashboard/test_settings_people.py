"""Users, the audit log and retention under Settings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.staff import audit, users
from tests.web.dashboard.browsing import PASSWORD, client_of, post

USERS = "/settings/users"


def test_a_new_password_signs_out_whoever_had_the_old_one(app: Flask, db: Db, staff: None) -> None:
    admin, viewer = client_of(app, "admin"), client_of(app, "viewer")
    answer = post(admin, f"{USERS}/viewer/password", {}, form=USERS)
    assert answer.status_code == 200
    assert viewer.get("/").status_code == 303
    made = answer.text.split('id="made">')[1].split("<")[0]
    assert users.log_in(db, "viewer", made)
    assert made not in str(list(db.audit.find()))


def test_nobody_takes_their_own_way_in_or_the_last_admin(app: Flask, db: Db, staff: None) -> None:
    admin = client_of(app, "admin")
    for act in ("remove", "role", "password"):
        answer = post(admin, f"{USERS}/ADMIN/{act}", {"role": "viewer"}, form=USERS)
        assert answer.status_code == 409, act
        assert "That is you" in answer.text
    users.add(db, "second", PASSWORD, "admin")
    assert post(admin, f"{USERS}/second/remove", {}, form=USERS).status_code == 303
    assert admin.get(USERS).status_code == 200


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        (USERS, {"name": "a b", "role": "viewer", "password": PASSWORD}, 422),
        (USERS, {"name": "viewer", "role": "viewer", "password": PASSWORD}, 409),
        (USERS, {"name": "new", "role": "owner", "password": PASSWORD}, 422),
        (USERS, {"name": "new", "role": "viewer", "password": "short"}, 422),
        (USERS, {}, 422),
        (f"{USERS}/nobody/remove", {}, 404),
        (f"{USERS}/nobody/password", {}, 404),
        (f"{USERS}/viewer/role", {"role": "owner"}, 422),
    ],
)
def test_what_is_refused_says_why_and_shows_no_password(
    as_role: Callable[[str], FlaskClient], path: str, data: dict[str, str], status: int
) -> None:
    answer = post(as_role("admin"), path, data, form=USERS)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert PASSWORD not in answer.text


def test_the_audit_log_is_filtered_goes_on_and_is_a_file(as_role: Callable[[str], FlaskClient], db: Db) -> None:
    client = as_role("admin")
    who = {"kind": "user", "name": "anna", "address": "203.0.113.9"}
    for number in range(60):
        audit.record(db, "product.price", target=f"=sku-{number}", details={"n": number, "at": now()}, who=who)
    first = client.get("/settings/audit?action=product&who=anna").text
    assert first.count("<code>product.price</code>") == 50
    more = first.split('data-more="#entries"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    rest = client.get(more).text
    assert rest.count("<code>product.price</code>") == 10
    assert client.get("/settings/audit?since=soon").status_code == 422
    assert "Leave out a filter" in client.get("/settings/audit?who=nobody").text
    with client.get("/settings/audit.csv?action=product") as answer:
        rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert len(rows) == 60
    assert rows[0]["target"] == "'=sku-59"
    [entry] = db.audit.find({"action": "audit.exported"})
    assert (entry["details"], entry["who"]["name"]) == ({"action": "product"}, "admin")


def test_retention_is_shown_in_words(as_role: Callable[[str], FlaskClient]) -> None:
    text = as_role("admin").get("/settings/retention").text
    for words in ("90 days", "365 days", "30 days", "400 days", "for ever, until it is set"):
        assert words in text
