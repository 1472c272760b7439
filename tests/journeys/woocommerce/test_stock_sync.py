"""One stock for two real WooCommerce shops and a counter: whatever is sold, given back, counted and edited in any of
them, and whatever is killed or cut off meanwhile, all have the same afterwards, and each unit is in the ledger.

Needs WORDPRESS_DIR (WordPress 7.1 or so) and WOOCOMMERCE_DIR (a built WooCommerce), PHP and MariaDB. STOCK_SYNC_ACTS
sets how many acts there are, STOCK_SYNC_SEED which.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson import ObjectId

from tests.conftest import fresh_database
from tests.journeys.woocommerce import test_sent_orders as plugin_journey
from tests.journeys.woocommerce.connected_shop import STORES, ConnectedShop
from tests.journeys.woocommerce.test_sent_orders import ORDER_STORAGE, Visitor
from tests.journeys.woocommerce.two_shops import Counter, World, two_shops

pytestmark = plugin_journey.pytestmark
ACTS = int(os.environ.get("STOCK_SYNC_ACTS", "60"))
SEED = int(os.environ.get("STOCK_SYNC_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


@pytest.fixture(scope="module", params=ORDER_STORAGE)
def world(
    request: pytest.FixtureRequest, mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Two shops around a POS with stock sync on, their orders in order tables (HPOS) or in posts."""
    folder = tmp_path_factory.mktemp("shops")
    with two_shops(folder, fresh_database(mongodb_uri), ORDER_STORAGE[request.param]) as world:
        world.switch_on(default="shop", shop_2="pos")
        yield world


# --- what has to be so after quiet ------------------------------------------------------------------------------


def assert_one_stock(world: World, orders: dict[str, list[int]] | None = None) -> None:
    """Shops and POS have the same stock, SKU by SKU; each ledger sums up to it, and each movement that a shop had to be
    sent was sent and applied there once."""
    world.quiet()
    ours = world.ours()
    for store in STORES:
        theirs = world.theirs(store, (orders or {}).get(store))
        different = {sku: (units, ours.get(sku)) for sku, units in theirs.items() if units != ours.get(sku)}
        assert not different, f"{store}, its stock and ours: {different}\n" + "\n".join(map(world.history, different))
    assert_ledgers_sum_up(world)
    for store, shop in world.shops.items():
        assert_sent_once(world, store, shop)
        assert shop.shown_wrongly() == [], store
    assert world.pos.done("verify").startswith("Stock is right")
    for store in STORES:
        compared = world.pos.cli("reconcile", store, "--since", "1d")
        assert "In sync." in compared.stdout, compared


def assert_ledgers_sum_up(world: World) -> None:
    """Each movement's balance is the one before and its quantity, and the last is the product's stock."""
    for product in world.db.products.find():
        balance = 0
        for number, row in enumerate(world.db.stock_movements.find({"sku": product["_id"]}).sort("seq", 1), 1):
            balance += row["quantity"]
            assert (row["seq"], row["balance"]) == (number, balance), world.history(product["_id"])
        assert balance == product["stock"], world.history(product["_id"])


def assert_sent_once(world: World, store: str, shop: ConnectedShop) -> None:
    """What had to be sent to a store has one outcome; what was applied there is in its plugin's table, once and as it
    is in the ledger, and nothing else is."""
    since = (world.db.stock_sync.find_one({"_id": store}) or {})["since"]
    applied: dict[str, Any] = {}
    for row in world.db.stock_movements.find():
        outcomes = [mark["outcome"] for mark in row.get("sent", []) if mark["store"] == store]
        units = row.get("store_quantity", row["quantity"])
        caused_here = row.get("order", "").startswith(f"{store}:")
        if caused_here or row["reason"] == "opening" or not units:
            assert outcomes == [], row
        elif row["reason"] not in ("reconcile", "shop_aligned") and row["at"] >= since:
            assert len(outcomes) == 1, row
        if outcomes == ["applied"]:
            applied[wire_id(row)] = units
    received = {row["movement"]: row["delta"] for row in shop.received() if row["outcome"] == "applied"}
    assert received == applied, store


def wire_id(movement: Any) -> str:
    """A movement's id as the shop gets it."""
    given = movement["_id"]
    if isinstance(given, ObjectId):
        return str(given)
    return "h" + hashlib.sha256(f"{movement['at'].isoformat()} {given}".encode()).hexdigest()[:40]


# --- random acts ------------------------------------------------------------------------------------------------


class ShopActs:
    """Customers and the owner of one shop."""

    def __init__(self, shop: ConnectedShop, seed: int) -> None:
        self._shop, self._chance = shop, random.Random(seed)
        self._open: dict[int, str] = {}
        self.orders: list[int] = []
        self._goods = [name for name in shop.products if name not in ("Hoodie", "Cap")]

    def act(self) -> None:
        """Do one thing."""
        acts: list[tuple[Callable[[], None], int]] = [(self._order, 40), (self._reprice, 12)]
        if self._open:
            acts += [(self._go_on, 40), (self._edit, 8)]
        chosen = self._chance.choices([each for each, _ in acts], [weight for _, weight in acts])[0]
        chosen()

    def _order(self) -> None:
        names = self._chance.sample(self._goods, self._chance.randint(1, 3))
        number = self._shop.order(*((name, self._chance.randint(1, 3)) for name in names))
        self.orders.append(number)
        self._open[number] = "pending"
        if self._chance.random() < 0.6:
            self._to(number, "processing")

    def _to(self, number: int, status: str) -> None:
        self._shop.act("status", id=number, to=status)
        self._open[number] = status
        if status == "cancelled" and self._chance.random() < 0.8:  # a few go on after all
            del self._open[number]

    def _go_on(self) -> None:
        number = self._chance.choice(sorted(self._open))
        status = self._open[number]
        if status in ("pending", "cancelled"):
            self._to(number, self._chance.choice(("processing", "on-hold", "completed", "cancelled")))
        elif self._chance.random() < 0.5:
            self._to(number, self._chance.choice(("completed", "cancelled", "processing")))
        elif self._chance.random() < 0.5:
            self._shop.act("refund", id=number, quantities="all", restock=True)
            del self._open[number]
        else:
            self._shop.act("refund", id=number, quantities=[1], restock=True)

    def _edit(self) -> None:
        number = self._chance.choice(sorted(self._open))
        self._shop.act("edit", id=number, add=[[self._shop.products[self._chance.choice(self._goods)], 1]])

    def _reprice(self) -> None:
        name = self._chance.choice(self._goods)
        self._shop.act("set_product", id=self._shop.products[name], regular_price=str(self._chance.randint(5, 500)))


class CounterActs:
    """The till, and staff who count and adjust."""

    def __init__(self, counter: Counter, skus: list[str], seed: int) -> None:
        self._counter, self._skus, self._chance = counter, skus, random.Random(seed)
        self._sold: list[int] = []

    def act(self) -> None:
        """Do one thing."""
        sku, what = self._chance.choice(self._skus), self._chance.random()
        if what < 0.55:
            skus = self._chance.sample(self._skus, self._chance.randint(1, 3))
            self._sold.append(self._counter.sell(*((each, self._chance.randint(1, 3)) for each in skus)))
        elif what < 0.7 and self._sold:
            self._counter.void(self._sold.pop(self._chance.randrange(len(self._sold))))
        elif what < 0.8:
            self._counter.count(sku, self._chance.randint(0, 60))
        else:
            self._counter.adjust(sku, self._chance.choice((-3, -2, -1, 1, 2, 5)))


class Troubles:
    """What is killed and cut off meanwhile."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._chance = world, random.Random(seed)
        self.names: list[str] = []

    def make_one(self) -> None:
        """One of them, over after at most three seconds."""
        shop = self._world.shops[self._chance.choice(STORES)]
        name = self._chance.choice(("PHP", "service", "worker", "shop cut", "shop cut", "shop refuses", "POS away"))
        self.names.append(name)
        if name == "PHP":
            shop.kill_server()
            self._wait(2)
            shop.start_server()
        elif name == "service":
            self._world.pos.kill()
            self._world.pos.start()
        elif name == "worker":
            self._world.pos.kill_worker()
            self._wait(2)
            self._world.pos.start_worker()
        else:
            relay = self._world.pos.relay if name == "POS away" else shop.relay
            relay.mode = "cut" if name == "shop cut" else "refuse"
            self._wait(3)
            relay.mode = "pass"

    def _wait(self, most: float) -> None:
        time.sleep(self._chance.uniform(0.1, most))


def run_acts(world: World, seed: int, number: int) -> dict[str, list[int]]:
    """Shops and counter at once, while things are killed and cut off; returns each shop's orders."""
    shops = {store: ShopActs(shop, seed + place) for place, (store, shop) in enumerate(world.shops.items())}
    counter = CounterActs(world.counter, [sku for sku in world.ours() if sku != "CANDLE"], seed + 10)
    troubles = Troubles(world, seed + 20)
    shares = [(each, number // 3) for each in (*shops.values(), counter)]

    def do(actor: Any, times: int) -> None:
        for _ in range(times):
            actor.act()

    pauses = random.Random(seed + 30)
    with ThreadPoolExecutor(len(shares)) as threads:
        working = [threads.submit(do, *share) for share in shares]
        while not all(each.done() for each in working):
            time.sleep(pauses.uniform(0.5, 5))
            troubles.make_one()
        for each in working:
            each.result()
    print(f"{number} acts, seed {seed}; meanwhile: {troubles.names}")
    return {store: each.orders for store, each in shops.items()}


def test_after_random_acts_at_shops_and_counter_all_have_one_stock(world: World) -> None:
    print(f"STOCK_SYNC_SEED={SEED} STOCK_SYNC_ACTS={ACTS}")
    orders = run_acts(world, SEED, ACTS)
    assert_one_stock(world, orders)


# --- at once ----------------------------------------------------------------------------------------------------


def test_fifty_checkouts_and_fifty_till_sales_at_once_take_a_hundred(world: World) -> None:
    world.quiet()
    shop, before = world.shops["default"], world.ours()["OIL"]
    oil = shop.products["Oil"]
    world.counter.count("OIL", 500)
    world.quiet()
    with ThreadPoolExecutor(8) as threads:
        bought = [threads.submit(_visitor(shop).checkout, oil) for _ in range(50)]
        sold = [threads.submit(world.counter.sell, ("OIL", 1)) for _ in range(50)]
        for each in (*bought, *sold):
            each.result()
    world.quiet()
    assert (world.ours()["OIL"], world.theirs("default")["OIL"], world.theirs("shop-2")["OIL"]) == (400, 400, 400)
    assert before
    assert_ledgers_sum_up(world)


def _visitor(shop: ConnectedShop) -> Visitor:
    class Place:
        pass

    place: Any = Place()
    place.shop = shop
    return Visitor(place)
