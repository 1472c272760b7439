"""Today: what sells at the moment, and what somebody should look at."""

from __future__ import annotations

from pos_api.web.dashboard.today.views import blp

__all__ = ["blp"]
