"""Staff log in with name and password, and get a token for everything else."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import request
from marshmallow import Schema, fields, validate

from pos_api.common.ip_addresses import plain
from pos_api.errors import BadRequest, Invalid, PayloadTooLarge
from pos_api.staff import audit, users
from pos_api.web.api.access import current_principal, current_token, public, staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.requests import body_limit
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Time, reply
from pos_api.web.services import services

LOGIN_BYTES = 4096

View = TypeVar("View", bound=Callable[..., Any])

blp = Blueprint("auth", __name__, url_prefix="/api/auth", description="Log in, and who am I")


class Credentials(Schema):
    """A name and a password."""

    name = fields.String(required=True, validate=validate.Length(1, 200), metadata={"example": "anna"})
    password = fields.String(
        required=True,
        validate=validate.Length(1, users.MAX_PASSWORD),
        metadata={"example": "correct horse battery", "format": "password"},
    )


class Who(Schema):
    """Whose token it is."""

    name = fields.String(required=True, metadata={"example": "anna"})
    role = fields.String(required=True, validate=validate.OneOf(users.ROLES), metadata={"example": "manager"})


def _counted(view: View) -> View:
    """Count what is no log-in at all as one that failed: a flood of them costs as much.

    What is not sent as JSON is refused unread and not counted: any web page could have a browser send it, and lock
    out everybody at its address. For JSON a browser asks first, and is refused.
    """

    @wraps(view)
    def counted(*args: Any, **kwargs: Any) -> Any:
        address = request.remote_addr or ""
        services().attempt_limits.check_log_in(address)
        try:
            return view(*args, **kwargs)
        except (BadRequest, PayloadTooLarge, Invalid):
            if request.is_json:
                services().attempt_limits.note_log_in(address)
            raise

    return cast(View, counted)


class Login(Who):
    """A fresh token."""

    token = fields.String(required=True, metadata={"example": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"})
    token_type = fields.String(required=True, metadata={"enum": ["Bearer"]})
    expires_at = Time(required=True, metadata={"example": "2026-11-23T08:00:00Z"})


@blp.post("/login")
@public
@fails_with(401, 429, 503)
@_counted
@body_limit(LOGIN_BYTES)
@blp.arguments(Credentials)
@blp.response(200, reply(Login))
def log_in(credentials: dict[str, str]) -> dict[str, Any]:
    """Exchange name and password for a token, good for twelve hours."""
    who = services().attempt_limits.log_in(services().db, request.remote_addr or "", **credentials)
    audit.set_actor("user", who.name, address=plain(request.remote_addr))
    audit.record(services().db, "login.succeeded", target=who.name, details={"role": who.role})
    token, expires_at = services().tokens.of_log_in(who)
    return success(
        {"token": token, "token_type": "Bearer", "expires_at": expires_at, "name": who.name, "role": who.role}
    )


@blp.get("/me")
@staff("viewer")
@blp.response(200, reply(Who))
def me() -> dict[str, Any]:
    """Whose token this is."""
    return success(current_principal())


class NoData(Schema):
    """No data."""


@blp.post("/logout")
@staff("viewer")
@blp.response(200, reply(NoData))
def log_out() -> dict[str, Any]:
    """End the token that is sent. It counts no longer: here at once, in other processes within five seconds."""
    services().tokens.end(current_token())
    return success({}, message="Logged out")
