"""What all reports about a customer's subscription come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypedDict

from pos_api.senders.reports import KnownReport, Reported, State
from pos_api.subscriptions.model import SubscriptionStep, SubscriptionUpdate

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES = ("incomplete", "trialing", "active", "past_due", "unpaid", "paused", "incomplete_expired", "canceled")
"""In the order in which a subscription comes into them: which of two reports of one second is the newer one."""


_KEPT = 400
"""So many reports are kept, the newest, and of older ones those with another status than the one before: something of
a subscription may change every day for years."""


class SubscriptionContent(TypedDict):
    """The content of a report: the subscription as it was, and the type of the event that reported it."""

    customer: str
    status: str
    current_period_end: datetime | None
    began_at: datetime | None
    event: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class SubscriptionThing:
    """The subscription that reports are about: its store and id there."""

    store: str
    external_id: str

    def put_together(self, reported: Reported) -> State:
        """The subscription as its newest report shows it, with each change of its status in its history."""
        reports = sorted(reported.reports, key=_age)
        newest = reports[-1].content
        began = [each.content["began_at"] for each in reports if each.content["began_at"]]
        update = SubscriptionUpdate(
            store=self.store,
            external_id=self.external_id,
            sequence=reported.sequence,
            cause=reported.cause,
            customer=newest["customer"] or _last_customer(reports),
            status=newest["status"],
            current_period_end=newest["current_period_end"],
            history=_history(reports),
            at=min(began, default=reports[0].moment),
            received_at=reported.received_at,
        )
        return State((update,), dropped=_without_news(reports[:-_KEPT]))


def _age(report: KnownReport) -> tuple[datetime, bool, bool, int, datetime, str]:
    """By which reports are sorted, the oldest first: of one second, it is created first and deleted last."""
    content = report.content
    event, status, end = content["event"], content["status"], content["current_period_end"]
    rank = _STATUSES.index(status) if status in _STATUSES else len(_STATUSES)
    return report.moment, event.endswith(".deleted"), not event.endswith(".created"), rank, end or _FIRST, report.id


def _last_customer(reports: list[KnownReport]) -> str:
    return next((each.content["customer"] for each in reversed(reports) if each.content["customer"]), "")


def _without_news(reports: list[KnownReport]) -> list[str]:
    """The ids of those that have the status of the one before."""
    pairs = pairwise(reports)
    return [later.id for earlier, later in pairs if earlier.content["status"] == later.content["status"]]


def _history(reports: list[KnownReport]) -> tuple[SubscriptionStep, ...]:
    """Each status that it came into, the oldest first."""
    steps: list[SubscriptionStep] = []
    for each in reports:
        if not steps or steps[-1]["status"] != each.content["status"]:
            steps.append({"status": each.content["status"], "at": each.moment, "event": each.content["event"]})
    return tuple(steps)
