"""Reports about one thing are kept, and their sum is worked out anew with each: whatever the order, and once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128

from pos_api.database.client import Db
from pos_api.errors import Invalid
from pos_api.inbox import storing
from pos_api.inbox.leases import new_lease
from pos_api.inbox.model import InboxEntry, Outcome
from pos_api.payments.model import PaymentUpdate
from pos_api.processing.batches import process
from pos_api.processing.reported import state_of
from pos_api.processing.work import Work
from pos_api.senders import kept_reports
from pos_api.senders.reports import Report, Reported, State

_AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def _payment(reported: Reported) -> State:
    """A payment of the sum of its reports; one below zero can't be used once there is a `final` one."""
    final = bool(reported.named("final"))
    below = [each for each in reported.reports if each.content["amount"].to_decimal() < 0]
    amount = sum(each.content["amount"].to_decimal() for each in reported.reports if each not in below)
    update = PaymentUpdate(
        "till-1",
        "7",
        reported.sequence,
        reported.cause,
        reported.received_at,
        "completed",
        Decimal128(str(amount)),
        "SEK",
    )
    return State((update,), {each.id: "It is below zero." for each in below} if final else {})


def _report(amount: str, name: str = "part", minutes: int = 0) -> Report:
    content = {"amount": Decimal128(amount)}
    return Report("till-1", "sum:7", name, content, _AT + timedelta(minutes=minutes), _AT, "cause", _payment)


def _deliver(db: Db, *reports: Report) -> Outcome:
    """Deliver these reports at once; returns what became of the last one."""
    lease, works = new_lease(), []
    for report in reports:
        entry = InboxEntry("till-1", "till", "sum", "7", repr(report.id).encode(), {}, _AT)
        works.append(Work(entry, (Report(**{**_fields(report), "cause": entry.key}),)))
    storing.store(db, [work.entry for work in works], lease)
    return process(db, lease, works)[works[-1].entry.key]


def _fields(report: Report) -> dict[str, Any]:
    return {name: getattr(report, name) for name in Report.__dataclass_fields__}


def test_what_all_reports_come_to_is_applied_and_the_same_report_again_counts_once(db: Db) -> None:
    assert _deliver(db, _report("10.00")).outcome == "created"
    assert _deliver(db, _report("5.50", minutes=-1)).outcome == "updated"
    again = state_of(db, _report("10.0"))[0]
    assert [each.content["amount"].to_decimal() for each in again.reports] == [Decimal128("5.50").to_decimal(), 10]
    [payment] = db.payments.find()
    assert payment["amount"].to_decimal() == Decimal128("15.50").to_decimal()
    assert payment["sequence"] == again.sequence == 2


def test_what_is_made_for_a_thing_that_was_known_is_an_update_of_it(db: Db) -> None:
    def put_together(reported: Reported) -> State:
        names = [f"7-{each.content['amount']}" for each in reported.reports]
        at, cause = reported.received_at, reported.cause
        sent = [PaymentUpdate("till-1", name, 1, cause, at, "completed", Decimal128("1"), "SEK") for name in names]
        return State(sent)

    def outcome(amount: str) -> str:
        return _deliver(db, Report(**{**_fields(_report(amount)), "put_together": put_together})).outcome

    assert [outcome("1"), outcome("2")] == ["created", "updated"]
    assert db.payments.count_documents({}) == 2


def test_a_report_that_later_ones_show_to_be_unusable_is_parked_with_the_reason(db: Db) -> None:
    assert _deliver(db, _report("-3.00")).outcome == "created"
    outcome = _deliver(db, _report("4.00", "final"))
    assert outcome.outcome == "updated"
    [parked] = db.inbox.find({"state": "parked"})
    assert parked["reason"] == "It is below zero."
    assert parked.keys() & {"attention_at", "done_at"} == {"attention_at"}
    assert _deliver(db, _report("-9.00")).outcome == "parked"


def test_a_report_that_is_still_worked_on_when_a_later_one_shows_it_to_be_unusable_is_parked_too(db: Db) -> None:
    assert _deliver(db, _report("-3.00"), _report("4.00", "final")).outcome == "updated"
    [parked] = db.inbox.find({"state": "parked"})
    assert (parked["outcome"], parked["reason"]) == ("parked", "It is below zero.")
    assert parked.keys().isdisjoint({"unusable", "lease", "due_at", "done_at"})
    assert "attention_at" in parked
    assert db.inbox.count_documents({"state": "done"}) == 1


def test_data_of_persons_is_given_with_the_report_at_hand_and_kept_nowhere(db: Db) -> None:
    seen: list[dict[str, Any]] = []

    def put_together(reported: Reported) -> State:
        seen.extend(dict(each.personal) for each in reported.reports)
        return State()

    for amount in ("1", "2"):
        fields = {**_fields(_report(amount)), "personal": {"name": f"Anna {amount}"}, "put_together": put_together}
        state_of(db, Report(**fields))
    assert [each for each in seen if each] == [{"name": "Anna 1"}, {"name": "Anna 2"}]
    assert "Anna" not in repr(list(db.reports.find()))


def test_so_many_reports_are_kept_about_one_thing_and_no_more(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_reports, "MOST_REPORTS", 2)
    for amount in ("1", "2", "2", "1"):
        state_of(db, _report(amount))
    with pytest.raises(Invalid, match="There are 2 reports"):
        state_of(db, _report("3"))
    outcome = _deliver(db, _report("3"))
    assert (outcome.outcome, outcome.reason) == ("parked", "There are 2 reports about it already.")
