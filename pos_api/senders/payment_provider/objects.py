"""What is read of the objects of payment providers: a field of an unexpected shape is as one that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pos_api.senders import values
from pos_api.senders.payment_provider.events import moment, object_id
from pos_api.senders.payment_provider.payments import OrderNames

_ORDER_NAMES = ("order_id", "woocommerce_order_id")
"""The keys of meta data that name the order."""
_NAME_LIMIT = 200


def id_of(shown: Mapping[str, Any], name: str) -> str:
    """The id of another object, which stands under `name` or `name_id`."""
    return object_id(shown.get(name)) or object_id(shown.get(f"{name}_id"))


def names(shown: Mapping[str, Any], *transactions: str) -> OrderNames:
    """How an object names the order that it is for."""
    meta = shown.get("metadata")
    meta = meta if isinstance(meta, Mapping) else {}
    named = [*(short(meta.get(name)) for name in _ORDER_NAMES), short(shown.get("client_reference_id"))]
    return {
        "orders": sorted({name for name in named if name}),
        "transactions": sorted({name[:_NAME_LIMIT] for name in transactions if name}),
    }


def short(value: Any) -> str:
    """A name or a status; blank for what is none."""
    is_name = isinstance(value, str | int) and not isinstance(value, bool)
    return values.visible(str(value).strip())[:_NAME_LIMIT] if is_name else ""


def charge_of(shown: Mapping[str, Any]) -> Mapping[str, Any]:
    """The charge of an intent, where it stands there whole: expanded, or in the list of older versions of the API."""
    latest = shown.get("latest_charge")
    if isinstance(latest, Mapping):
        return latest
    charges = shown.get("charges")
    listed = charges.get("data") if isinstance(charges, Mapping) else None
    newest = listed[0] if isinstance(listed, list) and listed else None
    return newest if isinstance(newest, Mapping) else {}


def method_of_charge(charge: Mapping[str, Any]) -> str:
    """How a charge was paid; blank where it does not say it."""
    details = charge.get("payment_method_details")
    return short(details.get("type")) if isinstance(details, Mapping) else ""


def only_method(shown: Mapping[str, Any]) -> str:
    """How it was paid, where only one way was offered; with several, which one was taken is not said."""
    types = shown.get("payment_method_types")
    return short(types[0]) if isinstance(types, list) and len(types) == 1 else ""


def failure(shown: Mapping[str, Any]) -> str:
    """Why a payment failed or was canceled, as the provider's code says it."""
    error = shown.get("last_payment_error")
    error = error if isinstance(error, Mapping) else {}
    codes = (error.get("decline_code"), error.get("code"), shown.get("cancellation_reason"), error.get("type"))
    return next((code for each in codes if (code := short(each))), "")


def paid_at(shown: Mapping[str, Any]) -> datetime | None:
    """When an invoice was paid."""
    transitions = shown.get("status_transitions")
    return moment(transitions.get("paid_at")) if isinstance(transitions, Mapping) else None


def intent_of_payments(shown: Mapping[str, Any]) -> str:
    """The payment of an invoice, in newer versions of the API that list its payments; blank where there are several."""
    listed = shown.get("payments")
    data = listed.get("data") if isinstance(listed, Mapping) else None
    found = {
        object_id(each["payment"].get("payment_intent"))
        for each in (data if isinstance(data, list) else ())
        if isinstance(each, Mapping) and isinstance(each.get("payment"), Mapping) and each.get("status") == "paid"
    } - {""}
    return found.pop() if len(found) == 1 else ""


def period_end(shown: Mapping[str, Any]) -> datetime | None:
    """When the paid period ends: of the subscription, or in newer versions of the API the latest one of its items."""
    items = shown.get("items")
    data = items.get("data") if isinstance(items, Mapping) else None
    ends = [moment(each.get("current_period_end")) for each in data or () if isinstance(each, Mapping)]
    return moment(shown.get("current_period_end")) or max((end for end in ends if end), default=None)
