"""A backup brings everything back as it was, or says that it can't; it never half does either."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import struct
import subprocess
import sys
import uuid
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from pos_api.collections import COLLECTIONS
from pos_api.common.sealed_file import SEAL_BYTES, Key
from pos_api.config import Config, ConfigError
from pos_api.database import backup, embedded
from pos_api.database.client import Db, connect, open_database
from pos_api.database.collections import ensure_indexes
from pos_api.errors import Conflict, Invalid
from pos_api.figures import queries as stats
from pos_api.orders import apply as orders
from tests.backups import restore
from tests.conftest import fresh_database
from tests.factories import order_update

KEY = Key(Fernet.generate_key().decode())
ORDER = {
    "_id": "default:1",
    "total": Decimal128(Decimal("12.30")),
    "created_at": datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
    "line_items": [{"sku": "Å/ä 1", "quantity": 2, "n": Int64(2**40)}],
    "note": "\u0000 and \U0001f4e6",
}
EVENT = {"_id": "e" * 64, "body": Binary(bytes(range(256))), "state": "parked"}


@pytest.fixture
def other(mongodb_uri: str) -> Iterator[Db]:
    """Another, empty database."""
    opened = open_database(fresh_database(mongodb_uri))
    yield opened
    opened.client.drop_database(opened.name)
    opened.client.close()


@pytest.fixture
def filled(db: Db) -> Db:
    db.orders.insert_one(ORDER)
    db.inbox.insert_one(EVENT)
    db.products.insert_many({"_id": f"SKU {n}", "skus": [f"SKU {n}"], "stock": n} for n in range(2_500))
    db["a collection of a later version"].insert_one({"_id": 1})
    return db


def content(db: Db) -> dict[str, list[Any]]:
    """Every document's bytes, empty collections aside; not the layout, which a test's own database may not have, nor
    what the server notes of queries."""
    found = {name: sorted(bson.encode(each) for each in db[name].find()) for name in sorted(db.list_collection_names())}
    of_the_server = ("layout", "system.profile")
    return {name: documents for name, documents in found.items() if documents and name not in of_the_server}


@pytest.mark.parametrize("encrypt", [False, True])
def test_everything_comes_back_as_it_was(encrypt: bool, filled: Db, other: Db, tmp_path: Path) -> None:
    written = backup.write(filled, COLLECTIONS, tmp_path / "file", KEY, encrypt=encrypt)
    restored = restore(other, tmp_path / "file", [KEY])
    assert content(other) == content(filled)
    assert restored == written
    assert {name: each.documents for name, each in written.items() if each.documents} == {
        "inbox": 1,
        "orders": 1,
        "products": 2_500,
        "a collection of a later version": 1,
    }


def test_figures_are_counted_anew_from_the_orders_that_came_back(db: Db, other: Db, tmp_path: Path) -> None:
    ensure_indexes(other, COLLECTIONS)
    for each, number in ((db, 1), (other, 2)):
        moment = datetime(2026, 11, number, tzinfo=UTC)
        fields = {"status": "completed", "currency": "SEK", "customer_id": 7, "total": Decimal128("10.00")}
        orders.apply(each, [order_update(number, fields, moment, kind="created")])
        assert stats.figures(each)["currencies"][0]["new_customers"] == 1

    backup.write(db, COLLECTIONS, tmp_path / "file", KEY)
    stats.figures(db)
    restore(other, tmp_path / "file", [KEY], force=True)

    assert stats.figures(other) == stats.figures(db)
    assert stats.figures(other)["from"] == "2026-11-01"


def test_a_restored_database_does_not_pass_for_gone_over(db: Db, other: Db, tmp_path: Path) -> None:
    """A pass over the orders that ends while they are backed up would count for orders that it had not come to."""
    db.orders.insert_one(ORDER)
    db.upkeep.insert_one({"_id": "orders", "wanted": {"version": 1, "order_meta": []}, "last": None})
    backup.write(db, COLLECTIONS, tmp_path / "file", KEY)
    restore(other, tmp_path / "file", [KEY], force=True)
    assert other.upkeep.count_documents({}) == 0


def test_a_restored_database_has_its_indexes(filled: Db, other: Db, tmp_path: Path) -> None:
    backup.write(filled, COLLECTIONS, tmp_path / "file", KEY)
    restore(other, tmp_path / "file", [KEY])
    for name in (each.name for each in COLLECTIONS if each.indexes):
        assert other[name].index_information() == filled[name].index_information()


def test_it_moves_from_a_server_to_the_embedded_store_and_back(
    filled: Db, other: Db, config: Config, tmp_path: Path
) -> None:
    backup.write(filled, COLLECTIONS, tmp_path / "from server", KEY)
    own = open_database(embedded.uri(config.data_dir))
    try:
        restore(own, tmp_path / "from server", [KEY])
        backup.write(own, COLLECTIONS, tmp_path / "from embedded", KEY)
    finally:
        own.client.close()
        embedded.release()
    restore(other, tmp_path / "from embedded", [KEY])
    assert content(other) == content(filled)


def test_only_an_empty_database_is_restored_into(filled: Db, tmp_path: Path) -> None:
    backup.write(filled, COLLECTIONS, tmp_path / "file", KEY)
    filled.orders.update_one({}, {"$set": {"changed": True}})
    before = content(filled)
    with pytest.raises(Conflict, match=r"not empty .*orders.*--force"):
        restore(filled, tmp_path / "file", [KEY])
    assert content(filled) == before


def test_force_replaces_everything(filled: Db, other: Db, tmp_path: Path) -> None:
    backup.write(filled, COLLECTIONS, tmp_path / "file", KEY)
    other.customers.insert_one({"_id": "not in the backup"})
    other.orders.insert_one({"_id": "default:1", "total": "another"})
    restore(other, tmp_path / "file", [KEY], force=True)
    assert content(other) == content(filled)


@pytest.fixture(scope="module", params=["plain", "encrypted"])
def sealed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str) -> bytes:
    file = tmp_path_factory.mktemp("backup") / "file"
    db = open_database(fresh_database(mongodb_uri))
    db.orders.insert_many({**ORDER, "_id": f"default:{n}"} for n in range(20))
    backup.write(db, COLLECTIONS, file, KEY, encrypt=request.param == "encrypted")
    db.client.drop_database(db.name)
    db.client.close()
    return file.read_bytes()


@pytest.fixture(scope="module")
def empty(mongodb_uri: str) -> Iterator[Db]:
    db = open_database(fresh_database(mongodb_uri))
    yield db
    db.client.drop_database(db.name)
    db.client.close()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_an_altered_file_is_refused_before_anything_is_written(
    data: st.DataObject, sealed: bytes, empty: Db, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = data.draw(st.integers(0, len(sealed) - 1))
    altered = bytearray(sealed)
    altered[at] ^= data.draw(st.integers(1, 255))
    file = tmp_path_factory.mktemp("altered") / "file"
    file.write_bytes(altered)
    with pytest.raises(Invalid, match="nothing was restored"):
        restore(empty, file, [KEY], force=True)
    assert empty.list_collection_names() == []


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_cut_or_longer_file_is_refused_before_anything_is_written(
    data: st.DataObject, sealed: bytes, empty: Db, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("cut") / "file"
    kept = data.draw(st.integers(0, len(sealed) - 1))
    file.write_bytes(data.draw(st.sampled_from([sealed[:kept], sealed[kept + 1 :], sealed + sealed[:kept] + b"\n"])))
    with pytest.raises(Invalid, match="nothing was restored"):
        restore(empty, file, [KEY])
    assert empty.list_collection_names() == []


def test_a_file_of_another_installation_is_refused_unless_it_is_asked_for(
    filled: Db, other: Db, tmp_path: Path
) -> None:
    another = Key(Fernet.generate_key().decode())
    backup.write(filled, COLLECTIONS, tmp_path / "file", another)
    for keys in ([KEY], []):
        with pytest.raises(Invalid, match=r"can't be trusted: none of SECRETS_KEYS made it.*nothing was restored"):
            restore(other, tmp_path / "file", keys, force=True)
    assert content(other) == {}
    restore(other, tmp_path / "file", [KEY], unsealed=True)
    assert content(other) == content(filled)


def test_a_former_key_restores_too(filled: Db, other: Db, tmp_path: Path) -> None:
    backup.write(filled, COLLECTIONS, tmp_path / "file", KEY, encrypt=True)
    restore(other, tmp_path / "file", [Key(Fernet.generate_key().decode()), KEY])
    assert content(other) == content(filled)


def test_an_encrypted_backup_shows_nothing(filled: Db, other: Db, tmp_path: Path) -> None:
    backup.write(filled, COLLECTIONS, tmp_path / "file", KEY, encrypt=True)
    data = (tmp_path / "file").read_bytes()
    assert b"products" not in data
    assert not zipfile.is_zipfile(tmp_path / "file")
    with pytest.raises(Invalid, match="none of SECRETS_KEYS"):
        restore(other, tmp_path / "file", [], unsealed=True)


def test_keys_come_from_the_settings(config: Config) -> None:
    assert [key.id for key in backup.keys(config)] == [Key(secret).id for secret in config.secrets_keys]
    with pytest.raises(ConfigError, match="SECRETS_KEYS is not set"):
        backup.keys(replace(config, secrets_keys=()))
    with pytest.raises(ConfigError, match="not a Fernet key"):
        backup.keys(replace(config, secrets_keys=("short",)))


def documents(*given: dict[str, Any]) -> bytes:
    return b"".join(bson.encode(each) for each in given)


def deep(levels: int) -> bytes:
    """A document in a document in a document…"""
    inside = b"\x05\0\0\0\0"
    for _ in range(levels):
        inside = struct.pack("<i", len(inside) + 8) + b"\x03a\0" + inside + b"\0"
    return struct.pack("<i", len(inside) + 23) + b"\x02_id\0\x02\0\0\0a\0\x03b\0" + inside + b"\0"


def described(data: bytes, count: int = 1) -> dict[str, Any]:
    return {"documents": count, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def about(**collections: Any) -> str:
    return json.dumps({"format": "pos-api backup 2", "layout": 1, "collections": collections})


def forged(file: Path, manifest: str | None, members: dict[str, bytes]) -> None:
    """A file that is sealed as it should be, so that only its content is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that is there twice
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name.rstrip("\n"), data)
            if manifest is not None:
                archive.writestr("manifest.json", manifest)
            archive.comment = b"0" * SEAL_BYTES
    with file.open("r+b") as out:
        size = out.seek(-SEAL_BYTES, os.SEEK_END)
        seal = KEY.seal(out, size)
        out.seek(size)
        out.write(seal)


ONE = documents({"_id": 1})
TWICE = documents({"_id": 1}, {"_id": 1})
SAME_SKU = documents({"_id": "A", "skus": ["A"]}, {"_id": "B", "skus": ["A"]})
FORGED: dict[str, tuple[str | None, dict[str, bytes]]] = {
    "no manifest": (None, {}),
    "manifest is no JSON": ("{", {}),
    "manifest is a list": ("[]", {}),
    "manifest says nothing": ("{}", {}),
    "manifest is nested too deep": ("[" * 100_000, {}),
    "manifest is long": (" " * 2_000_000, {}),
    "another format": (json.dumps({"format": {"a": 1}, "collections": {}}), {}),
    "another layout": (json.dumps({"format": "pos-api backup 2", "layout": 0, "collections": {}}), {}),
    "no layout": (json.dumps({"format": "pos-api backup 2", "collections": {}}), {}),
    "collections are a number": (json.dumps({"format": "pos-api backup 2", "layout": 1, "collections": 7}), {}),
    "a collection is described by a text": (about(inbox="x"), {"inbox.bson": ONE}),
    "a description with something else": (about(inbox={**described(ONE), "x": 1}), {"inbox.bson": ONE}),
    "another checksum": (about(inbox={**described(ONE), "sha256": "0" * 64}), {"inbox.bson": ONE}),
    "another number": (about(inbox=described(ONE, 2)), {"inbox.bson": ONE}),
    "a collection is missing": (about(inbox=described(ONE)), {}),
    "a collection too many": (about(), {"inbox.bson": ONE}),
    "a collection twice": (about(inbox=described(ONE)), {"inbox.bson": ONE, "inbox.bson\n": ONE}),
    "MongoDB's own collection": (about(**{"system.users": described(ONE)}), {"system.users.bson": ONE}),
    "no name": (about(**{"": described(ONE)}), {".bson": ONE}),
    "a name with a dollar": (about(**{"a$b": described(ONE)}), {"a$b.bson": ONE}),
    "a name without end": (about(**{"x" * 1000: described(ONE)}), {"x" * 1000 + ".bson": ONE}),
    "not BSON": (about(inbox=described(b"text text text")), {"inbox.bson": b"text text text"}),
    "a document of 2 GB": (about(inbox=described(b"\xff\xff\xff\x7f")), {"inbox.bson": b"\xff\xff\xff\x7f"}),
    "a document of no size": (about(inbox=described(b"\0" * 1_000_000)), {"inbox.bson": b"\0" * 1_000_000}),
    "half a document": (about(inbox=described(ONE[:-3])), {"inbox.bson": ONE[:-3]}),
    "a document without an id": (about(inbox=described(documents({"a": 1}))), {"inbox.bson": documents({"a": 1})}),
    "a document nested too deep": (about(inbox=described(deep(1_000))), {"inbox.bson": deep(1_000)}),
    "a document nested far too deep": (about(inbox=described(deep(100_000))), {"inbox.bson": deep(100_000)}),
    "an id twice": (about(inbox=described(TWICE, 2)), {"inbox.bson": TWICE}),
    "a SKU twice": (about(products=described(SAME_SKU, 2)), {"products.bson": SAME_SKU}),
}


@pytest.mark.parametrize("case", FORGED)
def test_nothing_is_dropped_before_all_of_the_file_is_known_to_be_usable(case: str, db: Db, tmp_path: Path) -> None:
    db.orders.insert_one(ORDER)
    before = content(db)
    forged(tmp_path / "file", *FORGED[case])
    with pytest.raises(Invalid, match="nothing was restored") as refused:
        restore(db, tmp_path / "file", [KEY], force=True)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 500
    assert content(db) == before
    assert not [name for name in db.list_collection_names() if name.startswith("restore")], "it leaves nothing behind"


@pytest.mark.parametrize("case", ["an id twice", "a SKU twice", "a document nested too deep"])
def test_an_empty_database_stays_empty_when_something_cant_be_loaded(case: str, db: Db, tmp_path: Path) -> None:
    forged(tmp_path / "file", *FORGED[case])
    with pytest.raises(Invalid, match="nothing was restored"):
        restore(db, tmp_path / "file", [KEY])
    assert content(db) == {}


def test_what_a_killed_restore_left_behind_is_no_part_of_a_backup(filled: Db, other: Db, tmp_path: Path) -> None:
    filled["restore-trial inbox"].insert_one({"_id": 1})
    other["restore-trial products"].insert_one({"_id": 1})
    assert "restore-trial inbox" not in backup.write(filled, COLLECTIONS, tmp_path / "file", KEY)
    restore(other, tmp_path / "file", [KEY], force=True)
    assert "restore-trial products" not in other.list_collection_names()


def test_a_file_that_is_no_backup_is_refused(empty: Db, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can't be read: No such file"):
        restore(empty, tmp_path / "nothing", [KEY])
    with zipfile.ZipFile(tmp_path / "a zip", "w") as archive:
        archive.writestr("manifest.json", "{}")
    with pytest.raises(Invalid, match="nothing was restored"):
        restore(empty, tmp_path / "a zip", [KEY])


def test_a_backup_that_fails_leaves_the_former_one(filled: Db, tmp_path: Path) -> None:
    file = tmp_path / "file"
    backup.write(filled, COLLECTIONS, file, KEY)
    former = file.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    filled["a big one"].insert_many({"_id": n, "noise": uuid.uuid4().bytes * 64} for n in range(2_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limit[1]))
    try:
        with pytest.raises(Invalid, match="can't be written: File too large"):
            backup.write(filled, COLLECTIONS, file, KEY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert file.read_bytes() == former
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_no_file_is_not_replaced(filled: Db, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"  # as /dev/null is one for root
    os.mkfifo(pipe)
    with pytest.raises(Invalid, match="pipe can't be written: it is no file"):
        backup.write(filled, COLLECTIONS, pipe, KEY)
    assert pipe.is_fifo()


def test_only_its_owner_can_read_it(filled: Db, tmp_path: Path) -> None:
    backup.write(filled, COLLECTIONS, tmp_path / "file", KEY)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


MEASURE = """
import resource, sys
from pathlib import Path
from pos_api.collections import COLLECTIONS
from pos_api.common import sealed_file
from pos_api.database import backup, client, restore

opened = client.open_database(sys.argv[1])
file = Path(sys.argv[2])
key = sealed_file.Key(sys.argv[4])
backup.write(opened, COLLECTIONS, file, key, encrypt=sys.argv[3] == 'encrypted')
with restore.checked(opened, COLLECTIONS, file, [key], force=True) as checked:
    checked.run()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
opened.client.close()
"""


@pytest.mark.parametrize("form", ["plain", "encrypted"])
def test_memory_stays_the_same_however_much_there_is(form: str, db: Db, config: Config, tmp_path: Path) -> None:
    def peak_kilobytes() -> int:
        key = Fernet.generate_key().decode()
        command = [sys.executable, "-c", MEASURE, str(config.mongodb_uri), str(tmp_path / "file"), form, key]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    padding = "x" * 50_000
    db.inbox.insert_many({"_id": str(n), "body": padding} for n in range(400))
    little = peak_kilobytes()
    for part in range(10):
        db.inbox.insert_many({"_id": f"{part} {n}", "body": padding} for n in range(400))
    assert peak_kilobytes() - little < 40_000, "220 MB of documents"


def test_every_collection_of_the_service_is_in_it(config: Config, tmp_path: Path) -> None:
    db = connect(config, COLLECTIONS)
    try:
        for name in (each.name for each in COLLECTIONS):
            db[name].insert_one({"_id": f"a document of {name}", "sku": name, "seq": 1, "n": 1, "skus": [name]})
        written = {
            name for name, each in backup.write(db, COLLECTIONS, tmp_path / "file", KEY).items() if each.documents
        }
        assert written == {each.name for each in COLLECTIONS if each.in_backup}
        left_out = {each.name for each in COLLECTIONS} - written
        of_figures = {"rollup_buckets", "rollup_days", "rollup_spans", "first_orders", "rollup_state"}
        imports = {"product_imports", "product_import_rows"}
        of_sessions = {"staff_sessions", "first_admin"}
        assert left_out == {*of_figures, *imports, *of_sessions, "upkeep", "accounting_progress", "layout"}
    finally:
        db.client.drop_database(db.name)
        db.client.close()
