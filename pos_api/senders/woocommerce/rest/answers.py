"""Answers of a shop's REST API: the JSON, or which error it is that something else came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pos_api.common import json_body
from pos_api.common.time import now
from pos_api.errors import BadRequest
from pos_api.outbound.client import Reply
from pos_api.senders.woocommerce.rows import shown_text
from pos_api.senders.woocommerce.shop_error import ShopError

ORDER_GONE = frozenset({"woocommerce_rest_shop_order_invalid_id"})
"""What WooCommerce answers for an order that was deleted for good, with status 404."""
PRODUCT_GONE = frozenset({"woocommerce_rest_product_invalid_id", "woocommerce_rest_product_variation_invalid_id"})
"""The same for a product or variation."""
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""Statuses after which the same request may be answered a moment later."""

_MOST_VALUES = 1_000_000
"""In one answer: a small one that is nothing but `[],[],[]` would need a hundred times its size."""
_ADDRESS_HINT = "at this address; is it the shop's address, with its folder if it has one?"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the shop answered: the JSON, the rows there are in all (None: it did not say), and by how many seconds its
    clock is ahead."""

    data: Any
    total: int | None
    clock: float | None


def answer_of(reply: Reply) -> Answer:
    """The answer in a reply. Raises ShopError where it is an error, a redirect or no JSON."""
    if 300 <= reply.status < 400:
        raise ShopError("redirect", _redirect(reply), http_status=reply.status)
    data = json_of(reply)
    if reply.status >= 400:
        raise refusal(reply.status, data)
    return Answer(data, _number_in_header(reply.headers.get("X-WP-Total", "")), clock_ahead(reply))


def json_of(reply: Reply) -> Any:
    """The JSON of a reply. Raises ShopError, which says what came instead."""
    status, body = reply.status, reply.body.removeprefix(b"\xef\xbb\xbf").strip()
    if sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ShopError("too_large", f"The shop's answer holds more than {_MOST_VALUES:,} values.", http_status=status)
    try:
        return json_body.parse(body, any_text=True)
    except BadRequest as error:
        raise _no_json(status, body, error.message) from None


def _no_json(status: int, body: bytes, problem: str) -> ShopError:
    if status == 404:
        return ShopError("no_rest_api", f"There is no WordPress with a REST API {_ADDRESS_HINT}", http_status=status)
    if status in (401, 403):
        return ShopError(
            "firewall", f"Something before WordPress refuses (HTTP {status}, no JSON).", http_status=status
        )
    if body[:1] not in (b"{", b"["):
        message = (
            f"The shop answered a page instead of JSON (HTTP {status}): a firewall, maintenance mode, PHP errors "
            "shown, or no WordPress at all."
        )
        return ShopError("not_json", message, http_status=status)
    if body[-1:] not in (b"}", b"]"):
        return ShopError("cut_off", "The shop's answer broke off in the middle.", http_status=status)
    return ShopError("not_json", f"The shop's answer can't be used. {problem}", http_status=status)


def _redirect(reply: Reply) -> str:
    try:
        target = urlsplit(reply.headers.get("Location", ""))
    except ValueError:
        return "The shop redirects to what is no address; the key is not sent there."
    address = f"{target.scheme}://{target.netloc}{target.path.split('/wp-json')[0]}" if target.netloc else target.path
    shown = shown_text(address) or "nowhere"
    return f"The shop redirects to {shown}; the key is not sent there. Connect with that address."


def refusal(status: int, data: Any) -> ShopError:
    """The error that WordPress, or something before it, gives in JSON."""
    code = shown_text(data.get("code")) if isinstance(data, dict) else ""
    text = shown_text(data.get("message")) if isinstance(data, dict) else ""
    if not code:  # WordPress always says which error it is
        return _refused_by_something_else(status)
    if status in (401, 403):
        cause, message = _key_problem(status, code, text)
        return ShopError(cause, message, http_status=status, wc_code=code)
    if code == "rest_no_route":
        message = (
            "WordPress answers, but WooCommerce's API is not there: WooCommerce is not active, or a plugin blocks "
            "wc/v3."
        )
        return ShopError("no_woocommerce", message, http_status=404, wc_code=code)
    return ShopError("refused_request", f"HTTP {status} {code}: {text}", http_status=status, wc_code=code)


def _refused_by_something_else(status: int) -> ShopError:
    if status in (401, 403):
        message = f"Something refuses (HTTP {status}) that is no WordPress: a firewall before it, or another address."
        return ShopError("firewall", message, http_status=status)
    message = f"Something answers HTTP {status}, but it is no WordPress {_ADDRESS_HINT}"
    return ShopError("no_wordpress", message, http_status=status)


def _key_problem(status: int, code: str, text: str) -> tuple[str, str]:
    """The cause and the message where the key is refused."""
    if "timestamp" in text.lower():
        return "clock", "The shop does not take the time of the request: a clock is wrong."
    if code == "woocommerce_rest_cannot_view":
        message = "The key is wrong, or its user may not read orders (woocommerce_rest_cannot_view)."
        return "unauthorized", message
    if code == "woocommerce_rest_cannot_edit" or "write permissions" in text:
        return "read_only", "The key may read, but not write."
    return "unauthorized", f"The shop does not take the key: {text or status}"


def busy(reply: Reply) -> ShopError:
    """The error of a status in BUSY."""
    if reply.status == 429:
        return ShopError("too_many_requests", "The shop asks for fewer requests (429).", http_status=429)
    return ShopError(
        "server_error",
        f"The shop answers HTTP {reply.status}: PHP ran out of time or memory, or a plugin fails; see its log.",
        http_status=reply.status,
    )


def none_if_gone(read: Callable[[], Answer], gone: frozenset[str]) -> Answer | None:
    """The answer that `read` gives; None where WooCommerce says, by one of these codes, that there is no such row.
    Raises ShopError."""
    try:
        return read()
    except ShopError as error:
        if error.http_status == 404 and error.wc_code in gone:
            return None
        raise


def _number_in_header(text: str) -> int | None:
    """The number that a header gives in plain digits; None for anything else, also for other scripts' digits and `²`,
    which `str.isdigit` takes."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def retry_after(reply: Reply) -> float:
    """Seconds to wait before the next attempt, as `Retry-After` says; 0 where it does not."""
    value = reply.headers.get("Retry-After", "")
    if (seconds := _number_in_header(value)) is not None:
        return float(seconds)
    moment = _http_date(value)
    return max((moment - now()).total_seconds(), 0.0) if moment else 0.0


def clock_ahead(reply: Reply) -> float | None:
    """By how many seconds the shop's clock is ahead of ours; None where it does not give the time."""
    moment = _http_date(reply.headers.get("Date", ""))
    return (moment - now()).total_seconds() if moment else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text[:64])
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
