"""What the tests of the API share."""

from __future__ import annotations

import pytest

from pos_api.database import recently_read


@pytest.fixture(autouse=True)
def subscriptions_are_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes a subscription need not wait until every process knows: each looks at every event."""
    monkeypatch.setattr(recently_read, "MAX_AGE", 0.0)
