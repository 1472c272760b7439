"""The HTTP API: one blueprint per noun, one JSON shape for success and for errors."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import structlog
from bson import Binary, Decimal128
from flask import Flask, Request, Response, current_app, g, jsonify, request
from flask.json.provider import DefaultJSONProvider
from flask_smorest import Api
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from pos_api.common.ip_addresses import plain
from pos_api.common.money import decimal
from pos_api.common.time import rfc3339
from pos_api.errors import BadRequest, PayloadTooLarge, PosError, TooManyRequests, Unauthorized, Unavailable
from pos_api.logs import get_logger
from pos_api.processing.faults import RETRY_AFTER, is_outage
from pos_api.staff.audit import clear_actor
from pos_api.web.server.request_limits import BODY_LIMIT
from pos_api.web.services import Services

log = get_logger(__name__)


def services() -> Services:
    """The current application's services."""
    return cast(Services, current_app.extensions["pos"])


def settings(version: str) -> dict[str, Any]:
    """Flask's and flask-smorest's settings."""
    return {
        "MAX_CONTENT_LENGTH": BODY_LIMIT + 1,
        "API_TITLE": "WooCommerce POS Sync",
        "API_VERSION": version,
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/api-docs",
        "OPENAPI_JSON_PATH": "openapi.json",
    }


class WholeRequest(Request):
    """A request whose body is all there or refused: one that is cut off, or over the limit when it is sent in chunks,
    werkzeug would pass on as far as it came. Its limit is therefore a byte more than ours.

    A route that needs less lowers `body_limit` (see `rest.body_limit`).
    """

    body_limit = BODY_LIMIT

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """The body. Raises BadRequest when it is cut off or its chunks are malformed, PayloadTooLarge."""
        try:
            body = super().get_data(*args, **kwargs)
        except RequestEntityTooLarge:
            raise PayloadTooLarge(self._too_large()) from None
        except Exception:  # each web server has its own for chunks that are none
            raise BadRequest(_NOT_WHOLE) from None
        if len(body) > self.body_limit:
            raise PayloadTooLarge(self._too_large())
        if len(body) < (self.content_length or 0):
            raise BadRequest(_NOT_WHOLE)
        return body

    def parts(self, longest: int) -> Iterator[bytes]:
        """The body part by part, of one over the limit too, but no more than about `longest` bytes of it. Raises
        BadRequest where it is cut off or its chunks are malformed."""
        self.max_content_length = sys.maxsize
        read = 0
        try:
            while read < longest and (part := self.stream.read(_PART)):
                read += len(part)
                yield part
        except Exception:  # as above
            raise BadRequest(_NOT_WHOLE) from None

    def _too_large(self) -> str:
        return TOO_LARGE if self.body_limit == BODY_LIMIT else f"The body is larger than {self.body_limit:,} bytes."


_PART = 65_536
TOO_LARGE = "The body is larger than 2 MiB."
_NOT_WHOLE = "The body did not arrive whole."


class Json(DefaultJSONProvider):
    """JSON as the API speaks it: money as decimal strings, times as RFC 3339 with Z."""

    sort_keys = False
    ensure_ascii = False

    @staticmethod
    def default(value: Any) -> Any:
        """What JSON has no type for."""
        if isinstance(value, Decimal128 | Decimal):
            return f"{decimal(value) if isinstance(value, Decimal128) else value:f}"
        if isinstance(value, datetime):
            return rfc3339(value)
        if isinstance(value, Binary | bytes):
            return bytes(value).decode("utf-8", "replace")
        return DefaultJSONProvider.default(value)


def success(data: Any, *, message: str | None = None, **more: Any) -> dict[str, Any]:
    """The body of every success."""
    body: dict[str, Any] = {"success": True, "data": data}
    if message is not None:
        body["message"] = message
    return body | more


def register(rest: Api, app: Flask) -> None:
    """Register the blueprints, the request id and the error handlers."""
    from pos_api.web.api import audit, auth, customers, docs, health, inbox, orders, products, stats, stores, webhooks

    for noun in (webhooks, stats, orders, customers, products, inbox, stores, auth, audit, health):
        rest.register_blueprint(noun.blp)
    app.register_blueprint(docs.blp)
    _check_access(app)
    app.request_class = WholeRequest
    app.before_request(_begin)
    app.after_request(_finish)
    app.register_error_handler(PosError, _pos_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(PyMongoError, _database_error)
    app.register_error_handler(Exception, _unexpected)


def _check_access(app: Flask) -> None:
    """Raises RuntimeError where a route does not declare who may call it: none is open by mistake."""
    from pos_api.web.api.rest import access_of

    if missing := sorted(name for name in app.view_functions if access_of(app, name) is None):
        raise RuntimeError(f"No access is declared for {', '.join(missing)}; see api.rest.Access.")


def _begin() -> None:
    g.request_id = uuid.uuid4().hex
    clear_actor()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    if response.location:
        response.headers["Location"] = _relative(response.location)
    response.headers.setdefault("Cache-Control", "no-store")  # tokens, and what only they open; files have their own
    return response


MAX_PROBLEMS = 20
"""Of a body with thousands of mistakes, so many are named in an answer."""
_MAX_NAME = 100


def _first_problems(details: Any, left: list[int]) -> Any:
    """`details` with no more than `left[0]` texts in it, at any depth, and no name in full that a sender made up."""
    if not isinstance(details, dict | list):
        left[0] -= 1
        return details
    shown: Any = {} if isinstance(details, dict) else []
    for name, value in details.items() if isinstance(details, dict) else enumerate(details):
        if left[0] <= 0:
            break
        problem = _first_problems(value, left)
        if isinstance(shown, dict):
            shown[name[:_MAX_NAME] if isinstance(name, str) else name] = problem
        else:
            shown.append(problem)
    return shown


def _error(status: int, code: str, message: str, details: Any = None, retry_after: int | None = None) -> Response:
    error = {"code": code, "message": message, "details": _first_problems(details, [MAX_PROBLEMS])}
    response = jsonify({"success": False, "error": error, "request_id": g.get("request_id", "")})
    response.status_code = status
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _pos_error(error: PosError) -> Response:
    if isinstance(error, Unauthorized):
        return _unauthorized(error)
    return _error(error.status, error.code, error.message, error.details, error.retry_after)


def _unauthorized(error: Unauthorized) -> Response:
    """Every failed authentication ends here and is counted by address; a request that may be made costs nothing."""
    try:
        services().failures.note(request.remote_addr or "")
    except TooManyRequests as too_many:
        return _pos_error(too_many)
    _record_failure(error)
    response = _error(error.status, error.code, error.message, error.details, error.retry_after)
    response.headers["WWW-Authenticate"] = _CHALLENGE
    return response


def _record_failure(error: Unauthorized) -> None:
    """In the log as a line of fixed form, which fail2ban reads (deploy/fail2ban), and in the audit. Of the name at a
    log-in only a known user's is kept: another may be a password in the wrong field."""
    address = plain(request.remote_addr)
    log.warning(f"authentication failed from {address}: {error.reason}")
    action, target = "authentication.failed", None
    if request.endpoint == "auth.log_in":
        action, target = "login.failed", error.account or "unknown"
    services().failed_attempts.record(services().db, action, error.reason, address, target)


_CHALLENGE = 'Bearer realm="pos-api", ApiKey realm="pos-api", header="X-API-Key"'
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_failed",
    429: "too_many_requests",
}


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    details = getattr(error, "data", None)
    messages = details.get("messages") if isinstance(details, dict) else None
    response = _error(status, _CODES.get(status, "error"), error.description or error.name, messages)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _relative(location: str) -> str:
    """A redirect to another path of this service, whatever the Host header says that this service is."""
    parts = urlsplit(location)
    return urlunsplit(("", "", "/" + parts.path.lstrip("/"), parts.query, ""))


def _database_error(error: PyMongoError) -> Response:
    if not is_outage(error):
        return _unexpected(error)
    log.error("database away", error=type(error).__name__, route=_route())
    return _pos_error(Unavailable("The database can't be reached just now.", retry_after=RETRY_AFTER))


def _unexpected(error: Exception) -> Response:
    log.exception("unexpected error", route=_route(), error=type(error).__name__)
    return _error(500, "internal_error", "Something went wrong here; the log has it under the request id.")


def _route() -> str:
    """The rule of the request's route: the path itself may name a person."""
    return str(request.url_rule or "")
