"""Subscriptions to events, and how their deliveries fare. Importing this package adds its pages."""

from __future__ import annotations

from pos_api.web.dashboard.deliveries import changes, delivery, events, settings_form, subscription, subscriptions
from pos_api.web.dashboard.deliveries.blueprint import blp

__all__ = ["blp", "changes", "delivery", "events", "settings_form", "subscription", "subscriptions"]
