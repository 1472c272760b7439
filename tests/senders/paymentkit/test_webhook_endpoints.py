"""PaymentKit's client makes and changes subscriptions under its own names: as its requests were recorded, and by the
client itself (npm @blocklet/payment-js) where PAYMENT_JS_DIR names a folder in which it was installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient

from pos_api.config import Config
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.staff import token_claims
from pos_api.stores import key_management
from tests.paths import TESTS
from tests.senders.paymentkit.events import KEY, component_headers, public_key
from tests.senders.provider_stores import add_store, forget_cached_stores
from tests.web.serving import serving

URL = "/api/webhook-endpoints"
TARGET = "https://erp.example/hooks"
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
NEW = {"url": TARGET, "enabled_events": ["order.*"], "description": "Bücher", "metadata": {"a": "b", "n": 1}}


@pytest.fixture
def kit(client: FlaskClient, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The service with an application of PaymentKit."""
    monkeypatch.setattr(recently_read, "MAX_AGE", 0.0)
    add_store(db, config, "kit-1", "paymentkit", orders_of="default", public_key=public_key())
    forget_cached_stores(client)
    return client


def call(client: FlaskClient, method: str, path: str, json_body: Any = None, key: Any = KEY, **query: str) -> Any:
    """As the client sends it: signed over method, path, query and body."""
    text = "&".join(f"{name}={value}" for name, value in {**query, "livemode": "false"}.items())
    url = f"{URL}{path}?{text}"
    body = b"" if json_body is None else json.dumps(json_body, ensure_ascii=False).encode()
    headers = component_headers(body or b"{}", url, key, method=method.lower())
    return client.open(url, method=method, data=body, headers=headers)


def test_the_requests_of_its_client_make_list_change_and_remove_a_subscription(kit: FlaskClient, db: Db) -> None:
    made = call(kit, "POST", "", NEW).json
    assert made["secret"].startswith("whsec_")
    assert {name: made[name] for name in ("url", "enabled_events", "description", "metadata", "status")} == {
        **NEW,
        "metadata": {"a": "b", "n": "1"},
        "status": "enabled",
    }
    assert (made["livemode"], made["created_via"]) == (False, "api")
    path = f"/{made['id']}"
    shown = call(kit, "GET", path).json
    assert {**shown, "secret": made["secret"]} == made
    assert call(kit, "GET", "", page="1", size="10").json == {"list": [shown], "count": 1}
    assert call(kit, "GET", "", page="2", size="10").json == {"list": [], "count": 1}
    changed = call(kit, "PUT", path, {"status": "disabled", "enabled_events": ["*"]}).json
    assert (changed["status"], changed["enabled_events"], changed["url"]) == ("disabled", ["*"], TARGET)
    stored = db.webhook_subscriptions.find_one({"_id": made["id"]})
    assert stored is not None
    assert (stored["active"], stored["events"], stored["signature"]) == (False, ["*"], "standard")
    assert call(kit, "DELETE", path).json["id"] == made["id"]
    assert call(kit, "GET", path).status_code == 404
    who = [each["who"] for each in db.audit.find({"action": "webhook.created"})]
    assert [(each["kind"], each["name"], each["store"]) for each in who] == [("application", "kit-1", "kit-1")]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({**NEW, "url": "http://erp.example/"}, "url"),
        ({**NEW, "enabled_events": ["payment_intent.succeeded"]}, "enabled_events"),
        ({**NEW, "enabled_events": []}, "enabled_events"),
        ({**NEW, "status": "on"}, "status"),
        ({**NEW, "metadata": {"a": "x" * 501}}, "metadata"),
        ({"url": TARGET}, "enabled_events"),
    ],
)
def test_what_can_not_be_used_is_refused(kit: FlaskClient, given: Any, field: str) -> None:
    reply = call(kit, "POST", "", given)
    assert (reply.status_code, list(reply.json["error"]["details"])) == (422, [field])


def test_only_this_request_of_this_application_is_signed(kit: FlaskClient, db: Db) -> None:
    made = call(kit, "POST", "", NEW).json
    path = f"{URL}/{made['id']}?livemode=false"
    read = component_headers(b"{}", path, method="get")
    assert kit.get(path, headers=read).status_code == 200
    assert kit.delete(path, headers=read).status_code == 401  # another method
    assert kit.get(f"{URL}?livemode=false", headers=read).status_code == 401  # another path
    assert kit.get(path.replace("false", "true"), headers=read).status_code == 401  # another query
    assert kit.get(path, headers=component_headers(b"{}", path, OTHER_KEY, method="get")).status_code == 401
    assert kit.get(path, headers=component_headers(b"{}", path, method="get", ahead=-600)).status_code == 401
    put = component_headers(b'{"status":"enabled"}', path, method="put")
    assert kit.put(path, data=b'{"status":"disabled"}', headers=put).status_code == 401  # another body
    listed = "/api/v1/webhooks/subscriptions"
    assert kit.get(listed, headers=component_headers(b"{}", listed, method="get")).status_code == 401
    assert db.webhook_subscriptions.count_documents({}) == 1


def test_an_application_reaches_only_what_it_made_and_the_events_of_its_store(
    kit: FlaskClient, db: Db, config: Config
) -> None:
    add_store(db, config, "kit-2", "paymentkit", orders_of="default", public_key=public_key(OTHER_KEY))
    key = key_management.add_key(db, config, "default", scopes=["subscriptions"])
    forget_cached_stores(kit)
    own = call(kit, "POST", "", {**NEW, "enabled_events": ["*"]}).json["id"]
    others = call(kit, "POST", "", NEW, OTHER_KEY).json["id"]
    staffs = kit.post(URL, json=NEW, headers={"X-API-Key": key}).json["id"]  # type: ignore[index]
    stores = {each["_id"]: each["stores"] for each in db.webhook_subscriptions.find()}
    assert stores == {own: ["kit-1"], others: ["kit-2"], staffs: []}
    listed = call(kit, "GET", "").json
    assert ([each["id"] for each in listed["list"]], listed["count"]) == ([own], 1)
    for foreign in (others, staffs):
        for method, body in (("GET", None), ("PUT", {"status": "disabled"}), ("DELETE", None)):
            assert call(kit, method, f"/{foreign}", body).status_code == 404, method
    assert db.webhook_subscriptions.count_documents({"active": True}) == 3
    assert kit.get(URL, headers={"X-API-Key": key}).json["count"] == 3  # type: ignore[index]
    assert call(kit, "PUT", f"/{own}", {"enabled_events": ["payment.*"]}).status_code == 200
    assert [each["stores"] for each in db.webhook_subscriptions.find({"_id": own})] == [["kit-1"]]
    assert call(kit, "DELETE", f"/{own}").status_code == 200


def test_a_user_of_a_stores_name_shares_nothing_with_its_application(kit: FlaskClient, config: Config, db: Db) -> None:
    token = token_claims.token(config.jwt_secret, "kit-1", "manager")[0]
    kit.post(URL, json=NEW, headers={"Authorization": f"Bearer {token}"})
    assert db.webhook_subscriptions.count_documents({"created_by": "kit-1"}) == 1
    assert call(kit, "GET", "").json == {"list": [], "count": 0}


def test_keys_of_the_scope_subscriptions_come_in_too(kit: FlaskClient, db: Db, config: Config) -> None:
    key = key_management.add_key(db, config, "default", scopes=["subscriptions"])
    orders = key_management.add_key(db, config, "default", scopes=["orders"])
    forget_cached_stores(kit)
    assert kit.post(URL, json=NEW, headers={"X-API-Key": key}).status_code == 200
    assert kit.get(URL, headers={"Authorization": f"Bearer {key}"}).json["count"] == 1  # type: ignore[index]
    assert kit.get(URL, headers={"X-API-Key": orders}).status_code == 403
    assert kit.get(URL).status_code == 401


# --- the client itself ------------------------------------------------------------------------------------------------

_DIRECTORY = os.environ.get("PAYMENT_JS_DIR", "")


@pytest.fixture
def port(kit: FlaskClient, app: Flask) -> Iterator[int]:
    """The service on a port."""
    with serving(app, threads=2) as port:
        yield port


@pytest.mark.skipif(not _DIRECTORY, reason="PaymentKit's client is needed: set PAYMENT_JS_DIR")
@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is needed")
def test_its_real_client_works_unchanged(port: int, db: Db) -> None:
    secret_key = KEY.private_bytes_raw().hex() + public_key()
    script = TESTS / "senders" / "paymentkit" / "webhook_endpoints.js"
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": os.path.join(_DIRECTORY, "node_modules")}
    ended = subprocess.run(
        ["node", str(script), str(port), secret_key, TARGET],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    [steps] = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("[{")]
    created, retrieved, updated, listed, deleted, empty, error = steps
    assert {**retrieved, "secret": created["secret"]} == created
    assert (updated["status"], updated["enabled_events"]) == ("disabled", ["*"])
    assert listed == {"list": [updated], "count": 1}
    assert deleted == updated
    assert empty == {"list": [], "count": 0}
    assert error == {"status": 404}
