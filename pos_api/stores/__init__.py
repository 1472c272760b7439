"""Stores: their settings, API keys and secrets."""
