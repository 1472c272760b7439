"""How an application with PaymentKit is set up (docs/senders.md)."""

from __future__ import annotations

from pos_api.senders.guide import N_, Guide, Step

GUIDE = Guide(
    "PaymentKit",
    N_("Payments, refunds and customers' subscriptions of an ArcBlock application."),
    "kit",
    before=(
        Step(
            N_(
                "Copy the application's public key (BLOCKLET_APP_PK) from its Blocklet server: with it deliveries are"
                " checked. If your version signs with a secret instead, leave the key out."
            )
        ),
    ),
    steps=(
        Step(
            N_(
                "In the Payment Kit of your Blocklet server open Developers, Webhooks, and add an endpoint with this"
                " address."
            ),
            ("url",),
        ),
        Step(
            N_(
                "Choose the events payment_intent.succeeded, payment_intent.payment_failed, payment_intent.canceled,"
                " checkout.session.completed, invoice.paid, and all of refund and customer.subscription."
            )
        ),
        Step(N_("If it signs with a secret, enter this one there. With a public key there is none."), ("secret",)),
        Step(N_("Pay something. The payment arrives below within seconds.")),
    ),
    reports=(
        N_("Payments that were made, failed or were canceled, and refunds"),
        N_("Customers' subscriptions and their state"),
    ),
    unknown=(
        N_("How often it repeats a delivery: compare with PaymentKit's own pages now and then"),
        N_("Which of several ways to pay was used"),
    ),
)
