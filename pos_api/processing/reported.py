"""A report is kept, and what all reports about the same thing come to is worked out."""

from __future__ import annotations

from typing import Any

from pos_api.database.client import Db
from pos_api.errors import Invalid
from pos_api.senders import kept_reports
from pos_api.senders.kept_reports import StoredReport, StoredReports, TooManyReportsError
from pos_api.senders.reports import KnownReport, Report, Reported, State


def state_of(db: Db, report: Report) -> tuple[Reported, State]:
    """Keep a report; returns all reports about its thing, and what they come to. Raises Invalid where there are too
    many."""
    try:
        kept = kept_reports.add(db, report.key, report.store, _stored(report), report.most)
    except TooManyReportsError as error:
        raise Invalid(str(error)) from None
    reported = _reported(kept, report)
    return reported, report.put_together(reported)


def _stored(report: Report) -> StoredReport:
    return {
        "id": report.id,
        "name": report.name,
        "content": report.content,
        "at": report.at,
        "received_at": report.received_at,
        "cause": report.cause,
    }


def _reported(kept: StoredReports, report: Report) -> Reported:
    known = [_known(each, report) for each in kept["reports"]]
    known.sort(key=lambda each: (each.moment, each.id))
    return Reported(known, kept["count"], report.cause, report.received_at, report.retried)


def _known(stored: StoredReport, report: Report) -> KnownReport:
    personal: Any = report.personal if stored["id"] == report.id else {}
    return KnownReport(
        stored["id"],
        stored["name"],
        stored["content"],
        stored["at"],
        stored["received_at"],
        stored["cause"],
        personal,
    )
