"""Why a request is not read to its end, and what is answered: JSON in the API's one shape."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not read to its end, and what is answered."""

    status: int
    code: str
    message: str


def _unreadable(status: int, code: str) -> Refusal:
    return Refusal(status, code, f"The request can't be read: {HTTPStatus(status).phrase}.")


MALFORMED = _unreadable(400, "bad_request")
METHOD = _unreadable(405, "method_not_allowed")
LONG_LINE = _unreadable(414, "uri_too_long")
EXPECTATION = _unreadable(417, "expectation_failed")
LONG_HEAD = _unreadable(431, "headers_too_large")
CODING = _unreadable(501, "not_implemented")
CUT_OFF = Refusal(400, "bad_request", "The body did not arrive whole.")
SLOW = Refusal(408, "request_timeout", "The request did not arrive in time; send it again.")
FULL = Refusal(503, "unavailable", "Too many requests are arriving at once; send it again.")


def answer_parts(refusal: Refusal) -> tuple[dict[str, str], bytes]:
    """The headers and the body of the answer to a refused request."""
    request_id = uuid.uuid4().hex
    problem = {"code": refusal.code, "message": refusal.message, "details": None}
    body = json.dumps({"success": False, "error": problem, "request_id": request_id}).encode()
    head = {
        "Connection": "close",
        "X-Request-Id": request_id,
        "Cache-Control": "no-store",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        head["Retry-After"] = "5"
    return head, body


def http_answer(refusal: Refusal) -> tuple[str, bytes]:
    """The request id and the whole answer, as it is sent."""
    head, body = answer_parts(refusal)
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in head.items()]
    return head["X-Request-Id"], ("\r\n".join(lines) + "\r\n\r\n").encode() + body
