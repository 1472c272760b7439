"""Items of ordering apps over HTTP and at the command line: listed, linked, imported and exported."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from pos_api.catalogue import items
from pos_api.catalogue.model import ItemUpdate
from pos_api.cli import main
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from tests.paging import read_all
from tests.senders.karma.app import add_app, stock
from tests.service import settings_of
from tests.web.api.test_products import as_, data

ITEMS = "/api/stores/bar/items"
MANAGER, VIEWER = as_("manager"), as_("viewer")
CSV = {"Accept": "text/csv"}


@pytest.fixture
def api(config: Config, db: Db, client: FlaskClient) -> FlaskClient:
    """An app with three items, and two products."""
    add_app(db, config, "bar")
    client.application.extensions["pos"].stores._read_at = float("-inf")
    stock(db, "salad", "soup")
    for number, name in ((5, "Soup"), (12, "Salad"), (100, "=cake;+46")):
        items.apply(db, ItemUpdate("bar", number, now(), name=name, available=True, exists=True))
    return client


def _link(api: FlaskClient, item: str, sku: str) -> Any:
    return data(api.put(f"{ITEMS}/{item}", json={"sku": sku}, headers=MANAGER))


def _links(api: FlaskClient, sku: str) -> Any:
    return data(api.get(f"/api/products/item?sku={sku}", headers=VIEWER))["links"]


def test_all_items_are_listed_linked_or_not(api: FlaskClient) -> None:
    linked = _link(api, "12", "salad")
    assert linked == {
        "store": "bar",
        "item": "12",
        "name": "Salad",
        "available": True,
        "archived": False,
        "sku": "salad",
    }
    listed = data(api.get(ITEMS, headers=VIEWER))
    assert [(each["item"], each["sku"]) for each in listed] == [("5", None), ("12", "salad"), ("100", None)]
    assert listed[1] == linked
    rows = read_all(lambda after: api.get(f"{ITEMS}?limit=1{after and f'&cursor={after}'}", headers=VIEWER).json)
    assert [each["item"] for each in rows] == ["5", "12", "100"]


def test_a_product_shows_per_link_whether_it_is_available(api: FlaskClient, db: Db) -> None:
    _link(api, "12", "salad")
    _link(api, "77", "salad")
    items.apply(db, ItemUpdate("bar", 12, now(), available=False))
    items.apply(db, ItemUpdate("bar", 12, now(), exists=False))
    assert _links(api, "salad") == [
        {"store": "bar", "item": "12", "available": False, "archived": True},
        {"store": "bar", "item": "77", "available": None, "archived": False},
    ]
    [salad, soup] = data(api.get("/api/products", headers=VIEWER))
    assert ([each["item"] for each in salad["links"]], soup["links"]) == (["12", "77"], [])
    assert salad["archived"] is False


def test_an_item_is_of_one_product_and_each_change_is_in_the_audit(api: FlaskClient, db: Db) -> None:
    _link(api, "12", "salad")
    _link(api, "12", "salad")
    _link(api, "012", "soup")
    assert (_links(api, "salad"), [each["item"] for each in _links(api, "soup")]) == ([], ["12"])
    assert data(api.delete(f"{ITEMS}/12", headers=MANAGER))["sku"] is None
    assert _links(api, "soup") == []
    assert api.delete(f"{ITEMS}/12", headers=MANAGER).status_code == 404
    done = db.audit.find({"action": {"$in": ["item.linked", "item.unlinked"]}}).sort("time", 1)
    assert [(each["action"], each["target"], each["details"], each["who"]["name"]) for each in done] == [
        ("item.linked", "bar:12", {"sku": "salad", "before": []}, "anna"),
        ("item.linked", "bar:12", {"sku": "soup", "before": ["salad"]}, "anna"),
        ("item.unlinked", "bar:12", {"before": ["soup"]}, "anna"),
    ]


def test_what_can_not_be_linked_is_refused(api: FlaskClient) -> None:
    assert api.put(f"{ITEMS}/12", json={"sku": "soop"}, headers=MANAGER).status_code == 404
    assert api.put(f"{ITEMS}/twelve", json={"sku": "soup"}, headers=MANAGER).status_code == 422
    assert api.put(f"{ITEMS}/12", json={}, headers=MANAGER).status_code == 422
    assert api.put(f"{ITEMS}/12", json={"sku": "soup"}, headers=VIEWER).status_code == 403
    assert api.delete(f"{ITEMS}/12", headers=VIEWER).status_code == 403
    assert api.put("/api/stores/nowhere/items/12", json={"sku": "soup"}, headers=MANAGER).status_code == 404
    refused = api.put("/api/stores/default/items/12", json={"sku": "soup"}, headers=MANAGER)
    assert refused.status_code == 409, "a shop's products have SKUs"
    assert api.get("/api/stores/default/items", headers=VIEWER).status_code == 409
    assert _links(api, "soup") == []


def test_items_go_out_as_csv_and_come_in_linked(api: FlaskClient, db: Db) -> None:
    _link(api, "12", "salad")
    exported = api.get(ITEMS, headers={**VIEWER, **CSV})
    assert exported.mimetype == "text/csv"
    assert db.audit.count_documents({"action": "items.exported", "target": "bar"}) == 1
    assert exported.text.replace("\r", "").splitlines() == [
        *("item,name,sku,available,archived", "5,Soup,,yes,", "12,Salad,salad,yes,", "100,'=cake;'+46,,yes,"),
    ]
    assert data(_import(api, exported.text)) == {"linked": 0, "unchanged": 1, "errors": []}
    filled = exported.text.replace("5,Soup,,", "5,Soup,soup,") + "9,New,soup,,\nx,,soup,,\n100,,nothing,,\n"
    report = data(_import(api, filled))
    assert (report["linked"], report["unchanged"]) == (2, 1)
    assert [(each["line"], each["item"]) for each in report["errors"]] == [(6, "x"), (7, "100")]
    assert [each["item"] for each in _links(api, "soup")] == ["5", "9"]
    assert data(_import(api, "item;sku\n5;salad\n")) == {"linked": 1, "unchanged": 0, "errors": []}
    assert db.audit.count_documents({"action": "items.imported", "target": "bar"}) == 3


def _import(api: FlaskClient, text: str | bytes, mimetype: str = "text/csv") -> Any:
    return api.post(f"{ITEMS}/import", data=text, headers={**MANAGER, "Content-Type": mimetype})


def test_a_file_that_is_none_is_refused_whole(api: FlaskClient) -> None:
    assert _import(api, "").status_code == 400
    assert _import(api, b"item,sku\n5,\xff\n").status_code == 400
    assert _import(api, 'item,sku\n5,"soup\n').status_code == 400
    assert _import(api, "item,sku\n5,soup\n", "text/plain").status_code == 415
    for header in ("item", "sku,name", "item,sku,price", "item,sku,sku"):
        assert _import(api, f"{header}\n5,soup\n").status_code == 422, header
    assert _links(api, "soup") == []


def test_items_are_linked_at_the_command_line(
    api: FlaskClient, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings_of(config).items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke
    assert run(main, ["store", "link", "bar", "12", "salad"]).output == "Item 12 of bar is linked to salad.\n"
    assert [each["item"] for each in _links(api, "salad")] == ["12"]
    assert run(main, ["store", "unlink", "bar", "12"]).output == "Item 12 of bar is linked to no product.\n"
    for wrong in (
        ["bar", "12", "soop"],
        ["bar", "twelve", "soup"],
        ["nowhere", "12", "soup"],
        ["default", "1", "soup"],
    ):
        done = run(main, ["store", "link", *wrong])
        assert (done.exit_code, done.output.count("\n")) == (1, 1), wrong
    assert _links(api, "salad") == []
