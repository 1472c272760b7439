"""The catalogue as a CSV file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bson import Decimal128

from pos_api.catalogue import product_csv, queries, staff_actions
from pos_api.catalogue.model import ProductDetails, details_of
from pos_api.catalogue.queries import Filter
from pos_api.database.client import Db, Document
from pos_api.errors import BadRequest, Invalid
from pos_api.stock import ledger as stock
from tests.catalogue.reports import applied, reported


def read(db: Db, text: str) -> product_csv.Report:
    return product_csv.read(db, text.encode(), by="anna")


def exported(db: Db) -> str:
    return "".join(product_csv.write(queries.find(db, Filter())))


def test_a_file_creates_changes_and_counts(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "name": "Old", "stock": 10}, by="anna")
    report = read(db, 'sku,name,price,stock,low_stock_threshold\nA,"New, better",1.50,7,2\nB,,,,\n')
    assert (report.created, report.updated, report.counted, report.errors) == (1, 1, 1, [])
    product = queries.get(db, "A")
    assert (product["name"], product["price"], product["stock"]) == ("New, better", Decimal128("1.50"), 7)
    assert queries.movements(db, "A")[0]["reason"] == "count"
    assert (queries.get(db, "B")["name"], queries.get(db, "B")["stock"]) == ("B", 0)
    assert [event.type for event in report.events] == [
        *("product.updated", "stock.changed", "product.created", "stock.changed")
    ]


def test_blank_cells_and_missing_columns_leave_what_is_stored(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "name": "Tea", "price": Decimal128("2"), "stock": 3}, by="anna")
    before = queries.get(db, "A")
    assert read(db, "sku,name,stock\nA,,\n").unchanged == 1
    assert queries.get(db, "A") == before


def test_what_goes_out_comes_in_again_and_changes_nothing(db: Db) -> None:
    rows: list[Document] = [
        {"sku": "Sku 42/ä", "name": 'Say "hi",\tall', "price": Decimal128("1.10"), "stock": 2.5},
        {"sku": "=1+1", "name": "-2 off", "stock": 3, "low_stock_threshold": 1},
        {"sku": "'=1+1", "name": "'quoted'", "stock": 4},
    ]
    for row in rows:
        staff_actions.add(db, {**row, "name": row["name"].replace("\t", " ")}, by="anna")
    stock.move(db, "=1+1", -10, reason="x", cause="staff:anna", note="")
    text = exported(db)
    before = list(db.products.find())
    report = read(db, text)
    assert (report.unchanged, report.errors) == (3, [])
    assert list(db.products.find()) == before
    assert exported(db) == text


ODD_NAMES = {
    "a formula": "=1+1",
    "a formula with an apostrophe": "'=1+1",
    "behind another country's separator": "Mug;=cmd|' /C calc'!A0",
    "behind a tab": "Mug\t@SUM(1)",
    "behind a line break": "Mug\r\n-1",
    "full-width": "\uff1dcmd",
    "behind blanks": "  +1 ",
    "with quotes": 'Mug;"=1"',
    "longer than a person may write": "x" * 900,
}


def test_names_that_a_shop_sent_come_in_again_as_they_went_out(db: Db) -> None:
    for number, name in enumerate(ODD_NAMES.values()):
        staff_actions.add(db, {"sku": f"S{number}", "name": name}, by="anna")
    staff_actions.add(db, {"sku": "=A;-1", "name": "its SKU is a formula"}, by="anna")
    before = list(db.products.find())
    text = exported(db)
    report = read(db, text)
    assert (report.unchanged, report.errors) == (len(before), [])
    assert list(db.products.find()) == before


def test_a_name_that_a_person_changes_is_checked(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "name": "Mug\tred", "stock": 1}, by="anna")
    report = read(db, 'sku,name,stock\nA,"Mug\tblue",5\n')
    assert [(error["line"], error["message"]) for error in report.errors] == [
        (2, "name: must not hold control characters")
    ]
    assert queries.get(db, "A")["stock"] == 1, "the row is left out whole"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheets_own_way_of_writing_csv_is_understood(db: Db, delimiter: str) -> None:
    text = f"\ufeffSKU{delimiter} Price \r\nA{delimiter}12.50\r\n\r\n"
    assert read(db, text).created == 1
    assert queries.get(db, "A")["price"] == Decimal128("12.50")


def test_numbers_may_have_a_decimal_comma(db: Db) -> None:
    assert read(db, "sku;price;stock;low_stock_threshold\nA;12,50;1,5;0,5\n").created == 1
    found = queries.get(db, "A")
    assert (found["price"], found["stock"], found["low_stock_threshold"]) == (Decimal128("12.50"), 1.5, 0.5)


BAD_ROWS = {
    "price in two ways": 'A,x,"1,000",1,1,',
    "stock in two ways": 'A,x,1,"-1,000",1,',
    "two commas": 'A,x,"1,0,0",1,1,',
    "no SKU": ",x,1,1,1,",
    "price is text": "A,x,many,1,1,",
    "price below zero": "A,x,-1,1,1,",
    "stock is text": "A,x,1,many,1,",
    "stock below zero": "A,x,1,-1,1,",
    "stock without end": "A,x,1,1e300,1,",
    "stock is NaN": "A,x,1,nan,1,",
    "stock is a number of Python's": "A,x,1,1_000,1,",
    "stock is in other digits": "A,x,1,\uff11\uff12,1,",
    "threshold below zero": "A,x,1,1,-1,",
    "archived is something else": "A,x,1,1,1,maybe",
    "too many cells": "A,x,1,1,1,,,",
    "SKU too long": "A" * 201 + ",x,1,1,1,",
    "a line break in the SKU": '"A\nB",x,1,1,1,',
}


def test_a_bad_row_is_left_out_whole_and_reported_with_its_line(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "stock": 5}, by="anna")
    before = queries.get(db, "A")
    for number, (case, row) in enumerate(BAD_ROWS.items()):
        report = read(db, f"sku,name,price,stock,low_stock_threshold,archived\nB{number},,,,,\n{row}\nC{number},,,,,\n")
        assert (report.created, [error["line"] for error in report.errors]) == (2, [3]), case
        assert queries.get(db, "A") == before, case


def test_the_second_row_about_a_sku_is_an_error(db: Db) -> None:
    report = read(db, "sku,stock\nA,1\nB,2\nA,3\n")
    assert [(error["line"], error["sku"]) for error in report.errors] == [(4, "A")]
    assert queries.get(db, "A")["stock"] == 1


@pytest.mark.parametrize("text", ["", "name,price\nx,1\n", "sku,sku\nA,A\n", "sku,colour\nA,red\n", '"sku\n', "\0"])
def test_a_first_line_that_does_not_name_the_columns_is_invalid(db: Db, text: str) -> None:
    with pytest.raises(Invalid):
        read(db, text)


def test_a_file_that_is_not_utf8_is_a_bad_request(db: Db) -> None:
    with pytest.raises(BadRequest):
        product_csv.read(db, b"sku\n\xe5\n", by="anna")


def test_what_stops_being_csv_is_reported_and_what_came_before_counts(db: Db) -> None:
    report = read(db, 'sku,name\nA,x\nB,"never closed\n')
    assert report.created == 1
    assert [error["line"] for error in report.errors] == [3]


def test_more_rows_than_are_looked_up_at_once(db: Db) -> None:
    text = "sku,stock\n" + "".join(f"S{number},{number}\n" for number in range(product_csv._CHUNK + 1))
    assert read(db, text).created == product_csv._CHUNK + 1
    assert read(db, text).unchanged == product_csv._CHUNK + 1


def test_barcode_image_categories_and_tax_class_follow_the_shop(db: Db) -> None:
    details: ProductDetails = {
        "gtin": "731",
        "image_url": "https://s.example/a",
        "categories": ["Coffee", "Tea"],
        "tax_class": "reduced",
    }
    assert applied(db, replace(reported(9, "A"), details=details))[0] == "created"
    assert details_of(queries.get(db, "A")) == details
    assert applied(db, reported(9, "A", 1))[0] == "unchanged"  # it says nothing of them
    assert details_of(queries.get(db, "A")) == details
    blank: ProductDetails = {"categories": [], "tax_class": ""}
    assert applied(db, replace(reported(9, "A", 2), details=blank))[0] == "updated"
    assert details_of(queries.get(db, "A")) == {**details, **blank}
    lines = "".join(product_csv.write(queries.find(db, Filter())))
    assert lines.splitlines()[1].endswith(",731,https://s.example/a,,")
    assert product_csv.read(db, lines.encode(), by="me").unchanged == 1
