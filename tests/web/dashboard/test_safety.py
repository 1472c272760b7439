"""Whatever a shop, a till, an ordering app or a payment provider sends, the dashboard shows it as text."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page

from pos_api.config import Config
from pos_api.database.client import Db
from tests.factories import Shop, line, order, product
from tests.outbox.delivering.outbox import subscribe
from tests.senders.karma import app as karma
from tests.senders.kaynko import till as kaynko
from tests.senders.provider_stores import add_store, forget_cached_stores, send
from tests.senders.stripe import events as stripe
from tests.web.dashboard.browsing import client_of, is_too_wide
from tests.web.dashboard.crawling import addresses

TEXTS = {
    "long": "W" * 3000,
    "odd characters": "\u202eabc\u2066def a\x01b\x1b[31mc\x7f\u2028d",
    "formula": '=HYPERLINK("https://evil.example","x");\n@SUM(1)',
    "address": "javascript:window.hacked=1",
    "template": "t{{7*7}}t{% raw %}t${7*7}t %(name)s %s {0} %n &lt;script&gt;&#34;",
    "attribute": "' onmouseover=window.hacked=1 autofocus onfocus=window.hacked=1 x='",
    "element": '"><img src=x onerror=window.hacked=1><script>window.hacked=1</script>',
    "end of element": "</script></title></textarea></option><svg onload=window.hacked=1>",
}
"""What is sent; the last ones are seen on most pages."""
SCRIPTS = """() => ({
  hacked: window.hacked ?? null,
  scripts: document.querySelectorAll("script:not([src])").length,
  elements: document.querySelectorAll("iframe, object, embed, base, img[src=x], meta[http-equiv], svg[onload]").length,
  handlers: [...document.querySelectorAll("*")].filter(
    (each) => [...each.attributes].some(({ name }) => name.startsWith("on"))
  ).length,
  addresses: [...document.querySelectorAll("a[href], form[action]")]
    .map((each) => each.href ?? each.getAttribute("action"))
    .filter((each) => !/^(https?:|mailto:|tel:|\\/)/.test(each)),
})"""
NOTHING: dict[str, Any] = {"hacked": None, "scripts": 0, "elements": 0, "handlers": 0, "addresses": []}


def shop_order(number: int, text: str) -> dict[str, Any]:
    """An order with the text in every field that can hold one."""
    address = dict.fromkeys(
        (*("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode"), "phone"), text
    )
    meta = [{"id": 1, "key": text, "value": text, "display_key": text, "display_value": text}]
    item = {**line(text[:100], 1), "name": text, "meta_data": meta, "tax_class": text}
    return order(
        number,
        item,
        number=text[:60],
        billing={**address, "country": "SE", "email": f"anna{number}@example.se"},
        shipping={**address, "country": text[:2]},
        customer_note=text,
        payment_method=text,
        payment_method_title=text,
        transaction_id=text,
        created_via=text,
        customer_user_agent=text,
        customer_ip_address=text,
        meta_data=meta,
        shipping_lines=[{"id": 9, "method_title": text, "method_id": text, "total": "0.00", "taxes": []}],
        fee_lines=[{"id": 10, "name": text, "total": "0.00", "total_tax": "0.00"}],
        coupon_lines=[{"id": 11, "code": text, "discount": "0.00"}],
        tax_lines=[{"id": 12, "label": text, "rate_code": text, "rate_id": 1, "tax_total": "2.50"}],
        refunds=[{"id": 5000 + number, "amount": "1.00", "reason": text, "line_items": []}],
    )


@pytest.fixture
def hostile(app: Flask, db: Db, config: Config, shop: Shop, client: FlaskClient) -> None:
    """A service that was sent all payloads by senders of every kind."""
    subscribe(db, config, "https://erp.example", active=False)
    till = kaynko.Till(client, "till-1", kaynko.add_till(db, config, "till-1"))
    restaurant = karma.App(client, "app-1", karma.add_app(db, config, "app-1"))
    add_store(db, config, "stripe-1", "stripe", stripe.SECRET, orders_of="default")
    forget_cached_stores(client)
    for number, text in enumerate(TEXTS.values(), 1):
        shop.send("order.created", shop_order(number, text))
        shop.send("order.updated", {**shop_order(number, text), "total": text})
        shop.send("product.created", {**product(9000 + number, f"{number} {text}"[:100], 1), "name": text})
        shop.send(f"order.{text}", {"id": number})
        shop.send("customer.created", {"id": number, "username": text, "email": f"anna{number}@example.se"})
        sold = [kaynko.item(f"s{text}"[:90], productName=text)]
        names: dict[str, Any] = {
            "customerName": text,
            "receiptNumber": text,
            "paymentMethod": text,
            "customerType": text,
        }
        till.send(kaynko.sale(number, *sold, **names))
        till.send(kaynko.void(number, voidReason=text, receiptNumber=text))
        till.send(kaynko.session(number, "opened", 100, note=text))
        till.send(kaynko.session(number, "closed", 90 + number, note=text, closingNote=text))
        dish = {**karma.SALAD, "itemId": number, "title": text, "variants": [{"name": text, "price": 1}]}
        restaurant.send(karma.order("created", id=f"ord_{number}", items=[dish], source=text, comment=text))
        restaurant.send(karma.purchase([karma.line(1, 100, title=text)], id=number, psp=text, pspResponseRef=text))
        intent = stripe.intent(id=f"pi_{number}", description=text, metadata={"order_id": text}, latest_charge=text)
        paid = stripe.event("payment_intent.succeeded", intent, number=number)
        send(client, "/api/webhooks/stripe/stripe-1", paid, stripe.HEADER, secret=stripe.SECRET)
        client.get("/sign-in", headers={"User-Agent": text.splitlines()[0].encode("ascii", "ignore").decode()[:300]})


def test_no_sender_gets_a_script_onto_any_page(hostile: None, app: Flask, open_as: Callable[..., Page], db: Db) -> None:
    client = client_of(app, "admin")
    db.staff_sessions.update_one({}, {"$set": {"agent": TEXTS["attribute"]}})
    page = open_as("admin", width=390)
    found, reached = {}, addresses(app, client, of_each=2)
    opened: Counter[str] = Counter()
    shown = ""
    for address, (endpoint, kind) in reached.items():
        opened[endpoint] += 1
        if kind != "text/html" or opened[endpoint] > 3:
            continue
        page.goto(address, wait_until="domcontentloaded")
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        seen = page.evaluate(SCRIPTS)
        if is_too_wide(page):
            seen["wide"] = True
        if seen != NOTHING:
            found[address[:120]] = seen
        text = page.locator("body").text_content() or ""
        assert "t49t" not in text, f"{endpoint} runs templates"
        shown += text
    assert found == {}
    endpoints = {endpoint for endpoint, _kind in reached.values()}
    for room in ("orders.order", "payments.payment", "cash.session", "stock.product", "inbox.entry"):
        assert any(each.endswith(room) for each in endpoints), room
    for name in ("attribute", "element", "end of element", "template", "address", "formula"):
        assert TEXTS[name] in shown, f"{name} is shown as it was sent"


def test_no_file_of_a_page_has_a_formula(hostile: None, app: Flask, staff: None) -> None:
    client = client_of(app, "admin")
    files = 0
    for address, (_endpoint, kind) in addresses(app, client, of_each=2).items():
        if kind != "text/csv":
            continue
        with client.get(address) as answer:
            rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True), newline="")))
        files += 1
        for cell in (cell for row in rows for cell in row):
            assert not re.match(r"[\s'\"]*[=+@]", cell) or cell.startswith("'"), f"{address}: {cell[:80]!r}"
    assert files >= 3
