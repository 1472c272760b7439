"""Which browser somebody uses, in plain words, from what it says of itself (the User-Agent header). Pure.

Browsers name others that they work like, so the order counts: Edge says that it is Chrome, Chrome that it is Safari.
"""

from __future__ import annotations

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_and_system(agent: str) -> tuple[str | None, str | None]:
    """The names of the browser and of the system; None for one that is not known."""
    return _first(_BROWSERS, agent), _first(_SYSTEMS, agent)


def _first(names: tuple[tuple[str, str], ...], agent: str) -> str | None:
    return next((name for mark, name in names if mark in agent), None)
