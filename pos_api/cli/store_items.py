"""`pos-api store` with `link` and `unlink` as well: which product an item of an ordering app is."""

from __future__ import annotations

import click

from pos_api.catalogue import items
from pos_api.cli.common import say, with_config, with_db
from pos_api.cli.store import store
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.items import store_with_items
from pos_api.stores.registry import Stores


@store.command("link")
@click.argument("name")
@click.argument("item")
@click.argument("sku")
@with_db
@with_config
def link_item(config: Config, db: Db, /, name: str, item: str, sku: str) -> None:
    """Link the item ITEM (its number) of the ordering app NAME to the product with this SKU: orders that come from now
    on take from its stock."""
    app = store_with_items(Stores(db, config), name)
    done = items.link(db, app.id, items.item_number(item), sku)
    assert done.product is not None
    say(f"Item {done.item['item']} of {name} is linked to {done.product['sku']}.")


@store.command("unlink")
@click.argument("name")
@click.argument("item")
@with_db
@with_config
def unlink_item(config: Config, db: Db, /, name: str, item: str) -> None:
    """End the link of the item ITEM (its number) of the ordering app NAME: orders that come from now on move no stock
    for it."""
    app = store_with_items(Stores(db, config), name)
    done = items.unlink(db, app.id, items.item_number(item))
    say(f"Item {done.item['item']} of {name} is linked to no product.")
