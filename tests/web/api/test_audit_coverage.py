"""Every route and every command that changes something leaves an entry in the audit.

A new route or command fails here until it is in one of the lists: with the call that shows its entry, or with the
reason why it needs none.
"""

from __future__ import annotations

import getpass
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient

from pos_api import cli
from pos_api.accounting.accounts import DEFAULT
from pos_api.catalogue import staff_actions
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.outbox.interest import interest_of
from pos_api.outbox.model import delivery_id
from pos_api.outbox.publish import publish
from pos_api.senders.registry import SENDERS
from pos_api.staff import audit, token_claims, tokens, users
from pos_api.staff.audit import Filter
from pos_api.staff.tokens import Tokens
from pos_api.stores import settings
from tests.fake_shop import KEY, SECRET, FakeShop, serving
from tests.fake_shop import product as shop_product
from tests.paging import read_all
from tests.paths import ROOT
from tests.service import settings_of
from tests.web.api.test_inbox import park
from tests.web.api.test_subscriptions import order_event

PASSWORD = "correct horse battery"

NOT_RECORDED = {
    "POST /api/webhooks/orders": "deliveries are in the inbox",
    "POST /api/webhooks/<kind>/<store>": "deliveries are in the inbox",
    **{f"POST {path}": "deliveries are in the inbox" for sender in SENDERS.values() for path in sender.paths},
}

_SUBSCRIPTIONS = "/api/v1/webhooks/subscriptions"
ROUTES: dict[str, tuple[dict[str, Any], str]] = {
    "POST /api/auth/login": ({"json": {"name": "anna", "password": PASSWORD}}, "login.succeeded"),
    "POST /api/products": ({"json": {"sku": "B"}}, "product.created"),
    "PATCH /api/products/item": ({"json": {"price": "2"}, "query_string": {"sku": "A"}}, "product.price"),
    "POST /api/products/skus": ({"json": {"sku": "A", "other": "A-OLD"}}, "product.linked"),
    "POST /api/products/count": ({"json": {"sku": "A", "count": 3}}, "stock.counted"),
    "POST /api/products/adjust": ({"json": {"sku": "A", "change": -1, "reason": "broken"}}, "stock.adjusted"),
    "POST /api/products/import": ({"data": "sku,price\nA,7\n", "content_type": "text/csv"}, "products.imported"),
    "PUT /api/stores/<store>/stock-sync": ({"json": {"on": False}}, "store.stock"),
    "PUT /api/stores/<store>/items/<item>": ({"json": {"sku": "A"}}, "item.linked"),
    "DELETE /api/stores/<store>/items/<item>": ({}, "item.unlinked"),
    "POST /api/stores/<store>/items/import": (
        {"data": "item,sku\n7,A\n", "content_type": "text/csv"},
        "items.imported",
    ),
    "POST /api/inbox/<key>/replay": ({}, "inbox.replayed"),
    "POST /api/inbox/replay": ({"json": {}}, "inbox.replayed"),
    "DELETE /api/customers/<path:customer>": ({}, "customer.erased"),
    f"POST {_SUBSCRIPTIONS}": ({"json": {"url": "https://erp.example/", "events": ["*"]}}, "webhook.created"),
    f"PATCH {_SUBSCRIPTIONS}/<subscription>": ({"json": {"active": False}}, "webhook.changed"),
    f"PUT {_SUBSCRIPTIONS}/<subscription>": ({"json": {"active": True}}, "webhook.changed"),
    f"POST {_SUBSCRIPTIONS}/<subscription>/rotate-secret": ({}, "webhook.rotated"),
    f"POST {_SUBSCRIPTIONS}/<subscription>/resume": ({}, "webhook.resumed"),
    f"POST {_SUBSCRIPTIONS}/<subscription>/test": ({}, "webhook.tested"),
    f"POST {_SUBSCRIPTIONS}/<subscription>/replay": ({"json": {"since": "2026-11-01"}}, "webhook.replayed"),
    f"POST {_SUBSCRIPTIONS}/<subscription>/deliveries/<path:delivery>/resend": ({}, "webhook.resent"),
    f"DELETE {_SUBSCRIPTIONS}/<subscription>": ({}, "webhook.deleted"),
    "POST /api/webhook-endpoints": (
        {"json": {"url": "https://erp.example/", "enabled_events": ["*"]}},
        "webhook.created",
    ),
    "PUT /api/webhook-endpoints/<subscription>": ({"json": {"status": "disabled"}}, "webhook.changed"),
    "DELETE /api/webhook-endpoints/<subscription>": ({}, "webhook.deleted"),
    "PUT /api/accounting/accounts": ({"json": DEFAULT.document()}, "books.accounts"),
    "POST /api/accounting/close": ({"json": {"store": "default", "day": "2026-11-22"}}, "books.closed"),
    "POST /api/auth/logout": ({}, "login.ended"),  # the last: it ends the token that all are sent with
}

EXPORTS = {
    "/api/cash-sessions": "cash.exported",
    "/api/customer-subscriptions": "subscriptions.exported",
    "/api/products": "products.exported",
    "/api/webhooks/orders": "orders.exported",
}
_FILTERS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "/api/cash-sessions": (
        {"store": "till-1", "from": "2026-11-01"},
        {"store": "till-1", "from": "2026-11-01"},
    ),
    "/api/customer-subscriptions": (
        {"status": "active", "customer": "cus_1"},
        {"status": "active", "customer": "given"},
    ),
    "/api/products": ({"q": "tea"}, {"words": "tea"}),
    "/api/webhooks/orders": ({"q": "anna"}, {"words": "given"}),
}
"""What is asked for, and what of it is recorded."""

READING = {
    "accounting check": "shows what differs",
    "accounting entries": "shows entries",
    "accounting export": "needs entries: tests/cli/test_accounting.py shows its entry in the audit",
    "accounting z-report": "shows a day",
    "audit": "shows the audit",
    "import-database": "needs a shop's database, and is recorded as `import` is: both call the importer",
    "inbox": "shows the inbox",
    "init": "makes a file, there is no database yet",
    "key list": "shows keys by their beginnings",
    "serve": "is the service",
    "store list": "shows stores",
    "subscription list": "shows subscriptions",
    "subscription show": "shows a subscription",
    "subscription test": "needs a receiver: tests/cli/test_subscription.py shows its entry",
    "token list": "shows tokens by their ids",
    "user list": "shows users",
    "worker": "is the service",
}

COMMANDS: list[tuple[str, str, str]] = [
    ("user add berta --role viewer", f"{PASSWORD}\n", "user.created"),
    ("user password berta", "another long password\n", "user.password"),
    ("user role berta manager", "", "user.role"),
    ("user remove berta", "", "user.removed"),
    ("token create nightly", "", "token.created"),
    ("token revoke {token}", "", "token.revoked"),
    ("store add north --timezone Europe/Oslo", "", "store.created"),
    ("store set north --currency NOK", "", "store.changed"),
    ("store rotate north", "", "secret.rotated"),
    ("store rotate north --end", "", "secret.ended"),
    ("store connect north --url {url} --consumer-key {key} --consumer-secret {secret}", "", "store.connected"),
    ("store show default --connect", "", "key.shown"),
    ("key add north", "", "key.created"),
    ("key revoke north {prefix}", "", "key.revoked"),
    ("import north --since 2026-01-01", "", "store.imported"),
    ("reconcile north --repair", "", "store.repaired"),
    ("store set north --stock-sync on", "", "store.stock"),
    ("store set north --stock-sync off", "", "store.stock"),
    ("store add bar --kind karma", "", "store.created"),
    ("store link bar 7 A", "", "item.linked"),
    ("store unlink bar 7", "", "item.unlinked"),
    ("verify --repair", "", "stock.repaired"),
    ("replay {event}", "", "inbox.replayed"),
    ("customer export a@b.example", "", "customer.exported"),
    ("customer erase a@b.example --yes", "", "customer.erased"),
    ("figures rebuild", "", "figures.rebuilt"),
    ("accounting accounts --set accounts.json", "", "books.accounts"),
    ("accounting close --store default --day 2026-11-22", "", "books.closed"),
    ("backup file", "", "backup.written"),
    ("restore --force file", "", "backup.restored"),
    ("subscription add https://erp.example/", "", "webhook.created"),
    ("subscription rotate {subscription}", "", "webhook.rotated"),
    ("subscription resume {subscription}", "", "webhook.resumed"),
    ("subscription remove {subscription}", "", "webhook.deleted"),
    ("store disconnect north", "", "store.disconnected"),
    ("store add unused", "", "store.created"),
    ("store remove unused", "", "store.removed"),
]


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def recorded(db: Db, action: str) -> list[Document]:
    return audit.find(db, Filter(action=action))


# --- routes ---------------------------------------------------------------------------------------------------------


def test_every_route_that_changes_something_leaves_an_entry(
    app: Flask, client: FlaskClient, db: Db, config: Config
) -> None:
    anna = users.add(db, "anna", PASSWORD, "admin")
    staff_actions.add(db, {"sku": "A", "stock": 5}, by="anna")
    settings.add_store(db, config, "bar", kind="karma")
    client.application.extensions["pos"].stores._read_at = float("-inf")
    event = park(client)
    token = {"Authorization": f"Bearer {Tokens(db, config.jwt_secret).of_log_in(anna)[0]}"}
    subscribed = ""
    for route, (call, action) in ROUTES.items():
        method, path = route.split(" ")
        before = len(recorded(db, action))
        reply = client.open(
            path.replace("<key>", event)
            .replace("<path:customer>", "a@b.example")
            .replace("<store>", "bar")
            .replace("<item>", "7")
            .replace("<subscription>", subscribed)
            .replace("<path:delivery>", delivery_id(subscribed, "order:default:1:1")),
            method=method,
            headers=token,
            **call,
        )
        assert reply.status_code < 300, f"{route}: {reply.text}"
        if action == "webhook.created":
            made: Any = reply.json
            subscribed = made.get("data", made)["id"]
            interest_of(db).refresh()
            publish(db, [order_event(1)])
        entries = recorded(db, action)
        assert len(entries) == before + 1, f"{route} left no entry {action}"
        assert entries[0]["who"] == {"kind": "user", "name": "anna", "address": "127.0.0.1"}, route
        assert entries[0]["outcome"] == "done", route


def test_every_route_is_listed_here(app: Flask) -> None:
    changing = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("dashboard.")  # tests/web/dashboard/test_audit.py
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    assert changing == {*ROUTES, *NOT_RECORDED}, "a route is not in the list, or is gone"


def test_a_delivery_of_a_shop_is_in_the_inbox_and_not_in_the_audit(client: FlaskClient, db: Db) -> None:
    body = {"event": "order.created", "data": {"id": 1, "line_items": []}}
    headers = {"X-API-Key": "test-api-key-of-more-than-32-characters"}
    assert client.post("/api/webhooks/orders", json=body, headers=headers).status_code == 200
    assert db.inbox.count_documents({}) == 1
    assert audit.find(db, Filter()) == []


@pytest.mark.parametrize(("path", "action"), EXPORTS.items())
def test_an_export_is_recorded_with_its_filters_but_no_person(
    path: str, action: str, client: FlaskClient, config: Config, db: Db
) -> None:
    token, _ = token_claims.token(config.jwt_secret, "anna", "manager")
    filters, details = _FILTERS[path]
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/csv"}
    assert client.get(path, headers=headers, query_string=filters).status_code == 200
    (entry,) = recorded(db, action)
    assert entry["details"] == details
    assert entry["who"]["name"] == "anna"
    assert client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert len(recorded(db, action)) == 1, "a page is no export"


# --- commands -------------------------------------------------------------------------------------------------------


def leaves(command: click.Command | None, path: str = "") -> Iterator[str]:
    """Every command that does something, by its whole name."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from leaves(command.get_command(context, name), f"{path} {name}".strip())


def test_every_command_is_listed_here() -> None:
    shown = {name for name in leaves(cli.main) if any(f"{line} ".startswith(f"{name} ") for line, _, _ in COMMANDS)}
    assert set(leaves(cli.main)) == {*shown, *READING}, "a command is not in the list, or is gone"


@pytest.fixture
def run(config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Run a command in this process, with the settings of the test."""
    monkeypatch.chdir(tmp_path)
    for name, value in settings_of(config).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SUDO_USER", raising=False)
    handler = signal.getsignal(signal.SIGTERM)

    def run(line: str, stdin: str = "") -> Result:
        return CliRunner().invoke(cli.main, line.split(), input=stdin, catch_exceptions=False)

    yield run
    signal.signal(signal.SIGTERM, handler)


def test_every_command_that_changes_something_leaves_an_entry(run: Any, client: FlaskClient, db: Db) -> None:
    event = park(client)
    Path("accounts.json").write_text(json.dumps(DEFAULT.document()))
    with serving(FakeShop()) as fake:
        fake.products[1] = shop_product(1, "A", 10)
        values = {"url": fake.url, "key": KEY, "secret": SECRET, "event": event}
        for line, stdin, action in COMMANDS:
            before = len(recorded(db, action))
            if stores_key := db.stores.find_one({"_id": "north", "keys": {"$ne": []}}):
                values["prefix"] = stores_key["keys"][0]["prefix"]
            values["subscription"] = next((each["_id"] for each in db.webhook_subscriptions.find()), "")
            values["token"] = next((each["id"] for each in tokens.scripts(db)), "")
            ended = run(line.format_map(values), stdin)
            assert ended.exit_code == 0, f"{line}: {ended.output}"
            entries = recorded(db, action)
            assert len(entries) == before + 1, f"{line} left no entry {action}"
            assert entries[0]["who"] == {"kind": "cli", "name": getpass.getuser()}, line
            assert entries[0]["outcome"] == "done", line
    everything = str(audit.find(db, Filter()))
    assert not any(each in everything for each in (PASSWORD, "another long password", KEY, SECRET))


def test_no_restore_takes_entries_away(run: Any, db: Db) -> None:
    run("backup file")
    audit.record(db, "user.created", target="after the backup")
    first = audit.find(db, Filter())
    assert run("restore --force file").exit_code == 0
    assert [each for each in audit.find(db, Filter()) if each["action"] != "backup.restored"] == first


def test_the_audit_of_a_backup_comes_along(run: Any, db: Db, config: Config) -> None:
    audit.record(db, "user.created", target="before the backup")
    run("backup file")
    db.audit.drop()
    assert run("restore --force file").exit_code == 0
    assert [each["target"] for each in recorded(db, "user")] == ["before the backup"]


# --- the command that shows it --------------------------------------------------------------------------------------


def test_the_audit_is_shown_at_the_command_line(run: Any, db: Db) -> None:
    run("user add berta", f"{PASSWORD}\n")
    run("store add north")
    shown = run("audit --action user").output
    assert shown.count("\n") == 1
    assert "user.created  berta" in shown
    assert f"cli {getpass.getuser()}" in shown
    (line,) = run("audit --target north --json").output.splitlines()
    entry = json.loads(line)
    assert (entry["action"], entry["target"], entry["who"]["kind"]) == ("store.created", "north", "cli")
    assert run("audit --since 2099-01-01").output == ""
    assert run("audit --until 2020-01-01").output == ""
    assert len(run("audit --limit 1").stdout.splitlines()) == 1
    assert run("audit --since yesterday").exit_code == 2


def test_who_became_the_system_user_by_sudo_is_recorded(run: Any, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    run("store add north")
    assert recorded(db, "store.created")[0]["who"]["sudo"] == "anna"
    assert recorded(db, "store.created")[0]["who"]["name"] != "somebody-else"


def test_an_entry_can_not_command_the_terminal_that_shows_it(run: Any, db: Db) -> None:
    audit.record(db, "stock.counted", target="\x1b[2J\nA", details={"note": "\x1b[2J"})
    shown = run("audit").output
    assert "\x1b" not in shown
    assert shown.count("\n") == 1


# --- GET /api/audit -------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(config: Config) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_claims.token(config.jwt_secret, 'anna', 'admin')[0]}"}


def test_admins_read_the_audit_and_nobody_else(client: FlaskClient, config: Config, admin: dict[str, str]) -> None:
    assert client.get("/api/audit", headers=admin).status_code == 200
    manager, _ = token_claims.token(config.jwt_secret, "berta", "manager")
    assert client.get("/api/audit", headers={"Authorization": f"Bearer {manager}"}).status_code == 403
    assert client.get("/api/audit").status_code == 401


def test_the_audit_is_listed_by_page_and_filter(client: FlaskClient, db: Db, admin: dict[str, str]) -> None:
    for number in range(5):
        staff_actions.add(db, {"sku": f"S{number}", "price": None}, by="anna")

    def listed(**query: Any) -> Any:
        reply = client.get("/api/audit", headers=admin, query_string=query)
        assert reply.status_code == 200, reply.json
        return reply.json

    def page_after(cursor: str) -> Any:
        return listed(action="product", limit=2, **({"cursor": cursor} if cursor else {}))

    assert sorted(entry["target"] for entry in read_all(page_after)) == ["S0", "S1", "S2", "S3", "S4"]
    assert [entry["target"] for entry in listed(target="S3")["data"]] == ["S3"]
    assert listed(who="berta")["data"] == []
    assert listed(until="2020-01-01")["data"] == []
    assert len(listed(since="2020-01-01", action="product.created")["data"]) == 5
    entry = listed(target="S0")["data"][0]
    assert set(entry) == {"id", "time", "action", "who", "target", "details", "outcome"}


@pytest.mark.parametrize("query", ["since=yesterday", "until=2026-13-01", "action=", "cursor=x", "other=1"])
def test_what_the_audit_can_not_be_asked_is_refused(client: FlaskClient, admin: dict[str, str], query: str) -> None:
    assert client.get(f"/api/audit?{query}", headers=admin).status_code in (400, 422)


def test_every_action_and_reason_is_in_the_docs() -> None:
    root = ROOT
    text = (root / "docs/operations.md").read_text()
    documented: set[str] = set()
    for row in re.findall(r"^\| (`[a-z]+\.[a-z]+`.*?) \|", text, re.MULTILINE):
        names = re.findall(r"`([a-z]*\.[a-z]+)`", row)
        noun = names[0].partition(".")[0]
        documented |= {noun + name if name.startswith(".") else name for name in names}
    recorded = {action for _, action in ROUTES.values()} | set(EXPORTS.values())
    recorded |= {action for _, _, action in COMMANDS} | {"login.failed", "authentication.failed"}
    assert recorded <= documented
    source = "".join(file.read_text() for file in (root / "pos_api").rglob("*.py"))
    reasons = re.findall(r"Unauthorized\(.*?reason=\"([^\"]+)\"", source, re.DOTALL)
    assert len(set(reasons)) > 5
    assert {reason for reason in reasons if f"`{reason}`" not in text} == set()
