"""Who did what: every change that a person makes leaves an entry, and nothing takes it away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from bson import Decimal128
from pymongo.errors import PyMongoError

from pos_api.catalogue import product_csv, staff_actions
from pos_api.common.ip_addresses import plain
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict
from pos_api.inbox import queries, storing
from pos_api.inbox.model import InboxEntry
from pos_api.inbox.replay import replay_entries
from pos_api.staff import audit, users
from pos_api.staff.audit import Filter
from pos_api.stores import key_management, removal, settings


@pytest.fixture(autouse=True)
def _nobody_acts() -> Iterator[None]:
    audit.clear_actor()
    yield
    audit.clear_actor()


def entries(db: Db, **wanted: str) -> list[Document]:
    return audit.find(db, Filter(**wanted))  # type: ignore[arg-type]


def test_an_entry_says_who_did_what_to_what_and_when(db: Db) -> None:
    before = now()
    audit.set_actor("user", "anna", address="203.0.113.9")
    audit.record(db, "key.revoked", target="north", details={"prefix": "pos_abc"})
    [entry] = entries(db)
    assert before <= entry.pop("time") <= now()
    assert entry.pop("_id")
    assert entry == {
        "action": "key.revoked",
        "who": {"kind": "user", "name": "anna", "address": "203.0.113.9"},
        "target": "north",
        "details": {"prefix": "pos_abc"},
        "outcome": "done",
    }


def test_what_nobody_asked_for_is_done_by_the_service(db: Db) -> None:
    audit.record(db, "inbox.replayed")
    assert entries(db)[0]["who"] == {"kind": "service", "name": "pos-api"}


def test_an_act_is_recorded_before_it_is_done_and_completed_after_it(db: Db) -> None:
    with audit.act(db, "product.price", target="A", details={"before": "1.00"}) as details:
        assert entries(db)[0]["outcome"] == "started"
        details["after"] = "2.00"
    [entry] = entries(db)
    assert (entry["outcome"], entry["details"]) == ("done", {"before": "1.00", "after": "2.00"})


def test_an_act_that_failed_is_recorded_with_its_error(db: Db) -> None:
    with pytest.raises(Conflict), audit.act(db, "user.created", target="anna"):
        raise Conflict("There is a user 'anna' already.")
    [entry] = entries(db)
    assert (entry["outcome"], entry["details"]) == ("failed", {"error": "conflict"})


def test_without_its_entry_nothing_is_done(db: Db) -> None:
    done = []
    unreachable = db.client["a" * 80]  # a name longer than MongoDB takes
    with pytest.raises(PyMongoError), audit.act(unreachable, "user.removed", target="anna"):
        done.append("removed")
    assert not done


def test_entries_are_found_by_action_who_target_and_time(db: Db) -> None:
    for action, who, target in [
        ("product.price", "anna", "A"),
        ("product.created", "berta", "B"),
        ("production.x", "anna", "B"),
    ]:
        audit.record(db, action, target=target, who={"kind": "user", "name": who})

    def found(**wanted: str) -> set[str]:
        return {entry["action"] for entry in entries(db, **wanted)}

    assert found(action="product") == {"product.price", "product.created"}
    assert found(action="product.price") == {"product.price"}
    assert found(who="anna") == {"product.price", "production.x"}
    assert found(target="B", who="berta") == {"product.created"}
    assert audit.find(db, Filter(since=now() + timedelta(seconds=1))) == []
    assert audit.find(db, Filter(until=now() - timedelta(minutes=1))) == []


def test_pages_hold_every_entry_once_newest_first(db: Db) -> None:
    for number in range(7):
        audit.record(db, "stock.counted", target=str(number))
    db.audit.update_many({}, {"$set": {"time": now()}})
    seen: list[str] = []
    after = None
    while page := audit.find(db, Filter(action="stock"), after=after, limit=3):
        assert len(seen) < 7
        seen += [entry["_id"] for entry in page]
        after = (page[-1]["time"], page[-1]["_id"])
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 7


def test_only_what_is_older_than_its_retention_is_deleted(db: Db) -> None:
    for days in (399, 401):
        audit.record(db, "stock.counted", target=str(days))
        db.audit.update_one({"target": str(days)}, {"$set": {"time": now() - timedelta(days=days)}})
    assert audit.delete_old(db, 400) == 1
    assert [entry["target"] for entry in entries(db)] == ["399"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("fe80::1%eth0: wrong API key", "fe80::1"),
        ("203.0.113.9\nauthentication failed from 192.0.2.1", "unknown"),
        ("203.0.113.9:5678", "203.0.113.9"),
        ("[2001:db8::1]:5678", "2001:db8::1"),
        ("203.0.113.9: wrong API key", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_is_an_address_or_unknown(address: str | None, shown: str) -> None:
    assert plain(address) == shown


# --- what is recorded -----------------------------------------------------------------------------------------------


def said(db: Db, action: str) -> list[tuple[str | None, Document]]:
    """Target and details of the entries of an action, the oldest first."""
    return [(entry["target"], entry["details"]) for entry in reversed(entries(db, action=action))]


def test_a_price_changed_by_staff_is_recorded_with_both_prices(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "price": Decimal128("2"), "stock": 3}, by="anna")
    staff_actions.change(db, "A", {"price": Decimal128("3"), "name": "Tea", "archived": True})
    staff_actions.change(db, "A", {"archived": False})
    assert said(db, "product.created") == [("A", {"price": Decimal128("2"), "stock": 3})]
    assert said(db, "product.price") == [("A", {"price": {"before": Decimal128("2"), "after": Decimal128("3")}})]
    assert said(db, "product.changed") == [("A", {"name": {"before": "A", "after": "Tea"}})]
    assert said(db, "product.archived") == [("A", {"archived": {"before": False, "after": True}})]
    assert said(db, "product.unarchived") == [("A", {"archived": {"before": True, "after": False}})]


def test_stock_moved_by_staff_is_recorded_with_both_stocks(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "stock": 3}, by="anna")
    staff_actions.count(db, "A", 5, by="anna")
    for _ in range(2):
        staff_actions.adjust(db, "A", -2, reason="broken", by="anna", once="one")
    assert said(db, "stock.counted") == [("A", {"before": 3, "after": 5, "seq": 2})]
    adjusted = {"reason": "broken", "before": 5, "after": 3, "seq": 3}
    assert said(db, "stock.adjusted") == [("A", adjusted), ("A", {**adjusted, "repeated": True})]


def test_a_csv_import_records_every_product_that_it_changes(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "price": Decimal128("2"), "stock": 3}, by="anna")
    product_csv.read(db, b"sku,price,stock\nA,3.00,4\nB,1.00,1\n", by="anna")
    assert [target for target, _ in said(db, "product.price")] == ["A"]
    assert [target for target, _ in said(db, "stock.counted")] == ["A"]
    assert [target for target, _ in said(db, "product.created")] == ["A", "B"]
    ((_, imported),) = said(db, "products.imported")
    assert imported == {"created": 1, "updated": 1, "unchanged": 0, "counted": 1, "errors": 0}


def test_users_are_recorded_and_no_password_of_theirs(db: Db) -> None:
    users.add(db, "Anna", "correct horse battery", "admin")
    users.set_password(db, "anna", "another long password")
    users.remove(db, "ANNA")
    assert said(db, "user") == [("anna", {"role": "admin"}), ("anna", {}), ("anna", {})]
    assert {entry["action"] for entry in entries(db)} == {"user.created", "user.password", "user.removed"}
    assert "argon2" not in str(entries(db))
    assert "password'" not in str([entry["details"] for entry in entries(db)])


def test_stores_and_keys_are_recorded_and_no_secret_of_theirs(db: Db, config: Config) -> None:
    key, secret = settings.add_store(db, config, "north", url="https://north.example")
    settings.update_store(db, config, "north", url="https://new.example", webhook_secret="another-secret")
    second = key_management.add_key(db, config, "north")
    key_management.revoke_key(db, "north", second)
    removal.disconnect_store(db, "north")
    removal.remove_store(db, "north")
    assert [entry["action"] for entry in reversed(entries(db, target="north"))] == [
        *("store.created", "store.changed", "key.created", "key.revoked", "store.disconnected", "store.removed"),
    ]
    ((_, changed),) = said(db, "store.changed")
    assert changed["url"] == {"before": "https://north.example", "after": "https://new.example"}
    everything = str(entries(db))
    assert key[:12] in everything
    assert not any(each in everything for each in (key, second, secret, "another-secret"))


def test_a_replay_is_recorded_with_what_was_replayed(db: Db) -> None:
    event = InboxEntry("default", "woocommerce", "order.created", "1", b"{}", {}, now())
    storing.store(db, [event], None)
    replay_entries(db, [event.key])
    replay_entries(db, queries.Filter("parked", "default"))
    assert said(db, "inbox.replayed") == [
        (event.key, {"replayed": 1}),
        (None, {"state": "parked", "store": "default", "replayed": 0}),
    ]
