"""The API document (OpenAPI 3.1): what views declare in it, and how it is made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import flask_smorest
from flask import Flask, Response, json
from marshmallow import Schema

from pos_api.database.client import Document
from pos_api.web.api.schemas import OPENAPI_TYPES, Error

View = TypeVar("View", bound=Callable[..., Any])

_DESCRIPTION = """\
Orders, stock, customers and payments of WooCommerce shops, tills, ordering apps and payment providers.

**Shops** send deliveries with their API key as `X-API-Key`, or as WooCommerce's own webhooks, signed with the store's
secret; **other stores** send to the route of their kind, signed as it signs. **Staff** log in at `/api/auth/login` and
send the token as `Authorization: Bearer …`; press *Authorize* to try it here.

Success is `{"success": true, "data": …}`, failure `{"success": false, "error": {"code", "message", "details"},
"request_id"}` with the fitting status. Money is a decimal string, a time RFC 3339 in UTC. Lists come in pages: send
`page.next` of one as `cursor` for the next.
"""

_SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "ApiKeyAuth": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A shop's key: WEBHOOK_API_KEY of the settings, or one of `pos-api store add` and `pos-api key"
        " add`. Its scopes say what it may: `orders`, `read`, `subscriptions` or `all`.",
    },
    "BearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of `/api/auth/login`, or of `pos-api token` for scripts.",
    },
    "WooCommerceSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-WC-Webhook-Signature",
        "description": "base64(HMAC-SHA256(body, secret)), as WooCommerce signs its own webhooks.",
    },
    "SenderSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Webhook-Signature",
        "description": "What the kind of store signs its deliveries with; each kind has a scheme of its own.",
    },
}

_ERRORS = {
    400: "The request can't be read: not JSON, a key twice, a malformed cursor.",
    401: "No credentials, or wrong ones.",
    403: "The token's role, or the API key's scope or the address it comes from, does not allow this.",
    404: "There is no such thing.",
    405: "The route does not take this method.",
    409: "It exists already, or changed meanwhile.",
    413: "The body is over the limit of 2 MiB.",
    415: "The body is of another kind than this route takes.",
    422: "Readable, but not valid; `details` says which field and why.",
    429: "Too many failed attempts from this address; `Retry-After` says when to try again.",
    502: "The shop can't be asked; the message says why.",
    503: "Not just now, as when the database can't be reached; `Retry-After` says when to try again.",
}
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "The scheme to use."}},
    429: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
    503: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
}


class Api(flask_smorest.Api):  # type: ignore[misc] # flask-smorest has no types
    """The API document: our error shape, nothing undocumented behind a `default`."""

    ERROR_SCHEMA = Error
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask, describe_events: Callable[[Api], list[Document]]) -> None:
        """`describe_events` adds the types of events to the document, and returns them as the API lists them."""
        super().__init__()
        self._describe_events = describe_events
        self._event_types: list[Document] = []
        self._undescribed: list[flask_smorest.Blueprint] = []
        self._document: str | None = None
        self._lock = threading.Lock()
        for field in OPENAPI_TYPES:
            self.register_field(*field)
        self.init_app(app, spec_kwargs={"info": {"description": _DESCRIPTION}})
        for name, scheme in _SECURITY_SCHEMES.items():
            self.spec.components.security_scheme(name, scheme)

    def register_blueprint(self, blueprint: flask_smorest.Blueprint) -> None:
        """Add its routes to the application. They are described when somebody asks for the document: that takes more
        time than all else that is made at a start."""
        self._app.register_blueprint(blueprint)
        self._undescribed.append(blueprint)

    @property
    def document(self) -> str:
        """The API document as JSON, made once: anybody may ask for it, and making it is a lot of work."""
        with self._lock:
            if self._document is None:
                for each in self._undescribed:
                    each.register_views_in_doc(self, self._app, self.spec, name=each.name, parameters=None)
                    self.spec.tag({"name": each.name, "description": each.description})
                self._event_types = self._describe_events(self)
                self._document = json.dumps(self.spec.to_dict(), indent=2, sort_keys=False)
        return self._document

    @property
    def event_types(self) -> list[Document]:
        """The types of events, each with a JSON schema and an example; made with the document."""
        assert self.document
        return self._event_types

    def component(self, schema: type[Schema]) -> str:
        """The name of a schema in the document, where it is added if no route has it."""
        reference: dict[str, str] = self.ma_plugin.converter.resolve_nested_schema(schema)
        return reference["$ref"].rpartition("/")[2]

    def _openapi_json(self) -> Response:
        return Response(self.document, mimetype="application/json")

    def _register_responses(self) -> None:
        for status, description in _ERRORS.items():
            response: dict[str, Any] = {
                "description": description,
                "content": {"application/json": {"schema": Error}},
            }
            if status in _HEADERS:
                response["headers"] = _HEADERS[status]
            self.spec.components.response(_name(status), response, lazy=True)

    def _register_pagination_header(self) -> None:
        """Our pages are in the body."""


def _name(status: int) -> str:
    return HTTPStatus(status).name


def fails_with(*statuses: int) -> Callable[[View], View]:
    """Document that a view can answer these errors."""
    return documented(responses={status: _name(status) for status in statuses})


def documented(**operation: Any) -> Callable[[View], View]:
    """Add to a view's part of the API document (OpenAPI 3.1 operation fields); the view itself stays as it is."""

    def decorate(view: View) -> View:
        document = dict(getattr(view, "_apidoc", {}))
        manual = dict(document.get("manual_doc", {}))
        for name, value in operation.items():
            manual[name] = {**manual.get(name, {}), **value} if isinstance(value, dict) else value
        view._apidoc = {**document, "manual_doc": manual}  # type: ignore[attr-defined]
        return view

    return decorate
