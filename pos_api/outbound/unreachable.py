"""Why a server could not be reached, in plain words, and whether this machine's own network is to blame."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3

from pos_api.outbound.errors import RequestError

TOO_LARGE = ("too_large", "The headers of the answer of {host} are too large.")
_CAUSES: tuple[tuple[type[BaseException], str, str], ...] = (
    (socket.gaierror, "dns", "There is no host {host}."),
    (ConnectionRefusedError, "refused", "{host} refuses the connection: nothing listens there."),
    (http.client.LineTooLong, *TOO_LARGE),
    (urllib3.exceptions.DecodeError, "cut_off", "The answer of {host} can't be unpacked."),
)
"""What an exception among the reasons means: a cause and a message. The first that fits counts."""

_LOCAL_LOOKUPS = frozenset({socket.EAI_AGAIN, socket.EAI_MEMORY, socket.EAI_SYSTEM})
_LOCAL_ERRORS = frozenset(
    {
        *(errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL),  # no network, no free port
        *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),  # no free socket
        *(errno.EPERM, errno.EACCES),  # a firewall of this machine
    }
)


def unreachable(error: BaseException, host: str) -> RequestError:
    """The error that says what failed, without the request's address: it may hold a signature. EAI_AGAIN is taken for a
    fault of this machine's network, though it also comes where the name servers of the host itself fail: the system's
    resolver does not distinguish them."""
    found = list(reasons(error))
    for reason in found:
        if known := _known(reason, host):
            return known
    if isinstance(error, requests.Timeout) or any(isinstance(each, TimeoutError) for each in found):
        return RequestError("timeout", f"{host} did not answer in time.")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return RequestError("address", f"{host} is no address of a server.")
    return RequestError("cut_off", f"The connection to {host} broke off.")


def _known(reason: BaseException, host: str) -> RequestError | None:
    if isinstance(reason, RequestError):
        return reason
    if isinstance(reason, ssl.SSLError) and not isinstance(reason.__cause__, ssl.SSLError):  # which has the details
        return RequestError("tls", f"No safe connection to {host}: {_tls_problem(reason)}.")
    if type(reason) is http.client.HTTPException:  # too many headers; subclasses are other faults
        return RequestError(TOO_LARGE[0], TOO_LARGE[1].format(host=host))
    if _is_local(reason):
        return _local_fault(reason, host)
    for kind, cause, message in _CAUSES:
        if isinstance(reason, kind):
            return RequestError(cause, message.format(host=host))
    return None


def _is_local(reason: BaseException) -> bool:
    if isinstance(reason, socket.gaierror):
        return reason.errno in _LOCAL_LOOKUPS
    is_of_system = isinstance(reason, OSError) and not isinstance(reason, ssl.SSLError | requests.RequestException)
    return is_of_system and getattr(reason, "errno", None) in _LOCAL_ERRORS


def _local_fault(reason: BaseException, host: str) -> RequestError:
    if isinstance(reason, socket.gaierror):
        return RequestError("dns", f"The name {host} can't be looked up at the moment.", is_local=True)
    problem = os.strerror(getattr(reason, "errno", 0) or 0).lower()
    return RequestError("network", f"This machine can't connect to {host} ({problem}).", is_local=True)


def _tls_problem(error: ssl.SSLError) -> str:
    """What OpenSSL says of a certificate that it does not accept; in our words, that a server speaks no TLS."""
    if detail := getattr(error, "verify_message", ""):
        return f"its certificate is not accepted ({detail})"
    reason = str(getattr(error, "reason", "") or "")
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        return "it speaks no TLS there; is the address http://?"
    return reason.replace("_", " ").lower() or "it speaks no TLS there"


def reasons(error: BaseException) -> Iterator[BaseException]:
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
