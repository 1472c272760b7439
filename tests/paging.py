"""Lists of the API, read page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def read_all(page_after: Callable[[str], Any], most: int = 100) -> list[Any]:
    """The rows of all pages; `page_after` returns the reply's JSON for a cursor, "" for the first page. Fails the test
    when there are more than `most` pages."""
    rows: list[Any] = []
    cursor = ""
    for _ in range(most):
        page = page_after(cursor)
        rows += page["data"]
        cursor = page["page"]["next"]
        if cursor is None:
            return rows
    raise AssertionError(f"more than {most} pages")
