"""Customers: their records, and erasures of their personal data."""
