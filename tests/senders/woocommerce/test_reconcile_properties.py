"""A comparison never says in sync when the POS and the shop differ, whatever drifted and whatever fails while the shop
is read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.woocommerce.credentials import Credentials
from pos_api.senders.woocommerce.rest.client import RestClient
from pos_api.senders.woocommerce.rest.reader import RestReader
from tests.fake_shop import KEY, SECRET, FakeShop, compare, error, html, order, product, serving
from tests.senders.woocommerce.test_importer import run as import_shop

REFUND = {"id": 0, "amount": "5.00", "reason": "", "line_items": [{"id": 1, "quantity": -1, "total": "-5.00"}]}

ORDER_DRIFT = ("none", "missing", "status", "total", "refund made", "refund deleted", "trashed", "deleted", "paid late")
PRODUCT_DRIFT = ("none", "missing", "stock", "price", "name", "sku", "trashed", "deleted")


@dataclass(frozen=True)
class Fault:
    """A fault of reading: where, of which kind, and from which request on it happens, for how many."""

    where: str
    kind: str
    first: int
    times: int


FAULTS = st.builds(
    Fault,
    where=st.sampled_from(
        (
            "orders",
            "orders/1",
            "orders/2",
            "orders/1/refunds",
            "orders/2/refunds",
            "products",
            "products/1",
            "products/3",
            "products/2/variations",
            "webhooks",
            "system_status",
        )
    ),
    kind=st.sampled_from(
        ["500", "403", "404", "page", "object", "empty", "error row", "null row", "no row", "half rows", "cut"]
    ),
    first=st.integers(0, 2),
    times=st.sampled_from([1, 2, 99]),
)
DRIFT = st.tuples(*[st.sampled_from(ORDER_DRIFT)] * 3), st.tuples(*[st.sampled_from(PRODUCT_DRIFT)] * 2)


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeShop]:
    with serving(FakeShop()) as shop:
        yield shop


def _before(fake: FakeShop) -> None:
    """The shop as it was when the POS was last the same."""
    fake.faults.clear()
    fake.tampering.clear()
    fake.orders.clear()
    fake.refunds.clear()
    fake.products = {1: product(1, "A", 10), 2: product(2, "", None, name="Hoodie", variations=[3])}
    size = [{"name": "Size", "option": "S"}]
    fake.variations = {2: [product(3, "H-S", 5, name="Hoodie - S", parent_id=2, attributes=size)]}
    for number in (1, 2, 3):
        refund = {**REFUND, "id": 70 + number}
        listed = [{"id": refund["id"], "reason": "", "total": "-5.00"}]
        fake.put_order(order(number, quantity=2, refunds=listed), [refund])


def _drift(fake: FakeShop, orders: tuple[str, ...], products: tuple[str, ...]) -> set[int]:
    """Change the shop so; returns the orders that are to be missing here."""
    missing = set()
    for number, kind in enumerate(orders, 1):
        here = fake.orders[number]
        if kind == "missing":
            missing.add(number)
        elif kind == "status":
            here |= {"status": "completed"}
        elif kind == "paid late":
            here |= {"status": "completed", "date_modified_gmt": "2026-10-02T10:00:00"}
        elif kind == "total":
            here |= {"total": "99.00"}
        elif kind == "refund made":
            here["refunds"].insert(0, {"id": 80 + number, "reason": "", "total": "-1.00"})
            fake.refunds[number].append({**REFUND, "id": 80 + number, "amount": "1.00"})
        elif kind == "refund deleted":
            here["refunds"], fake.refunds[number] = [], []
        elif kind == "trashed":
            here |= {"status": "trash"}
        elif kind == "deleted":
            del fake.orders[number]
    for row, kind in zip((fake.products[1], fake.variations[2][0]), products, strict=True):
        _drift_product(row, kind)
    if products[0] == "deleted":
        del fake.products[1]
    if products[1] in ("deleted", "trashed"):
        fake.products[2]["variations"] = []
    if products[1] == "deleted":
        fake.variations[2] = []
    return missing


def _drift_product(row: dict[str, Any], kind: str) -> None:
    if kind == "stock":
        row["stock_quantity"] += 3
    elif kind == "price":
        row["price"] = "12.50"
    elif kind == "name" and row["id"] == 1:
        row["name"] = "Big mug"
    elif kind == "name":
        row |= {"name": "Hoodie - Small", "attributes": [{"name": "Size", "option": "Small"}]}
    elif kind == "sku":
        row["sku"] += "-2"
    elif kind == "trashed":
        row["status"] = "trash"


def _tampering(fault: Fault) -> Any:
    seen = [0]

    def happens(path: str) -> bool:
        if path != fault.where:
            return False
        seen[0] += 1
        return fault.first < seen[0] <= fault.first + fault.times

    def fails(request: Any) -> Any:
        failures = {
            "500": html(500),
            "403": error(403, "woocommerce_rest_cannot_view"),
            "404": html(404),
            "page": html(),
        }
        path = request.path.removeprefix("/wp-json/wc/v3/")
        return failures[fault.kind] if fault.kind in failures and happens(path) else None

    def tampers(path: str, data: Any) -> Any:
        if fault.kind in ("500", "403", "404", "page") or not happens(path):
            return data
        return _tampered(fault.kind, data)

    return fails, tampers


def _tampered(kind: str, data: Any) -> Any:
    rows = list(data) if isinstance(data, list) else [data]
    wrong = {"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 403}}
    changed: Any = {
        "object": lambda: {"id": 12345},
        "empty": lambda: [] if isinstance(data, list) else {},
        "error row": lambda: [*rows[:-1], wrong] if isinstance(data, list) else wrong,
        "null row": lambda: [*rows[:-1], None] if isinstance(data, list) else None,
        "no row": lambda: rows[:-1] if isinstance(data, list) else data,
        "half rows": lambda: _halved(data),
        "cut": lambda: [_halved(row) for row in rows] if isinstance(data, list) else _halved(data),
    }
    return changed[kind]()


def _halved(data: Any) -> Any:
    """A row as a plugin cuts it: only what comes first."""
    if isinstance(data, dict):
        kept = ("id", "number", "name")
        return {name: value for name, value in data.items() if name in kept}
    return [_halved(row) for row in data]


def _differences(db: Db, fake: FakeShop) -> list[str]:
    """Where the POS is not as the shop, found without the code under test."""
    found = []
    stored = {each["order_id"]: each for each in db.orders.find({"deleted_at": {"$exists": False}})}
    there = {number: each for number, each in fake.orders.items() if each["status"] != "trash"}
    if stored.keys() != there.keys():
        found.append(f"orders {sorted(stored)} here, {sorted(there)} there")
    for number in stored.keys() & there.keys():
        ours, theirs = stored[number], there[number]
        if (ours["status"], str(ours["total"])) != (theirs["status"], theirs["total"]):
            found.append(f"order {number}")
        lines = {each["id"]: len(each.get("line_items", "?")) for each in ours["refunds"]}
        if lines != {each["id"]: len(each["line_items"]) for each in fake.refunds[number]}:
            found.append(f"refunds of {number}")
    rows = [*fake.products.values(), *(row for rows in fake.variations.values() for row in rows)]
    wanted = {f"default:{row['id']}": row for row in rows if row["sku"] and row.get("status") != "trash"}
    here = {key: each for each in db.products.find({"archived": {"$ne": True}}) for key in each["external_ids"]}
    if wanted.keys() != here.keys():
        found.append(f"products {sorted(here)} here, {sorted(wanted)} there")
    for key in wanted.keys() & here.keys():
        ours, theirs = here[key], wanted[key]
        names = ("sku", "name", "price")
        if [str(ours[name]) for name in names] != [str(theirs[name]) for name in names]:
            found.append(key)
        if ours["stock"] != theirs["stock_quantity"]:
            found.append("stock")
    return found


@contextmanager
def _drifted(fake: FakeShop, db: Db, config: Config, drift: Any) -> Iterator[RestReader]:
    for name in db.list_collection_names():
        db[name].delete_many({})
    _before(fake)
    missing = _drift(fake, *drift)
    now = copy.deepcopy((fake.orders, fake.refunds, fake.products, fake.variations))
    _before(fake)
    for number in missing:
        del fake.orders[number]
    for row, kind in ((fake.products, drift[1][0]), (fake.variations, drift[1][1])):
        if kind == "missing":
            row.clear()
    import_shop(fake, db, config)
    fake.orders, fake.refunds, fake.products, fake.variations = now
    with ExitStack() as stack:
        yield stack.enter_context(
            RestReader(
                RestClient(
                    Credentials(fake.url, KEY, SECRET, "oauth"), attempts=1, timeout=(1, 2), sleep=lambda _: None
                )
            )
        )


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(drift=st.tuples(*DRIFT), faults=st.lists(FAULTS, max_size=3), repair=st.booleans())
@example(
    drift=(("none", "refund made", "none"), ("none", "none")),
    faults=[Fault("orders/2/refunds", "403", 0, 99)],
    repair=True,
)
@example(drift=(("none", "status", "none"), ("none", "none")), faults=[Fault("orders/2", "403", 0, 99)], repair=True)
@example(drift=(("none", "status", "none"), ("none", "none")), faults=[Fault("orders", "cut", 0, 99)], repair=False)
@example(drift=(("none",) * 3, ("price", "none")), faults=[Fault("products", "cut", 0, 99)], repair=True)
@example(drift=(("none", "none", "missing"), ("none", "none")), faults=[Fault("orders", "no row", 0, 9)], repair=False)
@example(
    drift=(("none",) * 3, ("none", "stock")), faults=[Fault("products/2/variations", "empty", 0, 99)], repair=False
)
def test_it_never_says_in_sync_when_it_is_not(
    fake: FakeShop, db: Db, config: Config, drift: Any, faults: list[Fault], repair: bool
) -> None:
    with _drifted(fake, db, config, drift) as shop:
        for fault in faults:
            fails, tampers = _tampering(fault)
            fake.faults.append(fails)
            fake.tampering.append(tampers)
        report = compare(db, config, shop, repair=repair)
        if report.data_in_sync:
            assert _differences(db, fake) == []
        fake.faults.clear()
        fake.tampering.clear()
        repaired = compare(db, config, shop, repair=True)
        assert not repaired.unread
        assert repaired.problem is None
        assert [each for each in _differences(db, fake) if each != "stock"] == []
        assert repaired.data_in_sync == (not _differences(db, fake))
