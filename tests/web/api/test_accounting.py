"""The books over HTTP."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from bson import Decimal128
from flask.testing import FlaskClient

from pos_api.accounting.z_reports import z_reports
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stores.registry import Stores
from pos_api.web.z_page import z_page
from tests.accounting.test_close import DAY, NEXT, put
from tests.paging import read_all
from tests.web.api.test_products import as_

URL = "/api/accounting"


@pytest.fixture
def config(config: Config) -> Config:
    object.__setattr__(config, "accounting_company", "Åäö AB")
    object.__setattr__(config, "accounting_orgnr", "556677-8899")
    return config


def get(client: FlaskClient, path: str, expected: int = 200, /, role: str = "viewer", **query: Any) -> Any:
    query = {name.rstrip("_"): value for name, value in query.items()}
    response = client.get(f"{URL}/{path}", query_string=query, headers=as_(role))
    assert response.status_code == expected, response.text
    return response.get_json()


def close(client: FlaskClient, **body: Any) -> Any:
    response = client.post(f"{URL}/close", json={"store": "default", **body}, headers=as_("manager"))
    assert response.status_code == 200, response.text
    return response.get_json()


def test_a_day_is_shown_as_a_draft_closed_and_exported(client: FlaskClient, db: Db) -> None:
    put(db)
    [draft] = get(client, "entries")["data"]
    assert (draft["status"], draft["number"]) == ("draft", None)
    answer = close(client, day=DAY)
    assert answer["data"] == [
        {"store": "default", "day": DAY, "currency": "SEK", "entries": [draft["id"]], "was_closed": False}
    ]
    [entry] = get(client, "entries", status="closed")["data"]
    assert (entry["status"], entry["number"], entry["lines"]) == ("closed", 1, draft["lines"])
    assert entry["lines"][1] == {
        "account": "2610",
        "name": "Output VAT 25 %",
        "description": "VAT 25 %",
        "credit": "25.00",
        "orders": 1,
    }
    assert get(client, f"entries/{entry['id']}")["data"] == entry
    [source] = get(client, f"entries/{entry['id']}/sources")["data"]
    assert source["lines"][0] == {"account": "1900", "description": "Paid cod", "of_day": DAY, "debit": "125.00"}
    assert close(client, day=DAY)["message"] == "It was closed before."
    assert close(client, day="2020-01-01")["message"] == "There is nothing to close."
    exported = client.get(f"{URL}/export?format=sie", headers=as_("manager"))
    assert exported.headers["Content-Disposition"] == 'attachment; filename="books-sie-1.si"'
    assert "Åäö AB".encode("cp437") in exported.data
    assert client.get(f"{URL}/exports/1", headers=as_("manager")).data == exported.data
    assert [each["number"] for each in get(client, "exports")["data"]] == [1]


def test_several_days_are_closed_and_entries_read_page_by_page(client: FlaskClient, db: Db) -> None:
    days = ["2026-11-01", DAY, NEXT]
    for number, day in enumerate(days, 1):
        put(db, number, day=day)
    assert [each["day"] for each in close(client, until=NEXT)["data"]] == days
    rows = read_all(lambda cursor: get(client, "entries", limit=1, cursor=cursor or None))
    assert [row["date"] for row in rows] == days[::-1]
    found = get(client, "entries", from_=DAY, to=DAY, store="default", currency="SEK", reference=f"Z-default-{DAY}")
    assert len(found["data"]) == 1
    get(client, "entries", 400, cursor="x")
    get(client, "entries/none", 404)
    get(client, "entries/none/sources", 404)


def test_accounts_are_set_as_they_are_shown(client: FlaskClient, db: Db) -> None:
    shown = get(client, "accounts")["data"]
    shown["rows"].append({"role": "revenue", "group": "mugs", "account": "3100"})
    shown["groups"] = [{"group": "mugs", "category": "Mugs"}]
    response = client.put(f"{URL}/accounts", json=shown, headers=as_("manager"))
    assert response.status_code == 200, response.text
    assert get(client, "accounts")["data"] == shown == response.get_json()["data"]
    shown["rows"][0]["account"] = "30A1"
    refused = client.put(f"{URL}/accounts", json=shown, headers=as_("manager"))
    assert refused.status_code == 422
    problem = "has an account that is not a number of 3 to 10 digits (revenue 30A1)"
    assert refused.get_json()["error"]["details"] == {"rows.0": problem}


@pytest.mark.parametrize(
    "body",
    [{"store": "default"}, {"store": "default", "day": DAY, "until": DAY}, {"store": "default", "day": "2999-01-01"}],
)
def test_a_day_that_can_not_be_closed_is_refused(client: FlaskClient, body: dict[str, Any]) -> None:
    assert client.post(f"{URL}/close", json=body, headers=as_("manager")).status_code == 422
    unknown = client.post(f"{URL}/close", json={"store": "north", "day": DAY}, headers=as_("manager"))
    assert unknown.status_code == 404


def test_a_z_report_as_json_as_a_table_and_as_a_page(client: FlaskClient, db: Db) -> None:
    put(db, number="<b>A1</b>")
    [report] = get(client, "z-report", store="default", day=DAY)["data"]
    assert (report["receipts"], report["sales_total"], report["discounts"]) == (1, "125.00", "0.00")
    url = f"{URL}/z-report?store=default&day={DAY}"
    table = client.get(url, headers={**as_("viewer"), "Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert {"what": "sales", "of": "25 %", "net": "100.00", "vat": "25.00", "amount": "125.00"}.items() <= rows[
        0
    ].items()
    page = client.get(url, headers={**as_("viewer"), "Accept": "text/html"})
    assert page.mimetype == "text/html"
    assert "&lt;b&gt;A1&lt;/b&gt;" in page.text
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert get(client, "z-report", store="default", day="2020-01-01")["data"] == []
    empty = client.get(f"{URL}/z-report?store=default&day=2020-01-01", headers={**as_("viewer"), "Accept": "text/html"})
    assert "There is nothing of this day." in empty.text
    get(client, "z-report", 404, store="north", day=DAY)


def test_what_is_not_known_of_a_cash_session_is_called_so_on_the_page(db: Db, config: Config) -> None:
    session = {"id": "till-1:5", "opening_cash": None, "expected_cash": None, "counted_cash": "187.50"}
    put(db)
    [report] = z_reports(db, Stores(db, config), Stores(db, config).get("default"), DAY)
    report["cash_sessions"] = [{**session, "difference": None}]
    page = z_page(Stores(db, config).get("default"), DAY, [report], ())
    assert '<th scope="row">Expected cash</th><td>unknown</td>' in page
    assert '<th scope="row">Counted cash</th><td>187.50</td>' in page
    assert "None" not in page


def test_the_proof_and_what_can_not_be_booked(client: FlaskClient, db: Db) -> None:
    put(db)
    close(client, day=DAY)
    proof = get(client, "check", from_=DAY, to=DAY)["data"]
    assert proof["is_explained"] is True
    [sums] = proof["currencies"]
    assert sums["entries"] == sums["figures"] | {"paid": "125.00"}
    put(db, 2, total=Decimal128("1.00"))
    [refused] = get(client, "refused")["data"]
    assert refused["source"] == "order:default:2"
    assert get(client, "check", from_=DAY, to=DAY)["data"]["is_explained"] is False


def test_nothing_to_export_is_not_found_and_what_a_format_can_not_have_is_said(client: FlaskClient, db: Db) -> None:
    get(client, "export", 404, role="manager", format="csv")
    put(db)
    put(db, 2, currency="EUR")
    close(client, day=DAY)
    refused = get(client, "export", 422, role="manager", format="sie")
    assert refused["error"]["details"] == {"currency": "must be one of EUR, SEK, as a SIE file is of one currency"}
    assert client.get(f"{URL}/export?format=sie&currency=EUR", headers=as_("manager")).status_code == 200
    get(client, "exports/9", 404, role="manager")


def test_entries_name_no_person(client: FlaskClient, db: Db) -> None:
    put(db, billing={"email": "berta@example.se", "first_name": "Berta"})
    close(client, day=DAY)
    names = ("accounting_sources", "accounting_lines", "accounting_entries", "accounting_closings")
    assert "berta" not in str([list(db[name].find()) for name in names]).lower()


def test_an_entry_is_read_by_its_number_where_its_id_has_a_slash(client: FlaskClient, db: Db, config: Config) -> None:
    object.__setattr__(client.application.extensions["pos"].config, "accounting_mode", "sale")
    put(db, 1, number="A/1")
    close(client, day=DAY)
    [entry] = get(client, "entries", status="closed")["data"]
    assert get(client, f"entries/{entry['number']}")["data"] == entry
    [source] = get(client, f"entries/{entry['number']}/sources")["data"]
    assert source["source"] == "order:default:1"
    assert get(client, "entries/99", 404)["error"]["code"] == "not_found"
    assert get(client, f"entries/{'9' * 30}", 404)["error"]["code"] == "not_found"
