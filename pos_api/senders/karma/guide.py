"""How a location of Karma is set up (docs/senders.md)."""

from __future__ import annotations

from pos_api.senders.guide import N_, Guide, Step

_SUBSCRIBE = (
    'curl https://common-api.karma.life/api/v1/webhooks/subscriptions -H "X-API-Key: karma_live_…"'
    ' -H "X-Location-Id: 100" -H "Content-Type: application/json" -d \'{"url": "{url}", "secret": "{secret}",'
    ' "active": true, "events": ["order.created", "order.updated", "order.completed", "order.cancelled",'
    ' "purchase.confirmed", "purchase.refunded", "tab.opened", "tab.closed", "tab.payment_received",'
    ' "inventory.created", "inventory.updated", "inventory.deleted", "inventory.availability_changed"]}\''
)

GUIDE = Guide(
    "Karma",
    N_("Orders of guests, purchases, refunds and tabs of one location of the ordering app."),
    "bar",
    steps=(
        Step(N_("In Karma's admin make an API key (karma_live_…) that may manage webhooks.")),
        Step(N_("This is the address for its webhooks, and the secret that they are signed with."), ("url", "secret")),
        Step(
            N_(
                "Subscribe at Karma's API: run this in a terminal, with your API key and the number of the location."
                " Or send it to your contact at Karma."
            ),
            command=_SUBSCRIBE,
        ),
        Step(N_("Order and pay something in the app. It arrives below within seconds.")),
        Step(N_("Then link Karma's items to your products, so that its orders take from their stock."), ("items",)),
    ),
    reports=(
        N_("Orders, which hold the stock of the products that their items are linked to"),
        N_("Purchases with their payment, tip and VAT; refunds; tabs"),
        N_("Items, and whether they can be ordered"),
    ),
    unknown=(
        N_("Which orders a purchase pays: both have only the tab in common"),
        N_("Whether an event is missing: Karma numbers none. Compare with Karma's own purchases now and then"),
        N_("Which product an item is, until it is linked"),
    ),
)
