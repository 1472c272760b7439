"""What the errors of a write mean."""

from __future__ import annotations

from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure

_DUPLICATE_KEY = 11000
"""The server's error code for a unique index that is taken."""
_TOO_LARGE = (10334, 17419)
"""BSONObjectTooLarge, and the code of an update whose result is too large."""


def only_collisions(error: BulkWriteError) -> list[int]:
    """Which operations of a bulk write collided on a unique index, by their place in it, where nothing else went wrong.

    Else raises `error`. It is then all or nothing for the caller: a write that failed, or is not known to be durable.
    """
    failed = error.details["writeErrors"]
    if error.details["writeConcernErrors"] or any(each["code"] != _DUPLICATE_KEY for each in failed):
        raise error
    return [each["index"] for each in failed]


def is_too_large(error: Exception) -> bool:
    """Whether a document was refused because it is, or would become, larger than MongoDB's 16 MiB."""
    if isinstance(error, BulkWriteError):
        return any(each["code"] in _TOO_LARGE for each in error.details["writeErrors"])
    return isinstance(error, DocumentTooLarge) or (isinstance(error, OperationFailure) and error.code in _TOO_LARGE)
