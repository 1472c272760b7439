"""What was typed into a form that was not taken, as its session had ended or is another one now: it is kept, and can be
sent afterwards.

It stays in the browser. A form with a file, or with a password or a secret typed into it, is not kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import request

MOST_BYTES = 100_000
"""Of a form that is kept, as JSON. What is longer is rare, and would be sent twice more."""
_TOKEN = "csrf_token"  # noqa: S105 - the name of a field
_SECRET = ("password", "secret")
"""What the names of fields for passwords and secrets have in them."""


@dataclass(frozen=True, slots=True)
class UnsentForm:
    """The path that a form is sent to, and its fields, in their order."""

    path: str
    fields: tuple[tuple[str, str], ...]

    def as_json(self) -> str:
        """As a hidden field has it."""
        return json.dumps([self.path, *self.fields], ensure_ascii=False)


def of_request() -> UnsentForm | None:
    """The form that the current request sends; None where nothing is typed into it, or it can't be kept."""
    fields = tuple((name, text) for name, text in request.form.items(multi=True) if name != _TOKEN)
    if not fields or request.files or any(text and any(word in name for word in _SECRET) for name, text in fields):
        return None
    form = UnsentForm(request.full_path.rstrip("?"), fields)
    return form if len(form.as_json().encode(errors="replace")) <= MOST_BYTES else None


def is_same_origin() -> bool:
    """Whether the browser says that a page of this service has sent the current request."""
    site = request.headers.get("Sec-Fetch-Site")  # sent over https, and on the same machine
    if site is not None:
        return site == "same-origin"
    return urlsplit(request.headers.get("Origin", "")).netloc == request.host


def from_json(text: str) -> UnsentForm | None:
    """What `as_json` gave; None for anything else."""
    try:
        path, *fields = json.loads(text)
        return UnsentForm(str(path), tuple((str(name), str(value)) for name, value in fields))
    except (ValueError, TypeError, RecursionError):
        return None
