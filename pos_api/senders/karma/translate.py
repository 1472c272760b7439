"""A message of Karma is translated into commands. Pure: no database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pos_api.catalogue.model import ItemUpdate
from pos_api.common.value_limits import INT64_MAX
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.senders.base import Command
from pos_api.senders.karma import fields
from pos_api.senders.karma.kind import CONFIRMED, ITEM_DELETED, TOPICS
from pos_api.senders.karma.messages import Message
from pos_api.senders.karma.orders import order_state
from pos_api.senders.karma.purchases import check_currency, purchase_state
from pos_api.senders.karma.tabs import tab_state
from pos_api.senders.reports import Report, Reported, State
from pos_api.stores.model import Store

_MOST_AHEAD = timedelta(days=1)
"""A clock that is further ahead is wrong: what it says would be the latest for ever."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message with where and when it came from; `at` is when it was emitted, None where that is not known."""

    message: Message
    store: Store
    at: datetime | None
    received_at: datetime
    cause: str

    def report(self, thing: str, content: Document, put_together: Callable[[Reported], State]) -> Report:
        """The command to keep what it says about a thing."""
        name, store = self.message.topic, self.store.id
        return Report(store, thing, name, content, self.at, self.received_at, self.cause, put_together)

    def content(self, read: Callable[[Message], Document]) -> Document:
        """What it says, without times that have not come yet. Raises Invalid."""
        latest = self.received_at + _MOST_AHEAD
        said = read(self.message)
        return {name: value for name, value in said.items() if not (isinstance(value, datetime) and value > latest)}

    def number(self) -> int:
        """The number that it is about. Raises Invalid where its id is none."""
        text = self.message.resource_id
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) <= INT64_MAX):
            raise Invalid("The envelope is not valid.", details={"resourceId": "must be a number, such as 12345"})
        return int(text)


def translate(message: Message, store: Store, received_at: datetime, cause: str) -> Sequence[Command]:
    """The commands that a message gives; none for an event that is not known here. Raises Invalid."""
    if message.topic not in TOPICS:
        return ()
    at = message.sent_at if message.sent_at and message.sent_at <= received_at + _MOST_AHEAD else None
    delivery = _Delivery(message, store, at, received_at, cause)
    return _BY_THING[message.topic.partition(".")[0]](delivery)


def _order(delivery: _Delivery) -> Sequence[Command]:
    """The order; ahead of it the items that it names, so that staff see what there is to link."""
    order_id, store = delivery.message.resource_id, delivery.store
    if order_id.isdecimal():  # it would be the id of a purchase
        raise Invalid("The envelope is not valid.", details={"resourceId": "must be an order's id, such as ord_12345"})
    content = delivery.content(fields.order_content)
    at = delivery.at or delivery.received_at
    names = {each["item"]: each.get("name") for each in content.get("items", ()) if each.get("item")}
    report = delivery.report(
        f"order:{order_id}", {**content, "sent_at": delivery.at}, partial(order_state, store, order_id)
    )
    return (*(ItemUpdate(store.id, item, at, name=name or None) for item, name in names.items()), report)


def _purchase(delivery: _Delivery) -> Sequence[Command]:
    """The purchase. When it was emitted matters: of two that differ the later counts, and the same part may be paid
    back twice."""
    number, store = delivery.number(), delivery.store
    content = {**delivery.content(fields.purchase_content), "sent_at": delivery.at}
    if delivery.message.topic == CONFIRMED:
        check_currency(content, store)
    return (delivery.report(f"purchase:{number}", content, partial(purchase_state, store, number)),)


def _tab(delivery: _Delivery) -> Sequence[Command]:
    tab_id = delivery.message.resource_id
    content = {**delivery.content(fields.tab_content), "sent_at": delivery.at}
    return (delivery.report(f"tab:{tab_id}", content, partial(tab_state, delivery.store, tab_id)),)


def _item(delivery: _Delivery) -> Sequence[Command]:
    """What is reported of an item: the latest report of each field counts, so no report has to be kept for it."""
    content = delivery.content(fields.item_content)
    name = content.get("name") or content.get("title")
    exists = delivery.message.topic != ITEM_DELETED
    at = delivery.at or delivery.received_at
    update = ItemUpdate(
        delivery.store.id,
        delivery.number(),
        at,
        name=name,
        available=content.get("available"),
        exists=exists,
        warnings=fields.odd_fields(content),
    )
    return (update,)


_BY_THING: dict[str, Callable[[_Delivery], Sequence[Command]]] = {
    "order": _order,
    "purchase": _purchase,
    "tab": _tab,
    "inventory": _item,
}
