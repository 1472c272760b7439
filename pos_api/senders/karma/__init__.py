"""Karma: an app in which guests order at the table, pay, and keep tabs."""
