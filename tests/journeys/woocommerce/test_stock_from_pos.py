"""Stock that the POS changes in a real WooCommerce: who may, what becomes of each movement, and what follows."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

from tests.journeys.woocommerce.stock_shop import StockShop, item, signed, stock_shop
from tests.journeys.woocommerce.test_sent_orders import CATALOGUE, KEY, pytestmark

__all__ = ["pytestmark"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockShop]:
    """A shop with the POS's key."""
    with stock_shop(tmp_path_factory.mktemp("shop"), "order tables") as shop:
        yield shop


_LOCK = "SELECT * FROM wp_postmeta WHERE post_id = @id AND meta_key = '_stock' FOR UPDATE; SELECT SLEEP(300);"


def _refused(reply: requests.Response) -> tuple[int, str]:
    error = reply.json()
    assert error["data"]["status"] == reply.status_code
    return reply.status_code, error["code"]


def test_only_the_poss_signature_opens_the_routes(shop: StockShop) -> None:
    product = shop.make(5)
    body = json.dumps({"items": [item(product, -1)]}).encode()
    url = f"{shop.shop.url}/wp-json/pos-sync/v1"
    password = shop.shop.act("application_password")["password"]
    wrong = (401, "pos_sync_signature")
    for path in ("/stock", "/stock/movements"):
        assert _refused(requests.post(url + path, data=body, timeout=60)) == wrong
        assert _refused(requests.post(url + path, data=body, timeout=60, auth=("admin", password))) == wrong
        assert _refused(requests.post(url + path, data=body, headers=signed(b"{}"), timeout=60)) == wrong
        assert _refused(shop.post(body, path, key="another key")) == wrong
        assert _refused(shop.post(body, path, signature=None)) == wrong
        assert _refused(shop.post(b"{", path, key="another key")) == wrong
        assert requests.get(url + path, timeout=60).status_code == 404
    for seconds, age in ((-301, "older"), (310, "newer")):
        late = shop.post(body, timestamp=str(int(time.time()) + seconds))
        assert (_refused(late), age in late.json()["message"], "shop's time" in late.json()["message"]) == (
            wrong,
            True,
            True,
        )
    two = {**signed(body)}
    two["webhook-signature"] = f"v1,{'A' * 43}= {two['webhook-signature']}"
    shop.is_now(product, 5, "instock")
    assert requests.post(f"{url}/stock", data=body, headers=two, timeout=60).json()["items"][0]["outcome"] == "applied"
    shop.is_now(product, 4, "instock")


def test_a_shop_without_a_key_takes_no_stock_and_one_with_a_key_in_its_configuration_does(shop: StockShop) -> None:
    kept = shop.shop.act("stored_settings")["key"]
    shop.shop.act("options", pos_sync_api_key={})
    reply = shop.post({"items": []})
    assert (_refused(reply), "no API key" in reply.json()["message"]) == ((401, "pos_sync_signature"), True)
    shop.shop.act("constants", POS_SYNC_URL="http://127.0.0.1:9/api/webhooks/orders", POS_SYNC_API_KEY="from-file")
    assert shop.post({"items": []}, key="from-file").json()["items"] == []
    shop.shop.act("constants")
    shop.shop.act("options", pos_sync_api_key=kept)
    assert shop.post({"items": []}, key=KEY).ok


def test_no_items_are_a_check_and_odd_bodies_are_refused(shop: StockShop) -> None:
    assert shop.post({"store": "default", "items": []}).json().keys() == {"plugin", "items"}
    assert _refused(shop.post(b"{")) == (400, "pos_sync_body")
    assert _refused(shop.post({"items": "x"})) == (400, "pos_sync_body")
    assert _refused(shop.post({"items": [{}]})) == (400, "pos_sync_body")
    assert shop.post({"items": [item(1, 1)] * 101}).status_code == 413
    assert shop.post({"items": [item(1, 1, sku="x" * 300_000)]}).status_code == 413


def test_a_plugin_that_lets_no_request_through_is_named_by_its_own_error(shop: StockShop) -> None:
    shop.watch("""
        add_filter( 'rest_request_before_callbacks', function () {
            return new WP_Error( 'only_for_members', 'Sign in.', array( 'status' => 403 ) );
        }, 1 );""")
    reply = shop.post({"items": []})
    shop.shop.act("developer_plugin")
    assert _refused(reply) == (403, "only_for_members")


def test_each_movement_has_its_outcome_once_and_can_be_asked_for(shop: StockShop) -> None:
    counted, other = shop.make(10), shop.make(3)
    not_counted, trashed = shop.make(None, manage_stock=False), shop.make(4)
    shop.shop.act("change_product", id=trashed, delete="trash")
    batch = [
        item(counted, -3),
        item(not_counted, -1),
        item(999_999, -1),
        item(counted, 0.5),
        item(counted, "1"),
        item(counted, 2),
        item(trashed, -1),
        item(other, -1, variation_id=999_998),
    ]
    outcomes = [(each["outcome"], each.get("quantity")) for each in shop.send(*batch)]
    assert outcomes == [
        ("applied", 7),
        ("not_managed", None),
        ("unknown", None),
        ("refused", None),
        ("refused", None),
        ("applied", 9),
        ("applied", 3),
        ("unknown", None),
    ]
    again = [(each["outcome"], each.get("quantity")) for each in shop.send(*batch)]
    assert again == [
        ("already", 9) if each == "applied" and n != 6 else ("already", 3) if n == 6 else (each, None)
        for n, (each, _) in enumerate(outcomes)
    ]
    shop.is_now(counted, 9, "instock")
    assert shop.state(not_counted)["stock"] == [None]  # Nor was its stock switched on.
    ids = [each["movement"] for each in batch]
    known = {
        each["movement"]: each for each in shop.post({"movements": [*ids, "0"]}, "/stock/movements").json()["items"]
    }
    assert [known[each]["outcome"] for each in ids] == [each for each, _ in outcomes]
    assert known.keys() == set(ids)
    assert (known[ids[0]]["delta"], known[ids[0]]["quantity"], known[ids[0]]["at"][-1]) == (-3, 7, "Z")


@pytest.mark.parametrize("sku", ["Sku 42/ä", "𝔖𝔎𝔘 👕", "%s 50 %"])
def test_a_sku_and_a_reason_may_have_any_characters(sku: str, shop: StockShop) -> None:
    product = shop.make(5)
    shop.send(item(product, -1, sku=sku, reason=sku))
    shop.is_now(product, 4, "instock")


def test_the_first_decision_about_a_movement_stands(shop: StockShop) -> None:
    product = shop.make(None, manage_stock=False)
    sent = item(product, -1)
    assert shop.send(sent)[0]["outcome"] == "not_managed"
    shop.shop.act("set_product", id=product, manage_stock=True, stock_quantity=8)
    assert shop.send(sent)[0]["outcome"] == "not_managed"
    shop.is_now(product, 8, "instock")
    twice = item(product, -2)
    assert [each["outcome"] for each in shop.send(twice, twice)] == ["applied", "already"]
    shop.shop.act("options", woocommerce_manage_stock="no")
    assert shop.send(item(product, -1))[0]["outcome"] == "not_managed"
    shop.shop.act("options", woocommerce_manage_stock="yes")
    shop.is_now(product, 6, "instock")


def test_a_variation_has_its_own_stock_or_its_parents(shop: StockShop) -> None:
    hood, cap = shop.shop.products["Hoodie"], shop.shop.products["Cap"]
    own, shared = shop.shop.products["Hoodie S"], shop.shop.products["Cap Small"]
    answers = shop.send(
        item(hood, -10, variation_id=own), item(cap, -5, variation_id=shared), item(cap, 1), item(shared, -1)
    )
    assert [each.get("quantity") for each in answers] == [0, 20, 21, 20]
    shop.is_now(own, 0, "outofstock")
    shop.is_now(cap, 20, "instock")
    assert shop.state(shared)["status"] == "instock"
    shop.send(item(cap, -20, variation_id=shared))
    shop.is_now(cap, 0, "outofstock")
    assert shop.state(shared)["status"] == "outofstock"
    assert shop.send(item(hood, 4))[0]["outcome"] == "not_managed"
    assert CATALOGUE["variable"]["Hoodie"]["sizes"]["S"]["stock_quantity"] == 10


@pytest.mark.parametrize("backorders", ["no", "notify"])
def test_the_stock_status_follows(shop: StockShop, backorders: str) -> None:
    product = shop.make(2, backorders=backorders)
    gone = "outofstock" if backorders == "no" else "onbackorder"
    for delta, stock, status in ((-2, 0, gone), (-1, -1, gone), (1, 0, gone), (3, 3, "instock")):
        assert shop.send(item(product, delta))[0]["quantity"] == stock
        shop.is_now(product, stock, status)


def test_hooks_and_notices_come_as_after_an_order_and_once(shop: StockShop) -> None:
    product = shop.make(6, low_stock_amount=3)
    shop.watch("add_action( 'woocommerce_product_set_stock', function () { ob_start(); echo 'noise'; } );")
    first, second, third = item(product, -1), item(product, -2), item(product, -3)
    shop.send(first)
    assert shop.watched() == [
        f"woocommerce_product_before_set_stock {product}",
        f"woocommerce_updated_product_stock {product}",
        f"woocommerce_product_set_stock {product}",
    ]
    shop.send(second)
    noted = shop.watched()
    assert (noted[-2], noted[-1].startswith("mail ")) == (f"woocommerce_low_stock {product}", True)
    shop.send(third, third)
    noted = shop.watched()
    assert noted.count(f"woocommerce_no_stock {product}") == 1
    assert noted.count(f"woocommerce_product_set_stock_status {product}") == 1
    assert sum(each.startswith("mail ") for each in noted) == 1
    shop.send(first, second, third)
    assert shop.watched() == []
    shop.send(item(product, 2))  # Below the limit, but more.
    assert not [each for each in shop.watched() if each.startswith("mail ") or "low_stock" in each]
    shop.shop.act("developer_plugin")


def test_its_own_change_is_no_news_for_the_pos_but_another_plugins_is(shop: StockShop) -> None:
    quiet, renamed, other = shop.make(6), shop.make(6), shop.make(6)
    shop.shop.act("run_jobs")
    before = [shop.state(each)["changes"] for each in (quiet, renamed)]
    shop.send(item(quiet, -6), item(quiet, 1), item(renamed, -1))
    assert [shop.state(each)["changes"] for each in (quiet, renamed)] == before
    family = [shop.shop.products[each] for each in ("Hoodie", "Hoodie M", "Cap", "Cap Large")]
    unchanged = [shop.state(each)["changes"] for each in family]
    shop.send(item(family[0], -11, variation_id=family[1]), item(family[2], -1, variation_id=family[3]))
    assert [shop.state(each)["changes"] for each in family] == unchanged
    shop.shop.act("set_product", id=family[1], regular_price="333")
    assert [shop.state(each)["changes"] > n for each, n in zip(family, unchanged, strict=True)] == [
        True,
        True,
        False,
        False,
    ]
    shop.watch(f"""
        add_action( 'woocommerce_product_set_stock', function ( $product ) {{
            if ( {renamed} === $product->get_id() && 'New' !== $product->get_name() ) {{
                $product->set_name( 'New' );
                $product->save();
                $other = wc_get_product( {other} );
                wc_update_product_stock( $other, 2, 'decrease' );
            }}
        }} );""")
    shop.send(item(quiet, -1), item(renamed, -1))
    shop.shop.act("developer_plugin")
    assert shop.state(quiet)["changes"] == before[0]
    assert shop.state(renamed)["changes"] > before[1]
    shop.is_now(renamed, 4, "instock")
    shop.is_now(other, 4, "instock")


@pytest.mark.parametrize(
    "hook", ["woocommerce_product_before_set_stock", "woocommerce_updated_product_stock", "woocommerce_no_stock"]
)
def test_an_exception_of_another_plugin_costs_no_movement(shop: StockShop, hook: str) -> None:
    broken, fine = shop.make(1), shop.make(5)
    shop.watch(f"""
        add_action( '{hook}', function ( $about ) {{
            if ( {broken} === ( is_object( $about ) ? $about->get_id() : $about ) ) {{
                throw new Exception( 'It is broken.' );
            }}
        }}, 1 );""")
    bad, good = shop.send(item(broken, -1), item(fine, -1))
    shop.shop.act("developer_plugin")
    assert (bad["outcome"], bad["quantity"], "It is broken." in bad["message"]) == ("applied", 0, True)
    assert (good["outcome"], good["quantity"]) == ("applied", 4)
    if hook == "woocommerce_no_stock":
        shop.is_now(broken, 0, "outofstock")
    assert shop.state(broken)["stock"] == ["0"]


def test_a_plugin_that_redirects_how_stock_is_written_is_refused(shop: StockShop) -> None:
    product = shop.make(5)
    shop.watch("add_filter( 'woocommerce_update_product_stock_query', function () { return 'SELECT 2'; } );")
    answer = shop.send(item(product, -1))[0]
    shop.shop.act("developer_plugin")
    assert (answer["outcome"], "Another plugin" in answer["message"]) == ("refused", True)
    shop.is_now(product, 5, "instock")


def test_a_plugin_that_changes_stock_itself_while_it_is_changed_has_its_change_too(shop: StockShop) -> None:
    product, bundled = shop.make(9), shop.make(9)
    shop.watch(f"""
        add_action( 'woocommerce_product_before_set_stock', function ( $product ) {{
            static $once = 0;
            if ( {product} === $product->get_id() && ! $once++ ) {{
                wc_update_product_stock( {bundled}, 2, 'decrease' );
                wc_update_product_stock( {product}, 1, 'decrease' );
            }}
        }} );""")
    answer = shop.send(item(product, -3))[0]
    shop.shop.act("developer_plugin")
    assert (answer["outcome"], answer["quantity"]) == ("applied", 5)
    shop.is_now(product, 5, "instock")
    shop.is_now(bundled, 7, "instock")


def test_fractions_are_exact_where_the_shop_keeps_them(shop: StockShop) -> None:
    shop.watch("""
        add_action( 'init', function () {
            remove_filter( 'woocommerce_stock_amount', 'intval' );
            add_filter( 'woocommerce_stock_amount', 'floatval' );
        } );""")
    product = shop.make(1.1)
    for _ in range(3):
        shop.send(item(product, -0.1))
    assert shop.send(item(product, -1))[0]["quantity"] == -0.2
    assert shop.state(product)["stock"] == ["-0.2"]
    shop.send(item(product, 0.200001))
    assert shop.state(product)["stock"] == ["0.000001"]
    shop.shop.act("developer_plugin")


def test_odd_stock_in_the_database_counts_as_woocommerce_counts_it(shop: StockShop) -> None:
    missing, empty, double = shop.make(0), shop.make(0), shop.make(7)
    shop.sql("DELETE FROM wp_postmeta WHERE post_id = %d AND meta_key = '_stock'", missing)
    shop.sql("UPDATE wp_postmeta SET meta_value = '' WHERE post_id = %d AND meta_key = '_stock'", empty)
    shop.sql("INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES (%d, '_stock', '7')", double)
    answers = shop.send(item(missing, 3), item(empty, 3), item(double, -3))
    assert [each["quantity"] for each in answers] == [3, 3, 4]
    assert [shop.state(each)["stock"] for each in (missing, empty, double)] == [["3"], ["3"], ["4", "4"]]


def test_what_a_cache_holds_from_before_is_not_believed(shop: StockShop) -> None:
    product = shop.make(5)
    body = json.dumps({"items": [item(product, -1)]}).encode()
    done = shop.shop.act(
        "stock_request",
        headers=signed(body),
        body=body.decode(),
        stale=product,
        behind=1,
    )
    assert (done["data"]["items"][0]["quantity"], done["stock"]) == (0, 0)
    shop.is_now(product, 0, "outofstock")


def test_the_editor_still_sees_that_stock_changed_meanwhile(shop: StockShop) -> None:
    product = shop.make(10)
    shop.send(item(product, -2))
    said = shop.shop.act("save_editor", id=product, original=10, entered=20)["said"]
    assert len(said) == 1
    shop.is_now(product, 8, "instock")
    assert shop.shop.act("save_editor", id=product, original=8, entered=20)["said"] == []
    shop.is_now(product, 20, "instock")


def test_without_innodb_nothing_is_changed_and_the_command_is_named(shop: StockShop) -> None:
    product = shop.make(5)
    for table in ("wp_postmeta", "wp_pos_sync_stock"):
        shop.sql(f"ALTER TABLE {table} ENGINE=MyISAM")
        for items in ([], [item(product, -1)]):
            reply = shop.post({"items": items})
            assert _refused(reply) == (409, "pos_sync_tables")
            assert f"ALTER TABLE `{table}` ENGINE=InnoDB;" in reply.json()["message"]
        shop.sql(f"ALTER TABLE {table} ENGINE=InnoDB")
    shop.watch("""
        add_filter( 'woocommerce_data_stores', function ( $stores ) {
            if ( ! class_exists( 'Other_Store', false ) ) {
                class Other_Store extends WC_Product_Data_Store_CPT {
                    public function update_product_stock( $id, $quantity = null, $operation = 'set' ) {}
                }
            }
            return array( 'product' => 'Other_Store' ) + $stores;
        } );""")
    assert _refused(shop.post({"items": [item(product, -1)]})) == (409, "pos_sync_tables")
    shop.shop.act("developer_plugin")
    shop.is_now(product, 5, "instock")
    assert shop.send(item(product, -1))[0]["outcome"] == "applied"


def test_a_missing_table_is_made_again_and_odd_characters_cost_no_movement(shop: StockShop) -> None:
    product = shop.make(5)
    shop.sql("DROP TABLE wp_pos_sync_stock")
    assert _refused(shop.post({"items": []})) == (409, "pos_sync_tables")
    shop.sql("ALTER TABLE wp_pos_sync_stock CONVERT TO CHARACTER SET utf8mb3")
    shop.watch(
        "add_action( 'woocommerce_product_set_stock', function () { throw new Error( \"👕 a@b.se \\xff\" ); } );"
    )
    movement = item(product, -1, sku="T-SHIRT 👕", reason="👕")
    answer = shop.send(movement)[0]
    shop.shop.act("developer_plugin")
    assert (answer["outcome"], "👕 ***" in answer["message"]) == ("applied", True)
    row = shop.row(movement["movement"])
    assert (row["state"], row["sku"], "another plugin failed" in row["message"]) == ("done", "T-SHIRT ", True)


def test_a_copy_of_the_shop_takes_no_stock(shop: StockShop) -> None:
    home = shop.shop.act("options_of", names=["pos_sync_home"])["pos_sync_home"]
    shop.shop.act("options", pos_sync_home="http://shop.example"[::-1])
    assert _refused(shop.post({"items": []})) == (409, "pos_sync_copy")
    shop.shop.act("options", pos_sync_home=home or "")
    assert shop.post({"items": []}).ok


def test_a_product_that_is_locked_waits_in_order_and_the_rest_goes_on(shop: StockShop) -> None:
    locked, free = shop.make(5), shop.make(5)
    shop.sql("SET GLOBAL innodb_lock_wait_timeout = 1")
    sql = f"SET @id = {locked}; BEGIN;" + _LOCK
    database = ["mariadb", "--no-defaults", f"--socket={shop.shop.directory}/db/socket", "--user=root", "shop"]
    with subprocess.Popen(
        [*database, "--unbuffered", "-e", sql], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as holding:
        assert holding.stdout
        assert holding.stdout.readline()
        batch = [item(locked, -1), item(free, -1), item(locked, 4)]
        outcomes = [each["outcome"] for each in shop.send(*batch)]
        subprocess.run([*database, "-e", f"KILL CONNECTION {_sleeping(database)}"], check=True)
    shop.sql("SET GLOBAL innodb_lock_wait_timeout = 50")
    assert outcomes == ["retry", "applied", "retry"]
    assert [each["outcome"] for each in shop.until_done(*batch)] == ["applied", "already", "applied"]
    shop.is_now(locked, 8, "instock")


def _sleeping(database: list[str]) -> str:
    query = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"
    done = subprocess.run([*database, "-N", "-e", query], capture_output=True, text=True, check=True)
    return done.stdout.split()[0]


def test_orders_and_the_pos_change_one_stock(shop: StockShop) -> None:
    product = shop.make(10)
    shop.shop.act("sell", id=product, orders=2)
    assert shop.send(item(product, -3))[0]["quantity"] == 5
    shop.shop.act("sell", id=product, orders=1)
    shop.is_now(product, 4, "instock")
