"""What every route shares: who may call it, how its input is read, and how the API document tells of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from http import HTTPStatus
from itertools import islice
from typing import Any, NoReturn, TypeVar, cast

import flask_smorest
from flask import Flask, Request, Response, g, json, request
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from pos_api.common import json_body
from pos_api.common.ip_addresses import plain
from pos_api.database.client import make_durable
from pos_api.errors import Forbidden, Invalid, UnsupportedMediaType
from pos_api.staff import audit
from pos_api.staff.principals import Principal
from pos_api.staff.token_claims import Token
from pos_api.staff.users import ROLES
from pos_api.stores import authentication
from pos_api.web.api import services
from pos_api.web.api.docs import DESCRIPTION, SECURITY_SCHEMES
from pos_api.web.api.schemas import OPENAPI_TYPES, Error

View = TypeVar("View", bound=Callable[..., Any])

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

    def __init__(self, app: Flask) -> None:
        super().__init__()
        for field in OPENAPI_TYPES:
            self.register_field(*field)
        self.init_app(app, spec_kwargs={"info": {"description": DESCRIPTION}})
        for name, scheme in SECURITY_SCHEMES.items():
            self.spec.components.security_scheme(name, scheme)

    @cached_property
    def document(self) -> str:
        """The API document as JSON, made once: anybody may ask for it, and making it is a lot of work."""
        return json.dumps(self.spec.to_dict(), indent=2, sort_keys=False)

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


_MANY = 20


class _Parser(FlaskParser):
    """Reads JSON as strictly as a webhook's, and speaks of errors in our shape."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": RAISE, "query": RAISE, "headers": EXCLUDE}  # noqa: RUF012 - as in webargs

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The JSON value of the body. Raises UnsupportedMediaType, BadRequest, Invalid."""
        if req.mimetype != "application/json":
            raise UnsupportedMediaType("Send application/json.")
        value = json_body.parse(req.get_data())
        known = {field.data_key or name for name, field in schema.fields.items()}
        unknown = list(islice((name for name in value if name not in known), _MANY)) if isinstance(value, dict) else []
        if len(unknown) == _MANY:  # the schema would take its time over thousands of them
            raise Invalid("The request is not valid.", details={name: ["Unknown field."] for name in unknown})
        return value

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """The query. Raises Invalid for a NUL, which no database query can hold, and for a parameter given twice, of
        which only one would count."""
        if b"%00" in req.query_string or b"\0" in req.query_string:
            raise Invalid("The query holds a NUL character.")
        if twice := {name: ["Given more than once."] for name, values in req.args.lists() if len(values) > 1}:
            raise Invalid("The request is not valid.", details=twice)
        return super().load_querystring(req, schema)

    def handle_error(
        self, error: ValidationError, req: Request, schema: Schema, *, error_status_code: Any, error_headers: Any
    ) -> NoReturn:
        """Raise Invalid with a message per field."""
        problems: dict[str, Any] = {}
        for of_location in cast(Mapping[str, Any], error.messages).values():
            problems.update(of_location if isinstance(of_location, dict) else {"body": of_location})
        raise Invalid("The request is not valid.", details=problems)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A noun's routes. A view answers `success(…)`, which its `response` schema (see `schemas.reply`) dumps."""

    ARGUMENTS_PARSER = _Parser()

    def arguments(self, schema: Any, *, location: str = "json", **options: Any) -> Callable[[Callable[..., Any]], Any]:
        """Read and validate the input, and document how that can fail."""
        failures = (400, 413, 415, 422) if location == "json" else (422,)
        decorate = super().arguments(schema, location=location, **options)
        return lambda view: fails_with(*failures)(decorate(view))


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


def body_limit(size: int) -> Callable[[View], View]:
    """Refuse a longer body than this many bytes, unread. Put it first under the route."""

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            request.max_content_length = size + 1
            request.body_limit = size  # type: ignore[attr-defined] # of WholeRequest
            return view(*args, **kwargs)

        return cast(View, limited)

    return decorate


# --- who may call a route ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route. Every route declares it, by one of the decorators below; see `access_of`."""

    role: str | None = None
    """The least role of staff that may; None: no staff."""
    scope: str | None = None
    """The scope an API key must have; None: no API key may."""
    signature: bool = False
    """Whether a signature of WooCommerce's own webhooks opens it too."""
    by_sender: bool = False
    """Whether a delivery's sender decides, by the scheme of its kind."""
    public: bool = False
    """Whether it needs no credential. An API key that is sent is checked where there is a scope."""

    def sentence(self) -> str:
        """What it takes to call the route, for the API document; blank where it takes nothing."""
        if self.public:
            return f"Needs nothing; an API key that is sent must have the scope `{self.scope}`." if self.scope else ""
        higher = "" if self.role == ROLES[-1] else " or a higher one"
        ways = (
            f"a token of the role {self.role}{higher}" if self.role else "",
            f"an API key with the scope `{self.scope}`" if self.scope else "",
            "a signed webhook" if self.signature else "",
            "what the kind of store signs its deliveries with" if self.by_sender else "",
        )
        return f"Needs {', or '.join(filter(None, ways))}."

    def security(self) -> list[dict[str, list[str]]]:
        """The same for programs: OpenAPI's security requirements."""
        ways: list[dict[str, list[str]]] = [{}] if self.public and self.scope else []
        ways += [{"BearerAuth": [self.role]}] if self.role else []
        ways += [{"ApiKeyAuth": [self.scope]}] if self.scope else []
        ways += [{"WooCommerceSignature": []}] if self.signature else []
        return ways + ([{"SenderSignature": []}] if self.by_sender else [])


def declared(access: Access) -> Callable[[View], View]:
    """Declare who may call a view, for `access_of` and the API document. What it declares the view itself enforces."""

    def decorate(view: View) -> View:
        view.access = access  # type: ignore[attr-defined]
        if access.public and not access.scope:
            return view
        described = getattr(view, "_apidoc", {}).get("manual_doc", {}).get("description")
        if described:
            documented(description=f"{described}\n\n{access.sentence()}")(view)
        else:
            view.__doc__ = f"{view.__doc__}\n\n    {access.sentence()}"
        return fails_with(401, 403, 429, 503)(documented(security=access.security())(view))

    return decorate


_PUBLIC = Access(public=True)
_PAGES = ("static", "api-docs.openapi_json", "docs.page")
"""The API document and its files: views that are not ours, or that know nothing of this module."""

public = declared(_PUBLIC)
"""Anybody may, without a credential."""


def access_of(app: Flask, endpoint: str) -> Access | None:
    """Who may call a route; None where nothing is declared, and then the service does not start."""
    return _PUBLIC if endpoint in _PAGES else getattr(app.view_functions[endpoint], "access", None)


def staff(role: str, *, scope: str | None = None) -> Callable[[View], View]:
    """Only for staff of this role or a higher one, by `Authorization: Bearer <token>`; with `scope` also for API keys
    that have it. See `speaker`.

    Put it first under the route, so that nothing is read of a request that may not be made. What it changed is on disk
    before it is answered.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            _authenticate(role, scope)
            answer = view(*args, **kwargs)
            if request.method not in ("GET", "HEAD"):
                make_durable(services().db)
            return answer

        return declared(Access(role, scope))(cast(View, guarded))

    return decorate


def _authenticate(role: str, scope: str | None) -> None:
    """Find out who makes the request. Raises Unauthorized, Forbidden."""
    authorization, key = request.headers.get("Authorization", ""), request.headers.get("X-API-Key")
    if key and not authorization:
        _authenticate_key(key, role, scope)
        return
    token = services().tokens.check(authorization)
    g.principal, g.token = Principal(token.name, token.role), token
    if not g.principal.may(role):
        raise Forbidden(f"This takes the role {role}; {token.name} is {token.role}.")
    kind = "user" if token.version is not None else "token"
    audit.set_actor(kind, token.name, address=plain(request.remote_addr))


def _authenticate_key(key: str, role: str, scope: str | None) -> None:
    address = request.remote_addr
    found = authentication.api_key(services().stores, key, address, scope)
    if scope is None:
        raise Forbidden(f"No API key may do this; it takes a token of the role {role}.")
    g.principal = Principal(f"{found.name} of {found.store}", ROLES[0])
    audit.set_actor("api_key", found.name, store=found.store, address=plain(address))


def speaker() -> Principal:
    """Who makes the current request; only in a view under `staff`."""
    return cast(Principal, g.principal)


def sees_people() -> bool:
    """Whether who makes the current request is shown customers' personal data: managers and admins are."""
    principal: Principal | None = g.get("principal")
    return principal is not None and principal.may("manager")


def sent_token() -> Token:
    """The token of the current request; only in a view under `staff` without a scope."""
    return cast(Token, g.token)
