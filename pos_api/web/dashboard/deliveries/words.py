"""Subscriptions, deliveries and events in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pos_api.database.client import Document
from pos_api.outbox.event_types import EVENT_TYPES, NOUNS, PATTERNS
from pos_api.outbox.model import noun_of
from pos_api.web.dashboard.languages import _


@dataclass(frozen=True, slots=True)
class Health:
    """How a subscription fares: in a word with the class that colours it, and what to do, blank for nothing."""

    text: str
    look: str
    advice: str = ""


def health(of: Document) -> Health:
    """How a subscription fares, from the `health` that the API shows."""
    state = of["state"]
    if state == "ok" and of["last_success_at"] is None and of["last_failure_at"] is None:
        return Health(_("Nothing sent yet"), "", _("Send a test to see whether its server is reached."))
    if state == "ok" and of["failures_in_row"]:
        return Health(
            _("Fails just now"), "warn", _("It is tried again by itself, after growing pauses. See to its server.")
        )
    known = {
        "ok": Health(_("Works"), "good"),
        "paused": Health(
            _("Paused after failures"),
            "warn",
            _("After failures in a row nothing is sent for a while, then one delivery as a test. It goes on alone."),
        ),
        "failing": Health(
            _("Only fails"),
            "bad",
            _("For a day or longer every attempt has failed. After five days it is switched off. See to its server."),
        ),
        "off": Health(
            _("Switched off"), "", _("Nothing is sent. What happens is kept for it, and sent once it is on.")
        ),
        "disabled": Health(
            _("Switched off by the service"),
            "bad",
            _("See to its server, send a test, and then switch it on: it goes on where it stopped."),
        ),
    }
    return known[state]


def events(patterns: Sequence[str]) -> str:
    """The events that a subscription is for."""
    return _("All") if "*" in patterns else ", ".join(patterns)


def delivery_state(state: str) -> Health:
    """What became of a delivery."""
    return {
        "waiting": Health(_("Waiting"), "warn"),
        "succeeded": Health(_("Received"), "good"),
        "failed": Health(_("Failed"), "bad"),
    }[state]


def cause(of: str | None) -> str:
    """Why no answer came, by the code of the attempt; blank for a code that is not known."""
    known = {
        "dns": _("Its name was not found."),
        "refused": _("Nothing listens at its address."),
        "timeout": _("It did not answer in time."),
        "tls": _("No safe connection could be made: see to its certificate."),
        "cut_off": _("The connection broke off."),
        "too_large": _("Its answer was too large."),
        "malformed": _("What it answered is no HTTP."),
        "address": _("Its address is one that nothing is sent to."),
        "network": _("This machine's own network did not work."),
        "no_event": _("The event is no longer kept."),
        "no_secret": _("The subscription's secret can't be read; give it another."),
        "internal": _("The request could not be made."),
    }
    return known.get(of or "", "")


@dataclass(frozen=True, slots=True)
class EventGroup:
    """The types of events about one kind of thing: the pattern that stands for all, what they are about, and each type
    with what it means."""

    pattern: str
    text: str
    types: tuple[tuple[str, str], ...]


def event_groups() -> list[EventGroup]:
    """All types of events that can be subscribed to, in groups."""
    texts, nouns = event_texts(), _nouns()
    return [
        EventGroup(
            f"{noun}.*", nouns[noun], tuple((each, texts[each]) for each in EVENT_TYPES if noun_of(each) == noun)
        )
        for noun in NOUNS
    ]


def _nouns() -> Mapping[str, str]:
    return {
        "order": _("Orders"),
        "payment": _("Payments"),
        "stock": _("Stock"),
        "product": _("Products"),
        "customer": _("Customers"),
        "session": _("Cash sessions"),
        "subscription": _("Customers' subscriptions"),
        "delivery": _("Inbox"),
        "store": _("Stores"),
    }


def event_texts() -> dict[str, str]:
    """What each type of event means."""
    return {
        "order.created": _("An order came in that was not known here."),
        "order.updated": _("An order was changed, in its status or otherwise, unless one of the types below says how."),
        "order.completed": _("An order came into a status that means it is completed."),
        "order.cancelled": _("An order was cancelled."),
        "order.refunded": _("More of an order was paid back, all of it or a part."),
        "order.restored": _("An order that was deleted is there again."),
        "order.deleted": _("An order was deleted at its store; it is kept here, marked as deleted."),
        "payment.completed": _("A payment was made."),
        "payment.refunded": _("More of a payment was paid back."),
        "stock.changed": _("Units of a product came in or went out: one event for each movement of its stock."),
        "stock.low": _("A product's stock fell to its low-stock threshold or below, or below zero."),
        "product.created": _("A product was added, by a store or by staff."),
        "product.updated": _("A product was changed, except for its stock, or is no longer archived."),
        "product.archived": _("A product was archived: it is no longer sold."),
        "customer.created": _("A customer was seen for the first time."),
        "customer.updated": _("What is known of a customer changed."),
        "customer.erased": _("A customer's personal data was erased."),
        "session.opened": _("A till's cash session was opened."),
        "session.closed": _("A till's cash session was closed and its cash counted."),
        "subscription.created": _("A customer's subscription at a payment provider began."),
        "subscription.updated": _("A customer's subscription changed, such as when it was renewed or paused."),
        "subscription.canceled": _("A customer's subscription ended."),
        "delivery.parked": _("What a store sent can't be used, and waits in the inbox for somebody to look at it."),
        "store.silent": _("Nothing has come from a store for far longer than usual."),
        "store.drift": _("A comparison with a shop found that it and the POS differ."),
        "ping": _("A test, sent to one subscription when somebody asks for it, whatever events it is for."),
    }


def event_types_and_patterns() -> set[str]:
    """What a list of events or deliveries can be filtered by."""
    return {*EVENT_TYPES, *PATTERNS}
