"""The database: found by its URI, its indexes made by whoever comes first, its absence told in one line."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from pos_api.app import create_app
from pos_api.collections import COLLECTIONS
from pos_api.config import Config, ConfigError
from pos_api.database import client as database
from pos_api.database.primary_term import term_of
from tests import dns_server
from tests.factories import Shop, line, order, stock_of, stock_up
from tests.servers import standalone


def test_the_database_is_the_one_in_the_uri_else_pos_system() -> None:
    for uri, name in {"mongodb://127.0.0.1/": "pos-system", "mongodb://127.0.0.1/shop?w=1": "shop"}.items():
        db = database.open_database(uri)
        assert db.name == name
        db.client.close()


def test_writes_wait_for_one_server_unless_the_uri_says_more(config: Config) -> None:
    for uri, concern in {
        "mongodb://127.0.0.1/": {"w": 1},
        "mongodb://127.0.0.1/?w=majority&journal=true": {"w": "majority", "j": True},
    }.items():
        db = database.open_database(uri)
        assert db.write_concern.document == concern
        db.client.close()


def test_indexes_are_made_once_by_any_number_of_processes(config: Config) -> None:
    def start(_: int) -> None:
        database.connect(config, COLLECTIONS).client.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(16)))
    db = database.connect(config, COLLECTIONS)
    for each in COLLECTIONS:
        made = db[each.name].index_information() if each.indexes else {"_id_": {}}
        assert {index.document["name"] for index in each.indexes} | {"_id_"} == made.keys()
    db.client.drop_database(db.name)
    db.client.close()


def test_an_index_that_an_earlier_version_made_is_dropped_and_nobody_elses(config: Config) -> None:
    db = database.connect(config, COLLECTIONS)
    for name in (former := "order_1", own := "by_the_operator"):
        db.stock_movements.create_index("order", name=name, sparse=name == own)
    database.connect(config, COLLECTIONS).client.close()
    there = db.stock_movements.index_information()
    assert (former in there, own in there) == (False, True)
    db.client.drop_database(db.name)
    db.client.close()


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://localhost/", "MONGODB_URI is not usable"),
        ("mongodb://", "MONGODB_URI is not usable"),
        ("mongodb://user:s3cret/@host/", "MONGODB_URI is not usable"),
        ("mongodb+srv://127.0.0.1/", "MONGODB_URI is not usable"),
        ("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50", "MongoDB can't be reached"),
    ],
)
def test_a_database_that_can_not_be_used_is_one_line(uri: str, message: str, config: Config) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        database.connect(replace(config, mongodb_uri=uri), COLLECTIONS)
    assert "\n" not in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_server_is_found_by_its_name_in_dns(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mongodb+srv`: DNS names servers (SRV) and options (TXT), as MongoDB's "initial DNS seedlist discovery" says."""
    server = urlsplit(config.mongodb_uri or "")
    records = {("_mongodb._tcp.shop.pos.test.", "SRV"): f"0 5 {server.port} one.pos.test."}
    if server.query:
        records["shop.pos.test.", "TXT"] = f'"{server.query}"'
    of_system = socket.getaddrinfo

    def find(host: Any, *more: Any, **options: Any) -> Any:
        return of_system("127.0.0.1" if host == "one.pos.test" else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", find)
    with dns_server.answering(records):
        app = create_app(replace(config, mongodb_uri=f"mongodb+srv://shop.pos.test{server.path}?tls=false"))
    services = app.extensions["pos"]
    stock_up(services.db, A=5)
    assert Shop(app.test_client()).outcome("order.created", order(1, line("A", 2))) == "created"
    assert stock_of(services.db) == {"A": 3}
    assert services.db.name == server.path.strip("/")
    services.close()
    services.db.client.drop_database(services.db.name)
    services.db.client.close()


def test_only_what_means_the_same_in_every_release_is_asked_of_it(db: database.Db) -> None:
    """MongoDB's stable API: whatever the service comes to use, what another release may not know is refused."""
    with pytest.raises(OperationFailure, match="API Version 1"):
        db.products.distinct("sku")


def test_what_the_uri_says_wins() -> None:
    client = database.open_database("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50&w=majority").client
    assert client.options.server_selection_timeout == 0.05
    assert client.options.pool_options.connect_timeout == 5
    client.close()


def test_what_was_begun_before_the_server_was_started_again_is_not_said_to_be_durable(tmp_path: Path) -> None:
    """Reads are repeated by pymongo, so nobody else may have noticed."""
    with standalone(tmp_path / "data") as mongod:
        db = database.open_database(f"mongodb://127.0.0.1:{mongod.port}/pos")
        with db.client:
            db.users.find_one()
            term = term_of(db)
            database.make_durable(db, term)
            mongod.kill()
            mongod.start()
            db.users.find_one()
            with pytest.raises(AutoReconnect):
                database.make_durable(db, term)
            database.make_durable(db, term_of(db))
