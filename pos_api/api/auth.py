"""Staff log in with name and password, and get a token for everything else."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate

from .. import auth, users
from . import services, success
from .rest import Blueprint, fails_with, speaker, staff
from .schemas import Time, reply

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
    """Whom a token speaks for."""

    name = fields.String(required=True, metadata={"example": "anna"})
    role = fields.String(required=True, validate=validate.OneOf(users.ROLES), metadata={"example": "manager"})


class Login(Who):
    """A fresh token."""

    token = fields.String(required=True, metadata={"example": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"})
    token_type = fields.String(required=True, metadata={"enum": ["Bearer"]})
    expires_at = Time(required=True, metadata={"example": "2026-11-23T08:00:00Z"})


@blp.post("/login")
@fails_with(401, 429, 503)
@blp.arguments(Credentials)
@blp.response(200, reply(Login))
def log_in(credentials: dict[str, str]) -> dict[str, Any]:
    """Exchange name and password for a token, good for twelve hours."""
    who = services().failures.log_in(services().db, request.remote_addr or "", **credentials)
    token, expires_at = auth.token(services().config.jwt_secret, who.name, who.role)
    return success(
        {"token": token, "token_type": "Bearer", "expires_at": expires_at, "name": who.name, "role": who.role}
    )


@blp.get("/me")
@staff("viewer")
@blp.response(200, reply(Who))
def me() -> dict[str, Any]:
    """Whom this token speaks for."""
    return success(speaker())
