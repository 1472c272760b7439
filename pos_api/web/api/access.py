"""Who may call each route, and who makes the current request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, g, request

from pos_api.common.ip_addresses import plain
from pos_api.database.client import make_durable
from pos_api.database.primary_term import term_of
from pos_api.errors import Forbidden
from pos_api.senders.base import Sender, StoreCandidates
from pos_api.senders.registry import sender_signing
from pos_api.staff import audit
from pos_api.staff.principals import Principal
from pos_api.staff.token_claims import Token
from pos_api.staff.users import ROLES
from pos_api.stores import api_keys, authentication
from pos_api.web.api.openapi import documented, fails_with
from pos_api.web.services import services

View = TypeVar("View", bound=Callable[..., Any])


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
    by_application: bool = False
    """Whether the application of a store may, by a signature that its kind makes of any request."""
    by_session: bool = False
    """Whether it is a page of the dashboard, for who has signed in there."""
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
            "the signature of a store's application" if self.by_application else "",
        )
        return f"Needs {', or '.join(filter(None, ways))}."

    def security(self) -> list[dict[str, list[str]]]:
        """The same for programs: OpenAPI's security requirements."""
        ways: list[dict[str, list[str]]] = [{}] if self.public and self.scope else []
        ways += [{"BearerAuth": [self.role]}] if self.role else []
        ways += [{"ApiKeyAuth": [self.scope]}] if self.scope else []
        ways += [{"WooCommerceSignature": []}] if self.signature else []
        return ways + ([{"SenderSignature": []}] if self.by_sender or self.by_application else [])


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
_PAGES = ("static", "api-docs.openapi_json")
"""The API document as JSON, and the files of its page: views of Flask and flask-smorest."""

public = declared(_PUBLIC)
"""Anybody may, without a credential."""


def access_of(app: Flask, endpoint: str) -> Access | None:
    """Who may call a route; None where nothing is declared, and then the service does not start."""
    return _PUBLIC if endpoint in _PAGES else getattr(app.view_functions[endpoint], "access", None)


def staff(role: str, *, scope: str | None = None) -> Callable[[View], View]:
    """Only for staff of this role or a higher one, by `Authorization: Bearer <token>`; with `scope` also for API keys
    that have it, as `X-API-Key` or as a bearer token. See `current_principal`.

    Put it first under the route, so that nothing is read of a request that may not be made. What it changed is on disk
    before it is answered.
    """

    return _guarded(Access(role, scope), lambda: _authenticate(role, scope))


def staff_or_application(role: str, *, scope: str) -> Callable[[View], View]:
    """As `staff`, and also for the application of a store whose kind signs any request that its application makes."""

    def authenticate() -> None:
        headers = {name.lower(): value for name, value in request.headers}
        if sender := sender_signing(headers):
            _authenticate_application(sender, headers)
        else:
            _authenticate(role, scope)

    return _guarded(Access(role, scope, by_application=True), authenticate)


def _guarded(access: Access, authenticate: Callable[[], None]) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            authenticate()
            if request.method in ("GET", "HEAD"):
                return view(*args, **kwargs)
            term = term_of(services().db)
            answer = view(*args, **kwargs)
            make_durable(services().db, term)
            return answer

        return declared(access)(cast(View, guarded))

    return decorate


def _authenticate_application(sender: Sender[Any], headers: dict[str, str]) -> None:
    """Find out the application of which store makes the request. Raises Unauthorized."""
    path, query = request.root_path + request.path, request.query_string.decode("utf-8", "replace")
    of_request = (request.remote_addr, None, path, query, request.method.lower())
    candidates = StoreCandidates(services().stores, sender.kind, *of_request)
    store = sender.authenticate(headers, request.get_data(), candidates).store
    g.principal, g.application = Principal(f"application of {store.id}", ROLES[0]), store.id
    audit.set_actor("application", store.id, store=store.id, address=plain(request.remote_addr))


_BEARER_KEY = f"Bearer {api_keys.PREFIX}"


def _authenticate(role: str, scope: str | None) -> None:
    """Find out who makes the request. Raises Unauthorized, Forbidden."""
    authorization, key = request.headers.get("Authorization", ""), request.headers.get("X-API-Key")
    if authorization.startswith(_BEARER_KEY):  # as clients of webhook services send their keys
        key, authorization = authorization.removeprefix("Bearer "), ""
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


def current_principal() -> Principal:
    """Who makes the current request; only in a view under `staff`."""
    return cast(Principal, g.principal)


def current_application() -> str | None:
    """The store whose application makes the current request; None where somebody else does."""
    return cast("str | None", g.get("application"))


def may_see_personal_data() -> bool:
    """Whether who makes the current request is shown customers' personal data: managers and admins are."""
    principal: Principal | None = g.get("principal")
    return principal is not None and principal.may("manager")


def current_token() -> Token:
    """The token of the current request; only in a view under `staff` without a scope."""
    return cast(Token, g.token)
