"""The plugin in a real WordPress: its upgrade, where its key is kept, its e-mails, and what it does without the POS.

Needs WORDPRESS_DIR (WordPress 7.1 or so) and WOOCOMMERCE_DIR (a built WooCommerce), PHP and MariaDB.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import fresh_database
from tests.journeys.woocommerce import test_sent_orders as plugin_journey
from tests.journeys.woocommerce.test_privacy import sent
from tests.journeys.woocommerce.test_sent_orders import KEY, World, shop_that_is_live, start_service
from tests.service import Service

__all__ = ["start_service"]
pytestmark = plugin_journey.pytestmark


@pytest.fixture(scope="module")
def live(
    mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory, start_service: Callable[..., Service]
) -> Iterator[World]:
    """A shop that is live, with its orders in order tables (HPOS)."""
    folder, uri = tmp_path_factory.mktemp("shop"), fresh_database(mongodb_uri)
    with shop_that_is_live(folder, uri, start_service, {}) as world:
        yield world


def _mails(world: World) -> list[dict[str, Any]]:
    return list(world.shop.act("mails")["mails"])


def test_the_key_is_not_loaded_with_every_page(live: World) -> None:
    stored = live.shop.act("stored_settings", key=KEY)
    assert stored["autoloaded"] == []
    assert stored["key"] == {"key": KEY, "for": live.proxy.url.rsplit("/api", 1)[0]}
    assert "api_key" not in stored["settings"]


def test_saving_the_settings_keeps_the_key_apart(live: World) -> None:
    form = {"enabled": "1", "url": live.proxy.url, "api_key": "", "line": "", "log_level": "error"}
    saved = live.shop.act("save_settings", form=form)
    assert saved["key"]["key"] == KEY, "an empty field keeps it"
    assert saved["said"] == ["Settings saved. Connected to the store “default”."]
    saved = live.shop.act("save_settings", form={**form, "api_key": "another-key"})
    assert saved["key"]["key"] == "another-key"
    assert "another-key" not in str(saved["settings"])
    assert live.shop.act("save_settings", form={**form, "api_key": KEY})["key"]["key"] == KEY


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[::ffff:a9fe:a9fe]", "metadata.google.internal"])
def test_a_link_local_or_metadata_address_is_neither_saved_nor_asked(live: World, host: str) -> None:
    url = f"http://{host}/api/webhooks/orders"
    saved = live.shop.act("save_settings", form={"enabled": "1", "url": url, "api_key": "a-key"})
    assert "link-local or metadata address" in saved["said"][0]
    assert saved["settings"]["url"] == live.proxy.url
    assert saved["key"]["key"] == KEY, "the key for it is not kept for the saved address either"
    live.shop.act("setting", url=url)  # As one from before, or written into the database.
    order = live.order(("Oil", 1))
    live.shop.settle()
    assert "link-local or metadata address" in live.shop.cli("test")
    assert "link-local or metadata address" in live.shop.cli("send", str(order))
    assert live.shop.act("queue")["states"]["waiting"]["n"] == "1"
    live.shop.act("setting", url=live.proxy.url, api_key=KEY)
    live.shop.act("hasten")
    live.check()


def test_a_host_with_a_name_is_reached_at_the_address_that_was_checked(live: World) -> None:
    live.shop.act("setting", url=live.proxy.url.replace("127.0.0.1", "localhost"), api_key=KEY)
    assert "Success: Connected" in live.shop.cli("test")
    order = live.order(("Oil", 1))
    live.shop.act("pay", id=order)
    live.check()
    live.shop.act("setting", url=live.proxy.url, api_key=KEY)


def test_address_and_key_from_wp_config_are_used_and_nothing_is_stored(live: World) -> None:
    live.shop.act("setting", url="http://127.0.0.1:9/api/webhooks/orders", api_key="stored-key")
    try:
        live.shop.act("constants", POS_SYNC_API_KEY=KEY)
        assert "connection was refused" in live.shop.cli("test"), "the key alone counts for nothing"
        live.shop.act("constants", POS_SYNC_API_KEY=KEY, POS_SYNC_URL=live.proxy.url)
        assert "Success: Connected" in live.shop.cli("test")
        form = {"enabled": "1", "url": "http://127.0.0.1:9/", "api_key": "typed-key", "log_level": "error"}
        saved = live.shop.act("save_settings", form=form)
        assert saved["key"] is False, "none is stored"
        assert "-key" not in str(saved["settings"])
        order = live.order(("Oil", 1))
        live.shop.act("pay", id=order)
        live.check()
        assert KEY not in str(live.shop.act("tables"))
        live.shop.act("constants", POS_SYNC_API_KEY=KEY, POS_SYNC_URL="http://169.254.169.254/x")
        assert "link-local" in live.shop.cli("test")
    finally:
        live.shop.act("constants")
        live.shop.act("setting", url=live.proxy.url, api_key=KEY)
    live.check()


def test_a_noted_time_of_taking_stock_outlives_a_status_that_is_not_sent(live: World) -> None:
    """A bank transfer takes its stock on hold; where only later statuses are sent, the POS still gets that time."""
    live.shop.act("setting", statuses=["completed"])
    order = live.order(("Oil", 3), payment="bacs")
    live.shop.act("status", id=order, to="on-hold")
    live.shop.settle()
    assert live.database.orders.find_one({"_id": f"default:{order}"}) is None
    (row,) = [row for row in live.shop.act("queue")["rows"] if row["object_id"] == str(order)]
    noted = int(row["stock_taken_at"])
    assert noted > 0
    live.shop.act("maintain")
    live.shop.act("status", id=order, to="processing")
    live.shop.settle()
    assert live.database.orders.find_one({"_id": f"default:{order}"}) is None, "nor after a second change"
    live.shop.act("status", id=order, to="completed")
    live.shop.settle()
    (body,) = [each for each in sent(live, "order.created") if each["data"]["id"] == order]
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(noted // 1000))
    assert body["stock_taken_at"] == f"{stamp}.{noted % 1000:03d}Z"
    live.shop.act("setting", statuses=[])
    live.check()


def test_only_orders_and_products_of_the_shop_are_resent(live: World) -> None:
    order = live.order(("Oil", 2))
    live.shop.act("pay", id=order)
    refund = live.shop.act("refund", id=order, quantities=[1])["id"]
    live.check()
    for number in (refund, live.shop.products["Oil"], 999_999):
        assert f"{number}: no such order" in live.shop.cli("send", str(number))
    assert live.shop.act("queue")["rows"] == []
    assert f"{order}: sent" in live.shop.cli("send", str(order))


def test_a_backfill_on_the_command_line_ends_while_the_pos_is_away(live: World) -> None:
    live.shop.act("many_products", count=1300)
    live.proxy.set("refuse")
    begun = time.monotonic()
    said = live.shop.cli("backfill")
    assert time.monotonic() - begun < 60
    assert "Nothing arrives at the POS just now." in said
    assert "Success" in said
    assert int(live.shop.act("queue")["states"]["waiting"]["n"]) >= 1000
    live.shop.act("end_backfill")
    live.proxy.set("pass")
    live.shop.act("hasten")


def test_two_processes_that_look_at_once_write_one_e_mail(live: World) -> None:
    live.proxy.set("422")
    live.shop.act("setting", alerts=True)
    order = live.order(("Salad", 1))
    live.shop.act("setting", alerts=False)
    live.shop.act("run_jobs")
    live.shop.act("clear_mails")
    live.shop.act("setting", alerts=True)
    sent_before = len(_mails(live))
    live.shop.act("check_alarm", at_once=4)
    assert len(_mails(live)) == sent_before + 1
    live.proxy.set("pass")
    live.shop.act("resend_failed")
    live.shop.settle()
    assert order


@pytest.mark.parametrize(
    ("site", "user", "said"),
    [("sv_SE", "en_US", "kunde inte levereras"), ("en_US", "sv_SE", "could not be delivered")],
)
def test_e_mails_are_in_the_sites_language(live: World, site: str, user: str, said: str) -> None:
    live.proxy.set("422")
    live.order(("Salad", 1))
    live.shop.act("setting", alerts=False)
    live.shop.act("run_jobs")
    live.shop.act("language", locale="sv_SE")
    live.shop.act("language", locale=site)
    live.shop.act("clear_mails")
    live.shop.act("setting", alerts=True)
    before = len(_mails(live))
    try:
        request = live.shop.act("check_alarm", locale=user)
        assert request == {"locale": user, "sent": "Skickad" if user == "sv_SE" else "Sent"}, "it goes on in its own"
        assert len(_mails(live)) == before + 1
        assert said in _mails(live)[-1]["subject"] + _mails(live)[-1]["message"]
    finally:
        live.shop.act("language", locale="en_US")
        live.proxy.set("pass")
        live.shop.act("resend_failed")
        live.shop.settle()


def test_stock_that_the_shop_did_not_take_is_mailed_once_and_fails_the_status(live: World) -> None:
    refused = {"days": 2, "outcome": "refused", "message": "No reason that is known here."}
    live.shop.act("setting", alerts=True)
    before = len(_mails(live))
    try:
        live.shop.act("set_movements", movements=[{"days": 9, "outcome": "unknown"}, {"days": 1}])
        live.shop.act("clear_mails")
        live.shop.act("check_alarm")
        assert len(_mails(live)) == before, "what was long ago is nobody's matter any more"
        live.shop.act("set_movements", movements=[refused, {"days": 1}])
        live.shop.act("check_alarm")
        live.shop.act("check_alarm")
        assert len(_mails(live)) == before + 1
        assert "Stock from the POS could not be applied" in _mails(live)[-1]["subject"]
        assert "No reason that is known here." in _mails(live)[-1]["message"]
        assert "1 change of stock from the POS was not applied within 7 days" in live.shop.cli("status")
        aligned = {"days": 1, "reason": "shop_aligned"}
        live.shop.act(
            "set_movements", movements=[refused, {**aligned, "sku": "SKU-2"}, {**aligned, "outcome": "refused"}]
        )
        assert "2 changes of stock" in live.shop.cli("status"), "of another product, or not applied either"
        live.shop.act("set_movements", movements=[refused, aligned])
        assert "not applied within" not in live.shop.cli("status"), "both stocks are equal since"
        live.shop.act("set_movements", movements=[aligned, refused])
        assert "1 change of stock" in live.shop.cli("status"), "it was refused after that"
        unmanaged = {"days": 1, "outcome": "not_managed", "sku": "WRAP"}
        live.shop.act("set_movements", movements=[unmanaged, {"days": 1}])
        assert "not applied within" not in live.shop.cli("status"), "the shop never kept stock of it"
        live.shop.act("set_movements", movements=[{"days": 3, "sku": "WRAP"}, unmanaged])
        assert "1 change of stock" in live.shop.cli("status"), "it did until lately"
        live.shop.act("set_movements", movements=[{"days": 3, "sku": "WRAP"}, unmanaged, {"days": 1, "sku": "WRAP"}])
        assert "not applied within" not in live.shop.cli("status"), "it does again, and the POS has taken it over"
    finally:
        live.shop.act("set_movements", movements=[])


def test_movements_of_stock_are_deleted_400_days_after_they_were_done_or_30_after_they_only_came(live: World) -> None:
    came = {"state": "received", "outcome": "", "done_at": 0}
    kept = [{"days": 399}, {"days": 401, "state": "changed", "done_at": 0}, {"days": 0}, {**came, "days": 29}]
    live.shop.act("set_movements", movements=[{"days": 401}, *kept, {**came, "days": 31}])
    live.shop.act("maintain")
    try:
        assert live.shop.act("movements") == {"movements": ["m1", "m2", "m3", "m4"]}
    finally:
        live.shop.act("set_movements", movements=[])


def test_an_upgrade_keeps_every_row_and_moves_the_key(live: World) -> None:
    """From the tables and settings of schema 4, filled: a busy shop that skipped a version."""
    before = live.shop.act("make_schema_4", rows=100_000)
    begun = time.monotonic()
    live.shop.act("version")  # The first page with the new version.
    assert time.monotonic() - begun < 30
    after = live.shop.act("after_upgrade")
    assert after["totals"] == before
    assert after["schema"] == "8"
    assert {"stock_taken_at", "fingerprint", "refunds"} <= set(after["columns"])
    assert set(after["keys"]) == {"PRIMARY", "next_one", "claimed"}
    assert after["due"] == ["product", 1_000_015], "of two thirds that were sent, the first that waits"
    assert after["seconds"] < 0.1
    assert [row["key"] for row in after["plan"]] == ["next_one"]
    assert "filesort" not in after["plan"][0]["Extra"]
    assert [row["key"] for row in after["claimed"]] == ["claimed"]
    stored = live.shop.act("stored_settings", key=KEY)
    assert stored["key"]["key"] == KEY
    assert stored["autoloaded"] == []
