"""The products in the order in which somebody has to look at them: below zero first, then those that are low, then the
others; of each group by `_id`, so that a page costs the same however far down it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

from pos_api.catalogue import collections
from pos_api.catalogue.model import ProductDocument
from pos_api.common.text_search import product_words
from pos_api.database.client import Db, Document

Shown: TypeAlias = Literal["all", "low", "negative", "archived"]
SHOWN: tuple[Shown, ...] = get_args(Shown)
COUNTED_TO = 1000
"""Products are counted up to this number."""


class Place(NamedTuple):
    """Where a product stands in the list: the number of its group, and its `_id`."""

    group: int
    product: str


@dataclass(frozen=True, slots=True)
class _Group:
    """Products that match; `index` finds them where no words are asked for."""

    query: Document
    index: str | None = None


_ACTIVE: Document = {"archived": {"$ne": True}}
_BELOW_ZERO: Document = {"stock": {"$lt": 0}}
_HAS_THRESHOLD: Document = {"low_stock_threshold": {"$exists": True}}
_IS_LOW: Document = {**_HAS_THRESHOLD, "$expr": {"$lte": ["$stock", "$low_stock_threshold"]}}
_IS_ENOUGH: Document = {"$expr": {"$gt": ["$stock", "$low_stock_threshold"]}}
_NOT_BELOW_ZERO: Document = {"stock": {"$gte": 0}}

_NEGATIVE = _Group({**_ACTIVE, **_BELOW_ZERO}, "negative_stock")
_LOW = _Group({**_ACTIVE, **_NOT_BELOW_ZERO, **_IS_LOW}, "low_stock_threshold_1")
_OTHERS = _Group({**_ACTIVE, **_NOT_BELOW_ZERO, **_IS_ENOUGH})

_GROUPS: dict[Shown, tuple[_Group, ...]] = {
    "all": (_NEGATIVE, _LOW, _OTHERS),
    "low": (_Group({**_ACTIVE, **_BELOW_ZERO, **_IS_LOW}, "negative_stock"), _LOW),
    "negative": (_NEGATIVE,),
    "archived": (_Group({"archived": True}),),
}


def find(
    db: Db, shown: Shown, words: str = "", *, after: Place | None = None, limit: int = 0
) -> Iterator[tuple[Place, ProductDocument]]:
    """The products with their places, from the one after `after` on; without `limit` all of them. `low`: at their
    threshold or below it. `negative`: with a stock below zero, however that came. `words` are beginnings of words of
    name and SKU."""
    found_already = 0
    for number, group in enumerate(_GROUPS[shown]):
        if after is not None and number < after.group:
            continue
        conditions = [group.query, *_matching(words)]
        if after is not None and number == after.group:
            conditions.append({"_id": {"$gt": after.product}})
        found = (
            collections.products(db)
            .find({"$and": conditions})
            .sort("_id", 1)
            .limit(limit - found_already if limit else 0)
        )
        for product in found.hint(group.index) if group.index and not words.strip() else found:
            found_already += 1
            yield Place(number, product["_id"]), product
        if limit and found_already >= limit:
            return


def counts(db: Db) -> dict[Shown, int]:
    """How many products are low, and how many below zero: up to `COUNTED_TO`, and one more where there are more."""
    kinds: tuple[Shown, ...] = ("low", "negative")
    return {each: sum(_count(db, group) for group in _GROUPS[each]) for each in kinds}


def _count(db: Db, group: _Group) -> int:
    return collections.products(db).count_documents(group.query, hint=group.index, limit=COUNTED_TO + 1)


def _matching(words: str) -> list[Document]:
    return [{"search": {"$regex": f"^{re.escape(word)}"}} for word in product_words(words)]
