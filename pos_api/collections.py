"""Every collection of the database, in the order in which a backup reads them.

Read in this order while the service works, orders and products are at most behind the ledger, never ahead: what is
behind, the next event or `pos-api verify --repair` brings up. So are orders and payments at most behind the reports
that they are worked out from, and the next report about the same thing brings them up. Events come after all that they
are about: what was marked there and published meanwhile is published again, under the same id.
"""

from __future__ import annotations

from pos_api.accounting import collections as accounting
from pos_api.cash import collections as cash
from pos_api.catalogue import collections as catalogue
from pos_api.customers import collections as customers
from pos_api.database import layout
from pos_api.database.collections import Collection
from pos_api.figures import collections as figures
from pos_api.inbox import collections as inbox
from pos_api.orders import collections as orders
from pos_api.outbox import collections as outbox
from pos_api.payments import collections as payments
from pos_api.senders import collections as senders
from pos_api.staff import collections as staff
from pos_api.stock import collections as stock
from pos_api.stores import collections as stores
from pos_api.subscriptions import collections as subscriptions

COLLECTIONS: tuple[Collection, ...] = (
    *inbox.COLLECTIONS,
    *orders.COLLECTIONS,
    *payments.COLLECTIONS,
    *cash.COLLECTIONS,
    *subscriptions.COLLECTIONS,
    *catalogue.COLLECTIONS,
    *stock.COLLECTIONS,
    *customers.COLLECTIONS,
    *stores.COLLECTIONS,
    *staff.COLLECTIONS,
    *senders.COLLECTIONS,
    *accounting.COLLECTIONS,
    *outbox.COLLECTIONS,
    *figures.COLLECTIONS,
    *layout.COLLECTIONS,
)
