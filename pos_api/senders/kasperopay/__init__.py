"""KasperoPay: payments in Kaspa (KAS). Its webhooks are not signed: a payment is looked up there before it counts."""
