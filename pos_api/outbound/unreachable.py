"""Why a server could not be reached, in plain words."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3

from pos_api.outbound.errors import RequestError

_TOO_LARGE = ("too_large", "The headers of the answer of {host} are too large.")
_CAUSES: tuple[tuple[type[BaseException], str, str], ...] = (
    (socket.gaierror, "dns", "There is no host {host}."),
    (ConnectionRefusedError, "refused", "{host} refuses the connection: nothing listens there."),
    (http.client.LineTooLong, *_TOO_LARGE),
    (urllib3.exceptions.DecodeError, "cut_off", "The answer of {host} can't be unpacked."),
)
"""What an exception among the reasons means: a cause and a message."""


def unreachable(error: Exception, host: str) -> RequestError:
    """The error that says what failed, without the request's address: it may hold a signature."""
    reasons = list(_chain(error))
    for reason in reasons:
        if known := _known(reason, host):
            return known
    if isinstance(error, requests.Timeout) or any(isinstance(each, TimeoutError) for each in reasons):
        return RequestError("timeout", f"{host} did not answer in time.")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return RequestError("address", f"{host} is no address of a server.")
    return RequestError("cut_off", f"The connection to {host} broke off.")


def _known(reason: BaseException, host: str) -> RequestError | None:
    if isinstance(reason, RequestError):
        return reason
    if isinstance(reason, ssl.SSLError):
        return RequestError("tls", f"No safe connection to {host}: {_tls_problem(reason)}.")
    if type(reason) is http.client.HTTPException:  # too many headers; subclasses are other faults
        return RequestError(_TOO_LARGE[0], _TOO_LARGE[1].format(host=host))
    for kind, cause, message in _CAUSES:
        if isinstance(reason, kind):
            return RequestError(cause, message.format(host=host))
    return None


def _tls_problem(error: ssl.SSLError) -> str:
    """What OpenSSL says of a certificate that it does not accept; in our words, that a server speaks no TLS."""
    if detail := getattr(error, "verify_message", ""):
        return f"its certificate is not accepted ({detail})"
    reason = str(getattr(error, "reason", "") or "")
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        return "it speaks no TLS there; is the address http://?"
    return reason.replace("_", " ").lower() or "it speaks no TLS there"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception with all that it is made of; urllib3 hides the cause in `reason` and in the arguments."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]
