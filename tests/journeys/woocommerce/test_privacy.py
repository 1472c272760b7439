"""A person is erased in a real WordPress: the plugin keeps nothing of them, and the POS is asked to erase them too.

Needs WORDPRESS_DIR (WordPress 7.1 or so) and WOOCOMMERCE_DIR (a built WooCommerce), PHP and MariaDB.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from pos_api.figures import rollup
from tests.journeys.woocommerce import test_sent_orders as plugin_journey
from tests.journeys.woocommerce.test_sent_orders import World, live, start_service

__all__ = ["live", "start_service"]
pytestmark = plugin_journey.pytestmark

ANNA = "anna.erased@example.se"
SECRETS = (ANNA, "Erasmia", "Vergessen", "Glömskegatan", "0701234567")
ADDRESS = {
    "first_name": "Erasmia",
    "last_name": "Vergessen",
    "address_1": "Glömskegatan 3",
    "email": ANNA,
    "phone": "0701234567",
}
ERASED = "customer.erased"


def sent(world: World, topic: str) -> list[dict[str, Any]]:
    """The bodies of a topic that the plugin sent, in the order of their arrival; the POS removes what it erases."""
    bodies = [json.loads(body) for body in world.proxy.passed_on]
    return [body for body in bodies if body["event"] == topic]


def _kept_by_the_plugin(world: World) -> str:
    return json.dumps(world.shop.act("tables"), ensure_ascii=False)


def _kept_by_the_pos(world: World) -> dict[str, str]:
    """All that is in its database by collection, bodies of deliveries too."""
    names = world.database.list_collection_names()
    return {
        name: "\n".join(json.dumps(each, default=str, ensure_ascii=False) for each in world.database[name].find())
        for name in names
    }


def test_an_order_is_sent_without_what_the_pos_does_not_keep(live: World) -> None:
    order = live.order(("Oil", 1), meta={"_wc_order_attribution_user_agent": "Firefox", "gift": "yes"})
    live.shop.act("pay", id=order)
    live.check()
    data = next(each["data"] for each in sent(live, "order.created") if each["data"]["id"] == order)
    assert not {"customer_ip_address", "customer_user_agent", "order_key", "cart_hash", "payment_url"} & data.keys()
    keys = {meta["key"] for meta in data["meta_data"]}
    assert keys & {"gift", "_wc_order_attribution_user_agent"} == {"gift"}
    assert "wc_order_" not in json.dumps(data), "the key that opens the order's page is nowhere in it"


def test_personal_data_removed_from_an_order_are_sent_as_removed(live: World) -> None:
    order = live.order(("Oil", 1), address={"email": "other@example.se", "last_name": "Vergangen"})
    live.shop.act("pay", id=order)
    live.shop.settle()
    live.shop.act("anonymize", id=order)
    live.shop.settle()
    data = sent(live, "order.updated")[-1]["data"]
    assert data["id"] == order
    assert [meta["value"] for meta in data["meta_data"] if meta["key"] == "_anonymized"] == ["yes"]
    assert "Vergangen" not in json.dumps(data)
    live.orders.remove(order)


def test_an_export_says_which_orders_were_sent(live: World) -> None:
    order = live.order(("Salad", 1), address={"email": "export@example.se"})
    live.shop.act("pay", id=order)
    live.shop.settle()
    exported = live.shop.act("export_person", email="export@example.se")
    assert exported["done"] is True
    (item,) = exported["data"]
    facts = {each["name"]: each["value"] for each in item["data"]}
    assert facts["Order"] == f"Order #{order}"
    assert facts["POS"] == "Sent"
    assert "New order – Sent" in facts["Deliveries"]
    assert live.shop.act("export_person", email="nobody@example.se") == {"data": [], "done": True}
    live.orders.remove(order)


def test_the_privacy_guide_says_what_is_sent(live: World) -> None:
    text = live.shop.act("privacy_guide")["text"]
    assert "e-mail address and phone number" in text
    assert "the POS erases them too" in text


@pytest.mark.parametrize("orders", [True, False], ids=["with orders", "orders stay"])
def test_an_erasure_in_wordpress_is_carried_out_at_the_pos(live: World, orders: bool) -> None:
    """Also while the POS is away: it is kept, and sent when the POS is back, after the orders."""
    live.shop.act("options", woocommerce_erasure_request_removes_order_data="yes" if orders else "no")
    first = live.order(("Oil", 2), address=ADDRESS, note="Vergessen 0701234567")
    live.shop.act("pay", id=first)
    live.shop.settle()
    second = live.order(("Salad", 1), address={**ADDRESS, "email": ANNA.upper()})
    waiting = live.order(("Book", 1), address=ADDRESS)
    live.proxy.set("refuse")
    live.shop.act("pay", id=waiting)
    live.shop.settle()
    before = len(sent(live, ERASED))

    done = live.shop.act("erase_person", email=ANNA)
    assert done["erasers"][0] == "pos-sync-deliveries"
    assert done["erasers"][-1] == "pos-sync-pos"
    assert done["status"] == "request-completed"
    assert "The point of sale is asked to erase this customer, too." in done["messages"]
    live.shop.settle()
    assert len(sent(live, ERASED)) == before
    rows = [row for row in live.shop.act("tables")["queue"] if row["type"] == "erasure"]
    assert [json.loads(row["last_state"]) for row in rows] == [{"email": ANNA, "orders": orders}]
    exported = live.shop.act("export_person", email=ANNA)["data"]
    assert "erasure" in exported[-1]["item_id"], "the address is exported as long as it is kept"

    live.proxy.set("pass")
    live.shop.act("hasten")
    assert live.shop.settle()["rows"] == []
    assert len(sent(live, ERASED)) == before + 1
    kept = _kept_by_the_plugin(live)
    assert [secret for secret in SECRETS if secret in kept] == []
    assert "erasure" not in {row["type"] for row in live.shop.act("tables")["queue"]}
    texts = [row for row in live.shop.act("tables")["log"] if row["object_id"] == str(first)]
    assert texts[0]["request"] == "", "of the deliveries before it, nothing but the time is kept"
    if orders:
        last = [each for each in sent(live, "order.updated") if each["data"]["id"] == first][-1]
        assert "Vergessen" not in json.dumps(last, ensure_ascii=False), "nor in the note, which WooCommerce leaves"
        rollup.refresh(live.database)  # which the service does within some minutes
        at_pos = _kept_by_the_pos(live)
        assert {name: text for name, text in at_pos.items() if any(secret in text for secret in SECRETS)} == {}
    ids = {"order_id": {"$in": [first, second, waiting]}}
    assert live.database.orders.count_documents(ids) == 3, "the orders themselves stay"
    for order in (first, second, waiting):
        live.orders.remove(order)
