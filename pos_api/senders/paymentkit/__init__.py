"""PaymentKit (ArcBlock): payments, refunds and customers' subscriptions of one application."""
