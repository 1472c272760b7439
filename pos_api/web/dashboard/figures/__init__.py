"""Figures of a period, compared with an earlier one, by day, store, product and more; each table as a CSV file."""

from pos_api.web.dashboard.figures.views import blp

__all__ = ["blp"]
