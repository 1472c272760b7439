"""What is raised when a request to another machine fails."""

from __future__ import annotations


class RequestError(Exception):
    """A request failed, or its answer could not be read; `cause` is stable, the message says what it means.

    `is_local` is true of a fault of this machine or of its network (no route, no name server, no free socket), for
    which the server that was asked is not to blame.
    """

    def __init__(self, cause: str, message: str, *, is_local: bool = False) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.is_local = is_local
