"""Addresses of the dashboard's pages with real ids: those that other pages lead to."""

from __future__ import annotations

import html
import re
from collections import Counter, deque
from urllib.parse import parse_qsl, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

_LINK = re.compile(r'href="([^"]+)"')


def pages_of(app: Flask) -> list[str]:
    """The paths of all pages that need no id."""
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.") and "GET" in (rule.methods or ()) and not rule.arguments
    )


def addresses(app: Flask, client: FlaskClient, *, of_each: int = 3) -> dict[str, tuple[str, str]]:
    """What this client gets to by following links from all pages that need no id: paths with their queries, and of
    each its endpoint and the media type of its answer; of an endpoint at most so many with the same filters."""
    urls = app.url_map.bind("localhost")
    counted: Counter[tuple[str, tuple[str, ...]]] = Counter()
    found: dict[str, tuple[str, str]] = {}
    waiting = deque(pages_of(app))
    while waiting:
        address = waiting.popleft()
        parts = urlsplit(address)
        if address in found or parts.netloc or not parts.path.startswith("/"):
            continue
        try:
            endpoint, _arguments = urls.match(parts.path)
        except HTTPException:
            continue
        kind = endpoint, tuple(sorted({name for name, _value in parse_qsl(parts.query)}))
        if not endpoint.startswith("dashboard.") or counted[kind] >= of_each:
            continue
        counted[kind] += 1
        with client.get(address) as answer:
            found[address] = endpoint, answer.mimetype or ""
            if answer.mimetype == "text/html":
                waiting.extend(html.unescape(link) for link in _LINK.findall(answer.get_data(as_text=True)))
    return found
