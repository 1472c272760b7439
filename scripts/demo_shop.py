"""A make-believe shop, a till and an ordering app: they send to a service of their own, which has one stock for all.

Goods are bought, sent, returned and orders cancelled, over a network that repeats and delays; the till sells and voids,
guests order from their tables. All count what they sold. On Ctrl-C, or after `--events`, that is compared with the POS:
exit status 0 where every SKU has the stock that is left.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

import requests
from dotenv import dotenv_values

from scripts.demo_senders import OrderingApp, Till
from tests.service import POS_API, environment, pos_api

HISTORY = 120
"""Orders of the last four weeks, so that there is something to look at from the start."""
PEOPLE = ("Anna Öberg", "Björn Lind", "Chloé Martin", "David Okafor", "Eva Novák", "Farid Amiri", "Greta Berg")
TAX = Decimal("0.25")

dice = random.Random()  # noqa: S311 - no secret


@dataclass(slots=True)
class Product:
    """What the shop sells, and what is left of it there; and what till and app have sold of it."""

    number: int
    sku: str
    name: str
    price: Decimal
    stock: int
    sold_elsewhere: int = 0


@dataclass(slots=True)
class Order:
    """An order as the shop has it; `reduced` is what it has taken of each line's product, by place."""

    number: int
    buyer: str
    created_at: datetime
    lines: list[tuple[Product, int]]
    reduced: list[int]
    status: str = "processing"
    sequence: int = 1
    refunds: list[dict[str, Any]] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        """As WooCommerce's REST API shows it, lines net of tax."""
        net = sum((product.price * quantity for product, quantity in self.lines), Decimal())
        tax = _tax(net)
        first_name, last_name = self.buyer.split()
        return {
            "id": self.number,
            "number": str(self.number),
            "status": self.status,
            "currency": "EUR",
            "date_created_gmt": _moment(self.created_at),
            "date_modified_gmt": _moment(self.created_at + timedelta(seconds=self.sequence - 1)),
            "total": str(net + tax),
            "total_tax": str(tax),
            "payment_method": "card",
            "payment_method_title": "Card",
            "billing": {"first_name": first_name, "last_name": last_name, "email": f"{first_name}@example.com"},
            "line_items": [self._line(place) for place in range(len(self.lines))],
            "tax_lines": [{"rate_id": 1, "label": "VAT", "rate_percent": 25, "tax_total": str(tax)}],
            "refunds": self.refunds,
        }

    def _line(self, place: int) -> dict[str, Any]:
        product, quantity = self.lines[place]
        total = product.price * quantity
        return {
            "id": place + 1,
            "name": product.name,
            "sku": product.sku,
            "product_id": product.number,
            "quantity": quantity,
            "total": str(total),
            "total_tax": str(_tax(total)),
            "meta_data": [{"key": "_reduced_stock", "value": str(self.reduced[place])}] if self.reduced[place] else [],
        }


def _tax(net: Decimal) -> Decimal:
    return (net * TAX).quantize(Decimal("0.01"))


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


class Network:
    """The way to the POS. Nothing is lost on it for good, as the plugin sends again, but that is all it promises."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/api/webhooks/orders"
        self._http = requests.Session()
        self._http.headers["X-API-Key"] = key
        self._late: list[dict[str, Any]] = []

    def send(self, envelope: dict[str, Any]) -> str:
        """Deliver it, now or later, once or twice; returns what became of it, in words."""
        fate = dice.random()
        if fate < 0.15 and len(self._late) < 5:
            self._late.append(envelope)
            return "is late: something newer may overtake it"
        outcome = self.deliver(envelope)
        if fate > 0.85:
            outcome += f", sent again: {self.deliver(envelope)}"
        return outcome

    def deliver(self, envelope: dict[str, Any]) -> str:
        """Deliver it now; returns its outcome."""
        answer = self._http.post(self._url, json=envelope, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["data"].get("outcome", "taken"))

    def late(self, *, all_of_them: bool = False) -> list[tuple[int, str]]:
        """Deliver what was late, if its time has come: order numbers and outcomes."""
        arrived = []
        while self._late and (all_of_them or dice.random() < 0.3):
            envelope = self._late.pop(dice.randrange(len(self._late)))
            arrived.append((envelope["data"]["id"], self.deliver(envelope)))
        return arrived


class Shop:
    """Products, orders, and the stock as the shop counts it."""

    def __init__(self) -> None:
        goods = (
            ("MUG-1", "Mug", "12.50"),
            ("MUG-1/BLÅ", "Mug, blue", "13.50"),
            ("TEE S", "T-shirt, small", "24.00"),
            ("TEE L", "T-shirt, large", "24.00"),
            ("BAG", "Cotton bag", "9.00"),
            ("CAP-40", "Cap", "19.00"),
        )
        self.products = [
            Product(number, sku, name, Decimal(price), 200) for number, (sku, name, price) in enumerate(goods, 1)
        ]
        self.orders: list[Order] = []
        self._last_number = 1000

    def old_order(self) -> Order:
        """One of the last weeks, whose units are missing from the stock already."""
        age = timedelta(minutes=dice.randrange(60, 4 * 7 * 24 * 60))
        order = self._order(datetime.now(UTC) - age)
        order.status = "completed"
        return order

    def happen(self) -> tuple[Order, str, str]:
        """The next thing that happens: the order it happens to, WooCommerce's event, and what it is in words."""
        open_orders = [order for order in self.orders if order.status == "processing"]
        what = dice.choice(("buy", "buy", "buy", "cancel", "return", "complete")) if open_orders else "buy"
        if what == "buy":
            return self._buy()
        order = dice.choice(open_orders)
        order.sequence += 1
        if what == "cancel":
            return self._cancel(order)
        if what == "return" and any(order.reduced):
            return self._return(order)
        order.status = "completed"
        return order, "order.updated", "is completed"

    def _buy(self) -> tuple[Order, str, str]:
        order = self._order(datetime.now(UTC))
        for place, (product, quantity) in enumerate(order.lines):
            product.stock -= quantity
            order.reduced[place] = quantity
        self.orders.append(order)
        goods = ", ".join(f"{quantity} × {product.name}" for product, quantity in order.lines)
        return order, "order.created", f"{order.buyer.split()[0]}: {goods}"

    def _cancel(self, order: Order) -> tuple[Order, str, str]:
        for place, (product, _) in enumerate(order.lines):
            product.stock += order.reduced[place]
            order.reduced[place] = 0
        order.status = "cancelled"
        return order, "order.cancelled", "is cancelled"

    def _return(self, order: Order) -> tuple[Order, str, str]:
        place = next(place for place, units in enumerate(order.reduced) if units)
        product = order.lines[place][0]
        product.stock += 1
        order.reduced[place] -= 1
        tax = _tax(product.price)
        line = {
            "quantity": -1,
            "total": str(-product.price),
            "total_tax": str(-tax),
            "meta_data": [{"key": "_refunded_item_id", "value": str(place + 1)}],
        }
        number = order.number * 10 + len(order.refunds)
        order.refunds.append({"id": number, "amount": str(product.price + tax), "line_items": [line]})
        return order, "order.updated", f"returns 1 × {product.name}"

    def _order(self, created_at: datetime) -> Order:
        self._last_number += 1
        chosen = dice.sample(self.products, dice.choice((1, 1, 2, 3)))
        lines = [(product, dice.choice((1, 1, 1, 2, 3))) for product in chosen]
        return Order(self._last_number, dice.choice(PEOPLE), created_at, lines, [0] * len(lines))


def _envelope(order: Order, event: str, **more: Any) -> dict[str, Any]:
    return {"event": event, "data": order.data(), "sequence": order.sequence, **more}


def _say(what: str, words: str, outcome: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S}  {what:<10}  {words:<55}  {outcome}", flush=True)


def _at_end(handler: Callable[[int, FrameType | None], object]) -> None:
    """Let the handler run at Ctrl-C, at SIGTERM, and at SIGHUP unless it is ignored, as under nohup."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, handler)


def sell(network: Network, shop: Shop, others: list[Till | OrderingApp], events: int | None, every: float) -> None:
    """Let things happen until Ctrl-C, or so many have; then what is late arrives."""
    stop = threading.Event()
    _at_end(lambda *_: stop.set())
    happened = 0
    while happened != events and not stop.wait(every):
        if dice.random() < 0.4:
            there = dice.choice(others).happen()
            _say(there.what, there.words, there.outcome)
        else:
            order, event, words = shop.happen()
            _say(f"order {order.number}", words, network.send(_envelope(order, event)))
        for number, outcome in network.late():
            _say(f"order {number}", "arrives late", outcome)
        happened += 1
    for number, outcome in network.late(all_of_them=True):
        _say(f"order {number}", "arrives late", outcome)


def differences(staff: requests.Session, url: str, shop: Shop) -> list[str]:
    """Where the POS says another stock than what is left."""
    answer = staff.get(f"{url}/api/products", timeout=30)
    answer.raise_for_status()
    stock = {product["sku"]: product["stock"] for product in answer.json()["data"]}
    return [
        f"{product.sku}: {product.stock - product.sold_elsewhere} are left, {stock.get(product.sku)} in the POS"
        for product in shop.products
        if stock.get(product.sku) != product.stock - product.sold_elsewhere
    ]


def _set_up(staff: requests.Session, network: Network, url: str, shop: Shop) -> None:
    for product in shop.products:
        said = {"sku": product.sku, "name": product.name, "price": str(product.price), "stock": product.stock}
        staff.post(f"{url}/api/products", json=said, timeout=30).raise_for_status()
    for order in (shop.old_order() for _ in range(HISTORY)):
        network.deliver(_envelope(order, "order.created", opening=True))


def _others(pos: Pos, shop: Shop) -> list[Till | OrderingApp]:
    """A till and an ordering app, each with a store of its own at the POS."""
    added = [
        json.loads(pos.run("store", "add", name, "--kind", kind, "--currency", "EUR", "--json"))
        for name, kind in (("till", "kaynko"), ("app", "karma"))
    ]
    return [Till(pos.url, added[0], shop.products), OrderingApp(pos.url, added[1], shop.products)]


def _link(staff: requests.Session, url: str, shop: Shop) -> None:
    """Link the app's items to the products that they are, once the service knows the app, after five seconds."""
    for product in shop.products:
        while not (answer := _link_one(staff, url, product)).ok:
            if answer.status_code != HTTPStatus.NOT_FOUND:
                answer.raise_for_status()
            time.sleep(0.2)


def _link_one(staff: requests.Session, url: str, product: Product) -> requests.Response:
    return staff.put(f"{url}/api/stores/app/items/{product.number}", json={"sku": product.sku}, timeout=30)


class Pos:
    """A service in a directory of its own, with its own database and keys."""

    def __init__(self, home: Path, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self._home = home
        self._port = port
        self.run("init")
        self.api_key = str(dotenv_values(home / ".env")["WEBHOOK_API_KEY"])

    def run(self, *arguments: str, said: str = "") -> str:
        """What a `pos-api` command prints."""
        done = pos_api(*arguments, cwd=self._home, stdin=said)
        done.check_returncode()
        return done.stdout.strip()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """While it serves. Ctrl-C is for the shop, which has a question to ask it afterwards, so it does not get it."""
        log = self._home / "log"
        with log.open("wb") as out:
            service = subprocess.Popen(
                [*POS_API, "serve"],
                cwd=self._home,
                env=environment(PORT=str(self._port)),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            while "Server running" not in log.read_text():
                if service.poll() is not None:
                    sys.exit(log.read_text().strip())
                time.sleep(0.1)
            yield
        finally:
            service.terminate()
            service.wait()


def play(home: Path, port: int, events: int | None, every: float) -> bool:
    """Run service and shop; returns whether they agree in the end."""
    pos, shop, password = Pos(home, port), Shop(), secrets.token_urlsafe(9)
    with pos.serving(), requests.Session() as staff:
        pos.run("user", "add", "demo", "--role", "admin", said=f"{password}\n")
        staff.headers["Authorization"] = f"Bearer {pos.run('token', 'demo', '--role', 'manager')}"
        network = Network(pos.url, pos.api_key)
        others = _others(pos, shop)
        _set_up(staff, network, pos.url, shop)
        _link(staff, pos.url, shop)
        print(f"Look around at {pos.url}: sign in as demo with the password {password}")
        print(f"{HISTORY} old orders are there. What happens from now on, and what became of it (Ctrl-C ends it):\n")
        sell(network, shop, others, events, every)
        wrong = differences(staff, pos.url, shop)
        print("\n" + ("\n".join(wrong) or f"The stock of all {len(shop.products)} SKUs is what is left."))
    return not wrong


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--port", type=int, default=8080, help="where the service listens (default: 8080)")
    parser.add_argument("--events", type=int, help="how many things happen (default: until Ctrl-C)")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between them (default: 2)")
    options = parser.parse_args()
    _at_end(signal.default_int_handler)
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="pos-demo-") as home:
        return 0 if play(Path(home), options.port, options.events, options.every) else 1
    return 130


if __name__ == "__main__":
    sys.exit(main())
