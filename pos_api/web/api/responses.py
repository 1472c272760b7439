"""The body of an answer, which has one shape for every success; `errors` has that of failures."""

from __future__ import annotations

from typing import Any


def success(data: Any, *, message: str | None = None, **more: Any) -> dict[str, Any]:
    """The body of every success."""
    body: dict[str, Any] = {"success": True, "data": data}
    if message is not None:
        body["message"] = message
    return body | more
