"""A payment is looked up at KasperoPay: `GET https://kaspa-store.com/api/pay/status/{payment_id}`, no credentials.

The answer has `payment_id`, `status` (`pending`, `confirming`, `completed`, `expired`), `amount_kas` and `amount_usd`
as numbers, `txid`, `store_name`, `confirmed_at` and `expires_at` (kasperolabs/docs, `kasperopay/webhooks.md`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypedDict
from urllib.parse import urlsplit

from bson import Decimal128

from pos_api.common import json_body
from pos_api.common.time import now
from pos_api.errors import PosError
from pos_api.outbound.client import HttpClient, Reply
from pos_api.outbound.errors import RequestError
from pos_api.senders import values
from pos_api.senders.kasperopay.claims import kas, usd
from pos_api.senders.kasperopay.payment import ANSWER, NO_ANSWER, put_together, thing_of
from pos_api.senders.reports import Report
from pos_api.stores.model import Store

PLACE = "{payment_id}"
DEFAULT_URL = f"https://kaspa-store.com/api/pay/status/{PLACE}"

_CLOCKS_DIFFER = timedelta(days=1)


class NotYet(Exception):
    """There is no answer by which a payment can be verified; the message is why."""


class Answer(TypedDict):
    """A completed payment as KasperoPay has it: the content of a report."""

    amount_kas: Decimal128
    amount_usd: Decimal128
    txid: str
    store_name: str
    confirmed_at: datetime | None


def read_url(text: str) -> str:
    """The address at which payments are looked up, with PLACE where the payment's id goes. Raises ValueError."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or "@" in parts.netloc or url != "".join(url.split()) or "#" in url:
        raise ValueError("must be the address of a web server")
    if url.count(PLACE) != 1 or PLACE in parts.netloc:
        raise ValueError(f"must have {PLACE} in its path or query")
    return url


def is_connected(store: Store) -> bool:
    """Whether the store has a merchant id; one that was disconnected has none, and nothing is looked up for it."""
    return bool(store.settings.get("merchant_id"))


def ask(client: HttpClient, store: Store, thing: str, cause: str) -> tuple[Report | None, str]:
    """Look a payment up: the report of the answer, or None and why there is none yet (`senders.lookups`)."""
    payment_id = thing.removeprefix(thing_of(""))
    url = str(store.settings.get("status_url") or DEFAULT_URL).replace(PLACE, payment_id)
    try:
        answer = answer_of(client.request("GET", url), payment_id)
    except (RequestError, NotYet) as problem:
        return None, str(problem)
    return _report(store, thing, cause, ANSWER, answer), ""


def without_answer(store: Store, thing: str, cause: str, since: datetime, reason: str) -> Report:
    """The report that there was no answer for what was claimed until `since`, the time of the latest claim, by the
    clock of whichever process; not for what is claimed from now on."""
    content = {"claimed_until": min(since + _CLOCKS_DIFFER, now()), "reason": reason}
    return _report(store, thing, cause, NO_ANSWER, content)


def _report(store: Store, thing: str, cause: str, name: str, content: Any) -> Report:
    return Report(store.id, thing, name, content, None, now(), cause, partial(put_together, store))


def answer_of(reply: Reply, payment_id: str) -> Answer:
    """The completed payment in a reply. Raises NotYet for everything else: pending, expired, unknown, unreadable."""
    if reply.status == 404:
        raise NotYet("KasperoPay does not know the payment (HTTP 404).")
    if reply.status != 200:
        raise NotYet(f"KasperoPay answers HTTP {reply.status}.")
    if "json" not in reply.headers.get("content-type", "").lower():
        raise NotYet("KasperoPay's answer is no JSON.")
    try:
        data = json_body.parse(reply.body, any_text=True, exact=True)
    except PosError as error:
        raise NotYet(f"KasperoPay's answer can't be read. {error.message}") from None
    if not isinstance(data, dict):
        raise NotYet("KasperoPay's answer is no object.")
    if data.get("payment_id", payment_id) != payment_id:
        raise NotYet("KasperoPay's answer is about another payment.")
    if data.get("status") != "completed":
        raise NotYet(f"KasperoPay says that the payment is {_shown(data.get('status'))}.")
    return _completed(data)


def _completed(data: dict[str, Any]) -> Answer:
    try:
        return {
            "amount_kas": kas(data.get("amount_kas")),
            "amount_usd": usd(data.get("amount_usd")),
            "txid": _text(data, "txid"),
            "store_name": _text(data, "store_name"),
            "confirmed_at": _moment(data.get("confirmed_at")),
        }
    except ValueError as problem:
        raise NotYet(
            f"KasperoPay says that the payment is completed, but the answer is not whole: {problem}."
        ) from None


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"it has no {name}")
    return values.visible(value.strip()[:200])


def _moment(value: Any) -> datetime | None:
    try:
        return values.moment(value)
    except ValueError:
        return None


def _shown(value: Any) -> str:
    return repr(values.visible(value)[:40]) if isinstance(value, str) else "in no known status"
