"""`session.opened` and `session.closed`: a till's drawer is opened with so much cash, and counted at the end.

The events say no time of their own: the envelope's counts where it has one, else the time of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TypedDict

from bson import Decimal128

from pos_api.cash.model import CashSessionUpdate
from pos_api.common.money import decimal
from pos_api.common.warning_messages import EventWarning, warn
from pos_api.senders.fields import Field, FieldPath, Table
from pos_api.senders.kaynko.messages import Message, id_field, read_object, required
from pos_api.senders.reports import KnownReport, Report, Reported, State
from pos_api.senders.values import amount_with_cents
from pos_api.stores.model import Store

_OPENING = {**id_field("sessionId"), "openingCash": Field("cash", required(amount_with_cents), essential=True)}
_CLOSING = {**id_field("sessionId"), "closingCash": Field("cash", required(amount_with_cents), essential=True)}


class Count(TypedDict):
    """What is kept of an opening or a closing: the cash in the drawer, and when that was sent."""

    cash: Decimal128
    sent_at: datetime | None


def read_opening(message: Message, store: Store, received_at: datetime, cause: str) -> Report:
    """The report that a session was opened. Raises Invalid."""
    return _read(message, store, received_at, cause, "opened", _OPENING)


def read_closing(message: Message, store: Store, received_at: datetime, cause: str) -> Report:
    """The report that a session was closed, with the cash counted. Raises Invalid."""
    return _read(message, store, received_at, cause, "closed", _CLOSING)


def _read(message: Message, store: Store, received_at: datetime, cause: str, name: str, table: Table) -> Report:
    fields = read_object(message.data, table, FieldPath(message.report))
    sent_at = message.sent_at(received_at)
    message.report.check("The session is not valid.")
    content = Count(cash=fields["cash"], sent_at=sent_at)
    put = partial(put_together, store, str(fields["id"]))
    return Report(store.id, f"session:{fields['id']}", name, content, sent_at, received_at, cause, put)


def put_together(store: Store, session: str, reported: Reported) -> State:
    """The session that its reports come to. Of several counts the newest is right, since it was first sent. Pure."""
    opened, closed = reported.named("opened"), reported.named("closed")
    opened_at, closed_at = _times(opened, closed)
    update = CashSessionUpdate(
        store.id,
        session,
        reported.sequence,
        opened_at,
        closed_at,
        _cash(opened),
        _cash(closed),
        store.currency,
        at=min(each.received_at for each in reported.reports),
        warnings=(*_differing(opened), *_differing(closed)),
    )
    return State((update,))


def _cash(reports: Sequence[KnownReport]) -> Decimal128 | None:
    return reports[-1].content["cash"] if reports else None


def _times(opened: Sequence[KnownReport], closed: Sequence[KnownReport]) -> tuple[datetime | None, datetime | None]:
    """When a session was opened and closed. A time of arrival stands for one that was not said: where the reports
    arrived the other way round, it does not count against the order in which things are done."""
    opened_at, closed_at = _first_sent(opened), _first_sent(closed)
    if opened_at is None or closed_at is None or opened_at <= closed_at:
        return opened_at, closed_at
    opening_is_said, closing_is_said = (any(each.at for each in reports) for reports in (opened, closed))
    if opening_is_said and closing_is_said:
        return opened_at, closed_at
    if opening_is_said or closing_is_said:
        said = opened_at if opening_is_said else closed_at
        return said, said
    return closed_at, opened_at


def _first_sent(reports: Sequence[KnownReport]) -> datetime | None:
    """When the newest count was sent first."""
    newest = _cash(reports)
    return min((each.moment for each in reports if decimal(each.content["cash"]) == decimal(newest)), default=None)


def _differing(reports: Sequence[KnownReport]) -> list[EventWarning]:
    amounts = {decimal(each.content["cash"]) for each in reports}
    return [warn("reported_differently", count=len(amounts))] if len(amounts) > 1 else []
