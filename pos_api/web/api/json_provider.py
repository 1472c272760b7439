"""How answers are written as JSON."""

from __future__ import annotations

import json
from typing import Any

from flask import Response
from flask.json.provider import DefaultJSONProvider

from pos_api.common.json_text import json_value


class JsonProvider(DefaultJSONProvider):
    """Flask's JSON, with money as decimal strings and times as RFC 3339 with Z."""

    sort_keys = False
    ensure_ascii = False

    @staticmethod
    def default(value: Any) -> Any:
        """What JSON has no type for."""
        try:
            return json_value(value)
        except TypeError:
            return DefaultJSONProvider.default(value)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """As Flask's, but for the encoder and the content type, which are not made anew for each answer."""
        text = f"{_encoder.encode(self._prepare_response_obj(args, kwargs))}\n"
        return Response(text, content_type="application/json")


_encoder = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), default=JsonProvider.default
)
