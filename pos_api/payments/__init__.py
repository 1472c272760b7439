"""Payments: what was paid, by which means, for which order; and the tabs (open bills) that are paid in parts."""
