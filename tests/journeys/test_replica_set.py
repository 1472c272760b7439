"""A replica set whose primary ends again and again: nothing acknowledged is lost, and stock is exact."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import cycle

import pytest
from pymongo.errors import AutoReconnect, PyMongoError

from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import make_durable
from pos_api.database.primary_term import term_of
from pos_api.stock import ledger
from tests.factories import assert_books_balance, line, order, stock_of, stock_up
from tests.journeys.test_kills import assert_all_there, load, poster, service_on
from tests.journeys.test_recordings import RECORDINGS, together
from tests.senders.woocommerce.stock_push import sending
from tests.senders.woocommerce.stock_push.simulated_shop import SimulatedShop
from tests.servers import Mongod, ReplicaSet, let_pass, replica_set
from tests.steps import Process, processes
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with replica_set(tmp_path_factory.mktemp("replica-set")) as servers:
        yield servers


def uri(servers: ReplicaSet, name: str) -> str:
    return servers.uri.replace("/?", f"/{name}?")


def test_two_hosts_under_load_while_the_primary_steps_down_and_is_killed(config: Config, servers: ReplicaSet) -> None:
    """Each delivery goes to another host than the one before, as behind a load balancer."""
    with service_on(config, uri(servers, "load")) as first, service_on(config, uri(servers, "load")) as second:
        db = first.extensions["pos"].db
        stock_up(db, **together(RECORDINGS)[0])
        chance = random.Random(7)
        hosts = cycle((poster(first), poster(second)))
        with load(lambda delivery: next(hosts)(delivery)):
            for end_primary in (_step_down, _kill, _kill):
                let_pass(chance.uniform(0.1, 0.5))
                end_primary(servers.healthy())
        servers.healthy()
        assert_all_there(db)


def _step_down(primary: Mongod) -> None:
    """As for maintenance: it goes on as a secondary."""
    with primary.direct() as client:
        client.admin.command("replSetStepDown", 5, force=True)


def _kill(primary: Mongod) -> None:
    primary.kill()
    primary.start()


def test_what_was_begun_at_another_primary_is_not_said_to_be_durable(servers: ReplicaSet) -> None:
    """That one may not have passed it on, and nothing else fails."""
    db = database.open_database(uri(servers, "durable"))
    with db.client:
        servers.healthy()
        db.users.find_one()
        term = term_of(db)
        make_durable(db, term)
        _step_down(servers.healthy())
        servers.healthy()
        with pytest.raises(AutoReconnect, match="took over"):
            make_durable(db, term)
        make_durable(db, term_of(db))


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
            _replace_primary(servers)

    process.steps.go_on()
    process.steps.before = lose


def _replace_primary(servers: ReplicaSet) -> None:
    """Kill the primary with all that it has not passed on, and wait for another."""
    primary = servers.primary()
    assert primary is not None
    primary.kill()
    servers.hold_back(False)
    wait_until(servers.primary, 30)
    primary.start()


def test_a_movement_that_is_lost_with_the_primary_is_not_sent_to_a_shop(config: Config, servers: ReplicaSet) -> None:
    """It is made again under another id, so the shop would get it twice."""
    here = replace(config, mongodb_uri=uri(servers, "stock"))
    database.connect(here, COLLECTIONS).client.close()
    shop = SimulatedShop(b"", {(1, 0): 50})
    with processes(here, 2) as [sender, other], ExitStack() as stack:
        sending.products(other.db, {"A": 50}, "default")
        stack.enter_context(sending.shop_of(other.db, here, "default", shop))
        ledger.move(other.db, "A", -1, reason="order", cause="till")
        make_durable(other.db)

        def sell_and_lose(step: int) -> None:
            if step == 6:  # the movements are read next
                servers.hold_back(True)
                ledger.move(other.db, "A", -2, reason="order", cause="till")
            if step == 7:
                _replace_primary(servers)

        sender.steps.before = sell_and_lose
        with pytest.raises(PyMongoError):
            sending.send(sender.db, here, "default")
        sender.steps.go_on()
        assert not shop.requests
        servers.healthy()
        ledger.move(other.db, "A", -2, reason="order", cause="till")  # it is done again, as whoever did it saw it fail
        sending.let_time_pass(other.db)
        assert sending.send(sender.db, here, "default")
        assert shop.stock[1, 0] == stock_of(other.db)["A"] == 47
