"""A backup brings everything back as it was, or says that it can't; it never half does either."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64
from hypothesis import given, settings
from hypothesis import strategies as st

from pos_api import backup, embedded, orders, stats
from pos_api.config import Config
from pos_api.db import INDEXES, Db, connect, ensure_indexes, open_database
from pos_api.errors import Conflict, Invalid
from pos_api.orders import OrderSnapshot
from tests.conftest import fresh_database

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
    db.woocommerceorders.insert_one(ORDER)
    db.inbox.insert_one(EVENT)
    db.products.insert_many({"_id": f"SKU {n}", "skus": [f"SKU {n}"], "stock": n} for n in range(2_500))
    db["a collection of a later version"].insert_one({"_id": 1})
    return db


def content(db: Db) -> dict[str, list[Any]]:
    """Every document's bytes, empty collections aside."""
    found = {name: sorted(bson.encode(each) for each in db[name].find()) for name in sorted(db.list_collection_names())}
    return {name: documents for name, documents in found.items() if documents}


def test_everything_comes_back_as_it_was(filled: Db, other: Db, tmp_path: Path) -> None:
    written = backup.write(filled, tmp_path / "file")
    restored = backup.restore(other, tmp_path / "file")
    assert content(other) == content(filled)
    assert restored == written
    assert {name: each.documents for name, each in written.items() if each.documents} == {
        "inbox": 1,
        "woocommerceorders": 1,
        "products": 2_500,
        "a collection of a later version": 1,
    }


def test_figures_are_counted_anew_from_the_orders_that_came_back(db: Db, other: Db, tmp_path: Path) -> None:
    ensure_indexes(other)
    for each, number in ((db, 1), (other, 2)):
        moment = datetime(2026, 11, number, tzinfo=UTC)
        fields = {"status": "completed", "currency": "SEK", "customer_id": 7, "total": Decimal128("10.00")}
        orders.apply(
            each, [OrderSnapshot("default", number, "order.created", "e", moment, moment, 0, False, dict(fields))]
        )
        assert stats.figures(each)["currencies"][0]["new_customers"] == 1

    backup.write(db, tmp_path / "file")
    stats.figures(db)
    backup.restore(other, tmp_path / "file", force=True)

    assert stats.figures(other) == stats.figures(db)
    assert stats.figures(other)["from"] == "2026-11-01"


def test_a_restored_database_has_its_indexes(filled: Db, other: Db, tmp_path: Path) -> None:
    backup.write(filled, tmp_path / "file")
    backup.restore(other, tmp_path / "file")
    for name in INDEXES:
        assert other[name].index_information() == filled[name].index_information()


def test_it_moves_from_a_server_to_the_embedded_store_and_back(
    filled: Db, other: Db, config: Config, tmp_path: Path
) -> None:
    backup.write(filled, tmp_path / "from server")
    own = open_database(embedded.uri(config.data_dir))
    try:
        backup.restore(own, tmp_path / "from server")
        backup.write(own, tmp_path / "from embedded")
    finally:
        own.client.close()
        embedded.release()
    backup.restore(other, tmp_path / "from embedded")
    assert content(other) == content(filled)


def test_only_an_empty_database_is_restored_into(filled: Db, tmp_path: Path) -> None:
    backup.write(filled, tmp_path / "file")
    filled.woocommerceorders.update_one({}, {"$set": {"changed": True}})
    before = content(filled)
    with pytest.raises(Conflict, match=r"not empty .*woocommerceorders.*--force"):
        backup.restore(filled, tmp_path / "file")
    assert content(filled) == before


def test_force_replaces_everything(filled: Db, other: Db, tmp_path: Path) -> None:
    backup.write(filled, tmp_path / "file")
    other.customers.insert_one({"_id": "not in the backup"})
    other.woocommerceorders.insert_one({"_id": "default:1", "total": "another"})
    backup.restore(other, tmp_path / "file", force=True)
    assert content(other) == content(filled)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str) -> bytes:
    file = tmp_path_factory.mktemp("backup") / "file"
    db = open_database(fresh_database(mongodb_uri))
    db.woocommerceorders.insert_many({**ORDER, "_id": f"default:{n}"} for n in range(20))
    backup.write(db, file)
    db.client.drop_database(db.name)
    db.client.close()
    return file.read_bytes()


@pytest.fixture(scope="module")
def empty(mongodb_uri: str) -> Iterator[Db]:
    db = open_database(fresh_database(mongodb_uri))
    yield db
    db.client.drop_database(db.name)
    db.client.close()


@settings(max_examples=150, deadline=None)
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
        backup.restore(empty, file, force=True)
    assert empty.list_collection_names() == []


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_cut_or_longer_file_is_refused_before_anything_is_written(
    data: st.DataObject, sealed: bytes, empty: Db, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("cut") / "file"
    kept = data.draw(st.integers(0, len(sealed) - 1))
    file.write_bytes(data.draw(st.sampled_from([sealed[:kept], sealed[kept + 1 :], sealed + sealed[:kept] + b"\n"])))
    with pytest.raises(Invalid, match="nothing was restored"):
        backup.restore(empty, file)
    assert empty.list_collection_names() == []


def test_a_file_that_is_no_backup_is_refused(empty: Db, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can't be read: No such file"):
        backup.restore(empty, tmp_path / "nothing")
    with zipfile.ZipFile(tmp_path / "a zip", "w") as archive:
        archive.writestr("manifest.json", "{}")
    with pytest.raises(Invalid, match="nothing was restored"):
        backup.restore(empty, tmp_path / "a zip")


def test_a_backup_that_fails_leaves_the_former_one(filled: Db, tmp_path: Path) -> None:
    file = tmp_path / "file"
    backup.write(filled, file)
    former = file.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    filled["big"].insert_many({"_id": n, "noise": uuid.uuid4().bytes * 64} for n in range(2_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limit[1]))
    try:
        with pytest.raises(Invalid, match="can't be written: File too large"):
            backup.write(filled, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert file.read_bytes() == former
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_no_file_is_not_replaced(filled: Db, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"  # as /dev/null is one for root
    os.mkfifo(pipe)
    with pytest.raises(Invalid, match="pipe can't be written: it is no file"):
        backup.write(filled, pipe)
    assert pipe.is_fifo()


def test_only_its_owner_can_read_it(filled: Db, tmp_path: Path) -> None:
    backup.write(filled, tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


MEASURE = """
import resource, sys
from pathlib import Path
from pos_api import backup, db

opened = db.open_database(sys.argv[1])
file = Path(sys.argv[2])
backup.write(opened, file)
backup.restore(opened, file, force=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
opened.client.close()
"""


def test_memory_stays_the_same_however_much_there_is(db: Db, config: Config, tmp_path: Path) -> None:
    def peak_kilobytes() -> int:
        command = [sys.executable, "-c", MEASURE, str(config.mongodb_uri), str(tmp_path / "file")]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    padding = "x" * 50_000
    db.inbox.insert_many({"_id": str(n), "body": padding} for n in range(400))
    little = peak_kilobytes()
    for part in range(10):
        db.inbox.insert_many({"_id": f"{part} {n}", "body": padding} for n in range(400))
    assert peak_kilobytes() - little < 40_000, "220 MB of documents"


def test_every_collection_of_the_service_is_in_it(config: Config, tmp_path: Path) -> None:
    db = connect(config)
    try:
        for name in INDEXES:
            db[name].insert_one({"_id": name, "sku": name, "seq": 1, "n": 1, "skus": [name]})
        written = {name for name, each in backup.write(db, tmp_path / "file").items() if each.documents}
        assert INDEXES.keys() - written == {"stats_firsts", "stats_blocks", "stats_days"}, "what is counted anew"
    finally:
        db.client.drop_database(db.name)
        db.client.close()
