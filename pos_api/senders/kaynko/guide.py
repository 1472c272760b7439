"""How a till of Kaynko is set up (docs/senders.md)."""

from __future__ import annotations

from pos_api.senders.guide import N_, Guide, Step

GUIDE = Guide(
    "Kaynko",
    N_("Sales, voids, cash sessions and debts of a till. Add one store for each device."),
    "till-1",
    steps=(
        Step(
            N_(
                "In the Kaynko app (plan Growth, Business or Partner) open Settings, Integrations, and tap Add Webhook."
                " Enter this address."
            ),
            ("url",),
        ),
        Step(
            N_(
                "Select the events sale.completed, sale.voided, session.opened, session.closed, debt.settled,"
                " product.created and product.updated."
            )
        ),
        Step(
            N_("Enter this secret as Secret Key. The app calls it optional, but what is not signed is refused here."),
            ("secret",),
        ),
        Step(N_("Tap Test: the app says that it worked. A test is not stored here, so nothing shows below yet.")),
        Step(N_("Sell something at the till. It arrives below within seconds.")),
    ),
    reports=(
        N_("Sales with their lines, discount, VAT and payment; voids"),
        N_("Cash sessions with what was counted, and debts that were paid"),
        N_("Products, which are linked to yours by their code"),
    ),
    unknown=(
        N_("What was sold without a network: the app sends each event once. Compare with the till's report of the day"),
        N_("Stock and prices in the till: stock here is that of the POS"),
        N_("The VAT rate of a line, tips, and payments in two parts"),
    ),
)
