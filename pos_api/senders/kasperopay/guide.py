"""How a merchant of KasperoPay is set up (docs/senders.md)."""

from __future__ import annotations

from pos_api.senders.guide import N_, Guide, Step

GUIDE = Guide(
    "KasperoPay",
    N_("Payments in Kaspa (KAS) for the orders of a shop."),
    "kaspa",
    before=(
        Step(
            N_(
                "In KasperoPay's Merchant Dashboard note the merchant id (kpm_…), and the store name exactly as the"
                " payment page shows it."
            )
        ),
    ),
    steps=(
        Step(
            N_(
                "In KasperoPay's Merchant Dashboard open Settings, enter this address as Webhook URL, and press Save"
                " changes. There is no secret: each payment is looked up at KasperoPay before it counts."
            ),
            ("url",),
        ),
        Step(N_("Give each payment its order: order_id is the id or the number of the order.")),
        Step(N_("Pay a small order. The payment arrives below within seconds.")),
    ),
    reports=(N_("Payments, with the amount in USD and in KAS and their transaction"),),
    unknown=(
        N_("Refunds: KasperoPay has none"),
        N_("The order of a payment whose webhook never came"),
    ),
)
