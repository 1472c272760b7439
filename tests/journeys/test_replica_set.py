"""A replica set whose primary is killed again and again: nothing acknowledged is lost, and stock is exact."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from pymongo.errors import PyMongoError

from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from tests.factories import assert_books_balance, line, order, stock_of, stock_up
from tests.journeys.test_kills import assert_all_there, load, poster, service_on
from tests.journeys.test_recordings import RECORDINGS, together
from tests.servers import ReplicaSet, let_pass, replica_set
from tests.steps import Process, processes
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with replica_set(tmp_path_factory.mktemp("replica-set")) as servers:
        yield servers


def uri(servers: ReplicaSet, name: str) -> str:
    return servers.uri.replace("/?", f"/{name}?")


def test_the_primary_killed_again_and_again_under_load(config: Config, servers: ReplicaSet) -> None:
    with service_on(config, uri(servers, "load")) as app:
        db = app.extensions["pos"].db
        stock_up(db, **together(RECORDINGS)[0])
        chance = random.Random(7)
        with load(poster(app)):
            for _ in range(3):
                let_pass(chance.uniform(0.1, 0.5))
                primary = servers.healthy()
                primary.kill()
                primary.start()
        servers.healthy()
        assert_all_there(db)


@pytest.mark.parametrize("lost_at", [7, 9])
def test_a_batch_does_not_go_on_at_a_primary_that_lacks_what_it_did_at_the_last(
    config: Config, servers: ReplicaSet, lost_at: int
) -> None:
    """What the primary wrote and had not passed on is gone with it; the next one knows nothing of it."""
    here = replace(config, mongodb_uri=uri(servers, f"at-{lost_at}"))
    database.connect(here, COLLECTIONS).client.close()
    with processes(here, 2) as [first, second]:
        stock_up(second.db, A=100)
        second.deliver("order.created", order(1, line("A", 2)))
        servers.healthy()
        _lose_the_primary(first, servers, lost_at)
        with suppress(PyMongoError):
            first.deliver("order.updated", order(1, line("A", 5, reduced=5), modified=2))
        first.steps.go_on()
        servers.healthy()
        second.take_over()
        assert_books_balance(second.db)
        assert stock_of(second.db) == {"A": 95}
        assert second.db.inbox.count_documents({"state": {"$ne": "done"}}) == 0


def _lose_the_primary(process: Process, servers: ReplicaSet, at: int) -> None:
    """Ahead of that step of a change, lose the primary and all that it wrote since the event was stored."""

    def lose(step: int) -> None:
        if step == 2:
            servers.hold_back(True)
        if step == at:
            primary = servers.primary()
            assert primary is not None
            primary.kill()
            servers.hold_back(False)
            wait_until(servers.primary, 30)
            primary.start()

    process.steps.go_on()
    process.steps.before = lose
