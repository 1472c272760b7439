"""How an account at Stripe is set up (docs/senders.md)."""

from __future__ import annotations

from pos_api.senders.guide import N_, Guide, Step

GUIDE = Guide(
    "Stripe",
    N_("Payments, refunds and customers' subscriptions of one Stripe account."),
    "stripe-1",
    before=(
        Step(
            N_(
                "In Stripe's Dashboard open Developers, Webhooks, and add a destination: your account, payload style"
                " Snapshot, a webhook endpoint with this address."
            ),
            ("url",),
        ),
        Step(
            N_(
                "Choose the events payment_intent.succeeded, payment_intent.payment_failed, payment_intent.canceled,"
                " checkout.session.completed, checkout.session.async_payment_succeeded, charge.refunded,"
                " refund.created, refund.updated, refund.failed, invoice.paid, and all of customer.subscription."
            )
        ),
        Step(N_("Under Signing secret press Reveal, and copy it (whsec_…) into the form below.")),
    ),
    steps=(
        Step(N_("Stripe has all it needs. Its endpoint sends to this address."), ("url",)),
        Step(N_("Pay something. The payment arrives below within seconds.")),
    ),
    reports=(
        N_("Payments that were made, failed or were canceled, and refunds"),
        N_("Customers' subscriptions and their state"),
    ),
    unknown=(
        N_("Disputes and Stripe's fees"),
        N_("What happened before the endpoint was added, and what Stripe could not deliver for three days"),
    ),
    gives_secret=True,
)
