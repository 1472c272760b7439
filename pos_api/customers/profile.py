"""A customer's profile: made from an order or a store's report, and what an erasure leaves of a record. No database is
needed here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pos_api.common.text_search import contact_words, newer_words_first
from pos_api.customers.model import Buyer, CustomerDocument, CustomerUpdate, Profile, Purchases


def buyers_profile(buyer: Buyer) -> Profile:
    """What an order says about its customer."""
    billing = buyer.billing
    profile: Profile = {
        "email": billing.get("email", "").strip(),
        "first_name": billing.get("first_name", ""),
        "last_name": billing.get("last_name", ""),
        "company": billing.get("company", ""),
        "phone": billing.get("phone", ""),
        "billing": billing,
        "shipping": buyer.shipping,
        "owning_store": buyer.store,
        "as_of": buyer.as_of,
    }
    profile["search"] = profile_words(profile)
    return profile


def purchases(buyers: Iterable[Buyer]) -> list[dict[str, Purchases]]:
    """What these buyers come to, by key, each customer once; where several stores had one of them, what the second
    store says is in the next part, and so on."""
    parts: list[dict[str, Purchases]] = []
    for buyer in buyers:
        one = _purchase(buyer)
        for part in parts:
            others = part.setdefault(one.key, one)
            if others is one or others.profile["owning_store"] == buyer.store:
                part[one.key] = one if others is one else _together(others, one)
                break
        else:
            parts.append({one.key: one})
    return parts


def _purchase(buyer: Buyer) -> Purchases:
    external_ids = (buyer.external_id,) if buyer.external_id else ()
    return Purchases(buyer.key, buyers_profile(buyer), buyer.ordered_at, buyer.ordered_at, external_ids, 1)


def _together(earlier: Purchases, later: Purchases) -> Purchases:
    newest = later if later.profile["as_of"] >= earlier.profile["as_of"] else earlier
    return Purchases(
        earlier.key,
        newest.profile,
        min(earlier.first_order_at, later.first_order_at),
        max(earlier.last_order_at, later.last_order_at),
        tuple(dict.fromkeys((*earlier.external_ids, *later.external_ids))),
        earlier.orders + later.orders,
    )


def reported_profile(update: CustomerUpdate) -> Profile:
    """What a store reports about a customer. Its records often have blank names and addresses: what is blank is left
    out, as what orders had is better than nothing."""
    profile: Profile = {"email": update.email, "as_of": update.as_of, "owning_store": update.store}
    fields = update.fields
    if first_name := fields.get("first_name"):
        profile["first_name"] = first_name
    if last_name := fields.get("last_name"):
        profile["last_name"] = last_name
    if username := fields.get("username"):
        profile["username"] = username
    billing, shipping = fields.get("billing", {}), fields.get("shipping", {})
    if _is_address(billing):
        profile["billing"] = billing
    if _is_address(shipping):
        profile["shipping"] = shipping
    if company := billing.get("company"):  # which a store has in addresses only
        profile["company"] = company
    if phone := billing.get("phone"):
        profile["phone"] = phone
    return profile


def _is_address(address: Any) -> bool:
    return bool(address.get("last_name") or address.get("address_1"))


def profile_words(profile: Profile) -> list[str]:
    """The words by which a customer is found, those that matter most first."""
    return contact_words(
        profile.get("email", ""),
        profile.get("last_name", ""),
        profile.get("first_name", ""),
        profile.get("company", ""),
        telephone=profile.get("phone", ""),
    )


def profile_if_newest(profile: Profile) -> dict[str, Any]:
    """Aggregation expressions that set a reported profile where the record is this store's, and the report at least as
    recent as what is stored. Values are literal: a name may start with a dollar sign. What the profile leaves out
    stays, and so do the words that may be of that."""
    store, as_of = profile["owning_store"], profile["as_of"]
    own = {"$eq": [{"$ifNull": ["$owning_store", store]}, store]}
    newest = {"$and": [own, {"$gte": [as_of, {"$ifNull": ["$as_of", as_of]}]}]}
    values: dict[str, Any] = {name: {"$literal": value} for name, value in profile.items()}
    values["search"] = {"$literal": profile_words(profile)}
    if not profile.keys() >= {"email", "phone", "last_name", "first_name", "company"}:
        values["search"] = newer_words_first(profile_words(profile), kept={"$ifNull": ["$search", []]})
    return {name: {"$cond": [newest, value, f"${name}"]} for name, value in values.items()}


# --- what an erasure leaves ----------------------------------------------------------------------------------------


def kept_accounts(record: CustomerDocument, until: datetime, store: str | None) -> dict[str, datetime]:
    """The accounts that an erasure leaves: those reported since, and those of other stores than the one that asked
    (None: all are asked)."""
    return {
        account: as_of
        for account, as_of in record.get("accounts", {}).items()
        if as_of > until or (store and not account.startswith(f"{store}:"))
    }


def without_erased(
    record: CustomerDocument, until: datetime, store: str | None, first: Buyer | None, last: Buyer | None
) -> CustomerDocument:
    """The record with what is known since an erasure, or from other stores. `first` and `last` are the oldest and the
    newest order that the customer still has."""
    kept = record.copy()
    kept.pop("pseudonym", None)
    kept.pop("accounts", None)
    kept.pop("first_order_at", None)
    accounts = kept_accounts(record, until, store)
    if accounts:
        kept["accounts"] = accounts
    of_orders = {buyer.external_id for buyer in (first, last) if buyer and buyer.external_id}
    of_others = {each for each in record.get("external_ids", ()) if store and not each.startswith(f"{store}:")}
    kept["external_ids"] = sorted(of_orders | accounts.keys() | of_others)
    if first:
        kept["first_order_at"] = first.ordered_at
    kept["last_order_at"] = last.ordered_at if last else None
    if store and record.get("owning_store") not in (None, store):
        return kept  # its names and addresses are another store's
    if (as_of := record.get("as_of")) and as_of > until:
        return kept
    return _with_profile(kept, buyers_profile(last)) if last else _without_profile(kept)


def _without_profile(record: CustomerDocument) -> CustomerDocument:
    kept = record.copy()
    for name in ("first_name", "last_name", "company", "phone", "username", "billing", "shipping", "owning_store"):
        kept.pop(name, None)  # type: ignore[misc]  # of a key that is not literal
    kept["search"] = contact_words(record.get("email", ""))
    return kept


def _with_profile(record: CustomerDocument, profile: Profile) -> CustomerDocument:
    kept = record.copy()
    kept.pop("username", None)
    kept.update(profile)  # type: ignore[typeddict-item]  # a part of the record
    return kept
