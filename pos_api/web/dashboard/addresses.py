"""Addresses of pages, where there is such a page."""

from __future__ import annotations

from typing import Any

from flask import url_for
from werkzeug.routing import BuildError


def address_of(endpoint: str, **values: Any) -> str | None:
    """The address of a page, None where there is no such page."""
    try:
        return url_for(endpoint, **values)
    except BuildError:
        return None
