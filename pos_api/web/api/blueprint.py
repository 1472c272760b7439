"""The routes of a noun, and how their input is read and validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, NoReturn, cast

import flask_smorest
from flask import Request
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from pos_api.common import json_body
from pos_api.errors import Invalid, UnsupportedMediaType
from pos_api.web.api.openapi import fails_with

_MANY = 20
"""Unknown fields that are named; a body may have thousands of them."""


class _Parser(FlaskParser):
    """Reads JSON as strictly as a delivery's, and answers errors in the API's one shape."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": RAISE, "query": RAISE, "headers": EXCLUDE}  # noqa: RUF012 - as in webargs

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The JSON value of the body; of no body `{}`, where the schema has `needs_no_body`. Raises
        UnsupportedMediaType, BadRequest, Invalid."""
        if getattr(schema, "needs_no_body", False) and not req.get_data():
            return {}
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
