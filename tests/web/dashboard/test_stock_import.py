"""A CSV file of products: what it would change is shown, and exactly that is applied."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from pos_api.catalogue import product_import, staff_actions
from pos_api.common.time import now
from pos_api.database.client import Db
from tests.factories import stock_of
from tests.web.dashboard.browsing import post, problems

As = Callable[[str], FlaskClient]
FILE = b"sku,name,price,stock\nMUG,Big mug,12.50,10\nNEW,New,5,3\nCUP,,,7\nBAD,,cheap,\nPOT,,,-1\n"


@pytest.fixture
def shelf(db: Db) -> None:
    """Two products; the file changes the mug, and nothing of the cup."""
    staff_actions.add(db, {"sku": "MUG", "name": "Mug", "stock": 7}, by="ann")
    staff_actions.add(db, {"sku": "CUP", "name": "Cup", "stock": 7}, by="ann")


def states(db: Db, made: str) -> dict[str, str]:
    return {row["sku"]: row["state"] for row in product_import.rows(db, made)}


def test_nothing_is_changed_before_it_was_looked_at(db: Db, shelf: None) -> None:
    made = product_import.prepare(db, FILE, name="f.csv", by="ann")
    assert product_import.get(db, made)["counts"] == {"created": 1, "updated": 1, "unchanged": 1, "refused": 2}
    assert states(db, made) == {"MUG": "updated", "NEW": "created", "BAD": "refused", "POT": "refused"}
    (mug, *_) = product_import.rows(db, made)
    assert {each["field"]: each["before"] for each in mug["changes"]} == {"name": "Mug", "price": None, "stock": 7}
    assert stock_of(db) == {"MUG": 7, "CUP": 7}


def test_what_was_looked_at_is_applied_and_the_result_is_by_row(db: Db, shelf: None) -> None:
    made = product_import.prepare(db, FILE, name="f.csv", by="ann")
    events = product_import.apply_some(db, made, by="ann", seconds=9)
    assert {event.type for event in events} >= {"product.created", "stock.changed"}
    assert stock_of(db) == {"MUG": 10, "CUP": 7, "NEW": 3}
    assert states(db, made) == {"MUG": "applied", "NEW": "applied", "BAD": "refused", "POT": "refused"}
    assert product_import.get(db, made)["left"] == 0
    movements = db.stock_movements.count_documents({})
    product_import.apply_some(db, made, by="ann", seconds=9)
    assert db.stock_movements.count_documents({}) == movements


def test_a_row_whose_product_changed_meanwhile_is_left_out(db: Db, shelf: None) -> None:
    made = product_import.prepare(db, FILE, name="f.csv", by="ann")
    staff_actions.adjust(db, "MUG", -1, reason="sold", by="ann")
    staff_actions.adjust(db, "CUP", -1, reason="sold", by="ann")
    staff_actions.add(db, {"sku": "NEW", "stock": 1}, by="ann")
    product_import.apply_some(db, made, by="ann", seconds=9)
    assert stock_of(db) == {"MUG": 6, "CUP": 6, "NEW": 1}
    assert (states(db, made)["MUG"], states(db, made)["NEW"]) == ("outdated", "outdated")
    assert db.products.find_one({"_id": "MUG"})["name"] == "Mug"  # type: ignore[index]


def test_rows_that_another_process_applies_are_waited_for_and_nothing_is_recorded(
    as_role: As, db: Db, shelf: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    only_here = SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic)  # threads of pymongo sleep too
    monkeypatch.setattr(product_import, "time", only_here)
    made = product_import.prepare(db, FILE, name="f.csv", by="ann")
    begun = {"state": "begun", "begun_at": now()}
    db.product_import_rows.update_many({"state": {"$in": ["created", "updated"]}}, {"$set": begun})
    client, path = as_role("manager"), f"/stock/import/{made}"
    assert post(client, f"{path}/apply", {}, form="/stock/import").location == path
    assert pauses == [1.0]
    assert db.audit.count_documents({"action": "products.imported"}) == 0
    db.product_import_rows.update_many({"state": "begun"}, {"$set": {"state": "applied"}})
    post(client, f"{path}/apply", {}, form="/stock/import")
    assert (sum(pauses), db.audit.count_documents({"action": "products.imported"})) == (1.0, 0)


def test_long_work_is_done_in_parts_and_what_a_process_left_is_taken_up(db: Db, shelf: None) -> None:
    made = product_import.prepare(db, FILE, name="f.csv", by="ann")
    product_import.apply_some(db, made, by="ann", seconds=0)
    assert product_import.get(db, made)["left"] == 1
    left = {"sku": "NEW", "import": made}
    db.product_import_rows.update_one(left, {"$set": {"state": "begun", "begun_at": now()}})
    product_import.apply_some(db, made, by="ann", seconds=9)
    assert states(db, made)["NEW"] == "begun"
    db.product_import_rows.update_one(left, {"$set": {"begun_at": now() - timedelta(minutes=2)}})
    product_import.apply_some(db, made, by="ann", seconds=9)
    assert states(db, made)["NEW"] == "applied"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "Choose a CSV file first."),
        (b"name,colour\nx,y\n", 422, "colour"),
        (b"sku\n\xff\n", 400, "not UTF-8"),
    ],
)
def test_a_file_that_can_not_be_read_is_said(as_role: As, db: Db, body: bytes, status: int, said: str) -> None:
    data: dict[str, object] = {"file": (io.BytesIO(body), "f.csv")}
    answer = post(as_role("manager"), "/stock/import", data, form="/stock/import")
    assert (answer.status_code, said in answer.text) == (status, True)
    assert as_role("manager").get("/stock/import/none").status_code == 404


def test_a_file_is_brought_in(app: Flask, open_as: Callable[..., Page], db: Db, shelf: None, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(FILE.replace(b"New,", b"<script>alert(1)</script>,"))
    page = open_as("manager", width=390, language="sv", theme="dark")
    page.goto("/stock/import")
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Se vad det ändrar").click()
    expect(page.locator("#rows")).to_contain_text("7 → 10 (+3)")
    assert problems(page) == []
    page.get_by_role("button", name="Genomför 2 rader").click()
    expect(page.get_by_role("status")).to_contain_text("2 rader genomfördes.")
    assert problems(page) == []
    assert stock_of(db) == {"MUG": 10, "CUP": 7, "NEW": 3}
