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
    meta = inside(shown, "metadata")
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
    latest = inside(shown, "latest_charge")
    return latest or next(iter(_listed(shown, "charges")), {})


def method_of_charge(charge: Mapping[str, Any]) -> str:
    """How a charge was paid; blank where it does not say it."""
    return short(inside(charge, "payment_method_details").get("type"))


def only_method(shown: Mapping[str, Any]) -> str:
    """How it was paid, where only one way was offered; with several, which one was taken is not said."""
    types = shown.get("payment_method_types")
    return short(types[0]) if isinstance(types, list) and len(types) == 1 else ""


def failure(shown: Mapping[str, Any]) -> str:
    """Why a payment failed or was canceled, as the provider's code says it."""
    error = inside(shown, "last_payment_error")
    codes = (error.get("decline_code"), error.get("code"), shown.get("cancellation_reason"), error.get("type"))
    return next((code for each in codes if (code := short(each))), "")


def paid_at(shown: Mapping[str, Any]) -> datetime | None:
    """When an invoice was paid."""
    return moment(inside(shown, "status_transitions").get("paid_at"))


def intent_of_payments(shown: Mapping[str, Any]) -> str:
    """The payment of an invoice, in newer versions of the API that list its payments; blank where there are several."""
    paid = [inside(each, "payment") for each in _listed(shown, "payments") if each.get("status") == "paid"]
    found = {object_id(each.get("payment_intent")) for each in paid} - {""}
    return found.pop() if len(found) == 1 else ""


def period_end(shown: Mapping[str, Any]) -> datetime | None:
    """When the paid period ends: of the subscription, or in newer versions of the API the latest one of its items."""
    ends = [moment(each.get("current_period_end")) for each in _listed(shown, "items")]
    return moment(shown.get("current_period_end")) or max((end for end in ends if end), default=None)


def inside(shown: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under this name; an empty one where there is none."""
    value = shown.get(name)
    return value if isinstance(value, Mapping) else {}


def _listed(shown: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list of the provider, which stands under this name."""
    data = inside(shown, name).get("data")
    return [each for each in data if isinstance(each, Mapping)] if isinstance(data, list) else []
