"""Whatever a shop's REST API answers, importing and comparing end, what is wrong is in its report in plain words, and
other shops are compared meanwhile."""

from __future__ import annotations

import gzip
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from werkzeug.wrappers import Request, Response

from pos_api.config import Config, ConfigError
from pos_api.database.client import Db
from pos_api.inbox import queries
from pos_api.orders import verify_stock as verify
from pos_api.processing import ingest
from pos_api.senders.woocommerce import connection, importer
from pos_api.senders.woocommerce.reconcile.report import too_many_gone
from pos_api.senders.woocommerce.reconcile.run import last_report
from pos_api.senders.woocommerce.rest.pages import read_pages
from pos_api.senders.woocommerce.rest.reader import RestReader
from pos_api.senders.woocommerce.shop_error import ShopError, unexpected_as_shop_error
from pos_api.stores.settings import add_store
from tests.fake_shop import (
    KEY,
    SECRET,
    FakeShop,
    answer,
    compare,
    compare_due,
    comparison_that_hangs,
    connected_shop,
    order,
    product,
    serving,
)
from tests.service import pos_api, settings_of

shop = connected_shop


# --- rows ---------------------------------------------------------------------------------------------------------

ODD: list[Any] = [
    None,
    "text",
    "²",
    5,
    -1,
    1.5,
    True,
    10**30,
    [],
    [[]],
    {},
    {"a": {"b": []}},
    "\ud800",
    "\0",
    "x" * 5_000,
]
"""What a shop may give for an answer, for a row, or for any field."""
FIELDS = {
    "orders": ("id", "status", "total", "number", "line_items", "refunds", "billing", "meta_data", "date_modified_gmt"),
    "products": ("id", "name", "sku", "price", "stock_quantity", "manage_stock", "variations", "status", "categories"),
    "webhooks": ("id", "name", "topic", "status", "delivery_url", "date_modified_gmt"),
}
FIRST = 100
"""The id of the first odd row; the next ones follow."""


def fill(fake: FakeShop) -> None:
    """A sound row of each kind, and one for every odd value."""
    hook = {"name": "POS", "topic": "order.created", "status": "active", "date_modified_gmt": None}
    for number in (1, *range(FIRST, FIRST + len(ODD))):
        fake.put_order(order(number))
        fake.products[number] = product(number, f"S{number}", 5)
        fake.webhooks[number] = {"id": number, **hook, "delivery_url": "https://pos.example/api/webhooks/orders"}


def with_odd_field(name: str, row: Any) -> Any:
    number = row.get("id") if isinstance(row, dict) else None
    return {**row, name: ODD[number - FIRST]} if isinstance(number, int) and number >= FIRST else row


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in FIELDS.items() for name in names])
def test_no_odd_field_ends_a_comparison(
    path: str, name: str, fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fill(fake)

    def odd(at: str, data: Any) -> Any:
        if at.split("/")[0] != path or at.count("/") > 1:
            return data
        return [with_odd_field(name, row) for row in data] if isinstance(data, list) else with_odd_field(name, data)

    fake.tampering.append(odd)
    for _ in range(2):
        report = compare(db, config, shop, repair=True)
        assert report.problem is None
        json.dumps(report.shown(), default=str).encode()
        assert last_report(db, "default") is not None
    assert db.orders.count_documents({"order_id": 1}) == 1
    assert db.products.count_documents({"_id": "S1"}) == 1
    assert not list(verify.run(db))


@pytest.mark.parametrize("path", ["orders", "products", "webhooks", "system_status"])
def test_no_odd_answer_is_more_than_a_problem_in_the_report(
    path: str, fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fill(fake)
    odd: list[Any] = []
    fake.tampering.append(lambda at, data: odd[0] if at == path else data)
    for value in [*ODD, *([{"active_plugins": each} for each in ODD] if path == "system_status" else [])]:
        odd[:] = [value]
        report = compare(db, config, shop, repair=True)
        assert "not understood" not in str(report.problem), value
        assert path == "system_status" or report.problem or isinstance(value, list), value


@pytest.mark.parametrize("path", ["orders", "products", "webhooks"])
def test_no_odd_row_ends_a_comparison(path: str, fake: FakeShop, shop: RestReader, db: Db, config: Config) -> None:
    fill(fake)
    fake.tampering.append(lambda at, data: [*data, *ODD] if at == path else data)
    report = compare(db, config, shop, repair=True)
    assert report.problem is None
    assert db.orders.count_documents({"order_id": 1}) == 1
    assert any("row of" in each["what"] for each in report.unread) == (path != "webhooks")


@pytest.mark.parametrize("path", ["products", "customers", "orders"])
def test_an_import_names_rows_that_are_none(
    path: str, fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.products[1] = product(1, "A", 5)
    fake.customers[1] = {"id": 1, "email": "a@shop.example", "date_created_gmt": "2026-10-01T10:00:00"}
    fake.put_order(order(1))
    """In one page with sound rows, so those are not lost."""
    odd: list[Any] = [None, "text", [], {"id": "1"}, {"id": True}, {"id": -5}, {"id": 10**30}, {"id": 1.0}, {"id": "²"}]
    fake.tampering.append(lambda at, data: [*data, *odd] if at == path and isinstance(data, list) else data)
    imported = importer.run(
        db, config, shop, "default", datetime(2026, 10, 1, tzinfo=UTC), ingest.ingest, lambda *_: None
    )
    named = [each["what"] for each in imported.not_imported]
    assert named.count(f"a row of {path} without an id") >= 7, "an id in a text may be one that is known"
    assert not imported.in_sync
    assert db.orders.count_documents({}) == 1
    assert db.products.count_documents({}) == 1


def test_a_row_that_is_too_large_for_the_inbox_is_named(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.put_order(order(1, customer_note="x" * 9 * 2**20))
    fake.put_order(order(2))
    report = compare(db, config, shop, repair=True)
    assert report.problem is None
    ((large, small),) = [sorted(report.orders, key=lambda each: each["order_id"])]
    assert (large["repair"], small["repair"]) == ("parked", "created")
    assert "bytes" in large["cause"]
    (entry,), _ = queries.find(db, queries.Filter(), limit=5)
    assert (entry["topic"], entry["resource_id"]) == ("order.created", "1")


# --- paging -------------------------------------------------------------------------------------------------------


def counting(given: list[Any]) -> Any:
    """Pages of these rows, of a number of rows that is made up."""
    return lambda request: (
        answer(given, headers={"X-WP-Total": "999999999999", "X-WP-TotalPages": "9999999999"})
        if request.path.endswith("/orders")
        else None
    )


@pytest.mark.parametrize("given", [[], ["text"], [None] * 100, [{"id": "1"}]], ids=["none", "text", "null", "no id"])
def test_a_number_of_rows_that_is_made_up_is_not_read_to_its_end(
    given: list[Any], fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.faults.append(counting(given))
    report = compare(db, config, shop, repair=True)
    assert len(fake.requests) < 60
    assert not report.data_in_sync
    assert any("The shop counts them" in each["cause"] for each in report.unread)


def test_two_pages_in_turn_for_ever_are_not_read_for_ever(fake: FakeShop, shop: RestReader) -> None:
    pages = [[{"id": each} for each in ids] for ids in ((1, 2, 3), (2, 3))]
    total = {"X-WP-Total": "999999999999"}
    fake.faults.append(lambda request: answer(pages[len(fake.requests) % 2], headers=total))
    with pytest.raises(ShopError, match="same one"):
        list(read_pages(shop.client, "orders"))
    assert len(fake.requests) < 40


def test_rows_without_end_are_not_read_for_ever(
    fake: FakeShop, shop: RestReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_api.senders.woocommerce.rest.pages._MOST_ROWS", 1000)

    def more(request: Request) -> Response:
        offset = int(request.args.get("offset", 0))
        return answer([{"id": 1 + offset + each} for each in range(100)], headers={"X-WP-Total": "999999999999"})

    fake.faults.append(more)
    with pytest.raises(ShopError, match="more than 1,000 rows"):
        list(read_pages(shop.client, "orders"))


def test_more_rows_than_the_shop_says_it_has_are_read_too(fake: FakeShop, shop: RestReader) -> None:
    for number in range(1, 251):
        fake.put_order(order(number))

    def one(request: Request) -> Response:
        offset, size = int(request.args["offset"]), int(request.args["per_page"])
        return answer(list(fake.orders.values())[offset : offset + size], headers={"X-WP-Total": "1"})

    fake.faults.append(one)
    assert sum(len(page.rows) for page in read_pages(shop.client, "orders")) == 250


def test_variations_that_a_product_only_names_are_not_each_asked_for_without_limit(
    fake: FakeShop, shop: RestReader
) -> None:
    fake.products[1] = product(1, "A", 5, variations=list(range(10, 100_000)))
    (page,) = shop.products()
    assert [each.what for each in page.unread] == ["the variations of product 1 (Product 1)"]
    assert len(fake.requests) < 10


# --- what is gone -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "known", "too_many"), [(20, 20, False), (21, 21, True), (21, 210, False), (22, 210, True), (0, 0, False)]
)
def test_more_than_twenty_and_a_tenth_are_too_many(gone: int, known: int, too_many: bool) -> None:
    assert too_many_gone(gone, known) is too_many


def archived(db: Db) -> int:
    return int(db.products.count_documents({"archived": True}))


@pytest.mark.parametrize("how", ["deleted for good", "in the trash"])
def test_a_shop_that_says_all_products_are_gone_archives_none_until_that_is_confirmed(
    how: str, fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    fake.products = {number: product(number, f"S{number}", 5) for number in range(1, 31)}
    compare(db, config, shop, repair=True)
    if how == "in the trash":
        for each in fake.products.values():
            each["status"] = "trash"
    else:
        fake.products.clear()
    report = compare(db, config, shop, repair=True)
    assert (archived(db), len(report.products), report.in_sync) == (0, 30, False)
    assert report.notes[0].startswith("30 of 30 products are gone from the shop at once")
    assert "--accept-gone" in report.notes[0]
    assert not any("repair" in each for each in report.products)
    assert {each["repair"] for each in compare(db, config, shop, repair=True, accept_gone=True).products} == {"updated"}
    assert archived(db) == 30


def test_a_few_that_are_gone_are_archived_at_once(fake: FakeShop, shop: RestReader, db: Db, config: Config) -> None:
    fake.products = {number: product(number, f"S{number}", 5) for number in range(1, 31)}
    compare(db, config, shop, repair=True)
    for number in range(1, 21):
        del fake.products[number]
    report = compare(db, config, shop, repair=True)
    assert (archived(db), report.notes) == (20, [])


def test_a_shop_that_says_all_orders_are_gone_deletes_none_until_that_is_confirmed(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    for number in range(1, 31):
        fake.put_order(order(number))
    compare(db, config, shop, repair=True)
    fake.orders.clear()
    deleted = {"deleted_at": {"$exists": True}}
    report = compare(db, config, shop, repair=True)
    assert report.notes[0].startswith("30 of 30 orders are gone from the shop at once")
    assert (db.orders.count_documents(deleted), report.in_sync) == (0, False)
    compare(db, config, shop, repair=True, accept_gone=True)
    assert db.orders.count_documents(deleted) == 30


# --- one shop's trouble is its own --------------------------------------------------------------------------------


def test_a_shop_that_never_answers_keeps_no_other_shop_waiting(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    compared = threading.Event()
    add_store(db, config, "north")
    with serving(FakeShop()) as north:
        connection.connect(db, config, "north", north.url, KEY, SECRET)

        def sound(_: Request) -> None:
            compared.set()

        north.faults.append(sound)
        with comparison_that_hangs(fake, db, config):
            assert compared.wait(20)
    assert last_report(db, "north") is not None


def test_what_nobody_expected_is_the_shops_problem_in_plain_words(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ShopError) as caught, unexpected_as_shop_error():
        int("²" + SECRET)
    assert caught.value.message.startswith("Something in the shop's answers was not understood")
    assert caught.value.__cause__ is None
    assert SECRET not in capfd.readouterr().out


def test_a_key_pair_sealed_with_lost_secrets_is_a_plain_message(
    fake: FakeShop, shop: RestReader, db: Db, config: Config
) -> None:
    other = replace(config, secrets_keys=(Fernet.generate_key().decode(),))
    with pytest.raises(ConfigError, match="store connect default"):
        connection.open_shop(db, other, "default")
    (report,) = compare_due(db, other)
    assert "SECRETS_KEYS" in str(report.problem)
    kept = last_report(db, "default")
    assert kept
    assert "SECRETS_KEYS" in str(kept["problem"])


def test_the_command_names_what_is_wrong_in_one_line(
    fake: FakeShop, shop: RestReader, config: Config, tmp_path: Path
) -> None:
    settings = settings_of(config)
    bomb = gzip.compress(b" " * 21 * 2**20)
    fake.faults.append(lambda _: Response(bomb, headers={"Content-Encoding": "gzip"}))
    for command in (["reconcile", "default"], ["import", "default", "--since", "2d"]):
        done = pos_api(*command, cwd=tmp_path, **settings)
        assert done.returncode == 1
        assert "larger than 20 MiB" in done.stderr
        assert "Traceback" not in done.stderr + done.stdout
