"""What a shop answers when stock is sent to its plugin: what became of each item, or which error it is. The answer may
come from a broken or hostile server: what can't be understood counts as not answered, so that it is sent again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pos_api.common.quantity import Quantity, quantity
from pos_api.common.time import utc
from pos_api.outbound.client import Reply
from pos_api.senders.woocommerce.diagnosis import CLOCK_LEEWAY
from pos_api.senders.woocommerce.rest import answers as rest_answers
from pos_api.senders.woocommerce.rest.answers import BUSY, busy, clock_ahead, json_of, retry_after
from pos_api.senders.woocommerce.rows import shown_text
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.stock_push.model import OUTCOMES, Item, ItemAnswer, MovementAtShop, Outcome, PluginInfo

ROUTE = "pos-sync/v1/stock"
_NOT_ANSWERED = "The shop's answer does not say what became of it."
_NO_ROUTE = (
    "WordPress answers, but the plugin WooCommerce POS Sync does not: it is not active there, or older than 1.1,"
    f" or another plugin blocks {ROUTE}."
)
_NOT_THE_PLUGIN = (
    "The shop's answer is not one of the plugin WooCommerce POS Sync: a cache, a firewall or another plugin answered"
    f" for {ROUTE}."
)
_OTHER_KEY = (
    "The API key in the plugin's settings must be one of the store's active keys; one that was made while SECRETS_KEYS"
    " was not set, or before stock was sent to shops, can't sign: make a new one (`pos-api key add`)."
)
_CAUSES = {"pos_sync_body": "refused_request", "pos_sync_tables": "tables", "pos_sync_copy": "copy"}


def plugin_answer(reply: Reply) -> dict[str, Any]:
    """The plugin's answer in a reply. Raises ShopError for anything else."""
    if 300 <= reply.status < 400:
        raise ShopError(
            "redirect",
            "The shop redirects the request to another address, and nothing is sent there; connect the store with the"
            " shop's own address.",
            http_status=reply.status,
        )
    if reply.status in BUSY:
        raise _busy(reply)
    data = json_of(reply)
    if reply.status != 200:
        raise refusal(reply, data)
    if not isinstance(data, dict) or not shown_text(data.get("plugin")) or not isinstance(data.get("items"), list):
        raise ShopError("not_plugin", _NOT_THE_PLUGIN, http_status=reply.status)
    return data


def _busy(reply: Reply) -> ShopError:
    error = busy(reply)
    error.pause = retry_after(reply)
    return error


def refusal(reply: Reply, data: Any) -> ShopError:
    """The error that the plugin, WordPress, or something before it gives in JSON."""
    status = reply.status
    code = shown_text(data.get("code")) if isinstance(data, dict) else ""
    text = shown_text(data.get("message"), 500) if isinstance(data, dict) else ""
    if not code:  # WordPress always says which error it is
        return rest_answers.refusal(status, data)
    if code == "pos_sync_signature":
        cause, message = _signature_problem(text, clock_ahead(reply))
    elif code == "rest_no_route":
        cause, message = "no_plugin", _NO_ROUTE
    elif code in _CAUSES:
        cause, message = _CAUSES[code], text or f"The plugin refuses the request ({code})."
    elif status in (401, 403):
        cause = "blocked"
        message = f"A plugin of the shop blocks its REST API for {ROUTE} (HTTP {status} {code}): allow it there."
    else:
        cause, message = "refused_request", f"HTTP {status} {code}: {text}"
    return ShopError(cause, message, http_status=status, wc_code=code)


def _signature_problem(text: str, clock: float | None) -> tuple[str, str]:
    """The cause and the message where the plugin does not take the signature."""
    if clock is not None and abs(clock) > CLOCK_LEEWAY:
        ahead = "ahead of" if clock > 0 else "behind"
        minutes = f"{abs(clock) / 60:.0f} minutes"
        return "clock", (
            f"The shop's clock is {minutes} {ahead} this machine's, and a signature is good for five: set the clocks."
        )
    return "signature", f"The plugin does not accept the signature. {text} {_OTHER_KEY}".replace("  ", " ")


def plugin_info(reply: Reply) -> PluginInfo:
    """The plugin that answered. Raises ShopError."""
    return PluginInfo(version_of(plugin_answer(reply)), clock_ahead(reply))


def version_of(data: dict[str, Any]) -> str:
    """The version of the plugin that answered."""
    return shown_text(data["plugin"], 40)


def item_answers(data: dict[str, Any], items: Sequence[Item]) -> list[ItemAnswer]:
    """What became of each of these items, in their order; `retry` where the answer does not say it, or says two
    things. Raises ShopError where it says nothing of any of them, as then it is the answer to something else."""
    found: dict[str, ItemAnswer | None] = {}
    for answer in _readable(data["items"]):
        # two different answers for one movement are none
        found[answer.movement] = answer if found.get(answer.movement, answer) == answer else None
    if items and not any(found.get(item.movement) for item in items):
        raise ShopError("not_plugin", f"{_NOT_THE_PLUGIN} It is about none of the items that were sent.")
    return [found.get(item.movement) or ItemAnswer(item.movement, "retry", None, _NOT_ANSWERED) for item in items]


def _readable(rows: list[Any]) -> Iterator[ItemAnswer]:
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("movement"), str) and (outcome := _outcome(row)):
            yield ItemAnswer(row["movement"], outcome, _quantity(row.get("quantity")), shown_text(row.get("message")))


def movements_at_shop(data: dict[str, Any], asked: Sequence[str]) -> list[MovementAtShop]:
    """Those of the movements `asked` for that the shop has noted, each once."""
    found = {}
    for row in data["items"]:
        if isinstance(row, dict) and isinstance(row.get("movement"), str):
            delta, units = _quantity(row.get("delta")), _quantity(row.get("quantity"))
            outcome: Outcome = _outcome(row) or "retry"
            found[row["movement"]] = MovementAtShop(row["movement"], outcome, delta, units, _moment(row.get("at")))
    return [found[each] for each in dict.fromkeys(asked) if each in found]


def _outcome(row: dict[str, Any]) -> Outcome | None:
    return next((each for each in OUTCOMES if each == row.get("outcome")), None)


def _quantity(value: Any) -> Quantity | None:
    """A number of units; None for what is none, such as text."""
    try:
        return None if isinstance(value, str) else quantity(value)
    except ValueError:
        return None


def _moment(value: Any) -> Any:
    try:
        return utc(value)
    except ValueError:
        return None
