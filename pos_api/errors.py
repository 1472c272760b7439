"""The errors that callers are answered, each with its HTTP status and stable code."""

from __future__ import annotations

from typing import Any, ClassVar


class PosError(Exception):
    """A failure with a defined answer; `code` is stable, `message` is for people, `details` for programs."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, details: Any = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after = retry_after


class BadRequest(PosError):
    """The request can't be read at all (not JSON, a malformed cursor)."""

    status = 400
    code = "bad_request"


class Unauthorized(PosError):
    """No credentials, or wrong ones. `reason` says which, in a few fixed words, for the log and the audit: it begins
    with `wrong` where somebody may be guessing. `account` is the user whose password was wrong."""

    status = 401
    code = "unauthorized"

    def __init__(self, message: str, *, reason: str = "wrong credentials", account: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.account = account


class Forbidden(PosError):
    """Known, but the role does not allow it."""

    status = 403
    code = "forbidden"


class NotFound(PosError):
    """No such thing."""

    status = 404
    code = "not_found"


class Conflict(PosError):
    """It exists already, or changed meanwhile."""

    status = 409
    code = "conflict"


class PayloadTooLarge(PosError):
    """The body is over the limit."""

    status = 413
    code = "payload_too_large"


class UnsupportedMediaType(PosError):
    """The body is of another kind than the route takes."""

    status = 415
    code = "unsupported_media_type"


class Invalid(PosError):
    """Readable, but not valid; `details` maps fields to messages."""

    status = 422
    code = "validation_failed"


class TooManyRequests(PosError):
    """Too many failed attempts from this address."""

    status = 429
    code = "too_many_requests"


class Unavailable(PosError):
    """Not now: the database can't be reached, so that nothing was stored, or it would take too long. Try again."""

    status = 503
    code = "unavailable"
