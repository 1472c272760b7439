"""What is raised when a request to another machine fails."""

from __future__ import annotations


class RequestError(Exception):
    """A request failed, or its answer could not be read; `cause` is stable, the message says what it means."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
