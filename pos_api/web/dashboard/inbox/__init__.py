"""The inbox: what came in, what became of it, and trying it again. Importing this package adds its pages."""

from __future__ import annotations

from pos_api.web.dashboard.inbox import entry, listing, replaying
from pos_api.web.dashboard.inbox.blueprint import blp

__all__ = ["blp", "entry", "listing", "replaying"]
