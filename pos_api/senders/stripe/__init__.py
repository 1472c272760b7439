"""Stripe: payments, refunds and customers' subscriptions of one account."""
