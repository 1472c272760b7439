"""How long what is kept, in words, with the oldest that is there."""

from __future__ import annotations

from typing import Any

from pos_api.privacy import retention as privacy
from pos_api.staff import audit
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.dashboard.settings.blueprint import blp
from pos_api.web.services import services


@blp.get("/retention")
@page("admin")
def retention() -> Any:
    """How long what is kept."""
    db, config = services().db, services().config
    return render(
        "settings/retention.html",
        config=config,
        oldest={**privacy.oldest(db), "audit": audit.oldest(db)},
        counts=privacy.inbox_counts(db, config),
        timezone=timezone_of(),
    )
