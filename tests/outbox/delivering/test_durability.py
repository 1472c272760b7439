"""Nothing is sent that the database could still lose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import make_durable
from tests.outbox.delivering.outbox import delivering, event, publish_events, subscribe
from tests.outbox.delivering.receivers import Answer, Receiver, Request, receiving
from tests.servers import Mongod, standalone
from tests.waiting import wait_until


def test_what_a_subscriber_was_sent_survives_a_crash_of_the_database(config: Config, tmp_path: Path) -> None:
    """The mongod here writes its journal so rarely that a crash loses what nobody waited for."""
    with standalone(tmp_path / "data", "--journalCommitInterval", "500") as mongod:
        here = replace(config, mongodb_uri=f"mongodb://127.0.0.1:{mongod.port}/pos?retryWrites=false")
        db = database.connect(here, COLLECTIONS)
        receiver = _EndOfMongod(mongod)
        with db.client, receiving(receiver):
            subscribe(db, here, receiver.url())
            make_durable(db)
            with delivering(db, here):
                for number in range(1, 6):
                    publish_events(db, event(number))
                    wait_until(lambda number=number: len(receiver.killed_at) == number)  # type: ignore[misc]
                    mongod.start()
                    with mongod.direct(60) as client:
                        client.admin.command("ping")
                    for sent in list(receiver.requests):
                        assert db.outbox.find_one({"_id": sent.id}), sent.id
                    wait_until(lambda: db.webhook_deliveries.count_documents({"attempts": 0}) == 0)
                    receiver.requests.clear()


class _EndOfMongod(Receiver):
    """A receiver at whose first request for each event mongod is killed."""

    def __init__(self, mongod: Mongod) -> None:
        super().__init__()
        self.killed_at: set[str] = set()

        def answer(request: Request) -> Answer:
            if request.id not in self.killed_at:
                mongod.kill()
                self.killed_at.add(request.id)
            return Answer(500)

        self.answer = answer
