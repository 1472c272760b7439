"""How things are looked up at a provider: one line for each kind of store whose deliveries prove nothing.

A sender asks for it with the command `LookUp`; `lookup_queue` keeps what has to be looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pos_api.outbound.client import HttpClient
from pos_api.senders.kasperopay import status
from pos_api.senders.reports import Report
from pos_api.stores.model import Store


@dataclass(frozen=True, slots=True)
class Lookup:
    """Nothing is looked up for a store that is not connected. `ask` asks the provider for a thing and returns
    the report of its answer, or None where there is none yet, and why, in a sentence. `without_answer` gives the report
    that there was none, for what was asked for at that time. Both take the key of the inbox entry that goes into
    history."""

    is_connected: Callable[[Store], bool]
    ask: Callable[[HttpClient, Store, str, str], tuple[Report | None, str]]
    without_answer: Callable[[Store, str, str, datetime, str], Report]


LOOKUPS = {"kasperopay": Lookup(status.is_connected, status.ask, status.without_answer)}
