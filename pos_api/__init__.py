"""WooCommerce POS Sync: what a business sells, online and over the counter, in one place."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("pos-api")
