"""The routes that stores of other kinds than shops send to, as the registry has them: `POST /api/webhooks/KIND`, what a
kind's own guide calls it besides, and `POST /api/webhooks/KIND/STORE` for one store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response

from pos_api.errors import NotFound
from pos_api.senders.base import Sender
from pos_api.senders.documentation import Documentation
from pos_api.senders.registry import SENDERS, sender_of
from pos_api.web.api.access import Access, declared
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import documented, fails_with
from pos_api.web.api.webhook_schemas import RECEIVE_OF_STORE, receive_of_kind
from pos_api.web.api.webhooks import Deadline, take_delivery
from pos_api.web.services import services

ANSWER_SECONDS = 4.0
"""A delivery is answered by then, as senders wait for five seconds; one that is not done is answered 202, and one that
is not stored 503."""


def sender_routes() -> Blueprint:
    """The routes for the kinds that the registry has now."""
    blp = Blueprint("deliveries", __name__, description="Deliveries of tills, ordering apps and payment providers")
    for sender in SENDERS.values():
        if sender.documentation:
            for number, path in enumerate(sender.paths):
                view = _view_of(sender, sender.documentation, number)
                name = f"{sender.kind}_{number}"
                blp.add_url_rule(path, name, view, methods=["POST"], strict_slashes=False)
    blp.add_url_rule("/api/webhooks/<kind>/<store>", "of_store", _of_store, methods=["POST"], strict_slashes=False)
    return blp


def _view_of(sender: Sender[Any], documentation: Documentation, number: int) -> Callable[[], tuple[Response, int]]:
    """The view of a kind's path with this number."""

    def receive() -> tuple[Response, int]:
        return _take(sender)

    where = "" if number == 0 else ", at the path of its guide"
    describe = documented(summary=f"Take a delivery of {documentation.name}{where}", **receive_of_kind(documentation))
    return _declared(describe(receive))


def _of_store(kind: str, store: str) -> tuple[Response, int]:
    """Take a delivery of this store, which is of this kind. 404: there is no such kind."""
    return _take(sender_of(kind), store)


def _take(sender: Sender[Any], store: str | None = None) -> tuple[Response, int]:
    deadline = Deadline(ANSWER_SECONDS)
    if not services().stores.of_kind(sender.kind):
        raise NotFound(f"There is no store of the kind {sender.kind}; `pos-api store add` makes one.")
    return take_delivery(sender, deadline, store)


def _declared(view: Callable[..., tuple[Response, int]]) -> Callable[..., tuple[Response, int]]:
    return declared(Access(by_sender=True))(fails_with(400, 404, 413, 415, 422)(view))


_of_store = _declared(documented(**RECEIVE_OF_STORE)(_of_store))
