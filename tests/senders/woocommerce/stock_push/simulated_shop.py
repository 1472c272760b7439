"""A shop with the plugin, as far as stock goes: it adds to its stock, applies each movement once, sells and takes back
itself; and everything fails that can fail on the way to it, in it and on the way back."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug.wrappers import Request, Response

from pos_api.common.quantity import Quantity, whole

STEPS = ("received", "changed", "done")


class Killed(Exception):
    """PHP is gone in the middle."""


@dataclass
class Faults:
    """What fails: `kill_at` is the step of an item, counted over the whole request, before which PHP is killed."""

    kill_at: int = 0
    lose_request: bool = False
    lose_answer: bool = False
    repeat: bool = False
    reply: tuple[int, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of that reply."""
    retry: frozenset[str] = frozenset()
    """SKUs of which every item is to be tried again."""


@dataclass
class SimulatedShop:
    """`stock` by `(product id, variation id)`: None where it is not managed. `applied` has each movement that changed
    the stock with its product, in that order; one that did so twice is there twice."""

    key: bytes
    stock: dict[tuple[int, int], Quantity | None]
    takes_fractions: bool = False
    faults: Faults = field(default_factory=Faults)
    table: dict[str, dict[str, Any]] = field(default_factory=dict)
    applied: list[tuple[str, tuple[int, int]]] = field(default_factory=list)
    requests: list[list[dict[str, Any]]] = field(default_factory=list)
    late: list[bytes] = field(default_factory=list)
    """Requests that the network has kept so far."""
    on_item: Callable[[str], object] = lambda movement: None
    """Called ahead of each item."""
    blocked: str = ""
    """A firewall in front of it lets no request through that has this SKU."""

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._steps = 0

    def answer(self, request: Request) -> Response:
        """The answer to a request; none where the network loses it."""
        body, faults = request.get_data(), self.faults
        try:
            Webhook(self.key).verify(body, {name.lower(): value for name, value in request.headers.items()})
        except WebhookVerificationError:
            return _error(401, "pos_sync_signature")
        if faults.lose_request:
            self.late.append(body)
            return _cut(request)
        if faults.reply:
            return Response(faults.reply[1], faults.reply[0], dict(faults.headers))
        if self.blocked and f'"sku":"{self.blocked}"'.encode() in body:
            return Response("<h1>Forbidden", 403)
        try:
            if faults.repeat:
                self.take(body)
            answers = self.take(body)
        except Killed:
            return _cut(request)
        if faults.lose_answer:
            return _cut(request)
        return Response(json.dumps({"plugin": "1.1.0", "items": answers}), content_type="application/json")

    def take(self, body: bytes) -> list[dict[str, Any]]:
        """What the plugin does with a request's body."""
        with self._lock:
            items = json.loads(body)["items"]
            self.requests.append(items)
            self._steps = 0
            waits: set[tuple[int, int]] = set()
            return [self._item(item, waits) for item in items]

    def _item(self, item: dict[str, Any], waits: set[tuple[int, int]]) -> dict[str, Any]:
        product, movement = (item["product_id"], item["variation_id"]), item["movement"]
        self.on_item(movement)
        known = self.table.get(movement)
        if (known is None or known["state"] == "received") and (product in waits or item["sku"] in self.faults.retry):
            waits.add(product)
            return {"movement": movement, "outcome": "retry", "message": "busy"}
        was_done = known is not None and known["state"] != "received"
        row = self._decided(item, product) if known is None else known
        if row["state"] == "received":
            self._step()
            self.table[movement] = row
            self._step()
            self._change(row, product, movement, item["delta"])
        if row["state"] == "changed":
            self._step()
            row["state"] = "done"
        outcome = "already" if was_done and row["outcome"] == "applied" else row["outcome"]
        stock = self.stock.get(product)
        return {"movement": movement, "outcome": outcome, **({} if stock is None else {"quantity": stock})}

    def _decided(self, item: dict[str, Any], product: tuple[int, int]) -> dict[str, Any]:
        """What becomes of a new movement. What changes no stock is noted at once: the first decision stands."""
        if (
            product in self.stock
            and self.stock[product] is not None
            and (self.takes_fractions or not item["delta"] % 1)
        ):
            return {"state": "received", "outcome": "applied"}
        managed = "refused" if self.stock.get(product) is not None else "not_managed"
        row = {"state": "changed", "outcome": managed if product in self.stock else "unknown"}
        self.table[item["movement"]] = row
        return row

    def _change(self, row: dict[str, Any], product: tuple[int, int], movement: str, delta: Quantity) -> None:
        """The stock and the row in one statement."""
        stock = self.stock[product]
        assert stock is not None
        self.stock[product] = whole(stock + delta)
        row["state"] = "changed"
        self.applied.append((movement, product))

    def _step(self) -> None:
        self._steps += 1
        if self._steps == self.faults.kill_at:
            raise Killed

    def sell(self, product: tuple[int, int], units: Quantity) -> None:
        """The shop's own order takes units, or with a negative number gives them back."""
        with self._lock:
            stock = self.stock[product]
            assert stock is not None
            self.stock[product] = whole(stock - units)

    def times_applied(self) -> dict[str, int]:
        """How often each movement changed the stock."""
        times: dict[str, int] = defaultdict(int)
        for movement, _ in self.applied:
            times[movement] += 1
        return dict(times)


def any_faults(chance: random.Random, skus: list[str]) -> Faults:
    """Mostly something that fails."""
    faults = Faults(retry=frozenset(each for each in skus if chance.random() < 0.1))
    match chance.randrange(8):
        case 0 | 1:
            faults.kill_at = chance.randint(1, 12)
        case 2:
            faults.lose_request = True
        case 3 | 4:
            faults.lose_answer = True
        case 5:
            faults.repeat = True
        case 6:
            faults.reply = chance.choice([(503, "<h1>busy"), (429, ""), (200, "<html>"), (404, "<html>"), (200, "{}")])
    return faults


def _cut(request: Request) -> Response:
    """The connection ends without an answer."""
    connection: socket.socket = request.environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    return Response()


def _error(status: int, code: str) -> Response:
    return Response(json.dumps({"code": code, "message": "No.", "data": {"status": status}}), status)
