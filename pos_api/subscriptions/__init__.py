"""Subscriptions that customers have at payment providers."""
