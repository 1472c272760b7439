"""Orders are found by every filter, page after page, and always by an index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128

from pos_api.common.text_search import contact_words
from pos_api.common.time import day_or_moment
from pos_api.config import Config
from pos_api.customers.apply import record_buyers
from pos_api.customers.model import Buyer
from pos_api.database import reach
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, NotFound
from pos_api.orders import order_csv
from pos_api.orders import queries as order_list
from pos_api.orders.filtering import NEWEST_FIRST, Filter, query_by, query_of, ways_of
from tests.steps import processes

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def put(db: Db, order_id: int, store: str = "default", **fields: Any) -> str:
    """Store an order as the service does."""
    key = f"{store}:{order_id}"
    email = fields.pop("email", "anna@example.se")
    created_at = fields.get("created_at", NOON + timedelta(minutes=order_id))
    db.orders.insert_one(
        {
            "_id": key,
            "store": store,
            "order_id": order_id,
            "number": str(order_id),
            "rev": 3,
            "settled": 3,
            "status": "processing",
            "created_at": created_at,
            "day": created_at.date().isoformat(),
            "customer": email,
            "billing": {"email": email, "first_name": "Anna", "last_name": "Öberg", "phone": "070-123 45 67"},
            "line_items": [{"id": 1, "sku": "A", "quantity": 2}],
            "skus": ["A"],
            "search": contact_words(str(order_id), "Anna", "Öberg", email, telephone="070-123 45 67"),
            "status_history": [],
            "meta": [],
            "held": [],
            "order_key": "wc_order_secret",
            **fields,
        }
    )
    return key


def ids(db: Db, wanted: Filter, limit: int = 100) -> list[str]:
    return [order["id"] for order in order_list.find(db, wanted, limit)[0]]


def test_orders_come_newest_first_and_those_of_one_moment_by_id(db: Db) -> None:
    for order_id in (2, 1, 3):
        put(db, order_id, created_at=NOON)
    put(db, 4, created_at=NOON - timedelta(days=1))

    assert ids(db, Filter()) == ["default:3", "default:2", "default:1", "default:4"]


def test_pages_show_every_order_once_while_others_come_in(db: Db) -> None:
    expected = {put(db, n, created_at=NOON - timedelta(seconds=n // 4)) for n in range(1, 26)}
    seen: list[str] = []
    rows, after = order_list.find(db, Filter(), 4)
    while after:
        assert len(seen) < len(expected)
        seen += [order["id"] for order in rows]
        rows, after = order_list.find(db, Filter(), 4, after)
        put(db, 100 + len(seen), created_at=NOON + timedelta(hours=len(seen)))
    seen += [order["id"] for order in rows]

    assert len(seen) == len(set(seen))
    assert set(seen) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(status="completed"), ["default:2"]),
        (Filter(store="north"), ["north:3"]),
        (Filter(sku="B"), ["default:2"]),
        (Filter(customer=" Eva@Example.se "), ["north:3"]),
        (Filter(customer="17"), ["default:2"]),
        (Filter(customer="17", store="north"), []),
        (Filter(customer="default:#99"), ["default:4"]),
        (Filter(words="öberg anna"), ["default:4", "north:3", "default:2", "default:1"]),
        (Filter(words="#2"), ["default:2"]),
        (Filter(words="EVA@example.se"), ["north:3"]),
        (Filter(words="+46 (0)70-123 45 67"), []),
        (Filter(words="070 1234567"), ["default:4", "north:3", "default:2", "default:1"]),
        (Filter(words="an"), []),
        (Filter(words="—"), []),
        (Filter(words="$ne"), []),
        (Filter(deleted=True), ["default:5"]),
        (Filter(deleted=True, status="processing"), ["default:5"]),
        (Filter(status="completed", sku="B", words="anna", customer="jan@example.se"), ["default:2"]),
        (Filter(since=NOON + timedelta(minutes=3), until=NOON + timedelta(minutes=4)), ["default:4", "north:3"]),
    ],
    ids=str,
)
def test_filters_find_what_they_say_and_add_up(db: Db, wanted: Filter, expected: list[str]) -> None:
    put(db, 1)
    put(db, 2, status="completed", skus=["A", "B"], email="jan@example.se")
    put(db, 3, "north", email="eva@example.se")
    put(db, 4, customer="default:#99", email="")
    put(db, 5, deleted_at=NOON)
    db.orders.update_one({"_id": "default:4"}, {"$set": {"customer": "default:#99"}})
    record_buyers(db, [Buyer("jan@example.se", "default", "default:17", NOON, NOON, {"email": "jan@example.se"}, {})])

    assert ids(db, wanted) == expected


def test_days_are_the_shops_and_both_ends_are_included(db: Db) -> None:
    """An order of half past midnight in Kiritimati is of the day before in UTC; one of 23:30 on Baker Island, after."""
    put(db, 1, created_at=datetime(2026, 11, 20, 10, 30, tzinfo=UTC), day="2026-11-21")
    put(db, 2, created_at=datetime(2026, 11, 23, 11, 30, tzinfo=UTC), day="2026-11-22")
    put(db, 3, created_at=datetime(2026, 11, 20, 11, tzinfo=UTC), day="2026-11-20")
    put(db, 4, created_at=datetime(2026, 11, 23, 11, tzinfo=UTC), day="2026-11-23")

    assert ids(db, Filter(since=date(2026, 11, 21), until=date(2026, 11, 22))) == ["default:2", "default:1"]


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "20261122", "2026-11-22 25:00", "9999-12-31", "0001-01-01"]
)
def test_what_is_no_day_and_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a day"):
        day_or_moment(text)


def test_an_order_is_found_by_either_id_with_its_movements(db: Db) -> None:
    put(db, 7)
    db.stock_movements.insert_one({"sku": "A", "seq": 1, "n": 1, "order": "default:7", "quantity": -2, "at": NOON})

    order = order_list.get(db, "7")

    assert order == order_list.get(db, "default:7")
    assert [movement["quantity"] for movement in order["movements"]] == [-2]
    assert order["status_history"] == []
    assert not {"_id", "unpublished", "settled", "search", "skus", "changed_at", "order_key"} & order.keys()


@pytest.mark.parametrize("order", ["8", "default:8", "", "x", "-1", "9" * 30, "٣", "a:b:c"])
def test_an_unknown_order_is_not_found(db: Db, order: str) -> None:
    put(db, 7)
    with pytest.raises(NotFound):
        order_list.get(db, order)


def test_an_id_that_several_stores_have_names_the_candidates(db: Db) -> None:
    put(db, 7)
    put(db, 7, "north")
    with pytest.raises(Conflict) as conflict:
        order_list.get(db, "7")

    assert conflict.value.details == {"candidates": ["default:7", "north:7"]}
    assert order_list.get(db, "north:7")["store"] == "north"


# --- renamed products -------------------------------------------------------------------------------------------------


def have(db: Db, product: str, *skus: str) -> None:
    """A product of this `_id`, of which the last SKU is the current one."""
    db.products.insert_one({"_id": product, "sku": skus[-1], "skus": list(skus)})


def put_line(db: Db, order_id: int, sku: str, product: str | None, **fields: Any) -> None:
    line = {"id": 1, "sku": sku, "quantity": 2, **({"product": product} if product else {})}
    held = [{"sku": product, "quantity": 2}] if product else []
    put(db, order_id, line_items=[line], skus=sorted({sku, product or sku}), held=held, **fields)


def test_any_sku_of_a_product_finds_all_its_orders_and_no_other_products(db: Db) -> None:
    """R-1 was renamed to R-2, and another product is R-1 now; S and T were swapped."""
    have(db, "R-1", "R-0", "R-2")
    have(db, "R-1 (default:51)", "R-1")
    have(db, "S", "T")
    have(db, "T", "S")
    for number, (sku, product) in enumerate(
        [
            ("R-1", "R-1"),
            ("R-2", "R-1"),
            ("R-0", "R-1"),
            ("R-1", "R-1 (default:51)"),
            ("R-2", None),
            ("S", "S"),
            ("T", "S"),
            ("S", "T"),
            ("X", None),
            ("X", "R-1"),
        ],
        1,
    ):
        put_line(db, number, sku, product)
    found = {sku: ids(db, Filter(sku=sku)) for sku in ("R-2", "R-0", "R-1", "S", "T", "X", "R")}
    assert {sku: [int(each.removeprefix("default:")) for each in orders] for sku, orders in found.items()} == {
        "R-2": [10, 5, 3, 2, 1],
        "R-0": [10, 5, 3, 2, 1],
        "R-1": [4],
        "S": [8],
        "T": [7, 6],
        "X": [10, 9],
        "R": [],
    }


def test_an_order_is_shown_under_its_products_current_skus(db: Db) -> None:
    have(db, "OLD", "OLD", "NEW")
    put_line(db, 7, "OLD", "OLD", opening=["OLD"])
    db.stock_movements.insert_one({"sku": "OLD", "seq": 2, "n": 1, "order": "default:7", "quantity": -2, "at": NOON})
    order = order_list.get(db, "7")
    (listed,), _ = order_list.find(db, Filter(), 1)
    for shown in (order, listed):
        assert shown["line_items"] == [{"id": 1, "sku": "OLD", "quantity": 2, "product": "NEW"}]
        assert shown["held"] == [{"sku": "NEW", "quantity": 2}]
    assert [movement["sku"] for movement in order["movements"]] == order["opening"] == ["NEW"]


def test_a_page_costs_one_query_for_its_products_and_a_sku_one_more(config: Config, db: Db) -> None:
    have(db, "OLD", "OLD", "NEW")
    for number in range(1, 6):
        put_line(db, number, "OLD", "OLD")
    with processes(config, 1) as [process]:
        assert len(order_list.find(process.db, Filter(), 50)[0]) == 5
        assert process.steps.names == ["find", "find"]
        process.steps.go_on()
        assert len(order_list.find(process.db, Filter(sku="NEW"), 50)[0]) == 5
        assert process.steps.names == ["find", "find", "find"]


# --- cost -------------------------------------------------------------------------------------------------------------


def _stages(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if "stage" in plan:
            yield plan["stage"]
        for value in plan.values():
            yield from _stages(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _stages(value)


_FILTERS = [
    Filter(),
    Filter(status="completed"),
    Filter(store="default"),
    Filter(sku="B"),
    Filter(words="rare"),
    Filter(words="anna rare"),
    Filter(customer="jan@example.se"),
    Filter(deleted=True),
    Filter(since=date(2026, 11, 1), until=date(2026, 11, 30)),
    Filter(status="completed", store="default"),
    Filter(status="processing", sku="B"),
    Filter(sku="A", words="rare"),
    Filter(customer="jan@example.se", status="processing", words="anna"),
    Filter(store="default", sku="B", since=date(2026, 11, 1)),
]


def _explained(db: Db, wanted: Filter, deep: bool) -> Document:
    """How MongoDB finds the first page, or one that starts deep down."""
    query, listed = query_of(db, wanted), order_list._listed(db)
    after = (NOON + timedelta(minutes=390), "default:390") if deep else None
    way = reach.rarest(listed, ways_of(db, query), after)
    found = db.orders.find(reach.between(query_by(query, way), "created_at", after), listed.read)
    return found.sort(listed.order).hint(way.index).limit(10).explain()


@pytest.mark.parametrize("wanted", _FILTERS, ids=str)
@pytest.mark.parametrize("deep", [False, True], ids=["first page", "later page"])
def test_every_list_stays_on_an_index_that_has_its_order(db: Db, wanted: Filter, deep: bool) -> None:
    """400 orders, of which one in a hundred is what is looked for: what is read is what is shown, or little more."""
    for n in range(1, 401):
        rare = n % 100 == 0
        put(
            db,
            n,
            status="completed" if rare else "processing",
            skus=["A", "B"] if rare else ["A"],
            customer="jan@example.se" if rare else "anna@example.se",
            search=["anna", "rare"] if rare else ["anna"],
        )
    db.orders.update_many({"_id": {"$regex": "[0-9]01$"}}, {"$set": {"deleted_at": NOON}})
    explained = _explained(db, wanted, deep)

    stages = set(_stages(explained["queryPlanner"]["winningPlan"]))
    assert not stages & {"COLLSCAN", "SORT"}, stages
    assert explained["executionStats"]["totalDocsExamined"] <= 20
    assert explained["executionStats"]["totalKeysExamined"] <= 40


@pytest.mark.parametrize(
    ("wanted", "fits", "others"),
    [
        (
            Filter(status="completed", sku="A"),
            {"status": "completed", "skus": ["A"]},
            ({"status": "completed", "skus": ["B"]}, {"status": "pending", "skus": ["A"]}),
        ),
        (Filter(words="anna rare"), {"search": ["anna", "rare"]}, ({"search": ["anna"]}, {"search": ["rare"]})),
        (
            Filter(customer="jan@example.se", status="processing"),
            {"customer": "jan@example.se"},
            ({"customer": "jan@example.se", "status": "pending"}, {}),
        ),
    ],
    ids=str,
)
def test_a_page_with_several_filters_looks_at_a_number_of_orders_and_the_next_goes_on(
    db: Db, wanted: Filter, fits: Document, others: tuple[Document, Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "MOST_LOOKED_AT", 10)
    for n in range(1, 81):
        put(db, n, **(fits if n in (3, 40, 41) else others[n % 2]), created_at=NOON + timedelta(minutes=n // 3))
    found, last = order_list.find(db, wanted, 2)
    assert (found, last is None) == ([], False)
    pages = 1
    while last:
        rows, last = order_list.find(db, wanted, 2, last)
        found += rows
        pages += 1

    assert [each["order_id"] for each in found] == [41, 40, 3]
    assert pages < 10


def test_how_far_a_page_looks_is_known_from_indexes_alone(db: Db) -> None:
    for n in range(1, 41):
        put(db, n)
    wanted = Filter(words="anna öberg", status="processing", sku="A", customer="anna@example.se", store="default")
    ways = ways_of(db, query_of(db, wanted))
    assert len(ways) == 5
    after = (NOON + timedelta(minutes=30), "default:30")
    for way, start in ((way, start) for way in ways for start in (None, after)):
        query = reach.between(way.query, "created_at", start, exact=False)
        found = db.orders.find(query, {"created_at": 1}).sort(NEWEST_FIRST).hint(way.index).skip(9).limit(1)
        explained = found.explain()["executionStats"]
        assert explained["totalDocsExamined"] == 0, way
        assert explained["totalKeysExamined"] <= 12, way


def test_a_page_goes_on_where_more_orders_than_it_looks_at_are_of_one_moment(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "MOST_LOOKED_AT", 10)
    for n in range(100, 140):
        put(db, n, search=["anna"], status="failed" if n == 105 else "pending", created_at=NOON)
    wanted = Filter(words="anna", status="failed", store="default")
    found, last = order_list.find(db, wanted, 5)
    pages = 1
    while last:
        rows, last = order_list.find(db, wanted, 5, last)
        found, pages = found + rows, pages + 1
        assert pages < 10
    assert [each["order_id"] for each in found] == [105]


def test_what_begins_with_what_is_typed_is_found_on_the_first_page_where_few_do_else_page_by_page(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "MOST_LOOKED_AT", 10)
    for n in range(1, 81):
        words = [
            "anna",
            "karin" if n % 2 else "karlsson",
            *(["rarely"] if n == 2 else []),
            *(["öberg"] if n > 70 else []),
        ]
        put(db, n, search=words, status="failed" if n == 4 else "completed")
    for wanted, expected in (
        (Filter(typed="rar"), [2]),
        (Filter(typed="kar rar"), []),
        (Filter(typed="karlsson rar"), [2]),
        (Filter(typed="ka"), [*range(80, 0, -1)]),
        (Filter(typed="karlsson "), [*range(80, 0, -2)]),
        (Filter(typed="anna karl"), [*range(80, 0, -2)]),
        (Filter(typed="öb", status="completed"), [*range(80, 70, -1)]),
        (Filter(typed="karl", status="failed"), [4]),
        (Filter(typed="..."), []),
    ):
        found, last = order_list.find(db, wanted, 50)
        if wanted.typed in ("rar", "karlsson rar"):
            assert last is None, wanted
        while last:
            rows, last = order_list.find(db, wanted, 50, last)
            found += rows
        assert [each["order_id"] for each in found] == expected, wanted
        assert [each["order_id"] for each in order_list.stream(db, wanted, {})] == expected, wanted


def test_how_many_begin_with_what_is_typed_is_known_from_the_index_alone(db: Db) -> None:
    for n in range(1, 41):
        put(db, n, search=["a.b+c-d@example.se", "anna"])
    way = ways_of(db, query_of(db, Filter(typed="a.b+c-d@ex")))[0]
    after = (NOON + timedelta(minutes=30), "default:30")
    for query in (way.query, reach.between(way.query, "created_at", after, exact=False)):
        found = db.orders.find(query, {"created_at": 1}).sort(NEWEST_FIRST).hint(way.index).skip(9).limit(1)
        assert found.explain()["executionStats"]["totalDocsExamined"] == 0
        assert len(list(found)) == 1


@pytest.mark.parametrize("deep", [False, True], ids=["first page", "later page"])
def test_a_renamed_products_orders_stay_on_the_index(db: Db, deep: bool) -> None:
    have(db, "OLD", "OLD", "NEW", "NEWER")
    for n in range(1, 401):
        name = ["OLD", "NEW", "NEWER"][n % 3] if n % 10 == 0 else "A"
        put_line(db, n, name, "OLD" if name != "A" else "A")
    explained = _explained(db, Filter(sku="NEW"), deep)

    stages = set(_stages(explained["queryPlanner"]["winningPlan"]))
    assert not stages & {"COLLSCAN", "SORT"}, stages
    assert explained["executionStats"]["nReturned"] == 10
    assert explained["executionStats"]["totalDocsExamined"] <= 20
    assert explained["executionStats"]["totalKeysExamined"] <= 40


# --- CSV --------------------------------------------------------------------------------------------------------------


def csv_lines(db: Db) -> Iterator[str]:
    return order_csv.write(order_list.stream(db, Filter(), order_csv.READ), lambda _: "till", with_buyers=True)


def test_a_cell_is_never_a_formula_and_an_amount_stays_a_number(db: Db) -> None:
    put(
        db,
        1,
        number='=HYPERLINK("http://evil.example")',
        total=Decimal128("-5.00"),
        refunds=[{"amount": Decimal128("1.50")}, {"amount": Decimal128("1.00")}],
        line_items=[{"sku": "@sum", "quantity": 1.5}, {"sku": "", "name": "Gift, wrapped", "quantity": 1}],
    )

    header, row = "".join(csv_lines(db)).splitlines()

    assert header == ",".join(order_csv.COLUMNS)
    assert row == (
        'default:1,"\'=HYPERLINK(""http://evil.example"")",default,till,1,2026-11-22T12:01:00Z,2026-11-22,processing,,-5.00,'
        ',,,0.00,2.50,,anna@example.se,Anna,Öberg,,070-123 45 67,,"1.5 × @sum; 1 × Gift, wrapped"'
    )


def test_rows_are_read_as_they_are_written(db: Db) -> None:
    for n in range(1, 1_501):
        put(db, n)
    lines = csv_lines(db)

    assert next(lines).count("\n") < 200
    assert sum(chunk.count("\n") for chunk in lines) > 1_300
