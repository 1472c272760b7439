"""How a WooCommerce shop is set up (docs/plugin.md, docs/webhooks.md)."""

from __future__ import annotations

from pos_api.senders.guide import N_, Guide, Step

GUIDE = Guide(
    "WooCommerce",
    N_("Orders of a web shop, with its products, stock, customers and refunds."),
    "north",
    steps=(
        Step(N_("Download the plugin."), ("plugin",)),
        Step(N_("In WordPress open Plugins, Add New, Upload Plugin. Choose the file, install it and activate it.")),
        Step(
            N_(
                "In WordPress open WooCommerce, POS Sync, and paste this line into the field Line from the POS. It has"
                " the address of this service and an API key, so treat it like a password."
            ),
            ("line",),
        ),
        Step(
            N_(
                "Tick Send orders to the POS, beside Enable Order Webhooks, and save. Saving tests the connection and"
                " says what is wrong, if anything is. Leave the box below ticked, which sends the products first,"
                " unless their stock is here already."
            )
        ),
        Step(N_("Make an order in the shop, or change one. It arrives below within seconds.")),
    ),
    without_plugin=(
        Step(
            N_(
                "In WordPress open WooCommerce, Settings, Advanced, Webhooks, and press Add webhook. Set the status to"
                " Active, enter this address as the delivery URL, and the secret."
            ),
            ("url", "secret"),
        ),
        Step(
            N_(
                "Make one for each of these topics: order created, updated, deleted and restored; product created,"
                " updated, deleted and restored; customer created and updated."
            )
        ),
        Step(N_("Make an order in the shop, or change one. It arrives below within seconds.")),
    ),
    reports=(
        N_("Every order and each change of it: lines, status, refunds, deletion"),
        N_("Products with their SKUs, prices and stock"),
        N_("Customers, and that a person was erased"),
    ),
    unknown=(
        N_("What happened while the plugin was off: compare the POS with the shop, by the connection to its REST API"),
        N_("With webhooks instead of the plugin, some events are lost or say less: let them be compared"),
    ),
)
