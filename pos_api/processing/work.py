"""A delivery on its way: its inbox entry, and what has to be done for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pos_api.common.email_addresses import without_addresses
from pos_api.customers.erasures import Erasures
from pos_api.errors import PosError
from pos_api.inbox.model import InboxEntry, Outcome
from pos_api.orders.model import OrderUpdate
from pos_api.senders.base import Command
from pos_api.senders.reports import Report


@dataclass(frozen=True, slots=True)
class Work:
    """An inbox entry and the commands to apply for it; without commands it has its `outcome` already, and `problem` is
    why it can't be used. `site` is the web address that the delivery names, `paid_by` the stores whose payments may be
    for its store's orders."""

    entry: InboxEntry
    commands: tuple[Command, ...] = ()
    outcome: Outcome | None = None
    problem: PosError | None = None
    site: str = ""
    erasures: Erasures | None = None
    paid_by: tuple[str, ...] = ()

    def orders(self) -> list[OrderUpdate]:
        """Those of its commands that are about orders."""
        return [command for command in self.commands if isinstance(command, OrderUpdate)]

    def reports(self) -> list[Report]:
        """Those of its commands that are reports."""
        return [command for command in self.commands if isinstance(command, Report)]


def parked(entry: InboxEntry, problem: PosError) -> Work:
    """An entry that is kept for people to look at, because of `problem`. The reason stays when a person is erased, so
    it has no e-mail address in it."""
    outcome = Outcome("parked", reason=without_addresses(problem.message), details=problem.details)
    return Work(entry, outcome=outcome, problem=problem)


def retried(work: Work) -> Work:
    """The same work, begun before: a crash or a failure may have left it half done."""
    commands = (
        replace(each, retried=True) if isinstance(each, OrderUpdate | Report) else each for each in work.commands
    )
    return replace(work, commands=tuple(commands))
