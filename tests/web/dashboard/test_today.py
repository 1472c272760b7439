"""Today: what sells, beside the same weekday last week, and what needs a look."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.figures.day_so_far import DayFigures, of_day
from pos_api.figures.outage_detection import OrderGap
from pos_api.figures.queries import figures
from pos_api.payments import account
from pos_api.payments.apply import apply
from pos_api.payments.model import order_key_by_id
from pos_api.staff.sessions import Session
from pos_api.staff.users import User
from pos_api.stores.model import Store
from pos_api.web.dashboard.today import attention_to_money, attention_to_payments, comparison, live
from pos_api.web.dashboard.today.attention import _silence
from pos_api.web.dashboard.today.attention_to_payments import Contradictions
from pos_api.web.dashboard.today.day import Days
from pos_api.web.dashboard.today.shown import Variant, rendered
from tests.factories import API_KEY, PATH, Shop, line, order, stock_up
from tests.web.api.test_payments import payment
from tests.web.dashboard.browsing import is_too_wide, problems


def sale(number: int, made: datetime, **more: Any) -> dict[str, Any]:
    """An order that was paid, made at this moment."""
    written = made.strftime("%Y-%m-%dT%H:%M:%S")
    times = {"date_created_gmt": written, "date_modified_gmt": written}
    return order(number, line("MUG"), **{"status": "completed", **times, **more})


def test_a_new_installation_says_what_to_do_until_the_first_order_is_here(
    as_role: Callable[[str], FlaskClient], shop: Shop
) -> None:
    admin, viewer = as_role("admin"), as_role("viewer")
    assert "Waiting for the first order" in admin.get("/").text
    assert "Stores and how to connect them" in admin.get("/").text
    assert "Ask an administrator" in viewer.get("/").text
    shop.outcome("order.created", sale(1, now(), status="pending"))
    page = admin.get("/").text
    assert "Waiting for the first order" not in page
    assert '<a href="/orders/default:1">The latest order, 1, has arrived (Waiting for payment). It' in page


def test_today_is_compared_with_the_same_weekday_up_to_the_same_time(app: Flask, db: Db, shop: Shop) -> None:
    moment = datetime.fromisoformat("2026-11-29T10:30:40+00:00")
    week = timedelta(days=7)
    shop.outcome("order.created", sale(1, moment, total="150.00"))
    shop.outcome("order.created", sale(2, moment - week - timedelta(minutes=1), total="100.00"))
    shop.outcome("order.created", sale(3, moment - week + timedelta(minutes=1), total="1000.00"))
    day = Days().at(db, app.extensions["pos"].stores.all(), moment)
    assert day.currencies("SEK") == ["SEK"]
    assert (day.day, day.before["SEK"].sales, day.day_before["SEK"].sales) == (
        moment.date(),
        Decimal(100),
        Decimal(1100),
    )
    with app.test_request_context(headers={"Accept-Language": "en-GB"}):
        rows = {each.name: each for each in comparison.figures(day.today["SEK"], day.before["SEK"], "SEK")}
        assert (rows["Sales"].value, rows["Sales"].compared) == ("SEK150.00", "50% more than SEK100.00 last week")
        assert rows["Tips"].compared == "the same as last week"
        assert comparison.compared(1, 4, str) == "75% less than 4 last week"
        assert comparison.compared(3, 0, str) == "nothing last week", "no share of nothing"
        assert comparison.compared(3, -1, str) == "-1 last week", "nor of less than nothing"
    with app.test_request_context(headers={"Accept-Language": "sv"}):
        assert comparison.compared(1, 4, str) == "75\N{NO-BREAK SPACE}% mindre än förra veckans 4"


def test_a_day_has_the_figures_that_all_other_pages_show(app: Flask, db: Db, shop: Shop) -> None:
    made = datetime.fromisoformat("2026-11-22T10:30:00+00:00")
    shop.outcome("order.created", sale(1, made, total="100.00", shipping_total="10.00", total_tax="20.00"))
    back = {"id": 9, "total": "-40.00", "reason": ""}
    shop.outcome("order.created", sale(2, made + timedelta(hours=2), total="80.00", refunds=[back]))
    shop.outcome("order.created", sale(3, made, total="70.00", status="refunded"))
    shop.outcome("order.created", sale(4, made, total="60.00", status="pending"))
    shop.outcome("order.created", sale(5, made, total="50.00", currency="EUR"))
    day = date(2026, 11, 22)
    counted = of_day(db, ["default"], day)
    expected = {each["currency"]: each for each in figures(db, since=day, until=day)["currencies"]}
    assert counted.keys() == expected.keys() == {"SEK", "EUR"}
    for currency, each in counted.items():
        other = expected[currency]
        names = ("orders_count", "num_items_sold", "total_sales", "net_revenue", "refunds", "tips", "avg_order_value")
        mine = (each.orders, each.items, each.sales, each.net, each.refunds, each.tips, each.average_order)
        assert mine == tuple(other[name] for name in names)
        assert sum(each.by_hour, Decimal()) == each.sales
    assert counted["SEK"].by_hour[12] == Decimal("40.00")
    until = made + timedelta(hours=1)
    assert of_day(db, ["default"], day, until)["SEK"].orders == 2
    assert of_day(db, [], day) == {}
    assert DayFigures().average_order == Decimal("0.00")


def test_hours_and_days_are_those_of_the_shops_clock_as_in_the_figures(db: Db, shop: Shop) -> None:
    late = datetime.fromisoformat("2026-11-21T23:30:00+00:00")
    clocks = {"Stockholm": "2026-11-22T00:30:00", "Kathmandu": "2026-11-22T05:15:00", "Honolulu": "2026-11-21T13:30:00"}
    for number, local in enumerate(clocks.values(), 1):
        shop.outcome("order.created", sale(number, late, date_created=local))
    for text, hours in (("2026-11-22", [0, 5]), ("2026-11-21", [13])):
        day = date.fromisoformat(text)
        counted = of_day(db, ["default"], day)["SEK"]
        assert [hour for hour, amount in enumerate(counted.by_hour) if amount] == hours
        [expected] = figures(db, since=day, until=day)["currencies"]
        assert (counted.orders, counted.sales) == (expected["orders_count"], expected["total_sales"])
        assert [row["hour"] for row in expected["by_hour"] if row["orders_count"]] == hours


def test_a_shop_whose_clock_is_another_one_is_named_until_its_time_zone_is_set(
    app: Flask, db: Db, shop: Shop, as_role: Callable[[str], FlaskClient]
) -> None:
    made = now()
    shop.outcome("order.created", sale(1, made, date_created=(made + timedelta(hours=2)).isoformat()[:19]))
    text = '<a href="/settings/store/default">The clock of'
    assert text in as_role("admin").get("/").text
    app.extensions["pos"].of_pages.pop("today")  # what was looked at some seconds ago
    shop.outcome(
        "order.created",
        sale(2, made + timedelta(seconds=1), date_created=(made + timedelta(seconds=1)).isoformat()[:19]),
    )
    assert text not in as_role("admin").get("/").text


def test_the_latest_sales_are_shown_and_to_viewers_without_names(
    as_role: Callable[[str], FlaskClient], shop: Shop
) -> None:
    for number in range(1, 13):
        shop.outcome("order.created", sale(number, now() - timedelta(minutes=30 - number)))
    shop.outcome("order.created", sale(99, now(), status="pending"))
    page = as_role("manager").get("/").text
    assert re.findall(r'data-sale="default:(\d+)"', page) == [str(number) for number in range(12, 2, -1)]
    assert "Anna Öberg" in page
    assert "Öberg" not in as_role("viewer").get("/").text


def test_a_store_can_be_looked_at_alone(as_role: Callable[[str], FlaskClient], shop: Shop) -> None:
    shop.outcome("order.created", sale(1, now()))
    viewer = as_role("viewer")
    assert 'data-sale="default:1"' in viewer.get("/?store=default").text
    assert viewer.get("/?store=%3Cscript%3E").status_code == 404


@pytest.mark.parametrize("role", ["viewer", "manager"])
def test_what_needs_a_look_is_a_number_and_a_link(
    as_role: Callable[[str], FlaskClient], db: Db, shop: Shop, role: str
) -> None:
    client = as_role(role)
    assert "Nothing needs a look." in client.get("/").text
    stock_up(db, MUG=0)
    shop.outcome("order.created", sale(1, now()))
    shop.post(b'{"event":"order.created","data":{"id":"x"}}')
    db.webhook_subscriptions.insert_one(
        {"_id": "sub_1", "url": "https://a.example/x", "description": "Till", "active": False, "disabled_at": now()}
    )
    fresh = as_role(role)
    fresh.application.extensions["pos"].of_pages.pop("today")  # what was looked at some seconds ago
    page = fresh.get("/").text
    assert '<a href="/stock?show=oversold">1 product is oversold' in page
    link = '<a href="/inbox">1 delivery of a sender could not be used.'
    assert (link in page) == (role == "manager"), "viewers are shown no inbox"
    assert ("The subscription Till was switched off" in page) == (role == "manager")


@pytest.mark.parametrize("language", ["en", "sv"])
def test_all_that_may_need_a_look_is_said(
    app: Flask, as_role: Callable[[str], FlaskClient], db: Db, shop: Shop, language: str
) -> None:
    long_ago = now() - timedelta(hours=30)
    shop.outcome("order.created", sale(1, long_ago))
    url = {"url": "https://a.example/x", "description": ""}
    db.webhook_subscriptions.insert_many(
        [
            {"_id": "sub_1", "active": True, "failing_since": long_ago, "failing_confirmed_at": now(), **url},
            {"_id": "sub_2", "active": False, "disabled_at": now(), **url},
        ]
    )
    db.webhook_deliveries.insert_one({"_id": "d", "subscription": "sub_1", "state": "failed", "created_at": now()})
    report = {"in_step": False, "problem": None, "orders": [{"order": "default:1"}, {"repair": "updated"}]}
    db.comparisons.insert_one({"_id": "default", "report": report})
    db.stock_sync.insert_one({"_id": "default", "on": True})
    db.stock_movements.insert_one(
        {"_id": "m", "sku": "MUG", "seq": 9, "at": long_ago, "unsent": [{"store": "default"}]}
    )
    db.stock_refusals.insert_one({"_id": "default:MUG", "store": "default", "at": now()})
    db.payments.insert_one({"_id": "default:p", "order": None, "listed_at": now()})
    db.cash_sessions.insert_one(_session_with_a_difference())
    db.accounting_closings.insert_one(
        {"_id": "c", "store": "default", "day": (long_ago - timedelta(days=9)).date().isoformat()}
    )
    yesterday = (now() - timedelta(days=1)).date().isoformat()
    db.accounting_sources.insert_one({"_id": "s", "store": "default", "open": [f"{yesterday}:SEK"], "refused": "why"})
    admin = as_role("admin")
    page = admin.get("/", headers={"Accept-Language": language}).text
    links = re.findall(r'<li class="notice \w+"><a href="([^"]+)">([^<]+)</a>', page)
    expected = ["/deliveries"] * 3 + ["/settings/store/default"] + ["/stock/sync/default"] * 2
    expected += ["/payments?order=none", "/cash-sessions"] + ["/books"] * 2
    assert sorted(link for link, _ in links) == sorted(expected)
    assert all(re.search(r"\d", text) for _, text in links), "each has a number, or since when it is so"


def _session_with_a_difference() -> dict[str, Any]:
    """A cash session in which 5.00 is missing."""
    opened = now() - timedelta(hours=9)
    return {
        "_id": "default:1",
        "store": "default",
        "external_id": "1",
        "sequence": 1,
        "currency": "SEK",
        "opened_at": opened,
        "closed_at": now() - timedelta(hours=1),
        "listed_at": opened,
        "opening_cash": Decimal128("100.00"),
        "counted_cash": Decimal128("95.00"),
    }


@pytest.mark.parametrize(("most", "said"), [(1_000, "1 cash session of the last"), (2, "At least 2 cash sessions of")])
def test_a_cash_session_with_a_difference_is_found_behind_many_without(
    app: Flask, db: Db, monkeypatch: pytest.MonkeyPatch, most: int, said: str
) -> None:
    monkeypatch.setattr(attention_to_money, "_MOST_SESSIONS", most)
    missing = Decimal128("95.00" if most == 2 else "100.00")
    sessions = [
        {
            **_session_with_a_difference(),
            "_id": f"default:{number}",
            "counted_cash": missing if number else Decimal128("95.00"),
            **dict.fromkeys(("opened_at", "listed_at"), now() - timedelta(minutes=300 - number)),
            "closed_at": now() - timedelta(minutes=300 - number, seconds=-30),
        }
        for number in range(230)
    ]
    db.cash_sessions.insert_many(sessions)
    with app.test_request_context():
        [found] = attention_to_money.findings(db, [], now())
        assert found.text().startswith(said)


def test_a_silent_store_is_named(app: Flask) -> None:
    gap = OrderGap(datetime.fromisoformat("2026-11-22T06:30:00+00:00"), 12.4, 3.0)
    with app.test_request_context(headers={"Accept-Language": "en-GB"}):
        found = _silence(Store("bar", "The bar", "", timezone="Europe/Stockholm"), gap)
        assert found.text() == (
            "Nothing has come from The bar since 22 Nov 2026, 07:30:00; usually it sends 12 orders in such a time."
        )


def test_the_stream_has_what_the_page_does_not_show_yet(as_role: Callable[[str], FlaskClient], shop: Shop) -> None:
    viewer = as_role("viewer")
    found = re.search(r'data-version="(\w+)"', viewer.get("/").text)
    assert found
    assert "event: parts" not in viewer.get(f"/live?seen={found[1]}").text
    shop.outcome("order.created", sale(1, now()))
    stream = viewer.get(f"/live?seen={found[1]}")
    assert stream.mimetype == "text/event-stream"
    assert stream.headers["X-Accel-Buffering"] == "no"
    assert 'data-sale="default:1"' in stream.text
    page = viewer.get("/").text
    shown = re.findall(r'data-version="(\w+)"', page)
    assert f"id: {shown[0]}\n" in stream.text, "both show the same"


def test_a_slow_reader_is_given_the_newest_and_holds_nothing_else() -> None:
    session = Session("session", User("viewer", "viewer"), now())
    listener = live.Listener(Variant("en", "en_GB", "viewer", None), session, "")
    for number in range(1000):
        listener.offer(live.parts_of(f"<p>{number}</p>"))
    assert listener._next == live.parts_of("<p>999</p>").event


def test_a_page_of_a_store_that_was_removed_keeps_no_other_one_waiting(
    app: Flask, db: Db, as_role: Callable[[str], FlaskClient], shop: Shop
) -> None:
    shop.outcome("order.created", sale(1, now()))
    viewer = as_role("viewer")
    found = db.staff_sessions.find_one({"user": "viewer"})
    assert found
    session = Session(found["_id"], User("viewer", "viewer"), now())
    removed, whole = (live.Listener(Variant("en", "en_GB", "viewer", of), session, "") for of in ("gone", None))

    async def taken() -> list[bytes]:
        everybody = live.Broadcaster(app)
        everybody.join(removed)
        everybody.join(whole)
        shown = [await each.take() for each in (whole, removed)]
        for each in (whole, removed):
            everybody.leave(each)
        return shown

    with ThreadPoolExecutor(1) as thread:  # in this one the browser's event loop runs
        parts, ended = thread.submit(asyncio.run, taken()).result()
    assert b"event: parts" in parts
    assert ended.startswith(b"event: ended")
    assert not whole.has_ended
    assert viewer.get("/live?store=gone").status_code == 404


def test_a_variant_that_cant_be_made_keeps_no_other_one_waiting_and_sessions_are_looked_at(
    app: Flask, shop: Shop
) -> None:
    shop.outcome("order.created", sale(1, now()))
    broken, whole = (Variant("en", locale, "viewer", None) for locale in ("of no country", "en_GB"))
    everybody = live.Broadcaster(app)
    assert everybody._look({broken, whole}, {"not a session"}) == {"not a session"}
    assert everybody._parts.keys() == {whole}


def test_one_user_cant_take_all_the_places(app: Flask, as_role: Callable[[str], FlaskClient]) -> None:
    viewer, manager = as_role("viewer"), as_role("manager")
    variant = Variant("en", "en_GB", "viewer", None)
    session = Session("any", User("viewer", "viewer"), now())
    listeners = live.broadcaster(app).listeners
    for _each in range(live.MOST_OF_ONE_USER):
        assert viewer.get("/live").status_code == 200
        listeners.add(live.Listener(variant, session, ""))
    assert viewer.get("/live").status_code == 503
    assert manager.get("/live").status_code == 200


def test_so_many_orders_are_said_to_contradict_their_payments_as_were_found(
    app: Flask, db: Db, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"orders_of": "default"}
    db.stores.insert_one({"_id": "pay", "name": "Pay", "kind": "stripe", "settings": settings, "keys": []})
    stores = app.extensions["pos"].stores
    stores._read_at = float("-inf")
    for number in (1, 2):
        shop.outcome("order.created", sale(number, now() - timedelta(minutes=number)))
    for name in ("p1", "p2"):
        apply(db, payment(name, wanted=(order_key_by_id("default", "1"),)))

    looked = Contradictions()

    def said() -> str:
        with app.test_request_context(headers={"Accept-Language": "en-GB"}):
            return next((each.text() for each in looked.findings(db, stores, now())), "")

    assert said().startswith("The payments of 1 order of the last 14 days")
    monkeypatch.setattr(account, "MOST_EXAMINED", 1)
    monkeypatch.setattr(account, "_AT_ONCE", 1)
    looked = Contradictions()
    assert said().startswith("The payments of at least 1 order of the last 14 days"), "there are others"
    monkeypatch.setattr(attention_to_payments, "_MOST_FOUND", 1)
    assert said().startswith("The payments of many orders")


def test_an_order_that_contradicts_its_payments_is_found_however_many_are_newer(
    app: Flask, db: Db, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"orders_of": "default"}
    db.stores.insert_one({"_id": "pay", "name": "Pay", "kind": "stripe", "settings": settings, "keys": []})
    stores = app.extensions["pos"].stores
    stores._read_at = float("-inf")
    for number in range(1, 6):
        shop.outcome("order.created", sale(number, now() - timedelta(minutes=number)))
    for name in ("p1", "p2"):
        apply(db, payment(name, wanted=(order_key_by_id("default", "5"),)))
    monkeypatch.setattr(account, "MOST_EXAMINED", 1)
    monkeypatch.setattr(account, "_AT_ONCE", 1)
    looked, seen = Contradictions(), []
    for _look in range(9):
        with app.test_request_context(headers={"Accept-Language": "en-GB"}):
            seen.append([each.text()[:30] for each in looked.findings(db, stores, now())])
    older, at_least, one = (
        [f"{text}"[:30]]
        for text in (
            "Older orders of the last 14 days",
            "The payments of at least 1 order",
            "The payments of 1 order of the",
        )
    )
    assert seen[:3] == [older] * 3
    assert seen[3] == at_least
    assert seen[4:] == [one] * 5, "it stays while the next turn goes on"
    db.payments.delete_one({"_id": "pay:p2"})
    with app.test_request_context():
        assert list(looked.findings(db, stores, now())) == [], "what fits again is no longer said"


def test_a_page_says_so_as_long_as_the_service_is_away(open_as: Callable[..., Page]) -> None:
    page = open_as("viewer")
    page.clock.install()
    page.add_init_script(
        "window.EventSource = class extends EventTarget { constructor() { super(); window.stream = this; } close() {} }"
    )
    page.goto("/")
    state = page.locator("#live-state")
    for _ in range(2):
        page.evaluate("stream.dispatchEvent(new Event('open'))")
        expect(state).to_have_text("This page is kept up to date.")
        for _second in range(6):  # a browser asks each second, in vain
            page.evaluate("stream.dispatchEvent(new Event('error'))")
            page.clock.run_for(1000)
        assert "Not connected" in (state.text_content() or "")


def test_a_sale_arrives_on_an_open_page(app: Flask, open_as: Callable[..., Page], served: str, shop: Shop) -> None:
    shop.outcome("order.created", sale(1, now()))
    page = open_as("manager")
    expect(page.locator("#sales li")).to_have_count(1)
    page.locator("#sales a").focus()
    details = page.get_by_text("The same as a table")
    details.press("Enter")
    expect(page.locator("details table")).to_be_visible()
    page.locator("#sales a").focus()
    body = json.dumps({"event": "order.created", "data": sale(2, now())})
    page.request.post(f"{served}{PATH}", data=body, headers={"X-API-Key": API_KEY, "Content-Type": "application/json"})
    expect(page.locator("#sales li")).to_have_count(2, timeout=5000)
    expect(page.locator("#live-news")).to_have_text("One new sale.")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "/orders/default:1", "the focus stays"
    expect(page.locator("details table")).to_be_visible()
    assert problems(page) == []
    assert not is_too_wide(page)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/default:2")


def test_what_arrives_by_itself_is_in_the_readers_language(app: Flask, shop: Shop) -> None:
    shop.outcome("order.created", order(1, line("A")))
    found = {each: rendered(app, Variant(each, "sv_SE", "viewer", None)) for each in ("en", "sv")}
    assert "Orders" in found["en"]
    assert "Beställningar" in found["sv"]


def test_a_sale_of_an_amount_of_many_digits_is_on_the_page(as_role: Callable[[str], FlaskClient], shop: Shop) -> None:
    for number, currency in enumerate(("", "SEK", "SEK"), 1):
        long = {"total": f"12345678901.12345678901234567{number}", "currency": currency}
        shop.outcome("order.created", sale(number, now(), **long))
    viewer = as_role("viewer")
    for path in ("/", "/figures"):
        answer = viewer.get(path, headers={"Accept-Language": "en-GB"})
        assert answer.status_code == 200, path
    assert "12,345,678,901.123456789012345671" in viewer.get("/").text
