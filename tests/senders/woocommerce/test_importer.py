"""After an import the POS has what the shop has, its stock included, and goes on in step from there."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect
from werkzeug.wrappers import Request

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.figures import rollup
from pos_api.inbox import leases, storing
from pos_api.inbox.model import Outcome
from pos_api.orders.buckets import BUCKET_SIZE
from pos_api.processing import batches, ingest
from pos_api.senders.woocommerce import importer
from pos_api.senders.woocommerce.importer import ImportResult
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.stores import settings
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from tests.factories import AHEAD, read_delivery
from tests.fake_shop import FakeShop, connected, html, order, product
from tests.paths import TESTS

RECORDINGS = TESTS / "recordings"
SINCE = datetime(2026, 8, 1, tzinfo=UTC)


def run(fake: FakeShop, db: Db, config: Config, since: datetime = SINCE, progress: Any = None) -> ImportResult:
    with connected(fake, db, config) as shop:
        return importer.run(db, config, shop, "default", since, ingest.ingest, progress or (lambda *_: None))


def stock(db: Db) -> dict[str, float]:
    return {each["sku"]: each["stock"] for each in db.products.find()}


def deliver(db: Db, config: Config, delivery: dict[str, Any]) -> None:
    headers = {name.lower(): value for name, value in delivery["headers"].items()}
    if "x-wc-webhook-topic" not in headers:
        return
    work = read_delivery(Stores(db, config).get("default"), headers, delivery["body"].encode(), now())
    lease = leases.new_lease()
    if storing.store(db, [work.entry], lease):
        batches.process(db, lease, [work])


# --- recorded shops -----------------------------------------------------------------------------------------------


def recordings() -> list[Any]:
    """Every recorded history."""
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in sorted(RECORDINGS.glob("*.json"))]


def load(fake: FakeShop, recording: dict[str, Any], step: dict[str, Any]) -> None:
    """The shop as it was after a step."""
    fake.products.clear()
    numbers = {line["sku"]: line["variation_id"] or line["product_id"] for line in step["rest_order"]["line_items"]}
    for position, (sku, units) in enumerate(step["woocommerce_stock"].items()):
        number = numbers.get(sku, 1000 + position)
        fake.products[number] = product(number, "" if sku.startswith("#") else sku, units)
    fake.put_order(step["rest_order"], step["rest_refunds"])


@pytest.mark.parametrize("recording", recordings())
def test_a_recorded_shop_imported_at_any_moment_is_in_step_then_and_ever_after(
    fake: FakeShop, db: Db, config: Config, recording: dict[str, Any]
) -> None:
    steps = recording["steps"]
    for position, imported in enumerate(steps):
        if imported["rest_order"] is None:
            continue
        load(fake, recording, imported)
        run(fake, db, config)
        assert stock(db) == oracle(imported)
        for step in steps[position + 1 :]:
            for delivery in step["deliveries"]:
                deliver(db, config, delivery)
            assert stock(db) == oracle(step)
        if (last := steps[-1]["rest_order"]) is not None:
            stored = db.orders.find_one({"_id": f"default:{recording['order_id']}"})
            assert stored is not None
            assert stored["status"] == last["status"]
            assert [each["id"] for each in stored["refunds"]] == [each["id"] for each in last["refunds"]]
        for name in db.list_collection_names():
            db[name].delete_many({})


def oracle(step: dict[str, Any]) -> dict[str, float]:
    """WooCommerce's own stock by SKU after a step."""
    return {sku: units for sku, units in step["woocommerce_stock"].items() if not sku.startswith("#")}


# --- any shop -----------------------------------------------------------------------------------------------------


def test_products_customers_and_orders_come_over_with_refund_lines(fake: FakeShop, db: Db, config: Config) -> None:
    fake.products[1] = product(1, "A", 40)
    fake.products[2] = product(2, "", None, type="variable", variations=[3], name="Hoodie")
    fake.variations[2] = [product(3, "H-S", 5, attributes=[{"option": "S"}])]
    fake.customers[9] = {"id": 9, "email": "Åsa@shop.example", "first_name": "Åsa", "date_modified_gmt": None}
    refund = {"id": 70, "amount": "5.00", "line_items": [{"id": 71, "quantity": -1, "total": "-5.00"}]}
    fake.put_order(order(7, quantity=2, refunds=[{"id": 70, "total": "-5.00"}]), [refund])
    seen: list[tuple[str, int, int]] = []
    imported = run(fake, db, config, progress=lambda *each: seen.append(each))
    assert stock(db) == {"A": 40, "H-S": 5}
    assert db.products.find_one({"_id": "H-S"})["name"] == "Hoodie - S"  # type: ignore[index]
    assert db.customers.find_one({"_id": "åsa@shop.example"}) is not None
    stored = db.orders.find_one({"_id": "default:7"})
    assert stored is not None
    assert stored["refunds"][0]["line_items"][0]["quantity"] == 1
    assert imported.outcomes["orders"] == {"created": 1}
    assert [seen[0], seen[-1]] == [("products", 0, 2), ("orders", 1, 1)]
    assert db.inbox.count_documents({"state": {"$ne": "done"}}) == 0
    counted = db.rollup_days.find_one({"currencies.orders_count": 1})
    assert counted is not None, "the figures are up to date"
    assert db.rollup_buckets.count_documents({"stale": {"$exists": True}}) == 0


def test_it_shows_how_far_the_figures_are_counted_where_that_takes_long(
    fake: FakeShop, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        fake.put_order(order((number + 1) * BUCKET_SIZE))
    monkeypatch.setattr(importer, "_SHOWN_EVERY", 0)
    monkeypatch.setattr(rollup, "_BUCKETS_AT_ONCE", 1)
    monkeypatch.setattr(rollup, "_OVERLAP", timedelta(seconds=-5))  # else these orders are new, and counted again
    seen: list[tuple[str, int, int]] = []
    run(fake, db, config, progress=lambda *each: seen.append(each))
    most = 2 * BUCKET_SIZE
    assert [each for each in seen if each[0] == "figures"] == [
        ("figures", 0, most),
        ("figures", BUCKET_SIZE, most),
        ("figures", most, most),
    ]
    assert db.rollup_days.count_documents({"currencies.orders_count": 3}) == 1


def test_only_orders_since_the_date_come_over_month_by_month(fake: FakeShop, db: Db, config: Config) -> None:
    days = ["2026-07-31T23:59:59", "2026-08-01T00:00:00", "2026-08-31T23:59:59", "2026-09-01T00:00:00"]
    for number, created in enumerate(days, 1):
        fake.put_order(order(number, date_created_gmt=created))
    run(fake, db, config)
    assert [each["order_id"] for each in db.orders.find(sort=[("order_id", 1)])] == [2, 3, 4]


def test_run_again_it_changes_nothing_but_what_changed(fake: FakeShop, db: Db, config: Config) -> None:
    fake.products[1] = product(1, "A", 10)
    for number in range(1, 6):
        fake.put_order(order(number))
    run(fake, db, config)
    before = list(db.stock_movements.find()), list(db.orders.find())
    again = run(fake, db, config)
    assert again.outcomes["orders"] == {"duplicate": 5}
    assert (list(db.stock_movements.find()), list(db.orders.find())) == before
    fake.put_order(order(3, status="cancelled", date_modified_gmt="2026-10-02T10:00:00") | {"line_items": []})
    assert run(fake, db, config).outcomes["orders"] == {"duplicate": 4, "updated": 1}


def test_interrupted_it_goes_on_where_it_was(fake: FakeShop, db: Db, config: Config) -> None:
    fake.products[1] = product(1, "A", 1000)
    for number in range(1, 351):
        fake.put_order(order(number))
    down = html(503)
    fake.faults.append(lambda request: down if int(request.args.get("offset", 0)) >= 190 else None)
    with pytest.raises(ShopError):
        run(fake, db, config)
    assert db.orders.count_documents({}) == 195
    fake.faults.clear()
    fake.requests.clear()
    resumed = run(fake, db, config)
    assert resumed.outcomes["orders"].total() == 155
    assert set(resumed.outcomes) == {"orders"}
    assert not any("customers" in path for path in fake.requests)
    assert db.orders.count_documents({}) == 350
    assert stock(db) == {"A": 1000}


def test_the_next_page_is_read_while_one_is_brought_in(fake: FakeShop, db: Db, config: Config) -> None:
    for number in range(1, 111):
        fake.put_order(order(number))
    second_is_asked_for = threading.Event()

    def watch(request: Request) -> None:
        if request.args.get("offset") == "95":
            second_is_asked_for.set()

    def slowly(db: Db, store: Store, bodies: Iterable[bytes], *more: Any, **named: Any) -> list[Outcome]:
        given = list(bodies)
        assert len(given) < 100 or second_is_asked_for.wait(10)
        return ingest.ingest(db, store, given, *more, **named)

    fake.faults.append(watch)
    with connected(fake, db, config) as shop:
        importer.run(db, config, shop, "default", SINCE, slowly, lambda *_: None)
    assert db.orders.count_documents({}) == 110


def test_of_pages_brought_in_at_once_none_is_left_out_when_one_before_others_fails(
    fake: FakeShop, db: Db, config: Config
) -> None:
    for number in range(1, 351):
        fake.put_order(order(number))
    third_is_in = threading.Event()

    def failing(db: Db, store: Store, bodies: Iterable[bytes], *more: Any, **named: Any) -> list[Outcome]:
        given = list(bodies)
        first = json.loads(given[0])["data"]["id"] if given else 0
        if first == 101:
            assert third_is_in.wait(10)
            raise AutoReconnect("the database is away")
        outcomes = ingest.ingest(db, store, given, *more, **named)
        if first == 196:
            third_is_in.set()
        return outcomes

    with connected(fake, db, config) as shop, pytest.raises(AutoReconnect):
        importer.run(db, config, shop, "default", SINCE, failing, lambda *_: None, at_once=3)
    assert db.imports.find_one({"_id": "default"})["checkpoint"]["last_id"] == 100  # type: ignore[index]
    assert db.orders.count_documents({"order_id": {"$gt": 100, "$lte": 195}}) == 0
    resumed = run(fake, db, config)
    assert resumed.outcomes["orders"]["created"] >= 95
    assert resumed.outcomes["orders"]["duplicate"] >= 95
    assert db.orders.count_documents({}) == 350
    assert resumed.in_sync


def test_what_was_brought_in_is_compared_by_what_the_shop_lists_of_it(fake: FakeShop, db: Db, config: Config) -> None:
    """And whole where that is otherwise: here one was deleted, and one lost a refund, which no time of change shows."""
    for number in range(1, 6):
        fake.put_order(order(number))
    fake.put_order(order(6, refunds=[{"id": 60, "total": "-1.00"}]), [{"id": 60, "amount": "1.00", "line_items": []}])
    whole: list[str] = []

    def change(phase: str, done: int, total: int) -> None:
        if phase == "orders" and done == total == 6 and 2 in fake.orders:
            del fake.orders[2]
            fake.put_order(order(6))
            fake.faults.append(watch)

    def watch(request: Request) -> None:
        if "include" in request.args and "_fields" not in request.args:
            whole.append(request.args["include"])

    imported = run(fake, db, config, progress=change)
    assert whole == ["2,6"]
    assert imported.report is not None
    assert imported.report.compared == 6
    assert {each["order_id"]: each.get("repair") for each in imported.report.orders} == {2: "updated", 6: "updated"}
    assert db.orders.find_one({"_id": "default:6"})["refunds"] == []  # type: ignore[index]


def test_an_order_made_after_the_products_were_read_takes_its_units(fake: FakeShop, db: Db, config: Config) -> None:
    fake.products[1] = product(1, "A", 10)
    fake.put_order(order(1))
    created = (now() + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%S")

    def buy(phase: str, done: int, _: int) -> None:
        if (phase, done) == ("orders", 0) and 2 not in fake.orders:
            fake.put_order(order(2, quantity=3, date_created_gmt=created, date_modified_gmt=created))
            fake.products[1]["stock_quantity"] -= 3

    run(fake, db, config, progress=buy)
    assert stock(db) == {"A": 7}
    ledger = db.stock_movements.find().sort("seq", 1)
    assert [(each["reason"], each["quantity"]) for each in ledger] == [("opening", 10), ("opening", 0), ("order", -3)]


def test_an_order_dated_back_that_is_made_while_the_shop_is_read_takes_its_units(
    fake: FakeShop, db: Db, config: Config
) -> None:
    """And one that bears a date in the future, made before, does not: the shop's own order of creation decides."""
    fake.products[1] = product(1, "A", 10)
    fake.put_order(order(1, date_created_gmt=AHEAD))

    def enter_by_hand(phase: str, done: int, _: int) -> None:
        if (phase, done) == ("orders", 0):
            later = (now() + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%S")
            fake.put_order(order(2, quantity=3, date_created_gmt="2026-09-01T10:00:00", date_modified_gmt=later))
            fake.products[1]["stock_quantity"] = 7

    imported = run(fake, db, config, progress=enter_by_hand)
    assert stock(db) == {"A": 7}
    assert imported.in_sync


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [(("pending", 0), ("processing", 3), 7), (("processing", 3), ("cancelled", 0), 13)],
    ids=["paid", "cancelled"],
)
def test_an_order_that_changes_between_products_and_orders_leaves_the_shops_stock(
    fake: FakeShop, db: Db, config: Config, before: tuple[str, int], after: tuple[str, int], left: int
) -> None:
    """Its units are in the one reading and not in the other: the stock is set right at the end."""

    def put(status: str, units: int) -> None:
        fake.put_order(order(1, quantity=units, status=status))
        fake.orders[1]["line_items"][0]["quantity"] = 3
        if not units:
            fake.orders[1]["line_items"][0]["meta_data"] = []

    def change(phase: str, done: int, _: int) -> None:
        if (phase, done) == ("orders", 0):
            put(*after)
            fake.products[1]["stock_quantity"] = left

    fake.products[1] = product(1, "A", 10)
    put(*before)
    imported = run(fake, db, config, progress=change)
    assert stock(db) == {"A": left}
    assert imported.report is not None
    assert imported.report.in_sync


def test_the_first_import_is_when_a_store_goes_live(fake: FakeShop, db: Db, config: Config) -> None:
    started = now()
    run(fake, db, config)
    live = Stores(db, config).get("default").live_since
    assert live is not None
    assert started <= live <= now()
    run(fake, db, config)
    assert Stores(db, config).get("default").live_since == live


def test_a_store_live_before_keeps_its_date_and_missed_orders_since_take_their_units(
    fake: FakeShop, db: Db, config: Config
) -> None:
    settings.update_store(db, config, "default", live_since=datetime(2026, 9, 15, tzinfo=UTC))
    db.products.insert_one({"_id": "A", "sku": "A", "skus": ["A"], "stock": 0, "seq": 0, "name": "A", "price": None})
    fake.put_order(order(1, quantity=2, date_created_gmt="2026-09-01T10:00:00"))
    fake.put_order(order(2, quantity=3, date_created_gmt="2026-10-01T10:00:00"))
    run(fake, db, config)
    assert stock(db) == {"A": -3}


def test_orders_that_came_before_the_import_tell_when_the_store_went_live(
    fake: FakeShop, db: Db, config: Config
) -> None:
    body = json.dumps(order(1, date_created_gmt="2026-09-15T10:00:00"))
    deliver(db, config, {"headers": {"X-WC-Webhook-Topic": "order.created"}, "body": body})
    run(fake, db, config)
    assert Stores(db, config).get("default").live_since == datetime(2026, 9, 15, 10, tzinfo=UTC)


def test_an_error_among_the_orders_is_parked_and_the_rest_comes_over(fake: FakeShop, db: Db, config: Config) -> None:
    fake.put_order(order(1))
    fake.put_order(order(2, line_items="broken"))
    imported = run(fake, db, config)
    assert imported.outcomes["orders"] == {"created": 1, "parked": 1}
    assert "line_items" in str(db.inbox.find_one({"state": "parked"}))
    assert imported.not_imported == [
        {"what": "order 2", "cause": "The order is not valid. data.line_items: must be a list"}
    ]
    assert not imported.in_sync
    again = run(fake, db, config)
    assert [each["what"] for each in again.not_imported] == ["order 2"], "known, and still not here"
    fake.put_order(order(2))
    assert run(fake, db, config).in_sync


def test_an_order_whose_refunds_can_not_be_read_comes_over_and_is_named(fake: FakeShop, db: Db, config: Config) -> None:
    fake.put_order(order(1, refunds=[{"id": 70, "total": "-5.00"}]), [{"id": 70, "amount": "5.00", "line_items": []}])
    fake.faults.append(lambda request: html(403) if request.path.endswith("/refunds") else None)
    imported = run(fake, db, config)
    assert imported.outcomes["orders"] == {"created": 1}
    assert [each["what"] for each in imported.not_imported] == ["the refunds of order 1"]
    assert not imported.in_sync


def test_what_an_interrupted_import_could_not_bring_in_is_named_at_its_end(
    fake: FakeShop, db: Db, config: Config
) -> None:
    fake.products[1] = {**product(1, "A", 1), "sku": ["A"]}
    fake.put_order(order(1))
    down = html(503)
    fake.faults.append(lambda request: down if request.path.endswith("/customers") else None)
    with pytest.raises(ShopError):
        run(fake, db, config)
    fake.faults.clear()
    imported = run(fake, db, config)
    assert set(imported.outcomes) == {"customers", "orders"}
    assert [each["what"] for each in imported.not_imported] == ["product 1 (Product 1)"]


def test_memory_does_not_grow_with_the_shop(fake: FakeShop, db: Db, config: Config) -> None:
    peaks = []
    for count in (300, 1500):
        for number in range(1, count + 1):
            fake.put_order(order(number, sku=""))
        tracemalloc.start()
        run(fake, db, config, since=SINCE + timedelta(hours=count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("2d", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("30m", datetime(2026, 11, 22, 11, 30, tzinfo=UTC)),
        ("2024-01-01", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-01T10:00:00+02:00", datetime(2024, 1, 1, 8, tzinfo=UTC)),
    ],
)
def test_a_period_starts_at_a_date_or_so_long_ago(text: str, since: datetime) -> None:
    assert importer.parse_since(text, datetime(2026, 11, 22, 12, tzinfo=UTC)) == since


def test_a_day_that_has_not_begun_anywhere_is_refused() -> None:
    """An import since tomorrow took over nothing and said so to nobody."""
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with pytest.raises(ValueError, match="future"):
        importer.parse_since("2026-11-24", moment)
    assert importer.parse_since("2026-11-23", moment) == moment, "it is that day in the far east already"


@pytest.mark.parametrize("text", ["", "yesterday", "d", "-2d", "2x", "99999999d"])
def test_no_period_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|empty"):
        importer.parse_since(text, now())
