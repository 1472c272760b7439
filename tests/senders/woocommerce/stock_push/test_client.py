"""Requests to the plugin are signed so that it accepts them, and each of its answers, or of whatever answers in its
place, means something defined."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook
from werkzeug.wrappers import Request, Response

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import NotFound
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.stock_push.client import StockClient, open_plugin
from pos_api.senders.woocommerce.stock_push.model import Item, ItemAnswer
from pos_api.stores.api_keys import signing_key
from tests.senders.woocommerce.stock_push.plugin_server import serving

KEYS = [signing_key("pos_new"), signing_key("pos_old")]
ITEMS = [Item("a1", 12, 34, "MUG-1", -1, "order"), Item("b2", 7, 0, "BRÖD", 0.5, "count")]
HTML = "<!DOCTYPE html><title>Just a moment…</title>"


class Plugin:
    """Answers with `status`, `headers` and `body`, and keeps the requests."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: Any = {"plugin": "1.1.0", "items": []}
        self.requests: list[Request] = []

    def answer(self, request: Request) -> Response:
        request.get_data()
        self.requests.append(request)
        body = self.body if isinstance(self.body, str | bytes) else json.dumps(self.body)
        return Response(body, self.status, {**self.headers})


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


@pytest.fixture
def client(plugin: Plugin) -> Iterator[StockClient]:
    with serving(plugin.answer) as url, StockClient("north", f"{url}/shop", KEYS, (2, 2)) as client:
        yield client


def test_a_request_is_signed_by_each_key_so_that_the_plugin_accepts_it_with_any(
    plugin: Plugin, client: StockClient
) -> None:
    assert client.check().version == "1.1.0"
    plugin.body = {"plugin": "1.1.0", "items": [{"movement": each.movement, "outcome": "applied"} for each in ITEMS]}
    client.send(ITEMS)
    checked, sent = plugin.requests
    assert json.loads(checked.data) == {"store": "north", "items": []}
    assert sent.path == "/shop/wp-json/pos-sync/v1/stock"
    assert sent.content_type == "application/json"
    assert "Authorization" not in sent.headers
    body = json.loads(sent.data)
    assert body["items"][0] == {
        "movement": "a1",
        "product_id": 12,
        "variation_id": 34,
        "sku": "MUG-1",
        "delta": -1,
        "reason": "order",
    }
    assert body["items"][1]["delta"] == 0.5
    for key in KEYS:
        Webhook(key).verify(sent.data, {name.lower(): value for name, value in sent.headers.items()})
    assert sent.headers["webhook-signature"].split()[0] == Webhook(KEYS[0]).sign(
        sent.headers["webhook-id"], _moment(sent), sent.get_data(as_text=True)
    ), "the newest key signs first"
    assert sent.headers["webhook-id"] != checked.headers["webhook-id"]


def _moment(request: Request) -> Any:
    return now().fromtimestamp(int(request.headers["webhook-timestamp"]), now().tzinfo)


def test_each_item_has_its_answer_whatever_else_the_answer_holds(plugin: Plugin, client: StockClient) -> None:
    plugin.body = {
        "plugin": "1.1.0",
        "items": [
            {"movement": "b2", "outcome": "refused", "message": "whole units\x00 only" + "!" * 1000},
            {"movement": "zz", "outcome": "applied"},
            *(None, 7, {}, {"movement": ["a1"], "outcome": "applied"}, {"movement": "a1", "outcome": "done"}),
            {"movement": "a1", "outcome": "applied", "quantity": 4.5},
        ],
    }
    first, second = client.send(ITEMS)
    assert first == ItemAnswer("a1", "applied", 4.5, "")
    assert (second.outcome, second.quantity, len(second.message)) == ("refused", None, 200)


@pytest.mark.parametrize("quantity", ["4", [], True, 10**12, -(10**400), {"a": 1}])
def test_a_quantity_that_is_none_changes_nothing_of_the_outcome(
    plugin: Plugin, client: StockClient, quantity: Any
) -> None:
    plugin.body = {"plugin": "1.1.0", "items": [{"movement": "a1", "outcome": "already", "quantity": quantity}]}
    assert client.send(ITEMS[:1]) == [ItemAnswer("a1", "already")]


def test_what_the_answer_does_not_say_or_says_in_two_ways_is_to_be_sent_again(
    plugin: Plugin, client: StockClient
) -> None:
    row = {"movement": "a1", "outcome": "applied", "quantity": 3}
    plugin.body = {"plugin": "1.1.0", "items": [row]}
    assert [each.outcome for each in client.send(ITEMS)] == ["applied", "retry"]
    two_ways = [{"movement": "b2", "outcome": "refused"}, {"movement": "b2", "outcome": "applied"}]
    plugin.body = {"plugin": "1.1.0", "items": [row, row, *two_ways]}
    assert [each.outcome for each in client.send(ITEMS)] == ["applied", "retry"]


SIGNATURE = {"code": "pos_sync_signature", "message": "The signature is older than five minutes."}
RAW = {"code": "pos_sync_tables", "message": "wp_postmeta is MyISAM.", "data": {"status": 409}}


@pytest.mark.parametrize(
    ("status", "headers", "body", "cause", "message"),
    [
        (401, {}, SIGNATURE, "signature", "older than five minutes. The API key in the plugin's settings must"),
        (409, {}, RAW, "tables", "wp_postmeta is MyISAM."),
        (409, {}, {"code": "pos_sync_copy", "message": "This is a copy."}, "copy", "This is a copy."),
        (400, {}, {"code": "pos_sync_body", "message": "No items."}, "refused_request", "No items."),
        (413, {}, {"code": "pos_sync_body"}, "refused_request", "pos_sync_body"),
        (404, {}, {"code": "rest_no_route", "message": "No route."}, "no_plugin", "not active there, or older than"),
        (401, {}, {"code": "rest_cannot_access", "message": "DRA"}, "blocked", "rest_cannot_access"),
        (403, {}, {"code": "rest_forbidden"}, "blocked", "allow it there"),
        (418, {}, {"code": "odd", "message": "tea"}, "refused_request", "HTTP 418 odd: tea"),
        (404, {}, HTML, "no_rest_api", "no WordPress with a REST API"),
        (403, {}, HTML, "firewall", "Something before WordPress"),
        (403, {}, {"error": 1}, "firewall", "no WordPress"),
        (200, {}, HTML, "not_json", "a page instead of JSON"),
        (200, {}, '{"plugin": "1.1.0", "it', "cut_off", "broke off"),
        (200, {}, {"id": 1}, "not_plugin", "a cache, a firewall or another plugin"),
        (200, {}, {"plugin": "1.1.0", "items": {}}, "not_plugin", "not one of the plugin"),
        (200, {}, {"plugin": "1.1.0", "items": []}, "not_plugin", "none of the items that were sent"),
        (201, {}, {"code": None}, "no_wordpress", "HTTP 201"),
        (301, {"Location": "https://www.shop.example/"}, "", "redirect", "to another address, and nothing is sent"),
        (307, {"Location": "/elsewhere"}, "", "redirect", "redirects"),
        (200, {}, b"[" * 3_000_000, "too_large", "larger than 2 MiB"),
        (503, {}, HTML, "server_error", "HTTP 503"),
    ],
)
def test_what_can_answer_in_the_plugins_place_is_an_error_in_plain_words(
    plugin: Plugin, client: StockClient, status: int, headers: dict[str, str], body: Any, cause: str, message: str
) -> None:
    plugin.status, plugin.headers, plugin.body = status, headers, body
    with pytest.raises(ShopError) as caught:
        client.send(ITEMS)
    assert caught.value.cause == cause
    assert message in caught.value.message


@pytest.mark.parametrize(("minutes", "direction"), [(7, "ahead of"), (-61, "behind")])
def test_clocks_that_are_too_far_apart_are_named(plugin: Plugin, minutes: int, direction: str) -> None:
    plugin.status, plugin.body = 401, SIGNATURE
    with (
        serving(plugin.answer, timedelta(minutes=minutes)) as url,
        StockClient("north", url, KEYS, (2, 2)) as client,
        pytest.raises(ShopError, match=f"clock is {abs(minutes)} minutes {direction} this machine's") as caught,
    ):
        client.send(ITEMS)
    assert caught.value.cause == "clock"


def test_how_long_a_busy_shop_wants_to_be_left_alone_is_known(plugin: Plugin, client: StockClient) -> None:
    plugin.status, plugin.headers = 429, {"Retry-After": "30"}
    with pytest.raises(ShopError) as caught:
        client.send(ITEMS)
    assert (caught.value.cause, caught.value.pause) == ("too_many_requests", 30.0)


def test_a_shop_that_is_not_there_is_an_error_in_plain_words() -> None:
    with StockClient("north", "http://127.0.0.1:1", KEYS, (1, 1)) as client, pytest.raises(ShopError) as caught:
        client.check()
    assert caught.value.cause == "refused"


def test_what_a_shop_has_noted_of_movements_is_read_by_the_thousand(plugin: Plugin, client: StockClient) -> None:
    row = {"movement": "m1", "outcome": "applied", "delta": -2, "quantity": 5, "at": "2026-11-28T20:00:00Z"}
    open_one = {"movement": "m1200", "outcome": None, "delta": "x", "at": "yesterday"}
    plugin.body = {"plugin": "1.1.0", "items": [row, open_one, {"movement": "zz"}, 7]}
    found = client.movements([f"m{number}" for number in range(1_500)])
    assert [len(json.loads(each.data)["movements"]) for each in plugin.requests] == [1_000, 500]
    assert [(each.movement, each.outcome, each.delta, each.quantity) for each in found] == [
        ("m1", "applied", -2, 5),
        ("m1200", "retry", None, None),
    ]
    assert found[0].at is not None
    assert found[0].at.hour == 20


def test_a_shop_is_sent_to_where_it_is_connected_and_an_api_key_can_sign(db: Db, config: Config) -> None:
    with pytest.raises(NotFound, match="not connected"):
        open_plugin(db, config, "north")
    db.stores.insert_one({"_id": "north", "name": "north", "rest": {"url": "http://shop.example"}, "keys": []})
    with pytest.raises(ShopError, match="Make a new one"):
        open_plugin(db, config, "north")
