"""The books: one module for each page. Importing this package adds them all."""

from __future__ import annotations

from pos_api.web.dashboard.books import accounts, days, entries, exports, proof, reports
from pos_api.web.dashboard.books.blueprint import blp

__all__ = ["accounts", "blp", "days", "entries", "exports", "proof", "reports"]
