"""What should send a shop's orders here and does not: webhooks that are off, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pos_api.common.time import utc
from pos_api.senders.woocommerce.reconcile.model import WebhookProblem
from pos_api.senders.woocommerce.reconcile.report import Report
from pos_api.senders.woocommerce.rows import Row, shown_text
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.shop_reader import ShopReader

WEBHOOKS_PATH = "/api/webhooks/orders"
PLUGIN = "woocommerce-pos-sync/"

_NOT_SEEN = "Whether webhooks and the plugin are on was not looked at: the key may not see it."
_NOTHING_SENDS = "Neither the plugin nor webhooks for order.created and order.updated are there; nothing sends orders."
_NO_WRITING = " The key may not write, so switch it on in WooCommerce > Settings > Advanced > Webhooks."


def compare(shop: ShopReader, report: Report, *, switch_on: bool) -> None:
    """Note the webhooks to the POS that are not active, and switch them on again; or that nothing sends orders. Raises
    ShopError."""
    try:
        found, plugins = shop.webhooks(), shop.active_plugins()
    except ShopError as error:
        if error.cause not in ("unauthorized", "read_only"):
            raise
        report.notes.append(_NOT_SEEN)
        return
    ours = [each for each in found if sends_here(each)]
    report.webhooks = problems(ours)
    if switch_on:
        for problem in report.webhooks:
            _switch_on(shop, problem)
    if not anything_sends(ours, plugins):
        report.webhooks.append(
            {"sender": "plugin", "id": None, "name": "WooCommerce POS Sync", "problem": _NOTHING_SENDS}
        )


def sends_here(webhook: Row) -> bool:
    """Whether a webhook sends to a POS."""
    try:
        return urlsplit(shown_text(webhook.get("delivery_url"), 2000)).path.rstrip("/").endswith(WEBHOOKS_PATH)
    except ValueError:
        return False


def anything_sends(webhooks: Sequence[Row], plugins: Iterable[str]) -> bool:
    """Whether the plugin is active, or webhooks to the POS for new and changed orders are there, be they off."""
    topics = {shown_text(each.get("topic")) for each in webhooks}
    return any(each.startswith(PLUGIN) for each in plugins) or {"order.created", "order.updated"} <= topics


def problems(webhooks: Sequence[Row]) -> list[WebhookProblem]:
    """The webhooks that are not active."""
    return [
        {
            "sender": "webhook",
            "id": each["id"],
            "name": shown_text(each.get("name")),
            "topic": shown_text(each.get("topic")),
            "problem": f"The webhook is {shown_text(each.get('status'), 20)}; "
            "WooCommerce switches it off on the 7th failure in a row.",
            "off_since": _time(each.get("date_modified_gmt")),
        }
        for each in webhooks
        if shown_text(each.get("status")) != "active"
    ]


def _time(value: Any) -> datetime | None:
    try:
        return utc(value)
    except ValueError:
        return None


def _switch_on(shop: ShopReader, problem: WebhookProblem) -> None:
    assert problem["id"] is not None
    try:
        shop.switch_on_webhook(problem["id"])
        problem["repair"] = "switched on"
    except ShopError as error:
        if error.cause not in ("read_only", "unauthorized"):
            raise
        problem["problem"] += _NO_WRITING
