"""How answers are written as JSON."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.json.provider import DefaultJSONProvider

from pos_api.common.json_text import json_bytes, json_value


class JsonProvider(DefaultJSONProvider):
    """Flask's JSON, with money as decimal strings and times as RFC 3339 with Z."""

    sort_keys = False
    ensure_ascii = False
    default = staticmethod(json_value)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """As Flask's, but for the encoder and the content type, which are not made anew for each answer."""
        body = json_bytes(self._prepare_response_obj(args, kwargs)) + b"\n"
        return Response(body, content_type="application/json")
