"""The products that the orders of a batch may need, read in one query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pos_api.catalogue import collections, matching
from pos_api.catalogue.goods_without_stock import GoodsWithoutStock
from pos_api.catalogue.links import DiscoveredLinks
from pos_api.catalogue.matching import Candidates, KnownProduct, LineReference, known_product
from pos_api.catalogue.model import ProductDocument
from pos_api.database.client import ONE_ANSWER, Db
from pos_api.stock.model import Balance
from pos_api.stock.opening import FirstMade

_FIELDS = dict.fromkeys(
    (
        *("sku", "skus", "external_ids", "stock", "seq", "owning_store", "synced_at", "unmanaged_ids"),
        *("shared_stock_variations", "stock_parent", "skus_of_other_stores"),
        *("opening_store", "opening_stock_at", "opening_last_order_id"),
    ),
    1,
)


@dataclass(slots=True)
class Catalogue:
    """The part of the catalogue that a batch of orders may need: products by every SKU and external id, with their
    balances (by `_id`), and what the batch shows about them; the goods on its lines that stores keep no stock of; what
    is known of orders made since the POS started to count."""

    candidates: Candidates
    links: DiscoveredLinks
    balances: dict[str, Balance]
    without_stock: GoodsWithoutStock = field(default_factory=GoodsWithoutStock)
    first_made: FirstMade = field(default_factory=dict)

    def match(self, line: LineReference) -> KnownProduct | None:
        """The product of a line. What the line shows about it is noted in `links`, to be written with the batch."""
        match = matching.match(line, self.candidates)
        self.links.add(match)
        return match.product


def catalogue_of(documents: Iterable[ProductDocument]) -> Catalogue:
    """A catalogue of these products."""
    balances: dict[str, Balance] = {}
    candidates = Candidates()
    for document in documents:
        balances[document["_id"]] = Balance(document["seq"], document["stock"])
        candidates.put(known_product(document))
    return Catalogue(candidates, DiscoveredLinks(candidates), balances)


def lookup(db: Db, skus: Iterable[str], external_ids: Iterable[str] = ()) -> Catalogue:
    """The products known by any of these SKUs or external ids, in one query."""
    wanted: list[dict[str, Any]] = []
    if skus := sorted(set(skus)):
        wanted.append({"skus": {"$in": skus}})
    if external_ids := sorted(set(external_ids)):
        wanted.append({"external_ids": {"$in": external_ids}})
    if not wanted:
        return catalogue_of(())
    query = wanted[0] if len(wanted) == 1 else {"$or": wanted}
    return catalogue_of(collections.products(db).find(query, _FIELDS).batch_size(ONE_ANSWER))
