"""A shop's developer changes, holds back and watches what the plugin of a real WooCommerce sends.

Needs WORDPRESS_DIR (WordPress 7.1 or so) and WOOCOMMERCE_DIR (a built WooCommerce), PHP and MariaDB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import fresh_database
from tests.journeys.woocommerce import test_sent_orders as plugin_journey
from tests.journeys.woocommerce.test_sent_orders import ORDER_STORAGE, World, shop_that_is_live, start_service
from tests.paths import ROOT
from tests.service import Service

__all__ = ["start_service"]
pytestmark = plugin_journey.pytestmark

README = ROOT / "wp-plugin" / "woocommerce-pos-sync" / "readme.txt"
HOOKS = {
    "pos_sync_payload",
    "pos_sync_should_send",
    "pos_sync_delivered",
    "pos_sync_delivery_failed",
    "pos_sync_request_args",
    "pos_sync_send_at_once",
}
NOTES_HEADERS = """
add_action( 'http_api_debug', function ( $response, $context, $class, $args, $url ) {
    if ( false !== strpos( $url, 'webhooks' ) ) {
        update_option( 'test_headers', $args['headers'] );
    }
}, 10, 5 );
"""
FAILS = "".join(
    f"add_filter( '{hook}', function () {{ throw new TypeError( 'A fault in {hook}.' ); }} );\n"
    for hook in sorted(HOOKS)
)
CAN_NOT_BE_READ = """
add_filter( 'woocommerce_rest_prepare_shop_order_object', function () { throw new TypeError( 'A fault.' ); } );
"""
RETURNS_NONSENSE = """
add_filter( 'pos_sync_payload', function ( $data, $type ) { return 'order' === $type ? 'nonsense' : array(); }, 10, 2 );
add_filter( 'pos_sync_request_args', function ( $args ) {
    return array( 'headers' => array( 'x-api-key' => 'wrong' ), 'method' => 'GET', 'body' => '', 'blocking' => false );
} );
"""


@pytest.fixture(scope="module")
def live(
    mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory, start_service: Callable[..., Service]
) -> Iterator[World]:
    """A shop that is live."""
    folder, uri = tmp_path_factory.mktemp("shop"), fresh_database(mongodb_uri)
    with shop_that_is_live(folder, uri, start_service, next(iter(ORDER_STORAGE.values()))) as world:
        yield world


@pytest.fixture(autouse=True)
def _without_callbacks_afterwards(live: World) -> Iterator[None]:
    yield
    live.shop.act("developer_plugin")


def examples() -> str:
    """The code in the readme's section for developers."""
    section = README.read_text().split("== For developers ==")[1].split("== Changelog ==")[0]
    return "\n".join(line for line in section.splitlines() if line.startswith("\t"))


def sent(world: World, order: int) -> list[dict[str, Any]]:
    """What was sent of an order."""
    bodies = [json.loads(body) for body in world.proxy.passed_on]
    return [body for body in bodies if body["event"].startswith("order.") and body["data"]["id"] == order]


def test_each_hook_has_an_example_in_the_readme() -> None:
    assert set(re.findall(r"add_(?:filter|action)\( '(\w+)'", examples())) == HOOKS


def test_the_examples_of_the_readme_do_what_they_say(live: World) -> None:
    live.shop.act("developer_plugin", code=examples() + NOTES_HEADERS)
    order = live.order(("Oil", 2), address={"phone": "0701234567"})
    live.shop.act("status", id=order, to="processing")
    live.check()
    assert [body["data"]["billing"]["phone"] for body in sent(live, order)] == [""]
    notes = live.shop.act("rest", method="GET", path=f"/orders/{order}/notes", body={})["data"]
    assert sum(note["note"] == "The POS has this order." for note in notes) == 1
    headers = live.shop.act("options_of", names=["test_headers"])["test_headers"]
    assert headers["X-Branch"] == "malmo"
    assert headers["X-API-Key"]
    assert headers["webhook-signature"]
    live.proxy.set("422")
    refused = live.order(("Salad", 1))
    live.shop.act("run_jobs")
    mails = live.shop.act("mails")["mails"]
    assert [(mail["to"], mail["message"]) for mail in mails if f"refused order {refused}" in mail["subject"]] == [
        ("warehouse@example.com", "No.")
    ]
    live.proxy.set("pass")
    live.shop.act("resend_failed")
    live.check()


def test_an_order_that_is_held_back_is_sent_when_it_no_longer_is_and_never_when_it_is_deleted_before(
    live: World,
) -> None:
    live.shop.act("developer_plugin", code=examples())
    later = live.shop.order(("Oil", 1), meta={"_is_test": "yes"})
    never = live.shop.order(("Oil", 1), meta={"_is_test": "yes"})
    live.shop.act("run_jobs")
    for order in (later, never):
        live.shop.act("status", id=order, to="processing")
    live.shop.act("maintain")
    live.shop.act("trash", id=never, how="for good")
    live.shop.act("run_jobs")
    assert sent(live, later) == sent(live, never) == []
    assert live.database.orders.find_one({"_id": f"default:{later}"}) is None
    live.shop.act("set_meta", id=later, key="_is_test", value="no")
    live.shop.act("run_jobs")
    assert [body["event"] for body in sent(live, later)] == ["order.created"]
    assert sent(live, later)[0]["stock_taken_at"]
    live.shop.act("set_meta", id=later, key="_is_test", value="yes")
    live.shop.act("status", id=later, to="cancelled")
    live.shop.act("run_jobs")
    assert sent(live, later)[-1]["data"]["status"] == "cancelled", "what the POS has is kept up to date"
    assert sent(live, never) == []


def test_an_order_that_could_not_be_read_can_still_be_held_back(live: World) -> None:
    live.shop.act("developer_plugin", code=examples() + CAN_NOT_BE_READ)
    order = live.shop.order(("Oil", 1))
    queue = live.shop.act("run_jobs")
    assert [(row["object_id"], row["tries"]) for row in queue["rows"]] == [(str(order), "0")]
    live.shop.act("developer_plugin", code=examples())
    live.shop.act("set_meta", id=order, key="_is_test", value="yes")
    assert set(live.shop.act("run_jobs")["states"]) == {"sent"}
    assert sent(live, order) == []


@pytest.mark.parametrize(
    ("code", "fault"),
    [(FAILS, "failed (TypeError"), (RETURNS_NONSENSE, "returned no array")],
    ids=["fails", "returns nonsense"],
)
def test_a_callback_breaks_neither_the_checkout_nor_a_delivery(live: World, code: str, fault: str) -> None:
    live.shop.act("developer_plugin", code=code)
    order = live.shop.act("classic_checkout", product=live.shop.products["Book"], quantity=1)["id"]
    live.shop.act("run_jobs")
    assert [body["data"]["status"] for body in sent(live, order)] == ["processing"]
    deleted = live.shop.order(("Book", 1))
    live.shop.act("status", id=deleted, to="processing")
    live.shop.act("trash", id=deleted, how="for good")
    live.shop.act("run_jobs")
    assert sent(live, deleted)[-1]["event"] == "order.deleted"
    assert "Success" in live.shop.cli("test")
    log = live.shop.act("woocommerce_log")["log"]
    assert f"A callback of pos_sync_payload {fault}" in log
    assert "A callback of pos_sync_request_args" in log
    assert "journey-key" not in log
