"""What a sender is, and what senders are given by those who use them.

A sender is the code for one kind of store. It authenticates deliveries, reads them, and translates their content into
commands of the domains; it writes nothing. `registry` lists the senders there are.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar

from pos_api.catalogue.model import ItemUpdate, ProductDeletion, ProductUpdate
from pos_api.customers.model import CustomerErasure, CustomerUpdate
from pos_api.database.client import Db, Document
from pos_api.errors import Unauthorized
from pos_api.inbox.model import Noun, Outcome
from pos_api.orders.model import OrderUpdate
from pos_api.senders.documentation import Documentation
from pos_api.senders.guide import Guide
from pos_api.senders.reports import Report
from pos_api.stores.api_keys import ORDERS
from pos_api.stores.authentication import api_key
from pos_api.stores.model import DEFAULT, Store
from pos_api.stores.registry import Stores

Command: TypeAlias = (
    OrderUpdate | ProductUpdate | ProductDeletion | ItemUpdate | CustomerUpdate | CustomerErasure | Report
)
"""What a sender asks a domain to apply."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a sender has to know of each store of its kind: an option of `pos-api store add` (`merchant_id` is given as
    `--merchant-id`), kept as `Store.settings[name]`. `read` makes of the text given the value that is kept, and raises
    ValueError with what is wrong (`must be yes or no`) for what it can't be. Where nothing is given, `default` is kept
    as it is; of a `required` one something must be given. Of an `unique` one, such as that which shows which store a
    delivery comes from, no two stores of the kind may have the same value. Where one that `replaces_secret` is given,
    no secret is made."""

    name: str
    help: str
    read: Callable[[str], Any] = str
    required: bool = False
    default: Any = None
    unique: bool = False
    replaces_secret: bool = False


def read_store_name(text: str) -> str:
    """The name of another store, as it is kept. Whoever adds a store looks whether there is one."""
    return text.strip() or DEFAULT


def read_yes_or_no(text: str) -> bool:
    """Whether a setting is `yes`. Raises ValueError for what is neither `yes` nor `no`."""
    if text.strip().lower() not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text.strip().lower() == "yes"


ORDERS_OF = Setting(
    "orders_of",
    "The store whose orders are paid here; without it the shop of the settings.",
    read_store_name,
    default=DEFAULT,
)
"""The setting of every kind of store that takes payments for the orders of another one."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The store that a delivery comes from. `always_200` says that its sender must be answered 200 also where the body
    can't be used: WooCommerce switches a webhook off that is answered anything else five times."""

    store: Store
    always_200: bool = False


@dataclass(frozen=True, slots=True)
class StoreCandidates:
    """The stores that a delivery may come from: all of `kind`, or the `only` one that the URL names; the address it was
    sent from; and the method, the path and the query of the request, which some signatures are made over."""

    all_stores: Stores
    kind: str
    address: str | None
    only: str | None = None
    path: str = ""
    query: str = ""
    method: str = "post"

    @property
    def stores(self) -> list[Store]:
        """These stores, for a sender that looks for the one whose secret made a signature."""
        return [store for store in self.all_stores.of_kind(self.kind) if self.only in (None, store.id)]

    def with_api_key(self, key: str) -> Store:
        """The one of these stores whose API key this is. Raises Unauthorized, and Forbidden for a key that may not send
        deliveries, or not from this address."""
        store = self.all_stores.get(api_key(self.all_stores, key, self.address, ORDERS).store)
        if store.kind != self.kind or self.only not in (None, store.id):
            problem = "The API key is of a store that does not send to this address."
            raise Unauthorized(problem, reason="API key of another store")
        return store


class BodyHmacs:
    """The HMAC-SHA256 of a body with each webhook secret of some stores, for a sender whose signature names no store.
    The body is taken part by part."""

    def __init__(self, candidates: StoreCandidates) -> None:
        self._hmacs = [
            (store, hmac.new(secret.encode(), digestmod=hashlib.sha256))
            for store in candidates.stores
            for secret in store.webhook_secrets
        ]

    def add(self, part: bytes) -> None:
        """Take the next part of the body."""
        for _, each in self._hmacs:
            each.update(part)

    def signer(self, is_signature: Callable[[bytes], bool]) -> Store | None:
        """The store with one of whose secrets the digest `is_signature`; None where there is none."""
        return next((store for store, each in self._hmacs if is_signature(each.digest())), None)


class StreamedAuthentication(Protocol):
    """Authenticates a delivery whose body is too large to be kept, while it is read part by part."""

    @property
    def is_known(self) -> bool:
        """Whether the store is known before the body is: then a body that breaks off is of that store all the same."""
        ...

    def add(self, part: bytes) -> None:
        """Take the next part of the body."""
        ...

    def result(self) -> Authenticated:
        """Who sent it, once all parts were taken. Raises Unauthorized."""
        ...


class Message(Protocol):
    """A body that was read, before its content is looked at. Each sender has a class of its own for it."""

    @property
    def topic(self) -> str:
        """What was done to what, as the sender calls it: `order.updated`."""
        ...

    @property
    def resource_id(self) -> str:
        """The sender's id of what it is about; blank where it names none."""
        ...

    @property
    def site(self) -> str:
        """The web address of the shop that it comes from; blank where it names none. See `Store.site`."""
        ...


MessageT = TypeVar("MessageT", bound=Message)


class Sender(Protocol[MessageT]):
    """The code for stores of one kind. `headers` are lower-cased everywhere."""

    @property
    def kind(self) -> str:
        """The kind of its stores, as it is stored and as it stands in the URL."""
        ...

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What it has to know of each of its stores, besides what is known of all."""
        ...

    @property
    def has_secret(self) -> bool:
        """Whether deliveries are signed with a secret that `pos-api store add` makes where none is given."""
        ...

    @property
    def paths(self) -> tuple[str, ...]:
        """Where its stores send: `/api/webhooks/KIND`, which `pos-api store add` prints, then other paths that the
        sender's own guide names. Blank where they send to the route of shops, `/api/webhooks/orders`."""
        ...

    @property
    def documentation(self) -> Documentation | None:
        """What the API document says of these paths; None where there are none."""
        ...

    @property
    def guide(self) -> Guide:
        """How one of its stores is set up, for people."""
        ...

    @property
    def topics(self) -> Collection[str]:
        """The topics that it translates. Metrics count all others together."""
        ...

    def noun(self, topic: str) -> Noun:
        """What deliveries of a topic are about, so that those about an order are found when its buyer is erased."""
        ...

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether this is no delivery but a trial of the address, which is answered 200 without credentials."""
        ...

    def signs_requests(self, headers: Mapping[str, str]) -> bool:
        """Whether the application of a store of this kind has signed a request with these headers as it signs any, so
        that `authenticate` says which store's it is."""
        ...

    def authenticate(self, headers: Mapping[str, str], body: bytes, candidates: StoreCandidates) -> Authenticated:
        """Who sent a delivery, by its raw bytes. Raises Unauthorized, and Forbidden."""
        ...

    def authenticate_parts(self, headers: Mapping[str, str], candidates: StoreCandidates) -> StreamedAuthentication:
        """The same for a body that is too large to be kept. Raises at once where no store can have sent it."""
        ...

    def kept_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers that are stored with a delivery: what is needed to read it again and to trace it; never a key or
        a signature, nor an e-mail address."""
        ...

    def kept_body(self, body: bytes) -> bytes:
        """The body as it is stored and read: without what may be stored nowhere."""
        ...

    def kept_meta(self, meta: list[Document], more: tuple[str, ...]) -> list[Document]:
        """The entries of an order's meta data that are kept: what is needed, and those with the keys `more`."""
        ...

    def delivery_id(self, headers: Mapping[str, str]) -> str:
        """The sender's id of this delivery; blank where it has none. It
        distinguishes deliveries that name no resource."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes) -> MessageT:
        """The message in a body. Raises BadRequest or Invalid where it can't be read; the delivery is parked then."""
        ...

    def topic_and_id(self, headers: Mapping[str, str], beginning: bytes) -> tuple[str, str]:
        """Topic and resource id of a body that can't be read, or is too large, as far as its beginning names them;
        blank where it does not."""
        ...

    def translate(self, message: MessageT, store: Store, received_at: datetime, cause: str) -> Sequence[Command]:
        """The commands that a message gives: none where there is nothing to keep, at most one for each order. `cause`
        is the inbox entry's key, which goes into history and ledger. Raises Invalid where the content can't be used."""
        ...


class SenderDefaults:
    """What most senders do alike, to inherit from: no pings, no delivery ids, and a body that may be stored as it is.
    See `Sender` for what each promises."""

    kind: str

    @property
    def guide(self) -> Guide:
        return Guide(self.kind)

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        return False

    def signs_requests(self, headers: Mapping[str, str]) -> bool:
        return False

    def kept_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {}

    def kept_body(self, body: bytes) -> bytes:
        return body

    def kept_meta(self, meta: list[Document], more: tuple[str, ...]) -> list[Document]:
        return meta

    def delivery_id(self, headers: Mapping[str, str]) -> str:
        return ""


class Ingest(Protocol):
    """Brings in what was read from a store, rather than sent by it: through the inbox, like a delivery.

    What reads shops is given this function, as it belongs to `processing`, which is above all senders.
    """

    def __call__(
        self, db: Db, store: Store, bodies: Iterable[bytes], read_at: datetime, /, *, again: bool = False
    ) -> list[Outcome]:
        """Store and apply these bodies, read at `read_at`; the outcome of each, in order. With `again` those that were
        applied before are applied, too. Raises PyMongoError when the database can't be reached."""
        ...
