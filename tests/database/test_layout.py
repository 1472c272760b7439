"""The service starts on an empty database or on one of its own layout, and refuses any other in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pos_api.collections import COLLECTIONS
from pos_api.config import Config, ConfigError
from pos_api.database import client as database
from pos_api.database import layout
from tests.paths import ROOT
from tests.service import free_port, pos_api, settings_of


@pytest.fixture
def raw(config: Config) -> Iterator[database.Db]:
    """The test's database, which the service has not seen yet."""
    opened = database.open_database(str(config.mongodb_uri))
    yield opened
    opened.client.close()


def test_an_empty_database_gets_the_layout_and_is_taken_again(raw: database.Db, config: Config) -> None:
    for _ in range(2):
        database.connect(config, COLLECTIONS).client.close()
        assert raw.layout.find_one() == {"_id": "layout", "version": layout.VERSION}


def test_processes_that_start_at_once_on_an_empty_database_all_start(raw: database.Db, config: Config) -> None:
    def start(number: int) -> None:
        db = database.connect(config, COLLECTIONS)
        db.stores.insert_one({"_id": str(number)})
        db.client.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(16)))
    assert raw.stores.count_documents({}) == 16


@pytest.mark.parametrize("name", [each.name for each in COLLECTIONS if each.name != "layout"])
def test_data_without_a_layout_is_refused(name: str, raw: database.Db, config: Config) -> None:
    raw[name].insert_one({"_id": 1})
    with pytest.raises(ConfigError, match="has data without a layout") as refused:
        database.connect(config, COLLECTIONS)
    assert "\n" not in str(refused.value)
    assert raw.layout.find_one() is None, "nothing was written"


@pytest.mark.parametrize("version", [0, layout.VERSION + 1, "x"])
def test_another_layout_is_refused(version: object, raw: database.Db, config: Config) -> None:
    raw.layout.insert_one({"_id": "layout", "version": version})
    with pytest.raises(ConfigError, match=re.escape(f"layout {version!r}")):
        database.connect(config, COLLECTIONS)


def test_a_command_says_so_in_one_line(raw: database.Db, config: Config, tmp_path: Path) -> None:
    raw.orders.insert_one({"_id": "default:1"})
    for command in (["serve"], ["worker"], ["inbox"]):
        ended = pos_api(*command, cwd=tmp_path, **settings_of(config), PORT=str(free_port()))
        assert ended.returncode == 1
        assert len(ended.stderr.splitlines()) == 1, ended.stderr
        assert "has data without a layout" in ended.stderr


def test_each_collection_is_declared_once_and_says_what_it_holds() -> None:
    names = [each.name for each in COLLECTIONS]
    assert len(names) == len(set(names))
    assert all(each.holds for each in COLLECTIONS)


_OF_DATABASE = {"client", "command", "name", "connect", "write_concern", "with_options", "get_collection"}
_OF_DATABASE |= {"list_collections", "drop_collection"}


def test_the_code_names_no_collection_that_is_not_declared() -> None:
    named = set()
    for file in (ROOT / "pos_api").rglob("*.py"):
        named |= set(re.findall(r"\bdb\.([a-z_]+)\b", file.read_text()))
    assert named - _OF_DATABASE <= {each.name for each in COLLECTIONS}
