"""The fields of a store's form: those that every store has, and those that its sender declares
(`senders.base.Setting`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request

from pos_api.errors import Invalid
from pos_api.senders import shops
from pos_api.senders.base import ORDERS_OF, Sender, Setting, read_yes_or_no
from pos_api.senders.kind_settings import read_settings
from pos_api.senders.registry import sender_of
from pos_api.stores.model import DEFAULT, Store
from pos_api.web.dashboard.languages import _

OF_ALL = ("url", "timezone", "currency")
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form; with `options` (value and text) it is a choice."""

    name: str
    label: str
    value: str
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    required: bool = False
    type: str = "text"
    list: str | None = None


def label(name: str) -> str:
    """What the setting of this name is called on the pages."""
    return _texts(name)[0]


def of_all(store: Store, values: Mapping[str, str]) -> list[FormField]:
    """The fields that every store has, with what was typed, or what the store has."""
    has = {"url": store.url, "timezone": store.timezone, "currency": store.currency}
    names = [name for name in OF_ALL if name != "url" or shops.is_shop(store)]
    lists = {"timezone": "timezones"}
    return [
        FormField(name, *_named(name, values.get(name, has[name])), required=name == "timezone", list=lists.get(name))
        for name in names
    ]


def live_since(store: Store, values: Mapping[str, str]) -> FormField:
    """From when on a store's orders move stock, on its own clock, to the minute."""
    typed = values.get("live_since", local_minute(store))
    return FormField("live_since", *_named("live_since", typed), type="datetime-local")


def local_minute(store: Store) -> str:
    """`live_since` of a store as its field has it: `2026-11-29T08:00`; blank where it has none."""
    moment = store.live_since
    return store.local(moment).strftime("%Y-%m-%dT%H:%M") if moment else ""


def read_live_since(store: Store, text: str) -> datetime:
    """The moment that was typed, by the store's clock. Raises Invalid."""
    try:
        return store.moment(datetime.fromisoformat(text).replace(tzinfo=None))
    except (ValueError, OverflowError):
        raise Invalid(_("%(what)s is no day and time.", what=text)) from None


def of_kind(store: Store, stores: Sequence[Store], values: Mapping[str, str]) -> list[FormField]:
    """The fields that a store of this kind has besides."""
    others = [each for each in stores if each.id != store.id]
    return [
        _of_setting(each, others, values.get(each.name, shown(store.settings.get(each.name, each.default))))
        for each in sender_of(store.kind).settings
    ]


def typed() -> dict[str, str]:
    """What was typed into the form of this request, without secrets."""
    return {name: text[:_LONGEST] for name, text in request.form.items() if name not in ("csrf_token", "secret")}


def read_of_kind(sender: Sender[Any], values: Mapping[str, str], others: Sequence[Store]) -> dict[str, Any]:
    """The settings of this kind that were typed. Raises Invalid."""
    given = {each.name: values[each.name] for each in sender.settings if each.name in values}
    return read_settings(sender, given, others, label, only_given=True)


def shown(value: Any) -> str:
    """A setting's value as it stands in a form."""
    return "" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)


def new_store(kind: str, timezone: str) -> Store:
    """A store of this kind that is still to be added, for its form."""
    return Store("", "", kind, timezone=timezone)


def _of_setting(setting: Setting, others: Sequence[Store], value: str) -> FormField:
    options: tuple[tuple[str, str], ...] = ()
    if setting.name == ORDERS_OF.name:
        options = tuple((each.id, f"{each.id} ({sender_of(each.kind).guide.name})") for each in others)
        value = value or DEFAULT
    elif setting.read is read_yes_or_no:
        undecided = () if setting.default is not None else (("", _("Both")),)
        options = (*undecided, ("yes", _("Yes")), ("no", _("No")))
    of_setting = _named(setting.name, value)
    return FormField(setting.name, *of_setting, options=options, required=setting.required)


def _named(name: str, value: str) -> tuple[str, str, str]:
    text, hint = _texts(name)
    return text, value, hint


def _texts(name: str) -> tuple[str, str]:
    """Label and hint of a setting; one that these pages do not know is called by its name."""
    known = {
        "url": (_("Address of the shop"), _("https://shop.example; left blank, deliveries of any site are taken.")),
        "timezone": (_("Time zone"), _("Where its days begin and end, such as Europe/Stockholm.")),
        "currency": (_("Currency"), _("Counts where an event names none, such as SEK.")),
        "live_since": (
            _("Orders move stock since"),
            _("Those made before it are in the stock already. Left blank, all of them move stock."),
        ),
        "orders_of": (_("Whose orders are paid here"), _("Payments are looked for among the orders of this store.")),
        "livemode": (_("Live events"), _("Yes: only live events count. No: only those of test mode.")),
        "public_key": (_("Public key"), _("Deliveries are checked with it; with it no secret is needed.")),
        "merchant_id": (_("Merchant id"), _("kpm_…, as the provider's dashboard shows it.")),
        "store_name": (_("Store name"), _("Exactly as the payment page shows it.")),
        "status_url": (_("Where payments are looked up"), _("Leave it as it is, unless the provider says otherwise.")),
        "debts_in_cash": (_("Debts are paid in cash"), _("The till does not report how a debt is paid.")),
    }
    return known.get(name) or (name.replace("_", " ").capitalize(), "")
