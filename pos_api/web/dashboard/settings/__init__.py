"""Settings, for admins: one module for each page. Importing this package adds them all."""

from __future__ import annotations

from pos_api.web.dashboard.settings import index
from pos_api.web.dashboard.settings.blueprint import blp

__all__ = ["blp", "index"]
