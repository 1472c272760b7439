"""A shop's REST API is read whole and politely, whatever it does meanwhile; what is wrong with it is said clearly."""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.wrappers import Request, Response

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.database.sealing import unseal
from pos_api.errors import Invalid, NotFound
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.credentials import Credentials
from pos_api.senders.woocommerce.diagnosis import diagnose
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.rest.client import RestClient
from pos_api.senders.woocommerce.rest.reader import RestReader
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.shop_reader import Page, Period, Place
from tests.fake_shop import KEY, SECRET, FakeShop, answer, error, html, serving


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def shop(fake: FakeShop, pauses: list[float]) -> Iterator[RestReader]:
    credentials = Credentials(fake.url, KEY, SECRET, "oauth")
    with RestReader(RestClient(credentials, timeout=(1, 0.5), sleep=pauses.append)) as opened:
        yield opened


def order(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "status": "processing",
        "date_created_gmt": "2026-11-01T10:00:00",
        "date_modified_gmt": "2026-11-01T10:00:00",
        "refunds": [],
        **more,
    }


def fill(fake: FakeShop, count: int) -> None:
    for number in range(1, count + 1):
        fake.put_order(order(number))


def ids(pages: Iterator[Page]) -> list[int]:
    return [row["id"] for page in pages for row in page.rows]


# --- everything is read, once -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 195, 196, 250])
def test_every_row_is_read_once_whatever_the_pages(fake: FakeShop, shop: RestReader, count: int) -> None:
    fill(fake, count)
    assert ids(shop.orders()) == list(range(1, count + 1))


def test_filters_reach_the_shop_and_signatures_hold_with_them(fake: FakeShop, shop: RestReader) -> None:
    fill(fake, 3)
    fake.orders[2]["date_modified_gmt"] = "2026-11-02T10:00:00"
    assert ids(shop.orders_changed_since(datetime(2026, 11, 1, 12, tzinfo=UTC))) == [2]
    assert list(shop.listed_orders([1, 3])) == [1, 3]
    fake.orders[1]["date_created_gmt"] = "2026-11-01T12:00:00"
    fake.orders[2]["date_created_gmt"] = "2026-11-01T12:00:01"
    start = datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert ids(shop.orders(made=Period(start))) == [1, 2], "a period contains its start"
    assert ids(shop.orders(made=Period(start, start + timedelta(seconds=1)))) == [1], "and not its end"
    assert shop.count("orders", Period(start)) == 2


def test_rows_deleted_while_reading_hide_none_of_those_after_them(fake: FakeShop, shop: RestReader) -> None:
    fill(fake, 400)
    seen: list[int] = []
    for position, page in enumerate(shop.orders()):
        seen += [row["id"] for row in page.rows]
        for number in range(1 + 40 * position, 31 + 40 * position):
            fake.orders.pop(number, None)
    assert len(seen) == len(set(seen))
    assert set(fake.orders) <= set(seen)


def test_rows_created_while_reading_come_last(fake: FakeShop, shop: RestReader) -> None:
    fill(fake, 150)
    pages = shop.orders()
    seen = [row["id"] for row in next(pages).rows]
    fake.put_order(order(151))
    seen += [row["id"] for page in pages for row in page.rows]
    assert seen == list(range(1, 152))


def test_a_reading_goes_on_where_it_was(fake: FakeShop, shop: RestReader) -> None:
    fill(fake, 250)
    place = next(shop.orders()).after
    assert place.last_id == 100
    assert [row["id"] for page in shop.orders(place) for row in page.rows] == list(range(101, 251))


@pytest.mark.parametrize("ignored", [(), ("total",)])
@pytest.mark.parametrize("most", [2, 7, 10, 99])
@pytest.mark.parametrize("count", [3, 10, 53])
def test_a_shop_that_gives_fewer_at_once_than_asked_for_is_read_whole(
    fake: FakeShop, shop: RestReader, count: int, most: int, ignored: tuple[str, ...]
) -> None:
    fill(fake, count)
    fake.most_at_a_time, fake.ignored = most, ignored
    pages = list(shop.orders())
    assert [row["id"] for page in pages for row in page.rows] == list(range(1, count + 1))
    assert not [unread for page in pages for unread in page.unread]


@pytest.mark.parametrize("ignored", [("offset",), ("offset", "total")])
@pytest.mark.parametrize("most", [10, 1000])
def test_a_shop_that_gives_the_same_page_over_again_is_said_not_half_read(
    fake: FakeShop, shop: RestReader, most: int, ignored: tuple[str, ...]
) -> None:
    fill(fake, 150)
    fake.most_at_a_time, fake.ignored = most, ignored
    with pytest.raises(ShopError) as raised:
        ids(shop.orders())
    assert raised.value.cause == "repeats"


def test_what_a_shop_withholds_is_said_also_where_it_gives_fewer_at_once(fake: FakeShop, shop: RestReader) -> None:
    fill(fake, 30)
    fake.most_at_a_time = 10
    fake.tampering.append(lambda path, rows: [row for row in rows if row["id"] != 15] if path == "orders" else rows)
    pages = list(shop.orders())
    assert [row["id"] for page in pages for row in page.rows] == [each for each in range(1, 31) if each != 15]
    assert [unread.count for page in pages for unread in page.unread]


def test_no_cache_may_answer_for_the_shop(fake: FakeShop, shop: RestReader) -> None:
    ids(shop.orders())
    assert [headers["Cache-Control"] for headers in fake.headers] == ["no-cache"]


def test_orders_come_with_the_lines_of_their_refunds(fake: FakeShop, shop: RestReader) -> None:
    lines = [{"id": 7, "line_items": [{"quantity": -1}]}]
    fake.put_order(order(1, refunds=[{"id": 7, "total": "-5.00"}]), lines)
    (page,) = shop.orders()
    assert page.rows[0]["refunds"] == lines


def test_an_order_deleted_before_its_refunds_are_read_stays_as_it_is(fake: FakeShop, shop: RestReader) -> None:
    gone = order(1, refunds=[{"id": 7, "total": "-5.00"}])
    rows, unread = shop.with_refund_lines([gone])
    assert rows == [gone]
    assert [each.what for each in unread] == ["the refunds of order 1"]


def test_variations_follow_their_product_under_its_name(fake: FakeShop, shop: RestReader) -> None:
    fake.products[17] = {"id": 17, "name": "Hoodie", "type": "variable", "variations": [18]}
    fake.variations[17] = [{"id": 18, "name": "S", "attributes": [{"option": "S"}]}]
    (page,) = shop.products()
    assert [(row["id"], row["name"], row.get("parent_id")) for row in page.rows] == [
        (17, "Hoodie", None),
        (18, "Hoodie - S", 17),
    ]


def test_only_what_woocommerce_says_is_gone_is_gone(fake: FakeShop, shop: RestReader) -> None:
    assert shop.order(5) == (None, None)
    fake.fail(1, html(404))
    order, unread = shop.order(5)
    assert order is None
    assert unread is not None
    assert "no WordPress" in unread.cause


# --- faults -------------------------------------------------------------------------------------------------------


def test_two_requests_at_a_time_are_the_most(fake: FakeShop, shop: RestReader) -> None:
    for number in range(1, 21):
        fake.put_order(order(number, refunds=[{"id": number}]), [{"id": number, "line_items": []}])

    def takes_a_moment(_: Request) -> None:
        threading.Event().wait(0.02)

    fake.faults.append(takes_a_moment)
    assert len(ids(shop.orders())) == 20
    assert fake.most_at_once == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_shop_is_asked_again_later(fake: FakeShop, shop: RestReader, pauses: list[float], status: int) -> None:
    fill(fake, 3)
    fake.fail(3, html(status))
    assert ids(shop.orders()) == [1, 2, 3]
    assert [round(pause / 2**n) for n, pause in enumerate(pauses)] == [1, 1, 1]
    assert sorted(pauses) == pauses


def test_retry_after_is_obeyed(fake: FakeShop, shop: RestReader, pauses: list[float]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    fake.fail(1, Response("", 429, {"Retry-After": "30"}))
    fake.fail(2, Response("", 503, {"Retry-After": later}))
    shop.client.get("orders")
    assert 30 <= pauses[0] <= 45
    assert 55 <= pauses[1] <= 90


def test_a_shop_that_wants_hours_of_rest_is_left_alone(fake: FakeShop, shop: RestReader, pauses: list[float]) -> None:
    fake.fail(9, Response("", 429, {"Retry-After": "7200"}))
    with pytest.raises(ShopError, match="fewer requests"):
        shop.client.get("orders")
    assert pauses == []


@pytest.mark.parametrize(
    "fault",
    [html(), Response('[{"id":1,"status":"pro', 200, content_type="application/json")],
    ids=["html", "half-a-page"],
)
def test_what_is_no_json_is_asked_for_again(fake: FakeShop, shop: RestReader, fault: Response) -> None:
    fill(fake, 3)
    fake.fail(2, fault)
    assert ids(shop.orders()) == [1, 2, 3]


def test_a_shop_too_slow_for_a_hundred_orders_is_asked_for_fewer(fake: FakeShop, shop: RestReader) -> None:
    fill(fake, 130)
    fake.faults.append(lambda request: html(504) if int(request.args.get("per_page", 1)) > 30 else None)
    assert ids(shop.orders()) == list(range(1, 131))


def test_an_order_that_the_shop_can_not_tell_is_passed_over_and_counted(fake: FakeShop, shop: RestReader) -> None:
    fill(fake, 60)

    def fails_with_order_33(request: Request) -> Response | None:
        offset, size = int(request.args.get("offset", 0)), int(request.args.get("per_page", 1))
        return html(500) if offset <= 32 < offset + size else None

    fake.faults.append(fails_with_order_33)
    pages = list(shop.orders())
    assert [row["id"] for page in pages for row in page.rows] == [n for n in range(1, 61) if n != 33]
    (unread,) = [each for page in pages for each in page.unread]
    assert unread.what == "up to 2 rows of orders after id 32"
    assert "500" in unread.cause


def test_a_shop_that_is_down_is_given_up(fake: FakeShop, shop: RestReader) -> None:
    fill(fake, 60)
    pages = shop.orders(Place(20, 20))
    fake.faults.append(lambda _: html(503))
    with pytest.raises(ShopError, match="503"):
        list(pages)


def test_an_error_among_the_orders_is_passed_on_not_swallowed(fake: FakeShop, shop: RestReader) -> None:
    wrong = {"code": "woocommerce_rest_cannot_view", "message": "Sorry"}
    fake.fail(1, answer([order(1), wrong, order(2)], headers={"X-WP-Total": "3"}))
    (page,) = shop.orders()
    assert [row.get("id") for row in page.rows] == [1, None, 2]
    body = json.loads(envelope("order.created", wrong))
    assert body == {"event": "order.created", "data": wrong}


def test_a_list_in_another_order_is_refused_rather_than_half_read(fake: FakeShop, shop: RestReader) -> None:
    fake.fail(1, answer([order(2), order(1)], headers={"X-WP-Total": "2"}))
    with pytest.raises(ShopError, match="by id"):
        list(shop.orders())


def test_a_shop_that_does_not_answer_is_a_timeout(fake: FakeShop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        credentials = Credentials(url, KEY, SECRET, "oauth")
        with RestClient(credentials, attempts=1, timeout=(0.2, 0.2)) as client, pytest.raises(ShopError) as caught:
            client.get("orders")
    assert caught.value.cause == "timeout"


# --- connecting ---------------------------------------------------------------------------------------------------


def connect(fake: FakeShop, key: str = KEY, secret: str = SECRET) -> tuple[Credentials, list[str]]:
    return diagnose(fake.url, key, secret)


def cause_of(fake: FakeShop, *, url: str = "", key: str = KEY, secret: str = SECRET) -> str:
    with pytest.raises(ShopError) as caught:
        diagnose(url or fake.url, key, secret)
    assert SECRET not in str(caught.value)
    return caught.value.cause


def test_a_local_shop_is_reached_with_signed_requests(fake: FakeShop) -> None:
    credentials, hints = connect(fake)
    assert (credentials.auth, hints) == ("oauth", [])


def test_the_key_pair_is_kept_encrypted(fake: FakeShop, db: Db, config: Config) -> None:
    connection.connect(db, config, "default", f" {fake.url}/ ", KEY, f"{SECRET}\n")
    rest = db.stores.find_one({"_id": "default"})["rest"]  # type: ignore[index]
    assert rest["url"] == fake.url
    assert SECRET.encode() not in rest["consumer_secret"]
    assert unseal(rest["consumer_secret"], config) == SECRET
    assert connection.connected(db) == ["default"]
    with connection.open_shop(db, config, "default") as shop:
        assert shop.count("orders") == 0
    assert SECRET not in repr(shop.client.credentials)
    assert KEY not in repr(shop.client.credentials)


def test_nothing_is_kept_of_a_connection_that_fails(fake: FakeShop, db: Db, config: Config) -> None:
    with pytest.raises(ShopError):
        connection.connect(db, config, "default", fake.url, KEY, "cs_wrong")
    with pytest.raises(NotFound, match="not connected"):
        connection.open_shop(db, config, "default")


def test_an_unknown_store_is_not_made_by_connecting(fake: FakeShop, db: Db, config: Config) -> None:
    with pytest.raises(NotFound, match="store add north"):
        connection.connect(db, config, "north", fake.url, KEY, SECRET)


@pytest.mark.parametrize("url", ["", "shop.example", "ftp://shop.example", "https://", "https://u:p@shop.example"])
def test_what_is_no_address_is_refused(db: Db, config: Config, url: str) -> None:
    with pytest.raises(Invalid, match="no address"):
        connection.connect(db, config, "default", url, KEY, SECRET)


@pytest.mark.parametrize(("key", "secret"), [("ck_wrong", SECRET), (KEY, "cs_wrong")])
def test_a_wrong_key_is_said(fake: FakeShop, key: str, secret: str) -> None:
    assert cause_of(fake, key=key, secret=secret) == "unauthorized"


@pytest.mark.parametrize(
    "instead",
    [html(404), html(), Response("", 301, {"Location": "/wp-json/wc/v3/orders/"})],
    ids=["nothing", "home-page", "redirect"],
)
def test_permalinks_that_are_off_are_said(fake: FakeShop, instead: Response) -> None:
    fake.faults.append(lambda request: instead if request.path.startswith("/wp-json") else None)
    assert cause_of(fake) == "permalinks_off"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (html(), "not_json"),
        (html(403), "firewall"),
        (html(404), "no_rest_api"),
        (error(404, "rest_no_route"), "no_woocommerce"),
        (error(403, "woocommerce_rest_cannot_view"), "unauthorized"),
        (html(503), "server_error"),
        (answer({"success": False, "error": {"code": "not_found"}}, 404), "no_wordpress"),
        (answer({"detail": "Method Not Allowed"}, 405), "no_wordpress"),
        (answer({"error": "forbidden"}, 403), "firewall"),
        (answer("hello"), "not_woocommerce"),
        (html(405), "not_json"),
        (answer({"id": 1}), "not_woocommerce"),
        (error(401, "woocommerce_rest_authentication_error", "Invalid timestamp."), "clock"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_shop_is_named(fake: FakeShop, fault: Response, cause: str) -> None:
    fake.faults.append(lambda _: fault)
    assert cause_of(fake) == cause


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (answer({"success": False}, 404), "is no WordPress at this address; is it the shop's address"),
        (html(404), "no WordPress with a REST API at this address; is it the shop's address, with its folder"),
        (html(), "a page instead of JSON (HTTP 200): a firewall, maintenance mode, PHP errors shown, or no WordPress"),
        (error(404, "rest_no_route"), "WooCommerce is not active, or a plugin blocks wc/v3"),
    ],
    ids=["another API", "a web server", "a page", "WordPress alone"],
)
def test_what_is_no_shop_is_said_in_words(fake: FakeShop, fault: Response, words: str) -> None:
    """It said `HTTP 404`."""
    fake.faults.append(lambda _: fault)
    with pytest.raises(ShopError) as caught:
        connect(fake)
    assert words in caught.value.message


def test_a_wordpress_without_woocommerce_and_without_permalinks_is_said(fake: FakeShop) -> None:
    index = answer({"name": "Blog", "namespaces": ["wp/v2"]})
    fake.faults.append(lambda request: index if request.args.get("rest_route") == "/" else html(404))
    assert cause_of(fake) == "no_woocommerce"


def test_a_server_that_speaks_no_tls_is_said(fake: FakeShop) -> None:
    with pytest.raises(ShopError, match="speaks no TLS there; is the address http://"):
        diagnose(fake.url.replace("http:", "https:"), KEY, SECRET)


def test_a_redirect_is_told_with_its_target_and_never_followed(fake: FakeShop) -> None:
    target = "https://www.shop.example/wp-json/wc/v3/orders?oauth_signature=abc"
    fake.faults.append(lambda _: Response("", 301, {"Location": target}))
    with pytest.raises(ShopError, match=r"redirects to https://www\.shop\.example;") as caught:
        connect(fake)
    assert "oauth" not in str(caught.value)
    assert fake.requests == ["/wp-json/wc/v3/orders", "/"], "WordPress redirects without permalinks, too"


def test_a_clock_that_is_off_is_said(fake: FakeShop) -> None:
    fake.clock = timedelta(minutes=-9)
    assert any("clock is 9 minutes behind" in hint for hint in connect(fake)[1])


def test_a_key_that_may_not_see_webhooks_is_said(fake: FakeShop) -> None:
    fake.fail(1, error(403, "woocommerce_rest_cannot_view"), "/webhooks")
    assert any("webhooks" in hint for hint in connect(fake)[1])


def test_nobody_there_is_said(fake: FakeShop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert cause_of(fake, url=f"http://127.0.0.1:{port}") == "refused"
    assert cause_of(fake, url="http://no-such-shop.invalid") == "dns"
    assert cause_of(fake, url=fake.url.replace("http:", "https:")) == "tls"


# --- https --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that nobody vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop")])
    moment = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder: Path = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.fixture
def safe_fake(certificate: tuple[str, str]) -> Iterator[FakeShop]:
    with serving(FakeShop(), ssl_context=certificate) as shop:
        yield shop


def test_a_certificate_nobody_vouches_for_is_refused(safe_fake: FakeShop) -> None:
    assert cause_of(safe_fake) == "tls"
    assert safe_fake.requests == []


def test_over_https_the_key_goes_in_a_header(
    safe_fake: FakeShop, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
    credentials, hints = connect(safe_fake)
    assert (credentials.auth, hints) == ("basic", [])


def test_a_server_that_drops_the_header_is_sent_signed_requests(
    safe_fake: FakeShop, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
    drops = error(401, "woocommerce_rest_cannot_view")
    safe_fake.faults.append(lambda request: drops if "Authorization" in request.headers else None)
    credentials, hints = connect(safe_fake)
    assert credentials.auth == "oauth"
    assert "drops the Authorization header" in hints[0]
