"""How every failure is answered: one JSON shape, a stable code, and no detail of what went wrong inside."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, jsonify, request
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException

from pos_api.common.ip_addresses import plain
from pos_api.errors import PosError, TooManyRequests, Unauthorized, Unavailable
from pos_api.logs import get_logger
from pos_api.processing.faults import RETRY_AFTER, is_outage
from pos_api.web.services import services

log = get_logger("pos_api.web.api")  # fail2ban's filter names it (deploy/fail2ban)


def register_error_handlers(app: Flask) -> None:
    """Answer every exception of a view, and what Flask itself refuses."""
    app.register_error_handler(PosError, _pos_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(PyMongoError, _database_error)
    app.register_error_handler(Exception, _unexpected)


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
        services().attempt_limits.note(request.remote_addr or "")
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
    action, target = "authentication.failed", g.get("kind_of_sender")  # of a delivery; None of anything else
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


def http_error(error: HTTPException) -> Response:
    """What Flask refuses, in JSON."""
    status = error.code or 500
    details = getattr(error, "data", None)
    messages = details.get("messages") if isinstance(details, dict) else None
    response = _error(status, _CODES.get(status, "error"), error.description or error.name, messages)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


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
