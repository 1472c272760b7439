"""Commands are given to the domains, and what became of them makes the outcome of their delivery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import singledispatch

from pos_api.cash import apply as cash
from pos_api.cash.model import CashMovementUpdate, CashSessionUpdate
from pos_api.catalogue import apply as products
from pos_api.catalogue import archive as product_archive
from pos_api.catalogue import items, stock_events
from pos_api.catalogue.model import ItemUpdate, ProductDeletion, ProductUpdate
from pos_api.common.warning_messages import warn
from pos_api.customers import apply as customers
from pos_api.customers.model import CustomerErasure, CustomerUpdate, Erasure
from pos_api.database.client import Db
from pos_api.errors import Invalid
from pos_api.inbox import finishing, storing
from pos_api.inbox.model import InboxEntry, Outcome
from pos_api.orders import apply as orders
from pos_api.orders.model import OrderUpdate, Result
from pos_api.payments import apply as payments
from pos_api.payments.matching import match_payments
from pos_api.payments.model import PaymentUpdate, TabUpdate
from pos_api.privacy import erase
from pos_api.processing import listeners
from pos_api.processing.publishing import publish_marked, publish_orders, publish_parked
from pos_api.processing.reported import state_of
from pos_api.processing.work import Work
from pos_api.senders import kept_reports, lookup_queue
from pos_api.senders.reports import LookUp, Report, Reported, State
from pos_api.subscriptions import apply as subscriptions
from pos_api.subscriptions.model import SubscriptionUpdate

_PRECEDENCE = ("parked", "created", "updated", "stale", "unchanged", "ignored")
"""Of the outcomes of several commands of one delivery the first of these counts: what people must look at, then what
was changed."""


def apply_works(db: Db, works: list[Work]) -> dict[str, Outcome]:
    """Apply the commands of these works, which name each order once; returns the outcomes by event key.

    Of all works the commands about other things come first, in their order, then those about orders in one batch: an
    order finds the products and customers that came with it. Every command can be applied again without effect.
    """
    ended: dict[str, list[Outcome]] = {work.entry.key: [] for work in works}
    updates: list[tuple[Work, OrderUpdate]] = []
    for work in works:
        for command in work.commands:
            if isinstance(command, OrderUpdate):
                updates.append((work, command))
            else:
                ended[work.entry.key].append(_apply(command, db, work))
    for (work, _), outcome in zip(updates, _apply_orders(db, updates), strict=True):
        ended[work.entry.key].append(outcome)
    return {work.entry.key: work.outcome or combined(ended[work.entry.key]) for work in works}


def apply_answer(db: Db, report: Report) -> Outcome:
    """Apply a report that no delivery brought: what a provider answered when something was looked up. What it changes
    has the entry of the delivery that it was looked up for as its cause."""
    entry = InboxEntry(report.store, "", report.name, "", b"", {}, report.received_at, key=report.cause)
    return _apply(report, db, Work(entry))


def combined(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of a delivery, of those of its commands: the first by _PRECEDENCE, with the warnings of all. Its body
    is not kept where one of them is about a person whose data was erased."""
    if len(outcomes) == 1:
        return outcomes[0]
    first = min(outcomes, key=lambda each: _PRECEDENCE.index(each.outcome))
    warnings = tuple(warning for each in outcomes for warning in each.warnings)
    return Outcome(first.outcome, warnings, first.reason, first.details, any(each.erased for each in outcomes))


def _apply_orders(db: Db, updates: list[tuple[Work, OrderUpdate]]) -> list[Outcome]:
    results = orders.apply(db, [update for _, update in updates])
    listeners.notify(event for result in results for event in result.events)
    erased_by_shop: dict[str, Erasure] = {
        update.key: result.erased
        for (_, update), result in zip(updates, results, strict=True)
        if result.erased and update.anonymized
    }
    erase.note_erased_orders(db, erased_by_shop)
    publish_orders(db, results, _left_by_attempt(updates, results))
    _match_payments(db, updates, results)
    return [Outcome(each.outcome, tuple(each.warnings), erased=each.erased is not None) for each in results]


def _left_by_attempt(updates: list[tuple[Work, OrderUpdate]], results: list[Result]) -> Iterator[str]:
    """The orders whose stock an earlier attempt may have moved, with those that they are sub-orders of."""
    for (_, update), result in zip(updates, results, strict=True):
        if update.retried:
            yield update.key
            if result.order and "parent" in result.order:
                yield result.order["parent"]


def _match_payments(db: Db, updates: list[tuple[Work, OrderUpdate]], results: list[Result]) -> None:
    """Find the payments of orders that are new or changed, or may have been before a crash; only for stores whose
    orders are paid at another one, as it costs a query."""
    changed = [
        result.order
        for (work, update), result in zip(updates, results, strict=True)
        if work.paid_by and result.order and (update.retried or result.outcome in ("created", "updated"))
    ]
    if changed:
        match_payments(db, changed)


@singledispatch
def _apply(command: object, db: Db, work: Work) -> Outcome:
    """Give a command to its domain: one function for each type of command."""
    raise TypeError(f"no domain applies a {type(command).__name__}")


@_apply.register
def _(command: ProductUpdate, db: Db, work: Work) -> Outcome:
    result = products.apply(db, command)
    listeners.notify(result.events)
    stock_events.publish(db, result.events)
    return Outcome(result.outcome, (*command.warnings, *result.warnings))


@_apply.register
def _(command: ProductDeletion, db: Db, work: Work) -> Outcome:
    result = product_archive.delete(db, command)
    listeners.notify(result.events)
    return Outcome(result.outcome)


@_apply.register
def _(command: ItemUpdate, db: Db, work: Work) -> Outcome:
    result = items.apply(db, command)
    listeners.notify(result.events)
    return Outcome(result.outcome, command.warnings)


@_apply.register
def _(command: CustomerUpdate, db: Db, work: Work) -> Outcome:
    result = customers.apply(db, command)
    listeners.notify(result.events)
    return Outcome(result.outcome, command.warnings, erased=command.is_erased)


@_apply.register
def _(command: CustomerErasure, db: Db, work: Work) -> Outcome:
    assert work.erasures is not None
    return Outcome(erase.apply_erasure(db, work.erasures, command), erased=True)


@_apply.register
def _(command: PaymentUpdate, db: Db, work: Work) -> Outcome:
    result = payments.apply(db, command)
    listeners.notify(result.events)
    publish_marked(db, "payments", [result.payment])
    return Outcome(result.outcome, result.warnings)


@_apply.register
def _(command: TabUpdate, db: Db, work: Work) -> Outcome:
    result = payments.apply_tab(db, command)
    return Outcome(result.outcome, result.warnings)


@_apply.register
def _(command: CashSessionUpdate, db: Db, work: Work) -> Outcome:
    result = cash.apply_session(db, command)
    listeners.notify(result.events)
    publish_marked(db, "cash_sessions", [result.session])
    return Outcome(result.outcome, result.warnings)


@_apply.register
def _(command: CashMovementUpdate, db: Db, work: Work) -> Outcome:
    return Outcome(cash.apply_movement(db, command).outcome)


@_apply.register
def _(command: SubscriptionUpdate, db: Db, work: Work) -> Outcome:
    result = subscriptions.apply(db, command)
    listeners.notify(result.events)
    publish_marked(db, "customer_subscriptions", [result.subscription])
    return Outcome(result.outcome, result.warnings)


@_apply.register
def _(command: LookUp, db: Db, work: Work) -> Outcome:
    lookup_queue.add(db, command)
    return Outcome("ignored")


@_apply.register
def _(command: Report, db: Db, work: Work) -> Outcome:
    """Keep the report and apply what all reports about its thing come to, in the order of the sender's commands."""
    try:
        reported, state = state_of(db, command)
    except Invalid as error:  # there are too many reports, also at the next attempt
        return Outcome("parked", reason=error.message, details=error.details)
    outcomes = [_apply_of_report(each, command, db, work) for each in state.commands]
    unusable = [known for known in reported.reports if known.id in state.unusable and known.id != command.id]
    for known in unusable:
        finishing.park(db, known.cause, state.unusable[known.id])
    publish_parked(db, (known.cause for known in unusable))
    _drop(db, command, reported, state)
    if command.id in state.unusable:
        return Outcome("parked", reason=state.unusable[command.id])
    if not outcomes:
        return Outcome("ignored", (warn("waits_for_rest"),))
    outcome = combined(outcomes)
    known_before = outcome.outcome == "created" and len(reported.reports) > 1  # a void makes a movement of cash
    return replace(outcome, outcome="updated") if known_before else outcome


def _drop(db: Db, report: Report, reported: Reported, state: State) -> None:
    """Drop reports that are needed no more, once their deliveries have ended."""
    causes = {each.id: each.cause for each in reported.reports if each.id in state.dropped and each.id != report.id}
    if causes:
        states = storing.states(db, causes.values())
        kept_reports.drop(db, report.key, [known for known, cause in causes.items() if states.get(cause) != "waiting"])


def _apply_of_report(command: object, report: Report, db: Db, work: Work) -> Outcome:
    if isinstance(command, OrderUpdate):
        return _apply_orders(db, [(work, replace(command, retried=report.retried))])[0]
    return _apply(command, db, work)
