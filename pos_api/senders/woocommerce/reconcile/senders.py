"""What should send a shop's orders here and does not: webhooks that are off, or nothing at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pos_api.common.time import utc
from pos_api.database.client import Db, Document
from pos_api.senders.woocommerce.reconcile.report import Report, reconciled_until
from pos_api.senders.woocommerce.rows import Row, shown_text
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.shop_reader import ShopReader

WEBHOOKS_PATH = "/api/webhooks/orders"
PLUGIN = "woocommerce-pos-sync/"
OVERLAP = timedelta(minutes=10)
_UNSEEN = "Whether webhooks and the plugin are on was not looked at: the key may not see it."


def compare(shop: ShopReader, report: Report, *, repair: bool) -> None:
    """Note the webhooks to the POS that are not active, and switch them on again; or that nothing sends orders. Raises
    ShopError."""
    try:
        webhooks = [each for each in shop.webhooks() if _ours(each)]
        plugin = any(each.startswith(PLUGIN) for each in shop.active_plugins())
    except ShopError as error:
        if error.cause not in ("unauthorized", "read_only"):
            raise
        report.notes.append(_UNSEEN)
        return
    off = [_sender(each) for each in webhooks if shown_text(each.get("status")) != "active"]
    if repair:
        for each in off:
            _switch_on(shop, each)
    topics = {shown_text(each.get("topic")) for each in webhooks}
    if not plugin and not {"order.created", "order.updated"} <= topics:
        problem = "Neither the plugin nor webhooks for order.created and order.updated are there; nothing sends orders."
        off.append({"sender": "plugin", "id": None, "name": "WooCommerce POS Sync", "problem": problem})
    report.senders = off


def before_the_gap(db: Db, report: Report) -> datetime:
    """Where to compare from: where a webhook was off, from when the store was last known to be in sync."""
    off = [each["off_since"] for each in report.senders if each.get("repair") and each.get("off_since")]
    if not off:
        return report.since
    return min(report.since, (reconciled_until(db, report.store) or min(off)) - OVERLAP)


def _ours(webhook: Row) -> bool:
    try:
        return urlsplit(shown_text(webhook.get("delivery_url"), 2000)).path.rstrip("/").endswith(WEBHOOKS_PATH)
    except ValueError:
        return False


def _sender(webhook: Row) -> Document:
    return {
        "sender": "webhook",
        "id": webhook["id"],
        "name": shown_text(webhook.get("name")),
        "topic": shown_text(webhook.get("topic")),
        "problem": f"The webhook is {shown_text(webhook.get('status'), 20)}; "
        "WooCommerce switches it off on the 7th failure in a row.",
        "off_since": _time(webhook.get("date_modified_gmt")),
    }


def _time(value: Any) -> datetime | None:
    try:
        return utc(value)
    except ValueError:
        return None


def _switch_on(shop: ShopReader, sender: Document) -> None:
    try:
        shop.switch_on_webhook(sender["id"])
        sender["repair"] = "switched on"
    except ShopError as error:
        if error.cause not in ("read_only", "unauthorized"):
            raise
        sender["problem"] += " The key may not write, so switch it on in WooCommerce > Settings > Advanced > Webhooks."
