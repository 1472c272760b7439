"""Processes that bring in what another one reads: they do it once, and end with it however it ends."""

from __future__ import annotations

import json
import subprocess
import sys

from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.processing.ingest_processes import ingest_processes
from pos_api.stores.registry import Stores
from tests.fake_shop import order
from tests.service import environment, settings_of

READING = """
import sys
from pos_api import config
from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.processing.ingest_processes import ingest_processes
from pos_api.stores.model import Store

settings = config.from_environment(None)
with ingest_processes(settings, COLLECTIONS, 1) as ingest:
    ingest(None, Store("default", "", "woocommerce"), [], now())
    print("it works", flush=True)
    sys.stdin.read()
"""


def test_what_is_read_is_brought_in_once_by_another_process(db: Db, config: Config) -> None:
    store = Stores(db, config).get("default")
    bodies = [json.dumps({"event": "order.created", "data": order(number)}).encode() for number in (1, 2)]
    with ingest_processes(config, COLLECTIONS, 1) as ingest:
        assert [each.outcome for each in ingest(db, store, bodies, now())] == ["created", "created"]
        assert [each.outcome for each in ingest(db, store, bodies, now())] == ["duplicate", "duplicate"]
    assert db.orders.count_documents({}) == 2


def test_they_end_when_the_process_that_reads_is_killed(config: Config) -> None:
    pipe, settings = subprocess.PIPE, environment(**settings_of(config))
    with subprocess.Popen([sys.executable, "-c", READING], stdin=pipe, stdout=pipe, text=True, env=settings) as reading:
        assert reading.stdout is not None
        assert reading.stdout.readline() == "it works\n"
        reading.kill()
        reading.communicate(timeout=30)  # the output ends once nobody has it open any more
