"""A store, as the rest of the service needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pos_api.customers.erasures import Erasures
from pos_api.customers.model import Erasure, customer_key

DEFAULT = "default"
"""The store of the settings."""


@dataclass(frozen=True, slots=True)
class Store:
    """One place that sells or takes money, as the rest of the service needs it: a web shop, a till."""

    id: str
    name: str
    kind: str
    """Names its sender (`senders.registry`)."""
    url: str = ""
    timezone: str = "UTC"
    currency: str = ""
    live_since: datetime | None = None
    added_at: datetime | None = None
    """When it was added; None of the one of the settings."""
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    site: str | None = None
    order_meta: tuple[str, ...] = ()
    """Keys of orders' meta data that are kept besides those that are needed; with `*` at the end, their beginnings."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What its kind of sender has to know of it besides, by name (`senders.base.Setting`)."""
    paid_by: tuple[str, ...] = ()
    """The stores whose payments may be for orders of this one (their setting `orders_of`)."""
    erasures: Erasures | None = field(default=None, repr=False, compare=False)

    def erasures_of(self, email: str, shop_id: int) -> tuple[Erasure, ...]:
        """The erasures of the customer with this e-mail address, or without one this id; nearly always none."""
        return self.erasures.of(self.id, customer_key(self.id, email, shop_id)) if self.erasures else ()

    def is_from_another_site(self, address: str) -> bool:
        """Whether a delivery that names this address comes from another site than the store's, such as a copy of it for
        tests. Scheme, `www.`, port, folder and language make no difference. False where either is not known; a blank
        `site` takes all."""
        site = site_of(address)
        return bool(self.site and site and site != self.site)

    def moment(self, local: datetime) -> datetime:
        """The moment, in UTC, of a time on the store's clock. Raises OverflowError beyond all there are."""
        return (local if local.tzinfo else local.replace(tzinfo=ZoneInfo(self.timezone))).astimezone(UTC)

    def local(self, moment: datetime) -> datetime:
        """`moment` on the store's clock; of the first and the last day there are, where it may have none, as it is."""
        try:
            return moment.astimezone(ZoneInfo(self.timezone))
        except OverflowError:
            return moment

    def local_day(self, moment: datetime) -> str:
        """The calendar day of `moment` in the store's time zone, as `2026-11-22`."""
        return self.local(moment).date().isoformat()

    def local_hour(self, moment: datetime) -> int:
        """The hour of `moment` on the store's clock, 0 to 23."""
        return self.local(moment).hour


def site_of(address: str) -> str:
    """The host that an address names, without `www.`; blank where it names none."""
    try:
        return (urlsplit(address.strip()).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
