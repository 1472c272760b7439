"""How far a page of a list looks."""

from __future__ import annotations

import pytest

from pos_api.database.reach import MOST_LOOKED_AT, _next_window


@pytest.mark.parametrize("found", [0, 1, 25, 49, 50])
def test_a_page_looks_through_few_windows_also_when_the_last_row_does_not_come(found: int) -> None:
    """Each is two round trips."""
    looked_at, windows = 250, 1
    while looked_at < MOST_LOOKED_AT:
        looked_at += _next_window(looked_at, found, 51)
        windows += 1
    assert looked_at == MOST_LOOKED_AT
    assert windows <= 6
